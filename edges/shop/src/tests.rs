//! The shop with a stand-in for both wallets: what it believes, what a kill between two steps leaves, and its limits.
//!
//! Whole payments are in the end-to-end tests of the binary.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use clock::{Clock, ManualClock, Timestamp};
use database::Database;
use http::header::{AUTHORIZATION, COOKIE, LOCATION};
use http::{HeaderMap, Request, StatusCode};
use http_signatures::{Signer, SigningKey};
use money::Asset;
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, SharedCache};
use testkit::{TestDatabase, entropy, manual_clock};
use tokio::sync::Notify;
use tower::ServiceExt;
use url::Url;
use uuid::Uuid;

use crate::catalogue::by_slug;
use crate::orders::{Bill, Means, Order, Purpose, Stage, Standing, Token, Transfer, Why};
use crate::periods::following;
use crate::refunds::refundable;
use crate::till::BILL_LIVES;
use crate::{Accent, Cookies, Ports, Shop, ShopSettings};

mod budgets;
mod lost_answers;

const DESK: &str = "Basic b3duZXI6b3BlbiB0aGUgZGVzayBwbGVhc2U=";

/// What the wallets say.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact that a test sets or reads")]
struct Told {
    received: u64,
    sent: u64,
    payment: Payment,
    /// The number of the last token for incoming payments, and whether earlier ones are accepted.
    tokens: u32,
    only_the_last: bool,
    revoked: bool,
    /// How often the token for outgoing payments was exchanged.
    exchanges: u32,
    /// Whether a repetition under the same key gets the same answer, and the key of the last exchange.
    knows_keys: bool,
    key: Option<Uuid>,
    /// How often a token was fetched after the consent, and whether the grant was given back.
    fetched: u32,
    given_back: bool,
    /// The next answer with a token never arrives.
    loses: bool,
}

/// What becomes of an outgoing payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Payment {
    #[default]
    Made,
    Refused,
    Failed,
}

impl Told {
    /// Whether a request has the token for outgoing payments that counts.
    fn knows(&self, headers: &HeaderMap) -> bool {
        headers[AUTHORIZATION] == format!("GNAP pay-{}", self.exchanges).as_str()
    }
}

type Wallets = State<Arc<Mutex<Told>>>;

fn amount(value: u64) -> Value {
    json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2})
}

fn incoming(told: Told, completed: bool) -> Json<Value> {
    Json(json!({
        "id": "https://a.example/incoming-payments/1", "walletAddress": "https://a.example/a", "completed": completed,
        "receivedAmount": amount(told.received), "createdAt": "2026-01-01T00:00:00.000Z",
    }))
}

