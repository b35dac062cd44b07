//! A service with an identity, for tests against providers: it gets tokens, and lets in callers with tokens.
//!
//! Its argument is `{"issuer", "clientId", "clientSecret" or "keyPem", "validation", "audience"}`. It prints
//! `{"port"}`.
//! `GET /token` answers with a token for the service of rates; `GET /rates` needs one that allows `rates:read`.

#![expect(clippy::unwrap_used, reason = "an example stops where something is not as expected")]

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clock::{Clock, SystemClock, SystemEntropy};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use service_auth::{Scope, Service, Wanted};
use service_identity::{
    ClientIdentity, Credential, JudgeSettings, Provider, ProviderSettings, Refusal, SecretPlace, ServiceTokens,
    SigningKey, TokenJudge, TokenSettings, Validation, bearer,
};

#[derive(Clone)]
struct Peer {
    tokens: ServiceTokens,
    judge: TokenJudge,
}

#[tokio::main]
async fn main() {
    let settings: Value = serde_json::from_str(&std::env::args().nth(1).unwrap()).unwrap();
    let text = |name: &str| settings[name].as_str().map(str::to_owned);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let http = Outbound::new(OutboundConfig::default(), Arc::clone(&clock)).unwrap();

    let issuer = text("issuer").unwrap().parse().ok();
    let provider = Provider::new(ProviderSettings { issuer, ..ProviderSettings::default() }, http, Arc::clone(&clock));
    let credential = match (text("clientSecret"), text("keyPem")) {
        (Some(secret), _) => Credential::Secret(secret, SecretPlace::Header),
        (None, pem) => Credential::Key(Arc::new(SigningKey::from_pem(&pem.unwrap(), None).unwrap())),
    };
    let identity = ClientIdentity { id: text("clientId").unwrap(), credential };
    let names = TokenSettings {
        audiences: text("audience").map(|name| (Service::Rates, name)).into_iter().collect(),
        ..TokenSettings::default()
    };
    let validation = match text("validation").as_deref() {
        Some("jwt") => Validation::Jwt,
        Some("jwt+introspect") => Validation::JwtAndIntrospect,
        _ => Validation::Introspect,
    };
    let judge = JudgeSettings { validation, tenant_claim: "tenant".to_owned(), names: names.clone() };
    let peer = Peer {
        tokens: ServiceTokens::new(
            provider.clone(),
            identity.clone(),
            names,
            Arc::clone(&clock),
            Arc::new(SystemEntropy),
        ),
        judge: TokenJudge::new(provider, identity, judge, clock, Arc::new(SystemEntropy)),
    };

    let app = Router::new().route("/token", get(token)).route("/rates", get(rates)).with_state(peer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut output = std::io::stdout();
    writeln!(output, "{}", json!({"port": port})).and_then(|()| output.flush()).unwrap();
    axum::serve(listener, app).await.unwrap();
}

async fn token(State(peer): State<Peer>) -> Response {
    match peer.tokens.token(Wanted::RATES).await {
        Ok(token) => token.to_string().into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn rates(State(peer): State<Peer>, headers: HeaderMap) -> Response {
    let judged = async {
        let token = bearer(&headers, None)?.ok_or(Refusal::Missing)?;
        let principal = peer.judge.judge(token, Service::Rates, None).await?;
        principal.needs(&[Scope::RatesRead]).map(|()| principal.client)
    };
    match judged.await {
        Ok(client) => client.into_response(),
        Err(refusal) => (refusal.status(), refusal.to_string()).into_response(),
    }
}
