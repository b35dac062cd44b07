//! The way back: what was moved in and out again is what it was.
//! The way in is tested in `whole`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_store::{AuthStore, Retention};
use clock::{Clock as _, SystemClock, Timestamp};
use database::sea_orm::{ConnectionTrait, Statement};
use futures::future::Either;
use ledger::{AccountId, Ledger, MemoryLedger, NewTransfer, TransferId};
use ledger_tigerbeetle::TigerBeetleLedger;
use moving::{
    BackPlan, BackSettings, ExportError, Exported, History, Installation, Money, MoneyPlace, MoveSettings, OurLedger,
    carry_over, examine, examine_back, export, since_of,
};
use payments_store::Store;
use rafiki_database::{Receiving, ReceivingError};
use rafiki_fixture::{COLUMN_SECRET, Institution, run};
use rafiki_tables::kept::Keeping;
use rafiki_tables::sealed::ColumnSecret;
use rafiki_tables::version::Side;
use testkit::{Dialect, TestDatabase, block_on};
use uuid::Uuid;

use crate::places::{OldPlaces, OurPlaces, assert_same, contents, pass_with, silent};

const KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

fn key() -> ColumnSecret {
    ColumnSecret::from_base64(KEY).unwrap()
}

fn keeping(old: &OldPlaces, history: History) -> MoveSettings {
    let until = Timestamp::from_millis(SystemClock.now().as_millis() / 86_400_000 * 86_400_000 + 30 * 86_400_000);
    MoveSettings { keep: Some(Keeping { key: key(), until }), ..old.settings(history) }
}

/// The operator of either institution: the tenant that was there first.
async fn operator(places: &OldPlaces) -> Uuid {
    let sql = r#"SELECT id::text FROM tenants ORDER BY "createdAt", id LIMIT 1"#;
    texts(&places.backend, sql).await[0].parse().unwrap()
}

