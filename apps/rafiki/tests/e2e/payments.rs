//! Payments between and within the institutions, and their refusals.
//!
//! Each test runs on SQLite and on Postgres, and each ends with the books of both institutions compared.

use crate::institutions::{Institutions, Run, Side, Storage};

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
        // The number from the playground's worked examples.
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
fn an_unknown_receiver_is_refused_and_nothing_is_debited() {
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

/// Two conversions, each of which rounds down: every quoted amount arrives at once.
#[test]
fn every_amount_of_pesos_can_be_paid_out_in_euros() {
    let Some(mut two) = Institutions::start(Storage::Sqlite) else { return };
    let from = two.address(Side::HappyLife, "david");
    let to = two.address(Side::CloudNine, "lrossi");
    for amount in ["1000.00", "2.00", "3.00", "5.00", "7.00", "11.00", "13.00", "17.00", "20.00"] {
        let paid = two.pay(&["--from", &from, "--to", &to, "--send", amount]);
        assert_delivered_as_promised(&paid, amount);
    }
    for amount in ["0.01", "0.02", "52.34"] {
        let paid = two.pay(&["--from", &from, "--to", &to, "--receive", amount]);
        assert_delivered_as_promised(&paid, amount);
    }
    // After the fee of 1.03 the rest is worth less than a dollar cent between the conversions.
    let refused = two.pay(&["--from", &from, "--to", &to, "--send", "1.10"]);
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    let least = refused.stderr.split("at least ").nth(1).and_then(|text| text.split(' ').next()).unwrap().to_owned();
    assert_delivered_as_promised(&two.pay(&["--from", &from, "--to", &to, "--send", &least]), &least);
    two.assert_conserved();
}

#[test]
fn small_amounts_between_all_currencies_arrive_as_quoted() {
    let Some(mut two) = Institutions::start(Storage::Sqlite) else { return };
    let here = [(Side::CloudNine, "gfranklin"), (Side::HappyLife, "lars"), (Side::HappyLife, "david")];
    let there = [(Side::HappyLife, "david"), (Side::CloudNine, "lrossi"), (Side::CloudNine, "bhamchest")];
    for (from, to) in here.into_iter().zip(there) {
        let (from, to) = (two.address(from.0, from.1), two.address(to.0, to.1));
        for amount in ["0.01", "0.03", "1.00", "9.79"] {
            let paid = two.pay(&["--from", &from, "--to", &to, "--receive", amount]);
            assert_delivered_as_promised(&paid, amount);
        }
    }
    two.assert_conserved();
}

/// Completed within about a second, with at least the promised amount.
fn assert_delivered_as_promised(paid: &Run, amount: &str) {
    assert_eq!(paid.code, Some(0), "{amount}: {}", paid.stderr);
    assert_eq!(paid.json["state"], "COMPLETED", "{amount}: {}", paid.json);
    let value = |name: &str| paid.json[name]["value"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(value("deliveredAmount") >= value("receiveAmount"), "{amount}: {}", paid.json);
    assert!(value("sentAmount") + value("fee") <= value("debitAmount"), "{amount}: {}", paid.json);
    // A failed attempt is repeated after ten seconds.
    assert!(paid.json["millis"].as_u64().unwrap() < 5_000, "{amount}: {}", paid.json);
}
