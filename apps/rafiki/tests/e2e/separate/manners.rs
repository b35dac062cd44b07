//! A whole payment by wallet, backend, authorization server, card service and point of sale, each a process of its own,
//! in each of the ways in which they prove who they are.
//!
//! Strangers try the same doors with what they could have: another role, another authority, another's token.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::SystemClock;
use outbound_http::{Outbound, OutboundConfig, PartyTls, Request, Scheme, served_certificate};
use serde_json::{Value, json};
use testkit::{Certified, PrivateAuthority, until};

use super::Separate;
use super::captured::Capture;
use super::environment::{
    RoleFile, bind_tokens, certificates_only, certify, relink, secrets, shared_secrets, token_in,
};
use crate::asking::client;
use crate::cards::Terminals;
use crate::institutions::{SIDES, Side};

/// The certificates of these tests do not end.
const UNTIL: (i32, u8, u8) = (3000, 1, 1);
const ASSETS: &str = "{ assets { edges { node { code } } } }";
const NEW_ASSET: &str = "mutation { createAsset(input: {code: \"ZZZ\", scale: 1}) { asset { id } } }";

/// Taps within one institution and between both, with both kinds of chips.
pub(super) fn paid(all: &Separate) {
    let (nine, life) = (Side::CloudNine, Side::HappyLife);
    for (from, at) in [
        (all.address(nine, "gfranklin"), all.address(life, "pfry")),
        (all.address(nine, "bhamchest"), all.address(life, "pfry")),
        (all.address(life, "planex"), all.address(life, "pfry")),
    ] {
        let tapped = all.tap(&from, &at);
        tapped.assert_approved();
    }
    // A merchant of the seed has one cent.
    all.assert_balance(life, "pfry", 1501);

    // What is not paid needs other rights of the services than what is.
    let declined = all.tap(&all.address(nine, "broke"), &all.address(life, "pfry"));
    assert_eq!(declined.code, Some(4), "{} {}", declined.stdout, declined.stderr);
    refunded(all);
}

/// The merchant pays a tap back.
fn refunded(all: &Separate) {
    let (payer, merchant) = (all.address(Side::CloudNine, "gfranklin"), all.address(Side::HappyLife, "planex"));
    let tapped = all.tap(&payer, &merchant);
    assert_eq!(tapped.code, Some(0), "{} {}", tapped.stdout, tapped.stderr);
    let id = tapped.json["requestId"].as_str().unwrap();
    let terminals = Terminals::of(&all.facts[Side::HappyLife as usize]);
    let asked = all.runtime.block_on(terminals.send(Some(&merchant), "POST", &format!("/payments/{id}/refund")));
    assert!(asked.status.is_success(), "{}", asked.excerpt());
    let state = async || -> Value {
        let answer = terminals.send(Some(&merchant), "GET", &format!("/payments/{id}")).await;
        answer.json().unwrap_or_default()
    };
    let paid_back = all.runtime.block_on(until(Duration::from_mins(1), || async {
        (state().await["refund"]["state"] == "refunded").then_some(())
    }));
    assert!(paid_back.is_some(), "{}", all.runtime.block_on(state()));
}

/// Everything that the roles of Cloud Nine say to each other.
fn captured(all: &Separate) -> Capture {
    let captured = Capture::default();
    relink(&all.folder(Side::CloudNine), |to| captured.link(&all.runtime, to));
    captured
}

/// Texts that tell about payments, and about who calls. The first is of an answer, because `http/1.1` alone stands in the
/// first message of a TLS client, too (RFC 7301).
fn telling(all: &Separate) -> [&str; 6] {
    let tenant = all.tenant(Side::CloudNine);
    ["HTTP/1.1 200", tenant, "authorization", "\"receiveAmount\"", "\"value\"", "gfranklin"]
}

fn assert_no_secret_is_shared(all: &Separate) {
    for side in SIDES {
        assert_eq!(shared_secrets(&all.folder(side)), BTreeMap::new(), "{side:?}");
    }
}

