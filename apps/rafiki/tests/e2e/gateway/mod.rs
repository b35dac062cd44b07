//! Institutions in production mode behind the real NGINX with the files of `deploy/nginx`, and clients that know only it.
//!
//! What each listener refuses by itself is tested in its edge.

mod caller;
mod listening;
mod nginx;
mod outages;
mod outside;
mod walk;

use std::path::Path;
use std::sync::Arc;

use admin_client::Mutation;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use testkit::{PrivateAuthority, free_ports};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use crate::asking::client;
use crate::books::{assert_books, await_quiet};
use crate::institutions::{Institutions, SIDES, Side, Storage};
use crate::replicas::bank::{Bank, Front, Staff};
use caller::{Call, Caller};
use listening::Listening;
use nginx::{Nginx, Plan};
use walk::Walk;

/// How public services are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// One name, a port for each.
    One,
    /// A name for each, one port.
    Each,
}

/// Where one side can be called from outside. The port of Open Payments is the first of the side, as in the playground.
#[derive(Clone, Copy)]
struct Outside {
    names: Names,
    first: u16,
}

impl Outside {
    fn open_payments(self) -> String {
        format!("https://localhost:{}", self.first)
    }

    fn auth(self) -> String {
        match self.names {
            Names::One => format!("https://localhost:{}", self.first + 4),
            Names::Each => format!("https://auth.localhost:{}", self.first),
        }
    }

    fn packets(self) -> String {
        match self.names {
            Names::One => format!("https://localhost:{}", self.first + 2),
            Names::Each => format!("https://ilp.localhost:{}", self.first),
        }
    }

    fn wallet(self) -> String {
        match self.names {
            Names::One => format!("https://localhost:{}", self.first + 13),
            Names::Each => format!("https://my.localhost:{}", self.first),
        }
    }

    fn plain(self) -> String {
        format!("http://localhost:{}", self.first + 14)
    }

    fn template(self) -> &'static str {
        match self.names {
            Names::One => "rafiki-one-name.conf.template",
            Names::Each => "rafiki.conf.template",
        }
    }

    fn listen(self) -> Vec<(u16, u16)> {
        let plain = (80, self.first + 14);
        match self.names {
            Names::One => {
                vec![plain, (443, self.first), (8443, self.first + 4), (8444, self.first + 2), (8445, self.first + 13)]
            }
            Names::Each => vec![plain, (443, self.first)],
        }
    }
}

/// Both institutions in production mode, each behind a gateway of its own.
struct Gated {
    banks: [Bank; 2],
    gateways: [Nginx; 2],
    outside: [Outside; 2],
    authority: PrivateAuthority,
    runtime: Arc<Runtime>,
    data: TempDir,
}

impl Gated {
    /// Prints a notice and returns `None` if NGINX or the storage is not there.
    fn start(storage: Storage, names: Names, processes: usize) -> Option<Self> {
        let program = Nginx::program()?;
        let (data, base, facts) = Institutions::start(storage)?.stopped_with_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let authority = PrivateAuthority::default();
        let authority_file = data.path().join("authority.pem");
        std::fs::write(&authority_file, authority.pem()).unwrap();
        let certified = authority.certify_as(
            "localhost",
            &["localhost", "auth.localhost", "ilp.localhost", "my.localhost", "admin.localhost"],
            (2090, 1, 1),
        );
        let outside = SIDES.map(|side| Outside { names, first: side.first_port(base) });
        let banks = SIDES.map(|side| {
            let staff = staff(outside[side as usize], processes, &authority_file);
            let folder = data.path().join(side.slug());
            Bank::start(&runtime, facts[side as usize].clone(), &folder, side.first_port(base), &staff)
        });
        let gateways = SIDES.map(|side| {
            let (outside, bank) = (outside[side as usize], &banks[side as usize]);
            let (upstreams, processes) = behind(bank, processes);
            let plan = Plan {
                template: outside.template(),
                upstreams,
                processes,
                listen: outside.listen(),
                certified: &certified,
            };
            runtime.block_on(Nginx::start(&program, &plan))
        });
        let gated = Self { banks, gateways, outside, authority, runtime: Arc::new(runtime), data };
        gated.runtime.block_on(gated.peer_over_tls());
        Some(gated)
    }

