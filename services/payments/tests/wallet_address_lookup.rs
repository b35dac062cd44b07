//! Looking wallet addresses up over a real store, and waiting for those that come to be meanwhile.
//! Creating and changing them is in `administration`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, ManualClock};
use directory::Directory;
use payments::{Source, WalletAddressLookup};
use payments_model::page::PageRequest;
use payments_model::tenant::{Setting, SettingKey};
use payments_model::webhook_delivery::Recipient;
use payments_model::webhook_event::EventType;
use payments_model::webhook_ladder::{AttemptsMax, RetryLadder};
use payments_model::{Secret, Tenant, TenantAsset, TenantId, WalletAddress};
use payments_store::{EventFilter, Store};
use shared_cache::{InProcessCache, InProcessLimits, SharedCache};
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;
use web_url::WalletAddressUrl;
use webhooks::{Targets, Webhooks};

const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(2));

struct World {
    lookup: WalletAddressLookup,
    clock: Arc<ManualClock>,
    asset: TenantAsset,
    database: TestDatabase,
}

impl World {
    async fn open(database: TestDatabase) -> Self {
        let store = Store::open((*database).clone()).await.unwrap();
        let clock = testkit::manual_clock();
        let now = clock.now();
        let asset = TenantAsset {
            id: Uuid::from_u128(10).into(),
            tenant_id: TENANT,
            ledger: 1,
            asset: money::Asset::new("USD", 2).unwrap(),
            withdrawal_threshold: None,
            liquidity_threshold: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let unit = store.begin().await.unwrap();
        for id in [OPERATOR, TENANT] {
            unit.every_tenant().insert_tenant(&tenant(id, &*clock)).await.unwrap();
        }
        let base = Setting { key: SettingKey::WalletAddressUrl, value: "https://t.example/accounts".into() };
        unit.tenant(TENANT).put_settings(TENANT, &[base], now).await.unwrap();
        unit.tenant(TENANT).insert_asset(&asset).await.unwrap();
        unit.commit().await.unwrap();

        let targets = Targets {
            default_url: "https://operator.example/webhooks".parse().unwrap(),
            timeout: Duration::from_secs(2),
            attempts_max: AttemptsMax::Ladder,
            ladder: RetryLadder::default(),
            secret: None,
            signature_version: 1,
            operator: OPERATOR,
            card_service: None,
            point_of_sale: None,
            proofs: service_identity::ServiceProofs::default(),
        };
        let lookup = WalletAddressLookup {
            webhooks: Webhooks::new(&targets, None, Directory::new(store.clone()), testkit::entropy(3)),
            directory: Directory::new(store.clone()),
            store,
            cache: SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default())),
            clock: clock.clone(),
            entropy: testkit::entropy(4),
            operator_tenant: OPERATOR,
            patience: Duration::ZERO,
            look_again: Duration::from_millis(100),
        };
        Self { lookup, clock, asset, database }
    }

    async fn create(&self, url: &str) {
        self.create_through(&self.lookup.store, url).await;
    }

    async fn create_through(&self, store: &Store, url: &str) {
        let now = self.clock.now();
        let address = WalletAddress {
            id: Uuid::from_u128(20).into(),
            tenant_id: TENANT,
            address: url.into(),
            public_name: None,
            asset: self.asset.clone(),
            total_events_amount: 0,
            process_at: None,
            deactivated_at: None,
            created_at: now,
            updated_at: now,
        };
        let unit = store.begin().await.unwrap();
        unit.tenant(TENANT).insert_wallet_address(&address).await.unwrap();
        unit.commit().await.unwrap();
    }

    /// The recipient and the URL of each event about an unknown address.
    async fn events(&self) -> Vec<(Recipient, String)> {
        let scope = self.lookup.store.every_tenant();
        let filter = EventFilter::default();
        let mut events = Vec::new();
        for event in scope.webhook_events(&filter, PageRequest::default()).await.unwrap().items {
            assert_eq!((event.event_type, event.tenant_id), (EventType::WalletAddressNotFound, OPERATOR));
            let url = event.data["walletAddressUrl"].as_str().unwrap().to_owned();
            let deliveries = scope.deliveries_of(event.id).await.unwrap();
            events.extend(deliveries.into_iter().map(|delivery| (delivery.recipient, url.clone())));
        }
        events
    }
}

fn tenant(id: TenantId, clock: &dyn Clock) -> Tenant {
    Tenant {
        id,
        api_secret: Secret::new(id.to_string()),
        email: None,
        public_name: None,
        idp_consent_url: None,
        idp_secret: None,
        created_at: clock.now(),
        updated_at: clock.now(),
        deleted_at: None,
    }
}

const ALICE: &str = "https://t.example/accounts/alice";