#[test]
fn a_whole_payment_is_made_by_separate_processes_with_certificates_only() {
    let mut all = Separate::prepared(&["--service-auth", "hmac"]);
    let authorities = SIDES.map(|side| {
        let authority = PrivateAuthority::default();
        certify(&all.folder(side), &authority, all.tenant(side));
        certificates_only(&all.folder(side));
        authority
    });
    assert_no_secret_is_shared(&all);
    let captured = captured(&all);
    all.start();
    paid(&all);
    let (octets, with_tls) = captured.seen();
    assert!(octets > 20_000, "the roles have said something to each other: {octets} octets");
    assert!(with_tls, "every connection is with TLS");
    assert_eq!(captured.readable(&telling(&all)), Vec::<&str>::new(), "in the network nothing can be read");

    let doors = Doors::of(&all);
    assert_strangers_are_refused(&doors, &authorities);

    // Whoever knows the operator's secret has nothing by it, over TLS or without.
    let signing = client(&all.facts[Side::CloudNine as usize]);
    let refused = all.runtime.block_on(signing.asset_by_code_and_scale("USD", 2));
    assert!(matches!(refused, Err(admin_client::AdminError::Unauthorized)), "{refused:?}");
    let secret = RoleFile::read(&all.folder(Side::CloudNine), "auth").get("IDENTITY_SERVER_SECRET").to_owned();
    assert_eq!(doors.interaction(&secret), 401, "nor has whoever knows the secret of the identity provider");
    assert_files_are_read_again(&doors, &authorities[Side::CloudNine as usize]);
    all.assert_conserved();
}

/// While everything runs, a certificate is revoked, and that of the backend is renewed.
fn assert_files_are_read_again(doors: &Doors<'_>, ours: &PrivateAuthority) {
    const SOON: Duration = Duration::from_mins(1);
    let all = doors.all;
    let folder = all.folder(Side::CloudNine);
    let tenant = format!("urn:uuid:{}", doors.tenant);
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();

    let stolen = ours.certify_as("wallet", &["urn:rafiki:role:wallet", &tenant], UNTIL);
    assert_eq!(doors.graphql(Some(&stolen), ASSETS).0, 200);
    write("revoked.pem", &ours.revoke(&[&stolen]));
    let refused = all.runtime.block_on(until(SOON, || async {
        let sent = doors.showing(Some(&stolen)).send(doors.question("https", ASSETS).configured()).await;
        sent.is_err().then_some(())
    }));
    assert!(refused.is_some(), "a revoked certificate is refused without a restart");

    let renewed = ours.certify_as("renewed", &["localhost", "urn:rafiki:role:backend", &tenant], UNTIL);
    write("backend.pem", &renewed.certificate);
    write("backend-key.pem", &renewed.key);
    let admin = format!("https://{}", doors.admin).parse().unwrap();
    let shown = all.runtime.block_on(until(SOON, || async {
        let shown = served_certificate(&admin, Duration::from_secs(10)).await.ok()?;
        (shown.subject == "CN=renewed").then_some(())
    }));
    assert!(shown.is_some(), "the renewed certificate is shown without a restart");
    all.tap(&all.address(Side::CloudNine, "gfranklin"), &all.address(Side::HappyLife, "pfry")).assert_approved();
}

/// Certificates of other roles, of odd names, of other tenants and authorities, at the Admin API of Cloud Nine.
fn assert_strangers_are_refused(doors: &Doors<'_>, authorities: &[PrivateAuthority; 2]) {
    let ours = &authorities[Side::CloudNine as usize];
    let tenant = format!("urn:uuid:{}", doors.tenant);
    let tenant = tenant.as_str();
    let made = |names: &[&str]| ours.certify_as("somebody", names, UNTIL);
    let of_role = |role: &str| made(&[&format!("urn:rafiki:role:{role}"), tenant]);
    let asks = |own: &Certified, query: &str| doors.graphql(Some(own), query);

    // The right certificate is let in, so the refusals below are not those of everybody.
    let (status, told) = asks(&of_role("wallet"), ASSETS);
    assert!(status == 200 && told["errors"].is_null(), "{told}");
    // Another role does what it may, and nothing else.
    for (role, query) in
        [("card-service", NEW_ASSET), ("point-of-sale", NEW_ASSET), ("auth", ASSETS), ("rates", ASSETS)]
    {
        let (status, told) = asks(&of_role(role), query);
        assert!(status == 403 || !told["errors"].is_null(), "{role}: {status} {told}");
    }
    // A name that only begins like a role, several roles, no such role, and no role.
    let odd: [&[&str]; 5] = [
        &["backend.evil.example", tenant],
        &["wallet", "wallet.bank.internal", tenant],
        &["urn:rafiki:role:wallet", "urn:rafiki:role:console", tenant],
        &["urn:rafiki:role:Wallet", tenant],
        &[tenant],
    ];
    for names in odd {
        assert_eq!(asks(&made(names), ASSETS).0, 401, "{names:?}");
    }
    // The same role of another tenant, and of none.
    let others: [&[&str]; 2] =
        [&["urn:rafiki:role:wallet", "urn:uuid:0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111"], &["urn:rafiki:role:wallet"]];
    for names in others {
        let (status, told) = asks(&made(names), ASSETS);
        assert_eq!(status, 403, "{names:?}: {told}");
    }
    // The same role of the other institution.
    let theirs = &authorities[Side::HappyLife as usize];
    let foreign = theirs.certify_as("wallet", &["urn:rafiki:role:wallet", tenant], UNTIL);
    assert!(doors.refuses(&foreign), "nobody here made this certificate");
    assert_eq!(doors.graphql(None, ASSETS).0, 401, "no certificate");
}

