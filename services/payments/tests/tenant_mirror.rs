//! Tenants are mirrored at the authorization server, even if it is unreachable or a process is killed in between.
//! The request itself is tested in `auth-service`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use auth_service::{MirrorError, TenantMirror};
use clock::ManualClock;
use ledger::MemoryLedger;
use outside_text::FieldChange;
use payments::administration::{Administration, AdministrationSettings, Caller, NewTenant, TenantChange};
use payments_model::{Secret, Tenant, TenantId};
use payments_store::Store;
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;

const OPERATOR: Caller = Caller { tenant: TenantId::from_uuid(Uuid::from_u128(1)), is_operator: true };

/// What the authorization server does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Answers,
    IsAway,
    NeverAnswers,
}

#[derive(Debug)]
struct Mirror {
    mood: Mutex<Mood>,
    seen: Mutex<Vec<Tenant>>,
}

#[async_trait]
impl TenantMirror for Mirror {
    async fn bring_in_line(&self, tenant: &Tenant) -> Result<(), MirrorError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Answers => {
                self.seen.lock().unwrap().push(tenant.clone());
                Ok(())
            }
            Mood::IsAway => Err(MirrorError::Refused { status: 503, reason: "away".into() }),
            Mood::NeverAnswers => std::future::pending().await,
        }
    }
}

struct Office {
    administration: Administration,
    mirror: Arc<Mirror>,
    clock: Arc<ManualClock>,
    _database: TestDatabase,
}

impl Office {
    async fn open(database: TestDatabase) -> Self {
        let store = Store::open((*database).clone()).await.unwrap();
        let clock = testkit::manual_clock();
        let unit = store.begin().await.unwrap();
        let secret = Secret::new("the operator's");
        unit.every_tenant().ensure_operator(OPERATOR.tenant, &secret, clock::Clock::now(&*clock)).await.unwrap();
        unit.commit().await.unwrap();
        let mirror = Arc::new(Mirror { mood: Mutex::new(Mood::Answers), seen: Mutex::default() });
        let settings = AdministrationSettings {
            open_payments_url: "https://localhost:3000".parse().unwrap(),
            own_wallet_address: "https://localhost:3000/me".parse().unwrap(),
            deactivation_grace: Duration::from_hours(24),
            operator: OPERATOR.tenant,
            ilp_address: "test.bank".parse().unwrap(),
            secret_overlap: Duration::from_mins(10),
            sealer: sealed_text::Sealer::default(),
        };
        let ledger = Arc::new(MemoryLedger::new(clock.clone()));
        let entropy = testkit::entropy(5);
        let administration = Administration::new(store, ledger, clock.clone(), entropy, settings, mirror.clone());
        Self { administration, mirror, clock, _database: database }
    }

    fn becomes(&self, mood: Mood) {
        *self.mirror.mood.lock().unwrap() = mood;
    }

    /// The tenant as the authorization server saw it last, and how often it was reported.
    fn mirrored(&self) -> (Option<Tenant>, usize) {
        let seen = self.mirror.seen.lock().unwrap();
        (seen.last().cloned(), seen.len())
    }

    async fn create(&self) -> Tenant {
        let new = NewTenant {
            id: None,
            api_secret: Secret::new("s"),
            email: None,
            public_name: None,
            idp_consent_url: None,
            idp_secret: None,
            settings: Vec::new(),
        };
        self.administration.create_tenant(OPERATOR, new).await.unwrap()
    }

    async fn work_later(&self) -> usize {
        self.clock.advance(Duration::from_mins(2));
        self.administration.tenant_mirror_worker().run_due().await.unwrap()
    }
}

on_each_database! {
    async fn a_tenant_is_mirrored_before_its_creator_gets_an_answer(database) {
        let office = Office::open(database).await;
        let tenant = office.create().await;
        assert_eq!(office.mirrored(), (Some(tenant.clone()), 1));
        let change = TenantChange { idp_consent_url: FieldChange::Set("https://idp.example".into()), ..TenantChange::default() };
        let changed = office.administration.update_tenant(OPERATOR, tenant.id, change).await.unwrap();
        assert_eq!(office.mirrored(), (Some(changed), 2));
        office.administration.delete_tenant(OPERATOR, tenant.id).await.unwrap();
        let (last, times) = office.mirrored();
        assert!(last.unwrap().deleted_at.is_some() && times == 3);
        assert_eq!(office.work_later().await, 0, "nothing is left to do");
    }

    async fn a_tenant_is_mirrored_until_both_servers_agree(database) {
        let office = Office::open(database).await;
        office.becomes(Mood::IsAway);
        let tenant = office.create().await;
        let change = TenantChange { public_name: FieldChange::Set("New".into()), ..TenantChange::default() };
        let changed = office.administration.update_tenant(OPERATOR, tenant.id, change).await.unwrap();
        assert_eq!(office.work_later().await, 1);
        assert_eq!(office.mirrored(), (None, 0));
        office.becomes(Mood::Answers);
        assert_eq!(office.work_later().await, 1);
        assert_eq!(office.mirrored(), (Some(changed), 1), "once, as it is now");
        assert_eq!(office.work_later().await, 0);
    }

    async fn a_process_that_dies_while_it_mirrors_leaves_the_work_to_others(database) {
        let office = Office::open(database).await;
        office.becomes(Mood::NeverAnswers);
        // Given up where it waits for the authorization server, as by `kill -9`.
        let given_up = tokio::time::timeout(Duration::from_millis(300), office.create()).await;
        assert!(given_up.is_err());
        office.becomes(Mood::Answers);
        assert_eq!(office.work_later().await, 1);
        let (last, times) = office.mirrored();
        assert!(times == 1 && last.unwrap().deleted_at.is_none());
    }
}