async fn texts(database: &TestDatabase, sql: &str) -> Vec<String> {
    let reader = database.reader();
    let rows = reader.query_all_raw(Statement::from_string(reader.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index::<Option<String>>(0).unwrap().unwrap_or_default()).collect()
}

/// Our databases, as a command would open them.
async fn installation(ours: &OurPlaces, settings: BackSettings) -> Result<Installation, ExportError> {
    installation_with(ours, &OurLedger::Database(ours.ledger_url()), settings).await
}

async fn installation_with(
    ours: &OurPlaces,
    ledger: &OurLedger,
    settings: BackSettings,
) -> Result<Installation, ExportError> {
    let (backend, auth) = (ours.backend.connect_again().await, ours.auth.connect_again().await);
    Installation::open(&backend, &auth, ledger, settings, &SystemClock).await
}

async fn settings(old: &OldPlaces) -> BackSettings {
    let as_old = old.settings(History::Totals);
    BackSettings {
        operator: operator(old).await,
        secret: as_old.secret,
        key: Some(key()),
        webhook_retries: as_old.webhook_retries,
        grace: Duration::from_hours(1),
        money: MoneyPlace::Tables,
    }
}

async fn receive(target: &OldPlaces, operator: Uuid) -> Result<[Receiving; 2], ReceivingError> {
    let backend = Receiving::open(Side::Backend, target.backend.url(), operator).await?;
    Ok([backend, Receiving::open(Side::Auth, target.auth.url(), operator).await?])
}

/// Plans and exports.
async fn send_back(
    ours: &OurPlaces,
    target: &OldPlaces,
    settings: BackSettings,
) -> Result<(BackPlan, Exported), ExportError> {
    send_back_from(ours, &OurLedger::Database(ours.ledger_url()), target, settings).await
}

/// The same from this ledger.
async fn send_back_from(
    ours: &OurPlaces,
    ledger: &OurLedger,
    target: &OldPlaces,
    settings: BackSettings,
) -> Result<(BackPlan, Exported), ExportError> {
    let [mut backend, mut auth] = receive_when_free(target, settings.operator).await;
    let mut here = installation_with(ours, ledger, settings).await?;
    let plan = examine_back(&mut here, &silent).await?;
    let exported = export(&mut here, &mut backend, &mut auth, &silent).await?;
    here.close().await?;
    for database in [backend, auth] {
        database.close().await;
    }
    Ok((plan, exported))
}

/// What must be the same in the original and in the export of it, each as one query that lists rows.
const SAME: &[(Side, &str, &str)] = &[
    (
        Side::Backend,
        "tenants",
        r#"concat_ws(' ', id, email, "apiSecret", "idpConsentUrl", "idpSecret", "publicName", "deletedAt" IS NULL)"#,
    ),
    (
        Side::Backend,
        "assets",
        r#"concat_ws(' ', id, code, scale, ledger, "tenantId", "withdrawalThreshold", "liquidityThreshold", "deletedAt" IS NULL)"#,
    ),
    (Side::Backend, "fees", r#"concat_ws(' ', id, "assetId", type, "fixedFee", "basisPointFee")"#),
    (
        Side::Backend,
        "walletAddresses",
        r#"concat_ws(' ', id, address, "assetId", "publicName", "totalEventsAmount", "deactivatedAt" IS NULL, "processAt" IS NULL, "tenantId")"#,
    ),
    (Side::Backend, "walletAddressKeys", r#"concat_ws(' ', id, "walletAddressId", kid, x, revoked)"#),
    (
        Side::Backend,
        "walletAddressAdditionalProperties",
        r#"concat_ws(' ', id, "fieldKey", "fieldValue", "visibleInOpenPayments", "walletAddressId")"#,
    ),
    (Side::Backend, "authServers", "concat_ws(' ', id, url)"),
    (
        Side::Backend,
        "grants",
        r#"concat_ws(' ', id, "authServerId", "accessToken", "managementId", "accessType", "accessActions", date_trunc('milliseconds', "expiresAt"), "deletedAt" IS NULL, "continueId", "continueToken")"#,
    ),
    (
        Side::Backend,
        "peers",
        r#"concat_ws(' ', id, "assetId", "maxPacketAmount", "staticIlpAddress", "outgoingToken", "outgoingEndpoint", name, "liquidityThreshold", "tenantId", routes)"#,
    ),
    (Side::Backend, "httpTokens", r#"concat_ws(' ', token, "peerId")"#),
    (
        Side::Backend,
        "quotes",
        r#"concat_ws(' ', id, receiver, "debitAmountValue", "receiveAmountValue", "receiveAmountAssetCode", "receiveAmountAssetScale", "walletAddressId", "assetId", client, "feeId", "estimatedExchangeRate", "tenantId")"#,
    ),
    (Side::Backend, "outgoingPaymentGrants", "id"),
    (
        Side::Backend,
        "incomingPayments",
        r#"concat_ws(' ', id, "walletAddressId", date_trunc('milliseconds', "expiresAt"), nullif("incomingAmountValue", 0), state, client, "assetId", "processAt" IS NULL, metadata, "approvedAt" IS NULL, "cancelledAt" IS NULL, "tenantId", "initiatedBy", "senderWalletAddress", "cancellationReason", "deletedAt" IS NULL)"#,
    ),
    (
        Side::Backend,
        "outgoingPayments",
        r#"concat_ws(' ', id, state, error, "stateAttempts", client, "grantId", "walletAddressId", metadata, "tenantId", "initiatedBy", "dataToTransmit" IS NULL, date_trunc('milliseconds', "updatedAt"))"#,
    ),
    (
        Side::Backend,
        "webhookEvents",
        r#"concat_ws(' ', id, type, "withdrawalAccountId", "withdrawalAssetId", "withdrawalAmount", "outgoingPaymentId", "incomingPaymentId", "walletAddressId", "peerId", "assetId", "tenantId", CASE WHEN type <> 'incoming_payment.partial_payment_received' THEN data::text END)"#,
    ),
    (
        Side::Backend,
        "webhooks",
        r#"concat_ws(' ', id, "eventId", "recipientTenantId", attempts, "statusCode", "processAt" IS NULL, metadata)"#,
    ),
    (Side::Backend, "ledgerAccounts", r#"concat_ws(' ', "accountRef", ledger, type)"#),
    (
        Side::Backend,
        "ledgerTransfers",
        r#"CASE WHEN type IS NOT NULL THEN concat_ws(' ', "transferRef", amount, ledger, CASE WHEN state = 'PENDING' AND "expiresAt" < now() THEN 'VOIDED' ELSE state END, type) END"#,
    ),
    (Side::Auth, "tenants", r#"concat_ws(' ', id, "idpConsentUrl", "idpSecret", "apiSecret", "deletedAt" IS NULL)"#),
    (
        Side::Auth,
        "grants",
        r#"concat_ws(' ', id, state, "finalizationReason", "continueToken", "continueId", client, jwk, "tenantId", CASE WHEN id IN (SELECT "grantId" FROM interactions) THEN ("startMethod", "finishMethod", "finishUri", "clientNonce") END)"#,
    ),
    (Side::Auth, "accesses", r#"concat_ws(' ', type, actions, identifier, limits, "grantId")"#),
    (Side::Auth, "subjects", r#"concat_ws(' ', "grantId", "subId", "subIdFormat")"#),
    (
        Side::Auth,
        "interactions",
        r#"concat_ws(' ', id, ref, nonce, state, "grantId", date_trunc('milliseconds', "createdAt" + make_interval(secs => "expiresIn")))"#,
    ),
    (
        Side::Auth,
        "accessTokens",
        r#"concat_ws(' ', value, "managementId", "expiresIn", "grantId", "revokedAt" IS NULL, date_trunc('milliseconds', "createdAt"))"#,
    ),
];

async fn assert_same_rows(old: &OldPlaces, new: &OldPlaces) {
    for (side, table, row) in SAME {
        let sql = format!(r#"SELECT ({row})::text FROM "{table}" WHERE ({row}) IS NOT NULL ORDER BY 1"#);
        let [before, after] = match side {
            Side::Backend => [&old.backend, &new.backend],
            Side::Auth => [&old.auth, &new.auth],
        };
        let (before, after) = (texts(before, &sql).await, texts(after, &sql).await);
        let differing = before.iter().zip(&after).find(|(before, after)| before != after);
        assert!(differing.is_none(), "{table}: {differing:#?}");
        assert_eq!(before.len(), after.len(), "{table}");
    }
}

fn differing(exported: &Exported) -> Vec<&moving::Line> {
    let comparison = &exported.comparison;
    let lines = comparison.tables.iter().chain(&comparison.ledgers).chain(&comparison.accounts);
    lines.filter(|line| !line.is_equal()).collect()
}

/// Columns that the original does not have, so the second move computes them anew.
const COMPUTED: &[(&str, &str)] = &[("outgoing_payment_grant_spent", "updated_at")];

fn without_computed(all: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let mut all = all;
    for (table, column) in COMPUTED {
        if let Some(rows) = all.get_mut(*table) {
            for row in rows {
                let mut read: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).unwrap();
                read.remove(*column);
                *row = serde_json::Value::Object(read).to_string();
            }
        }
    }
    all
}

async fn in_and_out_and_in_again(institution: Institution, dialect: Dialect, history: History) {
    let Some(old) = OldPlaces::of(institution).await else { return };
    let Some(ours) = OurPlaces::of(dialect).await else { return };
    pass_with(&old, &ours, keeping(&old, history)).await.unwrap();
    let back = OldPlaces::empty(institution).await.unwrap();
    let (plan, exported) = send_back(&ours, &back, settings(&old).await).await.unwrap();
    assert_eq!(plan.refusals, []);
    assert_eq!((plan.lost_tokens, plan.lost_continuations, plan.lost_peer_tokens), ((0, 0), (0, 0), (0, 0)));
    assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
    assert_same_rows(&old, &back).await;

    let again = OurPlaces::of(dialect).await.unwrap();
    let (_, report) = pass_with(&back, &again, keeping(&back, history)).await.unwrap();
    assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
    assert_same(&without_computed(contents(&ours).await), &without_computed(contents(&again).await));
    assert!(ledger_verify::verify(&again.ledger_url()).await.unwrap().sound);
}

#[test]
fn cloud_nine_goes_in_and_out_and_in_again_on_sqlite() {
    block_on(in_and_out_and_in_again(Institution::CloudNine, Dialect::Sqlite, History::Totals));
}

#[test]
fn cloud_nine_goes_in_and_out_and_in_again_on_postgres() {
    block_on(in_and_out_and_in_again(Institution::CloudNine, Dialect::Postgres, History::Totals));
}

#[test]
fn happy_life_goes_in_and_out_and_in_again_on_sqlite() {
    block_on(in_and_out_and_in_again(Institution::HappyLife, Dialect::Sqlite, History::Totals));
}

#[test]
fn happy_life_goes_in_and_out_and_in_again_with_its_history_on_postgres() {
    block_on(in_and_out_and_in_again(Institution::HappyLife, Dialect::Postgres, History::Replayed));
}

async fn new_events_stay_here(dialect: Dialect) {
    let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
    let Some(ours) = OurPlaces::of(dialect).await else { return };
    pass_with(&old, &ours, keeping(&old, History::Totals)).await.unwrap();
    let grant = "INSERT INTO webhook_events (id, event_type, tenant_id, data, wallet_address_id, created_at)
        SELECT $1, 'grant.created', tenant_id, '{}', id, created_at FROM wallet_addresses ORDER BY id LIMIT 1";
    let alarm = "INSERT INTO webhook_events (id, event_type, tenant_id, data, created_at)
        SELECT $1, 'ledger.alarm', id, '{}', created_at FROM tenants ORDER BY id LIMIT 1";
    let delivered = "INSERT INTO webhook_deliveries
        (id, event_id, recipient, recipient_tenant_id, state, created_at, updated_at)
        SELECT id, id, 'TENANT', tenant_id, 'DELIVERED', created_at, created_at FROM webhook_events WHERE id = $1";
    for (event, id) in [(grant, Uuid::from_u128(71)), (alarm, Uuid::from_u128(72))] {
        for sql in [event, delivered] {
            assert_eq!(ours.backend.execute(sql, [id.into()]).await.unwrap(), 1, "{sql}");
        }
    }

    let back = OldPlaces::empty(Institution::CloudNine).await.unwrap();
    let (plan, exported) = send_back(&ours, &back, settings(&old).await).await.unwrap();
    assert_eq!(plan.refusals, []);
    assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
    assert_same_rows(&old, &back).await;
}

#[test]
fn events_that_the_original_does_not_know_are_left_out_and_everything_else_goes_back() {
    block_on(async {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            new_events_stay_here(dialect).await;
        }
    });
}

#[test]
fn without_kept_values_the_tokens_that_cannot_go_back_are_named_and_everything_else_goes_back() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
        pass_with(&old, &ours, old.settings(History::Totals)).await.unwrap();
        let back = OldPlaces::empty(Institution::CloudNine).await.unwrap();
        let (plan, exported) = send_back(&ours, &back, settings(&old).await).await.unwrap();
        let tokens = texts(&old.auth, r#"SELECT count(*)::text FROM "accessTokens""#).await[0].clone();
        assert_eq!(plan.lost_tokens.0.to_string(), tokens);
        assert!(plan.lost_tokens.1 > 0 && plan.lost_tokens.1 <= plan.lost_tokens.0);
        let of_peers = texts(&old.backend, r#"SELECT count(*)::text FROM "httpTokens""#).await[0].clone();
        assert_eq!(plan.lost_peer_tokens.0.to_string(), of_peers);
        assert!(plan.lost.iter().all(|lost| lost.usable) && !plan.lost.is_empty());
        assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
        let known = texts(&old.auth, r#"SELECT "continueToken" FROM grants"#).await;
        let written = texts(&back.auth, r#"SELECT "continueToken" FROM grants"#).await;
        assert!(written.iter().all(|token| token.len() == 20 && !known.contains(token)));
    });
}

#[test]
fn a_wrong_or_missing_key_is_reported_and_nothing_is_written() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::HappyLife).await else { return };
        let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
        pass_with(&old, &ours, keeping(&old, History::Totals)).await.unwrap();
        let back = OldPlaces::empty(Institution::HappyLife).await.unwrap();
        for key in [None, ColumnSecret::from_base64(COLUMN_SECRET)] {
            let settings = BackSettings { key, ..settings(&old).await };
            let refused = send_back(&ours, &back, settings).await.unwrap_err();
            let ExportError::Refused(rows) = refused else { panic!("{refused}") };
            assert!(rows.iter().all(|row| row.to_string().contains("give the key of the import")), "{rows:?}");
        }
        assert_eq!(texts(&back.backend, "SELECT id::text FROM tenants").await, Vec::<String>::new());
        assert_eq!(texts(&back.auth, "SELECT id::text FROM tenants").await, Vec::<String>::new());
    });
}

/// An export that is killed at this step.
async fn killed_at(step: u32, ours: &OurPlaces, target: &OldPlaces, settings: &BackSettings) {
    let [mut backend, mut auth] = receive_when_free(target, settings.operator).await;
    let mut here = installation(ours, settings.clone()).await.unwrap();
    let (kill, killed) = futures::channel::oneshot::channel();
    let (seen, kill) = (AtomicU32::new(0), Mutex::new(Some(kill)));
    let listen = |_: moving::Step<'_>| {
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == step
            && let Some(kill) = kill.lock().unwrap().take()
        {
            kill.send(()).unwrap();
        }
    };
    let exporting = std::pin::pin!(export(&mut here, &mut backend, &mut auth, &listen));
    match futures::future::select(exporting, killed).await {
        Either::Right(_) => {}
        Either::Left((ended, _)) => panic!("it ended before step {step}: {ended:?}"),
    }
}

/// The server needs a moment to notice that an export was killed.
async fn receive_when_free(target: &OldPlaces, operator: Uuid) -> [Receiving; 2] {
    loop {
        match receive(target, operator).await {
            Err(ReceivingError::Busy { .. }) => {}
            other => return other.unwrap(),
        }
    }
}

#[test]
fn foreign_filled_and_finished_databases_are_refused_and_an_unfinished_export_is_repeated() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::HappyLife).await else { return };
        let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
        pass_with(&old, &ours, keeping(&old, History::Totals)).await.unwrap();
        let settings = settings(&old).await;

        let foreign = OurPlaces::of(Dialect::Postgres).await.unwrap();
        foreign.target().await;
        let refused = Receiving::open(Side::Backend, foreign.backend.url(), settings.operator).await.unwrap_err();
        assert!(matches!(refused, ReceivingError::Foreign { table: "knex_migrations", .. }), "{refused}");
        let refused = receive(&old, settings.operator).await.unwrap_err();
        assert!(matches!(refused, ReceivingError::NotEmpty { .. }), "{refused}");

        // The original makes its operator's tenant by itself.
        let back = OldPlaces::empty(Institution::HappyLife).await.unwrap();
        let operator = settings.operator;
        run(&back.backend, &format!("INSERT INTO tenants (id, \"apiSecret\") VALUES ('{operator}', 'x')")).await;
        let one = receive(&back, operator).await.unwrap();
        let refused = Receiving::open(Side::Auth, back.auth.url(), operator).await.unwrap_err();
        assert!(matches!(refused, ReceivingError::Busy { side: Side::Auth }), "{refused}");
        for database in one {
            database.close().await;
        }
        for step in [1, 5, 12] {
            killed_at(step, &ours, &back, &settings).await;
            let there = r#"SELECT (SELECT count(*) FROM tenants) || ' ' || (SELECT count(*) FROM "ledgerTransfers")"#;
            assert_eq!(texts(&back.backend, there).await, ["1 0"], "only what was there before");
        }
        let (_, exported) = send_back(&ours, &back, settings.clone()).await.unwrap();
        assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));

        let refused = receive(&back, operator).await.unwrap_err();
        assert!(matches!(refused, ReceivingError::Complete { .. }), "{refused}");
        // As a kill between the two commits leaves them.
        for database in [&back.backend, &back.auth] {
            run(database, "COMMENT ON TABLE tenants IS 'rafiki export unfinished'").await;
        }
        run(&back.backend, "DELETE FROM webhooks; DELETE FROM \"ledgerTransfers\"").await;
        let (_, exported) = send_back(&ours, &back, settings).await.unwrap();
        assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
        assert_same_rows(&old, &back).await;
    });
}

