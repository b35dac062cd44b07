//! Signing in with an own account at the sign-in provider: there, and back.
//!
//! Signing in with a secret is in `sign_in`. The protocol is in `openid-connect`.

use admin_client::AdminError;
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use openid_connect::{Attempt, Person as Account};
use serde::{Deserialize, Serialize};

use crate::context::Reader;
use crate::pages::sign_in::{self, Entering};
use crate::posted::Posted;
use crate::provider::{ProviderRole, ProviderSettings, name_of};
use crate::session::Person;

/// The name of the cookie and of its seal.
const ATTEMPT: &str = "attempt";
/// A person may take this long at the provider.
const ATTEMPT_SECONDS: u64 = 600;
const NONE: &str = "This console has no sign-in provider. Sign in with tenant id and API secret.";

/// What the browser keeps while the person is at the provider.
#[derive(Serialize, Deserialize)]
struct Away {
    attempt: Attempt,
    /// The page that was asked for.
    next: String,
}

/// `GET /sign-in/provider`
pub(crate) async fn leave(reader: Reader) -> Response {
    let Some((_, provider)) = reader.console.provider() else { return refused(&reader, NONE) };
    let (url, attempt) = match provider.begin().await {
        Ok(begun) => begun,
        Err(error) => {
            tracing::warn!(%error, "nobody can sign in at the provider");
            return refused(&reader, &error.to_string());
        }
    };
    let away = Away { attempt, next: reader.query.get("next").cloned().unwrap_or_default() };
    let sealed = reader.console.seal().seal(ATTEMPT, &serde_json::to_string(&away).unwrap_or_default());
    let mut response = reader.go(url.as_str(), None);
    let line = reader.set_cookie(&reader.console.cookie(ATTEMPT), &sealed, Some(ATTEMPT_SECONDS));
    response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
    response
}

/// `GET /sign-in/callback`
pub(crate) async fn back(reader: Reader) -> Response {
    let mut response = arrive(&reader).await;
    // An attempt ends once, whatever came of it.
    let line = reader.set_cookie(&reader.console.cookie(ATTEMPT), "", None);
    response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
    response
}

async fn arrive(reader: &Reader) -> Response {
    let Some((settings, provider)) = reader.console.provider() else { return refused(reader, NONE) };
    let away = reader.attempt.as_ref().and_then(|sealed| reader.console.seal().open(ATTEMPT, sealed));
    let Some(away) = away.and_then(|text| serde_json::from_str::<Away>(&text).ok()) else {
        return refused(reader, "This answer belongs to no attempt to sign in from this browser. Begin again.");
    };

    let account = match provider.finish(&away.attempt, &reader.query).await {
        Ok(account) => account,
        Err(error) => {
            tracing::warn!(%error, "somebody was not signed in");
            return refused(reader, &error.to_string());
        }
    };
    let Some(role) = settings.role_of(&account.claims) else {
        tracing::warn!(subject = account.subject, "a person without a role here tried to sign in");
        let text = "You are known at the sign-in provider, but you have no right here. Ask the operator of this instance for one.";
        return refused(reader, text);
    };
    match entering(reader, settings, &account, role).await {
        Ok(entering) => sign_in::enter(reader, entering, &mut Posted::default(), &away.next).await,
        Err(error) => refused(reader, &error.to_string()),
    }
}

async fn entering(
    reader: &Reader,
    settings: &ProviderSettings,
    account: &Account,
    role: ProviderRole,
) -> Result<Entering, AdminError> {
    let operator = &settings.operator;
    let person =
        Person::Known { id: format!("{} {}", account.issuer, account.subject), name: name_of(&account.claims) };
    let (tenant, secret) = match role.tenant() {
        None => (operator.tenant_id, operator.secret.clone()),
        // The console shows its own proof, and needs no secret of the tenant.
        Some(id) if !reader.console.knows_secrets() => (id, String::new()),
        Some(id) => (id, reader.console.client(operator.clone()).tenant_secret(id).await?),
    };
    Ok(Entering { person, tenant, secret, rights: role.rights() })
}

fn refused(reader: &Reader, text: &str) -> Response {
    let mut posted = Posted::default();
    posted.problem = Some(reader.words.t(text).to_owned());
    sign_in::draw(reader, StatusCode::UNPROCESSABLE_ENTITY, &posted)
}
