//! Which movements are shown, as the address of the page says it. So a filtered list can be kept and shared.
//!
//! What matches is decided in `history`.

use std::collections::BTreeMap;

use clock::Timestamp;
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::days::{self, DAY};
use crate::history::{Standing, Wanted, Way};

const TEXT_MAX: usize = 100;

/// A filter, read from the query of an address.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) wanted: Wanted,
    /// As written; empty for all.
    pub(crate) way: String,
    pub(crate) state: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
}

impl Filter {
    /// What cannot be read filters nothing.
    pub(crate) fn read(query: &BTreeMap<String, String>) -> Self {
        let given = |name: &str| query.get(name).map_or("", |value| value.trim());
        let text: String = given("q").chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect();
        let before = given("before")
            .split_once('.')
            .and_then(|(at, id)| Some((Timestamp::from_millis(at.parse().ok()?), Uuid::parse_str(id).ok()?)));
        let (way, wanted_way) = one_of(given("way"), &[("in", Way::In), ("out", Way::Out)]);
        let standings = [("under-way", Standing::UnderWay), ("done", Standing::Done), ("failed", Standing::Failed)];
        let (state, standing) = one_of(given("state"), &standings);
        let (since, last) = (days::read(given("from")), days::read(given("to")));
        Self {
            wanted: Wanted {
                account: Uuid::parse_str(given("account")).ok(),
                way: wanted_way,
                standing,
                since,
                until: last.map(|day| day.saturating_add(DAY)),
                text: Some(text.clone()).filter(|text| !text.is_empty()),
                before,
                ..Wanted::default()
            },
            way,
            state,
            from: since.map(|_| given("from").to_owned()).unwrap_or_default(),
            to: last.map(|_| given("to").to_owned()).unwrap_or_default(),
            text,
        }
    }

    /// An address with this filter.
    pub(crate) fn address(&self, path: &str, before: Option<&str>) -> String {
        let account = self.wanted.account.map(|id| id.to_string()).unwrap_or_default();
        let parts = [
            ("account", account.as_str()),
            ("way", &self.way),
            ("state", &self.state),
            ("from", &self.from),
            ("to", &self.to),
            ("q", &self.text),
            ("before", before.unwrap_or_default()),
        ];
        let given = parts.iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(given).finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// The same filter for another account, or for all.
    pub(crate) fn of_account(&self, account: Option<&Uuid>) -> String {
        let wanted = Wanted { account: account.copied(), ..self.wanted.clone() };
        Self { wanted, ..self.clone() }.address("/history", None)
    }

    /// Whether it leaves anything out, besides other accounts.
    pub(crate) fn narrows(&self) -> bool {
        [&self.way, &self.state, &self.from, &self.to, &self.text].iter().any(|value| !value.is_empty())
    }
}

fn one_of<T: Copy>(given: &str, known: &[(&str, T)]) -> (String, Option<T>) {
    match known.iter().find(|(name, _)| *name == given) {
        Some((name, value)) => ((*name).to_owned(), Some(*value)),
        None => (String::new(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Filter {
        Filter::read(&url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    #[test]
    fn a_filter_comes_back_from_its_own_address() {
        let query =
            "account=00000000-0000-0000-0000-000000000007&way=in&state=failed&from=2026-01-02&to=2026-02-03&q=a%26b";
        assert_eq!(of(query).address("/history", None), format!("/history?{query}"));
        assert_eq!(of("").address("/history", None), "/history");
    }

    #[test]
    fn what_cannot_be_read_filters_nothing() {
        let filter = of("account=x&way=up&state=1&from=yesterday&to=2026-13-01&before=a.b");
        assert!(!filter.narrows() && filter.wanted.account.is_none() && filter.wanted.before.is_none());
    }

    #[test]
    fn the_last_day_counts_whole() {
        let filter = of("from=2026-01-01&to=2026-01-01");
        let (since, until) = (filter.wanted.since.unwrap(), filter.wanted.until.unwrap());
        assert_eq!(until.saturating_since(since), DAY);
    }
}