async fn kept_values_end(dialect: Dialect) {
    let Some(old) = OldPlaces::of(Institution::HappyLife).await else { return };
    let Some(ours) = OurPlaces::of(dialect).await else { return };
    pass_with(&old, &ours, keeping(&old, History::Totals)).await.unwrap();
    let tokens = texts(&ours.auth, "SELECT CAST(count(*) AS text) FROM access_tokens").await;
    let kept = || texts(&ours.auth, "SELECT CAST(count(*) AS text) FROM kept_tokens");
    let continuations = || texts(&ours.auth, "SELECT CAST(count(*) AS text) FROM kept_continuations");
    assert_eq!(kept().await, tokens);
    assert_ne!(continuations().await, ["0"]);
    let of_peers = || texts(&ours.backend, "SELECT CAST(count(*) AS text) FROM kept_peer_tokens");
    assert_eq!(of_peers().await, texts(&ours.backend, "SELECT CAST(count(*) AS text) FROM peer_incoming_tokens").await);
    assert_ne!(of_peers().await, ["0"]);

    // If a token is deleted, its clear value is deleted, too.
    let forgotten = "DELETE FROM access_tokens WHERE management_id = (SELECT min(management_id) FROM access_tokens)";
    let forgotten = match dialect {
        Dialect::Sqlite => forgotten,
        Dialect::Postgres => {
            "DELETE FROM access_tokens WHERE management_id =
            (SELECT management_id FROM access_tokens ORDER BY management_id LIMIT 1)"
        }
    };
    ours.auth.execute(forgotten, []).await.unwrap();
    let left = texts(&ours.auth, "SELECT CAST(count(*) AS text) FROM access_tokens").await;
    assert_ne!(left, tokens);
    assert_eq!(kept().await, left);

    let store = AuthStore::new(ours.auth.connect_again().await);
    let retention = Retention { tokens: Duration::from_hours(87_600), unissued_grants: Duration::from_hours(87_600) };
    let days = |days: u64| SystemClock.now() + Duration::from_hours(24 * days);
    store.purge(&retention, days(28)).await.unwrap();
    assert_eq!(kept().await, left, "the trial period is not over");
    let purged = store.purge(&retention, days(31)).await.unwrap();
    assert!(purged.kept > 0);
    assert_eq!((kept().await, continuations().await), (vec!["0".to_owned()], vec!["0".to_owned()]));
    assert_eq!(texts(&ours.auth, "SELECT CAST(count(*) AS text) FROM access_tokens").await, left);

    let store = Store::open(ours.backend.connect_again().await).await.unwrap();
    assert_eq!(store.forget_kept_peer_tokens(days(28)).await.unwrap(), 0);
    assert!(store.forget_kept_peer_tokens(days(31)).await.unwrap() > 0);
    assert_eq!(of_peers().await, ["0"]);
}

