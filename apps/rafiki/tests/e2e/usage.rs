//! The wallet and the instance count alike what an agreement has used: payments at once, whose delivery is known at their
//! end only, and a new period.
//!
//! Payments that end after their period are tested in the wallet's own tests, with a played instance.

use std::time::Duration;

use admin_client::OutgoingPaymentState;
use http::Method;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::Url;
use uuid::Uuid;

use crate::asking::client as admin;
use crate::institutions::{Institutions, Side, Storage};
use crate::moved_clock::{Client, ahead, clock, granted, pay, text};

const SOON: Duration = Duration::from_mins(1);

/// The browser of a customer.
pub(crate) struct Payer {
    wallet: Url,
    http: reqwest::Client,
    cookie: String,
}

impl Payer {
    async fn sign_in(two: &Institutions) -> Self {
        let wallet = Url::parse(two.facts(Side::CloudNine)["walletUrl"].as_str().unwrap()).unwrap();
        Self::sign_in_at(wallet, "gfranklin@cloud-nine.example").await
    }

    /// Signs in at a wallet of the playground.
    pub(crate) async fn sign_in_at(wallet: Url, email: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let fields = [("email", email), ("password", "play money for everyone")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form =
            http.post(wallet.join("sign-in").unwrap()).header("content-type", "application/x-www-form-urlencoded");
        let answer = form.body(body).send().await.unwrap();
        let cookies = answer.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        let cookie = cookies.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
        assert!(cookie.contains("wallet_session"), "{}", answer.text().await.unwrap());
        Self { wallet, http, cookie }
    }

    pub(crate) async fn page(&self, path: &str) -> String {
        let url = self.wallet.join(path).unwrap();
        self.http.get(url).header(COOKIE, &self.cookie).send().await.unwrap().text().await.unwrap()
    }

    /// The only agreement.
    async fn agreement(&self) -> String {
        let page = self.page("agreements").await;
        let link = page.split("href=\"/agreements/").nth(1).unwrap_or_else(|| panic!("no agreement: {page}"));
        format!("agreements/{}", link.split('"').next().unwrap())
    }

    /// What the page of the agreement says, in cents.
    async fn used(&self, agreement: &str) -> u64 {
        let page = self.page(agreement).await;
        let before = page.split("\u{a0}USD used").next().filter(|before| before.len() < page.len());
        let number = before.unwrap_or_else(|| panic!("{page}")).rsplit('>').next().unwrap();
        number.replace(['.', ','], "").parse().unwrap()
    }
}

/// What the instance says to the client.
async fn spent(client: &Client, at: &Value, token: &str) -> u64 {
    let url = format!("{}/outgoing-payment-grant", text(at, "/resourceServer"));
    let (status, told) = client.call(Method::GET, &url, Some(token), None).await;
    assert_eq!(status, 200, "{told}");
    told.pointer("/spentReceiveAmount/value").and_then(Value::as_str).map_or(0, |value| value.parse().unwrap())
}

fn id(payment: &Value) -> Uuid {
    text(payment, "/id").rsplit('/').next().unwrap().parse().unwrap()
}

async fn have_ended(two: &Institutions, payments: &[Uuid]) {
    let admin = admin(&two.facts(Side::CloudNine));
    let ended = testkit::until(SOON, || async {
        for payment in payments {
            let state = admin.outgoing_payment(*payment).await.ok()?.state;
            if !matches!(state, OutgoingPaymentState::Completed | OutgoingPaymentState::Failed) {
                return None;
            }
        }
        Some(())
    });
    ended.await.expect("the payments end");
}

/// Both counts, once they are equal.
async fn both(client: &Client, at: &Value, token: &str, payer: &Payer, agreement: &str) -> u64 {
    let equal = testkit::until(SOON, || async {
        let (wallet, instance) = (payer.used(agreement).await, spent(client, at, token).await);
        (wallet == instance).then_some(wallet)
    });
    match equal.await {
        Some(both) => both,
        None => panic!("{} and {}", payer.used(agreement).await, spent(client, at, token).await),
    }
}

#[test]
fn the_wallet_counts_what_the_instance_counts_over_a_new_period_and_payments_at_once() {
    let mut two = Institutions::start(Storage::Sqlite).unwrap();
    let runtime = Runtime::new().unwrap();
    let (owner, payee) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let start = text(&clock(&two, &["show"]).json, "/institutions/0/reading/now");
    let limits = json!({
        "receiveAmount": {"value": "10000", "assetCode": "USD", "assetScale": 2},
        "interval": format!("R3/{start}/P1M"),
    });
    let (client, at, granted) = granted(&two, &runtime, &owner, limits);
    let token = text(&granted, "/access_token/value");

    let (first, planned) = runtime.block_on(async {
        let payments = (0..6).map(|_| pay(&two, &client, &at, &token, &owner, &payee));
        let made = futures::future::join_all(payments).await;
        assert!(made.iter().all(|(status, _)| *status == 201), "{made:?}");
        let planned: u64 =
            made.iter().map(|(_, made)| text(made, "/receiveAmount/value").parse::<u64>().unwrap()).sum();
        have_ended(&two, &made.iter().map(|(_, made)| id(made)).collect::<Vec<_>>()).await;
        let payer = Payer::sign_in(&two).await;
        let agreement = payer.agreement().await;
        (both(&client, &at, &token, &payer, &agreement).await, planned)
    });
    assert!(first >= planned, "{first} arrived, {planned} was agreed, so the count is that of the ends");

    ahead(&clock(&two, &["advance", "1mo"]));
    let (status, rotated) =
        runtime.block_on(client.call(Method::POST, &text(&granted, "/access_token/manage"), None, None));
    assert_eq!(status, 200, "{rotated}");
    let token = text(&rotated, "/access_token/value");
    runtime.block_on(async {
        // The session has ended in this month.
        let payer = Payer::sign_in(&two).await;
        let agreement = payer.agreement().await;
        assert_eq!(both(&client, &at, &token, &payer, &agreement).await, 0, "a new period");
        let (status, made) = pay(&two, &client, &at, &token, &owner, &payee).await;
        assert_eq!(status, 201, "{made}");
        have_ended(&two, &[id(&made)]).await;
        let second = both(&client, &at, &token, &payer, &agreement).await;
        assert!(second > 0 && second < first, "{second} of {first}");
    });
    two.assert_conserved();
}
