//! `rafiki peer probe`: our own connector gets every point, and a connector with faults is found out.
//!
//! The faulty connectors are our own behind a proxy that changes packets or answers.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use clock::{Clock as _, SystemClock, Timestamp};
use http::{HeaderMap, StatusCode};
use ilp_packet::{AmountTooLarge, ErrorCode, PrepareBuf, Reject, Reply};
use outbound_http::{Outbound, Request as Call};
use serde_json::Value;
use url::Url;

use crate::asking::outbound;
use crate::institutions::{BINARY, Institutions, Run, SIDES, Side, Storage, rafiki, run};

/// What the payments of these tests move, in cents. No probe has this size.
const PAID: u64 = 137;

fn check<'a>(report: &'a Run, name: &str) -> &'a Value {
    let checks = report.json["checks"].as_array().unwrap_or_else(|| panic!("{}{}", report.stdout, report.stderr));
    checks.iter().find(|check| check["name"] == name).unwrap()
}

#[test]
fn each_of_our_own_two_gets_every_point_from_the_other() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    for side in SIDES {
        let [at, peer] = if side == Side::CloudNine { ["cloud", "happy"] } else { ["happy", "cloud"] };
        let paid = PAID.to_string();
        let report = two.rafiki("peer", &["probe", peer, "--asset", "USD/2", "--at", at, "--pay", &paid, "--json"]);
        assert_eq!(report.code, Some(0), "{}{}", report.stdout, report.stderr);
        assert_eq!(report.json["score"], 100, "{}", report.stdout);
        assert!(report.json["checks"].as_array().unwrap().iter().all(|check| check["verdict"] == "passed"));

        let other_currency = if side == Side::CloudNine { "lars" } else { "lrossi" };
        let to = two.address(other(side), other_currency);
        let text = two.rafiki("peer", &["probe", peer, "--asset", "USD/2", "--at", at, "--to", &to]);
        assert_eq!(text.code, Some(0), "{}{}", text.stdout, text.stderr);
        assert!(text.stdout.contains("as configured") && text.stdout.contains("--pay"), "{}", text.stdout);
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::CloudNine => Side::HappyLife,
        Side::HappyLife => Side::CloudNine,
    }
}

/// What a faulty connector does with a packet.
enum Treatment {
    /// Sends it on.
    Pass(Bytes),
    /// Answers itself.
    Answer(Vec<u8>),
}

/// A fault in the way of packets.
#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    /// The checks that must not pass.
    finds: &'static [&'static str],
    packet: fn(PrepareBuf, &AtomicU32) -> Treatment,
    answer: fn(&mut HeaderMap, &mut Vec<u8>),
}

fn pass(packet: PrepareBuf, _: &AtomicU32) -> Treatment {
    Treatment::Pass(packet.into_bytes())
}

fn same(_: &mut HeaderMap, _: &mut Vec<u8>) {}

fn reject(code: ErrorCode, data: &[u8]) -> Treatment {
    Treatment::Answer(Reject { code, triggered_by: None, message: b"", data }.encode())
}

fn with_amount(mut packet: PrepareBuf, amount: u64) -> Treatment {
    packet.set_amount(amount);
    Treatment::Pass(packet.into_bytes())
}

const LATE: Duration = Duration::from_millis(300);