#[test]
fn kept_values_end_with_their_trial_period_or_with_their_token() {
    block_on(async {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            kept_values_end(dialect).await;
        }
    });
}

#[test]
fn a_difference_is_found_and_the_export_is_not_kept() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let ours = OurPlaces::of(Dialect::Postgres).await.unwrap();
        pass_with(&old, &ours, keeping(&old, History::Totals)).await.unwrap();
        let back = OldPlaces::empty(Institution::CloudNine).await.unwrap();
        // A database that changes a sum by itself, as a faulty export would.
        let trigger = r#"CREATE FUNCTION less() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                NEW.amount := NEW.amount - 1; RETURN NEW; END $$;
            CREATE TRIGGER less BEFORE INSERT ON "ledgerTransfers" FOR EACH ROW
                WHEN (NEW.type = 'WITHDRAWAL' AND NEW.amount > 1) EXECUTE FUNCTION less()"#;
        run(&back.backend, trigger).await;
        let (_, exported) = send_back(&ours, &back, settings(&old).await).await.unwrap();
        assert!(!exported.comparison.is_equal());
        assert!(exported.comparison.differing > 0);
        assert_eq!(texts(&back.backend, "SELECT id::text FROM tenants").await, Vec::<String>::new());
        assert_eq!(texts(&back.auth, "SELECT id::text FROM tenants").await, Vec::<String>::new());
    });
}