async fn read(State(told): Wallets, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let told = *told.lock().unwrap();
    let last = format!("GNAP token-{}", told.tokens);
    if told.only_the_last && headers[AUTHORIZATION] != last.as_str() {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(incoming(told, false))
}

fn outgoing(told: Told, base: &str) -> Json<Value> {
    Json(json!({
        "id": format!("{base}/outgoing-payments/1"), "walletAddress": "https://a.example/a",
        "receiver": "https://a.example/incoming-payments/1", "receiveAmount": amount(2000),
        "debitAmount": amount(2140), "sentAmount": amount(told.sent), "failed": told.payment == Payment::Failed,
        "createdAt": "2026-01-01T00:00:00.000Z",
    }))
}

/// Tells the test that something was done whose answer does not arrive, and does not answer.
async fn lose(told: &Mutex<Told>, lost: &Notify) {
    let loses = std::mem::take(&mut told.lock().unwrap().loses);
    if loses {
        lost.notify_one();
        std::future::pending::<()>().await;
    }
}

async fn wallets(told: Arc<Mutex<Told>>, lost: Arc<Notify>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let [addresses, tokens, exchanged, fetched, bills, payments, paid] = [(); 7].map(|()| base.clone());
    let [lost_exchange, lost_fetch] = [Arc::clone(&lost), lost];
    let address = move |Path(name): Path<String>| async move {
        Json(json!({
            "id": format!("{addresses}/{name}"), "assetCode": "USD", "assetScale": 2,
            "authServer": format!("{addresses}/grant"), "resourceServer": addresses,
        }))
    };
    let grant = move |State(told): Wallets| async move {
        let mut told = told.lock().unwrap();
        told.tokens += 1;
        Json(json!({
            "access_token": {"value": format!("token-{}", told.tokens), "manage": format!("{tokens}/token/1"),
                             "expires_in": 6000, "access": []},
            "continue": {"uri": "x", "access_token": {"value": "y"}},
        }))
    };
    let complete = async |State(told): Wallets| incoming(*told.lock().unwrap(), true);
    let revoke = async |State(told): Wallets| {
        told.lock().unwrap().revoked = true;
        StatusCode::NO_CONTENT
    };
    let exchange = move |State(told): Wallets, headers: HeaderMap| async move {
        let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap().strip_prefix("shop-").unwrap());
        let key = key.map(|key| Uuid::parse_str(key).unwrap());
        let number = {
            let mut told = told.lock().unwrap();
            let repeats = told.knows_keys && told.key.is_some() && told.key == key;
            if !repeats && !told.knows(&headers) {
                return Err(StatusCode::UNAUTHORIZED);
            }
            (told.exchanges, told.key) = (told.exchanges + u32::from(!repeats), key);
            told.exchanges
        };
        lose(&told, &lost_exchange).await;
        Ok(Json(json!({
            "access_token": {"value": format!("pay-{number}"), "manage": format!("{exchanged}/token/1"),
                             "expires_in": 600, "access": []},
        })))
    };
    let fetch = move |State(told): Wallets, headers: HeaderMap| async move {
        assert!(headers["idempotency-key"].to_str().unwrap().ends_with(&format!("-consent-{}", 1_767_225_600_000_i64)));
        {
            let mut told = told.lock().unwrap();
            if told.fetched > 0 && !told.knows_keys {
                return Err(StatusCode::UNAUTHORIZED);
            }
            told.fetched += 1;
        }
        lose(&told, &lost_fetch).await;
        Ok(Json(json!({
            "access_token": {"value": "pay-0", "manage": format!("{fetched}/token/1"), "expires_in": 600, "access": []},
        })))
    };
    let give_back = async |State(told): Wallets| {
        told.lock().unwrap().given_back = true;
        StatusCode::NO_CONTENT
    };
    let bill = move || async move {
        let Json(mut bill) = incoming(Told::default(), false);
        bill["id"] = json!(format!("{bills}/incoming-payments/1"));
        (StatusCode::CREATED, Json(bill))
    };
    let quote = async |Json(wanted): Json<Value>| {
        let quote = json!({
            "id": "https://a.example/quotes/1", "walletAddress": wanted["walletAddress"], "receiver": wanted["receiver"],
            "receiveAmount": amount(20_000), "debitAmount": amount(21_400), "method": "ilp",
            "createdAt": "2026-01-01T00:00:00.000Z",
        });
        (StatusCode::CREATED, Json(quote))
    };
    let pay = move |State(told): Wallets, headers: HeaderMap| async move {
        let told = *told.lock().unwrap();
        match told.payment {
            _ if !told.knows(&headers) => Err(StatusCode::UNAUTHORIZED),
            Payment::Refused => Err(StatusCode::FORBIDDEN),
            Payment::Made | Payment::Failed => Ok((StatusCode::CREATED, outgoing(told, &payments))),
        }
    };
    let payment = move |State(told): Wallets| async move { outgoing(*told.lock().unwrap(), &paid) };
    let router = Router::new()
        .route("/{name}", get(address))
        .route("/grant", post(grant))
        .route("/token/1", delete(revoke).post(exchange))
        .route("/continue", delete(give_back).post(fetch))
        .route("/incoming-payments", post(bill))
        .route("/incoming-payments/1", get(read))
        .route("/incoming-payments/1/complete", post(complete))
        .route("/quotes", post(quote))
        .route("/outgoing-payments", post(pay))
        .route("/outgoing-payments/1", get(payment))
        .with_state(told);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    base
}

/// A shop, and the wallets that it knows.
struct Scene {
    shop: Shop,
    database: Database,
    clock: Arc<ManualClock>,
    told: Arc<Mutex<Told>>,
    /// An answer does not arrive.
    lost: Arc<Notify>,
    wallets: String,
}

