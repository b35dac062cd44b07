//! How services prove who they are: whole payments with tokens only, and with shared secrets only.
//!
//! Both go through point of sale, card service, backend, authorization server and wallet of two institutions.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use admin_client::AdminError;
use outbound_http::Request;
use serde_json::Value;

use crate::asking::{client, insist, outbound};
use crate::institutions::{BINARY, Institutions, Run, SIDES, Side, Storage, rafiki, run};

#[test]
fn a_whole_payment_is_made_with_tokens_only_and_no_secret_is_shared() {
    let two = Institutions::start_proving(Storage::Sqlite, &["--service-auth", "token"]);
    let mut two = two.unwrap();
    for side in SIDES {
        assert_eq!(shared_secrets(&two, side), BTreeMap::new(), "{side:?}");
    }
    paid(&two);

    // Whoever only knows the operator's secret is not let in.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let signing = client(&two.facts(Side::CloudNine));
    let refused = runtime.block_on(signing.asset_by_code_and_scale("USD", 2));
    assert!(matches!(refused, Err(AdminError::Unauthorized)), "{refused:?}");

    // People use it all the same: commands show tokens of their own, and so does the console.
    let data = two.data_dir().to_str().unwrap().to_owned();
    let asked = rafiki(&["admin", "{ whoami { isOperator } }", "--at", "cloud", "--data-dir", &data]);
    assert!(
        asked.code == Some(0) && asked.stdout.contains("\"isOperator\": true"),
        "{} {}",
        asked.stdout,
        asked.stderr
    );
    let (payer, payee) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let paid = two.pay_in_words(&["--from", &payer, "--to", &payee, "--send", "5.00"]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    let console = two.facts(Side::CloudNine)["consoleUrl"].as_str().unwrap().to_owned();
    let entered = runtime.block_on(enter(&console, "/sign-in/one-click", "as=Cloud+Nine+Wallet+(operator)"));
    assert_eq!(entered, (303, Some("/".to_owned())));
    let tenant = two.facts(Side::CloudNine)["tenantId"].as_str().unwrap().to_owned();
    let with_secret = format!("tenantId={tenant}&apiSecret=any+secret");
    assert_eq!(
        runtime.block_on(enter(&console, "/sign-in", &with_secret)),
        (403, None),
        "nothing would check the secret"
    );
    two.assert_conserved();
}

/// Sends a form of the sign-in page: the status, and where the answer leads.
async fn enter(console: &str, path: &str, form: &str) -> (u16, Option<String>) {
    let url = format!("{}{path}", console.trim_end_matches('/')).parse().unwrap();
    let kind = "application/x-www-form-urlencoded".parse().unwrap();
    let request = Request::post(url).configured().header("content-type".parse().unwrap(), kind);
    let answer = outbound().send(request.body(form.to_owned().into())).await.unwrap();
    let place = answer.headers.get("location").map(|place| place.to_str().unwrap().to_owned());
    (answer.status.as_u16(), place)
}

#[test]
fn on_postgres_too_a_whole_payment_is_made_with_tokens_only() {
    let Some(mut two) = Institutions::start_proving(Storage::Postgres, &["--service-auth", "token"]) else { return };
    paid(&two);
    two.assert_conserved();
}

#[test]
fn a_whole_payment_is_made_with_shared_secrets_only() {
    let mut two = Institutions::start_proving(Storage::Sqlite, &["--service-auth", "hmac"]).unwrap();
    paid(&two);
    assert!(!two.data_dir().join("cloud-nine/service-clients.json").exists());
    two.assert_conserved();
}

#[test]
fn with_both_ways_services_show_tokens_and_people_sign() {
    let mut two = Institutions::start_proving(Storage::Sqlite, &["--service-auth", "hmac,token"]).unwrap();
    paid(&two);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let signing = client(&two.facts(Side::CloudNine));
    assert!(runtime.block_on(insist(|| signing.asset_by_code_and_scale("USD", 2))).is_some());
    two.assert_conserved();
}

#[test]
fn a_client_for_a_role_is_made_with_one_command() {
    let made = rafiki(&["service-client", "card-service", "--tenant", "438fa74a-fa7d-4317-9ced-dde32ece1787"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let secret = made.stdout.split("OAUTH_CLIENT_SECRET=").nth(1).unwrap().lines().next().unwrap();
    let entry: Value = serde_json::from_str(&made.stdout[made.stdout.find("\n{").unwrap()..]).unwrap();
    assert_eq!(entry["access"]["backend-admin"][0], "cards:pay");
    assert!(entry["secretHashes"][0].as_str().unwrap().starts_with("$argon2id$"));
    assert!(secret.len() == 64 && !entry.to_string().contains(secret));
    let tenantless = rafiki(&["service-client", "wallet"]);
    assert!(tenantless.code == Some(1) && tenantless.stderr.contains("--tenant"), "{}", tenantless.stderr);
}

/// A card of one institution pays a merchant of the other.
fn paid(two: &Institutions) {
    let (payer, merchant) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let tapped = tap(two, &payer, &merchant);
    tapped.assert_approved();
}

fn tap(two: &Institutions, from: &str, at: &str) -> Run {
    let mut command = Command::new(BINARY);
    command.args(["tap", "--from", from, "--at", at, "--amount", "5.00", "--json", "--data-dir"]);
    run(command.arg(two.data_dir()))
}

/// The secrets that two roles of an institution have in common, with the variables they are in.
fn shared_secrets(two: &Institutions, side: Side) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for role in ["backend", "auth", "wallet", "card-service", "point-of-sale"] {
        let file = two.data_dir().join(side.slug()).join(format!("{role}.env"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.split_once('=') else { continue };
            let value = value.trim_matches(['"', '\'']);
            if name.contains("SECRET") && !value.is_empty() {
                found.entry(value.to_owned()).or_default().insert(format!("{role} {name}"));
            }
        }
    }
    assert!(found.len() > 6, "each role has a secret of its own: {found:?}");
    found.into_iter().filter(|(_, places)| places.len() > 1).collect()
}