fn url(text: &str) -> WalletAddressUrl {
    text.parse().unwrap()
}

/// A client of its own.
const CLIENT_SOURCE: Source<'_> = Source::Client("https://client.example");

on_each_database! {
    async fn a_known_address_is_found_until_its_tenant_is_deleted(database) {
        let world = World::open(database).await;
        world.create(ALICE).await;
        assert!(world.lookup.find(&url(ALICE)).await.unwrap().is_some());
        assert!(world.lookup.find_or_wait(&url(ALICE), ALICE, CLIENT_SOURCE).await.unwrap().is_some());
        assert_eq!(world.events().await, []);
        let unit = world.lookup.store.begin().await.unwrap();
        let mut deleted = unit.every_tenant().locked_tenant(TENANT).await.unwrap().unwrap();
        deleted.deleted_at = Some(world.clock.now());
        unit.every_tenant().update_tenant(&deleted).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(world.lookup.find(&url(ALICE)).await.unwrap(), None);
    }

    async fn the_owner_of_an_unknown_address_gets_one_event_in_the_spelling_of_the_request(database) {
        let world = World::open(database).await;
        for _ in 0..3 {
            assert_eq!(world.lookup.find_or_wait(&url(ALICE), "https://T.example/accounts/Alice", CLIENT_SOURCE).await.unwrap(), None);
        }
        let elsewhere = "https://t.example/elsewhere";
        assert_eq!(world.lookup.find_or_wait(&url(elsewhere), elsewhere, CLIENT_SOURCE).await.unwrap(), None);
        let mut events = world.events().await;
        events.sort_by(|(_, a), (_, b)| a.cmp(b));
        assert_eq!(events, [
            (Recipient::Tenant(TENANT), "https://T.example/accounts/Alice".to_owned()),
            (Recipient::Tenant(OPERATOR), elsewhere.to_owned()),
        ]);
    }

    async fn an_address_created_meanwhile_is_found(database) {
        let mut world = World::open(database).await;
        world.lookup.patience = Duration::from_secs(30);
        let create = async {
            while world.events().await.is_empty() {
                tokio::task::yield_now().await;
            }
            world.create(ALICE).await;
        };
        let alice = url(ALICE);
        let (found, ()) = tokio::join!(world.lookup.find_or_wait(&alice, ALICE, CLIENT_SOURCE), create);
        assert_eq!(found.unwrap().unwrap().address, ALICE);
    }

    async fn an_address_whose_wake_up_is_lost_is_found_when_it_is_looked_for_again(database) {
        let mut world = World::open(database).await;
        world.lookup.patience = Duration::from_secs(30);
        world.lookup.look_again = Duration::from_millis(1);
        let create = async {
            while world.events().await.is_empty() {
                tokio::task::yield_now().await;
            }
            // Another connection's commit wakes no task of this process on SQLite.
            let elsewhere = Store::open(world.database.connect_again().await).await.unwrap();
            world.create_through(&elsewhere, ALICE).await;
        };
        let alice = url(ALICE);
        let (found, ()) = tokio::join!(world.lookup.find_or_wait(&alice, ALICE, CLIENT_SOURCE), create);
        assert_eq!(found.unwrap().unwrap().address, ALICE);
    }

    async fn strangers_cannot_make_events_without_limit(database) {
        let world = World::open(database).await;
        for n in 0_u8..30 {
            let wanted = format!("https://t.example/accounts/{n}");
            let source = Source::Address([192, 0, 2, n].into());
            assert_eq!(world.lookup.find_or_wait(&url(&wanted), &wanted, source).await.unwrap(), None);
        }
        assert_eq!(world.events().await.len(), 20);
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(world.lookup.find_or_wait(&url(ALICE), ALICE, CLIENT_SOURCE).await.unwrap(), None);
        let all = world.lookup.store.every_tenant();
        let page = PageRequest { size: 100, ..PageRequest::default() };
        assert_eq!(all.webhook_events(&EventFilter::default(), page).await.unwrap().items.len(), 21);
    }

    async fn one_source_that_asks_for_very_many_leaves_the_others_heard(database) {
        let world = World::open(database).await;
        for n in 0..50 {
            let wanted = format!("https://t.example/accounts/{n}");
            let flood = Source::Address([192, 0, 2, 1].into());
            assert_eq!(world.lookup.find_or_wait(&url(&wanted), &wanted, flood).await.unwrap(), None);
        }
        assert_eq!(world.events().await.len(), 10);
        assert_eq!(world.lookup.find_or_wait(&url(ALICE), ALICE, CLIENT_SOURCE).await.unwrap(), None);
        assert!(world.events().await.contains(&(Recipient::Tenant(TENANT), ALICE.to_owned())));
    }
}
