//! Notes: what follows from a credit, namely the new state of the payment and its event.
//!
//! The ledger knows what was credited. A note brings the row in line with the ledger. Any process may make a note at
//! any time, and may repeat it. If the database does not answer, the note is made when it answers again. If a process
//! ends before its note, a later start makes it.

use std::sync::PoisonError;
use std::time::Duration;

use clock::Timestamp;
use connector::LocalAccountId;
use jobs::NewJob;
use payments_model::incoming_payment::IncomingState;
use payments_model::{IncomingPayment, IncomingPaymentId, WalletAddress, WalletAddressId};
use tokio::sync::oneshot;

use crate::incoming::expectations::{self, InLedger};
use crate::incoming::incoming_events::announce;
use crate::incoming::live_receivers::LiveReceivers;
use crate::incoming::web_monetization;
use crate::ledger_totals::amount_of;
use crate::queues::{EXPIRY_QUEUE, WEB_MONETIZATION_QUEUE};
use crate::unavailable::Unavailable;

/// The longest time that the reply to a packet waits for its note. It waits less if the packet expires sooner.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pauses between attempts to make a note that failed.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How many accounts are read with one query.
const CHUNK: usize = 1000;

/// When a note is committed.
enum Commit {
    Now,
    /// With the unit of another caller, which is told when the note is ready.
    With(oneshot::Sender<()>),
}

impl LiveReceivers {
    /// Notes the credits to an account, and returns the total that it has received.
    ///
    /// Stops waiting when the packet expires. The note is then made in the background.
    pub(crate) async fn note_in_time(&self, account: LocalAccountId, until: Timestamp) -> Option<u64> {
        let patience = until.saturating_since(self.0.clock.wall()).min(PATIENCE);
        match tokio::time::timeout(patience, self.note(account)).await {
            Ok(Ok(received)) => return Some(received),
            Ok(Err(error)) => {
                tracing::warn!(%error, ?account, "a credit is not noted yet; it will be tried until it succeeds");
            }
            Err(_) => tracing::warn!(?account, "a credit was not noted in time; it will be tried until it succeeds"),
        }
        self.note_in_background(account);
        None
    }

    async fn note(&self, account: LocalAccountId) -> Result<u64, Unavailable> {
        match account {
            LocalAccountId::IncomingPayment(id) => self.note_credit(id).await,
            LocalAccountId::WalletAddress(id) => self.note_web_monetization(id).await,
        }
    }

    /// Notes the credits to an account as soon as possible. One task does this for all accounts.
    fn note_in_background(&self, account: LocalAccountId) {
        let mut unnoted = self.0.unnoted.lock().unwrap_or_else(PoisonError::into_inner);
        if !unnoted.accounts.contains(&account) {
            unnoted.accounts.push_back(account);
        }
        if !unnoted.somebody_is_at_it {
            unnoted.somebody_is_at_it = true;
            let receivers = self.clone();
            tokio::spawn(async move { receivers.note_all_unnoted().await });
        }
    }