/// Our installation, with its money in a ledger that lists its records as a cluster does.
async fn with_money_in_a_cluster(old: &OldPlaces, history: History) -> (OurPlaces, Arc<MemoryLedger>) {
    let cluster = Arc::new(MemoryLedger::new(Arc::new(SystemClock)));
    (with_money_in(cluster.clone(), old, history).await, cluster)
}

async fn with_money_in(cluster: Arc<dyn Ledger>, old: &OldPlaces, history: History) -> OurPlaces {
    let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
    let mut installation = old.open_keeping(keeping(old, history)).await;
    let target = ours.target_with(cluster).await;
    let plan = examine(&mut installation, &since_of(&ours.backend).await.unwrap(), &silent).await.unwrap();
    let report = carry_over(&mut installation, &plan, &target, &silent).await.unwrap();
    installation.close().await;
    assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
    ours
}

#[test]
fn money_in_a_real_cluster_goes_back_into_the_tables_or_stays() {
    block_on(async {
        let Some(server) = testkit::TigerBeetle::own() else { return };
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let join = async || TigerBeetleLedger::join(0, server.addresses(), Duration::from_secs(10)).await.unwrap();
        let ours = with_money_in(Arc::new(join().await), &old, History::Totals).await;
        for money in [MoneyPlace::SameCluster, MoneyPlace::Tables] {
            let back = OldPlaces::empty(Institution::CloudNine).await.unwrap();
            let ledger = OurLedger::Cluster(Arc::new(join().await));
            let settings = BackSettings { money, ..settings(&old).await };
            let (plan, exported) = send_back_from(&ours, &ledger, &back, settings).await.unwrap();
            assert_eq!(plan.accounts > 0, money == MoneyPlace::Tables);
            assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
        }
    });
}

