//! A service with an identity, for tests against providers: it gets tokens, and lets in callers with tokens.
//!
//! Its argument is `{"issuer", "clientId", "clientSecret" or "keyPem", "validation", "audience"}`. It prints
//! `{"port"}`.
//! `GET /token` answers with a token for the service of rates; `GET /rates` needs one that allows `rates:read`.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clock::{Clock, SystemClock, SystemEntropy};
use outbound_http::{Outbound, OutboundConfig};
use serde::Deserialize;
use serde_json::json;
use service_auth::{Scope, Service, Wanted};
use service_identity::{
    ClientIdentity, Credential, JudgeSettings, Provider, ProviderSettings, Refusal, SecretPlace, ServiceTokens,
    SigningKey, TokenJudge, TokenSettings, Validation, bearer,
};
use url::Url;

/// The argument.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    issuer: Url,
    client_id: String,
    client_secret: Option<String>,
    key_pem: Option<String>,
    #[serde(default)]
    validation: HowTokensAreChecked,
    audience: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum HowTokensAreChecked {
    #[default]
    #[serde(rename = "introspect")]
    Introspect,
    #[serde(rename = "jwt")]
    Jwt,
    #[serde(rename = "jwt+introspect")]
    JwtAndIntrospect,
}

#[derive(Clone)]
struct Peer {
    tokens: ServiceTokens,
    judge: TokenJudge,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1).ok_or("give the settings as JSON")?;
    let peer = peer(serde_json::from_str(&argument)?)?;
    let app = Router::new().route("/token", get(token)).route("/rates", get(rates)).with_state(peer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", json!({"port": listener.local_addr()?.port()}))?;
    output.flush()?;
    axum::serve(listener, app).await?;
    Ok(())
}

fn peer(settings: Settings) -> Result<Peer, Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let http = Outbound::new(OutboundConfig::default(), Arc::clone(&clock))?;
    let provider = ProviderSettings { issuer: Some(settings.issuer), ..ProviderSettings::default() };
    let provider = Provider::new(provider, http, Arc::clone(&clock));
    let credential = match (settings.client_secret, settings.key_pem) {
        (Some(secret), None) => Credential::Secret(secret, SecretPlace::Header),
        (None, Some(pem)) => Credential::Key(Arc::new(SigningKey::from_pem(&pem, None)?)),
        (None, None) | (Some(_), Some(_)) => return Err("give either clientSecret or keyPem".into()),
    };

    let identity = ClientIdentity { id: settings.client_id, credential };
    let names = TokenSettings {
        audiences: settings.audience.map(|name| (Service::Rates, name)).into_iter().collect(),
        ..TokenSettings::default()
    };
    let validation = match settings.validation {
        HowTokensAreChecked::Introspect => Validation::Introspect,
        HowTokensAreChecked::Jwt => Validation::Jwt,
        HowTokensAreChecked::JwtAndIntrospect => Validation::JwtAndIntrospect,
    };
    let judge = JudgeSettings { validation, tenant_claim: "tenant".to_owned(), names: names.clone() };
    let entropy = Arc::new(SystemEntropy);
    Ok(Peer {
        tokens: ServiceTokens::new(
            provider.clone(),
            identity.clone(),
            names,
            Arc::clone(&clock),
            Arc::<SystemEntropy>::clone(&entropy),
        ),
        judge: TokenJudge::new(provider, identity, judge, clock, entropy),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mistyped_is_an_error() {
        let read = |text: &str| -> Result<Peer, Box<dyn Error>> { peer(serde_json::from_str(text)?) };
        let with = |more: &str| read(&format!(r#"{{"issuer": "http://localhost:1", "clientId": "a"{more}}}"#)).is_ok();
        assert!(with(r#", "clientSecret": "s", "validation": "jwt+introspect""#));
        for wrong in [
            "",
            r#", "clientSecret": "s", "validation": "jtw""#,
            r#", "clientSecret": "s", "keyPem": "k""#,
            r#", "keyPem": "k""#,
            r#", "clientSecret": "s", "validations": "jwt""#,
        ] {
            assert!(!with(wrong), "{wrong}");
        }
        assert!(read(r#"{"issuer": "localhost", "clientId": "a", "clientSecret": "s"}"#).is_err());
    }
}
