//! Reads our tables and the journal in order, and writes the rows of the original, or only counts them.
//! What a row becomes is in `rafiki-tables`.

use std::collections::{BTreeMap, HashMap};

use clock::Timestamp;
use database::Snapshot;
use payments_model::webhook_event::EventType;
use rafiki_database::Receiving;
use rafiki_tables::back::books::Books;
use rafiki_tables::back::{Back, OldRow, OldTable, Related, back};
use rafiki_tables::refusal::Refusal;
use rafiki_tables::row::Row;
use rafiki_tables::table::Table;
use rafiki_tables::version::Side;
use uuid::Uuid;

use crate::back::installation::{Installation, ids_of};
use crate::back::spendings::Spendings;
use crate::back::{BackPlan, ExportError, MoneyPlace};
use crate::listener::{Listener, Step};
use crate::progress::texts_of;

/// How many rows are read at once.
const PAGE: u32 = 2_000;
/// The maximum number of refusals that are named.
const NAMED: usize = 200;

/// Where the rows go.
pub(crate) enum Sink<'a> {
    /// They are only counted.
    Nowhere,
    /// Into the databases of the original.
    Into { backend: &'a mut Receiving, auth: &'a mut Receiving },
}

/// One run over everything.
pub(crate) struct Filling<'a> {
    ours: &'a mut Installation,
    sink: Sink<'a>,
    listen: Listener<'a>,
    plan: BackPlan,
}

impl<'a> Filling<'a> {
    pub(crate) fn new(ours: &'a mut Installation, sink: Sink<'a>, listen: Listener<'a>) -> Self {
        let plan = BackPlan::new(ours.at(), ours.money_place);
        Self { ours, sink, listen, plan }
    }

    pub(crate) async fn fill(mut self) -> Result<BackPlan, ExportError> {
        for table in Table::ALL {
            match table {
                Table::OutgoingPaymentGrantSpendings => self.spendings().await?,
                // These tables are read together with others.
                Table::OutgoingPaymentGrantSpent
                | Table::GrantIdentifiers
                | Table::KeptPeerTokens
                | Table::KeptTokens
                | Table::KeptContinuations => {}
                _ => self.table(table).await?,
            }
        }
        self.books().await?;
        Ok(self.plan)
    }

    async fn table(&mut self, table: Table) -> Result<(), ExportError> {
        let described = self.ours.tables[&table].clone();
        let mut kept = Kept::related(table);
        let (mut after, mut count) = (None::<String>, 0);
        loop {
            let page = self.ours.of(table.side()).bulk_page(&described, after.as_deref(), PAGE).await?;
            let Some(last) = page.last().cloned() else { break };
            let mut rows = Vec::with_capacity(page.len());
            for json in &page {
                match Row::read(table.title(), json) {
                    Ok(row) => rows.push(row),
                    Err(refusal) => self.refuse(refusal),
                }
            }
            let deliveries = match table {
                Table::WebhookDeliveries => Some(Deliveries::of(&self.ours.backend, &rows).await?),
                _ => None,
            };
            let mut written = Written::default();
            for row in &rows {
                let mut related = Related::default();
                if let Some(kept) = &mut kept {
                    related.kept = kept.of(row, self.ours).await?;
                }
                if let Some(deliveries) = &deliveries {
                    deliveries.fill(row, &mut related);
                }
                match back(table, row, &related, &self.ours.context) {
                    Ok(translated) => self.take(translated, &mut written),
                    Err(refusal) => self.refuse(refusal),
                }
            }
            self.write(written).await?;
            count += page.len() as u64;
            (self.listen)(Step::Carried(table.title(), count));
            after = Some(last);
        }
        self.plan.counts.push((table, count));
        Ok(())
    }

    fn take(&mut self, translated: Back, written: &mut Written) {
        for change in translated.changes {
            *self.plan.changes.entry(change).or_default() += 1;
        }
        if let Some(lost) = translated.lost {
            self.plan.lose(lost);
        }
        written.extend(translated.rows);
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.plan.refusals.len() < NAMED {
            self.plan.refusals.push(refusal);
        }
    }

