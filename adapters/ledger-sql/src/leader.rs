//! The leader: it takes what callers have submitted, decides all of it together, and commits once.
//!
//! Callers that arrive meanwhile wait for the next round. A caller is answered only after the commit. The rules of the
//! ledger are in `rules/ledger`.

use std::sync::Arc;
use std::time::Duration;

use bounded::Bounded;
use clock::{Clock, Stopwatch, Timestamp};
use ledger::{
    AccountId, AccountState, Balances, Cause, Event, PAGE_MAX, Recorded, TransferId, TransferPage, TransferState,
    WorkingSet,
};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use crate::changes::{Changes, StoredHead, WAYPOINT_EVERY};
use crate::request::{CallResult, Request};
use crate::store::{Store, StoreError, entry_before, recorded};

/// After this many events a round takes in no more submissions.
const ROUND: usize = 8190;
/// The longest wait for callers that were just answered.
const PATIENCE: Duration = Duration::from_millis(2);
/// How many expiries a round handles at most, so that the first transaction after a long pause is not endless.
const EXPIRIES: u32 = 4096;
/// After this many rounds in a row that were lost to other processes, callers get an error.
const ATTEMPTS: u32 = 100;
/// After a round is lost to another process, this many rounds take the lock first.
const CONTENDED: u32 = 32;
/// The number of entries from one waypoint back to the one before, both included.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const WAYPOINT_STEPS: u32 = WAYPOINT_EVERY as u32 + 1;
/// Accounts kept in memory, per generation of the cache.
const CACHED_ACCOUNTS: usize = 16_384;
/// Undecided reservations kept in memory, per generation of the cache.
const CACHED_RESERVATIONS: usize = 16_384;

pub(crate) struct Leader<S> {
    store: S,
    clock: Arc<dyn Clock>,
    /// `None` for an account that is known not to exist.
    accounts: Bounded<AccountId, Option<AccountState>>,
    reservations: Bounded<TransferId, Recorded>,
    /// Where the journal ends and when the next reservation times out. `None` if the database must be asked.
    remembered_end: Option<JournalEnd>,
    /// How many more rounds take the lock first.
    contended: u32,
    /// How many callers the last round answered, or waited meanwhile.
    callers: usize,
}

/// Whether the ids of new transfers are looked up before they are used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IdLookup {
    Made,
    /// Whether the database itself refuses an id that was used before.
    Spared,
}

#[derive(Clone, Copy)]
struct JournalEnd {
    head: StoredHead,
    next_expiry: Option<Timestamp>,
}

impl<S: Store> Leader<S> {
    pub(crate) fn new(store: S, clock: Arc<dyn Clock>) -> Self {
        let (accounts, reservations) = (Bounded::new(CACHED_ACCOUNTS), Bounded::new(CACHED_RESERVATIONS));
        Self { store, clock, accounts, reservations, remembered_end: None, contended: 0, callers: 0 }
    }

