//! A listener that services call with certificates, over sockets: who is let in, and how far.
//! How a role is read from a certificate is tested in `service-identity`.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clock::SystemClock;
use http_kit::{
    Admission, CallerSecret, ConnectionLimits, Deadlines, Need, Proxies, ServiceCallers, ServiceDoor,
    ServiceIdentities, ServiceTls, Serving, require_service, serve,
};
use outbound_http::{Outbound, OutboundConfig, PartyTls, Request, Scheme};
use service_auth::{Scope, Service, Wanted, Ways};
use service_identity::ServiceProofs;
use shared_cache::{InProcessCache, InProcessLimits, Limiter, SharedCache};
use testkit::{Certified, PrivateAuthority};

const SECRET: &str = "a secret of two roles";
const FOR_EVER: (i32, u8, u8) = (3000, 1, 1);

/// A listener of the backend that takes reports about grants. The part of its URL after the scheme.
async fn listener(authority: &PrivateAuthority, ways: Ways) -> String {
    let cache = SharedCache::InProcess(InProcessCache::new(Arc::new(SystemClock), InProcessLimits::default()));
    let secret = CallerSecret::new([SECRET], "test", Limiter::new(cache, Arc::new(SystemClock)));
    let identities = ServiceIdentities { ways: ways.into(), judge: None };
    let callers = ServiceCallers::Proven(ServiceDoor { secret, identities });
    let need = Need { service: Service::BackendAdmin, scopes: &[Scope::GrantsNotify] };
    let router = require_service(Router::new().route("/", get(async || "in")), callers, need);

    let own = authority.certify_as("backend", &["backend.internal", "localhost"], FOR_EVER);
    let tls = ServiceTls::new(&own.certificate, &own.key, &authority.pem()).unwrap();
    let admission = Admission::new(ConnectionLimits::default());
    let serving = Serving { deadlines: Deadlines::default(), admission, proxies: Proxies::None, tls: Some(tls) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(serve(listener, router, serving, std::future::pending()));
    place
}

fn plain() -> Outbound {
    let config = OutboundConfig { scheme: Scheme::AsWritten, ..OutboundConfig::development() };
    Outbound::new(config, Arc::new(SystemClock)).unwrap()
}

/// A client that shows `own`, and believes the servers of `authority`.
fn showing(authority: &PrivateAuthority, own: Option<&Certified>) -> Outbound {
    let pem = authority.pem();
    let identity = own.map(|own| (own.certificate.as_str(), own.key.as_str()));
    plain().with_tls(&PartyTls { identity, authorities: Some(&pem) }.read().unwrap()).unwrap()
}

/// The status of an answer; `None` if the connection was refused.
async fn status(http: &Outbound, url: &str, secret: Option<&str>) -> Option<u16> {
    let mut request = Request::get(url.parse().unwrap()).configured();
    if let Some(secret) = secret {
        request = request.authorization(&format!("Bearer {secret}"));
    }
    http.send(request).await.ok().map(|answer| answer.status.as_u16())
}

#[tokio::test]
async fn a_certificate_of_the_installation_lets_its_role_do_what_the_role_may_and_nothing_else() {
    let authority = PrivateAuthority::default();
    let place = listener(&authority, Ways::CERTIFICATE).await;
    let url = format!("https://{place}");
    let with = async |names: &[&str], until| {
        let own = authority.certify_as("a role", names, until);
        status(&showing(&authority, Some(&own)), &url, None).await
    };
    assert_eq!(with(&["auth.internal"], FOR_EVER).await, Some(200));
    assert_eq!(with(&["wallet.internal"], FOR_EVER).await, Some(403));
    assert_eq!(with(&["localhost"], FOR_EVER).await, Some(401), "it names no role");
    assert_eq!(with(&["auth.internal"], (2001, 1, 1)).await, None, "it has ended");
    assert_eq!(status(&showing(&authority, None), &url, None).await, Some(401));

    let strange = PrivateAuthority::default().certify_as("a role", &["auth.internal"], FOR_EVER);
    assert_eq!(status(&showing(&authority, Some(&strange)), &url, None).await, None, "nobody here has made it");

    for (scheme, http) in [("http", plain()), ("https", showing(&authority, None))] {
        let url = format!("{scheme}://{place}");
        assert_eq!(status(&http, &url, Some(SECRET)).await, Some(401), "secrets are not accepted over {scheme}");
    }
}

#[tokio::test]
async fn while_roles_move_to_certificates_secrets_are_accepted_with_and_without_tls() {
    let authority = PrivateAuthority::default();
    let ways = Ways::SHARED_SECRET.and(Ways::CERTIFICATE);
    let place = listener(&authority, ways).await;
    let own = authority.certify_as("auth", &["auth"], FOR_EVER);
    let secured = showing(&authority, Some(&own));
    for (url, http) in [(format!("http://{place}"), plain()), (format!("https://{place}"), showing(&authority, None))] {
        assert_eq!(status(&http, &url, Some(SECRET)).await, Some(200), "{url}");
        assert_eq!(status(&http, &url, Some("guess")).await, Some(401), "{url}");
        assert_eq!(status(&http, &url, None).await, Some(401), "{url}");
    }

    // A role proves itself in the same way wherever it calls: its certificate goes where there is TLS.
    let sent = async |ways: Ways, secret, scheme| {
        let proofs = ServiceProofs::new(ways.into(), None, Some(secured.clone()));
        let request = Request::get(format!("{scheme}://{place}").parse().unwrap()).configured();
        let answer = proofs.of(Wanted::GRANT_EVENTS, secret).send(&plain(), request).await;
        answer.ok().map(|answer| answer.status.as_u16())
    };
    assert_eq!(sent(ways, Some(SECRET), "http").await, Some(200));
    assert_eq!(sent(ways, Some("an old secret"), "https").await, Some(200), "the certificate is enough");
    assert_eq!(sent(Ways::CERTIFICATE, Some(SECRET), "https").await, Some(200));
    assert_eq!(sent(Ways::CERTIFICATE, Some(SECRET), "http").await, Some(401), "nothing else is shown");
}

#[tokio::test]
async fn both_authorities_are_believed_while_one_replaces_the_other() {
    let (old, new) = (PrivateAuthority::default(), PrivateAuthority::default());
    let own = old.certify_as("backend", &["localhost"], FOR_EVER);
    let both = format!("{}{}", old.pem(), new.pem());
    assert!(ServiceTls::new(&own.certificate, &own.key, &both).is_ok());
    for (certificate, key, authorities) in [
        (own.certificate.as_str(), own.key.as_str(), ""),
        (own.certificate.as_str(), new.certify().key.as_str(), both.as_str()),
        ("", own.key.as_str(), both.as_str()),
    ] {
        assert!(ServiceTls::new(certificate, key, authorities).is_err());
    }
}