    /// From now on, packets go to the other's gateway.
    async fn peer_over_tls(&self) {
        for (side, other) in [(0, 1), (1, 0)] {
            let admin = client(&self.banks[side].facts);
            for peer in admin.peers().await.unwrap() {
                let token = admin.peer_outgoing_token(peer.id).await.unwrap();
                let outgoing = json!({"authToken": token, "endpoint": self.outside[other].packets()});
                let input = json!({"id": peer.id, "http": {"outgoing": outgoing}});
                admin.change(Mutation::UpdatePeer, input).await.unwrap();
            }
        }
    }

    fn address(&self, side: Side, name: &str) -> String {
        format!("{}/accounts/{name}", self.outside[side as usize].open_payments())
    }

    fn variable(&self, side: Side, role: &str, name: &str) -> String {
        let file = self.data.path().join(side.slug()).join(format!("{role}.env"));
        let text = std::fs::read_to_string(file).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        value.trim_matches(['"', '\'']).to_owned()
    }

    /// A client that is known by a wallet address of a side.
    fn caller(&self, side: Side, name: &str) -> Caller {
        let key = std::fs::read_to_string(self.data.path().join(side.slug()).join("private-key.pem")).unwrap();
        let address = self.address(side, name);
        let caller = Caller::new(&self.authority.pem(), &address, &key, "not known yet");
        let keys = format!("{address}/jwks.json");
        let published = self.runtime.block_on(caller.ask(Call::get(&keys)));
        let key_id = published["keys"][0]["kid"].as_str().unwrap().to_owned();
        Caller::new(&self.authority.pem(), &address, &key, &key_id)
    }

    /// The way from a customer of `from` to one of `to`.
    fn walk<'a>(&self, caller: &'a Caller, from: Side, to: Side) -> Walk<'a> {
        Walk {
            caller,
            payee: self.address(to, if to == Side::CloudNine { "bhamchest" } else { "pfry" }),
            interaction: format!("http://localhost:{}", self.outside[from as usize].first + 6),
            idp_secret: self.variable(from, "auth", "IDENTITY_SERVER_SECRET"),
        }
    }

    /// Waits until nothing is under way, stops everything, and checks all books.
    fn assert_books(mut self) {
        for bank in &self.banks {
            await_quiet(&bank.facts);
        }
        for bank in &mut self.banks {
            bank.stop();
        }
        for gateway in &self.gateways {
            assert!(!gateway.errors().contains("[crit]"), "{}", gateway.errors());
        }
        assert_books(&[self.banks[0].facts.clone(), self.banks[1].facts.clone()]);
    }
}

/// Processes in production mode whose public addresses are those of the gateway.
fn staff(outside: Outside, processes: usize, authority: &Path) -> Staff {
    let common = [
        ("NODE_ENV", "production".to_owned()),
        ("TRUST_PROXY", "true".to_owned()),
        ("OUTBOUND_ALLOWED_HOSTS", "localhost".to_owned()),
        ("SSL_CERT_FILE", authority.display().to_string()),
    ];
    let backend = [("AUTH_SERVER_GRANT_URL", outside.auth()), ("ILP_CONNECTOR_URL", outside.packets())];
    let auth = [("AUTH_SERVER_URL", outside.auth()), ("WAIT_SECONDS", "0".to_owned())];
    Staff {
        processes,
        variables: common.iter().cloned().chain(backend).collect(),
        auth_variables: common.into_iter().chain(auth).collect(),
        front: Front::Another,
        wallet_variables: vec![("TRUST_PROXY", "true".to_owned())],
        ..Staff::default()
    }
}

