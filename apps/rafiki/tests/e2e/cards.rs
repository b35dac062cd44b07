//! Cards presented at terminals. Everything is real except the plastic. Each tap is paid once or not at all, whichever
//! process is killed.
//!
//! It uses the command line, the terminals' HTTP interface, and the books.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use admin_client::IncomingPaymentState;
use clock::{Entropy, SeededEntropy};
use http_signatures::{Signer, SigningKey};
use outbound_http::{Request, Response};
use serde_json::{Value, json};
use testkit::until;
use url::Url;
use uuid::Uuid;

use crate::asking::{client, insist, outbound};
use crate::institutions::{BINARY, Institutions, Run, Side, Storage, run};

/// A card is at one terminal at a time, so there are at most as many taps under way as cards.
const CARDS: [&str; 3] = ["gfranklin", "bhamchest", "wbdc"];
const ROUNDS: usize = 17;
const TAPS: usize = ROUNDS * CARDS.len();
const KILLS: usize = 12;

#[test]
fn a_card_pays_and_what_its_chip_did_not_sign_is_not_paid() {
    let Some(mut two) = Institutions::start(Storage::Sqlite) else { return };
    let (payer, other_payer) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::CloudNine, "bhamchest"));
    let (merchant, euros) = (two.address(Side::HappyLife, "pfry"), two.address(Side::HappyLife, "lars"));

    // Both kinds of chip, within one currency and across two, and within one institution.
    for (from, at, amount) in [
        (&payer, &merchant, "5.00"),
        (&other_payer, &merchant, "7.00"),
        (&payer, &euros, "3.00"),
        (&euros, &merchant, "2.00"),
    ] {
        let tapped = tap(&two, from, at, amount, &[]);
        tapped.assert_approved();
        let incoming = tapped.json["incomingPaymentId"].as_str().unwrap().parse().unwrap();
        let runtime = runtime();
        let institution = client(&two.facts(Side::HappyLife));
        let received = runtime.block_on(insist(|| institution.incoming_payment(incoming)));
        assert_eq!(received.state, IncomingPaymentState::Completed);
        assert_eq!(Some(received.received_amount), received.incoming_amount);
    }

    let declined = |tapped: &Run, code: &str| {
        assert_eq!(tapped.code, Some(4), "{} {}", tapped.stdout, tapped.stderr);
        let told = tapped.json["error"]["message"].as_str().unwrap();
        assert!(told.contains("declined") && told.contains(code), "{told}");
    };
    declined(&tap(&two, &payer, &merchant, "60.00", &[]), "needs a PIN");
    declined(&tap(&two, &payer, &merchant, "60.00", &["--pin", "4321"]), "PIN is wrong");
    assert_eq!(tap(&two, &payer, &merchant, "60.00", &["--pin", "1234"]).code, Some(0));
    declined(&tap(&two, &two.address(Side::CloudNine, "broke"), &merchant, "5.00", &[]), "enough balance");

    // A chip whose key is not the issued one.
    let facts = two.facts(Side::CloudNine);
    let path = facts["cardsFile"].as_str().unwrap();
    let mut cards: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let issued = cards["chips"][0]["key"].clone();
    cards["chips"][0]["key"] = json!("00".repeat(16));
    std::fs::write(path, cards.to_string()).unwrap();
    declined(&tap(&two, &payer, &merchant, "5.00", &[]), "invalid_signature");
    cards["chips"][0]["key"] = issued;
    std::fs::write(path, cards.to_string()).unwrap();
    assert_eq!(tap(&two, &payer, &merchant, "5.00", &[]).code, Some(0), "the true chip pays all the same");
    two.assert_conserved();
}