async fn money_goes_back_from_a_cluster(institution: Institution, history: History) {
    let Some(old) = OldPlaces::of(institution).await else { return };
    let (ours, cluster) = with_money_in_a_cluster(&old, history).await;
    let back = OldPlaces::empty(institution).await.unwrap();
    let ledger = OurLedger::Cluster(cluster);
    let (plan, exported) = send_back_from(&ours, &ledger, &back, settings(&old).await).await.unwrap();
    assert!(plan.accounts > 0 && plan.transfers > 0);
    assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
    assert_same_rows(&old, &back).await;

    let (first, again) = (OurPlaces::of(Dialect::Sqlite).await.unwrap(), OurPlaces::of(Dialect::Sqlite).await.unwrap());
    pass_with(&old, &first, keeping(&old, history)).await.unwrap();
    pass_with(&back, &again, keeping(&back, history)).await.unwrap();
    assert_same(&without_computed(contents(&first).await), &without_computed(contents(&again).await));
}

#[test]
fn money_in_a_cluster_goes_back_into_the_tables() {
    block_on(money_goes_back_from_a_cluster(Institution::CloudNine, History::Totals));
}

#[test]
fn money_in_a_cluster_goes_back_into_the_tables_with_its_history() {
    block_on(money_goes_back_from_a_cluster(Institution::HappyLife, History::Replayed));
}

