//! Both institutions with their ledgers in TigerBeetle clusters of their own, if there is a server.
//!
//! Each test ends with a comparison of both clusters' books.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::books::holds_nothing;
use crate::institutions::{Institutions, SIDES, Side, Storage, verify};

/// The answer of the Admin listener.
fn answer(two: &Institutions, side: Side, path: &str) -> String {
    let facts = two.facts(side);
    let address =
        facts["adminUrl"].as_str().unwrap().trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The status of the Admin listener's health check.
fn health(two: &Institutions, side: Side) -> u16 {
    answer(two, side, "/healthz").split(' ').nth(1).unwrap().parse().unwrap()
}

/// Both institutions need a moment for this.
fn eventually(what: &str, ask: impl Fn() -> bool) {
    testkit::block_on(testkit::eventually(what, async || ask()));
}

#[test]
fn payments_between_institutions_on_tigerbeetle_arrive_and_their_books_agree() {
    let Some(mut two) = Institutions::start(Storage::TigerBeetle) else { return };
    let franklin = two.address(Side::CloudNine, "gfranklin");
    let fry = two.address(Side::HappyLife, "pfry");
    let lars = two.address(Side::HappyLife, "lars");
    let hamchest = two.address(Side::CloudNine, "bhamchest");
    let payments = [
        (&franklin, &fry, "--send", "10.00", "1000", "871"),
        (&franklin, &lars, "--receive", "5.00", "668", "500"),
        (&franklin, &hamchest, "--receive", "5.00", "610", "500"),
    ];
    for (from, to, kind, amount, debited, delivered) in payments {
        let paid = two.pay(&["--from", from, "--to", to, kind, amount]);
        assert_eq!(paid.code, Some(0), "{}", paid.stderr);
        assert_eq!(paid.json["state"], "COMPLETED", "{}", paid.json);
        assert_eq!(paid.json["debitAmount"]["value"], debited, "{}", paid.json);
        assert_eq!(paid.json["deliveredAmount"]["value"], delivered, "{}", paid.json);
    }
    let back = two.pay(&["--from", &fry, "--to", &franklin, "--receive", "2.00"]);
    assert_eq!(back.code, Some(0), "{}", back.stderr);
    for side in SIDES {
        assert!(two.facts(side)["ledgerUrl"].as_str().unwrap().starts_with("tigerbeetle://"));
        // The money is stored nowhere else.
        assert_eq!(health(&two, side), 200);
        eventually("the cluster's sums are looked at", || {
            let told = answer(&two, side, "/health");
            told.contains("\"monitor\":\"here\"") && told.contains("\"status\":\"ok\"")
        });
    }
    two.assert_conserved();
}

#[test]
fn the_health_check_reports_a_paused_cluster_and_payments_continue_when_it_answers_again() {
    let Some(mut two) = Institutions::start(Storage::TigerBeetle) else { return };
    assert_eq!(health(&two, Side::HappyLife), 200);
    two.cluster(Side::HappyLife).pause();
    assert_eq!(health(&two, Side::HappyLife), 500);
    assert_eq!(health(&two, Side::CloudNine), 200);
    two.cluster(Side::HappyLife).resume();
    eventually("it is well again", || health(&two, Side::HappyLife) == 200);
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::HappyLife, "pfry");
    let paid = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    assert_eq!(paid.json["deliveredAmount"]["value"], "871");
    two.assert_conserved();
}

#[test]
fn clusters_killed_while_payments_are_made_lose_and_double_nothing() {
    let Some(mut two) = Institutions::start(Storage::TigerBeetle) else { return };
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::HappyLife, "pfry");
    let arguments = ["--from", from.as_str(), "--to", to.as_str(), "--send", "10.00"];
    for side in [Side::HappyLife, Side::CloudNine, Side::HappyLife] {
        let paying = two.start_paying(&arguments);
        two.cluster(side).kill();
        two.cluster(side).start();
        // It was completed, or was refused while the cluster was down. Both are correct.
        let paid = paying.wait_with_output().unwrap();
        assert!(paid.status.code().is_some(), "{}", String::from_utf8_lossy(&paid.stderr));
    }
    eventually("everyone is well again", || SIDES.iter().all(|side| health(&two, *side) == 200));
    let paid = two.pay(&arguments);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    assert_eq!(paid.json["deliveredAmount"]["value"], "871");
    // The institutions complete interrupted payments themselves.
    eventually("nothing is held", || SIDES.iter().all(|side| holds_nothing(&verify(&two.facts(*side)).json)));
    two.assert_conserved();
}