const FAULTS: &[Fault] = &[
    Fault {
        name: "a clock that is ten seconds ahead",
        finds: &["clock"],
        packet: pass,
        answer: |headers, _| {
            let ahead = SystemClock.wall() + Duration::from_secs(10);
            headers.insert("date", http_date(ahead).parse().unwrap());
        },
    },
    Fault {
        name: "a largest packet that is not told",
        finds: &["packet-size"],
        packet: |packet, _| match packet.amount() {
            0..=1_000_000 => pass(packet, &AtomicU32::new(0)),
            _ => reject(ErrorCode::F08AmountTooLarge, b""),
        },
        answer: same,
    },
    Fault {
        name: "a largest packet that is told wrongly",
        finds: &["packet-size"],
        packet: |packet, _| match packet.amount() {
            0..=1_000_000 => pass(packet, &AtomicU32::new(0)),
            received => reject(ErrorCode::F08AmountTooLarge, &AmountTooLarge { received, maximum: 1000 }.encode()),
        },
        answer: same,
    },
    Fault {
        name: "packets that are taken after they expired",
        finds: &["expiry-past"],
        packet: |mut packet, _| {
            packet.set_expires_at(packet.expires_at().max(SystemClock.wall() + Duration::from_secs(20)));
            Treatment::Pass(packet.into_bytes())
        },
        answer: same,
    },
    Fault {
        name: "packets that live long and are refused",
        finds: &["expiry-long"],
        packet: |packet, _| {
            let long = packet.expires_at() > SystemClock.wall() + Duration::from_mins(1);
            if long { reject(ErrorCode::R02InsufficientTimeout, b"") } else { pass(packet, &AtomicU32::new(0)) }
        },
        answer: same,
    },
    Fault {
        name: "a tenth that is kept",
        finds: &["rate"],
        packet: |packet, _| {
            let amount = packet.amount() / 10 * 9;
            with_amount(packet, amount)
        },
        answer: same,
    },
    Fault {
        name: "a rate that is good for small packets only",
        finds: &["rate"],
        packet: |packet, _| match packet.amount() {
            amount @ 0..5_000 => with_amount(packet, amount),
            amount => with_amount(packet, amount - amount / 100),
        },
        answer: same,
    },
    Fault {
        name: "a payment that gets another rate than its probe",
        finds: &["paid-rate"],
        packet: |packet, seen| {
            let is_payment = packet.amount() == PAID && seen.fetch_add(1, Ordering::Relaxed) == 1;
            let amount = if is_payment { PAID - 20 } else { packet.amount() };
            with_amount(packet, amount)
        },
        answer: same,
    },
    Fault {
        name: "a fulfill without the word of the receiver",
        finds: &["paid-rate", "receipt"],
        packet: pass,
        answer: |_, body| {
            if let Ok(Reply::Fulfill(fulfill)) = Reply::parse(body) {
                *body = ilp_packet::Fulfill { fulfillment: fulfill.fulfillment, data: b"" }.encode();
            }
        },
    },
];

fn http_date(at: Timestamp) -> String {
    let zoned = at.to_civil().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&zoned.timestamp()).unwrap()
}

struct Proxy {
    fault: Fault,
    upstream: Url,
    seen: AtomicU32,
    /// How long it keeps every answer back.
    late: Option<Duration>,
    http: Outbound,
}

async fn relay(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    let packet = PrepareBuf::parse(body).unwrap();
    let (status, mut headers, mut body) = match (proxy.fault.packet)(packet, &proxy.seen) {
        Treatment::Answer(reply) => (StatusCode::OK, HeaderMap::new(), reply),
        Treatment::Pass(packet) => {
            let mut call = Call::post(proxy.upstream.clone()).configured().body(packet);
            for name in ["authorization", "content-type"] {
                call.headers.insert(name, parts.headers[name].clone());
            }
            let answer = proxy.http.send(call).await.unwrap();
            (answer.status, answer.headers, answer.body.to_vec())
        }
    };
    (proxy.fault.answer)(&mut headers, &mut body);
    if let Some(late) = proxy.late {
        let _ = tokio::time::timeout(late, std::future::pending::<()>()).await;
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    headers.remove("content-length");
    *response.headers_mut() = headers;
    response
}

/// The way from Cloud Nine to Happy Life, with its token in a file.
struct Way {
    two: Institutions,
    runtime: tokio::runtime::Runtime,
    connector: Url,
    token: tempfile::NamedTempFile,
}

impl Way {
    fn start() -> Self {
        let two = Institutions::start(Storage::Sqlite).unwrap();
        let query = "{ peers { edges { node { asset { code } http { outgoing { authToken } } } } } }";
        let peers = two.admin(&[query, "--at", "cloud"]);
        let peers = peers.json["data"]["peers"]["edges"].as_array().unwrap().clone();
        let in_dollars = peers.iter().find(|peer| peer["node"]["asset"]["code"] == "USD").unwrap();
        let token = tempfile::NamedTempFile::new().unwrap();
        let text = in_dollars["node"]["http"]["outgoing"]["authToken"].as_str().unwrap();
        std::fs::write(token.path(), text).unwrap();
        let connector = Url::parse(two.facts(Side::HappyLife)["connectorUrl"].as_str().unwrap()).unwrap();
        Self { two, runtime: tokio::runtime::Runtime::new().unwrap(), connector, token }
    }

    fn probe(&self, connector: &str) -> Run {
        let to = self.two.address(Side::HappyLife, "pfry");
        let mut command = Command::new(BINARY);
        command.args(["peer", "probe", connector, "--asset", "USD/2", "--plain-http", "--json", "--to", &to]);
        command.args(["--pay", &PAID.to_string(), "--token-file"]).arg(self.token.path());
        run(command.stdin(Stdio::null()))
    }

    fn behind(&self, fault: Fault, late: Option<Duration>) -> String {
        let proxy = Proxy { fault, upstream: self.connector.clone(), seen: AtomicU32::new(0), late, http: outbound() };
        let router = Router::new().fallback(relay).with_state(Arc::new(proxy));
        self.runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            url
        })
    }
}

