//! A resource server outside of Rafiki, protected in a few lines: its reports need a token to list incoming payments, and
//! the signature of the token's client.
//!
//! Run it beside `rafiki dev`, with the address of Cloud Nine's introspection listener and its service secret
//! (`AUTH_SERVICE_SECRET` in `data/cloud-nine/auth.env`):
//!
//! ```sh
//! cargo run -p token-introspection --example resource_server -- http://localhost:3007 <secret>
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use clock::SystemClock;
use gnap::{AccessType, Action, ActiveToken, RequiredAccess};
use http_signatures::TargetOrigin;
use open_payments_client::{KeySets, KeySetsConfig, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use token_introspection::{Binding, IntrospectionClient, Protect};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("name the introspection listener")?.parse()?;
    let secret = arguments.next().ok_or("name the service secret")?;

    let clock = Arc::new(SystemClock);
    let outbound = Outbound::new(OutboundConfig::development(), clock.clone())?;
    let keys = PublicResources::new(outbound.clone(), RetryPolicy::default(), clock.clone());
    let keys = Arc::new(KeySets::new(keys, KeySetsConfig::default(), clock.clone()));
    let binding = Binding::new(keys, TargetOrigin::Host, clock.clone());

    let client = IntrospectionClient::new(outbound, url).secret(secret).remember(Duration::from_secs(10), clock);
    let required = RequiredAccess::one(AccessType::IncomingPayment, Action::List, None);
    let protect = Protect::new(client, required, binding, "http://localhost:3006")?;

    let router = Router::new().route("/reports", get(reports)).layer(protect);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/reports", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn reports(Extension(token): Extension<ActiveToken>) -> String {
    format!("the reports of {}, under grant {}\n", token.client.identity(), token.grant)
}
