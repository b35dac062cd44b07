//! `rafiki dev --tenant`: a tenant with a wallet of its own on the instance of another institution. Its payments pass this
//! institution as a hop, and its wallet starts again as it was.

use std::time::Duration;

use admin_client::{AdminClient, Amount, OutgoingPaymentState, PageRequest, QuoteAmount};
use money::Asset;
use serde_json::{Value, json};
use url::Url;

use crate::asking::{client, insist};
use crate::institutions::{Institutions, Side, Storage, verify};
use crate::usage::Payer;

const SOON: Duration = Duration::from_mins(1);
const TENANT: &str = "bc293b79-8609-47bd-b914-6438b470aff8";
const SECRET: &str = "LuagA4lRWSi9GRx5vBNr0vQHKrroaxkvg6ZMFjfLxPw=";

/// What the tenant asks its instance with.
fn tenant(two: &Institutions) -> AdminClient {
    let mut facts = two.facts(Side::CloudNine);
    (facts["tenantId"], facts["adminSecret"]) = (json!(TENANT), json!(SECRET));
    client(&facts)
}

fn address(two: &Institutions, slug: &str) -> String {
    two.address(Side::CloudNine, slug).replace("localhost", "127.0.0.1").replace("/accounts/", "/cloud-ten/accounts/")
}

/// The wallet of the tenant, as its customer sees it: the balance in cents.
async fn balance(two: &Institutions) -> u64 {
    let file = two.data_dir().join("cloud-ten/wallet.env");
    let text = std::fs::read_to_string(file).unwrap();
    let url =
        text.lines().find_map(|line| line.strip_prefix("PUBLIC_URL=")).unwrap().trim_matches(['"', '\'']).to_owned();
    let url = Url::parse(&format!("{}/", url.trim_end_matches('/'))).unwrap();
    let payer = Payer::sign_in_at(url, "fgranklin@cloud-ten.example").await;
    let page = payer.page("").await;
    let number = page.split("class=\"big\">").nth(1).unwrap_or_else(|| panic!("{page}")).split(' ').next().unwrap();
    number.replace(['.', ','], "").parse().unwrap()
}

/// Pays 5.00 from an address. The wallet of the payer funds it, because its instance tells it of the payment.
async fn pay(payer: &AdminClient, from: &str, to: &str, key: &str) {
    let five = Amount::new(500, &Asset::new("USD", 2).unwrap());
    let from = insist(|| payer.wallet_address_by_url(from)).await.expect("the payer's address");
    let receiver = insist(|| payer.create_receiver(to, Some(&five), None, None)).await;
    let quote = payer.create_quote(from.id, &receiver.id, &QuoteAmount::AsAsked).await.unwrap();
    let payment = payer.create_outgoing_payment(from.id, quote.id, None, key).await.unwrap();
    let ended = testkit::until(SOON, || async {
        let now = payer.outgoing_payment(payment.id).await.ok()?;
        (now.state != OutgoingPaymentState::Funding && now.state != OutgoingPaymentState::Sending).then_some(now)
    });
    let ended = ended.await.expect("the payment ends");
    assert_eq!(ended.state, OutgoingPaymentState::Completed, "{from:?} to {to}: {ended:?}");
}

/// Everything that seeding could make twice.
async fn made(two: &Institutions) -> Value {
    let (own, operator) = (tenant(two), client(&two.facts(Side::CloudNine)));
    let all = PageRequest { first: Some(100), ..PageRequest::default() };
    let tenants = operator.tenants_page(&all).await.unwrap().nodes;
    let assets = own.assets().await.unwrap();
    let mut addresses = Vec::new();
    for slug in ["fgranklin", "hbamchest", "gbcc", "penniless", "rlossi"] {
        addresses.push(own.wallet_address_by_url(&address(two, slug)).await.unwrap().expect("an address").id);
    }
    json!({
        "tenants": tenants.iter().filter(|tenant| tenant.id.to_string() == TENANT).count(),
        "assets": assets.iter().map(|asset| asset.id).collect::<Vec<_>>(),
        "addresses": addresses,
    })
}

#[test]
fn a_tenants_wallet_pays_and_is_paid_over_its_neighbour_and_starts_again_as_it_was() {
    let mut two = Institutions::start_as(Storage::Sqlite, &["--tenant"], &[]).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (own, ten) = (tenant(&two), address(&two, "fgranklin"));
    let happy = client(&two.facts(Side::HappyLife));
    let (planet, bert) = (two.address(Side::HappyLife, "planex"), two.address(Side::CloudNine, "bhamchest"));
    let before = runtime.block_on(async {
        // To a customer of its neighbour on the same instance; over the neighbour to another institution; and back.
        pay(&own, &ten, &bert, "to the neighbour").await;
        pay(&own, &ten, &planet, "over the neighbour").await;
        pay(&happy, &planet, &ten, "back").await;
        let settled = testkit::until(SOON, || async {
            let now = balance(&two).await;
            // 6.17 twice, of which what was not needed for the rate goes back, and 5.00 came.
            (now < 40_000_000 - 2 * 500 + 500 && now > 40_000_000 - 2 * 617 + 500 - 1).then_some(now)
        });
        let settled = settled.await;
        (settled.unwrap_or_default(), balance(&two).await, made(&two).await)
    });
    assert_eq!(before.0, before.1, "the balance settles");
    assert_eq!(before.2["tenants"], 1);

    // A tenant sees its own only.
    let operator = client(&two.facts(Side::CloudNine));
    runtime.block_on(async {
        assert!(
            own.wallet_address_by_url(&bert).await.unwrap().is_none(),
            "the operator's address is not the tenant's"
        );
        assert!(operator.wallet_address_by_url(&ten).await.is_ok());
    });

    assert_eq!(two.stop(Side::CloudNine), Some(0));
    two.restart(Side::CloudNine);
    runtime.block_on(async {
        assert_eq!(balance(&two).await, before.1, "nothing was credited a second time");
        assert_eq!(made(&two).await, before.2, "nothing was made a second time");
        pay(&tenant(&two), &ten, &planet, "after the start").await;
    });
    let facts = [Side::CloudNine, Side::HappyLife].map(|side| (side, two.facts(side)));
    for (side, facts) in facts {
        assert_eq!(two.stop(side), Some(0));
        let checked = verify(&facts);
        assert_eq!((checked.code, &checked.json["sound"]), (Some(0), &json!(true)), "{}", checked.stderr);
    }
}