    /// After a refusal nothing more is written. The plan continues, to name every refused row.
    async fn write(&mut self, written: Written) -> Result<(), ExportError> {
        let Sink::Into { backend, auth } = &mut self.sink else { return Ok(()) };
        if !self.plan.refusals.is_empty() {
            return Ok(());
        }
        for (table, rows) in written.0 {
            let database = if table.side() == Side::Backend { &mut **backend } else { &mut **auth };
            database.write(table, &rows).await?;
        }
        Ok(())
    }

    async fn spendings(&mut self) -> Result<(), ExportError> {
        let mut spendings = Spendings::default();
        let mut count = 0;
        while let Some(grants) = spendings.next(&self.ours.backend).await? {
            let mut written = Written::default();
            for grant in grants {
                let log = grant.log();
                count += log.rows.len() as u64;
                for ((period, side), amount) in &log.left_out {
                    self.plan.leave_out(*period, *side, *amount);
                }
                written.extend(log.rows);
            }
            self.write(written).await?;
            (self.listen)(Step::Carried("spent amounts", count));
        }
        self.plan.counts.push((Table::OutgoingPaymentGrantSpendings, count));
        Ok(())
    }

    async fn books(&mut self) -> Result<(), ExportError> {
        let mut books = Books::new(self.ours.at());
        let mut reading = self.ours.money.begin(self.ours.at());
        let mut count = 0;
        while let Some(page) = self.ours.money.next(&mut reading).await? {
            let mut written = Written::default();
            for read in &page {
                match books.read(&read.entry, read.decided) {
                    Ok(row) => written.extend(row),
                    Err(refusal) => self.refuse(refusal),
                }
            }
            self.write_money(written).await?;
            count += page.len() as u64;
            (self.listen)(Step::Booked("entries", count));
        }

        self.plan.undecided = books.undecided;
        if self.plan.money == MoneyPlace::SameCluster {
            return Ok(());
        }
        match books.openings() {
            Ok(rows) => {
                for part in rows.chunks(PAGE as usize) {
                    let mut written = Written::default();
                    written.extend(part.iter().cloned());
                    self.write_money(written).await?;
                }
            }
            Err(refusal) => self.refuse(refusal),
        }
        (self.plan.accounts, self.plan.transfers) = (books.accounts, books.transfers);
        for (change, count) in books.changes {
            *self.plan.changes.entry(change).or_default() += count;
        }
        self.ours.timed_out = books.timed_out;
        Ok(())
    }

    /// Money that stays in its cluster is read, because the plan counts undecided packets, but not written.
    async fn write_money(&mut self, written: Written) -> Result<(), ExportError> {
        match self.plan.money {
            MoneyPlace::Tables => self.write(written).await,
            MoneyPlace::SameCluster => Ok(()),
        }
    }
}

/// Rows that are written together, grouped by table. The tables are in the order in which they can be written.
#[derive(Default)]
struct Written(BTreeMap<OldTable, Vec<String>>);

impl Written {
    fn extend(&mut self, rows: impl IntoIterator<Item = OldRow>) {
        for row in rows {
            self.0.entry(row.table).or_default().push(row.json);
        }
    }
}

/// Kept values beside the rows of a table. Both are read in the order of the same column.
struct Kept {
    table: Table,
    owner: &'static str,
    page: std::vec::IntoIter<(String, Vec<u8>)>,
    next: Option<(String, Vec<u8>)>,
    after: Option<String>,
    ended: bool,
}

impl Kept {
    fn related(table: Table) -> Option<Self> {
        let (table, owner) = match table {
            Table::PeerIncomingTokens => (Table::KeptPeerTokens, "digest"),
            Table::AccessTokens => (Table::KeptTokens, "management_id"),
            Table::AuthGrants => (Table::KeptContinuations, "id"),
            _ => return None,
        };
        Some(Self { table, owner, page: Vec::new().into_iter(), next: None, after: None, ended: false })
    }

