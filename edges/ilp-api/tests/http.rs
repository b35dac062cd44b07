//! The endpoint as peers see it, and our own uplink that calls it over a socket.
//! What happens to a packet is tested in the simulator.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::response::IntoResponse;
use clock::{Clock, SystemClock, SystemEntropy};
use connector::{HttpUplink, PeerAccount, PeerAnswer, REPEATABLE, REPEATED, Transmission, Uplink, UplinkError};
use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, StatusCode};
use ilp_packet::{ErrorCode, Reply, ildcp};
use outbound_http::{Outbound, OutboundConfig};
use payments_model::peer::{PeerHistory, WantedBy};
use payments_model::peer_tls::{ClientIdentity, PeerTls};
use payments_model::peer_token::FormerToken;
use payments_model::{Secret, TenantId};
use sealed_text::{Place, Sealer};
use simulator::{Fate, Network, asset};
use testkit::PrivateAuthority;
use tower::ServiceExt;
use uuid::Uuid;

/// Alice and Bob are peers; the endpoint is Bob's.
async fn network() -> Network {
    Network::chain(1, "alice", &[(&asset("USD"), "bob")], 1000).await
}

async fn endpoint() -> Router {
    ilp_api::router(network().await.node("bob").connector())
}

/// A request that every connector answers without moving money.
fn question() -> Vec<u8> {
    ildcp::request(clock::Timestamp::from_millis(4_000_000_000_000)).unwrap()
}

fn request() -> http::request::Builder {
    let token = "Bearer alice-to-bob";
    Request::builder().method(Method::POST).uri("/any/path").header("authorization", token).header(CONTENT_TYPE, OCTETS)
}

const OCTETS: &str = "application/octet-stream";

async fn ask(request: Request<Body>) -> (StatusCode, HeaderMap, Bytes) {
    let response = endpoint().await.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, to_bytes(body, 1 << 20).await.unwrap())
}

#[tokio::test]
async fn a_packet_is_answered_with_a_packet_and_the_promise_to_recognise_it() {
    let (status, headers, body) = ask(request().body(question().into()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], OCTETS);
    assert!(headers.contains_key(REPEATABLE));
    let details = ildcp::AccountDetails::parse(&body).unwrap();
    assert_eq!((details.client_address.as_str(), &*details.asset_code), ("test.alice", "USD"));
}

