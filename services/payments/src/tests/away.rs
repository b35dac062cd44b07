//! Receivers at an institution that does not answer for a while. The caller gets a clear error, and no quote is used
//! up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::ManualClock;
use outbound_http::OutboundConfig;
use payments_model::grant_limits::GrantLimits;
use payments_model::quote::QuoteRequest;
use payments_model::{Quote, Receiver};
use serde_json::{Value, json};
use testkit::{TestDatabase, on_each_database};

use crate::outgoing::create_outgoing_payment::{CreateOutgoingPaymentError, NewOutgoingPayment, PaymentOf};
use crate::outgoing::grant_spending::PaymentGrant;
use crate::quotes::create_quote::{CreateQuoteError, NewQuote};
use crate::receivers::manage_receiver::{CompleteReceiverError, CreateReceiverError, NewReceiver};
use crate::receivers::resolve_receiver::ResolveReceiverError;
use crate::tests::institution::Setup;
use crate::tests::testing::{Node, OPERATOR, usd};

const PATH: &str = "/incoming-payments/a1b2c3d4-0000-4000-8000-000000000001";

/// The Open Payments server of an institution with one incoming payment.
#[derive(Clone)]
struct Server {
    url: String,
    is_away: Arc<AtomicBool>,
    payment: Arc<Mutex<Value>>,
}

impl Server {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = Self { url, is_away: Arc::default(), payment: Arc::default() };
        let router = Router::new().route("/", post(grant)).route(PATH, get(show)).route("/bob", get(show));
        let router = router.with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    fn go_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    fn come_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    fn answer(&self, answer: Value) -> Result<Json<Value>, StatusCode> {
        if self.is_away.load(Ordering::SeqCst) { Err(StatusCode::BAD_GATEWAY) } else { Ok(Json(answer)) }
    }
}

async fn grant(State(server): State<Server>) -> Result<Json<Value>, StatusCode> {
    server.answer(json!({
        "access_token": { "value": "token", "manage": "https://m.example/1", "access": [] },
        "continue": { "uri": "https://c.example", "access_token": { "value": "c" } },
    }))
}

async fn show(State(server): State<Server>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    if !headers.contains_key("authorization") {
        return server.answer(json!({ "authServer": server.url }));
    }
    let payment = server.payment.lock().unwrap().clone();
    server.answer(payment)
}

/// A payer, and a payment it can make to another institution.
struct World {
    clock: Arc<ManualClock>,
    near: Node,
    _far: Node,
    server: Server,
    receiver: Receiver,
}

impl World {
    async fn open(database: TestDatabase) -> Self {
        let clock = testkit::manual_clock();
        let setup = Setup { http: OutboundConfig::development(), ..Setup::new("cloudnine", clock.clone()) };
        let near = Node::of(database, setup, "USD").await;
        let far = Node::at(TestDatabase::sqlite().await, "happylife", "USD", clock.clone()).await;
        near.connect(&far).await;
        let server = Server::start().await;
        let mut receiver = far.receiver_of(far.incoming(None).await).await;
        receiver.url = format!("{}{PATH}", server.url);
        let method = &receiver.methods[0];
        let secret = stream::SharedSecret::new(method.shared_secret.clone().try_into().unwrap()).to_base64url();
        let ilp = json!({ "type": "ilp", "ilpAddress": method.ilp_address, "sharedSecret": secret });
        *server.payment.lock().unwrap() = json!({
            "id": receiver.url, "walletAddress": format!("{}/bob", server.url), "completed": false,
            "receivedAmount": { "value": "0", "assetCode": "USD", "assetScale": 2 },
            "createdAt": "2026-01-01T00:00:00.000Z", "expiresAt": "2026-01-12T00:00:00.000Z", "methods": [ilp],
        });
        Self { clock, near, _far: far, server, receiver }
    }

    async fn quote(&self) -> Result<Quote, CreateQuoteError> {
        let new = NewQuote {
            wallet_address_id: self.near.address.id,
            receiver: self.receiver.url.clone(),
            request: QuoteRequest::DebitAmount(usd(1000)),
            client: None,
        };
        self.near.payments.create_quote(OPERATOR.tenant, new).await
    }

    /// Creates a payment under a grant that allows no more than this payment.
    async fn pay(&self, source: PaymentOf) -> Result<u64, CreateOutgoingPaymentError> {
        let limits = GrantLimits { debit_amount: Some(usd(1000)), ..GrantLimits::default() };
        let new = NewOutgoingPayment {
            wallet_address_id: self.near.address.id,
            source,
            client: None,
            grant: Some(PaymentGrant { id: "grant-1".into(), limits: Some(limits) }),
            metadata: None,
            card: None,
        };
        let created = self.near.payments.create_outgoing_payment(OPERATOR.tenant, new).await?;
        Ok(created.payment.quote.debit_amount)
    }
}

on_each_database! {
    async fn a_payment_to_an_institution_that_is_away_spends_nothing_and_is_made_when_it_is_back(database) {
        let world = World::open(database).await;
        let quote = world.quote().await.unwrap();
        // After this time the copy of the receiver is too old.
        world.clock.advance(Duration::from_secs(10));
        world.server.go_away();
        let refused = world.pay(PaymentOf::Quote(quote.id)).await;
        assert!(matches!(refused, Err(CreateOutgoingPaymentError::ReceiverAway)), "{refused:?}");
        let direct = PaymentOf::IncomingPayment {
            receiver: world.receiver.url.clone(),
            request: QuoteRequest::DebitAmount(usd(1000)),
        };
        let refused = world.pay(direct).await;
        let away = CreateQuoteError::ReceiverAway;
        assert_eq!(refused.unwrap_err().to_string(), CreateOutgoingPaymentError::Quote(away).to_string());
        assert_eq!(world.near.payments.grant_spent("grant-1", None).await.unwrap(), None);
        for table in ["outgoing_payments", "outgoing_payment_grants"] {
            assert_eq!(world.near.institution.count(table, "1 = 1").await, 0, "{table}");
        }

        world.server.come_back();
        assert_eq!(world.pay(PaymentOf::Quote(quote.id)).await.unwrap(), 1000);
    }

    async fn an_institution_that_is_away_is_told_apart_from_a_receiver_that_does_not_exist(database) {
        let world = World::open(database).await;
        let payments = &world.near.payments;
        let new = |url: String| NewReceiver {
            wallet_address_url: url,
            incoming_amount: None,
            expires_at: None,
            metadata: None,
        };
        let unknown = payments.create_receiver(OPERATOR.tenant, new(format!("{}/nobody", world.server.url))).await;
        assert!(matches!(unknown, Err(CreateReceiverError::UnknownWalletAddress)), "{unknown:?}");

        world.server.go_away();
        let quoted = world.quote().await;
        assert!(matches!(quoted, Err(CreateQuoteError::ReceiverAway)), "{quoted:?}");
        let made = payments.create_receiver(OPERATOR.tenant, new(format!("{}/bob", world.server.url))).await;
        assert!(matches!(made, Err(CreateReceiverError::Away)), "{made:?}");
        let completed = payments.complete_receiver(OPERATOR, &world.receiver.url).await;
        let Err(CompleteReceiverError::Remote(error)) = completed else { panic!("{completed:?}") };
        assert!(ResolveReceiverError::is_transient(&error));
    }
}
