//! A wallet whose process can be ended between any two steps, and is started again on the same database and ledger.
//!
//! The steps are: a request to the instance, before it has an effect and after it; a batch of the ledger, before and
//! after; and every wait for anything at all, which includes those for the database.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use admin_client::{AdminClient, Credentials};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::{Clock, ManualClock};
use http_kit::{EventVerification, ServiceCallers, ServiceIdentities, Unsigned};
use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, MemoryLedger, NewAccount,
    NewTransfer, Transfer, TransferId,
};
use outbound_http::{Outbound, OutboundConfig};
use sealed_text::Sealer;
use serde_json::{Value, json};
use service_auth::{LinkWays, Service, Wanted, Ways};
use service_identity::{
    ClientIdentity, Credential, Provider, ProviderSettings, SecretPlace, ServiceProofs, ServiceTokens, TokenSettings,
};
use testkit::TestDatabase;
use tokio::sync::Notify;
use tower::ServiceExt;
use uuid::Uuid;
use wallet::seed::Seed;
use wallet::{
    Accent, CardVerification, ChallengeSettings, ConsentSettings, Cookies, FeePolicy, Lifetimes, ModuleLinks, NoLedger,
    PageSettings, Ports, Post, Verification, Wallet, WalletSettings,
};

use crate::apart::Apart;
use crate::hydra::{ADMIN_TOKEN, Hydra, PROVIDER};
use crate::instance::{Instance, id_of};

const SECRET: &str = "shared";
/// The wallet's token for the authorization server.
const TOKEN: &str = "the-token-of-the-wallet";
const PASSWORD: &str = "a rainy day in march";
/// The seeded accounts.
pub(crate) const ACCOUNTS: usize = 6;
/// What each of them has at the beginning.
pub(crate) const BEGINNING: u64 = 4_000;
/// What Nora has at the beginning.
pub(crate) const NORAS: u64 = 900_000;
/// A hold is old after this time.
pub(crate) const OLD: Duration = Duration::from_mins(3);
/// The longest lease of a job of the wallet.
const LEASE: Duration = Duration::from_secs(31);

/// Where the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// Before the effect of the n-th step, counted from 0.
    Before(i64),
    /// After it.
    After(i64),
    /// At the n-th wait.
    Wait(usize),
}

/// Ends the process at a step.
#[derive(Default)]
pub(crate) struct Cuts {
    before: AtomicI64,
    after: AtomicI64,
    struck: Notify,
}

const NEVER: i64 = i64::MAX / 2;

/// What the wallet deposits when liquidity is low.
pub(crate) const TOPUP: u64 = 5_000;

impl Cuts {
    fn arm(&self, cut: Cut) {
        let (before, after) = match cut {
            Cut::Never | Cut::Wait(_) => (NEVER, NEVER),
            Cut::Before(step) => (step, NEVER),
            Cut::After(step) => (NEVER, step),
        };
        self.before.store(before, Ordering::SeqCst);
        self.after.store(after, Ordering::SeqCst);
    }

    async fn step<T>(&self, effect: impl Future<Output = T>) -> T {
        if self.before.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.strike().await;
        }
        let is_after = self.after.fetch_sub(1, Ordering::SeqCst) == 0;
        let done = effect.await;
        if is_after {
            self.strike().await;
        }
        done
    }

    /// Nothing comes after this.
    async fn strike(&self) {
        self.struck.notify_one();
        std::future::pending::<()>().await;
    }
}

/// The ledger, whose batches are steps.
struct Cutting {
    ledger: MemoryLedger,
    cuts: Arc<Cuts>,
}

impl Ledger for Cutting {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        self.ledger.create_accounts(accounts)
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(self.cuts.step(self.ledger.submit(transfers)))
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        self.ledger.accounts(ids)
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        self.ledger.transfers(ids)
    }

    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        self.ledger.transfers_of(account, limit)
    }
}

/// Ends a future at one of its waits.
struct Until<F> {
    future: Pin<Box<F>>,
    waits: usize,
}

