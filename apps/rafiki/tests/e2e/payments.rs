//! Payments between and within the institutions, and the ways they are refused.
//!
//! Each test runs on SQLite and on Postgres, and each ends with the books of both institutions compared.

use crate::institutions::{Institutions, Side, Storage};

const BOTH: [Storage; 2] = [Storage::Sqlite, Storage::Postgres];

fn on_both(body: impl Fn(&mut Institutions)) {
    for storage in BOTH {
        if let Some(mut institutions) = Institutions::start(storage) {
            body(&mut institutions);
            institutions.assert_conserved();
        }
    }
}

#[test]
fn ten_dollars_sent_to_the_other_institution_arrive_there_less_fee_and_slippage() {
    on_both(|two| {
        let from = two.address(Side::CloudNine, "gfranklin");
        let to = two.address(Side::HappyLife, "pfry");
        let paid = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
        assert_eq!(paid.code, Some(0), "{}", paid.stderr);
        assert_eq!(paid.json["state"], "COMPLETED", "{}", paid.json);
        // 1000 less a fee of 2 % + 100 leaves 880; at 1 % slippage ceil(879 × 0.99) = 871 must arrive.
        assert_eq!(paid.json["debitAmount"]["value"], "1000");
        assert_eq!(paid.json["receiveAmount"]["value"], "871");
        assert_eq!(paid.json["deliveredAmount"]["value"], "871");
        assert_eq!(paid.json["incomingPayment"]["state"], "COMPLETED", "{}", paid.json);
    });
}

#[test]
fn five_euros_received_from_a_dollar_account_arrive_exactly() {
    on_both(|two| {
        let from = two.address(Side::CloudNine, "gfranklin");
        let to = two.address(Side::HappyLife, "lars");
        let paid = two.pay(&["--from", &from, "--to", &to, "--receive", "5.00"]);
        assert_eq!(paid.code, Some(0), "{}", paid.stderr);
        assert_eq!(paid.json["state"], "COMPLETED", "{}", paid.json);
        // The figure of the playground's worked examples.
        assert_eq!(paid.json["debitAmount"]["value"], "668");
        assert_eq!(paid.json["deliveredAmount"]["value"], "500");
        assert_eq!(paid.json["deliveredAmount"]["assetCode"], "EUR");
    });
}

#[test]
fn a_payment_within_one_institution_needs_no_packets() {
    on_both(|two| {
        let from = two.address(Side::CloudNine, "gfranklin");
        let to = two.address(Side::CloudNine, "bhamchest");
        let paid = two.pay(&["--from", &from, "--to", &to, "--receive", "5.00"]);
        assert_eq!(paid.code, Some(0), "{}", paid.stderr);
        assert_eq!(paid.json["state"], "COMPLETED", "{}", paid.json);
        assert_eq!(paid.json["debitAmount"]["value"], "610");
        assert_eq!(paid.json["deliveredAmount"]["value"], "500");
        assert_eq!(paid.json["packets"], 0);
    });
}

#[test]
fn sixty_payments_ordered_at_once_are_sixty_payments() {
    let mut two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::CloudNine, "bhamchest");
    let ordered: Vec<_> =
        (0..60).map(|_| two.start_paying(&["--from", &from, "--to", &to, "--receive", "0.50"])).collect();
    for payment in ordered {
        let output = payment.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    two.assert_conserved();
}

#[test]
fn an_amount_that_fees_eat_up_is_refused_with_the_smallest_that_would_do() {
    on_both(|two| {
        let from = two.address(Side::CloudNine, "gfranklin");
        let to = two.address(Side::HappyLife, "pfry");
        let refused = two.pay(&["--from", &from, "--to", &to, "--send", "1.00"]);
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.to_lowercase().contains("too small"), "{}", refused.stderr);
    });
}

#[test]
fn a_receiver_nobody_knows_is_refused_and_nothing_is_debited() {
    on_both(|two| {
        let from = two.address(Side::CloudNine, "gfranklin");
        let to = two.address(Side::HappyLife, "nobody-of-this-name");
        let refused = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.contains("unknown"), "{}", refused.stderr);
    });
}

#[test]
fn more_than_the_payer_has_is_refused() {
    on_both(|two| {
        let from = two.address(Side::CloudNine, "broke");
        let to = two.address(Side::HappyLife, "pfry");
        let refused = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.to_lowercase().contains("not enough"), "{}", refused.stderr);
    });
}

#[test]
fn a_stopped_receiver_is_said_to_be_down_and_can_be_paid_once_it_is_back() {
    on_both(|two| {
        let from = two.address(Side::CloudNine, "gfranklin");
        let to = two.address(Side::HappyLife, "pfry");
        let arguments = ["--from", from.as_str(), "--to", to.as_str(), "--send", "10.00"];
        assert_eq!(two.stop(Side::HappyLife), Some(0));
        let refused = two.pay(&arguments);
        assert_ne!(refused.code, Some(0));
        assert!(!refused.stderr.is_empty());
        two.restart(Side::HappyLife);
        let paid = two.pay(&arguments);
        assert_eq!(paid.code, Some(0), "{}", paid.stderr);
        assert_eq!(paid.json["deliveredAmount"]["value"], "871");
    });
}