impl Scene {
    async fn new(database: &TestDatabase) -> Self {
        Shop::migrate(database).await.unwrap();
        let told = Arc::default();
        let lost = Arc::default();
        let (manual, wallets) = (manual_clock(), wallets(Arc::clone(&told), Arc::clone(&lost)).await);
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&manual);
        let outbound = Outbound::new(OutboundConfig::development(), Arc::clone(&clock)).unwrap();
        let public = PublicResources::new(outbound, RetryPolicy::default(), Arc::clone(&clock));
        let signer = Arc::new(Signer::new(SigningKey::from_seed(&[3; 32]), "key-1").unwrap());
        let own = format!("{wallets}/shop");
        let cache = SharedCache::InProcess(InProcessCache::new(Arc::clone(&clock), InProcessLimits::default()));
        let settings = ShopSettings {
            name: "Boutique".to_owned(),
            wallet_address: own.clone(),
            public_url: Url::parse("https://shop.example").unwrap(),
            secret: "a secret of the test".to_owned(),
            desk_password: "open the desk please".to_owned(),
            cookies: Cookies::Secure,
            accent: Accent::default(),
        };
        let ports = Ports {
            database: (**database).clone(),
            client: OpenPaymentsClient::new(public, &own, signer),
            clock: Arc::clone(&clock),
            entropy: entropy(1),
            limiter: Limiter::new(cache, clock),
        };
        Self { shop: Shop::new(settings, ports), database: (**database).clone(), clock: manual, told, lost, wallets }
    }

    fn say(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told.lock().unwrap());
    }

    fn token(&self) -> Token {
        Token { value: "pay-0".into(), manage: format!("{}/token/1", self.wallets), until: None }
    }

    fn running(&self) -> Standing {
        let interval = "R/2026-01-01T00:00:00Z/P1M".to_owned();
        Standing::Running { token: self.token(), interval, exchange: None, grant: None }
    }

    /// An order of this product whose first payment has this stage.
    async fn order(&self, slug: &str, stage: Stage) -> (Order, Transfer) {
        let (id, created_at) = (Uuid::from_u128(1), self.clock.now());
        let order = Order {
            id,
            visitor: Uuid::from_u128(7),
            product: by_slug(slug).unwrap(),
            customer: format!("{}/customer", self.wallets),
            value: 2000,
            asset: Asset::new("USD", 2).unwrap(),
            means: Means::Asked,
            standing: Standing::None,
            version: 0,
            created_at,
        };
        let first = self.transfer(Purpose::Purchase, stage);
        self.shop.0.store.insert_order(&order, &first).await.unwrap();
        (order, first)
    }

    fn transfer(&self, purpose: Purpose, stage: Stage) -> Transfer {
        let id = Uuid::from_u128(if purpose == Purpose::Purchase { 1 } else { 2 });
        let (created_at, order) = (self.clock.now(), Uuid::from_u128(1));
        Transfer { id, order, purpose, period: 0, value: 2000, stage, version: 0, attempts: 0, created_at }
    }

    fn bill(&self) -> Bill {
        let asset = Asset::new("USD", 2).unwrap();
        Bill {
            incoming: format!("{}/incoming-payments/1", self.wallets),
            expected: 2000,
            debit: open_payments::Amount::new(2140, &asset),
            quote: "https://a.example/quotes/1".to_owned(),
        }
    }

    fn paying(&self) -> Stage {
        let payment = format!("{}/outgoing-payments/1", self.wallets);
        Stage::Paying { bill: self.bill(), token: self.token(), payment }
    }

    /// Begins a refund of a paid order, and looks at it after this time.
    async fn refunded(&self, later: Duration) -> (Stage, bool) {
        let (order, _) = self.order("courage", Stage::Paid { bill: self.bill() }).await;
        let mut refund = self.transfer(Purpose::Refund, self.paying());
        self.shop.0.store.insert_transfer(&refund, None).await.unwrap();
        self.clock.advance(later);
        self.shop.0.till.advance(&order, &mut refund).await.unwrap();
        let transfers = self.shop.0.store.transfers(order.id).await.unwrap();
        (refund.stage, refundable(&transfers).is_some())
    }

    async fn answer(&self, request: Request<Body>) -> StatusCode {
        crate::pages::router(self.shop.clone()).oneshot(request).await.unwrap().status()
    }
}

fn desk(password: Option<&str>) -> Request<Body> {
    let mut request = Request::get("/desk").body(Body::empty()).unwrap();
    request.headers_mut().extend(password.map(|text| (AUTHORIZATION, text.parse().unwrap())));
    request
}