#[test]
fn money_may_stay_in_its_cluster_when_everything_else_goes_back() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let (ours, cluster) = with_money_in_a_cluster(&old, History::Replayed).await;
        let back = OldPlaces::empty(Institution::CloudNine).await.unwrap();
        let stays = BackSettings { money: MoneyPlace::SameCluster, ..settings(&old).await };
        let ledger = OurLedger::Cluster(cluster.clone());
        let (plan, exported) = send_back_from(&ours, &ledger, &back, stays).await.unwrap();
        assert_eq!((plan.accounts, plan.transfers), (0, 0));
        assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
        let rows =
            r#"SELECT ((SELECT count(*) FROM "ledgerAccounts") + (SELECT count(*) FROM "ledgerTransfers"))::text"#;
        assert_eq!(texts(&back.backend, rows).await, ["0"]);

        // The tables and the cluster together are the original installation.
        let again = OurPlaces::of(Dialect::Sqlite).await.unwrap();
        let mut installation = back.open_with(Money::Cluster(&*cluster), History::Totals).await;
        let target = again.target().await;
        let plan = examine(&mut installation, &since_of(&again.backend).await.unwrap(), &silent).await.unwrap();
        let report = carry_over(&mut installation, &plan, &target, &silent).await.unwrap();
        assert!(report.comparison.is_equal(), "{:#?}", report.comparison);
    });
}

