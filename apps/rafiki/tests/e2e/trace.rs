//! `rafiki trace` and the operations of `rafiki admin`, at a playground that runs.
//! Other operations of the Admin API are tested with its edge.

use serde_json::{Value, json};

use crate::institutions::{Institutions, Side, Storage, rafiki};

fn steps(side: &Value, kind: &str) -> Vec<String> {
    let all = side["steps"].as_array().unwrap();
    let of_kind = all.iter().filter(|step| step["kind"] == kind);
    of_kind.map(|step| step["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_payment_is_traced_at_both_institutions_from_either_end() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let paid = two.pay(&["--from", &from, "--to", &two.address(Side::HappyLife, "pfry"), "--send", "10.00"]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    let id = paid.json["outgoingPayment"]["id"].as_str().unwrap().to_owned();

    let traced = two.rafiki("trace", &[&id, "--json"]);
    assert_eq!(traced.code, Some(0), "{}", traced.stderr);
    let (payer, payee) = (&traced.json["sides"][0], &traced.json["sides"][1]);
    assert_eq!((&payer["institution"], &payer["state"]), (&json!("Cloud Nine Wallet"), &json!("COMPLETED")));
    assert_eq!((&payee["institution"], &payee["direction"]), (&json!("Happy Life Bank"), &json!("incoming")));
    let told = steps(payer, "payment");
    assert!(
        told[0].starts_with("quoted: 10.00 USD to pay") && told[1].starts_with("outgoing payment created"),
        "{told:?}"
    );
    let events = steps(payer, "event");
    assert!(events[0].starts_with("outgoing_payment.created") && events[1].starts_with("outgoing_payment.completed"));
    let attempts = steps(payer, "webhook");
    assert!(attempts.len() == 2 && attempts[0].contains("to the default endpoint, attempt 1: 200 in"), "{attempts:?}");
    let money = steps(payer, "ledger");
    assert!(money.iter().any(|step| step.starts_with("posted 10.00 USD into the payment's account")), "{money:?}");
    assert_eq!(payee["facts"]["received"], "8.71 USD");
    let received = steps(payee, "ledger");
    assert!(received.iter().any(|step| step.contains("8.71 USD into")), "{received:?}");

    let url = payer["facts"]["receiver"].as_str().unwrap();
    let other_way = two.rafiki("trace", &[url, "--json"]);
    assert_eq!(other_way.json["sides"][0]["payment"], payee["payment"]);
    assert_eq!(other_way.json["sides"][1]["payment"], id.as_str());

    let text = two.rafiki("trace", &[&id]).stdout;
    assert!(text.starts_with(&format!("outgoing payment {id} at Cloud Nine Wallet: COMPLETED")), "{text}");
    let picture = two.data_dir().join("trace.svg");
    assert_eq!(two.rafiki("trace", &[&id, "--svg", picture.to_str().unwrap()]).code, Some(0));
    let picture = std::fs::read_to_string(picture).unwrap();
    assert!(
        picture.starts_with("<svg") && picture.contains("Happy Life Bank: incoming payment, COMPLETED"),
        "{picture}"
    );

    for (payment, code) in [("00000000-0000-4000-8000-000000000000", 3), ("no-id", 2), ("", 2)] {
        let refused = two.rafiki("trace", &[payment]);
        assert_eq!(refused.code, Some(code), "{payment}: {}", refused.stderr);
    }
    let nobody = rafiki(&["trace", &id, "--data-dir", "/nonexistent"]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.stderr);
}

#[test]
fn operations_take_their_arguments_as_options_and_print_what_they_answer() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let admin = |arguments: &[&str]| two.admin(&[arguments, &["--at", "cloud"]].concat());
    let made = admin(&["createAsset", "--code", "XTS", "--scale", "4", "--liquidity-threshold", "5"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let asset = made.json["asset"]["id"].as_str().unwrap().to_owned();
    let found = admin(&["asset", "--id", &asset]);
    assert_eq!(
        (&found.json["code"], &found.json["liquidityThreshold"]),
        (&json!("XTS"), &json!("5")),
        "{}",
        found.stdout
    );
    let only = admin(&["asset", "--id", &asset, "--fields", "scale"]);
    assert_eq!(only.json, json!({"scale": 4}));

    let listed =
        admin(&["webhookDeliveries", "--filter.states", "EXHAUSTED", "--filter.states", "QUARANTINED", "--first", "5"]);
    assert_eq!(listed.json["edges"], json!([]), "{}", listed.stderr);
    let unknown = admin(&["asset", "--id", "00000000-0000-4000-8000-000000000000"]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.stdout);
    let refused = admin(&["createAsset", "--code", "XTS", "--scale", "4"]);
    assert!(refused.code == Some(1) && refused.stdout.contains("DUPLICATE"), "{}", refused.stdout);

    for (arguments, told) in [
        (&["createAsset", "--code", "XTS"][..], "--scale"),
        (&["createAsset", "--code", "XTS", "--scale", "four"], "whole number"),
        (&["assets", "--sort-order", "UP"], "ASC"),
        (&["createAset"], "createAsset"),
        (&["webhookDeliveries", "--filter.states", "LOST"], "EXHAUSTED"),
    ] {
        let refused = admin(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(told), "{arguments:?}: {}", refused.stderr);
    }
}

#[test]
fn every_query_that_needs_no_argument_is_answered_with_its_usual_fields() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let listed = rafiki(&["admin", "--list", "--json"]);
    let all = listed.json["operations"].as_array().unwrap();
    let mut asked = 0;
    for operation in all.iter().filter(|operation| operation["reads"] == true) {
        let document = operation["document"].as_str().unwrap();
        if document.contains("!)") || document.contains("!,") {
            continue;
        }
        let answer = two.admin(&[operation["name"].as_str().unwrap(), "--at", "cloud"]);
        assert_eq!(answer.code, Some(0), "{document}: {}", answer.stdout);
        asked += 1;
    }
    assert!(asked > 8, "{asked}");
    let help = rafiki(&["admin", "createQuote", "--help"]).stdout;
    assert!(help.contains("--debit-amount.value") && help.contains("--wallet-address-id"), "{help}");
}
