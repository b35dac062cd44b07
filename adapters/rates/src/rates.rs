//! Keeps tables of rates in memory, and refreshes them before they expire.
//!
//! It does not call services itself. A table in use is refreshed in the background after half its lifetime. So only the
//! first packet after a pause waits for a fetch. One fetch per service and base runs at a time. A failure is remembered
//! for a moment, so that a broken service is not called for every packet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use clock::{Clock, Timestamp};
use money::{Asset, AssetCode, Rate};
use url::Url;

use crate::{Conversion, FetchError, FetchRates, InvalidTable, RateTable};

/// The lifetimes of rates.
#[derive(Clone, Copy, Debug)]
pub struct RatesSettings {
    /// `EXCHANGE_RATES_LIFETIME`: a table of this age is no longer served without a fresh answer.
    pub lifetime: Duration,
    /// How long an expired table is still used while its service does not answer.
    pub stale_for: Duration,
    /// How long a failure is remembered before the service is asked again.
    pub failure_pause: Duration,
}

impl Default for RatesSettings {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(15), stale_for: Duration::ZERO, failure_pause: Duration::from_secs(1) }
    }
}

/// Why an amount could not be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// No rates service is configured.
    #[error("Exchange rate conversion currently not supported")]
    MissingExchangeRatesUrl,
    /// The rates service gave no usable answer.
    #[error("Could not fetch exchange rates")]
    CouldNotFetchRates,
    /// There is no usable rate between the two assets.
    #[error("Invalid destination price")]
    InvalidDestinationPrice,
}

