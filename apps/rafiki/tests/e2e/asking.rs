//! Repeats requests to a running institution until it gives the expected answer, within a limit.
//!
//! It does not know how the institution was started.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, AdminError, Credentials};
use clock::SystemClock;
use outbound_http::{Outbound, OutboundConfig};
use serde_json::Value;
use testkit::until;
use url::Url;

/// Repeats a call, which must be safe to repeat, until it succeeds.
pub(crate) async fn insist<T, F: Future<Output = Result<T, AdminError>>>(call: impl Fn() -> F) -> T {
    let answer = until(Duration::from_mins(2), || async { call().await.ok() }).await;
    answer.expect("the call succeeds within two minutes")
}

pub(crate) async fn pause() {
    let _ = tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>()).await;
}

pub(crate) fn outbound() -> Outbound {
    Outbound::new(OutboundConfig::development(), Arc::new(SystemClock)).unwrap()
}

pub(crate) fn client(facts: &Value) -> AdminClient {
    let text = |name: &str| facts[name].as_str().unwrap_or_else(|| panic!("no {name} in {facts}")).to_owned();
    let credentials =
        Credentials { tenant_id: text("tenantId").parse().unwrap(), secret: text("adminSecret"), signature_version: 1 };
    AdminClient::new(Url::parse(&text("adminUrl")).unwrap(), credentials, outbound(), Arc::new(SystemClock))
}
