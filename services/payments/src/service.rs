//! The payments service, and the dependencies that all its use cases share.
//! The use cases are in the folders beside it.

use std::sync::Arc;

use clock::{Clock, Entropy, Timestamp};
use connector::Connector;
use directory::{Directory, KnownAddress};
use ilp_packet::Address;
use ledger::{Account, AccountId, Ledger};
use open_payments_client::OpenPaymentsClient;
use payments_model::tenant::SettingKey;
use payments_model::{TenantId, WalletAddressId};
use payments_store::{Store, Unit};
use rates::Rates;
use sealed_text::Sealer;
use shared_cache::SharedCache;
use stream::StreamReceiver;
use url::Url;
use webhooks::Webhooks;

use crate::counts::OutgoingCounts;
use crate::incoming::live_receivers::LiveReceivers;
use crate::outgoing::at_hand::AtHand;
use crate::outgoing::grant_watch::GrantWatch;
use crate::outgoing::packet_log::PacketLog;
use crate::receivers::address_memory::AddressMemory;
use crate::receivers::grant_slots::GrantSlots;
use crate::receivers::receiver_memory::ReceiverMemory;
use crate::settings::PaymentsSettings;
use crate::unavailable::Unavailable;

/// The dependencies of the payments service.
#[derive(Clone)]
pub struct PaymentsParts {
    /// The backend database.
    pub store: Store,
    /// Data that rarely changes, in memory.
    pub directory: Directory,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The connector, for packets of own payments.
    pub connector: Connector,
    /// The receivers of packets. They are created before the connector and shared with it.
    pub receivers: LiveReceivers,
    /// Delivery of events.
    pub webhooks: Webhooks,
    /// The client of other institutions.
    pub client: OpenPaymentsClient,
    /// Exchange rates.
    pub rates: Rates,
    /// Counters shared by the processes of this role.
    pub cache: SharedCache,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
    /// Encrypts data before it is stored.
    pub sealer: Sealer,
    /// Asks whether the grants of payments that are being sent still stand; `None` asks nobody.
    pub grant_watch: Option<GrantWatch>,
    /// The settings.
    pub settings: PaymentsSettings,
}

/// Use cases of incoming payments, receivers, quotes and outgoing payments. Clones share one service.
#[derive(Clone)]
pub struct Payments(pub(crate) Arc<PaymentsCore>);

pub(crate) struct PaymentsCore {
    pub(crate) parts: PaymentsParts,
    pub(crate) grants: GrantSlots,
    pub(crate) packets: PacketLog,
    pub(crate) receivers: ReceiverMemory,
    pub(crate) addresses: AddressMemory,
    pub(crate) at_hand: AtHand,
    pub(crate) counts: OutgoingCounts,
}

impl Payments {
    /// Makes the service.
    pub fn new(parts: PaymentsParts) -> Self {
        let packets = PacketLog::new(parts.store.clone());
        let (grants, receivers, at_hand) = (GrantSlots::default(), ReceiverMemory::default(), AtHand::default());
        let (addresses, counts) = (AddressMemory::default(), OutgoingCounts::default());
        Self(Arc::new(PaymentsCore { parts, grants, packets, receivers, addresses, at_hand, counts }))
    }

    /// The settings.
    pub fn settings(&self) -> &PaymentsSettings {
        &self.0.parts.settings
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.parts.store
    }

    pub(crate) fn ledger(&self) -> &dyn Ledger {
        &*self.0.parts.ledger
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.0.parts.sealer
    }

    /// The time for packets.
    pub(crate) fn wall(&self) -> Timestamp {
        self.0.parts.clock.wall()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.0.parts.entropy
    }

    pub(crate) async fn begin(&self) -> Result<Unit, Unavailable> {
        Ok(self.store().begin().await?)
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.0.parts.rates
    }

    /// The ledger account with this id.
    pub(crate) async fn account(&self, id: impl Into<AccountId>) -> Result<Option<Account>, Unavailable> {
        Ok(self.ledger().accounts(vec![id.into()]).await?.pop().flatten())
    }

    /// A wallet address of `tenant`.
    pub(crate) async fn wallet_address_of(
        &self,
        tenant: TenantId,
        id: WalletAddressId,
    ) -> Result<Option<Arc<KnownAddress>>, Unavailable> {
        Ok(self.0.parts.directory.wallet_address(tenant, id).await?)
    }

    /// A tenant's setting; `None` if it is not set or the tenant was deleted.
    pub(crate) async fn setting_of(&self, tenant: TenantId, key: SettingKey) -> Result<Option<String>, Unavailable> {
        let facts = self.0.parts.directory.facts().await?;
        Ok(facts.tenant(tenant).and_then(|tenant| tenant.setting(key)).map(str::to_owned))
    }

    /// The source of a tenant's exchange rates.
    pub(crate) async fn rates_url(&self, tenant: TenantId) -> Result<Option<Url>, Unavailable> {
        let own = self.setting_of(tenant, SettingKey::ExchangeRatesUrl).await?;
        let own = own.and_then(|text| text.parse().ok());
        Ok(own.or_else(|| self.settings().exchange_rates_url.clone()))
    }

    /// The issuer of credentials for a tenant's receivers; `None` if the tenant has no ILP address.
    pub(crate) async fn stream_receiver(&self, tenant: TenantId) -> Result<Option<StreamReceiver>, Unavailable> {
        let settings = self.settings();
        let address = if tenant == settings.operator_tenant {
            Some(settings.operator_ilp_address.clone())
        } else {
            let own = self.setting_of(tenant, SettingKey::IlpAddress).await?;
            own.and_then(|text| text.parse::<Address>().ok())
        };
        Ok(address.map(|address| StreamReceiver::new(settings.stream_secret.clone(), address)))
    }
}
