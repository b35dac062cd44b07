//! The receivers of money as the packet path sees them.
//!
//! The packet path must not read the database for every packet, so what was read is kept for a moment. It may be out
//! of date without harm: how much a payment takes, and whether it takes anything, the ledger decides with each credit.
//! What follows from a credit is in `credit_notes`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Timestamp};
use connector::{
    AccountAsset, Bound, Credit, LocalAccount, LocalAccountId, LocalAccounts, LocalAccountsUnavailable, LocalState,
};
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
    assets: Mutex<HashMap<Uuid, Arc<AccountAsset>>>,
}

/// Accounts whose credits could not be noted yet.
#[derive(Default)]
pub(crate) struct Unnoted {
    pub(crate) accounts: VecDeque<LocalAccountId>,
    pub(crate) somebody_is_at_it: bool,
}

/// A receiver as it was read.
#[derive(Clone)]
pub(crate) struct Live {
    account: Arc<LocalAccount>,
    closed: Arc<LocalAccount>,
    expires_at: Option<Timestamp>,
    read_at: Timestamp,
    /// What is expected of a payment in all.
    pub(crate) expected: Option<u64>,
    /// Held while a credit is noted; `true` once the payment is known to be `PROCESSING`, so that nothing has to be
    /// written for the next credit.
    pub(crate) noting: Arc<tokio::sync::Mutex<bool>>,
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
        let counts = IncomingCounts::default();
        Self(Arc::new(Inner { store, ledger, webhooks, clock, entropy, settings, counts, unnoted, live, assets }))
    }

    /// A payment ended with `received` credited to it.
    pub(crate) fn count_end(&self, payment: &IncomingPayment, received: u64) {
        self.0.counts.ended(payment, received);
    }

    /// What is known of a payment has changed; it is read again before its next packet.
    pub(crate) fn forget(&self, id: IncomingPaymentId) {
        if let Some(live) = self.lock().get_mut(&id.as_uuid()) {
            *live = Arc::new(Live { read_at: Timestamp::EPOCH, ..Live::clone(live) });
        }
    }

    /// What is known of a receiver.
    pub(crate) fn known(&self, id: Uuid) -> Option<Arc<Live>> {
        self.lock().get(&id).cloned()
    }

    async fn read(&self, tenant: TenantId, tag: Uuid) -> Result<Option<Arc<Live>>, Unavailable> {
        let scope = self.0.store.tenant(tenant);
        let live = match scope.incoming_payment(IncomingPaymentId::from_uuid(tag)).await? {
            Some(payment) => self.live_payment(&payment).await?,
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

    async fn live_payment(&self, payment: &IncomingPayment) -> Result<Live, Unavailable> {
        let now = self.0.clock.now();
        let takes_money = payment.takes_money(self.0.settings.approval, now).is_ok();
        let left = if takes_money { expectations::open(&*self.0.ledger, payment).await?.left } else { None };
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
            expected: payment.incoming_amount,
            read_at: now,
            noting: self.known(payment.id.as_uuid()).map(|known| known.noting.clone()).unwrap_or_default(),
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
            expected: None,
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<Live>>> {
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
