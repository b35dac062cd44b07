//! A provider of OAuth 2.0 that behaves as Ory Hydra's published API says: its admin API, and what a browser and a client
//! of it see. It keeps no passwords and signs nothing.
//!
//! It knows nothing of the wallet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use url::Url;

/// Its public address and name as an issuer.
pub(crate) const PROVIDER: &str = "https://hydra.example";
/// What its admin API demands.
pub(crate) const ADMIN_TOKEN: &str = "the admin API of hydra";
/// The client, and where it gets its answer.
pub(crate) const CLIENT: &str = "shop";
const BACK: &str = "https://shop.example/back";

/// A question.
#[derive(Clone, Debug)]
struct Asked {
    kind: &'static str,
    document: Value,
    /// Where the browser goes, and what was answered.
    answered: Option<(String, Value)>,
}

#[derive(Default)]
struct Kept {
    asked: BTreeMap<String, Asked>,
    tokens: BTreeMap<String, Value>,
    /// What the admin API was asked to change.
    changes: Vec<(String, Value)>,
    /// The status of all answers, if it does not work.
    fails: Option<u16>,
    /// Whether its next answer is lost on the way.
    loses_answer: bool,
    /// Where it sends browsers instead.
    elsewhere: Option<String>,
    numbers: u32,
}

/// The provider.
#[derive(Default)]
pub(crate) struct Hydra {
    kept: Mutex<Kept>,
}

impl Hydra {
    /// A client sends a browser with these details. Returns the path and query at the wallet to which it comes.
    pub(crate) fn begins(&self, details: &Value, more: &str) -> String {
        let mut url =
            Url::parse(&format!("{PROVIDER}/oauth2/auth?client_id={CLIENT}&response_type=code{more}")).unwrap();
        url.query_pairs_mut().append_pair("authorization_details", &details.to_string());
        self.asks("login", json!({"skip": false, "subject": "", "client": client(), "request_url": url}))
    }

    /// Somebody who has signed in is asked to consent to nothing in particular.
    pub(crate) fn asks_consent(&self, subject: &str) -> String {
        let url = format!("{PROVIDER}/oauth2/auth");
        let scopes = json!(["openid"]);
        self.asks(
            "consent",
            json!({"subject": subject, "client": client(), "request_url": url, "requested_scope": scopes}),
        )
    }

    /// A client wants its user to sign out.
    pub(crate) fn wants_sign_out(&self, subject: &str) -> String {
        let url = format!("{PROVIDER}/oauth2/sessions/logout");
        self.asks("logout", json!({"subject": subject, "client": client(), "request_url": url, "rp_initiated": true}))
    }

    fn asks(&self, kind: &'static str, mut document: Value) -> String {
        let mut kept = self.kept.lock().unwrap();
        kept.numbers += 1;
        let challenge = format!("{kind}~{}.-_=", kept.numbers);
        document["challenge"] = json!(challenge);
        let query: String = url::form_urlencoded::byte_serialize(challenge.as_bytes()).collect();
        kept.asked.insert(challenge, Asked { kind, document, answered: None });
        format!("/oauth/{kind}?{kind}_challenge={query}")
    }

    /// The browser comes back with a verifier. Returns where it is sent next: to the wallet, or to the client.
    pub(crate) fn goes_on(&self, redirect: &str) -> String {
        let url = Url::parse(redirect).unwrap();
        assert_eq!(url.origin(), Url::parse(PROVIDER).unwrap().origin(), "{redirect}");
        let challenge = url.query_pairs().find(|(name, _)| name == "verifier").unwrap().1.into_owned();
        let asked = self.kept.lock().unwrap().asked[&challenge].clone();
        let (_, answer) = asked.answered.unwrap();
        match (asked.kind, answer["error"].as_str()) {
            (_, Some(error)) => format!("{BACK}?error={error}"),
            ("login", None) => {
                let mut document = asked.document;
                document["subject"] = answer["subject"].clone();
                document["acr"] = answer["acr"].clone();
                document["requested_scope"] = json!(["openid", "offline_access", "incoming-payment:create"]);
                document["requested_access_token_audience"] = json!([]);
                self.asks("consent", document)
            }
            ("consent", None) => {
                let mut kept = self.kept.lock().unwrap();
                let token = format!("token-{}", kept.tokens.len());
                let told = json!({"active": true, "iss": PROVIDER, "client_id": CLIENT, "sub": asked.document["subject"],
                    "aud": answer["grant_access_token_audience"],
                    "scope": answer["grant_scope"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect::<Vec<_>>().join(" "),
                    "ext": answer["session"]["access_token"]});
                kept.tokens.insert(token.clone(), told);
                format!("{BACK}?code={token}")
            }
            (_, None) => format!("{BACK}?signed_out=yes"),
        }
    }

    /// What introspection says about the token of a client that has come back.
    pub(crate) fn introspects(&self, back: &str) -> Value {
        let token = back.split_once("code=").unwrap_or_else(|| panic!("no token: {back}")).1;
        self.kept.lock().unwrap().tokens.get(token).cloned().unwrap_or_else(|| json!({"active": false}))
    }

    /// What the admin API was asked to change.
    pub(crate) fn changes(&self) -> Vec<(String, Value)> {
        self.kept.lock().unwrap().changes.clone()
    }

    /// From now on every answer has this status.
    pub(crate) fn fails_with(&self, status: Option<u16>) {
        self.kept.lock().unwrap().fails = status;
    }

    /// It does what it is asked next, and its answer is lost.
    pub(crate) fn loses_the_next_answer(&self) {
        self.kept.lock().unwrap().loses_answer = true;
    }

    /// From now on it sends browsers there.
    pub(crate) fn sends_browsers_to(&self, url: Option<&str>) {
        self.kept.lock().unwrap().elsewhere = url.map(str::to_owned);
    }

    /// The admin API.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/admin/oauth2/auth/requests/{kind}", get(question))
            .route("/admin/oauth2/auth/requests/{kind}/{answer}", put(answer))
            .route("/admin/oauth2/auth/sessions/consent", delete(revoke))
            .with_state(Arc::clone(self))
    }
}

