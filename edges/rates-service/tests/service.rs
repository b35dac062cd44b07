//! The service over a socket, called by the HTTP client of the backend, while its file changes.
//! Single lines of the file are tested beside the code.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use clock::SystemClock;
use http_kit::ServiceCallers;
use money::Asset;
use outbound_http::{Outbound, OutboundConfig};
use rates::{ConversionError, HttpRates, Rates, RatesSettings, convert_source_floor};
use rates_service::{RateBook, RatesService, UnknownBase, http};
use tower::ServiceExt;
use url::Url;

const TENANT: &str = "bc293b79-8609-47bd-b914-6438b470aff8";

async fn ask(service: &RatesService, path: &str, known: Option<&str>) -> Response {
    let mut request = Request::get(path);
    if let Some(known) = known {
        request = request.header(header::IF_NONE_MATCH, known);
    }
    http::router(service.clone(), ServiceCallers::Anybody).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(answer: Response) -> String {
    String::from_utf8(to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

/// The rates of one dollar.
async fn dollar(service: &RatesService) -> String {
    text(ask(service, "/rates", None).await).await
}

async fn serving(path: &Path, text: &str) -> RatesService {
    std::fs::write(path, text).unwrap();
    RatesService::of_file(path).await.unwrap()
}

#[tokio::test]
async fn the_backends_client_reads_what_is_served_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("rates: {{USD: {{EUR: 0.29}}}}\nratesOfTenants: {{{TENANT}: {{USD: {{EUR: 0.1}}}}}}\n");
    let service = serving(&folder.path().join("rates.yaml"), &text).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, http::router(service, ServiceCallers::Anybody)).await });

    let cents = async |path: &str, to: &str| -> Result<Option<u64>, ConversionError> {
        let url: Url = format!("http://{address}{path}").parse().unwrap();
        let client = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
        let source = Arc::new(HttpRates::new(client, Some(url.clone())));
        let rates = Rates::new(source, Arc::new(SystemClock), RatesSettings::default());
        let (usd, other) = (Asset::new("USD", 2).unwrap(), Asset::new(to, 2).unwrap());
        Ok(convert_source_floor(100, rates.conversion(Some(&url), &usd, &other).await?))
    };
    assert_eq!(cents("/rates", "EUR").await, Ok(Some(29)), "with floats it would be 28");
    assert_eq!(cents(&format!("/{TENANT}/rates"), "EUR").await, Ok(Some(10)));
    assert_eq!(cents("/rates", "XYZ").await, Err(ConversionError::InvalidDestinationPrice));
    let stranger = "/438fa74a-fa7d-4317-9ced-dde32ece1787/rates";
    assert_eq!(cents(stranger, "EUR").await, Err(ConversionError::CouldNotFetchRates));
}

#[tokio::test]
async fn a_file_that_changes_is_served_at_once_and_one_that_cannot_be_used_never() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rates.yaml");
    let service = serving(&file, "rates: {USD: {EUR: 0.91}}\n").await;
    assert_eq!(dollar(&service).await, r#"{"base":"USD","rates":{"EUR":0.91}}"#);
    // As long as the file before, and written in the same moment.
    std::fs::write(&file, "rates: {USD: {EUR: 0.92}}\n").unwrap();
    assert_eq!(dollar(&service).await, r#"{"base":"USD","rates":{"EUR":0.92}}"#);
    for unusable in ["", "rates: {USD: {EUR: 0.9", "rates: {USD: {EUR: 0}}\n", "rates:\n"] {
        std::fs::write(&file, unusable).unwrap();
        assert_eq!(dollar(&service).await, r#"{"base":"USD","rates":{"EUR":0.92}}"#, "{unusable:?}");
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(dollar(&service).await, r#"{"base":"USD","rates":{"EUR":0.92}}"#);
    std::fs::write(&file, "rates: {USD: {EUR: 0.93}}\n").unwrap();
    assert_eq!(dollar(&service).await, r#"{"base":"USD","rates":{"EUR":0.93}}"#);
}

#[tokio::test]
async fn a_service_does_not_begin_with_a_file_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RatesService::of_file(&folder.path().join("nowhere.yaml")).await.is_err());
    let file = folder.path().join("rates.yaml");
    std::fs::write(&file, "rates: {USD: {EUR: zero}}\n").unwrap();
    assert!(RatesService::of_file(&file).await.is_err());
}

#[tokio::test]
async fn an_unknown_base_has_no_rates_or_is_not_found_as_one_likes() {
    let service = RatesService::of(RateBook::from_yaml("rates: {USD: {EUR: 0.91}}\n").unwrap());
    let empty = ask(&service, "/rates?base=XYZ", None).await;
    assert_eq!(empty.status(), StatusCode::OK);
    assert_eq!(text(empty).await, r#"{"base":"XYZ","rates":{}}"#);
    let strict = service.with_unknown_base(UnknownBase::NotFound);
    assert_eq!(ask(&strict, "/rates?base=XYZ", None).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask(&strict, "/rates?base=USD", None).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_a_caller_knows_already_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rates.yaml");
    let service = serving(&file, "rates: {USD: {EUR: 0.91}}\n").await;
    let first = ask(&service, "/rates?base=USD", None).await;
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(ask(&service, "/rates?base=USD", Some(&tag)).await.status(), StatusCode::NOT_MODIFIED);
    std::fs::write(&file, "rates: {USD: {EUR: 0.92}}\n").unwrap();
    assert_eq!(ask(&service, "/rates?base=USD", Some(&tag)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_question_for_rates_is_refused() {
    let service = RatesService::of(RateBook::default());
    assert_eq!(ask(&service, "/somebody/rates", None).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(ask(&service, "/rates?base=USD&base=EUR", None).await.status(), StatusCode::BAD_REQUEST);
}
