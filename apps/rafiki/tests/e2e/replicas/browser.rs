//! A customer's browser, without scripts: it fills in the forms of the wallet, and tries again while the wallet or what it
//! needs is down.
//!
//! It knows the pages only as a browser does.

use std::sync::Mutex;
use std::time::Duration;

use testkit::until;

const PASSWORD: &str = "a rainy day in march";
const PATIENCE: Duration = Duration::from_mins(3);

/// The browser of one customer.
pub(super) struct Browser {
    wallet: String,
    client: reqwest::Client,
    cookie: Mutex<String>,
}

/// What a request brought.
struct Answer {
    status: u16,
    location: String,
    text: String,
}

impl Browser {
    /// A browser that is at this wallet.
    pub(super) fn at(wallet: &str) -> Self {
        // Nothing here uses TLS. The client still needs the provider of the system under test.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(Duration::from_secs(20)).build().unwrap();
        Self { wallet: wallet.trim_end_matches('/').to_owned(), client, cookie: Mutex::default() }
    }

    /// Signs up, and opens an account with play money. Returns the id of the account.
    pub(super) async fn becomes_customer(&self, slug: &str, asset: &str, money: &str) -> String {
        let email = format!("{slug}@example.com");
        let fields = [("name", slug), ("email", &email), ("password", PASSWORD), ("again", PASSWORD), ("terms", "yes")];
        self.fill_in("/sign-up", "/sign-up", &fields).await;
        let opened =
            self.fill_in("/accounts/open", "/accounts/open", &[("asset", asset), ("name", slug), ("path", slug)]).await;
        let account = opened.split(['/', '?']).nth(2).unwrap().to_owned();
        let page = format!("/accounts/{account}");
        self.fill_in(&page, &format!("{page}/top-up"), &[("amount", money)]).await;
        account
    }

    /// Sends so much to an address, in four steps. Returns the id of the payment.
    pub(super) async fn sends(&self, account: &str, to: &str, amount: &str) -> String {
        let draft = self.fill_in("/send", "/send", &[("to", to), ("account", account)]).await;
        let draft = draft.trim_end_matches("/review").to_owned();
        let fields = [("amount", amount), ("fixed", "receive"), ("note", "")];
        let review = self.fill_in(&draft, &draft, &fields).await;
        let done = if review.ends_with("/review") { self.fill_in(&review, &review, &[]).await } else { review };
        let payment = until(PATIENCE, || async {
            let answer = self.get(&done).await?;
            answer.location.strip_prefix("/history/").map(str::to_owned)
        });
        payment.await.unwrap_or_else(|| panic!("{done} leads to no payment"))
    }

    /// Fills in the form on `page` that is sent to `action`, until that leads on. Returns where it leads.
    pub(super) async fn fill_in(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> String {
        let last = Mutex::new(String::new());
        let led = until(PATIENCE, || async {
            let shown = self.get(page).await?;
            if shown.status == 303 {
                // It was sent before, and the answer was lost.
                return Some(shown.location);
            }
            let form = shown.text.split(&format!("action=\"{action}\"")).nth(1)?;
            let hidden = form.split("</form>").next()?.split("<input type=\"hidden\" name=\"").skip(1);
            let hidden = hidden.filter_map(|rest| {
                let (name, rest) = rest.split_once("\" value=\"")?;
                Some((name, rest.split('"').next()?))
            });
            let all: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
            let answer = self.post(action, &all).await?;
            *last.lock().unwrap() = answer.text;
            (answer.status == 303).then_some(answer.location)
        });
        led.await.unwrap_or_else(|| panic!("the form {action} leads nowhere: {}", last.lock().unwrap()))
    }

    /// The text of a page, as soon as it says this.
    pub(super) async fn reads(&self, path: &str, says: &str) -> String {
        let last = Mutex::new(String::new());
        let read = until(PATIENCE, || async {
            let text = self.get(path).await?.text;
            last.lock().unwrap().clone_from(&text);
            text.contains(says).then_some(text)
        });
        read.await.unwrap_or_else(|| panic!("{path} never says {says:?}: {}", last.lock().unwrap()))
    }

    /// Where an address leads.
    pub(super) async fn leads(&self, path: &str) -> String {
        let led = until(PATIENCE, || async { self.get(path).await.map(|answer| answer.location) });
        led.await.unwrap_or_else(|| panic!("{path} is never answered"))
    }

    async fn get(&self, path: &str) -> Option<Answer> {
        self.call(self.client.get(format!("{}{path}", self.wallet))).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(format!("{}{path}", self.wallet));
        self.call(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// `None` while the wallet is down.
    async fn call(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let cookie = self.cookie.lock().unwrap().clone();
        let response = request.header("cookie", cookie).send().await.ok()?;
        for line in response.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            if pair.starts_with("wallet_session") {
                pair.clone_into(&mut self.cookie.lock().unwrap());
            }
        }
        let location = response.headers().get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        (status < 500).then_some(Answer { status, location, text })
    }
}
