//! The roles that need no other role: the demonstration, the checks of a configuration, and clean stops.
//!
//! Payments are tested in `payments`.

use std::time::Duration;

use url::Url;

use crate::asking::{client, outbound};
use crate::institutions::{Institutions, Role, Side, Storage, rafiki, run_role};
use testkit::{free_ports, until};

const SEED: &str = "
assets:
  - { code: XAU, scale: 3, liquidity: 1000, liquidityThreshold: 10 }
accounts:
  - { id: 0c2d6b0e-6f3a-4a8e-9e5b-1f6f3f0a7d11, name: Newcomer, path: accounts/newcomer, assetCode: XAU, initialBalance: 7 }
";

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
fn a_wallet_address_answers_spsp_clients_with_credentials_below_its_institution() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // In development https URLs are called over http.
    let url = Url::parse(&two.address(Side::HappyLife, "pfry").replace("https://", "http://")).unwrap();
    let request = outbound_http::Request::get(url).configured();
    let request = request.header("accept".parse().unwrap(), "application/spsp4+json".parse().unwrap());
    let answer = runtime.block_on(outbound().send(request)).unwrap();
    assert_eq!(answer.headers["content-type"], "application/spsp4+json");
    let credentials: serde_json::Value = answer.json().unwrap();
    let destination: ilp_packet::Address = credentials["destination_account"].as_str().unwrap().parse().unwrap();
    assert!(destination.as_ref().below("test.happy-life-bank").is_some(), "{credentials}");
    assert!(stream::SharedSecret::from_base64(credentials["shared_secret"].as_str().unwrap()).is_ok());
    assert_eq!(credentials["receipts_enabled"], false);
}

#[test]
fn a_backend_without_its_variables_names_all_of_them_and_ends() {
    let checked = rafiki(&["config", "check", "backend"]);
    assert_ne!(checked.code, Some(0));
    for variable in ["OPEN_PAYMENTS_URL", "ILP_ADDRESS", "ADMIN_API_SECRET", "OPERATOR_TENANT_ID"] {
        assert!(checked.stdout.contains(variable), "{variable} is not named:\n{}", checked.stdout);
    }
}

#[test]
fn a_wallet_on_its_own_brings_about_what_its_seed_file_says() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.yml");
    std::fs::write(&seed, SEED).unwrap();
    let facts = two.facts(Side::CloudNine);
    let fact = |name: &str| facts[name].as_str().unwrap().trim_end_matches('/').to_owned();
    let _wallet = Role::start(
        "wallet",
        &[
            ("NODE_ENV", "development"),
            ("PORT", "0"),
            ("OPEN_PAYMENTS_URL", &fact("openPaymentsUrl")),
            ("GRAPHQL_URL", &fact("adminUrl")),
            ("OPERATOR_TENANT_ID", &fact("tenantId")),
            ("SIGNATURE_SECRET", &fact("adminSecret")),
            ("DATABASE_URL", &format!("sqlite:{}", folder.path().join("wallet.db").display())),
            ("SEED_FILE_LOCATION", &seed.display().to_string()),
        ],
    );
    let address = two.address(Side::CloudNine, "newcomer");
    let admin = client(&facts);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(until(Duration::from_mins(1), || async {
        Some((admin.wallet_address_by_url(&address).await.ok()??, admin.asset_by_code_and_scale("XAU", 3).await.ok()??))
    }));
    let (_, asset) = found.expect("the account's wallet address and its asset");
    assert_eq!(asset.liquidity, Some(1000));
}

#[test]
fn a_seed_file_that_cannot_be_used_is_named_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.yml");
    std::fs::write(&seed, "accounts: [{ id: 0c2d6b0e-6f3a-4a8e-9e5b-1f6f3f0a7d11, name: A, path: a, assetCode: XAU }]")
        .unwrap();
    let started = run_role(
        "wallet",
        &[
            ("NODE_ENV", "development"),
            ("PORT", "0"),
            ("OPEN_PAYMENTS_URL", "https://localhost:1"),
            ("GRAPHQL_URL", "http://localhost:1/graphql"),
            ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
            ("SIGNATURE_SECRET", "secret"),
            ("DATABASE_URL", "sqlite::memory:"),
            ("SEED_FILE_LOCATION", &seed.display().to_string()),
        ],
    );
    assert_eq!(started.code, Some(1));
    assert!(started.stderr.contains("name one of the listed assets"), "{}", started.stderr);
}

#[test]
fn rates_on_their_own_are_those_of_the_file_at_every_moment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rates.yml");
    std::fs::write(&file, "rates: {USD: {EUR: 0.91}}\n").unwrap();
    let port = free_ports();
    let _rates = Role::start(
        "rates",
        &[("RATES_PORT", &port.to_string()), ("RATES_FILE", &file.display().to_string()), ("LOG_LEVEL", "warn")],
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = Url::parse(&format!("http://127.0.0.1:{port}/rates?base=USD")).unwrap();
    let told = |expected: &'static str| {
        let answered = runtime.block_on(until(Duration::from_mins(1), || async {
            let answer = outbound().send(outbound_http::Request::get(url.clone()).configured()).await.ok()?;
            (answer.status.as_u16() == 200).then_some(answer.body)
        }));
        assert_eq!(answered.expect("an answer"), expected);
    };
    told(r#"{"base":"USD","rates":{"EUR":0.91}}"#);
    std::fs::write(&file, "rates: {USD: {EUR: 0.92}}\n").unwrap();
    told(r#"{"base":"USD","rates":{"EUR":0.92}}"#);
}

#[test]
fn a_file_of_rates_that_cannot_be_used_is_named_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rates.yml");
    std::fs::write(&file, "rates: {USD: {EUR: -1}}\n").unwrap();
    let started = run_role("rates", &[("RATES_PORT", "0"), ("RATES_FILE", &file.display().to_string())]);
    assert_eq!(started.code, Some(1));
    assert!(started.stderr.contains("RATES_FILE") && started.stderr.contains("above zero"), "{}", started.stderr);
}
