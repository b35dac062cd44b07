//! The modules of the wallet as processes of their own: users, agreements, accounts, and payments, or accounts with payments
//! in one. They speak over HTTP, each with a database that has its own tables only. What customers see is the same as in
//! one process.
//!
//! The processes are routers with real sockets between them. The binary's processes are in the end-to-end tests.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use clock::{Clock, ManualClock};
use http::HeaderValue;
use http_kit::{CallerSecret, ServiceCallers, ServiceDoor, ServiceIdentities};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use service_identity::CallerProof;
use shared_cache::{InProcessCache, InProcessLimits, Limiter, SharedCache};
use testkit::{TestDatabase, on_each_database};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;
use wallet::{Module, ModuleLink, ModuleLinks, Wallet};

use crate::bench::{Bench, Cut, NORAS, Process, Shape};
use crate::instance::{State, usd};

const SECRET: &str = "what the processes of the wallet show each other";
const NORA: &str = "https://localhost:3000/accounts/nora";
const AWAY: &str = "does not answer at the moment";
/// What a page says that is shown without what the payments know, or the agreements.
const WITHOUT_PAYMENTS: &str = "Missing here are the names that you gave to others";
const WITHOUT_AGREEMENTS: &str = "Missing here is to which agreement a payment belongs";
/// Who is missing, as pages say it that cannot be shown.
const USERS_AWAY: &str = "The part of the wallet that knows who is signed in does not answer";
const AGREEMENTS_AWAY: &str = "The part of the wallet with the agreements does not answer";
const ACCOUNTS_AWAY: &str = "The part of the wallet with the accounts does not answer";
const PAYMENTS_AWAY: &str = "The part of the wallet with the payments does not answer";

const OF_USERS: [&str; 13] = [
    "wallet_attempts",
    "wallet_email_changes",
    "wallet_half_sign_ins",
    "wallet_letters",
    "wallet_one_time_tokens",
    "wallet_passkey_questions",
    "wallet_passkeys",
    "wallet_proofs",
    "wallet_recovery_codes",
    "wallet_second_factors",
    "wallet_sessions",
    "wallet_unasked_limits",
    "wallet_users",
];
const OF_AGREEMENTS: [&str; 6] = [
    "wallet_agreement_payers",
    "wallet_agreement_uses",
    "wallet_agreements",
    "wallet_challenges",
    "wallet_consents",
    "wallet_oauth_agreements",
];

const OF_PAYMENTS: [&str; 9] = [
    "wallet_begun_requests",
    "wallet_card_uses",
    "wallet_cards",
    "wallet_contacts",
    "wallet_inbox",
    "wallet_missed_events",
    "wallet_requesters",
    "wallet_requests",
    "wallet_sends",
];

fn is_of_payments(table: &str) -> bool {
    OF_PAYMENTS.contains(&table)
}

/// The other processes, and the ways to all of them. With four processes, those of the bench have the payments.
pub(crate) struct Apart {
    pub(crate) users: Process,
    agreements: Wallet,
    pub(crate) agreements_database: TestDatabase,
    _users_database: TestDatabase,
    /// That of the payments, if they are apart from the accounts.
    pub(crate) payments_database: Option<TestDatabase>,
    /// The process of the accounts, if they are apart from the payments.
    accounts: Mutex<Option<Process>>,
    doors: Vec<Door>,
    http: Outbound,
    clock: Arc<ManualClock>,
}

/// The listener of a module.
struct Door {
    modules: Vec<Module>,
    at: SocketAddr,
    /// So many questions are lost on their way.
    unheard: Arc<AtomicUsize>,
    /// So many answers are lost on their way.
    lost: Arc<AtomicUsize>,
    serving: Mutex<Option<JoinHandle<()>>>,
    waiting: Mutex<Option<TcpListener>>,
}

impl Door {
    async fn open(modules: &[Module]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        Self {
            modules: modules.to_vec(),
            at,
            unheard: Arc::default(),
            lost: Arc::default(),
            serving: Mutex::default(),
            waiting: Mutex::new(Some(listener)),
        }
    }