    async fn note_all_unnoted(&self) {
        let mut pause = SHORTEST_PAUSE;
        while let Some(account) = self.take_unnoted() {
            match self.note(account).await {
                Ok(_) => pause = SHORTEST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, ?account, "a credit is not noted yet");
                    self.note_in_background(account);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The account is removed before its note is made. A credit during the note puts it back.
    fn take_unnoted(&self) -> Option<LocalAccountId> {
        let mut unnoted = self.0.unnoted.lock().unwrap_or_else(PoisonError::into_inner);
        let account = unnoted.accounts.pop_front();
        unnoted.somebody_is_at_it = account.is_some();
        account
    }

    /// Brings the state of a payment in line with the total in the ledger, and returns the total.
    ///
    /// One transaction holds the change of state, its event and the end of the payment's jobs.
    pub async fn note_credit(&self, id: IncomingPaymentId) -> Result<u64, Unavailable> {
        self.note_credit_as(id, Commit::Now).await
    }

    /// Notes the credits to a payment in the same commit as `with`, which commits another unit.
    ///
    /// If the note cannot be made in it, it is made before. If it fails, it is made in the background.
    pub(crate) async fn note_credit_with<T>(&self, id: IncomingPaymentId, with: impl Future<Output = T>) -> T {
        let (ready, is_ready) = oneshot::channel();
        let note = async {
            match tokio::time::timeout(PATIENCE, self.note_credit_as(id, Commit::With(ready))).await {
                Ok(Ok(_)) => return,
                Ok(Err(error)) => {
                    tracing::warn!(%error, payment.id = %id, "a credit is not noted yet; it will be tried until it succeeds");
                }
                Err(_) => {
                    tracing::warn!(payment.id = %id, "a credit was not noted in time; it will be tried until it succeeds");
                }
            }
            self.note_in_background(LocalAccountId::IncomingPayment(id));
        };
        let other = async {
            // An error means that the note has been made, or failed.
            let _ = is_ready.await;
            with.await
        };
        tokio::join!(note, other).1
    }

    async fn note_credit_as(&self, id: IncomingPaymentId, commit: Commit) -> Result<u64, Unavailable> {
        let live = self.known(id.as_uuid());
        let noting = live.as_ref().map(|live| live.noting.clone()).unwrap_or_default();
        let mut written = noting.lock().await;

        let mut found = expectations::look(&*self.0.ledger, id).await?;
        let expected = live.as_ref().map(|live| live.expected());
        let completes = expected.is_none_or(|expected| expected.is_some_and(|expected| expected <= found.received));
        let is_processing = written.as_ref().is_some_and(|payment| payment.state == IncomingState::Processing);

        if found.received == 0 || (is_processing && !completes) {
            return Ok(found.received);
        }

        // The row as it was last written or read. If another process has changed it since, nothing is written.
        let read = live.and_then(|live| live.payment.clone()).or_else(|| self.just_created(id));
        let known = written.take().into_iter().chain(read).max_by_key(|payment| payment.updated_at);

        if let Some(before) = known
            && let Some(noted) = self.note_credit_of_known(&before, &mut found, commit).await?
        {
            *written = Some(noted);
            return Ok(found.received);
        }

        if let Some(noted) = self.note_credit_of_locked(id, &mut found).await? {
            *written = Some(noted);
        }
        Ok(found.received)
    }

    /// As [`LiveReceivers::note_credit`], for a payment whose row is read under its lock. Returns the row after the
    /// change, or `None` if there is no such payment.
    async fn note_credit_of_locked(
        &self,
        id: IncomingPaymentId,
        found: &mut InLedger,
    ) -> Result<Option<IncomingPayment>, Unavailable> {
        loop {
            let now = self.0.clock.now();
            let unit = self.0.store.begin().await?;
            let locked = unit.every_tenant().locked_incoming_payment(id).await?;
            let Some(locked) = locked else { return Ok(None) };
            let before = (*locked).clone();

            if before.is_open() && before.is_paid_by(found.received) && !found.is_closed() {
                // The event of an ended payment states a final total, so the expectation is closed first.
                drop(unit);
                let received = expectations::close(&*self.0.ledger, &before).await?;
                *found = InLedger { received, left: Some(0) };
                continue;
            }

            let mut payment = locked.map(|payment| payment.credited(found.received, now));
            announce(&self.0.webhooks, &unit, &mut payment, found.received, now, &*self.0.entropy).await?;

            let ended = before.is_open() && !payment.is_open();
            if ended {
                jobs::cancel(unit.transaction(), EXPIRY_QUEUE, id);
            }
            if *payment != before {
                unit.every_tenant().update_incoming_payment(&payment)?;
            }

            let payment = payment.into_inner();
            if payment != before {
                unit.commit().await?;
            }

            if ended {
                self.count_end(&payment, found.received);
            }
            if !payment.is_open() {
                self.forget(id);
            }
            return Ok(Some(payment));
        }
    }

    /// As [`LiveReceivers::note_credit`], for an open payment whose row is still equal to `before`. Returns the row
    /// after the change. Returns `None` and writes nothing if the row has changed.
    async fn note_credit_of_known(
        &self,
        before: &IncomingPayment,
        found: &mut InLedger,
        commit: Commit,
    ) -> Result<Option<IncomingPayment>, Unavailable> {
        if !before.is_open() {
            return Ok(None);
        }

        if before.is_paid_by(found.received) && !found.is_closed() {
            // The event of an ended payment states a final total, so the expectation is closed first.
            *found = InLedger { received: expectations::close(&*self.0.ledger, before).await?, left: Some(0) };
        }

        let now = self.0.clock.now();
        let unit = self.0.store.begin().await?;
        let mut payment = before.clone().credited(found.received, now);
        announce(&self.0.webhooks, &unit, &mut payment, found.received, now, &*self.0.entropy).await?;

        if !payment.is_open() {
            jobs::cancel(unit.transaction(), EXPIRY_QUEUE, payment.id);
        }

        unit.every_tenant().replace_incoming_payment(before, &payment)?;
        let committed = match commit {
            Commit::Now => unit.commit().await,
            // Before a repetition takes effect, it finds the row as it was read. So it is safe to repeat.
            Commit::With(ready) => {
                let committed = unit.commit_deferred();
                // The caller is gone if it gave up waiting.
                let _ = ready.send(());
                committed.await
            }
        };
        match committed {
            Ok(()) => {}
            Err(error) if error.is_overtaken() => return Ok(None),
            Err(error) => return Err(error.into()),
        }

        if !payment.is_open() {
            self.count_end(&payment, found.received);
            self.forget(payment.id);
        }

        Ok(Some(payment))
    }

    /// Makes sure that a job announces money paid straight to a wallet address, and returns the total paid.
    ///
    /// The database is asked whether such a job exists, because any process may have created or done it.
    async fn note_web_monetization(&self, id: WalletAddressId) -> Result<u64, Unavailable> {
        let total = self.paid_straight_to(id).await?;
        let Some(address) = self.0.store.every_tenant().wallet_address(id).await? else { return Ok(total) };
        let now = self.0.clock.now();
        let delay = self.0.settings.web_monetization_delay;
        if let Some(at) = web_monetization::announce_at(&address, total, delay, now) {
            self.announce_by(&address, at).await?;
        }
        Ok(total)
    }

    /// Makes sure that a job will announce money before it is paid straight to a wallet address.
    pub(crate) async fn expect_web_monetization(&self, address: &WalletAddress) -> Result<(), Unavailable> {
        let delay = self.0.settings.web_monetization_delay;
        if delay.is_none() && address.asset.withdrawal_threshold.is_none() {
            return Ok(());
        }
        let at = self.0.clock.now() + delay.unwrap_or(web_monetization::LOOK_AGAIN_AFTER);
        self.announce_by(address, at).await
    }

    /// Makes sure that a job runs at `at` or earlier and announces what is due then.
    async fn announce_by(&self, address: &WalletAddress, at: Timestamp) -> Result<(), Unavailable> {
        let waiting = jobs::waiting_until(self.0.store.database(), WEB_MONETIZATION_QUEUE, address.id).await?;
        if waiting.is_some_and(|due| due <= at) {
            return Ok(());
        }
        let unit = self.0.store.begin().await?;
        jobs::enqueue(unit.transaction(), NewJob::new(WEB_MONETIZATION_QUEUE, address.id, at))?;
        Ok(unit.commit().await?)
    }

    async fn paid_straight_to(&self, id: WalletAddressId) -> Result<u64, Unavailable> {
        let account = self.0.ledger.accounts(vec![id.into()]).await?.pop().flatten();
        Ok(account.map_or(0, |account| amount_of(account.credits_posted)))
    }

    /// Notes every credit whose note is missing because a process ended in between. Returns the number of such
    /// accounts. Called once at the start, while other work goes on.
    pub async fn reconcile(&self) -> Result<usize, Unavailable> {
        let mut noted = 0;
        let open = self.0.store.every_tenant().open_incoming_payments().await?;
        for some in open.chunks(CHUNK) {
            let accounts = self.0.ledger.accounts(some.iter().map(|id| (*id).into()).collect()).await?;
            for (id, account) in some.iter().zip(accounts) {
                if account.is_some_and(|account| account.credits_posted > 0) {
                    self.note_credit(*id).await?;
                    noted += 1;
                }
            }
        }
        Ok(noted + self.reconcile_wallet_addresses().await?)
    }

    async fn reconcile_wallet_addresses(&self) -> Result<usize, Unavailable> {
        let (mut noted, mut after) = (0, None);
        loop {
            let some = self.0.store.every_tenant().announced_web_monetization(after, CHUNK).await?;
            let Some(last) = some.last() else { return Ok(noted) };
            after = Some(last.0);
            let accounts = self.0.ledger.accounts(some.iter().map(|(id, _)| (*id).into()).collect()).await?;
            for ((id, announced), account) in some.iter().zip(accounts) {
                if account.is_some_and(|account| account.credits_posted > u128::from(*announced)) {
                    self.note_web_monetization(*id).await?;
                    noted += 1;
                }
            }
        }
    }

    /// As [`LiveReceivers::reconcile`], repeated until database and ledger answer.
    pub async fn reconcile_until_done(&self) {
        let mut pause = SHORTEST_PAUSE;
        while let Err(error) = self.reconcile().await {
            tracing::warn!(%error, "receivers are not yet reconciled with the ledger; it will be tried again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
