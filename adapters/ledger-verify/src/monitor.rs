//! Watches a ledger in use: new entries at once, old ones in turns, and that every ledger sums to zero.
//!
//! Each look is short and reads one instant's state; what a look cannot cover, a later one does.

use std::time::Duration;

use ledger::{Account, AccountId, AccountState, ChainHash, Entry, Event, GENESIS, chain_hash};
use sqlx::Row;
use uuid::Uuid;

use crate::source::Source;
use crate::totals::by_ledger;
use crate::{VerifyError, postgres, sqlite};

/// New entries checked in one look.
const NEW: u32 = 100_000;
/// Old entries checked again in one look.
const OLD: u32 = 20_000;
/// Accounts held against their last entry in one look.
const ACCOUNTS: u32 = 5_000;

/// Something in the stored ledger is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong.
    pub reason: String,
}

/// Looks at one ledger again and again.
#[derive(Debug)]
pub struct ConservationMonitor {
    url: String,
    state: Option<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    new: Stretch,
    old: Stretch,
    accounts_after: AccountId,
    alarms: Vec<Alarm>,
}

/// A part of the journal checked so far, by its last entry.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    after: u64,
    hash: ChainHash,
}

impl Default for Stretch {
    fn default() -> Self {
        Self { after: 0, hash: GENESIS }
    }
}

impl ConservationMonitor {
    /// A monitor of the ledger at `url` that has seen nothing yet.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), state: Some(State::default()) }
    }

    /// Takes one look and returns what is wrong.
    pub async fn look(&mut self) -> Result<Vec<Alarm>, VerifyError> {
        let state = self.state.clone().unwrap_or_default();
        let state = match Source::of(&self.url)? {
            Source::Sqlite(path) => tokio::task::spawn_blocking(move || look_at_sqlite(&path, state))
                .await
                .map_err(|error| VerifyError::Unavailable(error.to_string()))??,
            Source::Postgres(url) => look_at_postgres(url, state).await?,
        };
        let state = self.state.insert(state);
        Ok(std::mem::take(&mut state.alarms))
    }

    /// Looks every `period` until dropped; each alarm is logged and given to `raise`.
    pub async fn run(mut self, period: Duration, raise: impl Fn(&Alarm)) {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.look().await {
                Ok(alarms) => {
                    for alarm in &alarms {
                        tracing::error!(reason = alarm.reason, "the ledger is not as it was written");
                        raise(alarm);
                    }
                }
                Err(error) => tracing::warn!(%error, "the ledger could not be looked at"),
            }
        }
    }
}

impl State {
    fn alarm(&mut self, reason: String) {
        self.alarms.push(Alarm { reason });
    }

    /// A row that should follow `stretch`. After a fault the stretch goes on from the stored hash, so that one
    /// fault is one alarm.
    fn entry(&mut self, stretch: Stretch, seq: u64, hash: &[u8], record: &[u8]) -> Stretch {
        if seq != stretch.after + 1 {
            self.alarm(format!("entries {} to {} are missing", stretch.after + 1, seq.saturating_sub(1)));
        } else if chain_hash(&stretch.hash, seq, record) != hash {
            self.alarm(format!("entry {seq} or its hash was changed"));
        } else if Entry::decode(seq, record).is_err() {
            self.alarm(format!("entry {seq} is malformed"));
        }
        Stretch { after: seq, hash: hash.try_into().unwrap_or(GENESIS) }
    }

    /// All accounts as stored, `None` where the octets say nothing.
    fn accounts(&mut self, accounts: &[Option<Account>]) {
        let unreadable = accounts.iter().filter(|account| account.is_none()).count();
        if unreadable > 0 {
            self.alarm(format!("{unreadable} accounts are malformed"));
        }
        for totals in by_ledger(accounts.iter().flatten()).iter().filter(|totals| !totals.balanced()) {
            self.alarm(format!("ledger {} does not sum to zero", totals.ledger));
        }
    }

    /// An account and the entry it says was its last.
    fn account(&mut self, id: AccountId, stored: &[u8], record: &[u8]) {
        let Ok(state) = AccountState::decode(stored) else { return };
        let told = match Entry::decode(state.last_entry, record).map(|entry| entry.event) {
            Ok(Event::Moved(movement)) => movement.posting_of(id).map(|posting| posting.balances),
            Ok(Event::AccountCreated(created)) if created == state.account.created => Some(ledger::Balances::default()),
            _ => None,
        };
        if told != Some(state.account.balances()) {
            self.alarm(format!(
                "the stored totals of account {id} are not those of its last entry {}",
                state.last_entry
            ));
        }
    }
}

