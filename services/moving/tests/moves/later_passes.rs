//! A second pass moves what changed since the first, and nothing else.
//! Killed passes are in `interrupted`.

use clock::{Clock as _, SystemClock};
use moving::{History, MoveError, mark_in_use};
use rafiki_fixture::{Institution, run};
use testkit::{Dialect, block_on};
use uuid::Uuid;

use crate::places::{OldPlaces, OurPlaces, assert_same, contents, pass};

/// A day of an installation: rows of every kind are created, changed and deleted.
const A_DAY: &str = r#"
UPDATE "outgoingPayments" SET state = 'COMPLETED', "updatedAt" = now() WHERE id = '902124a2-158d-418a-8279-bea558d23b1d';
INSERT INTO "ledgerTransfers" (id, "transferRef", "debitAccountId", "creditAccountId", amount, ledger, state, type)
    SELECT gen_random_uuid(), gen_random_uuid(), d.id, c.id, 7, 1, 'POSTED', NULL FROM "ledgerAccounts" d, "ledgerAccounts" c
    WHERE d."accountRef" = '902124a2-158d-418a-8279-bea558d23b1d'
    AND c.type = 'LIQUIDITY_ASSET' AND c.ledger = d.ledger;
INSERT INTO "ledgerTransfers" (id, "transferRef", "debitAccountId", "creditAccountId", amount, ledger, state, type)
    SELECT gen_random_uuid(), '99999999-9999-4999-8999-999999999999', s.id, c.id, 1000, 1, 'POSTED', 'DEPOSIT'
    FROM "ledgerAccounts" s, "ledgerAccounts" c
    WHERE s.type = 'SETTLEMENT' AND s.ledger = 1 AND c.type = 'LIQUIDITY_ASSET' AND c.ledger = 1;
UPDATE "ledgerTransfers" SET state = 'VOIDED', "updatedAt" = now() WHERE amount = 333 AND state = 'PENDING';
DELETE FROM "httpTokens" WHERE "peerId" = (SELECT id FROM peers ORDER BY id LIMIT 1);
DELETE FROM "webhookEvents" WHERE "peerId" = (SELECT id FROM peers ORDER BY id LIMIT 1);
DELETE FROM peers WHERE id = (SELECT id FROM peers ORDER BY id LIMIT 1);
DELETE FROM "walletAddressAdditionalProperties" WHERE "fieldKey" = 'iban';
UPDATE tenants SET "publicName" = 'Renamed', "updatedAt" = now() WHERE email IS NOT NULL;
"#;

const A_DAY_OF_GRANTS: &str = r#"
UPDATE grants SET state = 'FINALIZED', "finalizationReason" = 'REVOKED', "updatedAt" = now() WHERE state = 'PENDING';
UPDATE "accessTokens" SET "revokedAt" = now(), "updatedAt" = now() WHERE "revokedAt" IS NULL;
DELETE FROM "accessTokens" WHERE id = (SELECT id FROM "accessTokens" ORDER BY id LIMIT 1);
"#;

async fn the_second_pass_moves_the_changes(dialect: Dialect, history: History) {
    let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
    let Some(ours) = OurPlaces::of(dialect).await else { return };
    // Makes its rows older than the overlap of two reads.
    for places in [&old.backend, &old.auth] {
        run(places, AGE).await;
    }
    let (_, first) = pass(&old, &ours, history).await.unwrap();
    run(&old.backend, A_DAY).await;
    run(&old.auth, A_DAY_OF_GRANTS).await;
    let (_, second) = pass(&old, &ours, history).await.unwrap();
    assert!(second.comparison.is_equal(), "{:#?}", second.comparison);
    assert!(second.rows < first.rows / 2, "{} of {}", second.rows, first.rows);
    let Some(calm) = OurPlaces::of(dialect).await else { return };
    pass(&old, &calm, history).await.unwrap();
    assert_same(&contents(&ours).await, &contents(&calm).await);
    let deposit = "99999999-9999-4999-8999-999999999999".parse::<Uuid>().unwrap();
    let found = ours.target().await.ledger().transfers(vec![deposit.into()]).await.unwrap();
    assert_eq!(found[0].unwrap().created.amount, 1000, "its id is known to clients");
    assert!(ledger_verify::verify(&ours.ledger_url()).await.unwrap().sound);
}

/// Every row is a day old.
const AGE: &str = r#"DO $$ DECLARE t record; BEGIN
    FOR t IN SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'
        AND column_name = 'updatedAt' LOOP
        EXECUTE format('UPDATE %I SET "updatedAt" = "updatedAt" - interval ''1 day''', t.table_name);
    END LOOP; END $$"#;

#[test]
fn the_second_pass_into_sqlite_moves_the_changes() {
    block_on(the_second_pass_moves_the_changes(Dialect::Sqlite, History::Totals));
}

#[test]
fn the_second_pass_into_postgres_moves_the_changes() {
    block_on(the_second_pass_moves_the_changes(Dialect::Postgres, History::Totals));
}

#[test]
fn the_second_pass_with_history_moves_the_changes() {
    block_on(the_second_pass_moves_the_changes(Dialect::Sqlite, History::Replayed));
}

#[test]
fn databases_that_are_in_use_or_filled_from_another_installation_are_not_changed() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::HappyLife).await else { return };
        let other = OldPlaces::of(Institution::CloudNine).await.unwrap();
        let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
        pass(&old, &ours, History::Totals).await.unwrap();
        assert!(matches!(pass(&other, &ours, History::Totals).await, Err(MoveError::OtherSource)));
        mark_in_use(&ours.backend, SystemClock.now()).await.unwrap();
        let before = contents(&ours).await;
        assert!(matches!(pass(&old, &ours, History::Totals).await, Err(MoveError::InUse)));
        assert_same(&contents(&ours).await, &before);
    });
}
