//! The sample shop of the playground: a customer of the other institution buys, subscribes, and gets money back.
//!
//! The customer's consent is told over the interaction API. Its pages in a real browser are in `proof/browser`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use admin_client::AdminClient;
use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
use testkit::until;
use tokio::runtime::Runtime;
use url::Url;

use crate::asking::client;
use crate::institutions::{Institutions, Side, Storage};

const WITHIN: Duration = Duration::from_mins(1);
const DESK: &str = "Basic b3duZXI6cGxheSBzaG9wIGZvciBldmVyeW9uZQ==";

/// A browser that has no script: it keeps cookies, and follows the ways that it is told to.
struct Browser {
    http: reqwest::Client,
    cookies: RefCell<BTreeMap<String, String>>,
    /// What it sends to the desk.
    password: Option<&'static str>,
}

/// A page, and where it is.
struct Page {
    status: u16,
    url: Url,
    text: String,
}

impl Page {
    fn has(&self, text: &str) {
        assert!(self.text.contains(text), "{} does not say {text:?}:\n{}", self.url, self.text);
    }

    /// The value of an attribute after a piece of the page.
    fn after(&self, piece: &str, attribute: &str) -> String {
        let rest = self.text.split_once(piece).unwrap_or_else(|| panic!("no {piece} in {}", self.text)).1;
        let value = rest.split_once(&format!("{attribute}=\"")).expect("the attribute").1;
        value.split_once('"').expect("its end").0.replace("&amp;", "&").replace("&#38;", "&")
    }
}

impl Browser {
    fn new(password: Option<&'static str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, cookies: RefCell::default(), password }
    }

    async fn open(&self, url: &Url) -> Page {
        self.go(self.http.get(url.clone()), url).await
    }

    async fn submit(&self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let once = page.after(&format!("action=\"{action}\""), "value");
        let url = page.url.join(action).unwrap();
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("once", &once).extend_pairs(fields);
        let call = self.http.post(url.clone()).header("content-type", "application/x-www-form-urlencoded");
        self.go(call.body(body.finish()), &url).await
    }

    /// Follows redirects as far as they lead to the same server.
    async fn go(&self, call: reqwest::RequestBuilder, url: &Url) -> Page {
        let (mut call, mut url) = (call, url.clone());
        for _ in 0..10 {
            let cookies =
                self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            call = call.header(COOKIE, cookies.join("; "));
            if let Some(password) = self.password {
                call = call.header(AUTHORIZATION, password);
            }
            let answer = call.send().await.unwrap();
            for line in answer.headers().get_all(SET_COOKIE) {
                let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
            let location = answer.headers().get(LOCATION).map(|to| url.join(to.to_str().unwrap()).unwrap());
            match location {
                Some(to) if to.origin() == url.origin() => {
                    call = self.http.get(to.clone());
                    url = to;
                }
                _ => {
                    let status = answer.status().as_u16();
                    return Page { status, url, text: answer.text().await.unwrap() };
                }
            }
        }
        panic!("redirected in a circle at {url}");
    }
}

struct Scene {
    two: Institutions,
    runtime: Runtime,
    shop: Url,
}

impl Scene {
    fn start(storage: Storage) -> Option<Self> {
        let two = Institutions::start(storage)?;
        let shop = Url::parse(two.facts(Side::HappyLife)["shopUrl"].as_str().unwrap()).unwrap();
        Some(Self { two, runtime: Runtime::new().unwrap(), shop })
    }

    fn admin(&self) -> AdminClient {
        client(&self.two.facts(Side::HappyLife))
    }

    fn variable(&self, side: Side, role: &str, name: &str) -> String {
        let file = self.two.data_dir().join(side.slug()).join(format!("{role}.env"));
        let text = std::fs::read_to_string(file).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        value.trim_matches(['"', '\'']).to_owned()
    }

    /// Orders, and gives the page that leads to the wallet.
    async fn order(&self, browser: &Browser, slug: &str, wallet: &str) -> Page {
        let form = browser.open(&self.shop.join(&format!("buy/{slug}")).unwrap()).await;
        let page = browser.submit(&form, &format!("/buy/{slug}"), &[("wallet", wallet)]).await;
        // A double click.
        let again = browser.submit(&form, &format!("/buy/{slug}"), &[("wallet", wallet)]).await;
        assert_eq!((page.status, &page.url), (200, &again.url), "{}", page.text);
        page
    }