const JOURNAL_SQLITE: &str = "SELECT seq, hash, record FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const JOURNAL_POSTGRES: &str = "SELECT seq, hash, record FROM ledger_journal WHERE seq > $1 ORDER BY seq LIMIT $2";

fn look_at_sqlite(path: &str, mut state: State) -> Result<State, VerifyError> {
    let mut connection = sqlite::open(path)?;
    let snapshot = connection.transaction()?;
    let check = |state: &mut State, mut stretch: Stretch, limit: u32| -> Result<(Stretch, u32), VerifyError> {
        let mut statement = snapshot.prepare_cached(JOURNAL_SQLITE)?;
        let mut rows = statement.query((stretch.after, limit))?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            stretch = state.entry(stretch, sqlite::number(row, 0), sqlite::octets(row, 1), sqlite::octets(row, 2));
            seen += 1;
        }
        Ok((stretch, seen))
    };
    let (new, old) = (state.new, state.old);
    state.new = check(&mut state, new, NEW)?.0;
    let (old, seen) = check(&mut state, old, OLD)?;
    state.old = if seen < OLD { Stretch::default() } else { old };
    let mut accounts = Vec::new();
    sqlite::each(&snapshot, "SELECT id, state FROM accounts", |row| {
        accounts.push(AccountState::decode(sqlite::octets(row, 1)).ok().map(|state| state.account));
        Ok(())
    })?;
    state.accounts(&accounts);
    let mut some = snapshot.prepare("SELECT id, state FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut last_entry = snapshot.prepare("SELECT record FROM journal WHERE seq = ?1")?;
    let mut rows = some.query((state.accounts_after.as_u128().to_be_bytes(), ACCOUNTS))?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        let (id, stored) = (AccountId::from_u128(sqlite::id(row)), sqlite::octets(row, 1));
        let seq = AccountState::decode(stored).map_or(0, |state| state.last_entry);
        let mut entry = last_entry.query([seq])?;
        let record = entry.next()?.map_or(&[][..], |row| sqlite::octets(row, 0));
        state.account(id, stored, record);
        state.accounts_after = id;
        seen += 1;
    }
    if seen < ACCOUNTS {
        state.accounts_after = AccountId::default();
    }
    Ok(state)
}

async fn look_at_postgres(url: &str, mut state: State) -> Result<State, VerifyError> {
    let mut connection = postgres::snapshot(url).await?;
    for (new, limit) in [(true, NEW), (false, OLD)] {
        let mut stretch = if new { state.new } else { state.old };
        let query = sqlx::query(JOURNAL_POSTGRES).bind(stretch.after.cast_signed()).bind(i64::from(limit));
        let rows = query.fetch_all(&mut connection).await?;
        for row in &rows {
            let seq: i64 = row.try_get(0)?;
            stretch = state.entry(stretch, seq.cast_unsigned(), row.try_get(1)?, row.try_get(2)?);
        }
        if new {
            state.new = stretch;
        } else {
            state.old = if rows.len() < OLD as usize { Stretch::default() } else { stretch };
        }
    }
    let mut accounts = Vec::new();
    postgres::each(&mut connection, "SELECT state FROM ledger_accounts", |row| {
        accounts.push(AccountState::decode(row.try_get(0)?).ok().map(|state| state.account));
        Ok(())
    })
    .await?;
    state.accounts(&accounts);
    let some = sqlx::query("SELECT id, state FROM ledger_accounts WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(state.accounts_after.as_uuid())
        .bind(i64::from(ACCOUNTS));
    let some = some.fetch_all(&mut connection).await?;
    let mut entries = Vec::with_capacity(some.len());
    for row in &some {
        let seq = AccountState::decode(row.try_get(1)?).map_or(0, |state| state.last_entry);
        entries.push(seq.cast_signed());
    }
    let records = sqlx::query("SELECT (SELECT record FROM ledger_journal WHERE seq = wanted) FROM unnest($1::bigint[]) WITH ORDINALITY AS w (wanted, place) ORDER BY place")
        .bind(entries)
        .fetch_all(&mut connection)
        .await?;
    for (row, record) in some.iter().zip(&records) {
        let id = AccountId::from(row.try_get::<Uuid, _>(0)?);
        let record: Option<&[u8]> = record.try_get(0)?;
        state.account(id, row.try_get(1)?, record.unwrap_or_default());
        state.accounts_after = id;
    }
    if some.len() < ACCOUNTS as usize {
        state.accounts_after = AccountId::default();
    }
    Ok(state)
}