    async fn serve(&self, wallet: &Wallet, clock: &Arc<ManualClock>) {
        let waiting = self.waiting.lock().unwrap().take();
        let listener = match waiting {
            Some(listener) => listener,
            None => TcpListener::bind(self.at).await.unwrap(),
        };
        let (unheard, lost) = (Arc::clone(&self.unheard), Arc::clone(&self.lost));
        let losing = move |request: Request, next: Next| {
            let (unheard, lost) = (Arc::clone(&unheard), Arc::clone(&lost));
            async move {
                let one_of = |left: &AtomicUsize| {
                    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
                };
                let away = || (StatusCode::BAD_GATEWAY, "lost").into_response();
                if one_of(&unheard) {
                    return away();
                }
                let answer = next.run(request).await;
                if one_of(&lost) { away() } else { answer }
            }
        };
        let doors = self.modules.iter().map(|module| (*module, callers(clock)));
        let router: Router = wallet::door::router(wallet, doors).layer(from_fn(losing));
        // Otherwise every connection copies every route.
        let serving = tokio::spawn(async move { axum::serve(listener, router.into_make_service()).await.unwrap() });
        *self.serving.lock().unwrap() = Some(serving);
    }
}

/// Those who show the secret.
fn callers(clock: &Arc<ManualClock>) -> ServiceCallers {
    let clock = || Arc::clone(clock) as Arc<dyn Clock>;
    let limits = InProcessLimits { entries: 100, bytes: 100_000 };
    let limiter = Limiter::new(SharedCache::InProcess(InProcessCache::new(clock(), limits)), clock());
    let secret = CallerSecret::new([SECRET], "modules", limiter);
    ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities: ServiceIdentities::default() }))
}

impl Apart {
    /// Opens the other processes beside that of the accounts, which have this database, or that of the payments.
    pub(crate) async fn open(
        shape: Shape,
        accounts: &TestDatabase,
        clock: &Arc<ManualClock>,
        make: impl Fn(&TestDatabase, u64, ModuleLinks) -> Wallet,
    ) -> Self {
        // A process that has ended has no open connections either.
        let config = OutboundConfig { pool_max_idle_per_host: 0, ..OutboundConfig::development() };
        let http = Outbound::new(config, Arc::clone(clock) as Arc<dyn Clock>).unwrap();
        let mut doors = vec![Door::open(&[Module::Users]).await, Door::open(&[Module::Agreements]).await];
        let mut payments_database = None;
        if shape == Shape::Four {
            doors.push(Door::open(&[Module::Accounts]).await);
            doors.push(Door::open(&[Module::Payments]).await);
            let of_payments = TestDatabase::of(accounts.dialect()).await.unwrap();
            Wallet::migrate(&of_payments).await.unwrap();
            keep_only(&of_payments, is_of_payments).await;
            payments_database = Some(of_payments);
        } else {
            doors.push(Door::open(&[Module::Accounts, Module::Payments]).await);
        }
        let (of_users, of_agreements) = (TestDatabase::sqlite().await, TestDatabase::sqlite().await);
        for database in [&of_users, &of_agreements] {
            Wallet::migrate(database).await.unwrap();
        }
        keep_only(&of_users, |table| OF_USERS.contains(&table)).await;
        keep_only(&of_agreements, |table| OF_AGREEMENTS.contains(&table)).await;
        let is_elsewhere = |table: &str| {
            let with_payments = shape == Shape::Four && is_of_payments(table);
            with_payments || OF_USERS.contains(&table) || OF_AGREEMENTS.contains(&table)
        };
        keep_only(accounts, |table| !is_elsewhere(table)).await;
        let users = make(&of_users, 3, links(&doors, &http, Module::Users));
        let agreements = make(&of_agreements, 4, links(&doors, &http, Module::Agreements));
        doors[0].serve(&users, clock).await;
        doors[1].serve(&agreements, clock).await;
        let of_accounts = (shape == Shape::Four).then(|| make(accounts, 5, links(&doors, &http, Module::Accounts)));
        if let Some(wallet) = &of_accounts {
            doors[2].serve(wallet, clock).await;
        }
        Self {
            users: Process::new(users),
            agreements,
            agreements_database: of_agreements,
            _users_database: of_users,
            payments_database,
            accounts: Mutex::new(of_accounts.map(Process::new)),
            doors,
            http,
            clock: Arc::clone(clock),
        }
    }

    /// Those of the processes with the payments.
    pub(crate) fn links_of_payments(&self) -> ModuleLinks {
        links(&self.doors, &self.http, Module::Payments)
    }

    pub(crate) async fn serve_payments(&self, wallet: &Wallet) {
        self.door(Module::Payments).serve(wallet, &self.clock).await;
    }

    async fn serve_accounts(&self, with_payments: &Wallet) {
        let wallet = self.accounts().map_or_else(|| with_payments.clone(), |process| process.wallet);
        self.door(Module::Accounts).serve(&wallet, &self.clock).await;
    }

    /// The process of the accounts, if they are apart from the payments.
    pub(crate) fn accounts(&self) -> Option<Process> {
        self.accounts.lock().unwrap().clone()
    }

