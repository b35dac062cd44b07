//! The data for collectors: the numbers of a backend, amounts in dollars, and the traces of its payments.
//!
//! Nothing is collected unless a collector is named.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_kit::CallWatch;
use money::Asset;
use rates::{HttpRates, Rates, RatesSettings, convert_source_floor};
use telemetry::metrics::{CALLS, Collectors};
use telemetry::{Amounts, LogFormat, Metrics, PacketTimes, Traces, Worth};
use url::Url;

use crate::failure::Failure;
use crate::roles::shared_deps::SharedDeps;

/// How long sending the last spans may take.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// The numbers of the backend. [`tell_amounts`] converts the amounts.
pub(super) fn metrics(config: &config::Backend) -> Result<(Metrics, Option<Amounts>), Failure> {
    if !config.telemetry.numbers || config.telemetry.collectors.is_empty() {
        return Ok((Metrics::new(), None));
    }
    let told = Metrics::told_to(&Collectors {
        instance: config.instance_name.clone(),
        urls: config.telemetry.collectors.clone(),
        interval: config.telemetry.interval,
        packet_times: if config.telemetry.packet_times { PacketTimes::Told } else { PacketTimes::Untold },
    });
    let (metrics, amounts) = told.map_err(|error| Failure::start("telemetry", error))?;
    Ok((metrics, Some(amounts)))
}

/// Counts the calls of listeners that services use.
pub(super) fn calls(metrics: &Metrics) -> CallWatch {
    let metrics = metrics.clone();
    CallWatch::new(move |route, status| {
        let (route, status) = (route.to_owned(), status.as_u16().to_string());
        let counter = metrics.gather(|| metrics::counter!(CALLS, "route" => route, "status" => status));
        Arc::new(move || counter.increment(1))
    })
}

/// Starts logging, and sends spans to the configured collectors.
pub(crate) fn start_logging(
    level: &str,
    instance: &str,
    telemetry: &config::Telemetry,
) -> Result<Option<Traces>, Failure> {
    let failed = |error: telemetry::StartError| Failure::start("logging", error);
    if !telemetry.traces || telemetry.trace_collectors.is_empty() {
        telemetry::start(level, LogFormat::Text).map_err(failed)?;
        return Ok(None);
    }
    let traces = Traces::to(instance, &telemetry.trace_collectors);
    let traces = traces.map_err(|error| Failure::start("telemetry", error))?;
    telemetry::start_with_traces(level, LogFormat::Text, &traces).map_err(failed)?;
    Ok(Some(traces))
}

/// Sends the last spans.
pub(crate) async fn flush(traces: Traces) {
    let flushed = tokio::task::spawn_blocking(move || traces.flush());
    if tokio::time::timeout(FLUSH_MAX, flushed).await.is_err() {
        tracing::warn!("the last traces were not sent in time");
    }
}

/// Converts and sends amounts while the backend runs.
pub(super) async fn tell_amounts(amounts: Amounts, dollars: Dollars, deps: SharedDeps) {
    amounts.work(&dollars, &*deps.entropy).await;
}

/// The worth in dollars by the operator's own rates, or else by those for telemetry.
pub(super) struct Dollars {
    own: Rates,
    own_url: Option<Url>,
    fallback: Rates,
    fallback_url: Option<Url>,
}

impl Dollars {
    pub(super) fn by(config: &config::Backend, own: Rates, deps: &SharedDeps) -> Self {
        let fallback_url = config.telemetry.exchange_rates_url.clone();
        let service = HttpRates::new(deps.http.clone(), fallback_url.clone());
        let lifetime = config.telemetry.exchange_rates_lifetime;
        let settings = RatesSettings { lifetime, ..RatesSettings::default() };
        let fallback = Rates::new(Arc::new(service), deps.clock.clone(), settings);
        Self { own, own_url: config.payments.exchange_rates_url.clone(), fallback, fallback_url }
    }
}

#[async_trait]
impl Worth for Dollars {
    async fn in_dollars(&self, asset: &Asset, amount: u64) -> Option<u64> {
        let dollars = Asset::new("USD", 4).ok()?;
        let conversion = match self.own.conversion(self.own_url.as_ref(), asset, &dollars).await {
            Ok(conversion) => conversion,
            Err(_) => self.fallback.conversion(self.fallback_url.as_ref(), asset, &dollars).await.ok()?,
        };
        convert_source_floor(amount, conversion)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use clock::SystemClock;
    use rates::{FetchError, FetchRates};

    use super::*;

    struct Service(&'static str);

    #[async_trait]
    impl FetchRates for Service {
        async fn fetch(&self, _: Url) -> Result<Bytes, FetchError> {
            Ok(Bytes::from_static(self.0.as_bytes()))
        }
    }

    #[tokio::test]
    async fn amounts_are_reported_in_dollars_by_the_operators_rates_or_those_for_telemetry() {
        let rates = |answer| Rates::new(Arc::new(Service(answer)), Arc::new(SystemClock), RatesSettings::default());
        let url: Option<Url> = Some("http://rates.test/".parse().unwrap());
        let dollars = |own_url: Option<Url>| Dollars {
            own: rates(r#"{"base":"EUR","rates":{"USD":1.10}}"#),
            own_url,
            fallback: rates(r#"{"base":"EUR","rates":{"USD":1.20}}"#),
            fallback_url: url.clone(),
        };
        let (euro, yen) = (Asset::new("EUR", 2).unwrap(), Asset::new("JPY", 0).unwrap());
        assert_eq!(dollars(url.clone()).in_dollars(&euro, 100).await, Some(11_000));
        assert_eq!(dollars(None).in_dollars(&euro, 100).await, Some(12_000));
        assert_eq!(dollars(url.clone()).in_dollars(&yen, 100).await, None);
        assert_eq!(dollars(None).in_dollars(&Asset::new("USD", 9).unwrap(), 1_000_000_000).await, Some(10_000));
    }
}
