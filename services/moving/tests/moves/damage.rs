//! Damaged rows are named with their faults, and nothing is written.
//! Undamaged installations are moved in `whole`.

use moving::{History, MoveError, Since, carry_over, examine};
use rafiki_fixture::{Institution, run};
use testkit::{Dialect, block_on};

use crate::places::{OldPlaces, OurPlaces, silent};

/// A statement that damages rows, whether it is for the auth database, and the expected message.
const DAMAGES: &[(&str, bool, &str)] = &[
    (
        r#"UPDATE "outgoingPayments" SET state = 'LOST' WHERE state = 'SENDING'"#,
        false,
        "state is \"LOST\", which is not one of",
    ),
    (r#"UPDATE "incomingPayments" SET state = 'HALF' WHERE state = 'EXPIRED'"#, false, "state is \"HALF\""),
    (
        r#"UPDATE quotes SET "debitAmountValue" = -5 WHERE "feeId" IS NOT NULL"#,
        false,
        "debitAmountValue is -5: an amount below zero",
    ),
    (
        r#"DELETE FROM assets WHERE id = (SELECT "assetId" FROM "walletAddresses" ORDER BY id LIMIT 1)"#,
        false,
        "which is not in assets",
    ),
    (
        r#"UPDATE peers SET "outgoingToken" = NULL"#,
        false,
        "outgoingToken, outgoingEndpoint: set all of these columns, or none of them",
    ),
    (
        r#"UPDATE "incomingPayments" SET "approvedAt" = now(), "cancelledAt" = now() WHERE state = 'PENDING'"#,
        false,
        "approvedAt and cancelledAt are both set",
    ),
    (
        r#"UPDATE "webhookEvents" SET "withdrawalAmount" = NULL WHERE "withdrawalAmount" IS NOT NULL"#,
        false,
        "withdrawalAccountId, withdrawalAssetId, withdrawalAmount: set all of these columns, or none of them",
    ),
    (
        r#"DELETE FROM "ledgerTransfers" WHERE type = 'DEPOSIT' AND "creditAccountId" IN
            (SELECT id FROM "ledgerAccounts" WHERE type = 'LIQUIDITY_OUTGOING')"#,
        false,
        "the account is overdrawn by",
    ),
    (r#"UPDATE "tenantSettings" SET key = 'COLOUR' WHERE key = 'WEBHOOK_URL'"#, false, "key is \"COLOUR\""),
    (
        r#"UPDATE quotes SET "tenantId" = (SELECT id FROM tenants WHERE email IS NOT NULL ORDER BY id LIMIT 1)"#,
        false,
        "its tenant differs from the tenant of its walletAddressId",
    ),
    (r#"UPDATE "ledgerTransfers" SET ledger = 2 WHERE ledger = 1 AND type = 'WITHDRAWAL'"#, false, "its ledger is 2"),
    ("UPDATE grants SET state = 'MAYBE' WHERE state = 'APPROVED'", true, "state is \"MAYBE\""),
    (r#"DELETE FROM grants WHERE id IN (SELECT "grantId" FROM "accessTokens")"#, true, "which is not in grants"),
    ("UPDATE accesses SET actions = '{fly}'", true, "which is not a right"),
];

#[test]
fn a_damaged_row_is_named_and_nothing_is_written() {
    block_on(async {
        let Some(old) = OldPlaces::unguarded(Institution::CloudNine).await else { return };
        for (damage, auth, message) in DAMAGES {
            let places = if *auth { &old.auth } else { &old.backend };
            // The damage is done in a copy of a database template, which is as good as a newly loaded database.
            run(places, "DROP SCHEMA IF EXISTS kept CASCADE").await;
            run(places, KEEP).await;
            run(places, damage).await;

            let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
            let mut installation = old.open(History::Totals).await;
            let plan = examine(&mut installation, &Since::default(), &silent).await.unwrap();
            let named: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
            assert!(named.iter().any(|refusal| refusal.contains(message)), "{damage}: {named:#?}");
            let target = ours.target().await;
            let refused = carry_over(&mut installation, &plan, &target, &silent).await;
            assert!(matches!(refused, Err(MoveError::Refused(_))), "{damage}");
            installation.close().await;
            let tenants = ours.backend.bulk_query("SELECT 1 FROM tenants UNION ALL SELECT 1 FROM moving", []).await;
            assert!(tenants.unwrap().is_empty(), "{damage}");
            assert_eq!(target.ledger().accounts(vec![ledger::AccountId::from_u128(1)]).await.unwrap(), [None]);
            run(places, RESTORE).await;
        }
    });
}

/// Copies every table.
const KEEP: &str = "DO $$ DECLARE t text; BEGIN CREATE SCHEMA kept;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', t, t);
    END LOOP; END $$";

/// Puts the rows back.
const RESTORE: &str = "DO $$ DECLARE t text; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('TRUNCATE public.%I', t);
        EXECUTE format('INSERT INTO public.%I TABLE kept.%I', t, t);
    END LOOP; DROP SCHEMA kept CASCADE; END $$";

#[test]
fn encrypted_texts_need_the_secret_that_decrypts_them() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
        let settings = moving::MoveSettings { secret: None, ..old.settings(History::Totals) };
        let opened =
            moving::OldInstallation::open(old.backend.url(), old.auth.url(), moving::Money::Tables, settings).await;
        let plan = examine(&mut opened.unwrap(), &Since::default(), &silent).await.unwrap();
        let named: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
        assert!(named.iter().any(|refusal| refusal.contains("dataToTransmit is encrypted")), "{named:?}");
    });
}

#[test]
fn a_database_of_another_version_is_refused_with_the_nearest_known_one() {
    block_on(async {
        let Some(old) = OldPlaces::of(Institution::HappyLife).await else { return };
        let open = async || {
            let settings = old.settings(History::Totals);
            let opened =
                moving::OldInstallation::open(old.backend.url(), old.auth.url(), moving::Money::Tables, settings).await;
            opened.map(|_| ()).unwrap_err().to_string()
        };
        run(&old.backend, "UPDATE knex_migrations_lock SET is_locked = 1").await;
        assert!(open().await.contains("a migration of Rafiki is running"));
        run(&old.backend, "UPDATE knex_migrations_lock SET is_locked = 0").await;
        run(&old.backend, "INSERT INTO knex_migrations (id, name, batch) VALUES (1000, '20270101000000_x.js', 2)")
            .await;
        assert!(open().await.contains("the nearest known version is 2.4"));
        run(&old.backend, "DELETE FROM knex_migrations WHERE id > 60").await;
        let message = open().await;
        assert!(message.contains("before Rafiki 2.4") && message.contains("Start Rafiki 2.4 once on it"), "{message}");
    });
}