    /// The value that is kept for a row. Ids and digests are sorted like their texts.
    async fn of(&mut self, row: &Row<'_>, ours: &Installation) -> Result<Option<Vec<u8>>, ExportError> {
        let Ok(owner) = row.text(self.owner) else { return Ok(None) };
        loop {
            if self.next.is_none() {
                self.next = self.read(ours).await?;
            }
            match &self.next {
                Some((kept, _)) if *kept < owner => self.next = None,
                Some((kept, _)) if *kept == owner => return Ok(self.next.take().map(|(_, sealed)| sealed)),
                _ => return Ok(None),
            }
        }
    }

    async fn read(&mut self, ours: &Installation) -> Result<Option<(String, Vec<u8>)>, ExportError> {
        if let Some(next) = self.page.next() {
            return Ok(Some(next));
        }
        if self.ended {
            return Ok(None);
        }

        let database = ours.of(self.table.side());
        let page = database.bulk_page(&ours.tables[&self.table], self.after.as_deref(), PAGE).await?;
        self.ended = page.is_empty();
        self.after = page.last().cloned().or(self.after.take());
        let read = page.iter().map(|json| kept_of(self.table, json)).collect::<Result<Vec<_>, _>>();
        self.page = read.map_err(|refusal| ExportError::Refused(vec![refusal]))?.into_iter();
        Ok(self.page.next())
    }
}

fn kept_of(table: Table, json: &str) -> Result<(String, Vec<u8>), Refusal> {
    let row = Row::read(table.name(), json)?;
    Ok((row.text(table.key()[0])?, row.octets("sealed")?))
}

/// What belongs to the deliveries of a page and is in other tables.
struct Deliveries {
    due: HashMap<Uuid, Timestamp>,
    /// Tenant of each event, and whether the original knows its type.
    events: HashMap<Uuid, (Uuid, bool)>,
}

impl Deliveries {
    async fn of(ours: &Snapshot, rows: &[Row<'_>]) -> Result<Self, ExportError> {
        let ids = |column: &'static str| {
            let ids: Vec<String> = rows.iter().filter_map(|row| row.text(column).ok()).collect();
            serde_json::to_string(&ids).unwrap_or_default()
        };
        let mut read = Self { due: HashMap::new(), events: HashMap::new() };
        let these = texts_of(ours.dialect(), "$2");
        let sql = format!("SELECT key, due_at FROM jobs WHERE queue = $1 AND key IN ({these})");
        for row in ours.bulk_query(&sql, [webhooks::QUEUE.into(), ids("id").into()]).await? {
            let (key, due): (String, i64) = (
                row.try_get_by_index(0).map_err(database::Error::from)?,
                row.try_get_by_index(1).map_err(database::Error::from)?,
            );
            read.due.extend(key.parse().ok().map(|id| (id, Timestamp::from_millis(due))));
        }
        let these = ids_of(ours.dialect(), "$1");
        let sql = format!("SELECT id, tenant_id, event_type FROM webhook_events WHERE id IN ({these})");
        for row in ours.bulk_query(&sql, [ids("event_id").into()]).await? {
            let (id, tenant, kind): (Uuid, Uuid, String) = (
                row.try_get_by_index(0).map_err(database::Error::from)?,
                row.try_get_by_index(1).map_err(database::Error::from)?,
                row.try_get_by_index(2).map_err(database::Error::from)?,
            );
            read.events.insert(id, (tenant, kind.parse().is_ok_and(EventType::is_new)));
        }
        Ok(read)
    }

    fn fill(&self, row: &Row<'_>, related: &mut Related) {
        related.due_at = row.uuid("id").ok().and_then(|id| self.due.get(&id).copied());
        let event = row.uuid("event_id").ok().and_then(|id| self.events.get(&id));
        related.event_tenant = event.map(|(tenant, _)| *tenant);
        related.unknown_event = event.is_some_and(|(_, unknown)| *unknown);
    }
}
