//! The client of an OAuth 2.0 provider's introspection endpoint (RFC 7662), and the check of its answer.
//! It is not a client of token endpoints: it never obtains a token.
//!
//! One call, no retries, no cache. Token values never reach a log.

use std::time::Duration;

use bytes::Bytes;
use clock::Timestamp;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use outbound_http::{Outbound, Request};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::IntrospectionError;
use crate::refusal::Refusal;

/// The largest accepted difference between two clocks.
const SKEW: Duration = Duration::from_secs(30);
/// The time-out of a provider.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks one provider about tokens. The provider knows the asking service as a client.
#[derive(Clone)]
pub struct OAuthIntrospection {
    outbound: Outbound,
    url: Url,
    proof: ClientProof,
}

/// How a request shows a provider which client sends it (RFC 6749 section 2.3, RFC 7523 section 2.2).
#[derive(Clone, Default)]
pub struct ClientProof {
    /// The value of `Authorization`.
    pub authorization: Option<String>,
    /// More members of the form.
    pub form: Vec<(&'static str, String)>,
}

impl ClientProof {
    /// `client_secret_basic`: id and secret in the header `Authorization`.
    pub fn basic(client_id: &str, client_secret: &str) -> Self {
        use base64::Engine;
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = format!("{}:{}", encoded(client_id), encoded(client_secret));
        let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
        Self { authorization: Some(format!("Basic {credentials}")), form: Vec::new() }
    }

    /// `POST` of a form to the provider, with this proof.
    pub fn post(&self, url: Url, members: &[(&str, &str)]) -> Request {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(members);
        form.extend_pairs(self.form.iter().map(|(name, value)| (*name, value.as_str())));
        let request = Request::post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(Bytes::from(form.finish()))
            .configured();
        match &self.authorization {
            Some(authorization) => request.authorization(authorization),
            None => request,
        }
    }
}

/// What the provider says of an active token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthToken {
    /// The client it was issued to.
    pub client_id: Option<String>,
    /// The party that the token acts for.
    pub subject: Option<String>,
    /// The issuer.
    pub issuer: Option<String>,
    /// The services that may accept it.
    pub audience: Vec<String>,
    /// The scopes it grants.
    pub scopes: Vec<String>,
    /// The instant from which it is valid.
    pub not_before: Option<Timestamp>,
    /// The instant from which it is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// Everything else that the provider says.
    pub more: Map<String, Value>,
}

/// What a route demands of a token.
#[derive(Clone, Debug)]
pub struct OAuthDemand<'a> {
    /// The issuer it must have; `None` if the provider's answers do not name one.
    pub issuer: Option<&'a str>,
    /// The service's own name, which must be among the token's audience.
    pub audience: &'a str,
    /// The scope it must have; `None` if the caller judges the scopes itself.
    pub scope: Option<&'a str>,
    /// The certificate of the connection that it came over, which was verified: its SHA-256 digest in base64url. Without
    /// one, a token that is bound to a certificate is refused (RFC 8705 section 3).
    pub certificate: Option<&'a str>,
}

#[derive(Deserialize)]
struct Wire {
    active: bool,
    #[serde(flatten)]
    claims: Claims,
}

#[derive(Deserialize)]
struct Claims {
    client_id: Option<String>,
    sub: Option<String>,
    iss: Option<String>,
    #[serde(default)]
    aud: Audience,
    #[serde(default)]
    scope: String,
    nbf: Option<i64>,
    exp: Option<i64>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// One name, or several.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    Several(Vec<String>),
    One(String),
    #[default]
    None,
}

impl OAuthIntrospection {
    /// Asks at `url`, as the client with this id and secret (`client_secret_basic`, RFC 6749 section 2.3.1).
    pub fn new(outbound: Outbound, url: Url, client_id: &str, client_secret: &str) -> Self {
        Self::proving(outbound, url, ClientProof::basic(client_id, client_secret))
    }

    /// Asks at `url`, as the client that this proof is of.
    pub fn proving(outbound: Outbound, url: Url, proof: ClientProof) -> Self {
        Self { outbound, url, proof }
    }

    /// Asks about a token; `None` if it is not active.
    pub async fn introspect(&self, token: &str) -> Result<Option<OAuthToken>, IntrospectionError> {
        let members = [("token", token), ("token_type_hint", "access_token")];
        let request = self.proof.post(self.url.clone(), &members).deadline(TIMEOUT);
        let response = self.outbound.send(request).await?;
        match response.status.as_u16() {
            200 => {}
            401 | 403 => return Err(IntrospectionError::NotTrusted),
            status @ (429 | 500..) => return Err(IntrospectionError::Unavailable(status)),
            status => return Err(IntrospectionError::Refused(status)),
        }
        let wire: Wire = response.json().map_err(|error| IntrospectionError::Unusable(error.to_string()))?;
        Ok(wire.active.then(|| wire.claims.read()))
    }
}

impl Claims {
    fn read(self) -> OAuthToken {
        let instant = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        OAuthToken {
            client_id: self.client_id,
            subject: self.sub,
            issuer: self.iss,
            audience: match self.aud {
                Audience::Several(names) => names,
                Audience::One(name) => vec![name],
                Audience::None => Vec::new(),
            },
            scopes: self.scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
            not_before: self.nbf.map(instant),
            expires_at: self.exp.map(instant),
            more: self.more,
        }
    }
}