/// The file of the processes behind the gateway, and what stands there in their place.
fn behind(bank: &Bank, processes: usize) -> (&'static str, Vec<(String, u16)>) {
    let roles =
        [("backend", "OPEN_PAYMENTS_PORT", 3003), ("backend", "CONNECTOR_PORT", 3002), ("auth", "AUTH_PORT", 3006)];
    let of = |(role, variable, port): (&str, &str, u16)| {
        let own = bank.ports_of(variable).into_iter().enumerate();
        let named = own.map(|(n, own)| match processes {
            1 => (format!("127.0.0.1:{port}"), own),
            _ => (format!("{role}-{}.internal:{port}", n + 1), own),
        });
        named.collect::<Vec<_>>()
    };
    let wallet = match processes {
        1 => "127.0.0.1:3030",
        _ => "wallet-1.internal:3030",
    };
    let mut all: Vec<_> = roles.into_iter().flat_map(of).collect();
    all.push((wallet.to_owned(), bank.wallet_port()));
    (if processes == 1 { "rafiki-upstreams.conf" } else { "rafiki-upstreams-split.conf" }, all)
}

#[test]
fn every_flow_passes_over_tls_between_two_institutions_of_two_processes_each_which_need_no_stickiness() {
    let Some(gated) = Gated::start(Storage::Postgres, Names::One, 2) else { return };
    let caller = gated.caller(Side::CloudNine, "gfranklin");
    for _ in 0..3 {
        gated.runtime.block_on(gated.walk(&caller, Side::CloudNine, Side::HappyLife).go());
    }
    let back = gated.caller(Side::HappyLife, "planex");
    gated.runtime.block_on(gated.walk(&back, Side::HappyLife, Side::CloudNine).go());

    // No client is bound to one process: each has answered each kind of request.
    for (bank, gateway) in gated.banks.iter().zip(&gated.gateways) {
        let log = gateway.log();
        for variable in ["OPEN_PAYMENTS_PORT", "AUTH_PORT"] {
            for port in bank.ports_of(variable) {
                assert!(
                    log.contains(&format!("127.0.0.1:{port} 20")),
                    "the process on {port} answered nothing:\n{log}"
                );
            }
        }
        // Neither tokens nor what follows a question mark is logged.
        assert!(!log.contains("GNAP") && !log.contains("interact_ref") && !log.contains('?'), "{log}");
    }
    gated.assert_books();
}

#[test]
fn with_a_name_for_each_service_every_flow_passes_and_nothing_else_is_public() {
    let Some(gated) = Gated::start(Storage::Sqlite, Names::Each, 1) else { return };
    let caller = gated.caller(Side::CloudNine, "gfranklin");
    gated.runtime.block_on(async {
        gated.walk(&caller, Side::CloudNine, Side::CloudNine).go().await;
        signatures_are_for_the_address_that_was_called(&gated, &caller).await;
        nothing_internal_is_found(&gated, &caller).await;
        wallet_pages_without_what_programs_call(&gated, &caller).await;
    });
    assert_only_gateways_are_open(&gated);
    gated.assert_books();
}

/// Somebody at another machine reaches the ports of the gateways, and no port of a role.
fn assert_only_gateways_are_open(gated: &Gated) {
    let mut searched = 0;
    for (bank, outside) in gated.banks.iter().zip(gated.outside) {
        for (_, port) in outside.listen() {
            assert!(outside::is_open(port), "the gateway at {port}");
        }
        for process in bank.processes() {
            let ports = outside::listening(process.id().unwrap());
            assert!(!ports.is_empty(), "{} listens nowhere", process.role);
            for port in ports {
                assert!(!outside::is_open(port), "{} can be reached at {port} past the gateway", process.role);
                searched += 1;
            }
        }
    }
    assert!(searched >= 20, "{searched} ports of two institutions");
}

