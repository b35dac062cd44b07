//! The receivers of packets, kept in memory for the packet path.
//!
//! The packet path must not read the database for every packet, so receivers that were read are kept for a moment. An
//! old copy does no harm: the ledger decides with each credit how much a payment still takes. Work after a credit is
//! in `credit_notes`.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Timestamp};
use connector::{
    AccountAsset, Bound, Credit, LocalAccount, LocalAccountId, LocalAccounts, LocalAccountsUnavailable, LocalState,
    SenderData, Verdict,
};
use directory::Bounded;
use ledger::Ledger;
use payments_model::accounting::AccountKind;
use payments_model::incoming_payment::Approval;
use payments_model::{IncomingPayment, IncomingPaymentId, TenantAsset, TenantId, WalletAddress};
use payments_store::Store;
use uuid::Uuid;
use webhooks::Webhooks;

use crate::administration::accounts_stand;
use crate::counts::IncomingCounts;
use crate::incoming::expectations;
use crate::incoming::partial_payments::{Asking, PartialPayments};
use crate::unavailable::Unavailable;

/// How long a copy of a payment is used.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// The maximum number of payments that are kept. If there are more, those that were not used lately are dropped.
const KEPT_MOST: usize = 20_000;
/// The number of new payments that are kept in any case.
const CREATED_KEPT: usize = 8192;
/// A payment that was not used for this long may be dropped.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// Settings of receivers.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceiverSettings {
    /// `WITHDRAWAL_THROTTLE_DELAY`: how long money paid directly to a wallet address is collected before it is
    /// announced.
    pub web_monetization_delay: Option<Duration>,
    /// Whether incoming payments need an approval before they accept money.
    pub approval: Approval,
}

/// The receivers in this process. Clones share one memory.
#[derive(Clone)]
pub struct LiveReceivers(pub(crate) Arc<ReceiverMemory>);

pub(crate) struct ReceiverMemory {
    pub(crate) store: Store,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) webhooks: Webhooks,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: ReceiverSettings,
    pub(crate) partial: PartialPayments,
    pub(crate) counts: IncomingCounts,
    pub(crate) unnoted: Mutex<Unnoted>,
    live: Mutex<HashMap<Uuid, Arc<Live>>>,
    /// Payments that this process created and that have received no packet yet, with the time of their creation.
    created: Mutex<Bounded<IncomingPaymentId, (IncomingPayment, Timestamp)>>,
    assets: Mutex<HashMap<Uuid, Arc<AccountAsset>>>,
    /// Receivers that are being read now.
    being_read: Mutex<HashMap<Uuid, Arc<tokio::sync::Mutex<()>>>>,
}

/// A place in the queue for reading one receiver.
struct ToRead<'m> {
    memory: &'m ReceiverMemory,
    tag: Uuid,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Accounts with credits whose note is missing.
#[derive(Default)]
pub(crate) struct Unnoted {
    pub(crate) accounts: VecDeque<LocalAccountId>,
    pub(crate) somebody_is_at_it: bool,
}

/// What may have happened to a payment before it is read.
#[derive(Clone, Copy)]
enum Before {
    /// This process created it and has not read it since. Only another process can have credited it.
    Nothing,
    /// Anything may have happened.
    Unknown,
}

/// A receiver as it was read.
#[derive(Clone)]
pub(crate) struct Live {
    account: Arc<LocalAccount>,
    closed: Arc<LocalAccount>,
    expires_at: Option<Timestamp>,
    read_at: Timestamp,
    /// The row, if the receiver is a payment.
    pub(crate) payment: Option<IncomingPayment>,
    /// Locked while a note is made. Holds the row as this process wrote it last.
    pub(crate) noting: Arc<tokio::sync::Mutex<Option<IncomingPayment>>>,
}

impl Live {
    /// The total amount that a payment expects.
    pub(crate) fn expected(&self) -> Option<u64> {
        self.payment.as_ref().and_then(|payment| payment.incoming_amount)
    }
}

impl LiveReceivers {
    /// Makes an empty memory.
    pub fn new(
        store: Store,
        ledger: Arc<dyn Ledger>,
        webhooks: Webhooks,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: ReceiverSettings,
        partial: PartialPayments,
    ) -> Self {
        let (live, assets, unnoted) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (counts, created) = (IncomingCounts::default(), Mutex::new(Bounded::new(CREATED_KEPT)));
        Self(Arc::new(ReceiverMemory {
            store,
            ledger,
            webhooks,
            clock,
            entropy,
            settings,
            partial,
            counts,
            unnoted,
            live,
            created,
            assets,
            being_read: Mutex::default(),
        }))
    }

    /// Counts a payment that ended with `received` credited to it.
    pub(crate) fn count_end(&self, payment: &IncomingPayment, received: u64) {
        self.0.counts.ended(payment, received);
    }