impl OAuthToken {
    /// The token that a document describes: an answer of introspection, or the claims of a signed token (RFC 9068).
    pub fn of_claims(claims: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let wire: Claims = serde_json::from_value(Value::Object(claims))?;
        Ok(wire.read())
    }

    /// The text of a claim, by its name. Standard claims have one, too.
    pub fn claim(&self, name: &str) -> Option<&str> {
        match name {
            "client_id" => self.client_id.as_deref(),
            "sub" => self.subject.as_deref(),
            "iss" => self.issuer.as_deref(),
            "aud" => match self.audience.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            name => self.more.get(name).and_then(Value::as_str),
        }
    }

    /// Whether the token meets a demand at `now`. A token without an audience meets none.
    pub fn meets(&self, demand: &OAuthDemand<'_>, now: Timestamp) -> Result<(), Refusal> {
        let is_early = self.not_before.is_some_and(|begin| now + SKEW < begin);
        let is_late = self.expires_at.is_some_and(|end| end + SKEW <= now);
        let is_foreign = demand.issuer.is_some_and(|issuer| self.issuer.as_deref() != Some(issuer));
        let is_of_another = self.more.get("cnf").is_some_and(|bound| !is_bound_to(bound, demand.certificate));
        let is_for_us = self.audience.iter().any(|name| name == demand.audience);
        if is_early || is_late || is_foreign || is_of_another || !is_for_us {
            return Err(Refusal::InvalidToken);
        }
        let Some(scope) = demand.scope else { return Ok(()) };
        if self.scopes.iter().any(|granted| granted == scope) { Ok(()) } else { Err(Refusal::InsufficientScope) }
    }
}

/// Whether the confirmation of a token (RFC 7800 section 3.1) names this certificate and nothing else. The other kinds,
/// such as the key of RFC 9449, are not checked here, so a token that has one of them is refused.
fn is_bound_to(confirmation: &Value, certificate: Option<&str>) -> bool {
    let members = confirmation.as_object().filter(|members| members.len() == 1);
    let bound = members.and_then(|members| members.get("x5t#S256")).and_then(Value::as_str);
    bound.is_some() && bound == certificate
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const DEMAND: OAuthDemand<'_> =
        OAuthDemand { issuer: Some("https://op.example"), audience: "auth", scope: Some("a:b"), certificate: None };

    fn token(document: &str) -> OAuthToken {
        serde_json::from_str::<Wire>(document).unwrap().claims.read()
    }

    #[test]
    fn a_token_is_good_for_its_audience_its_scopes_and_its_time_only() {
        let good =
            r#"{"active":true,"iss":"https://op.example","aud":["x","auth"],"scope":"c:d a:b","exp":1767225630}"#;
        assert_eq!(token(good).meets(&DEMAND, NOW), Ok(()));
        for wrong in [
            r#"{"active":true,"iss":"https://other.example","aud":"auth","scope":"a:b"}"#,
            r#"{"active":true,"aud":"auth","scope":"a:b"}"#,
            r#"{"active":true,"iss":"https://op.example","aud":"other","scope":"a:b"}"#,
            r#"{"active":true,"iss":"https://op.example","scope":"a:b"}"#,
            r#"{"active":true,"iss":"https://op.example","aud":"auth","scope":"a:b","exp":1767225570}"#,
            r#"{"active":true,"iss":"https://op.example","aud":"auth","scope":"a:b","nbf":1767225631}"#,
            r#"{"active":true,"iss":"https://op.example","aud":"auth","scope":"a:b","cnf":{"jkt":"x"}}"#,
        ] {
            assert_eq!(token(wrong).meets(&DEMAND, NOW), Err(Refusal::InvalidToken), "{wrong}");
        }
        let narrow = r#"{"active":true,"iss":"https://op.example","aud":"auth","scope":"a:bc a"}"#;
        assert_eq!(token(narrow).meets(&DEMAND, NOW), Err(Refusal::InsufficientScope));
    }

    #[test]
    fn a_bound_token_is_good_over_a_connection_with_its_certificate_only() {
        let bound = |confirmation: &str| {
            token(&format!(
                r#"{{"active":true,"iss":"https://op.example","aud":"auth","scope":"a:b","cnf":{confirmation}}}"#
            ))
        };
        let over = |certificate: &'static str| OAuthDemand { certificate: Some(certificate), ..DEMAND };
        let own = bound(r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#);
        assert_eq!(own.meets(&over("bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"), NOW), Ok(()));
        assert_eq!(own.meets(&over("another"), NOW), Err(Refusal::InvalidToken), "somebody else shows it");
        assert_eq!(own.meets(&DEMAND, NOW), Err(Refusal::InvalidToken), "no certificate is shown");
        for odd in [
            "{}",
            "null",
            "[]",
            r#""another""#,
            r#"{"x5t#S256":null}"#,
            r#"{"x5t#S256":["another"]}"#,
            r#"{"x5t":"another"}"#,
            r#"{"jkt":"another"}"#,
            r#"{"x5t#S256":"another","jkt":"x"}"#,
        ] {
            assert_eq!(bound(odd).meets(&over("another"), NOW), Err(Refusal::InvalidToken), "{odd}");
        }
    }
}
