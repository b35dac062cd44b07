//! A repeating interval in words: `R12/2026-08-24T00:00:00Z/P1M` is each month, 13 times.
//!
//! Which period an instant is in is decided by `payments-model`.

/// How often a limit begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HowOften {
    pub(crate) each: Each,
    /// How many periods there are; `None` for no end.
    pub(crate) times: Option<u64>,
    /// The day of the first period, as written.
    pub(crate) from: Option<String>,
}

/// The length of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Each {
    Day,
    Week,
    Month,
    Year,
    /// Another one, as written.
    Other(String),
}

impl HowOften {
    /// Reads the three parts of an interval.
    pub(crate) fn read(interval: &str) -> Self {
        let mut parts = interval.split('/');
        let (count, first, second) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let times = count.and_then(|count| count.strip_prefix('R')).and_then(|n| n.parse::<u64>().ok());
        let (length, begin) = if first.starts_with('P') { (first, None) } else { (second, Some(first)) };
        let each = match length {
            "P1D" | "PT24H" => Each::Day,
            "P1W" | "P7D" => Each::Week,
            "P1M" => Each::Month,
            "P1Y" => Each::Year,
            other => Each::Other(other.chars().take(40).collect()),
        };
        let from = begin.and_then(|begin| begin.get(..10)).map(str::to_owned);
        // The first period comes before the repetitions.
        Self { each, times: times.map(|n| n.saturating_add(1)), from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_of_repetitions_so_there_is_one_period_more() {
        let read = HowOften::read("R12/2026-08-24T14:15:22Z/P1M");
        assert_eq!(read, HowOften { each: Each::Month, times: Some(13), from: Some("2026-08-24".to_owned()) });
        assert_eq!(HowOften::read("R/2026-08-24T14:15:22Z/P1D").times, None);
        assert_eq!(HowOften::read("R-1/P1W/2026-08-24T14:15:22Z").times, None);
        assert_eq!(HowOften::read("R1/2026-01-01T00:00:00Z/P3D").each, Each::Other("P3D".to_owned()));
    }
}
