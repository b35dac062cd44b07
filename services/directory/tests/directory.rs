//! What the directory keeps over a real store, and when it reads again.
//! How changes are announced is tested in `database`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::Arc;

use clock::Timestamp;
use database::sea_orm::{ConnectionTrait, Statement};
use database::{Database, Dialect};
use directory::{Directory, KnownTenant, UnreadableFee};
use payments_model::peer::{OutgoingHttp, PeerHistory};
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_tls::PeerTls;
use payments_model::peer_token::IncomingToken;
use payments_model::quote::FeeTerms;
use payments_model::tenant::{Setting, SettingKey};
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{Fee, FeeKind, Peer, Secret, Tenant, TenantAsset, TenantId, WalletAddress, WalletAddressKey};
use payments_store::Store;
use testkit::{TestDatabase, eventually, on_each_database};
use uuid::Uuid;

const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(2));
const OTHER: TenantId = TenantId::from_uuid(Uuid::from_u128(3));
const NOW: Timestamp = Timestamp::EPOCH;

fn tenant(id: TenantId) -> Tenant {
    Tenant {
        id,
        api_secret: Secret::new(id.to_string()),
        email: None,
        public_name: None,
        idp_consent_url: None,
        idp_secret: None,
        created_at: NOW,
        updated_at: NOW,
        deleted_at: None,
    }
}

fn usd() -> TenantAsset {
    TenantAsset {
        id: Uuid::from_u128(10).into(),
        tenant_id: TENANT,
        ledger: 1,
        asset: money::Asset::new("USD", 2).unwrap(),
        withdrawal_threshold: None,
        liquidity_threshold: None,
        created_at: NOW,
        updated_at: NOW,
        deleted_at: None,
    }
}