    /// Drops the copy of a payment that has changed. The next packet reads it again.
    pub(crate) fn forget(&self, id: IncomingPaymentId) {
        self.lock_created().take(&id);
        if let Some(live) = self.lock().get_mut(&id.as_uuid()) {
            *live = Arc::new(Live { read_at: Timestamp::EPOCH, ..Live::clone(live) });
        }
    }

    /// The copy of a receiver, if there is one.
    pub(crate) fn known(&self, id: Uuid) -> Option<Arc<Live>> {
        self.lock().get(&id).cloned()
    }

    /// Keeps a payment that was just created.
    pub(crate) fn remember_created(&self, payment: &IncomingPayment) {
        self.lock_created().put(payment.id, (payment.clone(), self.0.clock.now()));
    }

    /// A recent copy of a payment of `tenant`, if this process has one.
    pub(crate) fn recent_payment(&self, tenant: TenantId, id: IncomingPaymentId) -> Option<IncomingPayment> {
        let now = self.0.clock.now();
        let is_recent = |at: Timestamp| now.saturating_since(at) < BELIEVED_FOR;
        let live = self.known(id.as_uuid()).filter(|live| is_recent(live.read_at));
        let known = live.and_then(|live| live.payment.clone());
        let known = known.or_else(|| self.created(id).filter(|(_, at)| is_recent(*at)).map(|(payment, _)| payment));
        known.filter(|payment| payment.tenant_id == tenant)
    }

    /// A payment that this process created recently, as it was created.
    pub(crate) fn just_created(&self, id: IncomingPaymentId) -> Option<IncomingPayment> {
        self.created(id).map(|(payment, _)| payment)
    }

    fn created(&self, id: IncomingPaymentId) -> Option<(IncomingPayment, Timestamp)> {
        self.lock_created().get(&id)
    }

    fn lock_created(&self) -> MutexGuard<'_, Bounded<IncomingPaymentId, (IncomingPayment, Timestamp)>> {
        self.0.created.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the queue for reading a receiver, for as long as the returned value exists.
    #[cfg(test)]
    pub(crate) fn waits_for(&self, tag: Uuid) -> impl Sized + Send {
        ToRead::of(&self.0, tag)
    }

    /// Whether no receiver is being read.
    #[cfg(test)]
    pub(crate) fn reads_nothing(&self) -> bool {
        self.0.lock_being_read().is_empty()
    }

    /// A copy that is recent enough to be used.
    fn believed(&self, tag: Uuid) -> Option<Arc<Live>> {
        let now = self.0.clock.now();
        self.known(tag).filter(|live| now.saturating_since(live.read_at) < BELIEVED_FOR)
    }

    /// Reads a receiver, unless a packet that came at the same time has just read it: a quote sends its first packets
    /// together.
    async fn read_once(&self, tenant: TenantId, tag: Uuid) -> Result<Option<Arc<Live>>, Unavailable> {
        let to_read = ToRead::of(&self.0, tag);
        let _at_it = to_read.turn.lock().await;
        match self.believed(tag) {
            Some(live) => Ok(Some(live)),
            None => self.read(tenant, tag).await,
        }
    }

    async fn read(&self, tenant: TenantId, tag: Uuid) -> Result<Option<Arc<Live>>, Unavailable> {
        let scope = self.0.store.tenant(tenant);
        let id = IncomingPaymentId::from_uuid(tag);

        let created = self.lock_created().take(&id);
        let is_recent = |at: Timestamp| self.0.clock.now().saturating_since(at) < BELIEVED_FOR;
        let created = created.filter(|(payment, at)| payment.tenant_id == tenant && is_recent(*at));
        let found = match created {
            Some((payment, _)) => Some((payment, Before::Nothing)),
            None => scope.incoming_payment(id).await?.map(|payment| (payment, Before::Unknown)),
        };

        let live = match found {
            Some((payment, before)) => self.live_payment(payment, before).await?,
            None => match scope.wallet_address(tag.into()).await? {
                Some(address) if address.is_active(self.0.clock.now()) => self.live_address(&address).await?,
                _ => return Ok(None),
            },
        };

        let live = Arc::new(live);

        let mut known = self.lock();
        if known.len() >= KEPT_MOST {
            let long_ago = self.0.clock.now() - KEPT_FOR;
            known.retain(|_, live| live.read_at >= long_ago);
        }
        known.insert(tag, live.clone());

        Ok(Some(live))
    }