fn client() -> Value {
    json!({"client_id": CLIENT, "client_name": "Shop <b>", "client_uri": "https://shop.example/"})
}

type Answer = (StatusCode, Json<Value>);

fn status(code: u16, body: Value) -> Answer {
    (StatusCode::from_u16(code).unwrap(), Json(body))
}

impl Kept {
    /// What is wrong before anything is looked at.
    fn refuses(&self, headers: &HeaderMap) -> Option<Answer> {
        if headers.get("authorization").is_none_or(|shown| shown != format!("Bearer {ADMIN_TOKEN}").as_str()) {
            return Some(status(401, json!({"error": "unauthorized"})));
        }
        self.fails.map(|code| status(code, json!({"error": "fails"})))
    }

    fn challenge(&self, kind: &str, query: &BTreeMap<String, String>) -> Option<String> {
        let challenge = query.get(&format!("{kind}_challenge"))?;
        self.asked.get(challenge).filter(|asked| asked.kind == kind).map(|_| challenge.clone())
    }
}

async fn question(
    State(hydra): State<Arc<Hydra>>,
    Path(kind): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let kept = hydra.kept.lock().unwrap();
    if let Some(refusal) = kept.refuses(&headers) {
        return refusal;
    }
    let Some(challenge) = kept.challenge(&kind, &query) else { return status(404, json!({"error": "Not Found"})) };
    match &kept.asked[&challenge].answered {
        Some((to, _)) => status(410, json!({"redirect_to": to})),
        None => status(200, kept.asked[&challenge].document.clone()),
    }
}

async fn answer(
    State(hydra): State<Arc<Hydra>>,
    Path((kind, verdict)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut kept = hydra.kept.lock().unwrap();
    if let Some(refusal) = kept.refuses(&headers) {
        return refusal;
    }
    let Some(challenge) = kept.challenge(&kind, &query) else { return status(404, json!({"error": "Not Found"})) };
    let body: Value = if body.is_empty() { json!({}) } else { serde_json::from_str(&body).unwrap() };
    assert_eq!(body.get("error").is_some(), verdict == "reject" && kind != "logout", "{verdict}: {body}");
    if let Some((to, _)) = &kept.asked[&challenge].answered {
        return status(410, json!({"redirect_to": to}));
    }
    kept.changes.push((format!("{kind} {verdict}"), body.clone()));
    let verifier: String = url::form_urlencoded::byte_serialize(challenge.as_bytes()).collect();
    let to = kept.elsewhere.clone().unwrap_or_else(|| format!("{PROVIDER}/oauth2/auth?verifier={verifier}"));
    if kind == "logout" && verdict == "reject" {
        kept.asked.remove(&challenge);
        return status(204, Value::Null);
    }
    kept.asked.get_mut(&challenge).unwrap().answered = Some((to.clone(), body));
    if std::mem::take(&mut kept.loses_answer) {
        return status(503, json!({"error": "lost"}));
    }
    status(200, json!({"redirect_to": to}))
}

async fn revoke(
    State(hydra): State<Arc<Hydra>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> StatusCode {
    let mut kept = hydra.kept.lock().unwrap();
    if let Some((code, _)) = kept.refuses(&headers) {
        return code;
    }
    kept.changes.push(("revoke".to_owned(), json!(query)));
    kept.tokens.retain(|_, told| told["sub"] != query["subject"] || told["client_id"] != query["client"]);
    StatusCode::NO_CONTENT
}