    /// What the payer does at the wallet. Gives the way back.
    async fn decide(&self, browser: &Browser, side: Side, page: &Page, choice: &str) -> Url {
        let redirect = page.after("class=\"button main wide\"", "href");
        let begun = browser.http.get(&redirect).send().await.unwrap();
        let header = |answer: &reqwest::Response, name| answer.headers()[name].to_str().unwrap().to_owned();
        let lines = begun.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        let cookie = lines.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
        let asked = Url::parse(&header(&begun, LOCATION)).unwrap();
        let query = |name: &str| asked.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let (id, nonce) = (query("interactId"), query("nonce"));
        let interaction = format!("http://localhost:{}", self.variable(side, "auth", "INTERACTION_PORT"));
        let secret = self.variable(side, "auth", "IDENTITY_SERVER_SECRET");
        let url = format!("{interaction}/grant/{id}/{nonce}/{choice}");
        let decided = browser.http.post(url).header("x-idp-secret", secret).send().await.unwrap();
        assert_eq!(decided.status(), 202);
        let finish = Url::parse(&redirect).unwrap().join(&format!("/interact/{id}/{nonce}/finish")).unwrap();
        let finished = browser.http.get(finish).header(COOKIE, cookie).send().await.unwrap();
        Url::parse(&header(&finished, LOCATION)).unwrap()
    }

