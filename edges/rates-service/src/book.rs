//! Tables of rates: the general one and those of tenants.
//!
//! It does not read files or requests.

use std::collections::BTreeMap;

use money::{AssetCode, Rate};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Units of other assets for one unit of a base, by base.
type Table = BTreeMap<String, BTreeMap<String, Rate>>;

/// All rates of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateBook {
    general: Table,
    of_tenants: BTreeMap<Uuid, Table>,
}

/// The answer for a base without rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownBase {
    /// A table without rates: the asset cannot be converted, but the service works.
    #[default]
    Empty,
    /// 404, as if the service had no answer.
    NotFound,
}

#[derive(Serialize)]
struct RatesDocument<'a> {
    base: &'a str,
    rates: BTreeMap<&'a str, Box<RawValue>>,
}

impl RateBook {
    /// Sets a rate of the general table, or of a tenant's own.
    pub(crate) fn set(&mut self, tenant: Option<Uuid>, base: &AssetCode, quote: &AssetCode, rate: Rate) {
        let table = match tenant {
            None => &mut self.general,
            Some(tenant) => self.of_tenants.entry(tenant).or_default(),
        };
        table.entry(base.as_str().to_owned()).or_default().insert(quote.as_str().to_owned(), rate);
    }

    /// The rates of the general table: how much of the second asset there is for one unit of the first.
    pub fn rates(&self) -> impl Iterator<Item = (&str, &str, &Rate)> {
        self.general
            .iter()
            .flat_map(|(base, row)| row.iter().map(move |(quote, rate)| (base.as_str(), quote.as_str(), rate)))
    }

    /// One rate of the general table.
    pub fn rate(&self, base: &str, quote: &str) -> Option<&Rate> {
        self.general.get(base)?.get(quote)
    }

    /// Notes that a tenant has a table of its own, which may be empty.
    pub(crate) fn add_tenant(&mut self, tenant: Uuid) {
        self.of_tenants.entry(tenant).or_default();
    }

    /// The answer to a request for `base`, as JSON. `None` if the tenant has no table, or if the base is unknown and
    /// unknown bases are not found.
    pub(crate) fn answer(
        &self,
        tenant: Option<Uuid>,
        base: &str,
        unknown: UnknownBase,
    ) -> Result<Option<String>, serde_json::Error> {
        let table = match tenant {
            None => &self.general,
            Some(tenant) => match self.of_tenants.get(&tenant) {
                Some(table) => table,
                None => return Ok(None),
            },
        };
        let row = table.get(base);
        if row.is_none() && unknown == UnknownBase::NotFound {
            return Ok(None);
        }
        let mut rates = BTreeMap::new();
        for (code, rate) in row.into_iter().flatten() {
            rates.insert(code.as_str(), RawValue::from_string(rate.to_string())?);
        }
        serde_json::to_string(&RatesDocument { base, rates }).map(Some)
    }
}
