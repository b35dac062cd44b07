//! Two institutions and the shop of the second: ordering, the payer's decision, and what has been paid.
//!
//! The payer decides over the interaction API, as a wallet does.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use testkit::until;
use tokio::runtime::Runtime;
use url::Url;

use super::browser::{Browser, Page};
use crate::asking::client;
use crate::institutions::{Institutions, Side, Storage};
use crate::separate::environment::RoleFile;

pub(super) const WITHIN: Duration = Duration::from_mins(1);

pub(super) struct Scene {
    pub(super) two: Institutions,
    pub(super) runtime: Runtime,
    /// The shop of the second institution.
    pub(super) shop: Url,
}

impl Scene {
    pub(super) fn start(storage: Storage) -> Option<Self> {
        let two = Institutions::start(storage)?;
        let shop = Url::parse(two.facts(Side::HappyLife)["shopUrl"].as_str().unwrap()).unwrap();
        Some(Self { two, runtime: Runtime::new().unwrap(), shop })
    }

    /// Orders, and gives the page that leads to the wallet.
    pub(super) async fn order(&self, browser: &Browser, slug: &str, wallet: &str) -> Page {
        let form = browser.open(&self.shop.join(&format!("buy/{slug}")).unwrap()).await;
        let page = browser.submit(&form, &format!("/buy/{slug}"), &[("wallet", wallet)]).await;
        // A double click.
        let again = browser.submit(&form, &format!("/buy/{slug}"), &[("wallet", wallet)]).await;
        assert_eq!((page.status, &page.url), (200, &again.url), "{}", page.text);
        page
    }

    /// What the payer does at the wallet. Gives the way back.
    pub(super) async fn decide(&self, browser: &Browser, side: Side, page: &Page, choice: &str) -> Url {
        decide(&self.two.data_dir().join(side.slug()), browser, page, choice).await
    }

    /// Looks at a page until it says `text`.
    pub(super) async fn becomes(&self, browser: &Browser, url: &Url, text: &str) -> Page {
        let mut url = url.clone();
        url.set_query(None);
        let said = until(WITHIN, || async {
            let page = browser.open(&url).await;
            page.text.contains(text).then_some(page)
        });
        match said.await {
            Some(page) => page,
            None => panic!("{url} never said {text:?}:\n{}", browser.open(&url).await.text),
        }
    }

    /// When the shop looks at a waiting period again.
    pub(super) fn next_look(&self) -> i64 {
        let file = self.two.data_dir().join(Side::HappyLife.slug()).join("shop.db");
        let database = rusqlite::Connection::open(file).unwrap();
        let sql = "SELECT COALESCE(MAX(due_at), 0) FROM shop_transfers";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// How much the shop's address has got in payments, in cents.
    pub(super) async fn shop_got(&self) -> u64 {
        self.sum(Side::HappyLife, "planex", "incomingPayments", "receivedAmount").await.0
    }

    /// The sum of an amount of all payments of a wallet address, and how many of them there are with more than nothing.
    pub(super) async fn sum(&self, side: Side, address: &str, kind: &str, amount: &str) -> (u64, usize) {
        sum(&self.two.facts(side), &self.two.address(side, address), kind, amount).await
    }
}

/// What the payer does at the wallet of the institution whose files are in `folder`. Gives the way back.
pub(crate) async fn decide(folder: &Path, browser: &Browser, page: &Page, choice: &str) -> Url {
    let auth = RoleFile::read(folder, "auth");
    let redirect = page.after("class=\"button main wide\"", "href");
    let begun = browser.http.get(&redirect).send().await.unwrap();
    let header = |answer: &reqwest::Response, name| answer.headers()[name].to_str().unwrap().to_owned();
    let lines = begun.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
    let cookie = lines.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
    let asked = Url::parse(&header(&begun, LOCATION)).unwrap();
    let query = |name: &str| asked.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let (id, nonce) = (query("interactId"), query("nonce"));
    let interaction = format!("http://localhost:{}", auth.get("INTERACTION_PORT"));
    let url = format!("{interaction}/grant/{id}/{nonce}/{choice}");
    let decided =
        browser.http.post(url).header("x-idp-secret", auth.get("IDENTITY_SERVER_SECRET")).send().await.unwrap();
    assert_eq!(decided.status(), 202);
    let finish = Url::parse(&redirect).unwrap().join(&format!("/interact/{id}/{nonce}/finish")).unwrap();
    let finished = browser.http.get(finish).header(COOKIE, cookie).send().await.unwrap();
    Url::parse(&header(&finished, LOCATION)).unwrap()
}

/// The sum of an amount of all payments of a wallet address, and how many of them there are with more than nothing.
pub(crate) async fn sum(facts: &Value, address: &str, kind: &str, amount: &str) -> (u64, usize) {
    let query = format!(
        "query P($id: String!) {{ walletAddress(id: $id) {{ {kind}(first: 100) {{ edges {{ node {{ {amount} {{ value }} }} }} }} }} }}"
    );
    let admin = client(facts);
    let address = admin.wallet_address_by_url(address).await.unwrap();
    let url = Url::parse(facts["adminUrl"].as_str().unwrap()).unwrap();
    let body = serde_json::json!({"query": query, "variables": {"id": address.unwrap().id}});
    let answer = admin.post(&url, body, admin_signature::Audience::Backend).await.unwrap();
    let answer: Value = answer.json().unwrap();
    let edges = answer["data"]["walletAddress"][kind]["edges"].as_array().unwrap();
    let value = |edge: &Value| edge["node"][amount]["value"].as_str().unwrap().parse::<u64>().unwrap();
    let values: Vec<u64> = edges.iter().map(value).filter(|value| *value > 0).collect();
    (values.iter().sum(), values.len())
}