fn ann() -> WalletAddress {
    WalletAddress {
        id: Uuid::from_u128(20).into(),
        tenant_id: TENANT,
        address: "https://a.example/ann".into(),
        public_name: Some("Ann".into()),
        asset: usd(),
        total_events_amount: 0,
        process_at: None,
        deactivated_at: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn bank() -> Peer {
    Peer {
        id: Uuid::from_u128(30).into(),
        tenant_id: TENANT,
        asset: usd(),
        static_ilp_address: "test.bank".into(),
        outgoing: Some(OutgoingHttp { endpoint: "http://bank.example/ilp".into(), token: Secret::new("out") }),
        history: PeerHistory::default(),
        max_packet_amount: None,
        name: None,
        liquidity_threshold: None,
        routes: vec!["test.bank".into()],
        terms: PeerTerms::default(),
        created_at: NOW,
        updated_at: NOW,
    }
}

fn fee(n: u64) -> Fee {
    Fee {
        id: Uuid::from_u128(u128::from(40 + n)).into(),
        asset_id: usd().id,
        kind: FeeKind::Sending,
        terms: FeeTerms { basis_points: 0, fixed: n },
        created_at: Timestamp::from_millis(n.cast_signed()),
    }
}

/// A store with two tenants, an asset, a wallet address and a peer of the first.
async fn filled(database: &TestDatabase) -> Store {
    let store = Store::open((**database).clone()).await.unwrap();
    let unit = store.begin().await.unwrap();
    for id in [TENANT, OTHER] {
        unit.every_tenant().insert_tenant(&tenant(id)).await.unwrap();
    }
    let scope = unit.tenant(TENANT);
    scope.insert_asset(&usd()).await.unwrap();
    scope.insert_wallet_address(&ann()).await.unwrap();
    scope.insert_peer(&bank()).await.unwrap();
    scope.replace_peer_tokens(bank().id, &[Secret::new("in")], NOW).await.unwrap();
    for n in [1, 3, 2] {
        scope.insert_fee(&fee(n)).await.unwrap();
    }
    unit.commit().await.unwrap();
    store
}

/// Waits until changes of other processes are received.
async fn hearing(directory: &Directory) {
    eventually("the directory remembers", async || {
        let (one, two) = (directory.facts().await.unwrap(), directory.facts().await.unwrap());
        Arc::ptr_eq(&one, &two)
    })
    .await;
}

async fn known(directory: &Directory) -> Arc<KnownTenant> {
    directory.facts().await.unwrap().tenant(TENANT).unwrap().clone()
}

/// A change without an announcement.
async fn in_secret(database: &Database, sql: &str) {
    let transaction = database.begin().await.unwrap();
    transaction.execute_raw(Statement::from_string(database.reader().get_database_backend(), sql)).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn name_of_ann(directory: &Directory) -> Option<String> {
    let by_id = directory.wallet_address(TENANT, ann().id).await.unwrap().unwrap();
    let by_url = directory.wallet_address_by_url(&ann().address.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(**by_id, **by_url);
    by_id.public_name.clone()
}

on_each_database! {
    async fn what_is_asked_for_again_is_not_read_again_until_it_is_forgotten(database) {
        let directory = Directory::new(filled(&database).await);
        hearing(&directory).await;
        assert_eq!(name_of_ann(&directory).await.as_deref(), Some("Ann"));
        in_secret(&database, "UPDATE tenants SET email = 'new'").await;
        in_secret(&database, "UPDATE wallet_addresses SET public_name = 'new'").await;
        assert_eq!(known(&directory).await.tenant.email, None);
        assert_eq!(name_of_ann(&directory).await.as_deref(), Some("Ann"));
        directory.forget();
        assert_eq!(known(&directory).await.tenant.email.as_deref(), Some("new"));
        assert_eq!(name_of_ann(&directory).await.as_deref(), Some("new"));
    }

    async fn a_row_that_cannot_be_read_is_left_out_and_takes_no_other_with_it(database) {
        let directory = Directory::new(filled(&database).await);
        hearing(&directory).await;
        let unknown_key = "INSERT INTO tenant_settings (tenant_id, key, value, created_at, updated_at)
            SELECT id, 'FROM_A_LATER_VERSION', 'x', 0, 0 FROM tenants";
        for sql in [unknown_key, "UPDATE peers SET routes = 'no JSON'"] {
            in_secret(&database, sql).await;
        }
        directory.forget();
        let facts = directory.facts().await.unwrap();
        let known = facts.tenant(TENANT).unwrap();
        assert_eq!((known.asset(usd().id), known.peers().count()), (Some(&usd()), 0));
        assert_eq!(known.fee(usd().id, FeeKind::Sending), Ok(Some(&fee(3))));
        assert!(facts.tenant(OTHER).is_some());

        let no_number = match database.dialect() {
            Dialect::Sqlite => &["UPDATE fees SET fixed_fee = 'much'"][..],
            Dialect::Postgres => {
                &["ALTER TABLE fees DROP CONSTRAINT fees_fixed_fee_check", "UPDATE fees SET fixed_fee = -1"][..]
            }
        };
        for sql in no_number {
            in_secret(&database, sql).await;
        }
        directory.forget();
        let facts = directory.facts().await.unwrap();
        let fee = facts.tenant(TENANT).unwrap().fee(usd().id, FeeKind::Sending);
        assert_eq!(fee, Err(UnreadableFee), "nothing is sold for a price that is not known");
    }

    async fn a_tenant_is_known_with_all_that_is_in_force(database) {
        let directory = Directory::new(filled(&database).await);
        let known = known(&directory).await;
        assert_eq!(known.asset(usd().id), Some(&usd()));
        assert_eq!(known.fee(usd().id, FeeKind::Sending), Ok(Some(&fee(3))), "the newest");
        assert_eq!(known.fee(usd().id, FeeKind::Receiving), Ok(None));
        let peer = known.peer(bank().id).unwrap();
        assert_eq!((&peer.peer, &*peer.incoming_tokens), (&bank(), &[IncomingToken::of("in")][..]));
        let facts = directory.facts().await.unwrap();
        let other = facts.tenant(OTHER).unwrap();
        assert_eq!((other.assets().count(), other.peers().count()), (0, 0));
    }

    async fn a_change_is_known_as_soon_as_it_is_committed(database) {
        let store = filled(&database).await;
        let directory = Directory::new(store.clone());
        hearing(&directory).await;
        assert_eq!(known(&directory).await.setting(SettingKey::IlpAddress), None);

        let unit = store.begin().await.unwrap();
        let address = Setting { key: SettingKey::IlpAddress, value: "test.t".into() };
        unit.tenant(TENANT).put_settings(TENANT, &[address], NOW).await.unwrap();
        assert_eq!(known(&directory).await.setting(SettingKey::IlpAddress), None, "not before the commit");
        unit.commit().await.unwrap();
        assert_eq!(known(&directory).await.setting(SettingKey::IlpAddress), Some("test.t"));

        let unit = store.begin().await.unwrap();
        let locked = unit.tenant(TENANT).locked_tenant(TENANT).await.unwrap().unwrap();
        let deleted = locked.map(|tenant| Tenant { deleted_at: Some(NOW), ..tenant });
        unit.tenant(TENANT).update_tenant(&deleted).await.unwrap();
        unit.commit().await.unwrap();
        assert!(directory.facts().await.unwrap().tenant(TENANT).is_none());
        assert!(directory.wallet_address(TENANT, ann().id).await.unwrap().is_none(), "gone with its tenant");
    }

    async fn a_wallet_address_is_known_with_its_keys_and_public_properties_as_they_are(database) {
        let store = filled(&database).await;
        let directory = Directory::new(store.clone());
        hearing(&directory).await;
        let key = WalletAddressKey {
            id: Uuid::from_u128(50).into(),
            wallet_address_id: ann().id,
            kid: "key".into(),
            x: "AAAA".into(),
            revoked: false,
            created_at: NOW,
        };
        let property = |name: &str, public| AdditionalProperty {
            key: name.into(),
            value: "v".into(),
            visible_in_open_payments: public,
        };
        let known = async || directory.wallet_address(TENANT, ann().id).await.unwrap().unwrap();
        assert!(known().await.keys().await.unwrap().is_empty());
        assert!(known().await.public_properties().await.unwrap().is_empty());

        let unit = store.begin().await.unwrap();
        let (open, closed) = (property("open", true), property("closed", false));
        unit.tenant(TENANT).insert_wallet_address_key(&key).await.unwrap();
        let entropy = testkit::entropy(1);
        unit.tenant(TENANT).replace_additional_properties(ann().id, &[open.clone(), closed], &*entropy).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(known().await.keys().await.unwrap(), std::slice::from_ref(&key));
        assert_eq!(known().await.public_properties().await.unwrap(), [open]);

        let unit = store.begin().await.unwrap();
        unit.tenant(TENANT).revoke_wallet_address_key(key.id, NOW).await.unwrap();
        let locked = unit.tenant(TENANT).locked_wallet_address(ann().id).await.unwrap().unwrap();
        let changed = locked.map(|ann| WalletAddress { public_name: None, deactivated_at: Some(NOW), ..ann });
        unit.tenant(TENANT).update_wallet_address(&changed).await.unwrap();
        unit.commit().await.unwrap();
        assert!(known().await.keys().await.unwrap().is_empty(), "a revoked key is not shown again");
        assert!(!known().await.is_active(NOW));
        assert_eq!(name_of_ann(&directory).await, None);
    }

    async fn that_there_is_no_address_at_a_url_is_asked_once_until_there_is_a_new_address(database) {
        let store = filled(&database).await;
        let directory = Directory::new(store.clone());
        hearing(&directory).await;
        let url = "https://b.example/bob".parse().unwrap();
        let heard = async || directory.wallet_address_as_heard(&url).await.unwrap().map(|known| known.id);
        assert_eq!(heard().await, None);
        in_secret(&database, "UPDATE wallet_addresses SET address = 'https://b.example/bob'").await;
        assert_eq!(heard().await, None, "from memory");
        let asked = directory.wallet_address_by_url(&url).await.unwrap();
        assert_eq!(asked.map(|known| known.id), Some(ann().id), "others ask the database");

        let unit = store.begin().await.unwrap();
        let carl = WalletAddress { id: Uuid::from_u128(21).into(), address: "https://a.example/carl".into(), ..ann() };
        unit.tenant(TENANT).insert_wallet_address(&carl).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(heard().await, Some(ann().id));
    }

    async fn another_tenant_does_not_reach_a_wallet_address_that_is_remembered(database) {
        let directory = Directory::new(filled(&database).await);
        hearing(&directory).await;
        assert!(directory.wallet_address(TENANT, ann().id).await.unwrap().is_some());
        assert!(directory.wallet_address(OTHER, ann().id).await.unwrap().is_none());
    }
}

#[test]
fn a_change_made_by_another_process_is_known() {
    testkit::block_on(async {
        let Some(database) = TestDatabase::postgres().await else { return };
        let store = filled(&database).await;
        let directory = Directory::new(Store::open(database.connect_again().await).await.unwrap());
        hearing(&directory).await;
        assert_eq!(name_of_ann(&directory).await.as_deref(), Some("Ann"));

        let unit = store.begin().await.unwrap();
        let locked = unit.tenant(TENANT).locked_wallet_address(ann().id).await.unwrap().unwrap();
        let renamed = locked.map(|ann| WalletAddress { public_name: Some("Anna".into()), ..ann });
        unit.tenant(TENANT).update_wallet_address(&renamed).await.unwrap();
        unit.tenant(TENANT).insert_fee(&fee(9)).await.unwrap();
        unit.commit().await.unwrap();
        eventually("the other process knows", async || {
            let fee_is_known = known(&directory).await.fee(usd().id, FeeKind::Sending) == Ok(Some(&fee(9)));
            fee_is_known && name_of_ann(&directory).await.as_deref() == Some("Anna")
        })
        .await;

        for tls in [Some(PeerTls { identity: None, authorities: Some("PEM".to_owned()) }), None] {
            let unit = store.begin().await.unwrap();
            let scope = unit.tenant(TENANT);
            let peer = scope.locked_peer(bank().id).await.unwrap().unwrap();
            scope.replace_peer_tls(&peer, tls.as_ref()).await.unwrap();
            drop(peer);
            unit.commit().await.unwrap();
            eventually("the other process uses these certificates", async || {
                let of_the_bank =
                    known(&directory).await.peers().find(|known| known.peer.id == bank().id).unwrap().tls.clone();
                of_the_bank.as_deref() == tls.as_ref()
            })
            .await;
        }
    });
}
