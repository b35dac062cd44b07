//! The collectors, and the data for them.
//!
//! The original sends data to its foundation's collectors by default. Here data is sent only to the named collectors.

use std::time::Duration;

use url::Url;

use crate::reader::{ByDefault, Reader};
use crate::section::read_section;
use crate::{ConfigError, Environment};

/// The data that collectors get.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// `ENABLE_TELEMETRY`: send numbers to the named collectors.
    pub numbers: bool,
    /// `OPEN_TELEMETRY_COLLECTOR_URLS`: collectors of numbers that accept OTLP over gRPC, comma separated.
    pub collectors: Vec<String>,
    /// `OPEN_TELEMETRY_EXPORT_INTERVAL`: how often numbers are sent.
    pub interval: Duration,
    /// `ENABLE_ILP_TIMING_TELEMETRY`: send also how long packets take.
    pub packet_times: bool,
    /// `TELEMETRY_EXCHANGE_RATES_URL`: rates for converting amounts to dollars, if the operator's own rates have no
    /// dollars.
    pub exchange_rates_url: Option<Url>,
    /// `TELEMETRY_EXCHANGE_RATES_LIFETIME`: how long such a rate is used.
    pub exchange_rates_lifetime: Duration,
    /// `ENABLE_TELEMETRY_TRACES`: send traces to the collectors that are named for traces.
    pub traces: bool,
    /// `OPEN_TELEMETRY_TRACE_COLLECTOR_URLS`: collectors of traces that accept OTLP over gRPC, comma separated.
    pub trace_collectors: Vec<String>,
}

impl Telemetry {
    /// Reads and checks this part alone, for a process with several backends.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        read_section(environment, |r| Some(Self::read(r)), |section, _| section)
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let numbers = r.flag("ENABLE_TELEMETRY", ByDefault::Off);
        let collectors = r.text("OPEN_TELEMETRY_COLLECTOR_URLS");
        let traces = r.flag("ENABLE_TELEMETRY_TRACES", ByDefault::Off);
        let trace_collectors = r.text("OPEN_TELEMETRY_TRACE_COLLECTOR_URLS");
        if r.flag("LIVENET", ByDefault::Off) {
            r.no_effect(&["LIVENET"], "numbers are sent to the named collectors only");
        }
        let names = ("ENABLE_TELEMETRY", "OPEN_TELEMETRY_COLLECTOR_URLS");
        let trace_names = ("ENABLE_TELEMETRY_TRACES", "OPEN_TELEMETRY_TRACE_COLLECTOR_URLS");
        Self {
            numbers,
            collectors: named(r, names, numbers, collectors),
            interval: Duration::from_millis(r.number("OPEN_TELEMETRY_EXPORT_INTERVAL", 15_000, 1..=86_400_000)),
            packet_times: r.flag("ENABLE_ILP_TIMING_TELEMETRY", ByDefault::On),
            exchange_rates_url: r.url("TELEMETRY_EXCHANGE_RATES_URL"),
            exchange_rates_lifetime: r.millis("TELEMETRY_EXCHANGE_RATES_LIFETIME", 86_400_000),
            traces,
            trace_collectors: named(r, trace_names, traces, trace_collectors),
        }
    }
}

/// The collectors in `text`. Variables without an effect are reported.
fn named(r: &mut Reader<'_>, (switch, urls): (&str, &str), is_on: bool, text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let named: Vec<String> = text.split(',').map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect();
    for url in &named {
        let usable = Url::parse(url).is_ok_and(|url| url.scheme() == "http" && url.has_host());
        if !usable {
            let reason = "is not an http URL of a collector such as http://otel-collector:4317; to reach a collector with \
                          TLS, put a collector of your own in between";
            r.problem(urls, format!("{url:?} {reason}"));
        }
    }
    match (is_on, named.is_empty()) {
        (true, true) => r.notice(switch, format!("is on, but nothing is sent: name the collectors with {urls}")),
        (false, false) => r.notice(urls, format!("has no effect while {switch} is off")),
        _ => {}
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Notice;

    fn read(settings: &[(&str, &str)]) -> Result<(Telemetry, Vec<Notice>), ConfigError> {
        let environment = Environment::of(settings.iter().copied());
        let mut reader = Reader::new(&environment);
        let telemetry = Telemetry::read(&mut reader);
        let notices = reader.take_notices();
        reader.finish(Some((telemetry, notices)))
    }

    #[test]
    fn only_named_collectors_get_data_and_only_while_it_is_on() {
        let urls = ("OPEN_TELEMETRY_COLLECTOR_URLS", "http://one:4317, http://two:4317");
        let (on, told) = read(&[("ENABLE_TELEMETRY", "true"), urls]).unwrap();
        assert_eq!((on.numbers, on.collectors.len(), on.traces, told.len()), (true, 2, false, 0));
        let (off, told) = read(&[urls]).unwrap();
        assert_eq!((off.numbers, told.len()), (false, 1));
        let (unnamed, told) = read(&[("ENABLE_TELEMETRY", "true"), ("LIVENET", "true")]).unwrap();
        assert_eq!((unnamed.collectors.len(), told.len()), (0, 2), "there is no collector of a foundation");
        let traces = [("ENABLE_TELEMETRY_TRACES", "true"), ("OPEN_TELEMETRY_TRACE_COLLECTOR_URLS", "http://one:4317")];
        let traces = read(&traces).unwrap().0;
        assert_eq!((traces.traces, traces.trace_collectors), (true, vec!["http://one:4317".to_owned()]));
    }

    #[test]
    fn a_collector_that_cannot_be_reached_like_this_is_refused() {
        for url in ["https://one:4317", "one:4317", "http://", "grpc://one"] {
            let refused = read(&[("OPEN_TELEMETRY_COLLECTOR_URLS", url)]).unwrap_err();
            assert_eq!(refused.problems[0].name, "OPEN_TELEMETRY_COLLECTOR_URLS", "{url}");
        }
        assert!(read(&[("OPEN_TELEMETRY_EXPORT_INTERVAL", "0")]).is_err());
    }
}