#[test]
fn a_whole_payment_is_made_by_separate_processes_with_tokens_only() {
    let mut all = Separate::prepared(&["--service-auth", "token"]);
    assert_no_secret_is_shared(&all);
    // Everything that can be logged.
    all.start_logging("trace");
    paid(&all);
    all.assert_conserved();
    assert_no_secret_is_logged(&all);
}

/// Nothing that a role keeps secret, and no token, is in the log of any role.
fn assert_no_secret_is_logged(all: &Separate) {
    for side in SIDES {
        let secrets = secrets(&all.folder(side));
        for process in &all.processes[side as usize] {
            let log = process.log();
            assert!(!log.is_empty(), "{}", process.role);
            let found = secrets.iter().filter(|secret| log.contains(secret.as_str())).count();
            assert_eq!(found, 0, "the log of {} has secrets", process.role);
            assert_eq!(token_in(&log), None, "the log of {} has a token", process.role);
            for shown in ["Bearer ", "GNAP ", "sig1=:", "x-idp-secret: "] {
                assert!(!log.contains(shown), "the log of {} has {shown:?}", process.role);
            }
        }
    }
}

#[test]
fn a_whole_payment_is_made_by_separate_processes_with_shared_secrets_only() {
    let mut all = Separate::prepared(&["--service-auth", "hmac"]);
    let captured = captured(&all);
    all.start();
    paid(&all);
    let telling = telling(&all);
    assert_eq!(captured.readable(&telling), telling, "without TLS everything can be read");
    assert_no_secret_is_in_an_address(&all, &captured);
    all.assert_conserved();
}

/// What proves who calls is in headers and bodies, and never in an address, nor in a refusal. Addresses are logged by
/// proxies.
fn assert_no_secret_is_in_an_address(all: &Separate, captured: &Capture) {
    let secrets = secrets(&all.folder(Side::CloudNine));
    let shown = secrets.iter().map(String::as_str).collect::<Vec<_>>();
    assert_ne!(captured.readable(&shown), Vec::<&str>::new(), "some secrets do pass here, in headers");
    let (addresses, refusals) = (captured.addresses(), captured.refusals());
    assert!(addresses.len() > 20, "{addresses:?}");
    for text in addresses.iter().chain(&refusals) {
        assert_eq!(token_in(text), None, "a token is in {text}");
        assert!(!secrets.iter().any(|secret| text.contains(secret.as_str())), "a secret is in {text}");
    }
}

#[test]
fn a_whole_payment_is_made_with_tokens_that_are_bound_to_certificates_and_a_stolen_one_is_worth_nothing() {
    let mut all = Separate::prepared(&["--service-auth", "token"]);
    let authorities = SIDES.map(|side| {
        let authority = PrivateAuthority::default();
        certify(&all.folder(side), &authority, all.tenant(side));
        bind_tokens(&all.folder(side), all.tenant(side));
        authority
    });
    assert_no_secret_is_shared(&all);
    all.start();
    paid(&all);

    // Somebody has the wallet's token: of the same installation, with a certificate of its own.
    let doors = Doors::of(&all);
    let ours = &authorities[Side::CloudNine as usize];
    let folder = all.folder(Side::CloudNine);
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let wallet = Certified { certificate: text("wallet.pem"), key: text("wallet-key.pem") };
    let token = doors.token(&wallet, "wallet");
    assert_eq!(doors.with_token(Some(&wallet), &token).0, 200);
    let tenant = format!("urn:uuid:{}", all.tenant(Side::CloudNine));
    let same_names = ours.certify_as("wallet", &["urn:rafiki:role:wallet", &tenant], UNTIL);
    let backend = Certified { certificate: text("backend.pem"), key: text("backend-key.pem") };
    for (thief, what) in [
        (Some(&same_names), "a certificate with the same names"),
        (Some(&backend), "another role"),
        (None, "no certificate"),
    ] {
        assert_eq!(doors.with_token(thief, &token).0, 401, "{what}");
    }
    assert_eq!(doors.without_tls(&token), 401, "without TLS");
    // Nobody gets a token as another client.
    for (own, id) in [(&backend, "wallet"), (&wallet, "backend"), (&wallet, "console")] {
        assert_eq!(doors.token_answer(own, id).0, 401, "{id}");
    }
    all.assert_conserved();
}