const SOUND: Fault = Fault { name: "none", finds: &[], packet: pass, answer: same };

#[test]
fn each_planted_fault_is_found_by_its_check_and_no_other_check_fails() {
    let way = Way::start();
    let sound = way.probe(&way.behind(SOUND, None));
    assert_eq!((sound.code, &sound.json["score"]), (Some(0), &100.into()), "{}{}", sound.stdout, sound.stderr);
    for fault in FAULTS {
        let report = way.probe(&way.behind(*fault, None));
        assert_eq!(report.code, Some(1), "{}: {}{}", fault.name, report.stdout, report.stderr);
        let checks = report.json["checks"].as_array().unwrap();
        let failed: Vec<&str> = checks
            .iter()
            .filter(|check| check["verdict"] == "failed")
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        assert_eq!(failed, fault.finds, "{}: {}", fault.name, report.stdout);
        assert!(report.json["score"].as_u64().unwrap() < 100, "{}", fault.name);
    }
}

#[test]
fn a_slow_connector_loses_points_and_a_payment_in_doubt_is_told() {
    let way = Way::start();
    let slow = way.probe(&way.behind(SOUND, Some(LATE)));
    assert_eq!(slow.code, Some(0), "{}{}", slow.stdout, slow.stderr);
    assert_eq!(check(&slow, "latency")["verdict"], "partly", "{}", slow.stdout);
    assert!(slow.json["score"].as_u64().unwrap() < 100);

    let lost = Fault {
        packet: |packet, seen| {
            let is_payment = packet.amount() == PAID && seen.fetch_add(1, Ordering::Relaxed) == 1;
            if is_payment { Treatment::Answer(b"nothing".to_vec()) } else { pass(packet, seen) }
        },
        ..SOUND
    };
    let report = way.probe(&way.behind(lost, None));
    assert_eq!(report.code, Some(1), "{}{}", report.stdout, report.stderr);
    assert!(check(&report, "paid-rate")["found"].as_str().unwrap().contains("is not known"), "{}", report.stdout);
    assert_eq!(check(&report, "receipt")["verdict"], "skipped");
}

#[test]
fn a_peer_that_is_not_there_or_refuses_and_wrong_options_have_codes_of_their_own() {
    let way = Way::start();
    assert_eq!(way.probe("http://127.0.0.1:1/").code, Some(5));
    std::fs::write(way.token.path(), "another token").unwrap();
    let refused = way.probe(way.connector.as_str());
    assert!(refused.code == Some(1) && refused.stderr.contains("does not accept the token"), "{}", refused.stderr);

    let at = |arguments: &[&str]| way.two.rafiki("peer", &[&["probe"], arguments].concat());
    let nobody = at(&["nobody", "--at", "cloud"]);
    assert!(nobody.code == Some(3) && nobody.stderr.contains("no such peer"), "{}", nobody.stderr);
    let unnamed = at(&["http://127.0.0.1:1/"]);
    assert!(unnamed.code == Some(2) && unnamed.stderr.contains("--token-file"), "{}", unnamed.stderr);
    let no_address = at(&["happy", "--asset", "USD/2", "--at", "cloud", "--to", "http://127.0.0.1:1/nobody"]);
    assert_eq!(no_address.code, Some(5), "{}", no_address.stderr);
    for wrong in [&["peer"][..], &["peer", "http://h/"], &["peer", "probe"], &["peer", "probe", "x", "--pay", "0"]] {
        let refused = rafiki(wrong);
        assert_eq!(refused.code, Some(2), "{wrong:?}: {}", refused.stderr);
    }
}