/// Why a service told no rates.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    /// It did not answer, or not with status 200.
    #[error(transparent)]
    NoAnswer(#[from] FetchError),
    /// It answered with something else.
    #[error(transparent)]
    NoTable(#[from] InvalidTable),
}

/// The rates of every service and base in use. Clones share one memory.
#[derive(Clone)]
pub struct Rates(Arc<Shared>);

struct Shared {
    service: Arc<dyn FetchRates>,
    clock: Arc<dyn Clock>,
    settings: RatesSettings,
    entries: Mutex<HashMap<(Url, AssetCode), Arc<Entry>>>,
}

/// The most services and bases that are remembered. Tenants choose services, so their number is bounded.
const ENTRIES_MAX: usize = 4096;

/// The data from one service about one base.
struct Entry {
    /// The URL of the service, with the base.
    url: Url,
    base: AssetCode,
    known: ArcSwapOption<DatedTable>,
    /// Locked while the service is asked. Holds the instant before which a failed service is not asked again.
    asking: tokio::sync::Mutex<Option<Timestamp>>,
    refreshing: AtomicBool,
}

struct DatedTable {
    table: RateTable,
    since: Timestamp,
}

/// A table in memory.
#[derive(Clone, Debug)]
pub struct TableInUse {
    /// The base.
    pub base: AssetCode,
    /// When its service told it.
    pub since: Timestamp,
    /// Until when it is used if its service does not answer any more.
    pub until: Timestamp,
    /// The rates.
    pub table: RateTable,
}

impl Rates {
    /// The tables of a service that this process has in memory, by their base.
    pub fn in_use(&self, url: &Url) -> Vec<TableInUse> {
        let entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let of_service = entries.iter().filter(|((own, _), _)| own == url).map(|(_, entry)| entry);
        let settings = &self.0.settings;
        let mut tables: Vec<TableInUse> =
            of_service.filter_map(|entry| Some(in_use(&entry.base, &*entry.known.load_full()?, settings))).collect();
        tables.sort_unstable_by(|one, other| one.base.as_str().cmp(other.base.as_str()));
        tables
    }

    /// Asks the service at `url` about `base` now, for somebody who wants to see whether it answers. The table is used from
    /// now on. Who asks meanwhile gets the same answer.
    ///
    /// The caller bounds how often this happens: unlike a conversion it does not spare a service that has just answered.
    pub async fn fetch_now(&self, url: &Url, base: &AssetCode) -> Result<TableInUse, NotFetched> {
        let entry = self.entry(url, base);
        let began = self.0.clock.now();
        let mut pause_until = entry.asking.lock().await;
        let just_fetched = entry.known.load_full().filter(|known| known.since > began);
        let known = match just_fetched {
            Some(known) => known,
            None => self.0.fetch(&entry, &mut pause_until).await?,
        };
        Ok(in_use(base, &known, &self.0.settings))
    }

    /// Makes a memory of rates that come from `service`.
    pub fn new(service: Arc<dyn FetchRates>, clock: Arc<dyn Clock>, settings: RatesSettings) -> Self {
        Self(Arc::new(Shared { service, clock, settings, entries: Mutex::default() }))
    }

    /// The conversion from `source` to `destination` with the rates of the service at `url`.
    ///
    /// Two assets with one code need no service. The answer comes from memory while the table is valid.
    pub async fn conversion(
        &self,
        url: Option<&Url>,
        source: &Asset,
        destination: &Asset,
    ) -> Result<Conversion, ConversionError> {
        if source == destination {
            return Ok(Conversion::None);
        }
        let rate = if source.code == destination.code {
            Rate::ONE
        } else {
            let url = url.ok_or(ConversionError::MissingExchangeRatesUrl)?;
            let known = self.known(url, &source.code).await?;
            known.table.get(&destination.code).ok_or(ConversionError::InvalidDestinationPrice)?
        };
        let ratio = rate.between(source, destination).ok_or(ConversionError::InvalidDestinationPrice)?;
        Ok(Conversion::By(ratio))
    }

    async fn known(&self, url: &Url, base: &AssetCode) -> Result<Arc<DatedTable>, ConversionError> {
        let entry = self.entry(url, base);
        let settings = &self.0.settings;
        if let Some(known) = entry.known.load_full() {
            let age = self.0.clock.now().saturating_since(known.since);
            if age * 2 >= settings.lifetime {
                self.refresh_in_background(&entry);
            }
            if age < settings.lifetime + settings.stale_for {
                return Ok(known);
            }
        }
        self.0.ask(&entry).await
    }

    fn entry(&self, url: &Url, base: &AssetCode) -> Arc<Entry> {
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(&(url.clone(), base.clone())) {
            // Entries in use stay. The others are fetched again when they are needed.
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        entries
            .entry((url.clone(), base.clone()))
            .or_insert_with(|| {
                Arc::new(Entry {
                    url: question(url, base),
                    base: base.clone(),
                    known: ArcSwapOption::empty(),
                    asking: tokio::sync::Mutex::new(None),
                    refreshing: AtomicBool::new(false),
                })
            })
            .clone()
    }

    fn refresh_in_background(&self, entry: &Arc<Entry>) {
        if entry.refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (shared, entry) = (self.0.clone(), entry.clone());
        tokio::spawn(async move {
            // The failure was logged where it happened. The table in memory is still used.
            let _ = shared.ask(&entry).await;
            entry.refreshing.store(false, Ordering::Release);
        });
    }
}

impl Shared {
    /// Calls the service, unless another caller just got an answer or the service has just failed.
    async fn ask(&self, entry: &Entry) -> Result<Arc<DatedTable>, ConversionError> {
        let mut pause_until = entry.asking.lock().await;
        let now = self.clock.now();
        if let Some(known) = entry.known.load_full()
            && now.saturating_since(known.since) * 2 < self.settings.lifetime
        {
            return Ok(known);
        }
        if pause_until.is_some_and(|until| now < until) {
            return Err(ConversionError::CouldNotFetchRates);
        }
        self.fetch(entry, &mut pause_until).await.map_err(|_| ConversionError::CouldNotFetchRates)
    }

    /// Calls the service, and keeps its table or the failure. The caller holds the lock of the entry.
    async fn fetch(&self, entry: &Entry, pause_until: &mut Option<Timestamp>) -> Result<Arc<DatedTable>, NotFetched> {
        match self.answer(entry).await {
            Ok(table) => {
                let known = Arc::new(DatedTable { table, since: self.clock.now() });
                entry.known.store(Some(known.clone()));
                *pause_until = None;
                Ok(known)
            }
            Err(error) => {
                let reason = error.to_string();
                tracing::warn!(base = %entry.base, host = entry.url.host_str(), reason, "rates not fetched");
                *pause_until = Some(self.clock.now() + self.settings.failure_pause);
                Err(error)
            }
        }
    }

    async fn answer(&self, entry: &Entry) -> Result<RateTable, NotFetched> {
        let body = self.service.fetch(entry.url.clone()).await?;
        Ok(RateTable::parse(&body, &entry.base)?)
    }
}

fn in_use(base: &AssetCode, known: &DatedTable, settings: &RatesSettings) -> TableInUse {
    let until = known.since + settings.lifetime + settings.stale_for;
    TableInUse { base: base.clone(), since: known.since, until, table: known.table.clone() }
}

/// The configured address with `base` added to its query.
fn question(url: &Url, base: &AssetCode) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("base", base.as_str());
    url
}