/// The listeners of Cloud Nine that services call, for strangers who know where they are.
struct Doors<'a> {
    all: &'a Separate,
    admin: String,
    interaction: String,
    issuer: String,
    tenant: String,
    authority: String,
}

impl<'a> Doors<'a> {
    fn of(all: &'a Separate) -> Self {
        let folder = all.folder(Side::CloudNine);
        let port = |role: &str, name: &str| format!("localhost:{}", RoleFile::read(&folder, role).get(name));
        Self {
            all,
            admin: format!("{}/graphql", port("backend", "ADMIN_PORT")),
            interaction: port("auth", "INTERACTION_PORT"),
            issuer: port("auth", "SERVICE_API_PORT"),
            tenant: all.tenant(Side::CloudNine).to_owned(),
            authority: std::fs::read_to_string(folder.join("authorities.pem")).unwrap(),
        }
    }

    fn plain() -> Outbound {
        let config = OutboundConfig { scheme: Scheme::AsWritten, ..OutboundConfig::development() };
        Outbound::new(config, Arc::new(SystemClock)).unwrap()
    }

    /// A client that shows `own`.
    fn showing(&self, own: Option<&Certified>) -> Outbound {
        let identity = own.map(|own| (own.certificate.as_str(), own.key.as_str()));
        let tls = PartyTls { identity, authorities: Some(&self.authority) }.read().unwrap();
        Self::plain().with_tls(&tls).unwrap()
    }

    fn send(&self, http: &Outbound, request: Request) -> Option<(u16, Value)> {
        let answer = self.all.runtime.block_on(http.send(request.configured())).ok()?;
        Some((answer.status.as_u16(), answer.json().unwrap_or_default()))
    }

    fn question(&self, scheme: &str, query: &str) -> Request {
        let url = format!("{scheme}://{}", self.admin).parse().unwrap();
        let request = Request::post_json(url, &json!({"query": query})).unwrap();
        request.header("tenant-id".parse().unwrap(), self.tenant.parse().unwrap())
    }

    fn graphql(&self, own: Option<&Certified>, query: &str) -> (u16, Value) {
        self.send(&self.showing(own), self.question("https", query)).unwrap()
    }

    /// Whether the connection is refused.
    fn refuses(&self, own: &Certified) -> bool {
        self.send(&self.showing(Some(own)), self.question("https", ASSETS)).is_none()
    }

    fn interaction(&self, secret: &str) -> u16 {
        let url = format!("http://{}/grant/0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111/x", self.interaction).parse().unwrap();
        let request = Request::get(url).header("x-idp-secret".parse().unwrap(), secret.parse().unwrap());
        self.send(&Self::plain(), request).unwrap().0
    }

    fn token_answer(&self, own: &Certified, id: &str) -> (u16, Value) {
        let url = format!("https://{}/oauth/token", self.issuer).parse().unwrap();
        let form = format!("grant_type=client_credentials&client_id={id}&audience=backend-admin&scope=assets:write");
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        let request = Request::post(url).header("content-type".parse().unwrap(), kind).body(form.into());
        self.send(&self.showing(Some(own)), request).unwrap()
    }

    fn token(&self, own: &Certified, id: &str) -> String {
        let (status, told) = self.token_answer(own, id);
        assert_eq!(status, 200, "{told}");
        told["access_token"].as_str().unwrap().to_owned()
    }

    fn with_token(&self, own: Option<&Certified>, token: &str) -> (u16, Value) {
        let request = self.question("https", ASSETS).authorization(&format!("Bearer {token}"));
        self.send(&self.showing(own), request).unwrap()
    }

    fn without_tls(&self, token: &str) -> u16 {
        let request = self.question("http", ASSETS).authorization(&format!("Bearer {token}"));
        self.send(&Self::plain(), request).unwrap().0
    }
}
