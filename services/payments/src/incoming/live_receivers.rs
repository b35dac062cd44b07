//! The receivers of money as the packet path sees them.
//!
//! The packet path must not read the database for every packet, so what was read is kept for a moment. It may be out
//! of date without harm: how much a payment takes, and whether it takes anything, the ledger decides with each credit.
//! What follows from a credit is in `credit_notes`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Timestamp};
use connector::{
    AccountAsset, Bound, Credit, LocalAccount, LocalAccountId, LocalAccounts, LocalAccountsUnavailable, LocalState,
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
use crate::unavailable::Unavailable;

/// How long a payment is believed to be as it was read.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Payments kept; beyond it those not asked for lately are forgotten.
const KEPT_MOST: usize = 20_000;
/// So many payments just created are surely kept.
const CREATED_KEPT: usize = 8192;
/// A payment not asked for that long may be forgotten.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// How receivers behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceiverSettings {
    /// `WITHDRAWAL_THROTTLE_DELAY`: how long money paid straight to a wallet address is collected before it is
    /// announced.
    pub web_monetization_delay: Option<Duration>,
    /// Whether incoming payments take money only once they are approved.
    pub approval: Approval,
}

/// The receivers of money of this process. Clones are one memory.
#[derive(Clone)]
pub struct LiveReceivers(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) webhooks: Webhooks,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: ReceiverSettings,
    pub(crate) counts: IncomingCounts,
    pub(crate) unnoted: Mutex<Unnoted>,
    live: Mutex<HashMap<Uuid, Arc<Live>>>,
    /// Payments just created here that nobody has paid yet, and when that was.
    created: Mutex<Bounded<IncomingPaymentId, (IncomingPayment, Timestamp)>>,
    assets: Mutex<HashMap<Uuid, Arc<AccountAsset>>>,
}

/// Accounts whose credits could not be noted yet.
#[derive(Default)]
pub(crate) struct Unnoted {
    pub(crate) accounts: VecDeque<LocalAccountId>,
    pub(crate) somebody_is_at_it: bool,
}

/// What may have happened to a payment before it is read.
#[derive(Clone, Copy)]
enum Before {
    /// It was created here and not read yet: another process at most has credited it.
    Nothing,
    /// Anything.
    Unknown,
}

/// A receiver as it was read.
#[derive(Clone)]
pub(crate) struct Live {
    account: Arc<LocalAccount>,
    closed: Arc<LocalAccount>,
    expires_at: Option<Timestamp>,
    read_at: Timestamp,
    /// The row, if it is a payment.
    pub(crate) payment: Option<IncomingPayment>,
    /// Held while a credit is noted: the row as this process wrote it last.
    pub(crate) noting: Arc<tokio::sync::Mutex<Option<IncomingPayment>>>,
}

impl Live {
    /// What is expected of a payment in all.
    pub(crate) fn expected(&self) -> Option<u64> {
        self.payment.as_ref().and_then(|payment| payment.incoming_amount)
    }
}

impl LiveReceivers {
    /// An empty memory.
    pub fn new(
        store: Store,
        ledger: Arc<dyn Ledger>,
        webhooks: Webhooks,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: ReceiverSettings,
    ) -> Self {
        let (live, assets, unnoted) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (counts, created) = (IncomingCounts::default(), Mutex::new(Bounded::new(CREATED_KEPT)));
        Self(Arc::new(Inner {
            store,
            ledger,
            webhooks,
            clock,
            entropy,
            settings,
            counts,
            unnoted,
            live,
            created,
            assets,
        }))
    }

    /// A payment ended with `received` credited to it.
    pub(crate) fn count_end(&self, payment: &IncomingPayment, received: u64) {
        self.0.counts.ended(payment, received);
    }

    /// What is known of a payment has changed; it is read again before its next packet.
    pub(crate) fn forget(&self, id: IncomingPaymentId) {
        self.lock_created().take(&id);
        if let Some(live) = self.lock().get_mut(&id.as_uuid()) {
            *live = Arc::new(Live { read_at: Timestamp::EPOCH, ..Live::clone(live) });
        }
    }

    /// What is known of a receiver.
    pub(crate) fn known(&self, id: Uuid) -> Option<Arc<Live>> {
        self.lock().get(&id).cloned()
    }

    /// Remembers a payment as it was created a moment ago.
    pub(crate) fn remember_created(&self, payment: &IncomingPayment) {
        self.lock_created().put(payment.id, (payment.clone(), self.0.clock.now()));
    }

    /// A payment of `tenant` as it was a moment ago, if that is known here.
    pub(crate) fn recent_payment(&self, tenant: TenantId, id: IncomingPaymentId) -> Option<IncomingPayment> {
        let now = self.0.clock.now();
        let is_recent = |at: Timestamp| now.saturating_since(at) < BELIEVED_FOR;
        let live = self.known(id.as_uuid()).filter(|live| is_recent(live.read_at));
        let known = live.and_then(|live| live.payment.clone());
        let known = known.or_else(|| self.created(id).filter(|(_, at)| is_recent(*at)).map(|(payment, _)| payment));
        known.filter(|payment| payment.tenant_id == tenant)
    }

    /// A payment that was created here not long ago, as it was then.
    pub(crate) fn just_created(&self, id: IncomingPaymentId) -> Option<IncomingPayment> {
        self.created(id).map(|(payment, _)| payment)
    }

    fn created(&self, id: IncomingPaymentId) -> Option<(IncomingPayment, Timestamp)> {
        self.lock_created().get(&id)
    }

    fn lock_created(&self) -> MutexGuard<'_, Bounded<IncomingPaymentId, (IncomingPayment, Timestamp)>> {
        self.0.created.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Before there is anything to announce: should this process die right after a credit, another announces it.
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

    /// One value per asset, so that receivers share it.
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

#[async_trait]
impl LocalAccounts for LiveReceivers {
    async fn resolve(
        &self,
        tenant: TenantId,
        tag: &str,
    ) -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable> {
        let Ok(tag) = Uuid::try_parse(tag) else { return Ok(None) };
        let now = self.0.clock.now();
        let believed = self.known(tag).filter(|live| now.saturating_since(live.read_at) < BELIEVED_FOR);
        let live = if believed.is_some() {
            believed
        } else {
            let read = self.read(tenant, tag).await;
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
}

/// An asset as packets and the ledger know it.
pub(crate) fn account_asset(asset: &TenantAsset) -> AccountAsset {
    AccountAsset {
        asset: asset.asset.clone(),
        ledger: asset.in_ledger(),
        liquidity_threshold: asset.liquidity_threshold,
    }
}