#[test]
fn a_merchant_sees_and_gives_back_its_own_payments_only() {
    let Some(mut two) = Institutions::start(Storage::Sqlite) else { return };
    let (payer, merchant) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "planex"));
    let tapped = tap(&two, &payer, &merchant, "5.00", &[]);
    assert_eq!(tapped.code, Some(0), "{} {}", tapped.stdout, tapped.stderr);
    let id = tapped.json["requestId"].as_str().unwrap();
    let runtime = runtime();
    let terminals = Terminals::of(&two.facts(Side::HappyLife));
    let ask = |who: Option<&str>, method: &str, path: &str| runtime.block_on(terminals.send(who, method, path));

    let list = format!("/payments?receiverWalletAddress={merchant}");
    for path in [list.as_str(), &format!("/payments/{id}")] {
        assert_eq!(ask(None, "GET", path).status.as_u16(), 401, "nobody is told anything: {path}");
    }
    let other = two.address(Side::HappyLife, "pfry");
    assert_eq!(ask(Some(&other), "GET", &list).status.as_u16(), 403);
    assert_eq!(ask(Some(&other), "GET", &format!("/payments/{id}")).status.as_u16(), 404);
    assert_eq!(ask(Some(&other), "POST", &format!("/payments/{id}/refund")).status.as_u16(), 404);

    let listed: Value = ask(Some(&merchant), "GET", &list).json().unwrap();
    assert_eq!(listed["result"][0]["senderWalletAddress"], payer.as_str());
    assert_eq!(listed["result"].as_array().unwrap().len(), 1);
    let text = listed.to_string();
    assert!(!text.contains("tenant") && !text.contains("apiSecret"), "{text}");

    let refund = format!("/payments/{id}/refund");
    for _ in 0..3 {
        assert!(ask(Some(&merchant), "POST", &refund).status.is_success());
    }
    let refunded = runtime.block_on(until(Duration::from_mins(1), || async {
        let answer = terminals.send(Some(&merchant), "GET", &format!("/payments/{id}")).await;
        let body: Value = answer.json().ok()?;
        (body["refund"]["state"] == "refunded").then_some(body)
    }));
    assert!(refunded.is_some(), "{}", ask(Some(&merchant), "GET", &format!("/payments/{id}")).excerpt());
    let totals = format!("/totals?receiverWalletAddress={merchant}&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z");
    let totals: Value = ask(Some(&merchant), "GET", &totals).json().unwrap();
    let expected = json!([{"assetCode": "USD", "assetScale": 2, "result": "approved", "refund": "refunded", "count": 1,
        "value": "500"}]);
    assert_eq!(totals["totals"], expected);
    two.assert_conserved();
}

#[test]
fn fifty_taps_are_each_paid_once_or_not_at_all_although_the_issuer_is_killed() {
    killing(Side::CloudNine, Storage::Sqlite, 21);
}

#[test]
fn fifty_taps_are_each_paid_once_or_not_at_all_although_the_merchants_side_is_killed() {
    killing(Side::HappyLife, Storage::Sqlite, 22);
}

#[test]
fn on_postgres_too_a_killed_issuer_pays_each_tap_once_or_not_at_all() {
    killing(Side::CloudNine, Storage::Postgres, 23);
}

#[test]
fn on_postgres_too_a_killed_merchants_side_knows_how_each_tap_ended() {
    killing(Side::HappyLife, Storage::Postgres, 24);
}