    async fn live_payment(&self, payment: IncomingPayment, before: Before) -> Result<Live, Unavailable> {
        let now = self.0.clock.now();
        let takes_money = payment.takes_money(self.0.settings.approval, now).is_ok();

        let ledger = &*self.0.ledger;
        let left = match before {
            _ if !takes_money => None,
            Before::Nothing => expectations::open_new(ledger, &payment).await?.left,
            Before::Unknown => expectations::open(ledger, &payment).await?.left,
        };
        let left = left.unwrap_or(0);

        let account = LocalAccount {
            id: LocalAccountId::IncomingPayment(payment.id),
            tenant: payment.tenant_id,
            asset: self.account_asset(&payment.asset),
            state: if left > 0 { LocalState::Open } else { LocalState::Closed },
            bound: Some(Bound { expectation: payment.expectation(), expected: payment.incoming_amount, left }),
        };

        Ok(Live {
            closed: Arc::new(LocalAccount { state: LocalState::Closed, ..account.clone() }),
            account: Arc::new(account),
            expires_at: Some(payment.expires_at),
            read_at: now,
            noting: self.known(payment.id.as_uuid()).map(|known| known.noting.clone()).unwrap_or_default(),
            payment: Some(payment),
        })
    }

    async fn live_address(&self, address: &WalletAddress) -> Result<Live, Unavailable> {
        if self.0.ledger.accounts(vec![address.id.into()]).await?.iter().all(Option::is_none) {
            let account = address.asset.in_ledger().account(address.id.into(), AccountKind::WebMonetization);
            accounts_stand(&self.0.ledger.create_accounts(vec![account]).await?, "the account of a wallet address")?;
        }
        // The job is made before the credit. If this process ends right after the credit, another process announces it.
        self.expect_web_monetization(address).await?;
        let account = Arc::new(LocalAccount {
            id: LocalAccountId::WalletAddress(address.id),
            tenant: address.tenant_id,
            asset: self.account_asset(&address.asset),
            state: LocalState::Open,
            bound: None,
        });
        Ok(Live {
            closed: account.clone(),
            account,
            expires_at: None,
            payment: None,
            read_at: self.0.clock.now(),
            noting: Arc::default(),
        })
    }

    /// The one shared value of an asset, for all its receivers.
    fn account_asset(&self, asset: &TenantAsset) -> Arc<AccountAsset> {
        let wanted = account_asset(asset);
        let mut assets = self.0.assets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = assets.entry(asset.id.as_uuid()).or_insert_with(|| Arc::new(wanted.clone()));
        if **known != wanted {
            *known = Arc::new(wanted);
        }
        known.clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Live>>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'m> ToRead<'m> {
    fn of(memory: &'m ReceiverMemory, tag: Uuid) -> Self {
        let turn = Arc::clone(memory.lock_being_read().entry(tag).or_default());
        Self { memory, tag, turn }
    }
}

impl Drop for ToRead<'_> {
    fn drop(&mut self) {
        let mut being_read = self.memory.lock_being_read();
        // Given back under the lock. Otherwise two that leave at the same time each take the other for one that stays.
        drop(mem::take(&mut self.turn));
        if being_read.get(&self.tag).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            being_read.remove(&self.tag);
        }
    }
}

impl ReceiverMemory {
    fn lock_being_read(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<tokio::sync::Mutex<()>>>> {
        self.being_read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LocalAccounts for LiveReceivers {
    async fn resolve(
        &self,
        tenant: TenantId,
        tag: &str,
    ) -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable> {
        let Ok(tag) = Uuid::try_parse(tag) else { return Ok(None) };
        let now = self.0.clock.now();
        let live = if let Some(live) = self.believed(tag) {
            Some(live)
        } else {
            let read = self.read_once(tenant, tag).await;
            read.map_err(|error| LocalAccountsUnavailable { reason: error.to_string() })?
        };
        Ok(live.filter(|live| live.account.tenant == tenant).map(|live| {
            let late = live.expires_at.is_some_and(|expiry| expiry <= now);
            if late { live.closed.clone() } else { live.account.clone() }
        }))
    }

    async fn credited(&self, credit: Credit) -> Option<u64> {
        self.note_in_time(credit.account, credit.until).await
    }

    async fn judge(&self, offer: SenderData<'_>) -> Verdict {
        // No decision is needed about money that is paid to a wallet address.
        let LocalAccountId::IncomingPayment(id) = offer.account else { return Verdict::Take };
        let ReceiverMemory { store, webhooks, clock, entropy, settings, partial, .. } = &*self.0;
        let (clock, entropy, approval) = (&**clock, &**entropy, settings.approval);
        // Packets go by the wall clock, questions about them by the clock of events.
        let until = clock.now() + offer.until.saturating_since(clock.wall());
        let offer = SenderData { until, ..offer };
        Asking { store, webhooks, clock, entropy, approval, partial }.judge(id, offer).await
    }
}

/// An asset in the form that packets and the ledger use.
pub(crate) fn account_asset(asset: &TenantAsset) -> AccountAsset {
    AccountAsset {
        asset: asset.asset.clone(),
        ledger: asset.in_ledger(),
        liquidity_threshold: asset.liquidity_threshold,
    }
}