testkit::on_each_database! {
    async fn a_customers_wallet_that_says_nothing_has_arrived_does_not_get_the_refund_again(database) {
        let scene = Scene::new(&database).await;
        scene.say(|told| told.sent = 2140);
        let (stage, may_be_given_again) = scene.refunded(BILL_LIVES * 2).await;
        assert_eq!(stage, Stage::Failed { why: Why::Unclear, received: 0 });
        assert!(!may_be_given_again);
    }

    async fn a_refund_that_the_shops_wallet_has_sent_in_part_is_not_made_again(database) {
        let scene = Scene::new(&database).await;
        scene.say(|told| (told.sent, told.payment) = (900, Payment::Failed));
        let refund = scene.refunded(Duration::ZERO).await;
        assert_eq!(refund, (Stage::Failed { why: Why::Unclear, received: 0 }, false));
    }

    async fn a_refund_of_which_the_shops_wallet_has_sent_nothing_may_be_tried_again(database) {
        let scene = Scene::new(&database).await;
        scene.say(|told| told.payment = Payment::Failed);
        let refund = scene.refunded(Duration::ZERO).await;
        assert_eq!(refund, (Stage::Failed { why: Why::NotPaid, received: 0 }, true));
    }

    async fn a_token_that_a_wallet_has_forgotten_is_replaced(database) {
        let scene = Scene::new(&database).await;
        scene.say(|told| told.received = 2000);
        let (order, mut first) = scene.order("courage", scene.paying()).await;
        let till = &scene.shop.0.till;
        assert_eq!(till.received(&order, Purpose::Purchase, &scene.bill().incoming).await.unwrap(), 2000);
        scene.say(|told| (told.tokens, told.only_the_last) = (7, true));
        till.advance(&order, &mut first).await.unwrap();
        assert!(matches!(first.stage, Stage::Paid { .. }), "{:?}", first.stage);
    }

    async fn a_subscription_whose_first_month_is_not_paid_ends_and_its_wallet_is_told(database) {
        let scene = Scene::new(&database).await;
        let (order, mut first) = scene.order("serenity", scene.paying()).await;
        let core = &scene.shop.0;
        let running = scene.running();
        core.store.set_standing(&mut order.clone(), &running).await.unwrap();
        let begins = scene.clock.now().saturating_add(Duration::from_hours(31 * 24));
        let next = following(&order, 1, begins, Uuid::from_u128(20));
        core.store.insert_transfer(&next, Some(begins)).await.unwrap();

        scene.say(|told| told.payment = Payment::Failed);
        let order = core.store.order(order.id).await.unwrap().unwrap();
        core.till.advance(&order, &mut first).await.unwrap();
        assert!(matches!(first.stage, Stage::Failed { .. }), "{:?}", first.stage);
        let order = core.store.order(order.id).await.unwrap().unwrap();
        let mut next = core.store.due(scene.clock.now(), 10).await.unwrap().remove(0);
        core.look_at_period(&order, &mut next).await.unwrap();
        assert_eq!(core.store.order(order.id).await.unwrap().unwrap().standing, Standing::Ended);
        assert!(scene.told.lock().unwrap().revoked);
        assert!(core.store.due(Timestamp::from_millis(i64::MAX), 10).await.unwrap().is_empty());
    }

    async fn a_shop_that_was_killed_when_a_month_began_still_has_the_next_month(database) {
        let scene = Scene::new(&database).await;
        let (order, _) = scene.order("serenity", Stage::Paid { bill: scene.bill() }).await;
        let core = &scene.shop.0;
        let running = scene.running();
        core.store.set_standing(&mut order.clone(), &running).await.unwrap();
        // The kill came after the begin of the month was stored, and the shop was down for longer than a bill lives.
        let mut month = following(&order, 1, scene.clock.now(), Uuid::from_u128(20));
        month.attempts = 1;
        core.store.insert_transfer(&month, Some(scene.clock.now())).await.unwrap();
        scene.clock.advance(BILL_LIVES * 2);
        let order = core.store.order(order.id).await.unwrap().unwrap();
        core.look_at_period(&order, &mut month).await.unwrap();

        assert_eq!(month.stage, Stage::Failed { why: Why::NotPaid, received: 0 });
        let waiting = core.store.due(Timestamp::from_millis(i64::MAX), 10).await.unwrap();
        assert_eq!(waiting.iter().map(|next| next.period).collect::<Vec<_>>(), [2]);
    }

    async fn wrong_passwords_of_one_source_close_the_desk_to_it_for_a_minute(database) {
        let scene = Scene::new(&database).await;
        // A browser asks without a password first. That is no guess.
        for _ in 0..20 {
            assert_eq!(scene.answer(desk(None)).await, StatusCode::UNAUTHORIZED);
        }
        for _ in 0..10 {
            assert_eq!(scene.answer(desk(Some("Basic b3duZXI6Z3Vlc3M="))).await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(scene.answer(desk(Some(DESK))).await, StatusCode::TOO_MANY_REQUESTS);
        scene.clock.advance(Duration::from_mins(1));
        assert_eq!(scene.answer(desk(Some(DESK))).await, StatusCode::OK);
    }

    async fn one_source_may_order_a_limited_number_of_times_and_may_read_as_often_as_it_likes(database) {
        let scene = Scene::new(&database).await;
        let order = || Request::post("/buy/luck").header(COOKIE, "shop_visitor=x").body(Body::empty()).unwrap();
        for _ in 0..60 {
            assert_eq!(scene.answer(order()).await, StatusCode::FORBIDDEN, "the form has no token");
        }
        assert_eq!(scene.answer(order()).await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(scene.answer(Request::get("/buy/luck").body(Body::empty()).unwrap()).await, StatusCode::OK);
    }
}
