//! A listener that services call with certificates, over sockets: who is let in, and how far.
//! How a role is read from a certificate is tested in `service-identity`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clock::{Clock, ManualClock, SystemClock, Timestamp};
use http_kit::{
    Admission, CallerSecret, ConnectionLimits, Deadlines, Need, Proxies, ServiceCallers, ServiceDoor,
    ServiceIdentities, ServiceTls, ServiceTlsError, Serving, TlsFiles, require_service, serve,
};
use outbound_http::{
    CertificateFacts, Outbound, OutboundConfig, OutboundError, PartyTls, Request, RevokedCertificates, Scheme,
    served_certificate,
};
use service_auth::{Scope, Service, ServiceRole, Wanted, Ways};
use service_identity::{CallError, CertifiedClients, RoleNames, ServiceProofs};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, SharedCache};
use testkit::{Certified, PrivateAuthority};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, HandshakeKind, RootCertStore};

const SECRET: &str = "a secret of two roles";
const FORMER_SECRET: &str = "the secret that it replaces";
const FOR_EVER: (i32, u8, u8) = (3000, 1, 1);
const AUTH: &str = "urn:rafiki:role:auth";
const WALLET: &str = "urn:rafiki:role:wallet";
const BACKEND: &str = "urn:rafiki:role:backend";

/// How a listener of the backend is set up.
struct Setup {
    own: Certified,
    ways: Ways,
    names: RoleNames,
    clock: Arc<dyn Clock>,
    revoked: RevokedCertificates,
}

impl Setup {
    fn accepting(authority: &PrivateAuthority, ways: Ways) -> Self {
        Self {
            own: authority.certify_as("backend", &["backend.internal", "localhost", BACKEND], FOR_EVER),
            ways,
            names: RoleNames::default(),
            clock: Arc::new(SystemClock),
            revoked: RevokedCertificates::default(),
        }
    }

    fn tls(&self, authority: &PrivateAuthority) -> ServiceTls {
        let Self { own, names, clock, revoked, .. } = self;
        let authorities = &authority.pem();
        let files = TlsFiles { certificate: &own.certificate, key: &own.key, authorities, revoked };
        ServiceTls::new(files, names.clone(), Arc::clone(clock)).unwrap()
    }
}

/// A listener of the backend that takes reports about grants. The part of its URL after the scheme.
async fn listener(authority: &PrivateAuthority, ways: Ways) -> String {
    listening(authority, Setup::accepting(authority, ways)).await
}

async fn listening(authority: &PrivateAuthority, setup: Setup) -> String {
    listening_with(setup.tls(authority), setup.ways).await
}

async fn listening_with(tls: ServiceTls, ways: Ways) -> String {
    let cache = SharedCache::InProcess(InProcessCache::new(Arc::new(SystemClock), InProcessLimits::default()));
    let secret = CallerSecret::new([SECRET, FORMER_SECRET], "test", Limiter::new(cache, Arc::new(SystemClock)));
    let identities = ServiceIdentities { ways: ways.into(), judge: None };
    let callers = ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities }));
    let need = Need { service: Service::BackendAdmin, scopes: &[Scope::GrantsNotify] };
    let router = require_service(Router::new().route("/", get(async || "in")), callers, need);

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
    assert_eq!(with(&["auth.internal", AUTH], FOR_EVER).await, Some(200));
    assert_eq!(with(&["wallet.internal", WALLET], FOR_EVER).await, Some(403));
    assert_eq!(with(&["localhost"], FOR_EVER).await, Some(401), "it names no role");
    assert_eq!(with(&[AUTH, WALLET], FOR_EVER).await, Some(401), "nobody is two roles");
    assert_eq!(with(&[AUTH, "urn:rafiki:role:owner"], FOR_EVER).await, Some(401), "there is no such role");
    assert_eq!(with(&[AUTH], (2001, 1, 1)).await, None, "it has ended");
    assert_eq!(status(&showing(&authority, None), &url, None).await, Some(401));

    let strange = PrivateAuthority::default().certify_as("a role", &[AUTH], FOR_EVER);
    assert_eq!(status(&showing(&authority, Some(&strange)), &url, None).await, None, "nobody here has made it");

    for (scheme, http) in [("http", plain()), ("https", showing(&authority, None))] {
        let url = format!("{scheme}://{place}");
        assert_eq!(status(&http, &url, Some(SECRET)).await, Some(401), "secrets are not accepted over {scheme}");
    }
}

