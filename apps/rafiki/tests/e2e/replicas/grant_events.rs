//! What happens to grants, from the authorization server by way of the backend to a tenant's endpoint: roles as
//! processes of their own, also while the backend is away.
//!
//! Who is told what, and in which order, is tested in `auth-api` and `webhooks`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_client::{AdminClient, DeliverySelection, Key, Mutation, PageRequest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use clock::SystemEntropy;
use http_signatures::{Signer, SigningKey};
use outbound_http::Request;
use serde_json::{Value, json};
use testkit::until;
use url::Url;

use super::{Replicated, Staff};
use crate::asking::{insist, outbound};
use crate::institutions::{Side, Storage};

/// The events about a grant that is made and cancelled.
const KINDS: [&str; 2] = ["grant.created", "grant.revoked"];

/// The endpoint of a tenant that wants to be told of grants.
#[derive(Clone, Default)]
struct Endpoint(Arc<Mutex<Vec<Value>>>);

async fn event(State(endpoint): State<Endpoint>, body: Bytes) {
    endpoint.0.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
}

impl Endpoint {
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/grants", listener.local_addr().unwrap().port());
        let router = Router::new().fallback(event).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    /// The type of each event so far, and the grant that it is about.
    fn told(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.0.lock().unwrap().iter().map(|event| (text(&event["type"]), text(&event["data"]["id"]))).collect()
    }

    /// What was told when there are `number` events.
    async fn hears(&self, number: usize) -> Vec<(String, String)> {
        let told = until(Duration::from_mins(2), || async {
            let told = self.told();
            (told.len() >= number).then_some(told)
        });
        told.await.unwrap_or_else(|| panic!("{number} events are told, not only {:?}", self.told()))
    }
}

/// Waits until the backend has recorded that `number` events about grants were answered. An event whose answer was not
/// recorded is sent again after a crash.
async fn answers_are_recorded(admin: &AdminClient, number: usize) {
    let selection = DeliverySelection {
        states: vec!["DELIVERED".to_owned()],
        types: KINDS.map(str::to_owned).to_vec(),
        ..DeliverySelection::default()
    };
    let page = PageRequest { first: Some(10), ..PageRequest::default() };
    let recorded = until(Duration::from_mins(2), || async {
        let recorded = admin.webhook_deliveries_page(&page, &selection, None).await.ok()?;
        (recorded.nodes.len() == number).then_some(())
    });
    recorded.await.expect("the answers are recorded");
}

/// A client with a key at a wallet address of the other institution.
struct Client {
    identity: String,
    signer: Arc<Signer>,
}

impl Client {
    async fn publish(admin: &AdminClient, identity: &str) -> Self {
        let signer = Arc::new(Signer::new(SigningKey::random(&SystemEntropy), "grants").unwrap());
        let jwk = serde_json::to_value(signer.jwk()).unwrap();
        let key = Key { kid: "grants".to_owned(), x: jwk["x"].as_str().unwrap().to_owned() };
        let address = insist(|| admin.wallet_address_by_url(identity)).await.unwrap();
        admin.create_wallet_address_key(address.id, &key).await.unwrap();
        Self { identity: identity.to_owned(), signer }
    }

    /// A grant about `owner` that needs no consent, from the authorization server at `grants`.
    async fn request(&self, grants: &str, owner: &str) -> Value {
        let right = json!({ "type": "incoming-payment", "actions": ["create", "read"], "identifier": owner });
        let body = json!({ "access_token": { "access": [right] }, "client": self.identity });
        let request = Request::post_json(Url::parse(grants).unwrap(), &body).unwrap();
        let answer = outbound().send(request.configured().signed(self.signer.clone())).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.excerpt());
        answer.json().unwrap()
    }

    async fn cancel(&self, grant: &Value) {
        let text = |at: &str| grant.pointer(at).unwrap().as_str().unwrap().to_owned();
        let request = Request::new(http::Method::DELETE, Url::parse(&text("/continue/uri")).unwrap());
        let token = format!("GNAP {}", text("/continue/access_token/value"));
        let request = request.configured().authorization(&token).signed(self.signer.clone());
        assert_eq!(outbound().send(request).await.unwrap().status.as_u16(), 204);
    }
}

#[test]
fn what_happens_to_grants_reaches_the_tenants_endpoint_also_after_the_backend_was_away() {
    let staff = |_, _: &_, _: &_, _: &_| Staff { processes: 1, ..Staff::default() };
    let Some(mut replicated) = Replicated::with(Storage::Sqlite, staff) else { return };
    let runtime = replicated.runtime.clone();
    let (owner, identity) = replicated.parties(Side::CloudNine, Side::HappyLife);
    let endpoint = Endpoint::default();
    let (client, grants) = runtime.block_on(async {
        let url = endpoint.listen().await;
        let input = json!({ "url": url, "eventTypes": KINDS });
        let admin = replicated.admin(Side::CloudNine);
        admin.change(Mutation::CreateWebhookEndpoint, input).await.unwrap();
        let page = Url::parse(&owner.replace("https:", "http:")).unwrap();
        let address: Value = outbound().send(Request::get(page).configured()).await.unwrap().json().unwrap();
        let client = Client::publish(&replicated.admin(Side::HappyLife), &identity).await;
        (client, address["authServer"].as_str().unwrap().to_owned())
    });

    let first = runtime.block_on(client.request(&grants, &owner));
    let told = runtime.block_on(endpoint.hears(1));
    let grant = told[0].1.clone();
    let event = endpoint.0.lock().unwrap()[0]["data"].clone();
    assert_eq!((&event["client"], &event["access"][0]["identifier"]), (&json!(identity), &json!(owner)));
    runtime.block_on(client.cancel(&first));
    let both = |grant: &str| KINDS.map(|kind| (kind.to_owned(), grant.to_owned()));
    assert_eq!(runtime.block_on(endpoint.hears(2)), both(&grant));

    runtime.block_on(answers_are_recorded(&replicated.admin(Side::CloudNine), 2));
    replicated.banks[Side::CloudNine as usize].kill("backend");
    let second = runtime.block_on(client.request(&grants, &owner));
    runtime.block_on(client.cancel(&second));
    assert_eq!(endpoint.told().len(), 2, "nobody can tell now");
    replicated.banks[Side::CloudNine as usize].start_again("backend");
    let told = runtime.block_on(endpoint.hears(4));
    let other = told[2].1.clone();
    assert_ne!(other, grant);
    assert_eq!(told[2..], both(&other), "each once, in their order");
}