    /// The process of the accounts ends, and another one takes its place.
    pub(crate) async fn accounts_start_again(&self, make: impl FnOnce(ModuleLinks) -> Wallet) {
        self.ends(Module::Accounts).await;
        let wallet = make(links(&self.doors, &self.http, Module::Accounts));
        self.door(Module::Accounts).serve(&wallet, &self.clock).await;
        *self.accounts.lock().unwrap() = Some(Process::new(wallet));
    }

    /// After the accounts have theirs.
    pub(crate) async fn seed_users(&self) {
        self.users.wallet.seed().await.unwrap();
    }

    fn door(&self, module: Module) -> &Door {
        self.doors.iter().find(|door| door.modules.contains(&module)).unwrap()
    }

    /// The next questions to the accounts are lost, and the next answers after those.
    pub(crate) fn accounts_lose(&self, questions: usize, answers: usize) {
        self.door(Module::Accounts).unheard.store(questions, Ordering::SeqCst);
        self.door(Module::Accounts).lost.store(answers, Ordering::SeqCst);
    }

    /// The next answers of a module are lost. A caller asks twice at once.
    fn loses(&self, module: Module, answers: usize) {
        self.door(module).lost.store(answers, Ordering::SeqCst);
    }

    /// Ends the listener of a module.
    pub(crate) async fn ends(&self, module: Module) {
        let serving = self.door(module).serving.lock().unwrap().take().unwrap();
        serving.abort();
        let _ = serving.await;
    }

    async fn agreements_come_back(&self) {
        self.door(Module::Agreements).serve(&self.agreements, &self.clock).await;
    }

    /// The status of a request at the listener of a module.
    async fn asks(&self, module: Module, asked: Asked<'_>) -> (u16, String) {
        let url = format!("http://{}{}", self.door(module).at, asked.path).parse().unwrap();
        let mut request = match asked.body {
            Some(body) => outbound_http::Request::post_json(url, body).unwrap(),
            None => outbound_http::Request::get(url),
        };
        if asked.from_browser {
            request = request.header(http::header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        }
        let proof = asked.secret.map(CallerProof::secret);
        let request = request.configured();
        let response = match proof {
            Some(proof) => proof.send(&self.http, request).await.unwrap(),
            None => self.http.send(request).await.unwrap(),
        };
        (response.status.as_u16(), response.excerpt())
    }
}

/// A request to the listener of a module.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    path: &'a str,
    secret: Option<&'a str>,
    body: Option<&'a Value>,
    from_browser: bool,
}

fn links(doors: &[Door], http: &Outbound, own: Module) -> ModuleLinks {
    let link = |module: Module| {
        let door = doors.iter().find(|door| door.modules.contains(&module)).unwrap();
        let base = format!("http://{}", door.at).parse().unwrap();
        let is_elsewhere = !door.modules.contains(&own);
        is_elsewhere.then(|| ModuleLink::new(module, base, http.clone(), CallerProof::secret(SECRET)))
    };
    ModuleLinks {
        users: link(Module::Users),
        agreements: link(Module::Agreements),
        accounts: link(Module::Accounts),
        payments: link(Module::Payments),
    }
}

/// Removes the tables of other modules, so that whoever touches one gets an error.
async fn keep_only(database: &TestDatabase, is_own: impl Fn(&str) -> bool) {
    let names = match database.dialect() {
        testkit::Dialect::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'wallet!_%' ESCAPE '!'"
        }
        testkit::Dialect::Postgres => {
            "SELECT CAST(tablename AS text) FROM pg_tables
                WHERE schemaname = current_schema() AND tablename LIKE 'wallet!_%' ESCAPE '!'"
        }
    };
    let rows = database.query(names, []).await.unwrap();
    let tables: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert!(tables.len() > OF_USERS.len() + OF_AGREEMENTS.len(), "{tables:?}");
    for table in tables.iter().filter(|table| *table != "wallet_migrations" && !is_own(table)) {
        // SQLite knows no other way, and asks nobody.
        let all = if database.dialect() == testkit::Dialect::Postgres { " CASCADE" } else { "" };
        database.execute(&format!("DROP TABLE {table}{all}"), []).await.unwrap();
    }
}

fn grant() -> Uuid {
    Uuid::from_u128(5)
}

fn page() -> String {
    format!("/agreements/{}", grant())
}

/// The authorization server has the grant that the customer has allowed.
fn is_granted(bench: &Bench) {
    bench.instance.grant(json!({"id": grant(), "client": "https://shop.example/",
        "access": [{"identifier": NORA, "type": "outgoing-payment", "actions": ["create"],
            "limits": {"receiver": null, "debitAmount": usd(100_000), "receiveAmount": null, "interval": null}}],
        "subject": null, "state": "FINALIZED", "finalizationReason": "ISSUED",
        "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": Uuid::nil()}));
}