#[tokio::test]
async fn a_host_name_is_a_role_only_where_the_operator_says_so() {
    let authority = PrivateAuthority::default();
    let names = RoleNames::new([(ServiceRole::Auth, "auth.bank.internal".to_owned())]);
    let knows_names = Setup { names, ..Setup::accepting(&authority, Ways::CERTIFICATE) };
    let knows_names = listening(&authority, knows_names).await;
    let knows_none = listener(&authority, Ways::CERTIFICATE).await;
    let with = async |place: &str, host: &str| {
        let own = authority.certify_as("a role", &[host], FOR_EVER);
        status(&showing(&authority, Some(&own)), &format!("https://{place}"), None).await
    };
    assert_eq!(with(&knows_names, "auth.bank.internal").await, Some(200));
    for foreign in ["auth.evil.example", "auth.bank.internal.evil.example", "auth", "*.bank.internal"] {
        assert_eq!(with(&knows_names, foreign).await, Some(401), "{foreign}");
        assert_eq!(with(&knows_none, foreign).await, Some(401), "{foreign}");
    }
    assert_eq!(with(&knows_none, "auth.bank.internal").await, Some(401));
}

#[tokio::test]
async fn a_connection_proves_nothing_any_more_when_its_certificate_has_ended() {
    let authority = PrivateAuthority::default();
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let both = Ways::CERTIFICATE.and(Ways::SHARED_SECRET);
    let setup = Setup { clock: clock.clone(), ..Setup::accepting(&authority, both) };
    let place = listening(&authority, setup).await;
    let own = authority.certify_as("a role", &[AUTH], FOR_EVER);
    let url = format!("https://{place}");
    let http = showing(&authority, Some(&own));
    assert_eq!(status(&http, &url, None).await, Some(200));
    assert_eq!(status(&http, &url, None).await, Some(200), "over the same connection");

    // The connection is open. Only the time has passed.
    clock.advance(Duration::from_hours(24 * 366 * 1000));
    assert_eq!(status(&http, &url, None).await, Some(401));
    assert_eq!(status(&http, &url, Some(SECRET)).await, Some(200), "another proof still counts");
    clock.advance(Duration::from_secs(1));
    assert_eq!(status(&http, &url, None).await, Some(401), "a new connection with the old certificate is no better");
}

#[tokio::test]
async fn no_session_is_resumed_because_nobody_would_verify_its_certificate_again() {
    let authority = PrivateAuthority::default();
    let place = listener(&authority, Ways::CERTIFICATE).await;
    let own = authority.certify_as("a role", &[AUTH], FOR_EVER);
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority.pem())).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots.clone());
        let config = config.with_client_auth_cert(vec![der(&own.certificate)], key.clone_key()).unwrap();
        // The client remembers sessions, and offers them.
        let connector = TlsConnector::from(Arc::new(config));
        for round in 0..3 {
            let stream = TcpStream::connect(place.trim_end_matches('/')).await.unwrap();
            let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            let kind = stream.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(HandshakeKind::Full), "round {round} of {version:?}");
        }
    }
}