fn killing(victim: Side, storage: Storage, seed: u64) {
    println!("seed {seed}");
    let Some(mut two) = Institutions::start(storage) else { return };
    let (payers, merchant) =
        (CARDS.map(|slug| two.address(Side::CloudNine, slug)), two.address(Side::HappyLife, "pfry"));
    let entropy = SeededEntropy::new(seed);
    let pause = |most: u16| {
        let [a, b] = (&entropy as &dyn Entropy).bytes::<2>();
        Duration::from_millis(u64::from(u16::from_be_bytes([a, b]) % most))
    };
    let runtime = runtime();
    let wait = |time: Duration| {
        runtime.block_on(async { drop(tokio::time::timeout(time, std::future::pending::<()>()).await) });
    };

    let mut ended: Vec<Run> = Vec::new();
    for round in 0..ROUNDS {
        let taps: Vec<Child> = payers.iter().map(|payer| start_tap(&two, payer, &merchant, "5.00", &[])).collect();
        if round < KILLS {
            wait(Duration::from_millis(20) + pause(700));
            two.kill(victim);
            two.restart(victim);
        }
        ended.extend(taps.into_iter().map(finished));
    }
    assert_eq!(ended.len(), TAPS);

    let happy_life = client(&two.facts(Side::HappyLife));
    let mut approved = 0;
    for tapped in &ended {
        match tapped.code {
            Some(0) => {
                let incoming: Uuid = tapped.json["incomingPaymentId"].as_str().unwrap().parse().unwrap();
                let received = runtime.block_on(insist(|| happy_life.incoming_payment(incoming)));
                assert_eq!(received.received_amount.value, 500, "{}", tapped.stdout);
                approved += 1;
            }
            Some(4) => {}
            _ => panic!("the terminal cannot find out: {} {}", tapped.stdout, tapped.stderr),
        }
    }
    println!("{approved} of {TAPS} were paid");
    assert!(approved >= (ROUNDS - KILLS) * CARDS.len(), "nobody was killed in the last rounds");

    // The merchant was credited exactly the amounts of the receipts.
    let expected = 1 + i128::from(u32::try_from(approved).unwrap()) * 500;
    let balances =
        Url::parse(two.facts(Side::HappyLife)["walletUrl"].as_str().unwrap()).unwrap().join("/balances").unwrap();
    let credited = runtime.block_on(until(Duration::from_mins(1), || async {
        let list: Vec<Value> = outbound().send(Request::get(balances.clone()).configured()).await.ok()?.json().ok()?;
        let account = list.iter().find(|entry| entry["walletAddress"] == merchant.as_str())?;
        (account["balance"].as_str()?.parse::<i128>().ok()? == expected).then_some(())
    }));
    assert!(credited.is_some(), "the merchant was not credited {expected}");
    two.assert_conserved();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// `rafiki tap … --json`, while it runs.
fn start_tap(two: &Institutions, from: &str, at: &str, amount: &str, more: &[&str]) -> Child {
    let mut command = Command::new(BINARY);
    command.args(["tap", "--from", from, "--at", at, "--amount", amount, "--json", "--data-dir"]);
    command.arg(two.data_dir()).args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// `rafiki tap … --json`, to its end.
fn tap(two: &Institutions, from: &str, at: &str, amount: &str, more: &[&str]) -> Run {
    let mut command = Command::new(BINARY);
    command.args(["tap", "--from", from, "--at", at, "--amount", amount, "--json", "--data-dir"]);
    run(command.arg(two.data_dir()).args(more))
}

fn finished(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Run {
        code: output.status.code(),
        json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
        stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The terminals of an institution, as programs that sign.
pub(crate) struct Terminals {
    service: Url,
    signers: Vec<(String, Arc<Signer>)>,
}

impl Terminals {
    pub(crate) fn of(facts: &Value) -> Self {
        let cards: Value =
            serde_json::from_str(&std::fs::read_to_string(facts["cardsFile"].as_str().unwrap()).unwrap()).unwrap();
        let signers = cards["terminals"].as_array().unwrap().iter().map(|terminal| {
            let seed = terminal["seed"].as_str().unwrap();
            let octets: Vec<u8> =
                (0..32).map(|at| u8::from_str_radix(&seed[at * 2..at * 2 + 2], 16).unwrap()).collect();
            let key = SigningKey::from_seed(&octets.try_into().unwrap());
            let signer = Signer::new(key, terminal["id"].as_str().unwrap()).unwrap();
            (terminal["merchant"].as_str().unwrap().to_owned(), Arc::new(signer))
        });
        Self { service: facts["pointOfSaleUrl"].as_str().unwrap().parse().unwrap(), signers: signers.collect() }
    }

    pub(crate) async fn send(&self, merchant: Option<&str>, method: &str, path: &str) -> Response {
        let url = self.service.join(path).unwrap();
        let request = if method == "POST" { Request::post(url) } else { Request::get(url) }.configured();
        let signer = merchant.map(|merchant| self.signers.iter().find(|(own, _)| own == merchant).unwrap().1.clone());
        let request = match signer {
            Some(signer) => request.signed(signer),
            None => request,
        };
        outbound().send(request).await.unwrap()
    }
}
