//! A browser without scripts. It keeps cookies, follows redirects on request, and sends forms as they were rendered.
//! A real browser is driven by `cargo xtask browser`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use clock::{ManualClock, SeededEntropy, Timestamp};
use console::{Accent, Console, ConsolePorts, ConsoleSettings, Cookies, FourEyes, Lifetimes, Limit, OneClick};
use http_kit::{Admission, ConnectionLimits, Deadlines, Proxies, Serving, ShutdownGate};
use outbound_http::{Outbound, OutboundConfig};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::fake::{Fake, OPERATOR, OPERATOR_SECRET, TENANT, TENANT_SECRET};
use crate::provider::Provider;

pub(crate) struct World {
    pub(crate) fake: Arc<Fake>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: tempfile::TempDir,
    address: SocketAddr,
    four_eyes: Option<FourEyes>,
    pub(crate) provider: Option<Arc<Provider>>,
    base_path: String,
    routers: Vec<Router>,
}

pub(crate) struct Browser<'a> {
    /// The process that answers.
    router: &'a Router,
    cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
}

pub(crate) struct Shown {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(None, None).await
    }

    /// A console with a sign-in provider.
    pub(crate) async fn with_provider() -> Self {
        Self::with(None, Some(Provider::start().await)).await
    }

    /// A console in which more than 1,000 dollars, and what cannot be undone, waits for a second person.
    pub(crate) async fn with_four_eyes() -> Self {
        Self::with(Some(four_eyes()), None).await
    }

    /// Both.
    pub(crate) async fn with_provider_and_four_eyes() -> Self {
        Self::with(Some(four_eyes()), Some(Provider::start().await)).await
    }

    /// A console below this path of its host.
    pub(crate) async fn below(path: &str) -> Self {
        let mut world = Self::new().await;
        path.clone_into(&mut world.base_path);
        world.routers.clear();
        world.start_process();
        world
    }

    async fn with(four_eyes: Option<FourEyes>, provider: Option<Arc<Provider>>) -> Self {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let fake = Fake::new(now);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        *fake.here.lock().unwrap() = format!("http://{address}");
        let api = fake.router();
        tokio::spawn(async move { axum::serve(listener, api).await });
        let folder = tempfile::tempdir().unwrap();
        let mut world =
            Self { fake, clock, folder, address, four_eyes, provider, base_path: String::new(), routers: Vec::new() };
        world.start_process();
        world
    }

    /// Starts one more process of the console, which uses the same files.
    pub(crate) fn start_process(&mut self) {
        let (address, clock) = (self.address, self.clock.clone());
        let one_click = |name: &str, tenant_id, secret: &str| OneClick {
            name: name.to_owned(),
            tenant_id,
            secret: secret.to_owned(),
            creator: None,
        };
        let settings = ConsoleSettings {
            institution: "Cloud Nine Wallet".to_owned(),
            base_path: self.base_path.clone(),
            graphql_url: format!("http://{address}/graphql").parse().unwrap(),
            auth_graphql_url: Some(format!("http://{address}/auth/graphql").parse().unwrap()),
            signature_version: 1,
            open_payments_url: "https://cloud-nine.example".parse().unwrap(),
            cookie_secret: "a cookie secret of this test".to_owned(),
            previous_cookie_secret: None,
            cookies: Cookies::Secure,
            lifetimes: Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(8) },
            audit_file: self.folder.path().join("audit.jsonl"),
            four_eyes: self.four_eyes.clone(),
            approvals_file: self.folder.path().join("approvals.json"),
            provider: self.provider.as_ref().map(|provider| provider.settings()),
            accent: Accent::Teal,
            sign_ins: Rate::per_minute("sign-ins", 3),
            one_click: vec![
                one_click("The operator", OPERATOR, OPERATOR_SECRET),
                one_click("Another operator", OPERATOR, OPERATOR_SECRET),
                one_click("A third operator", OPERATOR, OPERATOR_SECRET),
                one_click("A tenant", TENANT, TENANT_SECRET),
            ],
            neighbours: Vec::new(),
        };
        let limiter = Limiter::new(
            SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default())),
            clock.clone(),
        );
        let http = Outbound::new(OutboundConfig::development(), clock.clone()).unwrap();
        let seed = 1 + self.routers.len() as u64;
        let ports = ConsolePorts { http, clock, entropy: Arc::new(SeededEntropy::new(seed)), limiter, service: None };
        let console = Console::new(settings, ports).unwrap();
        self.routers.push(console::http::router(console, ShutdownGate::default()));
    }

    pub(crate) fn stranger(&self) -> Browser<'_> {
        self.stranger_at(0)
    }

    /// A browser whose requests this process of the console answers.
    pub(crate) fn stranger_at(&self, process: usize) -> Browser<'_> {
        Browser { router: &self.routers[process], cookies: BTreeMap::new(), language: "en" }
    }

    /// A browser of the person with this button.
    pub(crate) async fn person(&self, process: usize, button: &str) -> Browser<'_> {
        let mut browser = self.stranger_at(process);
        browser.post("/sign-in/one-click", &[("as", button)], &[]).await;
        browser
    }

    pub(crate) async fn operator(&self) -> Browser<'_> {
        let mut browser = self.stranger();
        browser.sign_in(&OPERATOR.to_string(), OPERATOR_SECRET, &[]).await;
        browser
    }

    pub(crate) async fn tenant(&self) -> Browser<'_> {
        let mut browser = self.stranger();
        browser.sign_in(&TENANT.to_string(), TENANT_SECRET, &[]).await;
        browser
    }

    /// The first process of the console behind a listener, what stops it, and the task of the listener.
    pub(crate) async fn listen(&self) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = Serving {
            deadlines: Deadlines::default(),
            admission: Admission::new(ConnectionLimits::default()),
            proxies: Proxies::None,
            tls: None,
        };
        let router = self.routers[0].clone();
        let served = tokio::spawn(http_kit::serve(listener, router, serving, async { drop(stopped.await) }));
        (address, stop, served)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap()
    }
}

