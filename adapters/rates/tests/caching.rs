//! When the rates service is asked, and what is served meanwhile.
//! The socket is tested in `http`.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clock::{Clock, ManualClock, Timestamp};
use money::Asset;
use rates::{
    Conversion, ConversionError, FetchError, FetchRates, NotFetched, Rates, RatesSettings, convert_destination_ceil,
    convert_source_floor,
};
use tokio::sync::Semaphore;
use url::Url;

/// A rates service whose answers the test allows one by one.
struct Service {
    answers: Semaphore,
    rate: Mutex<Option<&'static str>>,
    asked: Mutex<Vec<String>>,
}

impl Service {
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn set_rate(&self, rate: Option<&'static str>) {
        *self.rate.lock().unwrap() = rate;
    }
}

#[async_trait]
impl FetchRates for Service {
    async fn fetch(&self, url: Url) -> Result<Bytes, FetchError> {
        self.asked.lock().unwrap().push(url.to_string());
        self.answers.acquire().await.unwrap().forget();
        let rate = self.rate.lock().unwrap().ok_or(FetchError { reason: "down".into() })?;
        Ok(Bytes::from(format!(r#"{{"base":"USD","rates":{{"EUR":{rate}}}}}"#)))
    }
}

struct Setup {
    service: Arc<Service>,
    clock: Arc<ManualClock>,
    rates: Rates,
    url: Url,
}

fn setup(answers: usize) -> Setup {
    let service =
        Arc::new(Service { answers: Semaphore::new(answers), rate: Mutex::new(Some("0.5")), asked: Mutex::default() });
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let settings = RatesSettings::default();
    let rates = Rates::new(service.clone(), clock.clone(), settings);
    Setup { service, clock, rates, url: "http://rates.test/latest?key=1".parse().unwrap() }
}

impl Setup {
    async fn dollars_in_euros(&self) -> Result<u64, ConversionError> {
        let conversion = self.rates.conversion(Some(&self.url), &usd(2), &eur(2)).await?;
        Ok(convert_source_floor(1000, conversion).unwrap())
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn until_asked(&self, times: usize) {
        while self.service.asked() < times {
            tokio::task::yield_now().await;
        }
    }
}

fn usd(scale: u8) -> Asset {
    Asset::new("USD", scale).unwrap()
}

fn eur(scale: u8) -> Asset {
    Asset::new("EUR", scale).unwrap()
}

#[tokio::test]
async fn assets_of_one_code_need_no_service() {
    let s = setup(0);
    assert_eq!(s.rates.conversion(None, &usd(2), &usd(2)).await, Ok(Conversion::None));
    let conversion = s.rates.conversion(None, &usd(6), &usd(2)).await.unwrap();
    assert_eq!(convert_source_floor(10_000, conversion), Some(1));
    assert_eq!(convert_source_floor(9_999, conversion), Some(0));
    assert_eq!(convert_destination_ceil(1, conversion), Some(10_000));
    assert_eq!(convert_destination_ceil(u64::MAX, conversion), None);
    assert_eq!(s.service.asked(), 0);
}

#[tokio::test]
async fn without_a_service_or_a_rate_nothing_is_converted() {
    let s = setup(1);
    let missing = s.rates.conversion(None, &usd(2), &eur(2)).await;
    assert_eq!(missing, Err(ConversionError::MissingExchangeRatesUrl));
    let unknown = s.rates.conversion(Some(&s.url), &usd(2), &Asset::new("XYZ", 2).unwrap()).await;
    assert_eq!(unknown, Err(ConversionError::InvalidDestinationPrice));
}

#[tokio::test]
async fn the_base_is_added_to_the_configured_address() {
    let s = setup(1);
    s.dollars_in_euros().await.unwrap();
    assert_eq!(s.service.asked.lock().unwrap()[0], "http://rates.test/latest?key=1&base=USD");
}

#[tokio::test]
async fn many_callers_at_once_cause_one_question() {
    let s = setup(1);
    let answers = futures::future::join_all((0..20).map(|_| s.dollars_in_euros())).await;
    assert!(answers.iter().all(|answer| *answer == Ok(500)));
    assert_eq!(s.service.asked(), 1);
}

#[tokio::test]
async fn past_half_its_life_a_table_is_served_while_a_new_one_is_fetched() {
    let s = setup(1);
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    s.advance(7);
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    assert_eq!(s.service.asked(), 1);

    s.advance(1);
    s.service.set_rate(Some("0.6"));
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    s.until_asked(2).await;
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    s.service.answers.add_permits(1);
    while s.dollars_in_euros().await == Ok(500) {
        tokio::task::yield_now().await;
    }
    assert_eq!(s.dollars_in_euros().await, Ok(600));
    assert_eq!(s.service.asked(), 2);
}

#[tokio::test]
async fn a_table_whose_life_is_over_is_not_served() {
    let s = setup(2);
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    s.service.set_rate(Some("0.6"));
    s.advance(15);
    assert_eq!(s.dollars_in_euros().await, Ok(600));
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_moment_only() {
    let s = setup(9);
    s.service.set_rate(None);
    assert_eq!(s.dollars_in_euros().await, Err(ConversionError::CouldNotFetchRates));
    s.service.set_rate(Some("0.5"));
    assert_eq!(s.dollars_in_euros().await, Err(ConversionError::CouldNotFetchRates));
    assert_eq!(s.service.asked(), 1);
    s.advance(1);
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    assert!(s.clock.now() > Timestamp::EPOCH);
}

#[tokio::test]
async fn who_asks_by_hand_gets_a_new_answer_and_everybody_uses_it() {
    let s = setup(2);
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    s.service.set_rate(Some("0.6"));
    s.advance(1);
    let fetched = s.rates.fetch_now(&s.url, &usd(2).code).await.unwrap();
    assert_eq!((fetched.since, fetched.table.all().len()), (s.clock.now(), 1));
    assert_eq!(s.dollars_in_euros().await, Ok(600));
    assert_eq!(s.service.asked(), 2);
}

#[tokio::test]
async fn who_asks_by_hand_is_told_why_there_is_no_answer_and_the_known_rates_stay_in_use() {
    let s = setup(4);
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    s.service.set_rate(None);
    let answer = s.rates.fetch_now(&s.url, &usd(2).code).await;
    assert!(matches!(answer, Err(NotFetched::NoAnswer(FetchError { reason })) if reason == "down"));
    // The service answers about dollars, whatever it is asked.
    s.service.set_rate(Some("0.6"));
    let answer = s.rates.fetch_now(&s.url, &eur(2).code).await;
    assert!(matches!(answer, Err(NotFetched::NoTable(_))));
    assert_eq!(s.dollars_in_euros().await, Ok(500));
    assert!(s.rates.fetch_now(&s.url, &usd(2).code).await.is_ok(), "a failure does not keep anybody from asking again");
}