    /// Serves until all senders are dropped.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = queue.recv().await {
            let mut round = vec![first];
            self.gather(&mut round, &mut queue);
            let answers = self.decide_and_commit(&round).await;
            self.callers = round.len() + queue.len();
            reply(round, answers);
        }
    }

    /// Takes in the waiting submissions. After a slow commit it waits a moment for the callers that were just answered,
    /// so that they share the next commit with the callers that waited meanwhile.
    fn gather(&self, round: &mut Vec<Request>, queue: &mut mpsc::Receiver<Request>) {
        let (watch, patience) = (Stopwatch::start(), self.store.patience().min(PATIENCE));
        let mut weight: usize = round.iter().map(Request::weight).sum();
        while weight < ROUND {
            match queue.try_recv() {
                Ok(next) => {
                    weight += next.weight();
                    round.push(next);
                }
                Err(TryRecvError::Empty) if round.len() < self.callers && watch.elapsed() < patience => {
                    std::thread::sleep(patience / 16);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    async fn decide_and_commit(&mut self, round: &[Request]) -> Result<Vec<CallResult>, StoreError> {
        // If the database refuses ids that were used before, new ids need no look-up.
        let mut lookup = if S::SHARED { IdLookup::Spared } else { IdLookup::Made };
        for _ in 0..ATTEMPTS {
            match self.attempt(round, lookup).await {
                Ok(answers) => return Ok(answers),
                Err(StoreError::Repeated) => lookup = IdLookup::Made,
                Err(StoreError::Moved) => {
                    self.forget();
                    self.contended = CONTENDED;
                }
                Err(error) => {
                    self.forget();
                    // This error says more than an error of giving the lock back.
                    let _ = self.store.release().await;
                    return Err(error);
                }
            }
        }
        let _ = self.store.release().await;
        Err(StoreError::Moved)
    }

    /// What is kept in memory may be out of date.
    fn forget(&mut self) {
        self.remembered_end = None;
        self.accounts.clear();
        self.reservations.clear();
    }

    /// Decides the round and commits it. If the look-up of ids was left out and an id turns out to be used before, the
    /// answer is `Repeated`.
    async fn attempt(&mut self, round: &[Request], lookup: IdLookup) -> Result<Vec<CallResult>, StoreError> {
        let mut end = self.journal_end().await?;
        let now = end.head.head.instant(self.clock.now());
        while end.next_expiry.is_some_and(|at| at <= now) {
            end = self.expire(end, now).await?;
        }

        let mut set = WorkingSet::new(end.head.head);
        self.load(&mut set, &Named::by(round, lookup)).await?;
        let mut answers: Vec<_> = round.iter().map(|request| answer(&mut set, now, request)).collect();
        if lookup == IdLookup::Spared && !answers.iter().all(CallResult::spends_its_ids) {
            return Err(StoreError::Repeated);
        }

        self.commit(end, set).await?;
        // The past is read from the database, which now contains this round's entries, too.
        for (request, answer) in round.iter().zip(&mut answers) {
            match request {
                Request::History(account, from, limit, _) => {
                    *answer = CallResult::History(self.page(*account, *from, *limit).await?);
                }
                Request::BalancesAt(account, at, _) => {
                    *answer = CallResult::BalancesAt(self.balances_at(*account, *at).await?);
                }
                _ => {}
            }
        }

        Ok(answers)
    }

    async fn journal_end(&mut self) -> Result<JournalEnd, StoreError> {
        let head = if self.contended > 0 {
            self.contended -= 1;
            let head = self.store.lock().await?;
            if let Some(end) = self.remembered_end.filter(|end| end.head == head) {
                return Ok(end);
            }
            self.forget();
            head
        } else if let Some(end) = self.remembered_end {
            return Ok(end);
        } else {
            self.store.head().await?
        };
        let end = JournalEnd { head, next_expiry: self.store.next_expiry().await? };
        self.remembered_end = Some(end);
        Ok(end)
    }

    /// Times out the reservations that are due, in the order of their expiries.
    async fn expire(&mut self, end: JournalEnd, now: Timestamp) -> Result<JournalEnd, StoreError> {
        let due = self.store.due(now, EXPIRIES).await?;
        let due_count = due.len();
        let mut named = Named::default();
        let mut set = WorkingSet::new(end.head.head);
        for (id, recorded) in &due {
            named.accounts_of(recorded);
            set.load_transfer(*id, *recorded);
        }
        self.load(&mut set, &named).await?;
        let expired = due.into_iter().filter(|(id, _)| set.expire(now, *id)).count();
        if expired < due_count {
            return Err(StoreError::Damaged("a decided reservation is listed to run out".to_owned()));
        }
        let head = self.commit(end, set).await?;
        let end = JournalEnd { head, next_expiry: self.store.next_expiry().await? };
        self.remembered_end = Some(end);
        Ok(end)
    }

    /// Fills the set from memory, and reads from the database what is missing there.
    async fn load(&mut self, set: &mut WorkingSet, named: &Named) -> Result<(), StoreError> {
        self.store.begin().await?;
        let mut absent = Vec::new();
        for id in unique(&named.transfers) {
            match self.reservations.get(&id) {
                Some(recorded) => set.load_transfer(id, recorded),
                None => absent.push(id),
            }
        }

        if !absent.is_empty() {
            for (id, recorded) in self.store.transfers(&absent).await? {
                set.load_transfer(id, recorded);
            }
        }

        let mut accounts = Named { accounts: named.accounts.clone(), transfers: Vec::new() };
        for (_, recorded) in set.transfers() {
            accounts.accounts_of(recorded);
        }
        let mut absent = Vec::new();
        for id in unique(&accounts.accounts) {
            match self.accounts.get(&id) {
                Some(Some(state)) => set.load_account(state),
                Some(None) => {}
                None => absent.push(id),
            }
        }

        if !absent.is_empty() {
            let found = self.store.accounts(&absent).await?;
            for id in absent {
                self.accounts.put(id, None);
            }
            for state in found {
                self.accounts.put(state.account.created.id, Some(state));
                set.load_account(state);
            }
        }
        Ok(())
    }

    /// Stores what the set decided and keeps it in memory. Returns where the journal now ends.
    async fn commit(&mut self, end: JournalEnd, mut set: WorkingSet) -> Result<StoredHead, StoreError> {
        let entries = set.take_entries();
        if entries.is_empty() {
            // Refusals and look-ups must also be based on the current state of the ledger.
            let stale = S::SHARED && self.head_of_round().await? != end.head;
            self.store.release().await?;
            return if stale { Err(StoreError::Moved) } else { Ok(end.head) };
        }

        let changes = Changes::of(end.head, &set, &entries);
        self.store.commit(&changes).await?;
        for state in &changes.accounts {
            self.accounts.put(state.account.created.id, Some(*state));
        }

        for entry in &entries {
            if let Event::Moved(movement) = &entry.event {
                let id =
                    if movement.transfer.flags.pending { movement.transfer.id } else { movement.transfer.pending_id };
                match set.transfer(id) {
                    Some(recorded @ Recorded::Made { transfer, .. }) if transfer.state == TransferState::Pending => {
                        self.reservations.put(id, *recorded);
                    }
                    _ => self.reservations.remove(&id),
                }
            }
        }

        let soonest = changes.timeouts.iter().map(|(at, _)| *at).chain(end.next_expiry).min();
        self.remembered_end = Some(JournalEnd { head: changes.after, next_expiry: soonest });
        Ok(changes.after)
    }
}

impl<S: Store> Leader<S> {
    /// Where the stored journal ended when this round last read from it.
    async fn head_of_round(&mut self) -> Result<StoredHead, StoreError> {
        match self.store.take_head_seen() {
            Some(head) => Ok(head),
            None => self.store.head().await,
        }
    }

    async fn stored(&mut self, account: AccountId) -> Result<Option<AccountState>, StoreError> {
        match self.accounts.get(&account) {
            Some(known) => Ok(known),
            None => Ok(self.store.accounts(&[account]).await?.pop()),
        }
    }

    async fn page(&mut self, account: AccountId, from: Option<u64>, limit: u32) -> Result<TransferPage, StoreError> {
        let from = match from {
            Some(from) => Some(from),
            None => self.stored(account).await?.filter(|state| state.movements > 0).map(|state| state.last_entry),
        };
        let Some(from) = from else { return Ok(TransferPage::default()) };
        let walked = self.store.history(account, from, limit.clamp(1, PAGE_MAX)).await?;
        let mut page = TransferPage::default();
        for (entry, settlement) in walked {
            match &entry.event {
                Event::Moved(movement) if movement.posting_of(account).is_some() => {
                    page.next = entry_before(&entry, account);
                    if !matches!(movement.cause, Cause::Expired { .. })
                        && let (_, Recorded::Made { transfer, .. }) = recorded(&entry, settlement)?
                    {
                        page.transfers.push(transfer);
                    }
                }
                // The caller invented the position: it is not an entry of this account.
                _ => break,
            }
        }
        Ok(page)
    }

    async fn balances_at(&mut self, account: AccountId, at: Timestamp) -> Result<Option<Balances>, StoreError> {
        let Some(state) = self.stored(account).await? else { return Ok(None) };
        if at < state.account.timestamp {
            return Ok(None);
        }
        if state.movements == 0 {
            return Ok(Some(Balances::default()));
        }
        let from = self.store.waypoint_after(account, at).await?.unwrap_or(state.last_entry);
        let walked = self.store.history(account, from, WAYPOINT_STEPS).await?;
        let last = walked.iter().map(|(entry, _)| entry).find(|entry| entry.timestamp <= at);
        let posting = last.and_then(|entry| match &entry.event {
            Event::Moved(movement) => movement.posting_of(account),
            _ => None,
        });
        Ok(Some(posting.map(|posting| posting.balances).unwrap_or_default()))
    }
}

fn reply(round: Vec<Request>, answers: Result<Vec<CallResult>, StoreError>) {
    match answers {
        Ok(answers) => {
            for (request, answer) in round.into_iter().zip(answers) {
                request.reply(answer);
            }
        }
        Err(error) => {
            tracing::error!(%error, "the ledger could not commit");
            let reason = error.to_string();
            for request in round {
                request.refuse(&reason);
            }
        }
    }
}

/// Decides one request on the set.
fn answer(set: &mut WorkingSet, now: Timestamp, request: &Request) -> CallResult {
    match request {
        Request::CreateAccounts(accounts, _) => CallResult::CreateAccounts(set.create_accounts(now, accounts)),
        Request::Submit(transfers, _) => CallResult::Submit(set.create_transfers(now, transfers)),
        Request::Accounts(ids, _) => {
            CallResult::Accounts(ids.iter().map(|id| set.account(*id).map(|state| state.account)).collect())
        }
        Request::Transfers(ids, _) => CallResult::Transfers(
            ids.iter()
                .map(|id| match set.transfer(*id) {
                    Some(Recorded::Made { transfer, .. }) => Some(*transfer),
                    Some(Recorded::Spent) | None => None,
                })
                .collect(),
        ),
        Request::History(..) => CallResult::History(TransferPage::default()),
        Request::BalancesAt(..) => CallResult::BalancesAt(None),
    }
}

/// The ids that a round names.
#[derive(Default)]
struct Named {
    accounts: Vec<AccountId>,
    transfers: Vec<TransferId>,
}

impl Named {
    /// Leaves out the ids of new transfers if they need no look-up.
    fn by(round: &[Request], lookup: IdLookup) -> Self {
        let mut named = Self::default();
        for request in round {
            match request {
                Request::CreateAccounts(accounts, _) => {
                    named.accounts.extend(accounts.iter().map(|account| account.id));
                }
                Request::Submit(transfers, _) => {
                    for transfer in transfers {
                        named.transfers.push(transfer.pending_id);
                        if lookup == IdLookup::Made {
                            named.transfers.push(transfer.id);
                        }
                        named.accounts.extend([transfer.debit_account_id, transfer.credit_account_id]);
                    }
                }
                Request::Accounts(ids, _) => named.accounts.extend(ids),
                Request::Transfers(ids, _) => named.transfers.extend(ids),
                Request::History(account, ..) | Request::BalancesAt(account, ..) => named.accounts.push(*account),
            }
        }
        named
    }

    /// The accounts of a reservation that may still be decided.
    fn accounts_of(&mut self, recorded: &Recorded) {
        if let Recorded::Made { transfer, .. } = recorded
            && transfer.state == TransferState::Pending
        {
            self.accounts.extend([transfer.created.debit_account_id, transfer.created.credit_account_id]);
        }
    }
}

/// The ids in order, without repetitions and without 0, which is not an id. Databases read ordered ids faster.
fn unique<T: Copy + Default + Ord>(ids: &[T]) -> Vec<T> {
    let mut ids: Vec<_> = ids.iter().copied().filter(|id| *id != T::default()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