fn four_eyes() -> FourEyes {
    let limit = Limit { asset_code: "USD".to_owned(), digits: 1000, places: 0 };
    FourEyes { limits: vec![limit], lifetime: Duration::from_hours(4), window: Duration::from_hours(24) }
}

impl Browser<'_> {
    pub(crate) async fn sign_in(&mut self, tenant: &str, secret: &str, more: &[(&str, &str)]) -> Shown {
        let mut fields = vec![("tenantId", tenant), ("apiSecret", secret)];
        fields.extend(more);
        self.post("/sign-in", &fields, &[]).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Shown {
        self.ask("GET", path, String::new(), &[]).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Shown {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.ask("POST", path, body.finish(), headers).await
    }

    /// Opens `page`, fills in the form with the address `action`, and sends it.
    pub(crate) async fn fill(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Shown {
        let shown = self.get(page).await;
        assert_eq!(shown.status, StatusCode::OK, "{page}: {}", shown.html);
        let mut all: Vec<(String, String)> = shown.fields_of(action);
        for (name, value) in fields {
            all.retain(|(known, _)| known != name);
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action, &all, &[]).await
    }

    /// Its cookies as a line of a request.
    pub(crate) fn cookies(&self) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    pub(crate) fn cookie(&self, part: &str) -> Option<&str> {
        self.cookies.iter().find(|(name, _)| name.contains(part)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn set_cookie(&mut self, part: &str, value: &str) {
        let name = self.cookies.keys().find(|name| name.contains(part)).unwrap().clone();
        self.cookies.insert(name, value.to_owned());
    }

    async fn ask(&mut self, method: &str, path: &str, body: String, headers: &[(&str, &str)]) -> Shown {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "console.example");
        request = request.header(header::ACCEPT_LANGUAGE, self.language).header(header::COOKIE, self.cookies());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax") && line.contains("Secure"), "{line}");
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let html = String::from_utf8(to_bytes(body, 10_000_000).await.unwrap().to_vec()).unwrap();
        let location = parts.headers.get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        Shown { status: parts.status, location, headers: parts.headers, html }
    }
}

impl Shown {
    /// Names and values of the form with the address `action`, as a browser would send them.
    pub(crate) fn fields_of(&self, action: &str) -> Vec<(String, String)> {
        let begin = self.html.find(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form to {action}"));
        let form = &self.html[begin..begin + self.html[begin..].find("</form>").unwrap()];
        let mut fields = Vec::new();
        for piece in form.split('<').skip(1) {
            let attribute = |name: &str| {
                let at = piece.find(&format!(" {name}=\""))? + name.len() + 3;
                Some(unescaped(&piece[at..at + piece[at..].find('"')?]))
            };
            match piece.split([' ', '>']).next().unwrap() {
                "input" if attribute("type").as_deref() == Some("checkbox") && !piece.contains(" checked") => {}
                "input" => {
                    if let Some(name) = attribute("name") {
                        fields.push((name, attribute("value").unwrap_or_default()));
                    }
                }
                "select" => fields.push((attribute("name").unwrap(), String::new())),
                "option" => {
                    let last = fields.last_mut().unwrap();
                    if last.1.is_empty() || piece.contains(" selected") {
                        last.1 = attribute("value").unwrap();
                    }
                }
                "textarea" => {
                    let text = piece.split_once('>').unwrap().1;
                    fields.push((attribute("name").unwrap(), unescaped(text)));
                }
                _ => {}
            }
        }
        fields
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
}
