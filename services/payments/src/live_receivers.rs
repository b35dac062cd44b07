//! Incoming payments that are being paid right now, as the packet path sees them, and what follows from a credit.
//!
//! The packet path must not read the database for every packet, so a payment is kept here for a moment. What decides
//! in the end is the ledger's total and the row, read under its lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Timestamp};
use connector::{AccountAsset, Credit, LocalAccount, LocalAccountId, LocalAccounts, LocalAccountsUnavailable};
use connector::{LocalState, Room};
use jobs::NewJob;
use ledger::{AccountId, Ledger};
use payments_model::accounting::AccountKind;
use payments_model::{IncomingPayment, IncomingPaymentId, TenantAsset, TenantId, WalletAddress, WalletAddressId};
use payments_store::Store;
use uuid::Uuid;
use webhooks::Webhooks;

use crate::Unavailable;
use crate::counts::IncomingCounts;
use crate::incoming_events::announce;
use crate::ledger_totals::amount_of;
use crate::queues::WEB_MONETIZATION_QUEUE;

/// How long a payment is believed to be as it was read; another process may have ended it meanwhile.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Payments kept; beyond it those not asked for lately are forgotten.
const KEPT_MOST: usize = 20_000;
/// A payment not asked for that long may be forgotten.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// The receivers of money of this process. Clones are one memory.
#[derive(Clone)]
pub struct LiveReceivers(Arc<Inner>);

struct Inner {
    store: Store,
    ledger: Arc<dyn Ledger>,
    webhooks: Webhooks,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    web_monetization_delay: Option<Duration>,
    live: Mutex<HashMap<Uuid, Arc<Live>>>,
    assets: Mutex<HashMap<Uuid, Arc<AccountAsset>>>,
    counts: IncomingCounts,
}

/// A receiver as it was read.
struct Live {
    account: Arc<LocalAccount>,
    closed: Arc<LocalAccount>,
    expires_at: Option<Timestamp>,
    expected: Option<u64>,
    read_at: Timestamp,
    /// Held while a credit is noted; `true` once nothing more has to be written for the next credit: the payment is
    /// known to be `PROCESSING`, or the money of the wallet address to be announced in due time.
    noting: Arc<tokio::sync::Mutex<bool>>,
}

impl LiveReceivers {
    /// An empty memory. `web_monetization_delay` is `WITHDRAWAL_THROTTLE_DELAY`: how long money paid straight to a
    /// wallet address is collected before it is announced.
    pub fn new(
        store: Store,
        ledger: Arc<dyn Ledger>,
        webhooks: Webhooks,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        web_monetization_delay: Option<Duration>,
    ) -> Self {
        let (live, assets, counts) = (Mutex::default(), Mutex::default(), IncomingCounts::default());
        Self(Arc::new(Inner { store, ledger, webhooks, clock, entropy, web_monetization_delay, live, assets, counts }))
    }

    /// A payment ended with `received` credited to it.
    pub(crate) fn count_end(&self, payment: &IncomingPayment, received: u64) {
        self.0.counts.ended(payment, received);
    }

    /// What is known of a payment has changed; it is read again before its next packet.
    pub(crate) fn forget(&self, id: IncomingPaymentId) {
        if let Some(live) = self.lock().get_mut(&id.as_uuid()) {
            let changed = Live { read_at: Timestamp::EPOCH, ..live.again() };
            *live = Arc::new(changed);
        }
    }

    /// Brings the state of a payment in line with what the ledger says was credited (payments section 2.3).
    ///
    /// Repeating it is harmless. One transaction holds the change of state and its event.
    pub async fn note_credit(&self, id: IncomingPaymentId) -> Result<(), Unavailable> {
        let live = self.lock().get(&id.as_uuid()).cloned();
        let noting = live.as_ref().map(|live| live.noting.clone()).unwrap_or_default();
        let mut processing = noting.lock().await;
        let total = self.credited_to(id).await?;
        let completes = live.is_none_or(|live| live.expected.is_some_and(|expected| expected <= total));
        if total == 0 || (*processing && !completes) {
            return Ok(());
        }
        let now = self.0.clock.now();
        let unit = self.0.store.begin().await?;
        let Some(locked) = unit.every_tenant().locked_incoming_payment(id).await? else { return Ok(()) };
        let before = (*locked).clone();
        let mut payment = locked.map(|payment| payment.credited(total, now));
        announce(&self.0.webhooks, &unit, &mut payment, total, now, &*self.0.entropy).await?;
        if *payment != before {
            unit.every_tenant().update_incoming_payment(&payment).await?;
        }
        let payment = payment.into_inner();
        if payment != before {
            unit.commit().await?;
        }
        if before.is_open() && !payment.is_open() {
            self.count_end(&payment, total);
        }
        *processing = payment.is_open();
        if !payment.is_open() {
            self.forget(id);
        }
        Ok(())
    }

