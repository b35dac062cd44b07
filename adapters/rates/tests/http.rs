//! Asking a rates service over a socket.
//! Caching is tested in `caching`.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use clock::SystemClock;
use money::Asset;
use outbound_http::{Outbound, OutboundConfig};
use rates::{ConversionError, HttpRates, Rates, RatesSettings, convert_source_floor};
use url::Url;

/// What 10.00 USD are worth in EUR by the service at `path` of a server with all kinds of services.
async fn ten_dollars_by(path: &str) -> Result<Option<u64>, ConversionError> {
    ten_dollars_with(path, |url| Some(url.clone())).await
}

/// The same, where the operator's own service is the one `operators` makes of that URL.
async fn ten_dollars_with(
    path: &str,
    operators: impl FnOnce(&Url) -> Option<Url>,
) -> Result<Option<u64>, ConversionError> {
    let answer = |query: RawQuery| async move {
        assert_eq!(query.0.as_deref(), Some("base=USD"));
        r#"{"base":"USD","rates":{"EUR":0.8134}}"#
    };
    let services = Router::new()
        .route("/good", get(answer))
        .route("/moved", get(|| async { Redirect::temporary("/good?base=USD") }))
        .route("/created", get(|| async { (StatusCode::CREATED, r#"{"base":"USD","rates":{"EUR":1}}"#) }))
        .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}{path}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, services).await });
    let client = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
    let rates =
        Rates::new(Arc::new(HttpRates::new(client, operators(&url))), Arc::new(SystemClock), RatesSettings::default());
    let (usd, eur) = (Asset::new("USD", 2).unwrap(), Asset::new("EUR", 2).unwrap());
    Ok(convert_source_floor(1000, rates.conversion(Some(&url), &usd, &eur).await?))
}

#[tokio::test]
async fn a_service_is_asked_for_the_base_and_redirects_are_followed() {
    assert_eq!(ten_dollars_by("/good").await, Ok(Some(813)));
    assert_eq!(ten_dollars_by("/moved").await, Ok(Some(813)));
}

#[tokio::test]
async fn only_a_status_of_200_is_an_answer() {
    for path in ["/created", "/broken", "/nowhere"] {
        assert_eq!(ten_dollars_by(path).await, Err(ConversionError::CouldNotFetchRates), "{path}");
    }
}

#[tokio::test]
async fn a_service_chosen_by_a_tenant_is_not_asked_on_private_addresses() {
    assert_eq!(ten_dollars_with("/good", |_| None).await, Err(ConversionError::CouldNotFetchRates));
    let elsewhere = |url: &Url| url.join("/other").ok();
    assert_eq!(ten_dollars_with("/good", elsewhere).await, Err(ConversionError::CouldNotFetchRates));
}
