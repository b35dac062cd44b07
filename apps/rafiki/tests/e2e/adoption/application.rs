//! An application of somebody else, which reaches the adopter over Open Payments only.
//!
//! It also does what its user does in a browser: reading the consent page, and answering it.

use std::sync::Arc;
use std::time::Duration;

use http_signatures::{Signer, SigningKey};
use outbound_http::{Request, Response};
use serde_json::{Value, json};
use testkit::until;
use url::Url;

use super::entity::PIN;
use crate::asking::outbound;

const WITHIN: Duration = Duration::from_mins(1);

/// Known by a wallet address of another institution.
pub(crate) struct Application {
    identity: String,
    signer: Arc<Signer>,
}

/// A right to pay from a customer's account.
pub(crate) struct Right {
    token: String,
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}")).to_owned()
}

/// Wallet addresses are https, and the playground is called over http.
fn called(url: &str) -> Url {
    Url::parse(&url.replace("https://", "http://")).unwrap()
}

impl Application {
    /// An application whose key is published at `identity`.
    pub(crate) async fn new(identity: &str, key_pem: &str) -> Self {
        let keys = called(&format!("{identity}/jwks.json"));
        let keys: Value = outbound().send(Request::get(keys).configured()).await.unwrap().json().unwrap();
        let signer = Signer::new(SigningKey::from_text(key_pem).unwrap(), &text(&keys, "/keys/0/kid")).unwrap();
        Self { identity: identity.to_owned(), signer: Arc::new(signer) }
    }

    async fn post(&self, url: &str, token: Option<&str>, body: &Value) -> Response {
        let mut request = Request::post_json(called(url), body).unwrap().configured();
        if let Some(token) = token {
            request = request.authorization(&format!("GNAP {token}"));
        }
        outbound().send(request.signed(self.signer.clone())).await.unwrap()
    }

    /// The document of a wallet address.
    async fn document(&self, address: &str) -> Value {
        outbound().send(Request::get(called(address)).configured()).await.unwrap().json().unwrap()
    }

    /// The URL of a kind of resources at the server of a wallet address.
    async fn resources(&self, address: &str, kind: &str) -> String {
        format!("{}/{kind}", text(&self.document(address).await, "/resourceServer"))
    }

    /// Asks for a grant. The answer has a token, or asks for interaction.
    async fn grant(&self, owner: &str, access: Value) -> Value {
        let address = self.document(owner).await;
        let finish = json!({"method": "redirect", "uri": "http://localhost:9/back", "nonce": "n"});
        let body = json!({
            "access_token": {"access": [access]}, "client": self.identity,
            "interact": {"start": ["redirect"], "finish": finish},
        });
        let answer = self.post(&text(&address, "/authServer"), None, &body).await;
        assert!(answer.status.is_success(), "{}", answer.excerpt());
        answer.json().unwrap()
    }

