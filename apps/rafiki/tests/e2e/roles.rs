//! The roles that need no partner: the demonstration, the checks of a configuration, and clean stops.
//!
//! Not payments in detail: those stand in `payments`.

use crate::institutions::{Institutions, Side, Storage, rafiki};

#[test]
fn the_demonstration_makes_three_payments_and_the_books_agree() {
    let demo = rafiki(&["demo", "--json"]);
    assert_eq!(demo.code, Some(0), "{}{}", demo.stdout, demo.stderr);
    let payments = demo.json["payments"].as_array().unwrap();
    let kinds: Vec<_> = payments.iter().map(|payment| payment["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["same-currency", "cross-currency", "local"]);
    for payment in payments {
        assert_eq!(payment["state"], "COMPLETED", "{payment}");
        for figure in ["debitAmount", "receiveAmount", "deliveredAmount", "packets", "millis"] {
            assert!(!payment[figure].is_null(), "{figure} is missing in {payment}");
        }
    }
    assert_eq!(demo.json["conservation"]["holds"], true, "{}", demo.json);
}

#[test]
fn a_second_start_finds_the_state_of_the_first() {
    let mut two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::HappyLife, "pfry");
    let arguments = ["--from", from.as_str(), "--to", to.as_str(), "--send", "10.00"];
    let first = two.pay(&arguments);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for side in [Side::CloudNine, Side::HappyLife] {
        assert_eq!(two.stop(side), Some(0));
        two.restart(side);
    }
    let second = two.pay(&arguments);
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_ne!(first.json["outgoingPayment"]["id"], second.json["outgoingPayment"]["id"]);
    two.assert_conserved();
}

#[test]
fn a_backend_without_its_variables_names_all_of_them_and_ends() {
    let checked = rafiki(&["config", "check", "backend"]);
    assert_ne!(checked.code, Some(0));
    for variable in ["OPEN_PAYMENTS_URL", "ILP_ADDRESS", "ADMIN_API_SECRET", "OPERATOR_TENANT_ID"] {
        assert!(checked.stdout.contains(variable), "{variable} is not named:\n{}", checked.stdout);
    }
}