/// The application makes a payment, and its event is delivered.
async fn app_pays(bench: &Bench, amount: u64) -> Uuid {
    let payment = bench.instance.client_pays(Bench::noras_address(), Some(amount), None, bench.clock.now());
    let mut event = bench.instance.told(Uuid::from_u128(payment.as_u128() + (1 << 100)), "created", payment);
    event["data"]["grantId"] = json!(grant());
    bench.deliver(&event).await;
    payment
}

/// A page as a person reads it. The port of Bob's wallet is another one in each run.
fn read(text: &str) -> String {
    let body = text.split("<body").nth(1).unwrap_or(text);
    let plain = body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let words = plain.flat_map(str::split_whitespace).map(|word| match word.split_once("//127.0.0.1:") {
        Some((before, after)) => format!("{before}//bob{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Nora sends, receives, allows an application to pay, pauses and ends that. Returns what she sees at each stage.
async fn walk(bench: &mut Bench) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let noras = bench.noras.clone();

    let (offer, draft) = bench.nora_sends("debit", 1_000).await;
    bench.work(Cut::Never).await;
    bench.deliver(&bench.instance.told(Uuid::from_u128(1 << 98), "created", offer)).await;
    bench.work(Cut::Never).await;
    let shown = bench.get(&format!("{draft}/done")).await.1;
    seen.push(("under way".to_owned(), read(&bench.get(&shown).await.2)));
    bench.instance.end(offer, State::Completed, 950);
    bench.deliver(&bench.instance.told(Uuid::from_u128(3 << 98), "completed", offer)).await;
    let came = bench.instance.comes(Bench::noras_address(), 700);
    bench.deliver(&bench.instance.told_credit(Uuid::from_u128(5 << 98), "incoming_payment.completed", came)).await;
    bench.work(Cut::Never).await;
    seen.push(("sent".to_owned(), read(&bench.get(&shown).await.2)));

    bench.instance.asks(json!({"grantId": grant(), "state": "PENDING", "clientName": "Shop",
        "clientUri": "https://shop.example/", "access": [{"type": "outgoing-payment", "actions": ["create"],
            "identifier": NORA, "limits": {"debitAmount": usd(100_000)}}]}));
    let way = "/consent?interactId=i1&nonce=n1&clientName=a&clientUri=https%3A%2F%2Fa.example";
    let asked = bench.get(way).await.1;
    seen.push(("asked".to_owned(), read(&bench.get(&asked).await.2)));
    let (payment, day) = (format!("payment-{noras}"), format!("day-{noras}"));
    let done = bench.send(&asked, &asked, &[("decision", "allow"), (&payment, "5.00"), (&day, "12.00")]).await;
    seen.push(("allowed".to_owned(), read(&bench.get(&done).await.2)));
    is_granted(bench);

    for (amount, state) in [(400, State::Sending), (501, State::Cancelled)] {
        let payment = app_pays(bench, amount).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.instance.payment(payment).state, state, "{amount}");
        seen.push((format!("app paid {amount}"), read(&bench.get(&format!("/history/{payment}")).await.2)));
    }
    seen.push(("agreement".to_owned(), read(&bench.get(&page()).await.2)));
    let stand = format!("{}/standing", page());
    bench.send(&page(), &stand, &[("standing", "paused")]).await;
    let payment = app_pays(bench, 100).await;
    bench.work(Cut::Never).await;
    assert!(bench.instance.why_cancelled(payment).unwrap().contains("paused"));
    bench.send(&page(), &stand, &[("standing", "active")]).await;
    seen.push(("agreements".to_owned(), read(&bench.get("/agreements").await.2)));
    bench.send(&page(), &page(), &[]).await;
    for path in
        ["/agreements", page().as_str(), "/", "/history", "/cards", "/contacts", "/requests", "/settings", "/operator"]
    {
        seen.push((path.to_owned(), read(&bench.get(path).await.2)));
    }
    seen.push(("own use".to_owned(), read(&bench.get(&format!("/accounts/{noras}/own-use")).await.2)));
    seen.push(("balances".to_owned(), format!("{:?}", bench.balances().await)));
    seen.push(("house".to_owned(), format!("{} {}", bench.house(2).await, bench.house(3).await)));
    assert_eq!(bench.dead_events().await, 0);
    seen
}

on_each_database! {
    async fn in_one_process_and_in_three_a_customer_sees_the_same_and_each_process_has_its_own_tables_only(database) {
        let mut one = Bench::on(TestDatabase::sqlite().await).await;
        let mut three = Bench::of(database, Shape::Apart).await;
        let (in_one, in_three) = (walk(&mut one).await, walk(&mut three).await);
        for (one, three) in in_one.iter().zip(&in_three) {
            assert_eq!(one, three);
        }
        assert_eq!(in_one.len(), in_three.len());
        let shown = |name: &str| &in_one.iter().find(|(of, _)| of == name).unwrap().1;
        assert!(shown("agreement").contains("4.00 USD used"), "{}", shown("agreement"));
        assert!(shown("/agreements").contains("Ended"), "{}", shown("/agreements"));
    }

    async fn in_one_process_and_in_four_a_customer_sees_the_same_and_each_process_has_its_own_tables_only(database) {
        let mut one = Bench::on(TestDatabase::sqlite().await).await;
        let mut four = Bench::of(database, Shape::Four).await;
        let (in_one, in_four) = (walk(&mut one).await, walk(&mut four).await);
        for (one, four) in in_one.iter().zip(&in_four) {
            assert_eq!(one, four);
        }
        assert_eq!(in_one.len(), in_four.len());
    }

    async fn money_moves_once_although_questions_to_the_accounts_and_their_answers_are_lost(database) {
        let mut bench = Bench::of(database, Shape::Four).await;
        is_granted(&bench);
        for (number, (questions, answers)) in [(2, 0), (0, 2), (3, 1), (1, 3), (0, 9)].into_iter().enumerate() {
            let before = bench.balance(Bench::noras_address()).await.0;
            let (payment, came) = (app_pays(&bench, 100).await, bench.instance.comes(Bench::noras_address(), 30));
            let id = |kind: u128| Uuid::from_u128((kind << 98) + number as u128);
            bench.deliver(&bench.instance.told_credit(id(7), "incoming_payment.completed", came)).await;
            for _ in 0..6 {
                bench.apart.as_ref().unwrap().accounts_lose(questions, answers);
                bench.clock.advance(Duration::from_mins(1));
                bench.work(Cut::Never).await;
            }
            bench.apart.as_ref().unwrap().accounts_lose(0, 0);
            for _ in 0..4 {
                bench.clock.advance(Duration::from_mins(1));
                bench.work(Cut::Never).await;
            }
            assert_eq!(bench.instance.payment(payment).state, State::Sending, "{questions} {answers}");
            bench.instance.end(payment, State::Completed, 90);
            bench.deliver(&bench.instance.told(id(3), "completed", payment)).await;
            bench.apart.as_ref().unwrap().accounts_lose(questions, answers);
            for _ in 0..6 {
                bench.work(Cut::Never).await;
                bench.apart.as_ref().unwrap().accounts_lose(0, 0);
                bench.clock.advance(Duration::from_mins(1));
            }
            assert_eq!(bench.balance(Bench::noras_address()).await, (before - 90 + 30, 0), "{questions} {answers}");
        }
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn without_the_accounts_payments_wait_and_without_the_payments_nothing_is_half_done(database) {
        let mut bench = Bench::of(database, Shape::Four).await;
        is_granted(&bench);
        bench.apart.as_ref().unwrap().ends(Module::Accounts).await;
        let (status, told) = apart_ready(&bench, Module::Payments).await;
        assert!(status == 503 && told.contains("\"module\":\"accounts\"") && !told.contains("\"users\""), "{told}");
        let payment = app_pays(&bench, 400).await;
        bench.work(Cut::Never).await;
        assert_ne!(bench.instance.payment(payment).state, State::Sending);
        for path in ["/", "/send", "/history", "/agreements", "/request"] {
            cannot_be_shown(&bench, path, ACCOUNTS_AWAY).await;
        }
        assert_eq!(bench.get("/settings").await.0, StatusCode::OK, "what is about the user works");
        bench.apart.as_ref().unwrap().serve_accounts(bench.payments()).await;
        for _ in 0..4 {
            bench.clock.advance(Duration::from_mins(1));
            bench.work(Cut::Never).await;
        }
        assert_eq!(bench.instance.payment(payment).state, State::Sending);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 400));

        bench.apart.as_ref().unwrap().ends(Module::Payments).await;
        for path in ["/send", "/requests", "/contacts", "/cards", "/exchange", "/request"] {
            cannot_be_shown(&bench, path, PAYMENTS_AWAY).await;
        }
        bench.apart.as_ref().unwrap().serve_payments(bench.payments()).await;
        assert_eq!(bench.get("/").await.0, StatusCode::OK);
    }

    async fn without_the_payments_money_is_shown_whole_and_only_names_of_contacts_requests_and_cards_are_missing(database) {
        let mut bench = Bench::of(database, Shape::Four).await;
        is_granted(&bench);
        bench.send("/contacts/add", "/contacts/add", &[("url", &bench.bobs_address()), ("name", "My brother")]).await;
        let (offer, _) = bench.nora_sends("debit", 1_000).await;
        bench.work(Cut::Never).await;
        bench.deliver(&bench.instance.told(Uuid::from_u128(1 << 98), "created", offer)).await;
        bench.work(Cut::Never).await;
        bench.instance.end(offer, State::Completed, 950);
        bench.deliver(&bench.instance.told(Uuid::from_u128(3 << 98), "completed", offer)).await;
        app_pays(&bench, 400).await;
        bench.work(Cut::Never).await;
        let (account, payment) = (format!("/accounts/{}", bench.noras), format!("/history/{offer}"));
        let shown = ["/", "/history", &account, &payment, &page()].map(str::to_owned);
        for path in &shown {
            let (status, _, text) = bench.get(path).await;
            assert!(status == StatusCode::OK && !text.contains(WITHOUT_PAYMENTS), "{path}: {status} {text}");
        }
        let whole = bench.get("/history.csv").await.2;
        assert!(whole.contains("My brother") && whole.contains(",name,"), "{whole}");
        assert!(bench.get("/history?q=brother").await.2.contains(&payment), "a name is found");

        bench.apart.as_ref().unwrap().ends(Module::Payments).await;
        for path in &shown {
            let (status, _, text) = bench.get(path).await;
            assert!(status == StatusCode::OK && text.contains(WITHOUT_PAYMENTS), "{path}: {status} {text}");
            assert!(!text.contains("My brother"), "{path}: {text}");
        }
        for path in ["/", "/history", &account, &payment] {
            let text = bench.get(path).await.2;
            assert!(text.contains("Bob") && text.contains("9.50"), "the name that he publishes: {path}: {text}");
        }
        let (status, _, table) = bench.get("/history.csv").await;
        assert_eq!(status, StatusCode::OK);
        assert!(table.contains(",name (those of contacts are missing),") && !table.contains("My brother"), "{table}");
        let rows = |table: &str| table.lines().skip(1).map(|row| row.replace("My brother", "Bob")).collect::<Vec<_>>();
        assert_eq!(rows(&table), rows(&whole), "every row is there, and nothing else is missing");
        let (status, _, text) = bench.get("/history?q=brother").await;
        assert!(status == StatusCode::OK && text.contains("a search does not find them"), "{text}");
        let (status, _, text) = bench.get("/operator").await;
        assert!(status == StatusCode::OK && text.contains("given up is not known"), "{status} {text}");

        // What keeps the money in is possible.
        let state = format!("{account}/state");
        let (status, _, text) = bench.get(&state).await;
        assert!(status == StatusCode::OK && text.contains("can be closed is not known"), "{status} {text}");
        bench.send(&state, &state, &[("to", "frozen")]).await;
        assert!(bench.get(&state).await.2.contains("You froze this account"));

        bench.apart.as_ref().unwrap().serve_payments(bench.payments()).await;
        let (status, _, text) = bench.get("/").await;
        assert!(status == StatusCode::OK && !text.contains(WITHOUT_PAYMENTS) && text.contains("My brother"), "{text}");
    }

    async fn without_the_agreements_or_the_users_pages_say_which_part_is_away_and_what_works(database) {
        let mut bench = Bench::of(database, Shape::Four).await;
        is_granted(&bench);
        let payment = app_pays(&bench, 400).await;
        bench.work(Cut::Never).await;
        let (account, shown) = (format!("/accounts/{}", bench.noras), format!("/history/{payment}"));
        assert!(bench.get(&shown).await.2.contains(&page()), "its agreement is named");

        bench.apart.as_ref().unwrap().ends(Module::Agreements).await;
        let (status, _, text) = bench.get(&shown).await;
        assert!(status == StatusCode::OK && text.contains(WITHOUT_AGREEMENTS) && text.contains("4.00"), "{text}");
        let (status, _, text) = bench.get("/operator").await;
        assert!(status == StatusCode::OK && text.contains("agreements of other accounts is not known"), "{text}");
        for path in ["/", "/history", "/history.csv", &account, &format!("{account}/state"), "/send", "/settings"] {
            assert_eq!(bench.get(path).await.0, StatusCode::OK, "{path}");
        }
        for path in ["/agreements", &page(), &format!("{account}/own-use"), "/settings/leave"] {
            cannot_be_shown(&bench, path, AGREEMENTS_AWAY).await;
        }
        bench.apart.as_ref().unwrap().agreements_come_back().await;
        assert!(!bench.get(&shown).await.2.contains(WITHOUT_AGREEMENTS));

        bench.apart.as_ref().unwrap().ends(Module::Users).await;
        for path in ["/", "/history", "/send", "/agreements"] {
            cannot_be_shown(&bench, path, USERS_AWAY).await;
        }
    }

    async fn no_event_is_given_up_however_long_the_accounts_are_away(database) {
        let mut bench = Bench::of(database, Shape::Four).await;
        is_granted(&bench);
        bench.apart.as_ref().unwrap().ends(Module::Accounts).await;
        let payment = app_pays(&bench, 400).await;
        // More often than an event is tried that fails for a reason of its own.
        for _ in 0..400 {
            bench.clock.advance(Duration::from_secs(10));
            bench.work(Cut::Never).await;
        }
        bench.apart.as_ref().unwrap().serve_accounts(bench.payments()).await;
        for _ in 0..4 {
            bench.clock.advance(Duration::from_mins(1));
            bench.work(Cut::Never).await;
        }
        assert_eq!(bench.instance.payment(payment).state, State::Sending);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 400));
    }

    async fn nobody_asks_a_module_without_a_proof(database) {
        let bench = Bench::of(database, Shape::Four).await;
        let apart = bench.apart.as_ref().unwrap();
        let user = Uuid::from_u128(1);
        let questions = [
            (Module::Users, "/modules/users", json!({"is_active": {"user": user}})),
            (Module::Agreements, "/modules/agreements", json!({"forget": {"user": user}})),
            (Module::Accounts, "/modules/accounts", json!({"of_user": {"user": user}})),
            (Module::Payments, "/modules/payments", json!({"open_requests": {"user": user}})),
        ];
        for (module, path, question) in &questions {
            let asked = Asked { path, body: Some(question), ..Asked::default() };
            assert_eq!(apart.asks(*module, asked).await.0, 401, "{module}");
            assert_eq!(apart.asks(*module, Asked { secret: Some("guessed"), ..asked }).await.0, 401, "{module}");
            let by_secret = Asked { secret: Some(SECRET), ..asked };
            assert_eq!(apart.asks(*module, Asked { from_browser: true, ..by_secret }).await.0, 403, "{module}");
            assert_eq!(apart.asks(*module, by_secret).await.0, 200, "{module}");
            for wrong in [json!({"give_everything": {}}), json!([]), json!({})] {
                assert_eq!(apart.asks(*module, Asked { body: Some(&wrong), ..by_secret }).await.0, 400, "{module}");
            }
            for (other, path, _) in questions.iter().filter(|(other, ..)| other != module) {
                assert_eq!(apart.asks(*module, Asked { path, ..by_secret }).await.0, 404, "{module} {other}");
            }
            for (path, expected) in [("/ready", 401), ("/healthz", 200)] {
                assert_eq!(apart.asks(*module, Asked { path, ..Asked::default() }).await.0, expected, "{module} {path}");
            }
        }
        for (module, path) in
            [(Module::Agreements, "/agreements"), (Module::Accounts, "/"), (Module::Payments, "/send")]
        {
            assert_eq!(apart.asks(module, Asked { path, ..Asked::default() }).await.0, 401);
            // The other process is known, but nobody is signed in.
            assert_eq!(apart.asks(module, Asked { path, secret: Some(SECRET), ..Asked::default() }).await.0, 303);
        }
    }

    async fn an_answer_that_is_lost_is_asked_for_again_and_counts_once(database) {
        let mut bench = Bench::of(database, Shape::Apart).await;
        is_granted(&bench);
        let payment = app_pays(&bench, 400).await;
        // The first two times of asking, and the two after that.
        bench.apart.as_ref().unwrap().loses(Module::Agreements, 4);
        bench.work(Cut::Never).await;
        assert_ne!(bench.instance.payment(payment).state, State::Sending);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0), "nothing is held");
        for _ in 0..4 {
            bench.clock.advance(Duration::from_mins(1));
            bench.work(Cut::Never).await;
        }
        assert_eq!(bench.instance.payment(payment).state, State::Sending);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 400));
        let counts = "SELECT counts FROM wallet_agreement_uses";
        let rows = bench.apart.as_ref().unwrap().agreements_database.query(counts, []).await.unwrap();
        let counted: Vec<i64> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(counted, [400]);
    }

    async fn without_the_agreements_no_application_pays_and_a_page_says_so_until_they_are_back(database) {
        let mut bench = Bench::of(database, Shape::Apart).await;
        is_granted(&bench);
        assert_eq!(apart_ready(&bench, Module::Accounts).await, (200, "{\"ready\":true,\"away\":[]}".to_owned()));
        bench.apart.as_ref().unwrap().ends(Module::Agreements).await;
        let (status, told) = apart_ready(&bench, Module::Accounts).await;
        assert!(status == 503 && told.contains("\"module\":\"agreements\"") && !told.contains("\"users\""), "{told}");
        for path in ["/agreements", page().as_str(), "/consent?interactId=i1&nonce=n1"] {
            let (status, _, text) = bench.get(path).await;
            assert!(status == StatusCode::SERVICE_UNAVAILABLE && text.contains(AWAY), "{path}: {status} {text}");
        }
        assert_eq!(bench.get("/").await.0, StatusCode::OK, "the rest works");

        let payment = app_pays(&bench, 400).await;
        let (offer, _) = bench.nora_sends("debit", 1_000).await;
        bench.work(Cut::Never).await;
        assert_ne!(bench.instance.payment(payment).state, State::Sending);
        assert!(bench.instance.try_payment(offer).is_none(), "her own payments wait, too");
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0));

        bench.apart.as_ref().unwrap().agreements_come_back().await;
        for _ in 0..4 {
            bench.clock.advance(Duration::from_mins(1));
            bench.work(Cut::Never).await;
        }
        assert_eq!(bench.instance.payment(payment).state, State::Sending);
        assert!(bench.instance.try_payment(offer).is_some());
        assert_eq!(bench.get("/agreements").await.0, StatusCode::OK);
    }

    async fn without_the_accounts_or_the_users_pages_say_so_and_nothing_is_half_done(database) {
        let bench = Bench::of(database, Shape::Apart).await;
        let apart = bench.apart.as_ref().unwrap();
        apart.ends(Module::Accounts).await;
        for path in ["/", "/send", "/agreements", "/settings/leave"] {
            let (status, _, text) = bench.get(path).await;
            assert!(status == StatusCode::SERVICE_UNAVAILABLE && text.contains(AWAY), "{path}: {status} {text}");
        }
        assert_eq!(bench.get("/settings").await.0, StatusCode::OK, "what is about the user works");
        apart.serve_accounts(bench.payments()).await;
        assert_eq!(bench.get("/").await.0, StatusCode::OK);
        apart.ends(Module::Users).await;
        let (status, _, text) = bench.get("/").await;
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && text.contains(AWAY), "nobody knows whose it is: {text}");
    }

    async fn a_wallet_is_closed_in_all_modules_although_answers_are_lost(database) {
        let mut bench = Bench::of(database, Shape::Four).await;
        bench.another_signs_up("eva@example.com").await;
        bench.send("/accounts/open", "/accounts/open", &[("asset", "USD/2"), ("name", "Eva"), ("path", "eva")]).await;
        let kept = bench.send("/contacts/add", "/contacts/add", &[("url", NORA), ("name", "Nora")]).await;
        assert!(kept.starts_with("/contacts"), "{kept}");
        bench.instance.asks(json!({"grantId": Uuid::from_u128(6), "state": "PENDING", "clientName": "Shop",
            "clientUri": "https://shop.example/", "access": [{"type": "incoming-payment", "actions": ["create"],
                "identifier": "https://localhost:3000/accounts/eva"}]}));
        bench.get("/consent?interactId=i1&nonce=n1").await;
        bench.prove().await;
        let left = bench.send("/settings/leave", "/settings/leave", &[("sure", "yes")]).await;
        assert_eq!(left, "/sign-in?said=left");
        for module in [Module::Accounts, Module::Agreements, Module::Payments] {
            bench.apart.as_ref().unwrap().loses(module, 3);
        }
        for _ in 0..8 {
            bench.clock.advance(Duration::from_mins(2));
            bench.work(Cut::Never).await;
        }
        assert_eq!(bench.column_of_payments("SELECT COUNT(*) FROM wallet_contacts").await, [0]);
        let agreements = &bench.apart.as_ref().unwrap().agreements_database;
        let rows = agreements.query("SELECT COUNT(*) FROM wallet_consents", []).await.unwrap();
        assert_eq!(rows[0].try_get_by_index::<i64>(0).unwrap(), 0);
        bench.another_signs_up("eva@example.com").await;
    }
}

/// The page says who is away and that nothing was lost, and is no error of the program.
async fn cannot_be_shown(bench: &Bench, path: &str, away: &str) {
    let (status, _, text) = bench.get(path).await;
    let says = text.contains(away) && text.contains("Nothing was lost");
    assert!(status == StatusCode::SERVICE_UNAVAILABLE && says, "{path}: {status} {text}");
}

async fn apart_ready(bench: &Bench, module: Module) -> (u16, String) {
    let asked = Asked { path: "/ready", secret: Some(SECRET), ..Asked::default() };
    bench.apart.as_ref().unwrap().asks(module, asked).await
}