    /// An incoming payment at `owner`, made without anybody's consent.
    pub(crate) async fn incoming(&self, owner: &str, asked: Option<u64>) -> String {
        let granted = self.grant(owner, json!({"type": "incoming-payment", "actions": ["create", "read"]})).await;
        let mut body = json!({"walletAddress": owner});
        if let Some(cents) = asked {
            body["incomingAmount"] = usd(cents);
        }
        let url = self.resources(owner, "incoming-payments").await;
        let answer = self.post(&url, Some(&text(&granted, "/access_token/value")), &body).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.excerpt());
        text(&answer.json().unwrap(), "/id")
    }

    /// A quote for `payer`, if the institution gives quotes to applications.
    pub(crate) async fn quote(&self, payer: &str, receiver: &str) -> Option<Value> {
        // Without an owner nobody could be asked for consent.
        let access = json!({"type": "quote", "actions": ["create", "read"], "identifier": payer});
        let granted = self.grant(payer, access).await;
        let token = granted.pointer("/access_token/value")?.as_str()?.to_owned();
        let body = json!({"walletAddress": payer, "receiver": receiver, "method": "ilp"});
        let answer = self.post(&self.resources(payer, "quotes").await, Some(&token), &body).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.excerpt());
        Some(answer.json().unwrap())
    }

    /// Asks `payer` for the right to pay, as an application does that sends its user to the consent page. `None` if the
    /// institution has no such page.
    pub(crate) async fn right(&self, payer: &str, cents: u64) -> Option<Right> {
        let path = payer.rsplit('/').next().unwrap();
        self.right_given(payer, cents, async |start| answer_consent(&start, path).await).await
    }

    /// The same, where `consent` does what the user does from this address on. It gives the way back.
    pub(crate) async fn right_given(
        &self,
        payer: &str,
        cents: u64,
        consent: impl AsyncFnOnce(String) -> Option<Url>,
    ) -> Option<Right> {
        let limits = json!({"debitAmount": usd(cents)});
        let access = json!({
            "type": "outgoing-payment", "actions": ["create", "read"], "identifier": payer, "limits": limits,
        });
        let pending = self.grant(payer, access).await;
        let back = consent(text(&pending, "/interact/redirect")).await?;
        let reference = query(&back, "interact_ref").expect("the user has agreed");
        let (uri, token) = (text(&pending, "/continue/uri"), text(&pending, "/continue/access_token/value"));
        let issued = until(WITHIN, || async {
            // Refused for a moment, because an application must not ask too often.
            let answer = self.post(&uri, Some(&token), &json!({"interact_ref": reference})).await;
            answer.status.is_success().then(|| answer.json::<Value>().unwrap())
        });
        Some(Right { token: text(&issued.await.expect("the grant continues"), "/access_token/value") })
    }

    /// Pays with a right. Returns the URL of the payment.
    pub(crate) async fn pay(&self, right: &Right, payer: &str, receiver: &str, cents: u64) -> String {
        let answer = self.tries_to_pay(right, payer, receiver, cents).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.excerpt());
        text(&answer.json().unwrap(), "/id")
    }

    /// The same. Returns the answer, whatever it is.
    pub(crate) async fn tries_to_pay(&self, right: &Right, payer: &str, receiver: &str, cents: u64) -> Response {
        let body = json!({"walletAddress": payer, "incomingPayment": receiver, "debitAmount": usd(cents)});
        self.post(&self.resources(payer, "outgoing-payments").await, Some(&right.token), &body).await
    }
}

/// What a browser does: it follows the redirect, shows the page, sends the form, and follows the way back.
async fn answer_consent(start: &str, path: &str) -> Option<Url> {
    let header = |answer: &Response, name: &str| answer.headers[name].to_str().unwrap().to_owned();
    let begun = outbound().send(Request::get(called(start)).configured()).await.unwrap();
    let lines = begun.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let cookie = lines.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
    let page = Url::parse(&header(&begun, "location")).unwrap();
    let shown = outbound().send(Request::get(page.clone()).configured()).await.unwrap();
    if shown.status.as_u16() == 404 {
        return None;
    }
    let html = String::from_utf8(shown.body.to_vec()).unwrap();
    assert!(html.contains("create, read outgoing-payments") && html.contains("at most"), "{html}");

    let mut form = page.clone();
    form.set_query(None);
    let answer = async |pin: &str| {
        let fields = [("interactId", query(&page, "interactId")?), ("nonce", query(&page, "nonce")?)];
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields).extend_pairs([("path", path), ("pin", pin), ("choice", "accept")]);
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        let request = Request::post(form.clone()).configured().header("content-type".parse().unwrap(), kind);
        Some(outbound().send(request.body(body.finish().into())).await.unwrap())
    };
    assert_eq!(answer("0000").await?.status.as_u16(), 403, "a wrong PIN decides nothing");
    let decided = answer(PIN).await?;
    assert_eq!(decided.status.as_u16(), 303, "{}", decided.excerpt());
    let finish = Url::parse(&header(&decided, "location")).unwrap();
    let request = Request::get(finish).configured().header("cookie".parse().unwrap(), cookie.parse().unwrap());
    let finished = outbound().send(request).await.unwrap();
    Some(Url::parse(&header(&finished, "location")).unwrap())
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn usd(cents: u64) -> Value {
    json!({"value": cents.to_string(), "assetCode": "USD", "assetScale": 2})
}
