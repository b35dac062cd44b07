//! Receiving webhooks: a body of limited size, its signature, its three members.
//!
//! The receiver decides the effects of an event. It recognises a repeated event by its id.

use std::fmt;
use std::time::Duration;

use admin_signature::{Signature, canonical};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use http::StatusCode;
use http::request::Parts;
use outside_text::{Bounds, check_json, check_line};
use serde_json::{Map, Value};
use service_auth::{Scope, Service};
use service_identity::Refusal;
use uuid::Uuid;

use crate::body::{BodyError, read_body};
use crate::calls::LetIn;
use crate::client_address::ClientAddress;
use crate::identities::{ServiceIdentities, ShownCertificate, unproven};

const BODY_MAX: usize = 1024 * 1024;
/// The most digests of one signature: of a secret and of the one before it.
const DIGESTS_MAX: usize = 2;
/// The longest name of a type of event.
const KIND_MAX: usize = 255;

/// What the token of a sender must grant.
const SENDERS: &[Scope] = &[Scope::HooksSend];

/// How events are verified.
#[derive(Clone)]
pub struct EventVerification {
    /// The shared secrets. Any of them may have signed, so that one can replace the other.
    pub secrets: Vec<String>,
    /// The expected version.
    pub version: u32,
    /// The greatest difference between a signature's time and the present.
    pub tolerance: Duration,
    /// Whether an event without signature is accepted.
    pub unsigned: Unsigned,
    /// The proofs that are accepted. A token counts instead of a signature; a request with both must have both right.
    pub identities: ServiceIdentities,
    /// The service that receives, for which a token must be.
    pub service: Service,
}

/// Whether an event without signature is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// It is refused.
    Refused,
    /// It is accepted with a warning, for playgrounds whose instance does not sign.
    Believed,
}

/// The body of an event, with its id and type.
#[derive(Clone, Debug)]
pub struct ReceivedEvent {
    /// Its id, the same in all deliveries.
    pub id: Uuid,
    /// Its type.
    pub kind: String,
    /// The whole body.
    pub body: Value,
}

/// Why a request is not accepted as an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventRefused {
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is not an event.
    #[error("{0}")]
    Malformed(String),
    /// The signature is missing or wrong.
    #[error("{0}")]
    Signature(String),
    /// The token is missing, or not accepted.
    #[error(transparent)]
    Token(Refusal),
}

impl IntoResponse for EventRefused {
    fn into_response(self) -> Response {
        match self {
            Self::Body(error) => error.into_response(),
            Self::Malformed(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
            Self::Signature(reason) => (StatusCode::UNAUTHORIZED, reason).into_response(),
            Self::Token(refusal) => unproven(refusal, SENDERS),
        }
    }
}

/// The event in `body`, if its signature is valid. The log tells of each that is accepted or refused.
pub async fn read_event(
    verification: &EventVerification,
    head: &Parts,
    body: Body,
    now: Timestamp,
) -> Result<ReceivedEvent, EventRefused> {
    let read = proved_event(verification, head, body, now).await;
    match &read {
        Ok((event, shown)) => {
            tracing::info!(event.id = %event.id, event.kind, who = %shown, "audit: an event was accepted");
        }
        Err(refused) => {
            let source = head.extensions.get::<ClientAddress>().map(|from| from.source().to_string());
            tracing::warn!(source, reason = %refused, "audit: an event was refused");
        }
    }
    read.map(|(event, _)| event)
}

/// The event, and what its sender has shown.
async fn proved_event(
    verification: &EventVerification,
    head: &Parts,
    body: Body,
    now: Timestamp,
) -> Result<(ReceivedEvent, Shown), EventRefused> {
    let headers = &head.headers;
    let mut shown = verification.check_service(head).await.map_err(EventRefused::Token)?;
    let body = read_body(body, BODY_MAX).await?;
    let malformed = |reason: &str| EventRefused::Malformed(reason.to_owned());
    let body: Value = serde_json::from_slice(&body).map_err(|_| malformed("the body is not JSON"))?;
    let signature = headers.get("rafiki-signature").and_then(|value| value.to_str().ok());
    // A receiver that takes no shared secrets has no secret for a signature.
    let is_signed = signature.is_some() && verification.identities.secrets(verification.service);
    if shown == Shown::Nothing || is_signed {
        if let Err(reason) = verification.verify(signature, &body, now) {
            tracing::warn!(
                reason,
                "an event is refused with 401; SIGNATURE_SECRET and SIGNATURE_VERSION of the backend must be \
                 WEBHOOK_SIGNATURE_SECRET (without it SIGNATURE_SECRET) and WEBHOOK_SIGNATURE_VERSION here"
            );
            return Err(EventRefused::Signature(reason));
        }
        if shown == Shown::Nothing && signature.is_some() {
            shown = Shown::Signature;
        }
    }
    check_json("body", &body, Bounds::EVENT).map_err(|unfit| EventRefused::Malformed(unfit.to_string()))?;
    let event = read(body).ok_or_else(|| malformed("an event has an id (UUID), a type and data"))?;
    Ok((event, shown))
}

/// What the sender has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    /// A token or a certificate, of this service.
    Identity(String),
    /// A signature with the shared secret.
    Signature,
    Nothing,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(service) => f.write_str(service),
            Self::Signature => f.write_str("whoever has the secret of webhooks"),
            Self::Nothing => f.write_str("somebody without a proof"),
        }
    }
}

