//! The real backend over a database: one tenant, one wallet address, nobody to pay elsewhere.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clock::{Clock, Entropy};
use connector::{
    Answer, Attempt, Connector, ConnectorConfig, ConnectorPorts, LiquidityAlerts, LowLiquidity, PeerAccount, Uplink,
    UplinkError,
};
use directory::Directory;
use http_signatures::{Signer, SigningKey};
use ledger::MemoryLedger;
use open_payments_api::PaymentsBackend;
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use payments::administration::{
    Administration, AdministrationSettings, Caller, NewAsset, NewWalletAddress, Thresholds,
};
use payments::{LiveReceivers, Payments, PaymentsParts, PaymentsSettings, ReceiverSettings, WalletAddressLookup};
use payments_model::{Secret, Tenant, TenantId};
use payments_store::Store;
use rates::{FetchError, FetchRates, Rates, RatesSettings};
use shared_cache::{InProcessCache, InProcessLimits, SharedCache};
use stream::ReceiverSecret;
use testkit::TestDatabase;
use url::Url;
use webhooks::{Targets, Webhooks};

use crate::world::{ALICE, TENANT};

struct Nobody;

#[async_trait]
impl Uplink for Nobody {
    async fn exchange(&self, _: &PeerAccount, _: Bytes, _: Attempt, _: Duration) -> Result<Answer, UplinkError> {
        Err(UplinkError::Unreachable("no peer in this test".into()))
    }
}

#[async_trait]
impl LiquidityAlerts for Nobody {
    async fn low(&self, _: LowLiquidity) {}
}

#[async_trait]
impl FetchRates for Nobody {
    async fn fetch(&self, _: Url) -> Result<Bytes, FetchError> {
        Ok(Bytes::from_static(br#"{"base":"USD","rates":{}}"#))
    }
}

/// A backend whose operator is the tenant of these tests, and who knows Alice.
pub(crate) async fn real_backend(database: &TestDatabase, clock: Arc<dyn Clock>) -> PaymentsBackend {
    let entropy: Arc<dyn Entropy> = testkit::entropy(23);
    let store = Store::open((**database).clone()).await.unwrap();
    let operator: TenantId = TENANT.parse().unwrap();
    insert_tenant(&store, operator, &*clock).await;
    let ledger = Arc::new(MemoryLedger::new(clock.clone()));
    let url: Url = "https://wallet.example".parse().unwrap();
    let settings = AdministrationSettings {
        deactivation_grace: Duration::from_hours(24),
        open_payments_url: url.clone(),
        own_wallet_address: url.join("/.well-known/pay").unwrap(),
    };
    let administration = Administration::new(store.clone(), ledger.clone(), clock.clone(), entropy.clone(), settings);
    furnish(&administration, Caller { tenant: operator, is_operator: true }).await;

    let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
    let targets = Targets {
        default_url: url.clone(),
        timeout: Duration::from_secs(1),
        attempts_max: 1,
        operator,
        card_service: None,
        point_of_sale: None,
    };
    let webhooks = Webhooks::new(&targets, None, entropy.clone());
    let receivers = LiveReceivers::new(
        store.clone(),
        ledger.clone(),
        webhooks.clone(),
        clock.clone(),
        entropy.clone(),
        ReceiverSettings::default(),
    );
    let rates = Rates::new(Arc::new(Nobody), clock.clone(), RatesSettings::default());
    let address: ilp_packet::Address = "test.bank".parse().unwrap();
    let secret = ReceiverSecret::new(&[7; 32]);
    let ports = ConnectorPorts {
        ledger: ledger.clone(),
        local_accounts: Arc::new(receivers.clone()),
        alerts: Arc::new(Nobody),
        uplink: Arc::new(Nobody),
        rates: rates.clone(),
        cache: cache.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let connector = Connector::new(ConnectorConfig::new(address.clone(), secret.clone(), [0; 32]), ports);
    let outbound = Outbound::new(OutboundConfig::default(), clock.clone()).unwrap();
    let public = PublicResources::new(outbound, RetryPolicy::default(), clock.clone());
    let signer = Arc::new(Signer::new(SigningKey::random(&*entropy), "key").unwrap());
    let addresses = WalletAddressLookup {
        look_again: Duration::from_secs(1),
        store: store.clone(),
        directory: Directory::new(store.clone()),
        webhooks: webhooks.clone(),
        cache: cache.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        operator_tenant: operator,
        patience: Duration::ZERO,
    };
    let payments = Payments::new(PaymentsParts {
        directory: Directory::new(store.clone()),
        store,
        ledger,
        connector,
        receivers,
        webhooks,
        client: OpenPaymentsClient::new(public, "https://wallet.example/.well-known/pay", signer),
        rates,
        cache: cache.clone(),
        clock,
        entropy,
        settings: PaymentsSettings::new(url, operator, address, secret, "0.01".parse().unwrap()),
    });
    PaymentsBackend::new(payments, addresses)
}

async fn insert_tenant(store: &Store, id: TenantId, clock: &dyn Clock) {
    let tenant = Tenant {
        id,
        api_secret: Secret::new("secret"),
        email: None,
        public_name: None,
        idp_consent_url: None,
        idp_secret: None,
        created_at: clock.now(),
        updated_at: clock.now(),
        deleted_at: None,
    };
    let unit = store.begin().await.unwrap();
    unit.every_tenant().insert_tenant(&tenant).await.unwrap();
    unit.commit().await.unwrap();
}

async fn furnish(administration: &Administration, operator: Caller) {
    let asset = money::Asset::new("USD", 2).unwrap();
    let new = NewAsset { asset, thresholds: Thresholds::default(), tenant: None };
    let asset = administration.create_asset(operator, new).await.unwrap();
    let new = NewWalletAddress {
        asset_id: asset.id,
        address: ALICE.to_owned(),
        public_name: None,
        additional_properties: Vec::new(),
        tenant: None,
    };
    administration.create_wallet_address(operator, new).await.unwrap();
}