impl<F: Future> Future for Until<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waits == 0 {
            return Poll::Ready(None);
        }
        self.waits -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

#[derive(Clone)]
struct Played {
    instance: Arc<Instance>,
    cuts: Arc<Cuts>,
    clock: Arc<ManualClock>,
}

/// The Admin API of the authorization server.
async fn grants(State(played): State<Played>, Json(body): Json<Value>) -> Json<Value> {
    Json(played.instance.grants(&body["variables"]))
}

/// It knows the wallet by its token only.
fn is_known(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|shown| shown == format!("Bearer {TOKEN}").as_str())
        && !headers.contains_key("x-idp-secret")
}

async fn asked(State(played): State<Played>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let status = if is_known(&headers) { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    (status, Json(played.instance.asked()))
}

async fn decide(
    State(played): State<Played>,
    Path((_, _, choice)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> StatusCode {
    if !is_known(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    played.instance.decide(choice);
    StatusCode::ACCEPTED
}

async fn graphql(State(played): State<Played>, Json(body): Json<Value>) -> Json<Value> {
    let name = body["query"].as_str().unwrap().split([' ', '(']).nth(1).unwrap().to_owned();
    let now = played.clock.now();
    Json(played.cuts.step(async { played.instance.answer(&name, &body["variables"], now) }).await)
}

/// A process of the wallet, and its listener.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) wallet: Wallet,
    /// It is made when it is called first. Many a process ends before.
    listener: Arc<OnceLock<Router>>,
}

impl Process {
    pub(crate) fn new(wallet: Wallet) -> Self {
        Self { wallet, listener: Arc::default() }
    }

    fn listener(&self) -> Router {
        let open = || wallet::http::router(self.wallet.clone(), ServiceCallers::Anybody);
        self.listener.get_or_init(open).clone()
    }
}

/// What every process of a bench is made of.
#[derive(Clone)]
struct Made {
    ledger: Arc<Cutting>,
    clock: Arc<ManualClock>,
    /// Its certificate authorities are read once, because that takes long.
    http: Outbound,
    /// Where the instance is.
    here: String,
}

/// The wallet, the instance, and one browser of a customer.
pub(crate) struct Bench {
    pub(crate) instance: Arc<Instance>,
    pub(crate) hydra: Arc<Hydra>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) database: TestDatabase,
    /// Two processes of the wallet.
    wallets: [Process; 2],
    cuts: Arc<Cuts>,
    made: Made,
    cookie: Mutex<String>,
    pub(crate) noras: String,
    /// The processes of the other modules, if the two above have accounts and payments, or payments, only.
    pub(crate) apart: Option<Apart>,
}

impl Bench {
    pub(crate) async fn on(database: TestDatabase) -> Self {
        Self::of(database, Shape::OneProcess).await
    }

    pub(crate) async fn of(database: TestDatabase, shape: Shape) -> Self {
        let (instance, cuts, clock) =
            (Arc::new(Instance::default()), Arc::new(Cuts::default()), testkit::manual_clock());
        cuts.arm(Cut::Never);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().to_string();
        let bob = json!({"id": format!("https://{here}/bob"), "publicName": "Bob", "assetCode": "USD", "assetScale": 2,
            "authServer": "https://auth.example", "resourceServer": "https://other.example"});
        let played = Played { instance: Arc::clone(&instance), cuts: Arc::clone(&cuts), clock: Arc::clone(&clock) };
        let app = Router::new()
            .route("/graphql", post(graphql))
            .route("/bob", get(move || async move { Json(bob) }))
            .route("/auth", post(grants))
            .route(
                "/token",
                post(async || Json(json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300}))),
            )
            .route("/grant/{id}/{nonce}", get(asked))
            .route("/grant/{id}/{nonce}/{choice}", post(decide))
            .with_state(played);
        let hydra = Arc::new(Hydra::default());
        let app = app.merge(hydra.router());
        tokio::spawn(async move { axum::serve(listener, app.into_make_service()).await.unwrap() });

        Wallet::migrate(&database).await.unwrap();
        let ledger = MemoryLedger::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let ledger = Arc::new(Cutting { ledger, cuts: Arc::clone(&cuts) });
        let http = Outbound::new(OutboundConfig::development(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let made = Made { ledger, clock: Arc::clone(&clock), http, here };
        let make = |database: &TestDatabase, number: u64, links: ModuleLinks| wallet(&made, database, number, links);
        let apart = match shape {
            Shape::OneProcess => None,
            Shape::Apart | Shape::Four => Some(Apart::open(shape, &database, &clock, make).await),
        };
        let links = || apart.as_ref().map(Apart::links_of_payments).unwrap_or_default();
        let of_payments = apart.as_ref().and_then(|apart| apart.payments_database.as_ref()).unwrap_or(&database);
        let wallets = [1, 2].map(|number| Process::new(make(of_payments, number, links())));
        if let Some(apart) = &apart {
            apart.serve_payments(&wallets[0].wallet).await;
        }
        let mut bench = Self {
            instance,
            hydra,
            clock,
            database,
            wallets,
            cuts,
            made,
            cookie: Mutex::default(),
            noras: String::new(),
            apart,
        };
        bench.accounts().wallet.seed().await.unwrap();
        bench.payments().seed().await.unwrap();
        if let Some(apart) = &bench.apart {
            apart.seed_users().await;
        }
        bench.customer().await;
        bench
    }

    /// The process ends, and another one takes its place. Its leases have run out by then. If accounts and payments are
    /// apart, both end.
    async fn start_again(&mut self) {
        let number = self.clock.now().as_millis().unsigned_abs();
        let make =
            |database: &TestDatabase, number: u64, links: ModuleLinks| wallet(&self.made, database, number, links);
        if let Some(apart) = self.apart.as_ref().filter(|apart| apart.accounts().is_some()) {
            apart.accounts_start_again(|links| make(&self.database, number + 1, links)).await;
        }
        let links = self.apart.as_ref().map(Apart::links_of_payments).unwrap_or_default();
        self.wallets[0] = Process::new(make(self.of_payments(), number, links));
        self.clock.advance(LEASE);
    }

    /// The database with the payments.
    fn of_payments(&self) -> &TestDatabase {
        self.apart.as_ref().and_then(|apart| apart.payments_database.as_ref()).unwrap_or(&self.database)
    }

    /// The process with the accounts.
    fn accounts(&self) -> Process {
        self.apart.as_ref().and_then(Apart::accounts).unwrap_or_else(|| self.wallets[0].clone())
    }

    /// Does all work that is due, unless the process ends before.
    pub(crate) async fn work(&mut self, cut: Cut) {
        self.cuts.arm(cut);
        let waits = if let Cut::Wait(waits) = cut { waits } else { usize::MAX };
        let working = Until { future: Box::pin(self.payments().work_due()), waits };
        let done = tokio::select! {
            done = working => done.transpose().unwrap().is_some(),
            () = self.cuts.struck.notified() => false,
        };
        self.cuts.arm(Cut::Never);
        if !done {
            self.start_again().await;
        }
        if let Some(apart) = &self.apart {
            if let Some(accounts) = apart.accounts() {
                accounts.wallet.work_due().await.unwrap();
            }
            apart.users.wallet.work_due().await.unwrap();
        }
    }

    /// Two processes do the work that is due.
    pub(crate) async fn work_together(&self) {
        let (one, other) = tokio::join!(self.wallets[0].wallet.work_due(), self.wallets[1].wallet.work_due());
        one.unwrap();
        other.unwrap();
    }

    /// Delivers an event.
    pub(crate) async fn deliver(&self, event: &Value) {
        let header = admin_signature::sign(SECRET, 1, self.clock.now(), &admin_signature::canonical(event));
        let request =
            Request::post("/webhooks").header("content-type", "application/json").header("rafiki-signature", header);
        let listener = self.wallets[0].listener();
        let response = listener.oneshot(request.body(Body::from(event.to_string())).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    /// The wallet address of a seeded account.
    pub(crate) fn address(number: usize) -> Uuid {
        id_of(&format!("https://localhost:3000/accounts/c{number}"))
    }

    /// That of Nora's account.
    pub(crate) fn noras_address() -> Uuid {
        id_of("https://localhost:3000/accounts/nora")
    }

    /// That of somebody at another wallet.
    pub(crate) fn bobs_address(&self) -> String {
        format!("https://{}/bob", self.made.here)
    }

    /// Balance and hold of every account, by its wallet address.
    pub(crate) async fn balances(&self) -> Vec<(Uuid, i128, i128)> {
        let request = Request::get("/balances").body(Body::empty()).unwrap();
        let body = self.accounts().listener().oneshot(request).await.unwrap().into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let accounts: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let read = |account: &Value, name: &str| account[name].as_str().unwrap().parse::<i128>().unwrap();
        accounts
            .iter()
            .map(|account| {
                let url = account["walletAddress"].as_str().unwrap();
                (id_of(url), read(account, "balance"), read(account, "held"))
            })
            .collect()
    }

    /// Balance and hold of one account.
    pub(crate) async fn balance(&self, address: Uuid) -> (i128, i128) {
        let balances = self.balances().await;
        balances.iter().find(|(of, ..)| *of == address).map(|(_, balance, held)| (*balance, *held)).unwrap()
    }

    /// What the wallet's own account of this kind has: 2 is the settlement with the network, 3 the income from fees.
    pub(crate) async fn house(&self, kind: u128) -> i128 {
        let account =
            self.made.ledger.accounts(vec![AccountId::from_u128((1 << 16) | kind)]).await.unwrap()[0].unwrap();
        i128::try_from(account.credits_posted).unwrap() - i128::try_from(account.debits_posted).unwrap()
    }

    /// The process with the payments.
    pub(crate) fn payments(&self) -> &Wallet {
        &self.wallets[0].wallet
    }

    pub(crate) async fn dead_events(&self) -> u64 {
        self.payments().dead_events().await.unwrap()
    }

    /// The first column of the rows of a query of the accounts' database.
    pub(crate) async fn column(&self, sql: &str) -> Vec<i64> {
        column(&self.database, sql).await
    }

    /// The same of the database with the payments.
    pub(crate) async fn column_of_payments(&self, sql: &str) -> Vec<i64> {
        column(self.of_payments(), sql).await
    }

    /// The ids that a query of the accounts' database gives.
    pub(crate) async fn ids(&self, sql: &str) -> BTreeSet<Uuid> {
        ids(&self.database, sql).await
    }

    /// The same of the database with the agreements.
    pub(crate) async fn ids_of_agreements(&self, sql: &str) -> BTreeSet<Uuid> {
        let database = self.apart.as_ref().map_or(&self.database, |apart| &apart.agreements_database);
        ids(database, sql).await
    }

    async fn call(&self, request: Request<Body>) -> (StatusCode, String, String) {
        let front = self.apart.as_ref().map_or(&self.wallets[0], |apart| &apart.users);
        let response = front.listener().oneshot(request).await.unwrap();
        for line in response.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            if pair.starts_with("wallet_session") {
                pair.clone_into(&mut self.cookie.lock().unwrap());
            }
        }
        let location = response.headers().get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, location, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).header("cookie", self.cookie.lock().unwrap().clone());
        self.call(request.body(Body::empty()).unwrap()).await
    }

    /// Fills in the form on `page` that is sent to `action`. Returns where it leads.
    pub(crate) async fn send(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> String {
        let (status, location, text) = self.fill_in(page, action, fields).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{action}: {text}");
        location
    }

    /// The same. Returns the status and the page that is the answer.
    pub(crate) async fn fill(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let (status, _, text) = self.fill_in(page, action, fields).await;
        (status, text)
    }

    async fn fill_in(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> (StatusCode, String, String) {
        let all = self.filled(page, action, fields).await;
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action, &all).await
    }

    /// The form on `page` that is sent to `action`, with its hidden fields and these.
    pub(crate) async fn filled(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let text = self.get(page).await.2;
        let form = text.split(&format!("action=\"{action}\"")).nth(1).unwrap_or_else(|| panic!("{action}: {text}"));
        let hidden = form.split("</form>").next().unwrap().split("<input type=\"hidden\" name=\"").skip(1);
        let hidden = hidden.map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            (name, rest.split('"').next().unwrap())
        });
        let all = hidden.chain(fields.iter().copied());
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(crate) async fn post(&self, action: &str, fields: &[(&str, &str)]) -> (StatusCode, String, String) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(action).header("cookie", self.cookie.lock().unwrap().clone());
        self.call(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends the same form twice. Returns where each leads.
    pub(crate) async fn send_twice(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> [String; 2] {
        let all = self.filled(page, action, fields).await;
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        [self.post(action, &all).await.1, self.post(action, &all).await.1]
    }

    /// Nora gives her password again.
    pub(crate) async fn prove(&self) {
        self.send("/prove?next=%2F", "/prove", &[("next", "/"), ("proof", PASSWORD)]).await;
    }

    /// Somebody else signs up in the same browser.
    pub(crate) async fn another_signs_up(&self, email: &str) {
        let fields = [("name", "Eva"), ("email", email), ("password", PASSWORD), ("again", PASSWORD), ("terms", "yes")];
        assert_eq!(self.post("/sign-up", &fields).await.0, StatusCode::SEE_OTHER);
    }

    /// Nora, who is in the seed because she is an operator too, comes in without a proof, and opens an account with
    /// play money.
    async fn customer(&mut self) {
        self.post("/sign-in/one-click", &[("email", "n@example.com")]).await;
        let opened = [("asset", "USD/2"), ("name", "Everyday"), ("path", "nora")];
        let opened = self.send("/accounts/open", "/accounts/open", &opened).await;
        opened.split(['/', '?']).nth(2).unwrap().clone_into(&mut self.noras);
        let page = format!("/accounts/{}", self.noras);
        self.send(&page, &format!("{page}/top-up"), &[("amount", "9000.00")]).await;
    }

    /// Nora confirms a payment to Bob. Returns the id of its offer, and the address of its draft.
    pub(crate) async fn nora_sends(&self, fixed: &str, amount: u64) -> (Uuid, String) {
        let to = self.bobs_address();
        let draft = self.send("/send", "/send", &[("to", &to), ("account", &self.noras)]).await;
        let amount = format!("{}.{:02}", amount / 100, amount % 100);
        let review = self.send(&draft, &draft, &[("amount", &amount), ("fixed", fixed), ("note", "")]).await;
        let page = self.get(&review).await.2;
        let offer = page.split("name=\"offer\" value=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        self.send(&review, &review, &[]).await;
        (offer, draft)
    }
}

async fn column(database: &TestDatabase, sql: &str) -> Vec<i64> {
    let rows = database.query(sql, []).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn ids(database: &TestDatabase, sql: &str) -> BTreeSet<Uuid> {
    let rows = database.query(sql, []).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// How many processes the modules of the wallet have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    OneProcess,
    /// Users, agreements, and accounts with payments, each with a database of its own.
    Apart,
    /// Users, agreements, accounts, and payments.
    Four,
}

fn wallet(made: &Made, database: &TestDatabase, number: u64, links: ModuleLinks) -> Wallet {
    let Made { ledger, clock, http, here } = made.clone();
    let clock = || Arc::clone(&clock) as Arc<dyn Clock>;
    let credentials = Credentials { tenant_id: Uuid::nil(), secret: "s".to_owned(), signature_version: 1 };
    let long = Duration::from_hours(100_000);
    let pages = PageSettings {
        public_url: "http://localhost:3030".parse().unwrap(),
        lifetimes: Lifetimes { idle: long, absolute: long },
        verification: Verification::None,
        cookies: Cookies::Plain,
        accent: Accent::Teal,
        playground: true,
        one_click: vec![wallet::OneClick { email: "n@example.com".to_owned(), name: "Nora Neu".to_owned() }],
        operators: vec!["n@example.com".to_owned()],
        consent: Some(ConsentSettings {
            auth_server: "http://auth.example".parse().unwrap(),
            interactions: format!("http://{here}").parse().unwrap(),
            secret: None,
            proof: proofs(&here, &http, clock()).of(Wanted::WALLET_CONSENT, None),
        }),
        challenges: Some(ChallengeSettings {
            provider: PROVIDER.parse().unwrap(),
            admin: format!("http://{here}").parse().unwrap(),
            token: Some(ADMIN_TOKEN.to_owned()),
            tenant: Uuid::nil(),
            audience: "https://localhost:3000".to_owned(),
        }),
        post: Post::Log,
        sealer: Sealer::new(Some(&[7; 32]), &[]),
        grants: Some(AdminClient::of_auth(
            format!("http://{here}/auth").parse().unwrap(),
            credentials.clone(),
            http.clone(),
            clock(),
        )),
        http: http.clone(),
    };
    let settings = WalletSettings {
        display_name: "Bank".to_owned(),
        open_payments_url: "https://localhost:3000".parse().unwrap(),
        webhooks: EventVerification {
            identities: ServiceIdentities::default(),
            service: Service::WalletHooks,
            secrets: vec![SECRET.to_owned()],
            version: 1,
            tolerance: Duration::from_mins(5),
            unsigned: Unsigned::Refused,
        },
        fee_policy: FeePolicy::FeePlusSent,
        holds_are_old: OLD,
        auto_create_address: true,
        liquidity_topup: TOPUP,
        liquidity_topup_day_max: Some(2 * TOPUP),
        cards: CardVerification::Required,
        key_x: None,
        pages: Some(pages),
    };
    let ledger: Arc<dyn Ledger> = if links.runs().accounts { ledger } else { Arc::new(NoLedger) };
    let ports = Ports {
        database: (**database).clone(),
        ledger,
        admin: AdminClient::new(format!("http://{here}/graphql").parse().unwrap(), credentials, http, clock()),
        clock: clock(),
        entropy: testkit::entropy(number),
    };
    Wallet::with_modules(settings, SEED.clone(), ports, links)
}

/// The wallet shows a token, and no secret.
fn proofs(here: &str, http: &Outbound, clock: Arc<dyn Clock>) -> ServiceProofs {
    let provider = ProviderSettings {
        issuer: None,
        issuer_name: None,
        token: Some(format!("http://{here}/token").parse().unwrap()),
        introspection: None,
        keys: None,
    };
    let provider = Provider::new(provider, http.clone(), Arc::clone(&clock));
    let identity = ClientIdentity {
        id: "wallet".to_owned(),
        credential: Credential::Secret("of the wallet".to_owned(), SecretPlace::Header),
    };
    let names = TokenSettings { audiences: HashMap::new(), scopes: HashMap::new(), renamed: HashMap::new() };
    let tokens = ServiceTokens::new(provider, identity, names, clock, testkit::entropy(3));
    ServiceProofs::new(LinkWays::from(Ways::TOKEN), Some(tokens), None)
}

static SEED: LazyLock<Seed> = LazyLock::new(|| {
    let accounts: Vec<String> = (0..ACCOUNTS)
        .map(|number| {
            format!(
                "  - {{id: 00000000-0000-4000-8000-00000000000{number}, name: C{number}, path: accounts/c{number}, \
                 initialBalance: {BEGINNING}, assetCode: USD}}"
            )
        })
        .collect();
    let assets = "assets:\n  - {code: USD, scale: 2, liquidity: 1000000, liquidityThreshold: 1}";
    let users = format!("users: [{{email: n@example.com, displayName: Nora Neu, password: {PASSWORD}}}]");
    Seed::from_yaml(&format!("{assets}\naccounts:\n{}\n{users}\n", accounts.join("\n"))).unwrap()
});