#[tokio::test]
async fn an_ilp_error_is_an_answer_too() {
    let mut elsewhere = question();
    let at = elsewhere.windows(11).position(|octets| octets == b"peer.config").unwrap();
    elsewhere[at..at + 11].copy_from_slice(b"test.nobody");
    let (status, _, body) = ask(request().body(elsewhere.into()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let Reply::Reject(reject) = Reply::parse(&body).unwrap() else { panic!("a Reject") };
    assert_eq!(reject.code, ErrorCode::F02Unreachable);
    assert_eq!(reject.triggered_by.unwrap().as_str(), "test.bob");
}

#[tokio::test]
async fn a_parameter_of_the_content_type_and_the_case_of_the_scheme_do_not_matter() {
    let request = Request::post("/")
        .header("authorization", "bEaReR alice-to-bob")
        .header(CONTENT_TYPE, "Application/Octet-Stream; q=1")
        .body(question().into());
    assert_eq!(ask(request.unwrap()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_content_type_may_name_the_protocol() {
    let request = Request::post("/")
        .header("authorization", "Bearer alice-to-bob")
        .header(CONTENT_TYPE, "application/ilp+octet-stream")
        .body(question().into());
    let (status, headers, _) = ask(request.unwrap()).await;
    assert_eq!((status, &headers[CONTENT_TYPE]), (StatusCode::OK, &OCTETS.parse().unwrap()));
}

#[tokio::test]
async fn an_unknown_caller_is_refused() {
    let cases = [
        (None, "Bearer token required in Authorization header"),
        (Some("Basic x"), "Bearer token required in Authorization header"),
        (Some("Bearer  alice-to-bob"), "Bearer token required in Authorization header"),
        (Some("Bearer bob-to-alice"), "Access Denied - Invalid Token"),
    ];
    for (authorization, message) in cases {
        let mut request = Request::post("/").header(CONTENT_TYPE, "text/plain");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let (status, headers, body) = ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!((status, &*body), (StatusCode::UNAUTHORIZED, message.as_bytes()), "{authorization:?}");
        assert_eq!(headers[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert!(headers.contains_key(WWW_AUTHENTICATE));
    }
}

#[tokio::test]
async fn what_is_no_packet_is_a_bad_request_and_never_an_error_of_ours() {
    let text = Request::post("/").header("authorization", "Bearer alice-to-bob").header(CONTENT_TYPE, "text/plain");
    let (status, _, body) = ask(text.body(question().into()).unwrap()).await;
    assert_eq!((status, &*body), (StatusCode::BAD_REQUEST, &b"Expected Content-Type of application/octet-stream"[..]));

    let reply = ilp_packet::Fulfill { fulfillment: ildcp::FULFILLMENT, data: b"" }.encode();
    for octets in [Vec::new(), vec![12], vec![0xff; 300], reply] {
        assert_eq!(ask(request().body(octets.into()).unwrap()).await.0, StatusCode::BAD_REQUEST);
    }
    let too_large = vec![0; ilp_api::BODY_LIMIT + 1];
    assert_eq!(ask(request().body(too_large.into()).unwrap()).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn packets_are_posted_and_health_is_asked_without_a_token() {
    let get = Request::get("/ilp").body(Body::empty()).unwrap();
    let (status, headers, _) = ask(get).await;
    assert_eq!((status, &headers[ALLOW]), (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap()));
    let health = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(ask(health).await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_no_ilp_error_for_a_sender_that_can_repeat_the_packet() {
    let usd = asset("USD");
    for peer_repeats in [true, false] {
        let network = Network::chain(1, "alice", &[(&usd, "bob"), (&usd, "carol")], 1000).await;
        network.script("bob", "carol", &[Fate::Deliver, Fate::LoseRequest]);
        let prepare = ilp_packet::Prepare {
            amount: 5,
            expires_at: network.clock().now() + Duration::from_secs(10),
            execution_condition: ilp_packet::Fulfillment::new([7; 32]).condition(),
            destination: ilp_packet::AddressRef::new("test.carol.x").unwrap(),
            data: b"",
        };
        let mut request = request();
        if peer_repeats {
            request = request.header(REPEATABLE, "1");
        }
        let request = request.body(Body::from(prepare.encode())).unwrap();
        let response = ilp_api::router(network.node("bob").connector()).oneshot(request).await.unwrap();
        assert!(response.headers().contains_key(REPEATABLE));
        if peer_repeats {
            assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        } else {
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let Reply::Reject(reject) = Reply::parse(&body).unwrap() else { panic!("a Reject") };
            assert_eq!(reject.code, ErrorCode::T01PeerUnreachable);
        }
    }
}

/// Serves `router`, and Alice's view of Bob with `router` as his endpoint.
async fn bob_behind(network: &Network, router: Router) -> Arc<PeerAccount> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/ilp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let alice = network.node("alice");
    alice.change_peer("bob", |bob| bob.endpoint = endpoint.parse().unwrap());
    alice.connector().authenticate("bob-to-alice").unwrap()
}

/// Opens the private keys used with peers.
fn keys() -> Sealer {
    Sealer::new(Some(&[7; 32]), &[])
}

/// An uplink that calls any address.
fn uplink() -> HttpUplink {
    let outbound = Outbound::new(OutboundConfig::development(), Arc::new(SystemClock)).unwrap();
    HttpUplink::new(outbound, TenantId::from_uuid(Uuid::nil()), keys(), Arc::new(SystemClock))
}

#[tokio::test]
async fn only_the_operators_peers_may_be_on_private_addresses() {
    let network = network().await;
    let bob = bob_behind(&network, ilp_api::router(network.node("bob").connector())).await;
    let exchange = async |operator| {
        let outbound = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
        HttpUplink::new(outbound, operator, keys(), Arc::new(SystemClock))
            .exchange(&bob, question().into(), Transmission::First, AT_MOST)
            .await
    };
    assert!(exchange(bob.record().tenant).await.is_ok());
    let refused = exchange(TenantId::from_uuid(Uuid::nil())).await;
    assert!(matches!(refused, Err(UplinkError::Unreachable(_))), "{refused:?}");
}

#[tokio::test]
async fn endpoints_that_a_peer_named_itself_are_guarded_for_the_operator_too() {
    let network = network().await;
    let bob = bob_behind(&network, ilp_api::router(network.node("bob").connector())).await;
    let history = |history: PeerHistory| network.node("alice").change_peer("bob", |bob| bob.history = history.clone());
    for named_by_itself in [
        PeerHistory { wanted_by: WantedBy::Them, ..PeerHistory::default() },
        PeerHistory { peering_url: Some("https://bob.example".to_owned()), ..PeerHistory::default() },
    ] {
        history(named_by_itself);
        let bob = network.node("alice").connector().authenticate("bob-to-alice").unwrap();
        let outbound = Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap();
        let uplink = HttpUplink::new(outbound, bob.record().tenant, keys(), Arc::new(SystemClock));
        let refused = uplink.exchange(&bob, question().into(), Transmission::First, AT_MOST).await;
        assert!(matches!(refused, Err(UplinkError::Unreachable(_))), "{refused:?}");
    }
    drop(bob);
}

#[tokio::test]
async fn a_peer_that_does_not_know_the_present_token_yet_gets_the_packet_with_the_one_before() {
    let network = network().await;
    bob_behind(&network, ilp_api::router(network.node("bob").connector())).await;
    let (alice, now) = (network.node("alice"), SystemClock.now());
    let answered = async |former: Vec<FormerToken>| {
        alice.change_peer("bob", |bob| {
            bob.outgoing_token = "not known yet".to_owned();
            bob.history.former_outgoing = former.clone();
        });
        let bob = alice.connector().authenticate("bob-to-alice").unwrap();
        uplink().exchange(&bob, question().into(), Transmission::First, AT_MOST).await
    };
    let overlap = Duration::from_mins(1);
    let first = FormerToken::after(&Secret::new("alice-to-bob"), &[], now, overlap);
    assert!(answered(first.clone()).await.is_ok());
    let second = FormerToken::after(&Secret::new("not known either"), &first, now, overlap);
    assert!(answered(second).await.is_ok(), "the last but one is tried as well");
    let ended = FormerToken::after(&Secret::new("alice-to-bob"), &[], now - Duration::from_mins(2), overlap);
    let refused = answered(ended).await;
    assert!(matches!(refused, Err(UplinkError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_peer_that_demands_a_client_certificate_gets_the_one_set_for_it() {
    let (servers, clients) = (PrivateAuthority::default(), PrivateAuthority::default());
    let endpoint = servers.serve_clients_of(&clients).await;
    let network = network().await;
    let alice = network.node("alice");
    alice.change_peer("bob", |bob| bob.endpoint = endpoint.parse().unwrap());
    let bob = || alice.connector().authenticate("bob-to-alice").unwrap();
    let certificates = |sealer: &Sealer| {
        let own = clients.certify();
        let place = Place::PrivateKey(bob().record().id.as_uuid());
        let sealed_key = sealer.seal(&own.key, place, &SystemEntropy).unwrap();
        let identity = ClientIdentity { certificate: own.certificate, sealed_key };
        PeerTls { identity: Some(identity), authorities: Some(servers.pem()) }
    };
    let uplink = uplink();
    let exchange = async || uplink.exchange(&bob(), question().into(), Transmission::First, AT_MOST).await;
    let set = |tls: Option<PeerTls>| {
        let tls = tls.map(Arc::new);
        alice.change_peer("bob", |bob| bob.tls.clone_from(&tls));
    };

    assert!(exchange().await.is_err(), "no certificates are set");
    let good = certificates(&keys());
    set(Some(good.clone()));
    assert!(exchange().await.is_ok());
    set(Some(PeerTls { identity: None, ..good.clone() }));
    assert!(exchange().await.is_err(), "the certificate was taken away, and the connection that showed it is not used");
    set(Some(certificates(&Sealer::new(Some(&[8; 32]), &[]))));
    let Err(UplinkError::Unreachable(why)) = exchange().await else { panic!("the key was sealed with another one") };
    assert!(why.contains("DB_ENCRYPTION_FORMER_SECRETS"), "{why}");
    set(Some(good));
    assert!(exchange().await.is_ok());
}

#[tokio::test]
async fn a_private_key_that_a_former_secret_sealed_is_used_while_that_secret_is_configured() {
    let (servers, clients) = (PrivateAuthority::default(), PrivateAuthority::default());
    let endpoint = servers.serve_clients_of(&clients).await;
    let network = network().await;
    let alice = network.node("alice");
    let place = Place::PrivateKey(alice.connector().authenticate("bob-to-alice").unwrap().record().id.as_uuid());
    let own = clients.certify();
    let sealed_key = keys().seal(&own.key, place, &SystemEntropy).unwrap();
    let identity = ClientIdentity { certificate: own.certificate, sealed_key };
    let tls = Some(Arc::new(PeerTls { identity: Some(identity), authorities: Some(servers.pem()) }));
    alice.change_peer("bob", |bob| {
        bob.endpoint = endpoint.parse().unwrap();
        bob.tls.clone_from(&tls);
    });
    let bob = alice.connector().authenticate("bob-to-alice").unwrap();
    let answered = async |former: &[[u8; 32]]| {
        let outbound = Outbound::new(OutboundConfig::development(), Arc::new(SystemClock)).unwrap();
        let sealer = Sealer::new(Some(&[8; 32]), former);
        let uplink = HttpUplink::new(outbound, TenantId::from_uuid(Uuid::nil()), sealer, Arc::new(SystemClock));
        uplink.exchange(&bob, question().into(), Transmission::First, AT_MOST).await
    };
    assert!(answered(&[[7; 32]]).await.is_ok());
    assert!(answered(&[]).await.is_err(), "without the former secret nothing opens it");
}

const AT_MOST: Duration = Duration::from_secs(20);

#[tokio::test]
async fn our_uplink_and_our_endpoint_understand_each_other() {
    let network = network().await;
    let bob = bob_behind(&network, ilp_api::router(network.node("bob").connector())).await;
    let PeerAnswer { octets, repeatable } =
        uplink().exchange(&bob, question().into(), Transmission::First, AT_MOST).await.unwrap();
    assert!(repeatable);
    assert!(ildcp::AccountDetails::parse(&octets).is_ok());
}

#[tokio::test]
async fn the_uplink_says_whether_a_packet_without_reply_may_have_been_acted_upon() {
    let network = network().await;
    let answering = |status: StatusCode| Router::new().fallback(move || async move { status });
    let exchange = async |router| {
        let bob = bob_behind(&network, router).await;
        uplink().exchange(&bob, question().into(), Transmission::First, AT_MOST).await.unwrap_err()
    };
    assert_eq!(exchange(answering(StatusCode::SERVICE_UNAVAILABLE)).await, UplinkError::Busy);
    assert_eq!(exchange(answering(StatusCode::TOO_MANY_REQUESTS)).await, UplinkError::Busy);
    assert!(matches!(exchange(answering(StatusCode::GATEWAY_TIMEOUT)).await, UplinkError::Broken(_)));
    // With the header it is the peer itself, which waited in vain for another node.
    let undecided = || async { (StatusCode::GATEWAY_TIMEOUT, [(REPEATABLE, "1")]) };
    assert_eq!(exchange(Router::new().fallback(undecided)).await, UplinkError::Undecided);
    assert!(matches!(exchange(answering(StatusCode::INTERNAL_SERVER_ERROR)).await, UplinkError::Broken(_)));
    assert!(matches!(exchange(answering(StatusCode::UNAUTHORIZED)).await, UplinkError::Refused(_)));
    let alice = network.node("alice");
    alice.change_peer("bob", |bob| bob.endpoint = "http://127.0.0.1:1/".parse().unwrap());
    let bob = alice.connector().authenticate("bob-to-alice").unwrap();
    let refused = uplink().exchange(&bob, question().into(), Transmission::First, AT_MOST).await.unwrap_err();
    assert!(matches!(refused, UplinkError::Unreachable(_)), "{refused:?}");
}

#[tokio::test]
async fn a_repetition_is_marked_as_one() {
    let network = network().await;
    let marks = Router::new().fallback(|headers: HeaderMap| async move {
        let text = format!("{:?} {:?}", headers.get(REPEATED), headers.get(REPEATABLE));
        text.into_response()
    });
    let bob = bob_behind(&network, marks).await;
    let first = uplink().exchange(&bob, question().into(), Transmission::First, AT_MOST).await.unwrap();
    let again = uplink().exchange(&bob, question().into(), Transmission::Again, AT_MOST).await.unwrap();
    assert_eq!((&*first.octets, first.repeatable), (&br#"None Some("1")"#[..], false));
    assert_eq!(&*again.octets, br#"Some("1") Some("1")"#);
}
