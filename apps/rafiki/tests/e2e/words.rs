//! The texts that a new user sees: quotes, receipts, refusals, pages.
//!
//! The movements of money are tested in `payments`.

use std::time::Duration;

use outbound_http::Request;
use testkit::until;
use url::Url;

use crate::asking::outbound;
use crate::institutions::{Institutions, Side, Storage, tell};

/// The amount in the line of the receipt with this beginning, in cents.
fn cents(receipt: &str, line: &str) -> u64 {
    let found = receipt.lines().find_map(|text| text.trim().strip_prefix(line));
    let amount = found.unwrap_or_else(|| panic!("no line {line:?} in\n{receipt}")).trim();
    amount.split(' ').next().unwrap().replace('.', "").parse().unwrap()
}

#[test]
fn a_receipt_adds_up_line_by_line_and_the_rate_leaves_the_fee_out() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let abroad = two.pay_in_words(&["--from", &from, "--to", &two.address(Side::HappyLife, "pfry"), "--send", "10.00"]);
    assert_eq!(abroad.code, Some(0), "{}", abroad.stderr);
    let text = &abroad.stdout;
    let of = |line: &str| cents(text, line);
    assert_eq!(of("Reserved") - of("- given back"), of("= paid"), "{text}");
    assert_eq!(of("= paid") - of("- fee"), of("= sent"), "{text}");
    assert_eq!((of("Reserved"), of("- fee"), of("Delivered")), (1000, 120, 871), "{text}");
    assert!(text.contains("in 1 packet") && text.contains("stands for the world outside"), "{text}");
    assert!(!text.contains("1 USD = "), "the same currency has no rate:\n{text}");

    let euros =
        two.pay_in_words(&["--from", &from, "--to", &two.address(Side::HappyLife, "lars"), "--receive", "5.00"]);
    assert!(euros.stdout.contains("EUR at least, without the fee"), "{}", euros.stdout);
    let local =
        two.pay_in_words(&["--from", &from, "--to", &two.address(Side::CloudNine, "bhamchest"), "--receive", "5.00"]);
    assert!(local.stdout.contains("5.00 USD, moved within the institution"), "{}", local.stdout);
    assert!(!local.stdout.contains("0 packets"), "{}", local.stdout);
}

#[test]
fn an_impossible_payment_is_reported_in_the_payers_words() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::HappyLife, "pfry");
    let with_slash = format!("{from}/");
    let incoming = "https://localhost:4000/cf5fd7d3-1eb1-4041-8e43-ba45747e9e5d/incoming-payments/f792659a";
    let cases: [(&str, &str, &str, &str); 5] = [
        (&from, &to, "-5", "write a number above 0"),
        (&from, &to, "99999999999999999999", "the largest payment"),
        (&from, &to, "10 EUR", "this side of the payment is in USD"),
        (&from, incoming, "10", "is an incoming payment, not a wallet address"),
        (&with_slash, &from, "10", "payer and payee are the same account"),
    ];
    for (from, to, amount, told) in cases {
        let refused = two.pay_in_words(&["--from", from, "--to", to, "--send", amount]);
        assert_eq!(refused.code, Some(2), "{amount}: {}", refused.stderr);
        assert!(refused.stderr.contains(told), "{amount}: {}", refused.stderr);
    }
}

/// Waits until a process handles the interrupt signal itself (bit 1 of the caught signals).
fn when_it_takes_signals(child: &std::process::Child) {
    let takes = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&caught, 16).unwrap() & 2 != 0
    };
    testkit::block_on(async {
        let taken = until(Duration::from_mins(1), || async { takes().then_some(()) }).await;
        assert!(taken.is_some());
    });
}

#[test]
fn a_command_that_is_stopped_before_it_paid_says_that_nothing_was_sent() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::HappyLife, "pfry");
    two.signal(Side::HappyLife, "-STOP");
    let paying = two.start_paying(&["--from", &from, "--to", &to, "--send", "10.00"]);
    // From its first request on it waits for an institution that is paused.
    when_it_takes_signals(&paying);
    tell(&paying, "-INT");
    let output = paying.wait_with_output().unwrap();
    two.signal(Side::HappyLife, "-CONT");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{told}");
    assert!(told.contains("nothing was sent"), "{told}");
}

#[test]
fn a_payment_is_looked_up_by_its_id() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::HappyLife, "pfry");
    let paid = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
    let id = paid.json["outgoingPayment"]["id"].as_str().unwrap();
    let found = two.look_up(id);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    assert!(
        found.stdout.contains(&format!("{id} COMPLETED")) && found.stdout.contains("10.00 USD"),
        "{}",
        found.stdout
    );
    let unknown = two.look_up("00000000-0000-4000-8000-000000000000");
    assert_eq!(unknown.code, Some(3), "{}", unknown.stderr);
}

#[test]
fn the_admin_api_is_asked_without_signing_by_hand() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let assets = "query Assets($first: Int) { assets(first: $first) { edges { node { code } } } }";
    let answer = two.admin(&[assets, "--variables", "{\"first\": 10}", "--at", "happy"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let found = answer.json["data"]["assets"]["edges"].as_array().unwrap();
    assert!(found.iter().any(|edge| edge["node"]["code"] == "MXN"), "{}", answer.stdout);
    let which = two.admin(&[assets]);
    assert_eq!(which.code, Some(1));
    assert!(which.stderr.contains("--at: Cloud Nine Wallet, Happy Life Bank"), "{}", which.stderr);
    assert!(two.admin(&["--schema"]).stdout.contains("type OutgoingPayment "));
}

#[test]
fn every_address_that_is_printed_answers_something_a_person_can_read() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let facts = two.facts(Side::CloudNine);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for name in ["openPaymentsUrl", "adminUrl", "authUrl", "walletUrl"] {
        let url = Url::parse(&facts[name].as_str().unwrap().replace("https://", "http://")).unwrap();
        let as_browser = |url: Url| {
            let request = Request::get(url).configured();
            let request = request.header("accept".parse().unwrap(), "text/html,*/*;q=0.8".parse().unwrap());
            runtime.block_on(outbound().send(request)).unwrap()
        };
        let mut answer = as_browser(url.clone());
        if let Some(sign_in) = answer.headers.get("location") {
            answer = as_browser(url.join(sign_in.to_str().unwrap()).unwrap());
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let page = answer.status.is_success() && text.contains("<h1>");
        assert!(page || text.contains("docs/admin-api.md"), "{name}: {} {text}", answer.status);
    }
}