impl EventVerification {
    async fn check_service(&self, head: &Parts) -> Result<Shown, Refusal> {
        let certificate = ShownCertificate::of(&head.extensions);
        match self.identities.principal(&head.headers, None, &certificate, self.service).await? {
            Some(principal) => principal.needs(SENDERS).map(|()| Shown::Identity(LetIn::service(&principal).0)),
            None if self.identities.secrets(self.service) => Ok(Shown::Nothing),
            None => Err(Refusal::Missing),
        }
    }

    fn verify(&self, signature: Option<&str>, body: &Value, now: Timestamp) -> Result<(), String> {
        let header = match (signature, self.unsigned) {
            (Some(header), _) => header,
            (None, Unsigned::Refused) => return Err("the header Rafiki-Signature is missing".to_owned()),
            (None, Unsigned::Believed) => {
                tracing::warn!(
                    "an event without a signature is accepted, because this is development; set SIGNATURE_SECRET at the \
                     backend, and WEBHOOK_SIGNATURE_SECRET here, to the same value"
                );
                return Ok(());
            }
        };
        let canonical = canonical(&signed_members(body));
        let mut verdict = Err("there is no secret to check signatures with".to_owned());
        for signature in self.signatures(header)? {
            for secret in &self.secrets {
                verdict = signature.verify(secret, now, self.tolerance, &canonical).map_err(|error| error.to_string());
                if verdict.is_ok() {
                    return verdict;
                }
            }
        }
        verdict
    }

    /// Every signature in the header: while an endpoint's secret is replaced there is a digest made with each.
    fn signatures(&self, header: &str) -> Result<Vec<Signature>, String> {
        let mut parts = header.split(", ");
        let time = parts.next().unwrap_or_default();
        let digests: Vec<&str> = parts.take(DIGESTS_MAX + 1).collect();
        if digests.len() > DIGESTS_MAX {
            return Err(format!("a signature has {DIGESTS_MAX} digests at most"));
        }
        let one = |digest: &&str| Signature::parse(&format!("{time}, {digest}"), self.version);
        match digests.as_slice() {
            [] => Signature::parse(header, self.version).map(|signature| vec![signature]),
            digests => digests.iter().map(one).collect(),
        }
        .map_err(|error| error.to_string())
    }
}

/// Only the three members of an event are signed. Other members of a body are not.
fn signed_members(body: &Value) -> Value {
    let named = ["data", "id", "type"].into_iter().filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())));
    Value::Object(named.collect::<Map<_, _>>())
}

