//! The index from transfer ids to journal entries. It is written a little later than the journal.
//!
//! Ids are random, so each would change a different page of the file. New ids therefore wait in memory. They are
//! written in key order, a part with each commit. After a restart the ids at the end of the journal are read again. A
//! filter (`id_filter`) saves most look-ups of ids that were never used.

use std::collections::HashMap;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::{Cause, Event, TransferId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sqlite::id_filter::IdFilter;
use crate::store::{StoreError, decode};

/// When this many ids wait, writing them in parts begins.
const WAITING: usize = 262_144;

pub(crate) struct IdIndex {
    filters: Filters,
    fresh: HashMap<TransferId, u64>,
    /// The ids in key order. Those before `written` are in the table.
    draining: Vec<(TransferId, u64)>,
    written: usize,
}

/// The filter in use, and a larger one that is being filled if the first has no room left.
struct Filters {
    used: Arc<IdFilter>,
    next: Option<Arc<IdFilter>>,
    ids: u64,
    file: Option<PathBuf>,
}

impl Filters {
    /// For a table with at most so many `ids`.
    fn begin(ids: u64, file: Option<&Path>) -> Self {
        let used = IdFilter::new(ids.saturating_mul(2));
        match file {
            Some(file) => used.fill(file.to_owned()),
            None => used.declare_complete(),
        }
        Self { used, next: None, ids, file: file.map(Path::to_owned) }
    }

    fn may_hold(&self, id: TransferId) -> bool {
        self.used.may_hold(id)
    }

    fn put(&mut self, id: TransferId) {
        self.ids += 1;
        self.used.put(id);
        if let Some(next) = &self.next {
            next.put(id);
        }
    }

    /// Replaces the filter by the larger one, or starts to fill one, if it is time.
    fn keep_room(&mut self, waiting: impl Iterator<Item = TransferId>) {
        if let Some(next) = self.next.take_if(|next| next.is_complete()) {
            self.used = next;
        }
        let Some(file) = &self.file else { return };
        if self.next.is_none() && self.used.room().is_some_and(|room| self.ids > room) {
            let next = IdFilter::new(self.ids.saturating_mul(2));
            for id in waiting {
                next.put(id);
            }
            next.fill(file.clone());
            self.next = Some(next);
        }
    }
}

/// How far a transaction has written the waiting ids.
pub(crate) struct Drained(usize);

impl IdIndex {
    /// Reads the ids of the entries that the table may lack. `file` is the database file; `None` if the ledger is in
    /// memory only.
    pub(crate) fn load(connection: &Connection, file: Option<&Path>) -> Result<Self, StoreError> {
        let entries = connection.query_row("SELECT max(seq) FROM journal", [], |row| row.get::<_, Option<u64>>(0))?;
        let mut filters = Filters::begin(entries.unwrap_or(0), file);

        let mut statement = connection
            .prepare("SELECT seq, record FROM journal WHERE seq > (SELECT through FROM indexed) ORDER BY seq")?;
        let mut rows = statement.query([])?;
        let mut fresh = HashMap::new();

        while let Some(row) = rows.next()? {
            let seq = row.get(0)?;
            let entry = decode(seq, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            match entry.event {
                // An expiry names the transfer that expired. That transfer's own entry came before.
                Event::Moved(movement) if matches!(movement.cause, Cause::Expired { .. }) => {}
                Event::Moved(movement) => {
                    fresh.insert(movement.transfer.id, seq);
                }
                Event::IdSpent(id) => {
                    fresh.insert(id, seq);
                }
                Event::AccountCreated(_) => {}
            }
        }

        for id in fresh.keys() {
            filters.put(*id);
        }
        Ok(Self { filters, fresh, draining: Vec::new(), written: 0 })
    }

    /// The entries of those ids that were used.
    pub(crate) fn find(&self, connection: &Connection, ids: &[TransferId]) -> Result<Vec<u64>, StoreError> {
        let mut statement = connection.prepare_cached("SELECT seq FROM transfer_ids WHERE id = ?1")?;
        let mut found = Vec::new();
        for id in ids {
            if let Some(seq) = self.fresh.get(id) {
                found.push(*seq);
            } else if let Ok(at) = self.draining.binary_search_by_key(id, |(id, _)| *id) {
                found.push(self.draining[at].1);
            } else if self.filters.may_hold(*id) {
                let stored = statement.query_row([id.as_u128().to_be_bytes()], |row| row.get::<_, u64>(0));
                found.extend(stored.optional()?);
            }
        }
        Ok(found)
    }

    /// Writes the next part. It is twice as long as the `new` ids, so that writing is faster than waiting ids come in.
    pub(crate) fn drain(&self, connection: &Connection, new: usize) -> Result<Drained, StoreError> {
        let end = self.draining.len().min(self.written + 2 * new);
        let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO transfer_ids (id, seq) VALUES (?1, ?2)")?;
        for (id, seq) in &self.draining[self.written..end] {
            insert.execute(params![id.as_u128().to_be_bytes(), seq])?;
        }
        if end == self.draining.len()
            && let Some(through) = self.draining.iter().map(|(_, seq)| *seq).max()
        {
            connection.prepare_cached("UPDATE indexed SET through = ?1")?.execute([through])?;
        }
        Ok(Drained(end))
    }

    /// The transaction is durable. So are the ids that it wrote and these new ids.
    pub(crate) fn committed(&mut self, drained: Drained, new: &[(TransferId, u64)]) {
        let waiting = self.fresh.keys().chain(self.draining.iter().map(|(id, _)| id)).copied();
        self.filters.keep_room(waiting);
        self.written = drained.0;
        self.fresh.extend(new.iter().copied());
        for (id, _) in new {
            self.filters.put(*id);
        }
        if self.written == self.draining.len() {
            self.draining = Vec::new();
            self.written = 0;
            if self.fresh.len() >= WAITING {
                self.draining = mem::take(&mut self.fresh).into_iter().collect();
                self.draining.sort_unstable();
            }
        }
    }
}
