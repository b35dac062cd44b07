//! Institutions that become peers by asking each other, and then pay each other.
//!
//! The rules for requests are in the tests of the listener.

use std::process::Child;

use crate::institutions::{Institutions, Run, SIDES, Side, Storage};

/// `rafiki peer` of one side, naming the other's peering URL.
fn peer(two: &Institutions, side: Side, more: &[&str]) -> Run {
    let other = if side == Side::CloudNine { Side::HappyLife } else { Side::CloudNine };
    let url = two.facts(other)["peeringUrl"].as_str().unwrap().to_owned();
    let at = if side == Side::CloudNine { "cloud" } else { "happy" };
    two.rafiki("peer", &[&[url.as_str(), "--asset", "USD/2", "--at", at], more].concat())
}

fn ways(two: &Institutions) -> [(String, String); 2] {
    let address = |side, name| two.address(side, name);
    [
        (address(Side::CloudNine, "gfranklin"), address(Side::HappyLife, "pfry")),
        (address(Side::HappyLife, "planex"), address(Side::CloudNine, "bhamchest")),
    ]
}

fn assert_paid(paid: &Run) {
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    assert_eq!(paid.json["state"], "COMPLETED", "{}", paid.json);
}

#[test]
fn two_fresh_institutions_pay_each_other_both_ways_after_one_command_each() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let Some(mut two) = Institutions::start_unpeered(storage) else { continue };
        let [(from, to), _] = ways(&two);
        let early = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
        assert_ne!(early.code, Some(0), "they do not know each other: {}", early.stdout);

        for (side, other) in [(Side::CloudNine, "test.happy-life-bank"), (Side::HappyLife, "test.cloud-nine-wallet")] {
            let made = peer(&two, side, &["--liquidity", "10000.00"]);
            assert_eq!(made.code, Some(0), "{}", made.stderr);
            assert!(made.stdout.contains(other) && made.stdout.contains("10000.00 USD"), "{}", made.stdout);
        }
        for (from, to) in ways(&two) {
            let paid = two.pay(&["--from", &from, "--to", &to, "--receive", "12.34"]);
            assert_paid(&paid);
            assert_eq!(paid.json["deliveredAmount"]["value"], "1234");
        }
        two.assert_conserved();
    }
}

#[test]
fn payments_go_on_while_the_peering_is_repeated_again_and_again() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let Some(mut two) = Institutions::start_unpeered(storage) else { continue };
        for side in SIDES {
            assert_eq!(peer(&two, side, &["--liquidity", "10000.00"]).code, Some(0));
        }
        let ways = ways(&two);
        let paying: Vec<Child> = ways
            .iter()
            .cycle()
            .take(12)
            .map(|(from, to)| two.start_paying(&["--from", from, "--to", to, "--receive", "1.00"]))
            .collect();
        for round in 0..4 {
            for side in SIDES {
                let again = peer(&two, side, &[]);
                assert_eq!(again.code, Some(0), "round {round}: {}", again.stderr);
            }
        }
        for payment in paying {
            let output = payment.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code(), Some(0), "{told} {}", String::from_utf8_lossy(&output.stderr));
        }
        two.assert_conserved();
    }
}
