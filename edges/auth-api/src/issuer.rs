//! The routes of the built-in issuer, on the service listener: tokens, introspection, revocation, public keys, metadata
//! (RFC 8414).
//!
//! Callers prove their client id. The secret of the service listener does not count here.

use auth::{Issuer, IssuerError, ShownClient, ShownProof, TokenQuestion};
use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http_kit::{Access, ClientAddress, Declared, RetryAfter, ShownCertificate, read_body, refuse_browsers};
use serde_json::{Value, json};
use std::time::Duration;
use url::form_urlencoded::parse;

/// The largest form, in octets.
const FORM_MAX: usize = 32 * 1024;
/// When to try again after the database failed.
const AGAIN: Duration = Duration::from_secs(1);

/// The routes of `issuer`.
pub(crate) fn routes(issuer: Issuer) -> Router {
    let router = Router::new()
        .declare("/.well-known/oauth-authorization-server", Access::Public, get(metadata))
        .declare("/oauth/jwks", Access::Public, get(keys))
        .declare("/oauth/token", Access::IssuerClient, post(token))
        .declare("/oauth/introspect", Access::IssuerClient, post(introspect))
        .declare("/oauth/revoke", Access::IssuerClient, post(revoke))
        .with_state(issuer);
    refuse_browsers(router)
}

/// Why a request is refused (RFC 6749 section 5.2).
struct Refused {
    status: StatusCode,
    code: &'static str,
    told: String,
    retry_after: Option<RetryAfter>,
}

impl Refused {
    fn request(told: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_request", told: told.to_owned(), retry_after: None }
    }
}

impl From<IssuerError> for Refused {
    fn from(error: IssuerError) -> Self {
        let told = error.to_string();
        let (status, code, retry_after) = match error {
            IssuerError::Client => (StatusCode::UNAUTHORIZED, "invalid_client", None),
            IssuerError::TooMany(refused) => {
                (StatusCode::TOO_MANY_REQUESTS, "invalid_client", Some(RetryAfter(refused.retry_after)))
            }
            IssuerError::Target => (StatusCode::BAD_REQUEST, "invalid_target", None),
            IssuerError::Scope => (StatusCode::BAD_REQUEST, "invalid_scope", None),
            IssuerError::Store(error) => {
                tracing::error!(%error, "the database failed");
                let told = "the database failed".to_owned();
                let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable");
                return Self { status, code, told, retry_after: Some(RetryAfter(AGAIN)) };
            }
        };
        Self { status, code, told, retry_after }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({"error": self.code, "error_description": self.told});
        let mut response = (self.status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Basic realm=\"services\""));
        }
        match self.retry_after {
            Some(retry_after) => (retry_after, response).into_response(),
            None => response,
        }
    }
}

/// The members of a form. None may be there twice (RFC 6749 section 3.2).
struct Form(Vec<(String, String)>);

impl Form {
    async fn read(request: Request) -> Result<(Self, Parts), Refused> {
        let (head, body) = request.into_parts();
        let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refused::request("send a form: application/x-www-form-urlencoded"));
        }
        let body = read_body(body, FORM_MAX).await.map_err(|error| Refused::request(&error.to_string()))?;
        let members: Vec<(String, String)> =
            parse(&body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refused::request("a member of the form is there twice"));
        }
        Ok((Self(members), head))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn require(&self, name: &str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| Refused::request(&format!("{name} is missing")))
    }

    /// The client, from the header or from the form, but not from both (RFC 6749 section 2.3). Without a secret, the
    /// certificate of the connection is its proof (RFC 8705 section 2).
    fn client(&self, head: &Parts) -> Result<ShownClient, Refused> {
        let named = |proof| Ok(ShownClient { id: self.require("client_id")?.to_owned(), proof });
        match (head.headers.get(AUTHORIZATION), self.get("client_secret")) {
            (Some(_), Some(_)) => Err(Refused::request("prove the client in one way only")),
            (Some(header), None) => basic(header.to_str().ok()).ok_or_else(|| IssuerError::Client.into()),
            (None, Some(secret)) => named(ShownProof::Secret(secret.to_owned())),
            (None, None) => match ShownCertificate::of(&head.extensions).0 {
                Some(certificate) => named(ShownProof::Certificate(certificate)),
                None => Err(IssuerError::Client.into()),
            },
        }
    }
}

