//! `kill -9` of the card service, and of the point of sale, at every step of a tap: each tap is paid once or not at all,
//! and the terminal can find out which.
//!
//! The steps are not listed here. They are the requests that one tap makes on the links of the process.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use testkit::free_ports;
use url::Url;

use super::Separate;
use super::environment::RoleFile;
use super::watched::{Told, Watch};
use crate::institutions::{Run, Side};

/// A card is at one terminal at a time. The first is watched, and the others are presented while the process is down.
const CARDS: [&str; 3] = ["gfranklin", "bhamchest", "wbdc"];
const TAPS: usize = 50;
/// The moments of one more look at a payment.
const LOOKS: usize = 2;
/// A killed process and a tap that meets it end within this time.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

/// The process that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    CardService,
    PointOfSale,
}

impl Victim {
    fn role(self) -> (Side, &'static str) {
        match self {
            Self::CardService => (Side::CloudNine, "card-service"),
            Self::PointOfSale => (Side::HappyLife, "point-of-sale"),
        }
    }
}

#[test]
fn a_card_service_that_is_killed_at_any_step_pays_each_of_fifty_taps_once_or_not_at_all() {
    killed_at_every_step(Victim::CardService);
}

#[test]
fn a_point_of_sale_that_is_killed_at_any_step_knows_how_each_of_fifty_taps_ended() {
    killed_at_every_step(Victim::PointOfSale);
}

fn killed_at_every_step(victim: Victim) {
    let mut all = Separate::prepared(&["--service-auth", "hmac"]);
    let watch = watched(&all, victim);
    all.start();
    let (payers, merchant) =
        (CARDS.map(|slug| all.address(Side::CloudNine, slug)), all.address(Side::HappyLife, "pfry"));

    // The first tap is left alone, and shows the steps.
    let first = all.tap(&payers[0], &merchant);
    assert_eq!(first.code, Some(0), "{} {}", first.stdout, first.stderr);
    let steps = watch.take();
    println!("{} moments: {steps:#?}", steps.len());
    assert!(steps.len() >= 10, "{steps:?}");

    let mut ended = vec![first];
    let mut met = BTreeSet::new();
    for round in 0.. {
        if ended.len() >= TAPS && round >= steps.len() {
            break;
        }
        let (told, hears) = mpsc::channel();
        let (side, role) = victim.role();
        let moment = round % steps.len();
        watch.kill_after(moment, all.process(side, role).id().unwrap(), told.clone());
        let mut leader = start(&all, &payers[0], &merchant);
        let stdout = leader.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let text = std::io::read_to_string(stdout).unwrap();
            let _ = told.send(Told::Ended);
            text
        });
        let what = hears.recv_timeout(ENDS_WITHIN).expect("the process is killed, or the tap ends");
        if what == Told::Killed {
            met.insert(moment);
            let others: Vec<Child> = payers[1..].iter().map(|payer| start(&all, payer, &merchant)).collect();
            let process = all.process(side, role);
            process.kill();
            let ready = process.launch();
            process.assert_ready(ready);
            ended.extend(others.into_iter().map(finished));
        }
        watch.take();
        let status = leader.wait().unwrap();
        ended.push(read(status.code(), reading.join().unwrap(), String::new()));
    }
    // How often a payment is looked at depends on the time, so a tap may have a request less than the first.
    let missed: Vec<_> = (0..steps.len()).filter(|moment| !met.contains(moment)).map(|at| (at, &steps[at])).collect();
    assert!(missed.len() <= LOOKS, "it was never killed at {missed:?}");
    assert_each_once(&all, &ended, &merchant);
    all.assert_conserved();
}

/// Puts a watched link in the place of each link of the victim.
fn watched(all: &Separate, victim: Victim) -> Watch {
    let (watch, base) = (Watch::default(), free_ports());
    let nine = all.folder(Side::CloudNine);
    let port_of = |url: &str| Url::parse(url).unwrap().port().unwrap();
    let mut next = base;
    let mut between = |name: &'static str, url: &str| {
        let port = next;
        next += 1;
        watch.link(&all.runtime, name, port, port_of(url));
        let mut moved = Url::parse(url).unwrap();
        moved.set_port(Some(port)).unwrap();
        moved.to_string()
    };
    let mut change = |folder: &std::path::Path, role: &str, variable: &str, name: &'static str| {
        let mut file = RoleFile::read(folder, role);
        let moved = between(name, file.get(variable));
        file.set(variable, moved);
        file.write();
    };
    change(&nine, "backend", "CARD_SERVICE_URL", "point of sale to card service");
    match victim {
        Victim::CardService => {
            change(&nine, "card-service", "GRAPHQL_URL", "card service to backend");
            change(&nine, "backend", "CARD_WEBHOOK_SERVICE_URL", "backend to card service");
        }
        Victim::PointOfSale => {
            let life = all.folder(Side::HappyLife);
            change(&life, "point-of-sale", "GRAPHQL_URL", "point of sale to backend");
            change(&life, "backend", "POS_WEBHOOK_SERVICE_URL", "backend to point of sale");
            let mut facts = all.facts[Side::HappyLife as usize].clone();
            let moved = between("terminal to point of sale", facts["pointOfSaleUrl"].as_str().unwrap());
            facts["pointOfSaleUrl"] = Value::from(moved);
            all.write_session(Side::HappyLife, &facts);
        }
    }
    watch
}

/// The terminal knows how each tap ended, and is told the same when it asks again. The merchant has the money of the
/// approved ones and no other.
fn assert_each_once(all: &Separate, ended: &[Run], merchant: &str) {
    let mut approved = 0;
    for tapped in ended {
        match tapped.code {
            Some(0) => {
                approved += 1;
                let id = tapped.json["requestId"].as_str().unwrap();
                let from = tapped.json["from"].as_str().unwrap();
                let mut asking = all.tapping(from, merchant);
                let again = crate::institutions::run(asking.args(["--request-id", id]));
                assert_eq!(
                    (again.code, &again.json["requestId"]),
                    (Some(0), &tapped.json["requestId"]),
                    "{}",
                    again.stderr
                );
            }
            Some(4) => {}
            _ => panic!("the terminal cannot find out: {} {}", tapped.stdout, tapped.stderr),
        }
    }
    println!("{approved} of {} were paid", ended.len());
    assert!(ended.len() >= TAPS && approved > ended.len() / 2, "{approved} of {}", ended.len());
    // A merchant of the seed has one cent.
    all.assert_balance(Side::HappyLife, "pfry", 1 + i128::try_from(approved).unwrap() * 500);
}

fn start(all: &Separate, from: &str, at: &str) -> Child {
    let mut command = all.tapping(from, at);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn finished(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    read(output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), String::new())
}

fn read(code: Option<i32>, stdout: String, stderr: String) -> Run {
    Run { code, json: serde_json::from_str(&stdout).unwrap_or(Value::Null), stdout, stderr }
}