/// Two accounts of one asset with money.
fn a_transfer(cluster: &MemoryLedger, amount: u128) -> NewTransfer {
    let entries = cluster.journal();
    let deposit = entries.iter().rev().find_map(|entry| match &entry.event {
        ledger::Event::Moved(movement) if movement.transfer.code == payments_model::accounting::DEPOSIT => {
            Some(movement.transfer)
        }
        _ => None,
    });
    let deposit = deposit.unwrap();
    let id = TransferId::from_u128(u128::MAX - amount);
    let (debit, credit): (AccountId, AccountId) = (deposit.debit_account_id, deposit.credit_account_id);
    NewTransfer::single(id, debit, credit, amount, deposit.ledger, payments_model::accounting::TRANSFER)
}

#[test]
fn packets_without_an_outcome_in_a_cluster_are_refused_and_those_that_have_timed_out_are_left_out() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let (ours, cluster) = with_money_in_a_cluster(&old, History::Totals).await;
        let packet = a_transfer(&cluster, 5).into_pending(600);
        assert!(cluster.submit(vec![packet]).await.unwrap()[0].is_ok());
        let back = OldPlaces::empty(Institution::CloudNine).await.unwrap();
        let ledger = OurLedger::Cluster(cluster.clone());
        let refused = send_back_from(&ours, &ledger, &back, settings(&old).await).await.unwrap_err();
        assert!(matches!(refused, ExportError::Undecided(1)), "{refused}");

        let void = NewTransfer::void(TransferId::from_u128(77), packet.id);
        assert!(cluster.submit(vec![void]).await.unwrap()[0].is_ok());
        let (_, exported) = send_back_from(&ours, &ledger, &back, settings(&old).await).await.unwrap();
        assert!(exported.comparison.is_equal(), "{:#?}", differing(&exported));
    });
}

#[test]
fn an_export_from_a_cluster_that_changes_meanwhile_is_not_kept() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let (ours, cluster) = with_money_in_a_cluster(&old, History::Totals).await;
        let back = OldPlaces::empty(Institution::CloudNine).await.unwrap();
        let settings = settings(&old).await;
        let [mut backend, mut auth] = receive_when_free(&back, settings.operator).await;
        let mut here = installation_with(&ours, &OurLedger::Cluster(cluster.clone()), settings).await.unwrap();
        let transfer = a_transfer(&cluster, 1);
        let moved = Mutex::new(false);
        let listen = |step: moving::Step<'_>| {
            if matches!(step, moving::Step::Compared(_)) && !std::mem::replace(&mut *moved.lock().unwrap(), true) {
                let made = futures::executor::block_on(cluster.submit(vec![transfer])).unwrap();
                assert!(made[0].is_ok(), "{made:?}");
            }
        };
        let refused = export(&mut here, &mut backend, &mut auth, &listen).await.unwrap_err();
        assert!(matches!(refused, ExportError::LedgerChanges), "{refused}");
        for database in [backend, auth] {
            database.close().await;
        }
        assert_eq!(texts(&back.backend, "SELECT id::text FROM tenants").await, Vec::<String>::new());
    });
}
