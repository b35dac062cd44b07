//! Two institutions that become peers over real sockets, and nodes that try to get more than they are allowed.
//! Payments over such a peering are tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auto_peering_api::{RequestLimit, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use clock::SystemClock;
use http_kit::ShutdownGate;
use institution::{Institution, Setup};
use outbound_http::OutboundConfig;
use payments::administration::{Caller, NewPeer};
use payments_model::peer::{OutgoingHttp, WantedBy};
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::{IncomingToken, TokenDigest};
use payments_model::tenant::{Setting, SettingKey};
use payments_model::{Origin, Peer, Secret, TenantAsset, TenantId};
use peering::{Offer, PeerByUrl, PeerByUrlError};
use serde_json::{Value, json};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use testkit::{TestDatabase, on_each_database};
use tower::ServiceExt;
use uuid::Uuid;

const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(77));

/// A node with dollars, and its listener for peering.
struct Node {
    institution: Institution,
    usd: TenantAsset,
    url: String,
}

impl Node {
    async fn open(database: TestDatabase, name: &str) -> Self {
        Self::offering(database, name, Offer { peers_max: 2, ..Offer::default() }).await
    }

    async fn offering(database: TestDatabase, name: &str, offer: Offer) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let setup = Setup { http: OutboundConfig::development(), offer, ..Setup::new(name, Arc::new(SystemClock)) };
        let setup = Setup { connector_url: Some("http://127.0.0.1:9/ilp".parse().unwrap()), ..setup };
        let institution = Institution::open(database, setup).await;
        let usd = institution.asset("USD").await;
        serve(listener, api(&institution, 0));
        Self { institution, usd, url }
    }

    async fn peer_by_url(&self, url: &str, liquidity: u64) -> Result<Peer, PeerByUrlError> {
        self.institution.peering.peer_by_url(self.institution.operator(), self.wanted(url, liquidity)).await
    }

    fn wanted(&self, url: &str, liquidity: u64) -> PeerByUrl {
        PeerByUrl {
            peer_url: url.to_owned(),
            asset_id: self.usd.id,
            name: None,
            max_packet_amount: None,
            liquidity_threshold: None,
            liquidity_to_deposit: Some(liquidity),
            origin: Origin::Alone,
        }
    }

    async fn peers(&self) -> Vec<Peer> {
        self.institution.parts.store.every_tenant().all_peers().await.unwrap()
    }

    async fn only_peer(&self) -> Peer {
        let [peer] = <[Peer; 1]>::try_from(self.peers().await).unwrap();
        peer
    }

    async fn tokens(&self) -> Vec<IncomingToken> {
        self.institution.parts.store.every_tenant().peer_tokens(self.only_peer().await.id).await.unwrap()
    }

    async fn liquidity(&self) -> u64 {
        let id = self.only_peer().await.id;
        self.institution.administration.balance(id.into()).await.unwrap().unwrap()
    }

    async fn post(&self, body: &Value) -> (StatusCode, Value) {
        send(api(&self.institution, 0), Request::post("/").body(Body::from(body.to_string())).unwrap()).await
    }
}

/// `requests` a minute; 0 means no limit.
fn api(institution: &Institution, requests: u32) -> Router {
    let clock: Arc<dyn clock::Clock> = Arc::new(SystemClock);
    let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
    let limit = RequestLimit { limiter: Limiter::new(cache, clock), rate: Rate::per_minute("peering", requests) };
    router(institution.peering.clone(), limit, ShutdownGate::default())
}

fn serve(listener: tokio::net::TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// Serves `router`. Returns its URL.
async fn served(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    serve(listener, router);
    url
}

async fn send(router: Router, request: Request) -> (StatusCode, Value) {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body))))
}

/// The request of a node of Rafiki 2.4.
fn stranger(address: &str, token: &str) -> Value {
    json!({
        "staticIlpAddress": address,
        "ilpConnectorUrl": "http://stranger.example/ilp",
        "asset": {"code": "USD", "scale": 2},
        "httpToken": token,
        "maxPacketAmount": null,
        "name": "Stranger",
    })
}