#[tokio::test]
async fn while_roles_move_to_certificates_secrets_are_accepted_with_and_without_tls() {
    let authority = PrivateAuthority::default();
    let ways = Ways::SHARED_SECRET.and(Ways::CERTIFICATE);
    let place = listener(&authority, ways).await;
    let own = authority.certify_as("auth", &[AUTH], FOR_EVER);
    let pem = authority.pem();
    let party = PartyTls { identity: Some((&own.certificate, &own.key)), authorities: Some(&pem) };
    let secured =
        CertifiedClients::new(&plain(), party, &RoleNames::default(), &RevokedCertificates::default()).unwrap();
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
async fn a_server_that_is_another_role_is_sent_nothing_although_it_is_certified_for_the_host() {
    let authority = PrivateAuthority::default();
    let own = authority.certify_as("auth", &[AUTH], FOR_EVER);
    let pem = authority.pem();
    let party = PartyTls { identity: Some((&own.certificate, &own.key)), authorities: Some(&pem) };
    let names = RoleNames::new([(ServiceRole::Rates, "rates.internal".to_owned())]);
    let clients = CertifiedClients::new(&plain(), party, &names, &RevokedCertificates::default()).unwrap();
    let proofs = ServiceProofs::new(Ways::CERTIFICATE.into(), None, Some(clients));
    let sent_to = async |names: &[&str]| {
        let own = authority.certify_as("a server", names, FOR_EVER);
        let place = listening(&authority, Setup { own, ..Setup::accepting(&authority, Ways::CERTIFICATE) }).await;
        let request = Request::get(format!("https://{place}").parse().unwrap()).configured();
        proofs.of(Wanted::GRANT_EVENTS, None).send(&plain(), request).await
    };

    assert_eq!(sent_to(&["localhost", BACKEND]).await.unwrap().status.as_u16(), 200);
    for other in
        [&["localhost", WALLET][..], &["localhost", "rates.internal"], &["localhost", BACKEND, WALLET], &["localhost"]]
    {
        let refused = sent_to(other).await.unwrap_err();
        let CallError::Outbound(OutboundError::Connect { reason, .. }) = &refused else { panic!("{refused}") };
        assert!(reason.contains("the server of backend-admin shows a certificate of"), "{other:?}: {reason}");
    }
    assert!(sent_to(&["backend.internal", BACKEND]).await.is_err(), "the host counts as before");
}

#[tokio::test]
async fn a_server_without_a_role_is_believed_by_its_host_only_where_institutions_have_programs_of_their_own() {
    let authority = PrivateAuthority::default();
    let own = authority.certify_as("a role", &[AUTH], FOR_EVER);
    let pem = authority.pem();
    let party = PartyTls { identity: Some((&own.certificate, &own.key)), authorities: Some(&pem) };
    let place = listening(
        &authority,
        Setup {
            own: authority.certify_as("a server", &["localhost"], FOR_EVER),
            ..Setup::accepting(&authority, Ways::CERTIFICATE)
        },
    )
    .await;
    let reached = async |names: RoleNames, wanted: Wanted| {
        let clients = CertifiedClients::new(&plain(), party, &names, &RevokedCertificates::default()).unwrap();
        let proofs = ServiceProofs::new(Ways::CERTIFICATE.into(), None, Some(clients));
        let request = Request::get(format!("https://{place}").parse().unwrap()).configured();
        proofs.of(wanted, None).send(&plain(), request).await.is_ok()
    };
    for (wanted, expected) in [
        (Wanted::GRANT_EVENTS, false),
        (Wanted::INTROSPECTION, false),
        (Wanted::TENANTS, false),
        (Wanted::CARD_EVENTS, false),
        (Wanted::POS_EVENTS, false),
        (Wanted::WALLET_EVENTS, true),
        (Wanted::RATES, true),
    ] {
        assert_eq!(reached(RoleNames::default(), wanted).await, expected, "{wanted:?}");
    }
    let named = || RoleNames::new([(ServiceRole::Backend, "localhost".to_owned())]);
    assert!(reached(named(), Wanted::GRANT_EVENTS).await, "the operator says that this host is the backend");
    assert!(!reached(named(), Wanted::RATES).await);
}

#[tokio::test]
async fn files_that_change_count_at_once_and_who_is_still_believed_is_not_interrupted() {
    let authority = PrivateAuthority::default();
    let setup = Setup::accepting(&authority, Ways::CERTIFICATE);
    let tls = setup.tls(&authority);
    let place = listening_with(tls.clone(), Ways::CERTIFICATE).await;
    let url = format!("https://{place}");
    let certified = || authority.certify_as("auth", &[AUTH], FOR_EVER);
    let (stolen, faithful) = (certified(), certified());
    let (thief, role) = (showing(&authority, Some(&stolen)), showing(&authority, Some(&faithful)));
    assert_eq!((status(&thief, &url, None).await, status(&role, &url, None).await), (Some(200), Some(200)));

    let changed = Setup {
        own: authority.certify_as("renewed", &["localhost", BACKEND], FOR_EVER),
        revoked: RevokedCertificates::of_pem(&authority.revoke(&[&stolen])).unwrap(),
        ..Setup::accepting(&authority, Ways::CERTIFICATE)
    };
    tls.become_other(&changed.tls(&authority));
    assert_eq!(status(&thief, &url, None).await, Some(401), "over the open connection");
    assert_eq!(status(&role, &url, None).await, Some(200));
    assert_eq!(status(&showing(&authority, Some(&stolen)), &url, None).await, None, "no other is opened");
    let shown = served_certificate(&url.parse().unwrap(), Duration::from_secs(10)).await;
    assert_eq!(shown.unwrap().subject, "CN=renewed");
}

#[tokio::test]
async fn a_revoked_certificate_proves_nothing_to_callers_and_to_the_called() {
    let authority = PrivateAuthority::default();
    let certified = |names: &[&str]| authority.certify_as("a role", names, FOR_EVER);
    let (stolen, renewed) = (certified(&[AUTH]), certified(&[AUTH]));
    let (lost, backend) = (certified(&["localhost", BACKEND]), certified(&["localhost", BACKEND]));
    let revoked = RevokedCertificates::of_pem(&authority.revoke(&[&stolen, &lost])).unwrap();
    let pem = authority.pem();

    let listening_as = async |own: &Certified| {
        let setup =
            Setup { own: own.clone(), revoked: revoked.clone(), ..Setup::accepting(&authority, Ways::CERTIFICATE) };
        listening(&authority, setup).await
    };
    let sent_by = async |own: &Certified, place: &str| {
        let party = PartyTls { identity: Some((&own.certificate, &own.key)), authorities: Some(&pem) };
        let clients = CertifiedClients::new(&plain(), party, &RoleNames::default(), &revoked).unwrap();
        let proofs = ServiceProofs::new(Ways::CERTIFICATE.into(), None, Some(clients));
        let request = Request::get(format!("https://{place}").parse().unwrap()).configured();
        proofs.of(Wanted::GRANT_EVENTS, None).send(&plain(), request).await.ok().map(|answer| answer.status.as_u16())
    };
    let place = listening_as(&backend).await;
    assert_eq!(sent_by(&renewed, &place).await, Some(200));
    assert_eq!(sent_by(&stolen, &place).await, None, "the caller's is revoked");
    assert_eq!(sent_by(&renewed, &listening_as(&lost).await).await, None, "the server's is revoked");
}

#[tokio::test]
async fn while_a_secret_of_two_roles_is_replaced_both_open_the_listener() {
    let place = listener(&PrivateAuthority::default(), Ways::SHARED_SECRET).await;
    let url = format!("http://{place}");
    for (secret, expected) in [(SECRET, 200), (FORMER_SECRET, 200), ("the secret before", 401)] {
        assert_eq!(status(&plain(), &url, Some(secret)).await, Some(expected), "{secret}");
    }
}

#[tokio::test]
async fn both_authorities_are_believed_while_one_replaces_the_other() {
    let (old, new) = (PrivateAuthority::default(), PrivateAuthority::default());
    let own = old.certify_as("backend", &["localhost"], FOR_EVER);
    let both = format!("{}{}", old.pem(), new.pem());
    let opened = |certificate: &str, key: &str, authorities: &str| {
        let files = TlsFiles { certificate, key, authorities, revoked: &RevokedCertificates::default() };
        ServiceTls::new(files, RoleNames::default(), Arc::new(SystemClock)).is_ok()
    };
    assert!(opened(&own.certificate, &own.key, &both));
    for (certificate, key, authorities) in [
        (own.certificate.as_str(), own.key.as_str(), ""),
        (own.certificate.as_str(), new.certify().key.as_str(), both.as_str()),
        ("", own.key.as_str(), both.as_str()),
    ] {
        assert!(!opened(certificate, key, authorities));
    }
}

#[tokio::test]
async fn an_authority_that_has_ended_is_not_believed_but_refused_at_the_start() {
    let authority = PrivateAuthority::default();
    let own = authority.certify_as("backend", &["localhost"], FOR_EVER);
    let pem = authority.pem();
    let ends = CertificateFacts::of_pem(&pem).unwrap().expires_at;
    let opened = |now: Timestamp| {
        let revoked = &RevokedCertificates::default();
        let files = TlsFiles { certificate: &own.certificate, key: &own.key, authorities: &pem, revoked };
        ServiceTls::new(files, RoleNames::default(), Arc::new(ManualClock::at(now))).map(drop)
    };
    assert_eq!(opened(ends), Ok(()));
    let refused = opened(ends + Duration::from_secs(1)).unwrap_err();
    assert!(matches!(refused, ServiceTlsError::AuthorityEnded(_, at) if at == ends), "{refused}");
    assert!(refused.to_string().contains("remove it from the authorities"), "{refused}");
}
