//! An institution's own OAuth 2.0 provider, as small as the standards allow: tokens for clients, and introspection.
//!
//! It is not the built-in issuer. It knows one client that asks for tokens, and one that introspects them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clock::{Clock, Entropy, SystemClock, SystemEntropy};
use serde_json::{Value, json};

/// The client of the entity, and its secret.
pub(super) const CLIENT: (&str, &str) = ("entity", "secret-of-the-entity");
/// The client of the backend, which asks about tokens.
pub(super) const BACKEND: (&str, &str) = ("backend", "secret-of-the-backend");

struct Issued {
    scope: String,
    audience: String,
}

#[derive(Clone)]
struct Provider {
    tenant: String,
    tokens: Arc<Mutex<HashMap<String, Issued>>>,
}

/// A provider that listens while the runtime lives.
pub(super) struct Listening {
    pub(super) url: String,
    tokens: Arc<Mutex<HashMap<String, Issued>>>,
}

impl Listening {
    /// How many tokens it has given out.
    pub(super) fn issued(&self) -> usize {
        self.tokens.lock().unwrap().len()
    }
}

/// Starts it. Its tokens act for `tenant`.
pub(super) async fn start(tenant: String) -> Listening {
    let tokens = Arc::<Mutex<HashMap<String, Issued>>>::default();
    let provider = Provider { tenant, tokens: Arc::clone(&tokens) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let router = Router::new().route("/token", post(issue)).route("/introspect", post(introspect)).with_state(provider);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Listening { url, tokens }
}

fn is_client(headers: &HeaderMap, (id, secret): (&str, &str)) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    headers.get("authorization").is_some_and(|sent| sent == &expected)
}

async fn issue(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    let asked = |name: &str| form.get(name).cloned().ok_or(StatusCode::BAD_REQUEST);
    if !is_client(&headers, CLIENT) || asked("grant_type")? != "client_credentials" {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let token = SystemEntropy.uuid().to_string();
    let issued = Issued { scope: asked("scope")?, audience: asked("audience")? };
    provider.tokens.lock().unwrap().insert(token.clone(), issued);
    Ok(Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 300})))
}

async fn introspect(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    if !is_client(&headers, BACKEND) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let tokens = provider.tokens.lock().unwrap();
    let Some(issued) = form.get("token").and_then(|token| tokens.get(token)) else {
        return Ok(Json(json!({"active": false})));
    };
    Ok(Json(json!({
        "active": true, "client_id": CLIENT.0, "sub": CLIENT.0, "token_type": "Bearer", "scope": issued.scope,
        "aud": issued.audience, "tenant": provider.tenant, "exp": SystemClock.now().as_secs() + 300,
    })))
}