fn read(body: Value) -> Option<ReceivedEvent> {
    let id = Uuid::try_parse(body.get("id")?.as_str()?).ok()?;
    let kind = body.get("type")?.as_str().filter(|kind| check_line(kind, KIND_MAX).is_ok())?.to_owned();
    body.get("data")?.as_object()?;
    Some(ReceivedEvent { id, kind, body })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use admin_signature::sign;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn verification(secrets: &[&str], unsigned: Unsigned) -> EventVerification {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        EventVerification {
            secrets,
            version: 1,
            tolerance: Duration::from_mins(5),
            unsigned,
            identities: ServiceIdentities::default(),
            service: Service::WalletHooks,
        }
    }

    async fn received(verification: &EventVerification, header: Option<String>) -> Result<ReceivedEvent, EventRefused> {
        let mut request = http::Request::builder();
        if let Some(header) = header {
            request = request.header("rafiki-signature", header);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        read_event(verification, &head, Body::from(event().to_string()), NOW).await
    }

    fn event() -> Value {
        json!({"id": Uuid::nil(), "type": "x.y", "data": {"a": 1}, "more": 2})
    }

    fn signed(secret: &str) -> String {
        sign(secret, 1, NOW, &canonical(&signed_members(&event())))
    }

    #[tokio::test]
    async fn while_a_secret_is_replaced_both_are_good_and_no_other() {
        let both = verification(&["new", "old"], Unsigned::Refused);
        for secret in ["new", "old"] {
            assert_eq!(received(&both, Some(signed(secret))).await.unwrap().kind, "x.y");
        }
        assert!(matches!(received(&both, Some(signed("other"))).await, Err(EventRefused::Signature(_))));
        let one = verification(&["new"], Unsigned::Refused);
        assert!(matches!(received(&one, Some(signed("old"))).await, Err(EventRefused::Signature(_))));
    }

    #[tokio::test]
    async fn a_receiver_that_knows_one_of_two_secrets_believes_what_is_signed_with_both() {
        let [new, old] = ["new", "old"].map(signed);
        let both = format!("{new}, {}", old.split_once(", ").unwrap().1);
        for known in ["new", "old"] {
            assert!(received(&verification(&[known], Unsigned::Refused), Some(both.clone())).await.is_ok(), "{known}");
        }
        let other = verification(&["other"], Unsigned::Refused);
        assert!(received(&other, Some(both.clone())).await.is_err());
        let three = format!("{both}, {}", old.split_once(", ").unwrap().1);
        let knows_new = verification(&["new"], Unsigned::Refused);
        for bad in [three, format!("{new}, "), format!("{new},"), new.split_once(", ").unwrap().0.to_owned()] {
            assert!(received(&knows_new, Some(bad.clone())).await.is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_missing_signature_is_believed_only_where_that_was_said_and_a_wrong_one_never() {
        let believing = verification(&["new"], Unsigned::Believed);
        assert!(received(&believing, None).await.is_ok());
        assert!(received(&verification(&["new"], Unsigned::Refused), None).await.is_err());
        assert!(received(&believing, Some(signed("old"))).await.is_err());
        let other_version = signed("new").replace("v1=", "v2=");
        assert!(received(&believing, Some(other_version)).await.is_err());
    }

    #[tokio::test]
    async fn the_log_has_a_line_for_each_event_that_is_accepted_or_refused() {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let to = Arc::clone(&lines);
        let writer = move || ToLines(Arc::clone(&to));
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        let _listening = tracing::subscriber::set_default(subscriber);
        let logged = || String::from_utf8(std::mem::take(&mut *lines.lock().unwrap())).unwrap();
        let audited = || logged().lines().filter(|line| line.contains("audit: an event")).collect::<Vec<_>>().join("|");

        let own = verification(&["new"], Unsigned::Refused);
        received(&own, Some(signed("new"))).await.unwrap();
        let told = audited();
        assert!(told.contains("was accepted") && told.contains(&Uuid::nil().to_string()), "{told}");
        assert!(told.contains("x.y") && told.contains("whoever has the secret of webhooks"), "{told}");
        for (header, reason) in
            [(None, "the header Rafiki-Signature is missing"), (Some(signed("another secret")), "signature")]
        {
            received(&own, header.clone()).await.unwrap_err();
            let told = audited();
            assert!(told.contains("WARN") && told.contains("was refused") && told.contains(reason), "{told}");
            assert!(!header.is_some_and(|shown| told.contains(&shown)), "without what was shown: {told}");
        }
        received(&verification(&["new"], Unsigned::Believed), None).await.unwrap();
        assert!(audited().contains("somebody without a proof"));
    }

    /// Writes to the end of the lines.
    struct ToLines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for ToLines {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