/// What a stranger writes into headers changes neither what is signed nor what is answered.
async fn signatures_are_for_the_address_that_was_called(gated: &Gated, caller: &Caller) {
    let outside = gated.outside[0];
    let auth = format!("{}/{}", outside.auth(), gated.banks[0].facts["tenantId"].as_str().unwrap());
    let body = json!({
        "access_token": {"access": [{"type": "incoming-payment", "actions": ["create"]}]},
        "client": caller.identity,
    });
    let forged: &[(&'static str, &str)] = &[
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
        ("tenant-id", "cf5fd7d3-1eb1-4041-8e43-ba45747e9e5d"),
        ("x-idp-secret", "guess"),
        ("rafiki-signature", "t=1, v1=00"),
    ];
    let honest = Call { more: forged, ..Call::post(&auth, &body) };
    let told = caller.send(honest.clone()).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");

    // Signed for the host that the forged header names.
    let path = auth.trim_start_matches(&outside.auth()).to_owned();
    for elsewhere in [format!("http://evil.example{path}"), format!("https://evil.example{path}")] {
        let (headers, bytes) = caller.signed(&honest, &elsewhere);
        let told = caller.deliver(&honest, headers, bytes).await.unwrap();
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{told:?}");
    }

    // Another body under the signature.
    let (headers, _) = caller.signed(&Call::post(&auth, &body), &auth);
    let other = body.to_string().replace("create", "read").into_bytes();
    let told = caller.deliver(&Call::post(&auth, &body), headers, other).await.unwrap();
    assert!(told.status.is_client_error(), "{told:?}");
}

/// Private listeners have no name, and their paths are unknown where the public looks.
async fn nothing_internal_is_found(gated: &Gated, caller: &Caller) {
    let outside = gated.outside[0];
    let paths = [
        "/graphql",
        "/metrics",
        "/webhooks",
        "/introspect",
        "/tenant",
        "/grant-events",
        "/balances",
        "/oauth/token",
        "/explorer",
    ];
    for (origin, path) in
        [outside.open_payments(), outside.auth()].iter().flat_map(|origin| paths.map(|path| (origin, path)))
    {
        let told = caller.http.get(format!("{origin}{path}")).send().await.unwrap();
        assert_eq!(told.status(), 404, "{origin}{path}");
    }
    for path in ["/grant/1/2", "/grant/1/2/accept"] {
        let told =
            caller.http.post(format!("{}{path}", outside.auth())).header("x-idp-secret", "x").send().await.unwrap();
        assert_eq!(told.status(), 404, "{path}");
    }

    // Names that are not served, asked in each way that a client can write them.
    let port = outside.first;
    let unknown = caller.http.get(format!("https://admin.localhost:{port}/graphql")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let admin = outside.first + 1;
    for host in ["backend-1.internal", "127.0.0.1", &format!("localhost:{admin}.example")] {
        let call = caller.http.get(format!("{}/graphql", outside.open_payments())).header("host", host);
        let told = call.send().await.unwrap().status();
        // Where the name of the connection differs from the header, the request contradicts itself.
        assert!(matches!(told.as_u16(), 400 | 404), "{host}: {told}");
    }

    let packets = caller.http.get(outside.packets()).send().await.unwrap();
    assert_eq!(packets.status(), 405);
    let stranger = caller.http.post(outside.packets()).header("content-type", "application/octet-stream").body("x");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    let large = caller.http.post(outside.open_payments() + "/quotes").body(vec![b' '; 70_000]).send().await.unwrap();
    assert_eq!(large.status(), 413);
    let plain = caller.http.get(outside.plain() + "/accounts/x").send().await.unwrap();
    assert_eq!(
        (plain.status().as_u16(), plain.headers()["location"].to_str().unwrap()),
        (308, "https://localhost/accounts/x")
    );
}

/// Customers reach the pages of the wallet, and programs do not reach its machine paths.
async fn wallet_pages_without_what_programs_call(gated: &Gated, caller: &Caller) {
    let wallet = gated.outside[0].wallet();
    let page = caller.http.get(format!("{wallet}/sign-in")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    for (method, path) in [
        (Method::POST, "/webhooks"),
        (Method::GET, "/balances"),
        (Method::GET, "/rates?base=USD"),
        (Method::GET, "/x/rates"),
    ] {
        let told = caller.http.request(method, format!("{wallet}{path}")).send().await.unwrap();
        assert_eq!(told.status(), 404, "{path}");
    }
}

/// Listeners in place of all of an institution's: what arrives there is known.
#[test]
fn what_arrives_behind_the_gateway_is_what_was_signed_and_no_header_that_only_services_may_send() {
    let Some(program) = Nginx::program() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (authority, first) = (PrivateAuthority::default(), free_ports());
        let outside = Outside { names: Names::Each, first };
        let certified =
            authority.certify_as("localhost", &["localhost", "auth.localhost", "ilp.localhost"], (2090, 1, 1));
        let public = Listening::on(first + 20).await;
        let private: Vec<Listening> =
            futures::future::join_all([1, 3, 5, 6, 7].map(|offset| Listening::on(first + offset))).await;
        let plan = Plan {
            template: outside.template(),
            upstreams: "rafiki-upstreams.conf",
            processes: ["3003", "3002", "3006"].map(|port| (format!("127.0.0.1:{port}"), first + 20)).to_vec(),
            listen: outside.listen(),
            certified: &certified,
        };
        let _nginx = Nginx::start(&program, &plan).await;
        let key = http_signatures::SigningKey::random(&clock::SystemEntropy).to_pem();
        let caller = Caller::new(&authority.pem(), "https://localhost/me", &key, "key");

        for origin in [outside.open_payments(), outside.auth(), outside.packets()] {
            // A path that a proxy could be tempted to rewrite.
            let url = format!("{origin}//a/b%2Fc/?q=%20x&q=&e=%C3%A4");
            signed_request_arrives_unchanged(&caller, &public, &url).await;
        }
        for host in ["localhost", "evil.example", "backend-1.internal:3001"] {
            absolute_request(&authority, first, first + 1, host).await;
        }
        assert_eq!(public.taken().len(), 0, "a request for another host was passed on");
        for listener in private {
            assert_eq!(listener.taken().len(), 0, "a private listener was called");
        }
    });
}

async fn signed_request_arrives_unchanged(caller: &Caller, public: &Listening, url: &str) {
    let body = json!({"walletAddress": "https://localhost/me", "text": "ä"});
    let forged: &[(&'static str, &str)] = &[
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("tenant-id", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
        ("x-idp-secret", "guess"),
        ("rafiki-signature", "t=1, v1=00"),
        ("x-request-id", "mine"),
        ("rafiki-gateway-request", "0123456789abcdef0123456789abcdef"),
    ];
    let call = Call { more: forged, ..Call::post(url, &body).with("token") };
    let (headers, bytes) = caller.signed(&call, url);
    caller.deliver(&call, headers.clone(), bytes.clone()).await.unwrap();
    let [arrived]: [listening::Arrived; 1] = public.taken().try_into().unwrap();

    assert_eq!(arrived.body, bytes);
    let parsed = url::Url::parse(url).unwrap();
    assert_eq!(arrived.target, &url[parsed.origin().ascii_serialization().len()..]);
    for name in ["signature", "signature-input", "content-digest", "authorization", "content-type", "content-length"] {
        assert_eq!(arrived.headers.get(name), headers.get(name), "{name}");
    }
    let authority = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap());
    let header = |name: &str| arrived.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("host").as_deref(), Some(authority.as_str()));
    assert_eq!(header("x-forwarded-host").as_deref(), Some(authority.as_str()));
    assert_eq!(header("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_ne!(header("x-request-id").as_deref(), Some("mine"));
    assert_eq!(header("rafiki-gateway-request"), header("x-request-id"));
    for name in ["tenant-id", "x-idp-secret", "rafiki-signature"] {
        assert_eq!(header(name), None, "{name}");
    }
}

/// A request whose first line names a private listener. Only a proxy for everybody would open it.
async fn absolute_request(authority: &PrivateAuthority, port: u16, admin: u16, host: &str) {
    let mut stream = listening::tls(&authority.pem(), port).await;
    let request = format!("GET http://127.0.0.1:{admin}/graphql HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{host}: {answer}");

    // The name is served, and the header names another.
    let mut stream = listening::tls(&authority.pem(), port).await;
    let request = format!("GET https://localhost:{port}/x HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
}