fn refused() -> Value {
    json!({"error": {"code": 400, "message": "Invalid peering request", "type": "InvalidPeeringRequest"}})
}

fn wants_proof(address: &str) -> Value {
    let mut document = refused();
    document["error"]["staticIlpAddress"] = json!(address);
    document
}

fn reason(result: Result<Peer, PeerByUrlError>) -> String {
    match result.unwrap_err() {
        PeerByUrlError::InvalidPeeringRequest { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// Each side accepts the token that the other presents.
async fn assert_tokens_match(one: &Node, other: &Node) {
    for (from, to) in [(one, other), (other, one)] {
        let presented = TokenDigest::of(from.only_peer().await.outgoing.unwrap().token.expose());
        let taken = to.tokens().await;
        assert!(taken.contains(&IncomingToken { digest: presented, expires_at: None }), "{taken:?}");
    }
}

on_each_database! {
    async fn one_call_on_each_side_makes_peers_and_each_decides_what_the_other_may_owe(database) {
        let (alice, bob) = (Node::open(database, "alice").await, Node::open(TestDatabase::sqlite().await, "bob").await);
        let peer = alice.peer_by_url(&bob.url, 500).await.unwrap();
        assert_eq!((peer.static_ilp_address.as_str(), peer.name.as_deref()), ("test.bob", Some("bob")));
        assert_eq!(peer.outgoing.as_ref().unwrap().endpoint, "http://127.0.0.1:9/ilp");
        let first = bob.only_peer().await;
        assert_eq!((first.static_ilp_address.as_str(), first.history.wanted_by), ("test.alice", WantedBy::Them));
        assert_eq!((alice.liquidity().await, bob.liquidity().await), (500, 0), "a stranger gets no credit");
        assert_tokens_match(&alice, &bob).await;

        let peer = bob.peer_by_url(&alice.url, 700).await.unwrap();
        assert_eq!((peer.id, peer.history.wanted_by), (first.id, WantedBy::Us));
        assert_eq!((alice.liquidity().await, bob.liquidity().await), (500, 700));
        assert_tokens_match(&alice, &bob).await;
    }

    async fn a_repeated_peering_replaces_tokens_and_the_old_ones_stay_good_for_a_while(database) {
        let (alice, bob) = (Node::open(database, "alice").await, Node::open(TestDatabase::sqlite().await, "bob").await);
        alice.peer_by_url(&bob.url, 0).await.unwrap();
        let (before_a, before_b) = (alice.only_peer().await, bob.only_peer().await);
        for _ in 0..3 {
            alice.peer_by_url(&bob.url, 0).await.unwrap();
        }
        assert_tokens_match(&alice, &bob).await;
        for (node, other, before) in [(&alice, &bob, before_a), (&bob, &alice, before_b)] {
            let now = node.only_peer().await;
            let old = before.outgoing.unwrap().token;
            assert_ne!(now.outgoing.unwrap().token, old);
            let former = now.history.former_outgoing;
            assert_eq!(former.len(), 3);
            assert_eq!(former[2].usable(before.created_at), Some(old.expose()), "it is still tried");
            let taken = other.tokens().await;
            assert_eq!(taken.len(), 4);
            let old = taken.iter().find(|token| token.digest == TokenDigest::of(old.expose())).unwrap();
            assert!(old.expires_at.is_some() && old.is_good(now.updated_at), "it is still taken");
        }
    }

    async fn many_repeated_peerings_at_once_leave_tokens_that_match(database) {
        let (alice, bob) = (Node::open(database, "alice").await, Node::open(TestDatabase::sqlite().await, "bob").await);
        let both = (0..4).flat_map(|_| [(&alice, &bob.url), (&bob, &alice.url)]);
        let asked = both.map(|(node, url)| node.peer_by_url(url, 0));
        for _refused_while_the_other_was_first in futures::future::join_all(asked).await {}
        alice.peer_by_url(&bob.url, 0).await.unwrap();
        assert_eq!((alice.peers().await.len(), bob.peers().await.len()), (1, 1));
        assert_tokens_match(&alice, &bob).await;
    }

    async fn what_the_operator_offers_is_given_once(database) {
        let offer = Offer { initial_liquidity: 1000, peers_max: 2, invitation: None };
        let bob = Node::offering(database, "bob", offer).await;
        for _ in 0..2 {
            let (status, answer) = bob.post(&stranger("test.stranger", "t")).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            assert_eq!((&answer["staticIlpAddress"], &answer["name"]), (&json!("test.bob"), &json!("bob")));
        }
        assert_eq!(bob.liquidity().await, 1000);
    }

    async fn a_peering_is_not_taken_over_without_a_token_of_it(database) {
        let bob = Node::open(database, "bob").await;
        let eur = bob.institution.asset("EUR").await;
        assert_eq!(bob.post(&stranger("test.alice", "hers")).await.0, StatusCode::OK);
        let before = bob.only_peer().await;
        let in_euros = |mut document: Value| { document["asset"]["code"] = json!("EUR"); document };
        for (document, told) in [
            (stranger("test.alice", "mine"), wants_proof("test.bob")),
            (in_euros(stranger("test.alice", "mine")), wants_proof("test.bob")),
            (stranger("test.alice.savings", "mine"), refused()),
            (stranger("test.bob", "mine"), refused()),
            (stranger("test.bob.alice", "mine"), refused()),
            (stranger("test.mallory", "hers"), refused()),
        ] {
            assert_eq!(bob.post(&document).await, (StatusCode::BAD_REQUEST, told), "{document}");
        }
        assert_eq!(bob.only_peer().await, before);
        assert_eq!(bob.tokens().await, [IncomingToken::of("hers")]);

        let with_proof = |token: &str, document: Value| {
            let request = Request::post("/").header("authorization", format!("Bearer {token}"));
            send(api(&bob.institution, 0), request.body(Body::from(document.to_string())).unwrap())
        };
        assert_eq!(with_proof("mine", stranger("test.alice", "new")).await.0, StatusCode::BAD_REQUEST);
        assert_eq!(with_proof("hers", stranger("test.alice", "new")).await.0, StatusCode::OK);
        assert_eq!(bob.only_peer().await.id, before.id);
        assert_eq!(with_proof("new", in_euros(stranger("test.alice", "in-euros"))).await.0, StatusCode::OK);
        assert_eq!(bob.peers().await.iter().map(|peer| peer.asset.id).collect::<Vec<_>>(), [bob.usd.id, eur.id]);
    }

    async fn a_request_whose_answer_was_lost_is_repeated_and_is_the_same(database) {
        let (alice, bob) = (Node::open(database, "alice").await, Node::open(TestDatabase::sqlite().await, "bob").await);
        let lost = Arc::new(AtomicUsize::new(0));
        let losing = lost.clone();
        let lossy = api(&bob.institution, 0).layer(from_fn(move |request: Request, next: Next| {
            let losing = losing.clone();
            async move {
                let answer: Response = next.run(request).await;
                // Only every third answer arrives.
                if losing.fetch_add(1, Ordering::SeqCst) % 3 == 2 { answer } else { StatusCode::BAD_GATEWAY.into_response() }
            }
        }));
        let url = served(lossy).await;
        for round in 0..2 {
            for _ in 0..2 {
                assert!(reason(alice.peer_by_url(&url, 9).await).contains("502"));
            }
            assert_eq!(alice.peers().await.len(), round);
            alice.peer_by_url(&url, 9).await.unwrap();
            assert_tokens_match(&alice, &bob).await;
            if round == 1 {
                break;
            }
        }
        assert_eq!(alice.liquidity().await, 18, "only what was asked for with success");
    }

    async fn an_answer_in_the_name_of_another_changes_no_peering(database) {
        let alice = Node::open(database, "alice").await;
        let new = NewPeer {
            asset_id: alice.usd.id,
            static_ilp_address: "test.bob".to_owned(),
            outgoing: OutgoingHttp { endpoint: "https://bob.example/ilp".to_owned(), token: Secret::new("out") },
            incoming_tokens: vec![Secret::new("in")],
            max_packet_amount: None,
            name: None,
            liquidity_threshold: None,
            initial_liquidity: None,
            routes: Vec::new(),
            terms: PeerTerms::default(),
        };
        let bob = alice.institution.administration.create_peer(alice.institution.operator(), new).await.unwrap();
        let claiming = |address: &'static str| {
            let answer = json!({
                "staticIlpAddress": address, "ilpConnectorUrl": "http://mallory.example", "httpToken": "m",
            });
            served(Router::new().fallback(move || async move { axum::Json(answer) }))
        };
        let told = reason(alice.peer_by_url(&claiming("test.bob").await, 5).await);
        assert!(told.contains("another host"), "{told}");
        for taken in ["test.bob.x", "test.alice", "test.alice.x"] {
            let told = reason(alice.peer_by_url(&claiming(taken).await, 5).await);
            assert!(told.contains(taken), "{told}");
        }
        assert_eq!(alice.only_peer().await, bob);
        assert_eq!(alice.tokens().await, [IncomingToken::of("in")]);

        // A token is not shown to another host, even if that host asks for it.
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seeing = seen.clone();
        let curious = Router::new().fallback(move |request: Request| async move {
            seeing.lock().unwrap().push(request.headers().get("authorization").cloned());
            (StatusCode::BAD_REQUEST, axum::Json(wants_proof("test.bob")))
        });
        assert!(reason(alice.peer_by_url(&served(curious).await, 5).await).contains("is not shown"));
        assert_eq!(*seen.lock().unwrap(), [None]);
    }

    async fn the_operator_decides_which_and_how_many_nodes_may_peer(database) {
        let offer = Offer { initial_liquidity: 0, peers_max: 1, invitation: Some(Secret::new("welcome here")) };
        let bob = Node::offering(database, "bob", offer).await;
        let alice = Node::open(TestDatabase::sqlite().await, "alice").await;
        assert!(reason(alice.peer_by_url(&bob.url, 0).await).contains("invitation"));
        assert!(reason(alice.peer_by_url(&format!("{}?invitation=welcome", bob.url), 0).await).contains("invitation"));
        assert_eq!(bob.peers().await.len(), 0);
        alice.peer_by_url(&format!("{}?invitation=welcome+here", bob.url), 0).await.unwrap();
        alice.peer_by_url(&bob.url, 0).await.unwrap();
        let carol = Node::open(TestDatabase::sqlite().await, "carol").await;
        assert!(reason(carol.peer_by_url(&format!("{}?invitation=welcome+here", bob.url), 0).await).contains("no room"));
        assert_eq!(bob.peers().await.len(), 1);
    }

    async fn a_tenant_asks_with_its_own_address_and_for_its_own_assets_only(database) {
        let (alice, bob) = (Node::open(database, "alice").await, Node::open(TestDatabase::sqlite().await, "bob").await);
        alice.institution.add_tenant(TENANT).await;
        let (tenant, peering) = (Caller { tenant: TENANT, is_operator: false }, &alice.institution.peering);
        let foreign = peering.peer_by_url(tenant, alice.wanted(&bob.url, 0)).await;
        assert!(matches!(foreign, Err(PeerByUrlError::UnknownAsset)), "{foreign:?}");

        let new = payments::administration::NewAsset {
            asset: money::Asset::new("USD", 2).unwrap(), thresholds: payments::administration::Thresholds::default(), tenant: None,
        };
        let usd = alice.institution.administration.create_asset(tenant, new).await.unwrap();
        let wanted = PeerByUrl { asset_id: usd.id, ..alice.wanted(&bob.url, 0) };
        let told = reason(peering.peer_by_url(alice.institution.operator(), wanted.clone()).await);
        assert!(told.contains("another tenant"), "{told}");
        let homeless = peering.peer_by_url(tenant, wanted.clone()).await;
        assert!(matches!(homeless, Err(PeerByUrlError::InvalidIlpConfiguration)), "{homeless:?}");
        assert_eq!(bob.peers().await.len(), 0, "nothing was asked");

        let address = Setting { key: SettingKey::IlpAddress, value: "test.tenant".into() };
        let unit = alice.institution.parts.store.begin().await.unwrap();
        unit.tenant(TENANT).put_settings(TENANT, &[address], usd.created_at).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(peering.peer_by_url(tenant, wanted).await.unwrap().tenant_id, TENANT);
        assert_eq!(bob.only_peer().await.static_ilp_address, "test.tenant");
    }

    async fn a_deposit_is_made_once_however_often_the_same_mutation_is_repeated(database) {
        let (alice, bob) = (Node::open(database, "alice").await, Node::open(TestDatabase::sqlite().await, "bob").await);
        let origin = Origin::Repeatable { request: Uuid::from_u128(5), known_since: clock::Timestamp::EPOCH };
        for _ in 0..2 {
            let wanted = PeerByUrl { origin, ..alice.wanted(&bob.url, 40) };
            alice.institution.peering.peer_by_url(alice.institution.operator(), wanted).await.unwrap();
        }
        assert_eq!(alice.liquidity().await, 40);
    }

    async fn obstacles_are_reported_in_the_words_of_the_protocol(database) {
        let bob = Node::open(database, "bob").await;
        let mut document = stranger("test.alice", "t");
        document["asset"]["scale"] = json!(9);
        assert_eq!(bob.post(&document).await.0, StatusCode::NOT_FOUND);
        assert_eq!(bob.post(&stranger("alice", "t")).await.1["error"]["type"], "InvalidPeerIlpConfiguration");
        assert_eq!(bob.post(&json!({})).await, (StatusCode::BAD_REQUEST, refused()));
        let plain = |method: &str, path: &str, body: &'static str| {
            send(api(&bob.institution, 0), Request::builder().method(method).uri(path).body(Body::from(body)).unwrap())
        };
        assert_eq!(plain("POST", "/", "{").await, (StatusCode::BAD_REQUEST, json!("Bad Request")));
        for (method, path) in [("GET", "/"), ("POST", "/x"), ("DELETE", "/")] {
            assert_eq!(plain(method, path, "").await, (StatusCode::NOT_FOUND, json!("Not Found")), "{method} {path}");
        }
        let gone = bob.peer_by_url("http://127.0.0.1:1/", 0).await;
        assert!(matches!(gone, Err(PeerByUrlError::InvalidPeerUrl)), "{gone:?}");
        let page = served(Router::new().fallback(|| async { "a page" })).await;
        let unusable = bob.peer_by_url(&page, 0).await;
        assert!(matches!(unusable, Err(PeerByUrlError::InvalidPeerIlpConfiguration)), "{unusable:?}");
        let alice = Node::open(TestDatabase::sqlite().await, "alice").await;
        let eur = alice.institution.asset("EUR").await;
        let wanted = PeerByUrl { asset_id: eur.id, ..alice.wanted(&bob.url, 0) };
        let unsupported = alice.institution.peering.peer_by_url(alice.institution.operator(), wanted).await;
        assert!(matches!(unsupported, Err(PeerByUrlError::PeerUnsupportedAsset)), "{unsupported:?}");
        assert_eq!(bob.peers().await.len(), 0);
    }

    async fn a_caller_that_asks_too_often_learns_when_to_ask_again(database) {
        let bob = Node::open(database, "bob").await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = http_kit::Serving {
            deadlines: http_kit::Deadlines::default(),
            admission: http_kit::Admission::new(http_kit::ConnectionLimits::default()),
            proxies: http_kit::Proxies::None,
            tls: None,
        };
        tokio::spawn(http_kit::serve(listener, api(&bob.institution, 1), serving, std::future::pending()));
        let alice = Node::open(TestDatabase::sqlite().await, "alice").await;
        alice.peer_by_url(&url, 0).await.unwrap();
        assert!(reason(alice.peer_by_url(&url, 0).await).contains("too many requests"));
    }
}
