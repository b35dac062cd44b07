//! Every flow of Open Payments, walked by a client: from the reading of a wallet address to a payment that arrived.
//!
//! The owner's consent is given over the interaction API, as an identity provider gives it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::until;
use url::Url;

use super::caller::{Call, Caller};

const ARRIVES_WITHIN: Duration = Duration::from_mins(1);
const CLIENT_NONCE: &str = "a-nonce-of-the-client";

/// Who pays whom, and where consent is told.
pub(super) struct Walk<'a> {
    pub(super) caller: &'a Caller,
    /// The wallet address that is paid.
    pub(super) payee: String,
    /// The interaction API of the payer's authorization server.
    pub(super) interaction: String,
    pub(super) idp_secret: String,
}

/// What a walk leaves.
pub(super) struct Walked {
    /// The URL of the incoming payment that was paid.
    pub(super) incoming: String,
    /// A token for incoming payments of the payee.
    pub(super) token: String,
    /// The resource server of the payee.
    pub(super) resource_server: String,
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}")).to_owned()
}

fn usd(value: u64) -> Value {
    json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2})
}

impl Walk<'_> {
    /// Walks the whole way, and checks each answer.
    pub(super) async fn go(&self) -> Walked {
        let payer = self.caller.ask(Call::get(&self.caller.identity)).await;
        let payee = self.caller.ask(Call::get(&self.payee)).await;
        let keys = self.caller.ask(Call::get(&format!("{}/jwks.json", self.caller.identity))).await;
        assert!(!keys["keys"].as_array().unwrap().is_empty(), "{keys}");
        assert_eq!(text(&payee, "/id"), self.payee);

        let (payer_auth, payee_auth) = (text(&payer, "/authServer"), text(&payee, "/authServer"));
        let (payer_server, payee_server) = (text(&payer, "/resourceServer"), text(&payee, "/resourceServer"));
        let origin_of_auth = origin(&payer_auth);
        let discovered = self.caller.ask(Call::get(&format!("{origin_of_auth}/discovery"))).await;
        assert_eq!(text(&discovered, "/grant_request_endpoint"), format!("{origin_of_auth}/{{tenantId}}"));

        let access = json!([{"type": "incoming-payment", "actions": ["create", "read", "list", "complete"]}]);
        let granted = self.grant(&payee_auth, &access, None).await;
        let token = text(&granted, "/access_token/value");
        let incoming = self.incoming(&payee_server, &token).await;

        let access = json!([{"type": "quote", "actions": ["create", "read"]}]);
        let quote = self.quote(&payer_auth, &payer_server, &access, &incoming).await;
        self.pay(&payer_auth, &payer_server, &quote, &incoming).await;
        self.arrived(&incoming, &token).await;
        let token = self.tokens(&payee_auth, &payee_server, &granted, &incoming).await;
        Walked { incoming, token, resource_server: payee_server }
    }

    /// Asks for a grant.
    pub(super) async fn grant(&self, auth_server: &str, access: &Value, interact: Option<Value>) -> Value {
        let mut body = json!({"access_token": {"access": access}, "client": self.caller.identity});
        if let Some(interact) = interact {
            body["interact"] = interact;
        }
        self.caller.ask(Call::post(auth_server, &body)).await
    }

    async fn incoming(&self, server: &str, token: &str) -> String {
        let url = format!("{server}/incoming-payments");
        let body = json!({"walletAddress": self.payee, "incomingAmount": usd(500), "metadata": {"order": "ä1"}});
        let made = self.caller.ask(Call::post(&url, &body).with(token)).await;
        let id = text(&made, "/id");
        assert!(id.starts_with("https://localhost:"), "{id}");
        let read = self.caller.ask(Call::get(&id).with(token)).await;
        assert_eq!(read["metadata"], json!({"order": "ä1"}));
        let list = format!("{url}?wallet-address={}&first=1", urlencoded(&self.payee));
        let listed = self.caller.ask(Call::get(&list).with(token)).await;
        assert_eq!(text(&listed, "/result/0/id"), id);
        // Without signature and token: what everybody may see.
        let public: Value = public(self.caller, &id).await;
        assert_eq!(public["receivedAmount"], usd(0));
        id
    }

    async fn quote(&self, auth: &str, server: &str, access: &Value, receiver: &str) -> Value {
        let granted = self.grant(auth, access, None).await;
        let token = text(&granted, "/access_token/value");
        let body = json!({"walletAddress": self.caller.identity, "receiver": receiver, "method": "ilp"});
        let quote = self.caller.ask(Call::post(&format!("{server}/quotes"), &body).with(&token)).await;
        assert_eq!(quote["receiveAmount"], usd(500));
        assert_eq!(self.caller.ask(Call::get(&text(&quote, "/id")).with(&token)).await, quote);
        quote
    }

    /// Gets the owner's consent, and pays.
    async fn pay(&self, auth: &str, server: &str, quote: &Value, receiver: &str) {
        let limits = json!({"debitAmount": quote["debitAmount"], "receiver": receiver});
        let access = json!([{
            "type": "outgoing-payment", "actions": ["create", "read", "list"],
            "identifier": self.caller.identity, "limits": limits,
        }]);
        let finish = json!({"method": "redirect", "uri": "http://localhost:9/done?shop=1", "nonce": CLIENT_NONCE});
        let pending = self.grant(auth, &access, Some(json!({"start": ["redirect"], "finish": finish}))).await;
        let reference = self.consent(auth, &pending).await;

        let (uri, token) = (text(&pending, "/continue/uri"), text(&pending, "/continue/access_token/value"));
        let body = json!({"interact_ref": reference});
        let issued = until(ARRIVES_WITHIN, || async {
            // Refused with `too_fast` for a moment.
            let told = self.caller.send(Call::post(&uri, &body).with(&token)).await;
            told.status.is_success().then_some(told.json)
        });
        let token = text(&issued.await.expect("the grant continues"), "/access_token/value");

        let url = format!("{server}/outgoing-payments");
        let body = json!({"walletAddress": self.caller.identity, "quoteId": quote["id"], "metadata": {"for": "tea"}});
        let payment = self.caller.ask(Call::post(&url, &body).with(&token)).await;
        let id = text(&payment, "/id");
        let sent = until(ARRIVES_WITHIN, || async {
            let payment = self.caller.ask(Call::get(&id).with(&token)).await;
            assert_eq!(payment["failed"], false, "{payment}");
            (payment["sentAmount"]["value"] != "0").then_some(payment)
        });
        assert!(sent.await.is_some(), "the payment never ended");
        let list = format!("{url}?wallet-address={}&first=1", urlencoded(&self.caller.identity));
        assert_eq!(text(&self.caller.ask(Call::get(&list).with(&token)).await, "/result/0/id"), id);
        let spent = self.caller.ask(Call::get(&format!("{server}/outgoing-payment-grant")).with(&token)).await;
        assert_eq!(spent["spentDebitAmount"], quote["debitAmount"], "{spent}");
    }

    /// What a browser and an identity provider do between the client's request and its return. Gives the reference.
    async fn consent(&self, auth: &str, pending: &Value) -> String {
        let start = text(pending, "/interact/redirect");
        let begun = self.caller.http.get(&start).send().await.unwrap();
        let header = |answer: &reqwest::Response, name| answer.headers()[name].to_str().unwrap().to_owned();
        let lines = begun.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        let cookie = lines.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
        assert!(header(&begun, SET_COOKIE).to_ascii_lowercase().contains("secure"), "{:?}", begun.headers());
        let page = Url::parse(&header(&begun, LOCATION)).unwrap();
        let query = |url: &Url, name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
        };
        let (id, nonce) = (query(&page, "interactId"), query(&page, "nonce"));

        let decide = format!("{}/grant/{id}/{nonce}/accept", self.interaction);
        let decided = self.caller.http.post(decide).header("x-idp-secret", &self.idp_secret).send().await.unwrap();
        assert_eq!(decided.status(), 202);

        let finish = format!("{}/interact/{id}/{nonce}/finish", origin(&start));
        let finished = self.caller.http.get(finish).header(COOKIE, cookie).send().await.unwrap();
        let back = Url::parse(&header(&finished, LOCATION)).unwrap();
        let reference = query(&back, "interact_ref");
        let lines = [CLIENT_NONCE, &text(pending, "/interact/finish"), &reference, auth].join("\n");
        assert_eq!(query(&back, "hash"), STANDARD.encode(Sha256::digest(lines)));
        reference
    }

    async fn arrived(&self, incoming: &str, token: &str) {
        let arrived = until(ARRIVES_WITHIN, || async {
            let payment = self.caller.ask(Call::get(incoming).with(token)).await;
            (payment["completed"] == true).then_some(payment)
        });
        assert_eq!(arrived.await.expect("the payment arrives")["receivedAmount"], usd(500));
    }

    /// Completes a payment, rotates and revokes tokens, cancels a grant. Gives a token that is still good.
    async fn tokens(&self, auth: &str, server: &str, granted: &Value, paid: &str) -> String {
        let (manage, token) = (text(granted, "/access_token/manage"), text(granted, "/access_token/value"));
        let open = json!({"walletAddress": self.payee});
        let made = self.caller.ask(Call::post(&format!("{server}/incoming-payments"), &open).with(&token)).await;
        let complete = format!("{}/complete", text(&made, "/id"));
        let post = Call { method: Method::POST, ..Call::get(&complete) };
        assert_eq!(self.caller.ask(post.with(&token)).await["completed"], true);

        let rotate = Call { method: Method::POST, ..Call::get(&manage) };
        let rotated = self.caller.ask(rotate.with(&token)).await;
        let (manage, renewed) = (text(&rotated, "/access_token/manage"), text(&rotated, "/access_token/value"));
        assert_eq!(self.caller.send(Call::get(paid).with(&token)).await.status, 403, "the old token is worth nothing");
        assert!(self.caller.send(Call::get(paid).with(&renewed)).await.status.is_success());

        let access = json!([{"type": "incoming-payment", "actions": ["create", "read"]}]);
        let other = self.grant(auth, &access, None).await;
        let (uri, cancel) = (text(&other, "/continue/uri"), text(&other, "/continue/access_token/value"));
        let delete = Call { method: Method::DELETE, ..Call::get(&uri) };
        assert_eq!(self.caller.send(delete.with(&cancel)).await.status, 204);
        let gone = text(&other, "/access_token/value");
        assert_eq!(self.caller.send(Call::get(paid).with(&gone)).await.status, 403);

        let revoke = Call { method: Method::DELETE, ..Call::get(&manage) };
        assert_eq!(self.caller.send(revoke.with(&renewed)).await.status, 204);
        assert_eq!(self.caller.send(Call::get(paid).with(&renewed)).await.status, 403);
        let access = json!([{"type": "incoming-payment", "actions": ["create", "read", "list", "complete"]}]);
        text(&self.grant(auth, &access, None).await, "/access_token/value")
    }
}

async fn public(caller: &Caller, url: &str) -> Value {
    let answer = caller.http.get(url).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

fn origin(url: &str) -> String {
    Url::parse(url).unwrap().origin().ascii_serialization()
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