/// Id and secret of `Basic`; both are in the encoding of forms.
fn basic(header: Option<&str>) -> Option<ShownClient> {
    let (scheme, encoded) = header?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decoded = |text: &str| parse(format!("x={text}").as_bytes()).next().map(|(_, value)| value.into_owned());
    Some(ShownClient { id: decoded(id)?, proof: ShownProof::Secret(decoded(secret)?) })
}

/// `GET /.well-known/oauth-authorization-server`
async fn metadata(State(issuer): State<Issuer>) -> Json<Value> {
    let base = issuer.settings().issuer.trim_end_matches('/').to_owned();
    // A method that no client can use is not offered.
    let certificates = issuer.settings().clients.iter().any(|client| !client.certificate_names.is_empty());
    let mut ways = vec!["client_secret_basic", "client_secret_post"];
    ways.extend(certificates.then_some("tls_client_auth"));
    let mut told = json!({
        "issuer": issuer.settings().issuer,
        "token_endpoint": format!("{base}/oauth/token"),
        "token_endpoint_auth_methods_supported": ways,
        "introspection_endpoint": format!("{base}/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported": ways,
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": ways,
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "tls_client_certificate_bound_access_tokens": certificates,
    });
    if !issuer.settings().keys.is_empty() {
        told["jwks_uri"] = json!(format!("{base}/oauth/jwks"));
    }
    Json(told)
}

/// `GET /oauth/jwks`
async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    Json(issuer.public_keys())
}

/// `POST /oauth/token`
async fn token(State(issuer): State<Issuer>, from: ClientAddress, request: Request) -> Result<Response, Refused> {
    let (form, head) = Form::read(request).await?;
    if form.require("grant_type")? != "client_credentials" {
        let told = "the grant type is client_credentials".to_owned();
        let (status, code) = (StatusCode::BAD_REQUEST, "unsupported_grant_type");
        return Err(Refused { status, code, told, retry_after: None });
    }
    let question = TokenQuestion {
        audience: form.get("audience").or_else(|| form.get("resource")).map(str::to_owned),
        scope: form.get("scope").map(str::to_owned),
    };
    let issued = issuer.issue(&form.client(&head)?, &question, &from.source().to_string()).await?;
    Ok(unstored(json!({
        "access_token": issued.value, "token_type": "Bearer", "expires_in": issued.lifetime.as_secs(),
        "scope": issued.scope,
    })))
}

/// `POST /oauth/introspect`
async fn introspect(State(issuer): State<Issuer>, from: ClientAddress, request: Request) -> Result<Response, Refused> {
    let (form, head) = Form::read(request).await?;
    let token = form.require("token")?;
    let known = issuer.introspect(&form.client(&head)?, token, &from.source().to_string()).await?;
    let Some(known) = known else { return Ok(unstored(json!({"active": false}))) };
    let seconds = |at: clock::Timestamp| at.as_millis().div_euclid(1000);
    let mut told = json!({
        "active": true, "iss": issuer.settings().issuer, "client_id": known.client, "sub": known.client,
        "aud": known.audience, "scope": known.scope, "token_type": "Bearer", "iat": seconds(known.issued_at),
        "exp": seconds(known.expires_at),
    });
    if let Some(tenant) = known.tenant {
        told["tenant"] = json!(tenant);
    }
    if let Some(certificate) = known.certificate {
        told["cnf"] = json!({"x5t#S256": certificate});
    }
    Ok(unstored(told))
}

/// `POST /oauth/revoke`: 200, whether there was such a token or not (RFC 7009 section 2.2).
async fn revoke(State(issuer): State<Issuer>, from: ClientAddress, request: Request) -> Result<Response, Refused> {
    let (form, head) = Form::read(request).await?;
    let token = form.require("token")?;
    issuer.revoke(&form.client(&head)?, token, &from.source().to_string()).await?;
    Ok(StatusCode::OK.into_response())
}

fn unstored(body: Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