    /// Sees to it that money paid straight to a wallet address is announced (payments section 8).
    async fn note_web_monetization(&self, id: WalletAddressId) -> Result<(), Unavailable> {
        let live = self.lock().get(&id.as_uuid()).cloned();
        let noting = live.map(|live| live.noting.clone()).unwrap_or_default();
        let mut scheduled = noting.lock().await;
        let Some(address) = self.0.store.every_tenant().wallet_address(id).await? else { return Ok(()) };
        let total = self.credited_to(id).await?;
        let now = self.0.clock.now();
        let reached = address.asset.withdrawal_threshold.is_some_and(|threshold| {
            total.checked_sub(threshold).is_some_and(|above| address.total_events_amount <= above)
        });
        let at = match self.0.web_monetization_delay {
            _ if reached => now,
            Some(delay) if !*scheduled => now + delay,
            _ => return Ok(()),
        };
        let unit = self.0.store.begin().await?;
        jobs::enqueue(unit.transaction(), NewJob::new(WEB_MONETIZATION_QUEUE, id, at)).await?;
        unit.commit().await?;
        *scheduled = !reached;
        Ok(())
    }

    /// The money of a wallet address was announced: the next credit schedules the next announcement.
    pub(crate) async fn announced(&self, id: WalletAddressId) {
        let live = self.lock().get(&id.as_uuid()).cloned();
        if let Some(live) = live {
            *live.noting.lock().await = false;
        }
    }

    /// Notes every credit that was made and not noted, because a process died in between.
    ///
    /// To be called once at the start, beside the work.
    pub async fn reconcile(&self) -> Result<usize, Unavailable> {
        let open = self.0.store.every_tenant().open_incoming_payments().await?;
        let mut noted = 0;
        for some in open.chunks(1000) {
            let accounts = self.0.ledger.accounts(some.iter().map(|id| (*id).into()).collect()).await?;
            for (id, account) in some.iter().zip(accounts) {
                if account.is_some_and(|account| account.credits_posted > 0) {
                    self.note_credit(*id).await?;
                    noted += 1;
                }
            }
        }
        Ok(noted)
    }

    async fn credited_to(&self, id: impl Into<AccountId>) -> Result<u64, Unavailable> {
        let account = self.0.ledger.accounts(vec![id.into()]).await?.pop().flatten();
        Ok(account.map_or(0, |account| amount_of(account.credits_posted)))
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
        let credited = self.ensure_account(payment.id.as_uuid(), &payment.asset, AccountKind::Incoming).await?;
        let known = self.lock().get(&payment.id.as_uuid()).cloned();
        let room = match (payment.incoming_amount, known.as_ref().and_then(|known| known.account.room.clone())) {
            (None, _) => None,
            (Some(_), Some(room)) => {
                room.raise_to(credited);
                Some(room)
            }
            (Some(expected), None) => Some(Arc::new(Room::new(expected, credited))),
        };
        let now = self.0.clock.now();
        let open = payment.receivable(credited, now).is_ok();
        let account = LocalAccount {
            id: LocalAccountId::IncomingPayment(payment.id),
            tenant: payment.tenant_id,
            asset: self.account_asset(&payment.asset),
            state: if open { LocalState::Open } else { LocalState::Closed },
            room,
        };
        Ok(Live {
            closed: Arc::new(LocalAccount { state: LocalState::Closed, ..account.clone() }),
            account: Arc::new(account),
            expires_at: Some(payment.expires_at),
            expected: payment.incoming_amount,
            read_at: now,
            noting: known.map(|known| known.noting.clone()).unwrap_or_default(),
        })
    }

    async fn live_address(&self, address: &WalletAddress) -> Result<Live, Unavailable> {
        self.ensure_account(address.id.as_uuid(), &address.asset, AccountKind::WebMonetization).await?;
        let account = Arc::new(LocalAccount {
            id: LocalAccountId::WalletAddress(address.id),
            tenant: address.tenant_id,
            asset: self.account_asset(&address.asset),
            state: LocalState::Open,
            room: None,
        });
        let read_at = self.0.clock.now();
        let known = self.lock().get(&address.id.as_uuid()).map(|known| known.noting.clone());
        let noting = known.unwrap_or_default();
        Ok(Live { closed: account.clone(), account, expires_at: None, expected: None, read_at, noting })
    }

    /// Makes sure the ledger account exists and tells what was credited to it.
    async fn ensure_account(&self, id: Uuid, asset: &TenantAsset, kind: AccountKind) -> Result<u64, Unavailable> {
        if let Some(account) = self.0.ledger.accounts(vec![id.into()]).await?.pop().flatten() {
            return Ok(amount_of(account.credits_posted));
        }
        // Somebody else may be creating it as well; whatever the result, it exists afterwards.
        self.0.ledger.create_accounts(vec![asset.in_ledger().account(id.into(), kind)]).await?;
        Ok(0)
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

impl Live {
    fn again(&self) -> Self {
        Self {
            account: self.account.clone(),
            closed: self.closed.clone(),
            expires_at: self.expires_at,
            expected: self.expected,
            read_at: self.read_at,
            noting: self.noting.clone(),
        }
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
        let known = self.lock().get(&tag).cloned();
        let believed = known.filter(|live| now.saturating_since(live.read_at) < BELIEVED_FOR);
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

    async fn credited(&self, credit: Credit) {
        let noted = match credit.account {
            LocalAccountId::IncomingPayment(id) => self.note_credit(id).await,
            LocalAccountId::WalletAddress(id) => self.note_web_monetization(id).await,
        };
        if let Err(error) = noted {
            tracing::error!(%error, account = ?credit.account, "credit not noted; it is noted with the next, or at the start");
        }
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