    /// Looks at a page until it says `text`.
    async fn becomes(&self, browser: &Browser, url: &Url, text: &str) -> Page {
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
    fn next_look(&self) -> i64 {
        let file = self.two.data_dir().join(Side::HappyLife.slug()).join("shop.db");
        let database = rusqlite::Connection::open(file).unwrap();
        let sql = "SELECT COALESCE(MAX(due_at), 0) FROM shop_transfers";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// How much the shop's address has got in payments, in cents.
    async fn shop_got(&self) -> u64 {
        let query = "query P($id: String!) { walletAddress(id: $id) { incomingPayments(first: 100) \
                     { edges { node { receivedAmount { value } } } } } }";
        let address = self.admin().wallet_address_by_url(&self.two.address(Side::HappyLife, "planex")).await.unwrap();
        let url = Url::parse(self.two.facts(Side::HappyLife)["adminUrl"].as_str().unwrap()).unwrap();
        let body = serde_json::json!({"query": query, "variables": {"id": address.unwrap().id}});
        let answer = self.admin().post(&url, body, admin_signature::Audience::Backend).await.unwrap();
        let answer: serde_json::Value = answer.json().unwrap();
        let edges = answer["data"]["walletAddress"]["incomingPayments"]["edges"].as_array().unwrap();
        edges.iter().map(|edge| edge["node"]["receivedAmount"]["value"].as_str().unwrap().parse::<u64>().unwrap()).sum()
    }
}

#[test]
fn a_customer_of_the_other_institution_buys_once_and_gets_the_money_back_once() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let Some(mut scene) = Scene::start(storage) else { continue };
        let (customer, owner) = (Browser::new(None), Browser::new(Some(DESK)));
        let wallet = scene.two.address(Side::CloudNine, "gfranklin");
        scene.runtime.block_on(async {
            let catalogue = customer.open(&scene.shop).await;
            catalogue.has("Courage");
            catalogue.has("20.00\u{a0}USD");

            let asking = scene.order(&customer, "courage", &wallet).await;
            asking.has("Now your wallet asks you");
            let back = scene.decide(&customer, Side::CloudNine, &asking, "accept").await;

            // Somebody who makes up a way back does not get an order for nothing, and neither does another browser.
            let mut forged = back.clone();
            forged.set_query(Some("interact_ref=x&hash=y"));
            assert_eq!(customer.open(&forged).await.status, 403);
            assert_eq!(Browser::new(None).open(&back).await.status, 404);

            let order = customer.open(&back).await;
            let paid = scene.becomes(&customer, &order.url, "Thank you! It is paid.").await;
            customer.open(&back).await.has("Thank you! It is paid.");
            assert_eq!(scene.shop_got().await, 2000, "the price arrived once");

            // The owner gives it back, and the shop's own wallet asks.
            let id = paid.url.path().rsplit('/').next().unwrap().to_owned();
            let desk = scene.shop.join(&format!("desk/{id}")).unwrap();
            assert_eq!(customer.open(&desk).await.status, 401);
            let page = owner.open(&desk).await;
            page.has("Give back 20.00");
            let asking = owner.submit(&page, &format!("/desk/{id}/refund"), &[]).await;
            owner.submit(&page, &format!("/desk/{id}/refund"), &[]).await;
            let back = scene.decide(&owner, Side::HappyLife, &asking, "accept").await;
            owner.open(&back).await;
            let given = scene.becomes(&owner, &desk, "badge done\">Paid</span></span></li></ul>").await;
            given.has("Refund");
            assert!(!given.text.contains("Give back"), "{}", given.text);
        });
        scene.two.assert_conserved();
    }
}

#[test]
fn an_order_that_the_customer_refuses_is_not_paid_and_wrong_wallets_are_named() {
    let mut scene = Scene::start(Storage::Sqlite).unwrap();
    let customer = Browser::new(None);
    scene.runtime.block_on(async {
        let form = customer.open(&scene.shop.join("buy/luck").unwrap()).await;
        for (wallet, told) in [
            ("what is this", "Write a payment pointer"),
            ("https://localhost:9/nobody", "No wallet answers"),
            (&scene.two.address(Side::HappyLife, "planex"), "the wallet of the shop itself"),
        ] {
            let page = customer.submit(&form, "/buy/luck", &[("wallet", wallet)]).await;
            assert_eq!(page.status, 422, "{}", page.text);
            page.has(told);
        }
        let asking = scene.order(&customer, "luck", &scene.two.address(Side::CloudNine, "gfranklin")).await;
        let back = scene.decide(&customer, Side::CloudNine, &asking, "reject").await;
        customer.open(&back).await.has("You did not allow the payment");
        let poor = scene.order(&customer, "luck", &scene.two.address(Side::CloudNine, "broke")).await;
        let back = scene.decide(&customer, Side::CloudNine, &poor, "accept").await;
        let order = customer.open(&back).await;
        scene.becomes(&customer, &order.url, "Is there enough money in the account?").await;
        assert_eq!(scene.shop_got().await, 0);
    });
    scene.two.assert_conserved();
}

#[test]
fn a_subscription_is_paid_once_each_month_until_the_customer_ends_it() {
    let mut scene = Scene::start(Storage::Sqlite).unwrap();
    let customer = Browser::new(None);
    let wallet = scene.two.address(Side::CloudNine, "gfranklin");
    let moved = |by: &str| {
        let moved = scene.two.rafiki("clock", &["advance", by]);
        assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    };
    let order = scene.runtime.block_on(async {
        let asking = scene.order(&customer, "serenity", &wallet).await;
        let back = scene.decide(&customer, Side::CloudNine, &asking, "accept").await;
        let order = customer.open(&back).await;
        scene.becomes(&customer, &order.url, "Thank you! It is paid.").await;
        assert_eq!(scene.shop_got().await, 500);
        order.url
    });
    for month in 2..4_u64 {
        // Before the month ends the shop has exchanged its token, which the wallet would forget otherwise.
        let looked = scene.next_look();
        moved("20d");
        let renewed = scene.runtime.block_on(until(WITHIN, || async { (scene.next_look() > looked).then_some(()) }));
        assert!(renewed.is_some(), "the token is exchanged");
        moved("12d");
        scene.runtime.block_on(async {
            let page = scene.becomes(&customer, &order, &format!("Month {month}")).await;
            page.has("You pay each month, until you end it.");
            let paid = until(WITHIN, || async { (scene.shop_got().await == month * 500).then_some(()) });
            assert!(paid.await.is_some(), "month {month}: {}", scene.shop_got().await);
            let done = until(WITHIN, || async {
                let page = customer.open(&order).await;
                (page.text.matches("badge done").count() == usize::try_from(month).unwrap()).then_some(())
            });
            assert!(done.await.is_some(), "month {month} is paid");
        });
    }
    scene.runtime.block_on(async {
        let page = customer.open(&order).await;
        let action = format!("{}/end", order.path());
        customer.submit(&page, &action, &[]).await.has("You have ended the subscription.");
    });
    moved("31d");
    moved("31d");
    scene.runtime.block_on(async {
        // Another purchase shows that the shop has looked since.
        let asking = scene.order(&customer, "courage", &wallet).await;
        let back = scene.decide(&customer, Side::CloudNine, &asking, "accept").await;
        let bought = customer.open(&back).await;
        scene.becomes(&customer, &bought.url, "Thank you! It is paid.").await;
        assert_eq!(scene.shop_got().await, 3 * 500 + 2000);
    });
    scene.two.assert_conserved();
}
