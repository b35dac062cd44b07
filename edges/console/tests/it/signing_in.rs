//! Signing in: which credentials are accepted, for how long, and how the secret is stored.
//! What a user may do afterwards is in `safety`.

use std::time::Duration;

use axum::http::StatusCode;
use clock::Clock;

use crate::browser::World;
use crate::fake::{GRANT, OPERATOR, OPERATOR_SECRET, TENANT};

#[tokio::test]
async fn a_page_leads_to_signing_in_and_back() {
    let world = World::new().await;
    let mut browser = world.stranger();
    let shown = browser.get("/payments?type=INCOMING").await;
    assert_eq!(
        (shown.status, shown.location.as_deref()),
        (StatusCode::SEE_OTHER, Some("/sign-in?next=%2Fpayments%3Ftype%3DINCOMING"))
    );
    let fields = [("tenantId", &*OPERATOR.to_string()), ("apiSecret", OPERATOR_SECRET)];
    let shown = browser.post("/sign-in?next=%2Fpayments%3Ftype%3DINCOMING", &fields, &[]).await;
    assert_eq!(shown.location.as_deref(), Some("/payments?type=INCOMING"));
    assert!(browser.get("/payments").await.html.contains("<h1>Payments</h1>"));
    for elsewhere in ["//evil.example/", "https://evil.example/", "/\\evil.example"] {
        let elsewhere: String = url::form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
        let shown = browser.post(&format!("/sign-in?next={elsewhere}"), &fields, &[]).await;
        assert_eq!(shown.location.as_deref(), Some("/"));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_refused_before_it_is_kept_and_guessing_is_bounded() {
    let world = World::new().await;
    let mut browser = world.stranger();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let shown = browser.sign_in(&OPERATOR.to_string(), "a wrong secret", &[]).await;
        assert!(!shown.html.contains("a wrong secret"), "a secret is never written back");
        statuses.push(shown.status.as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 429, 429]);
    assert_eq!(browser.cookie("session"), None);
    assert_eq!(browser.sign_in("no id", "", &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_session_is_encrypted_and_ends_without_requests() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let cookie = browser.cookie("session").unwrap().to_owned();
    assert!(!cookie.contains(OPERATOR_SECRET) && !cookie.contains(&OPERATOR.to_string()));
    for _ in 0..5 {
        world.clock.advance(Duration::from_mins(29));
        assert_eq!(browser.get("/payments").await.status, StatusCode::OK);
    }
    world.clock.advance(Duration::from_mins(31));
    assert_eq!(browser.get("/payments").await.status, StatusCode::SEE_OTHER);
    let _ = world.clock.now();
}

#[tokio::test]
async fn a_changed_cookie_and_a_secret_that_was_changed_elsewhere_sign_out() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    world.fake.change_secret("another secret");
    let shown = browser.get("/payments").await;
    assert_eq!(shown.location.as_deref(), Some("/sign-in"));
    assert!(browser.get("/sign-in").await.html.contains("no longer valid"));
    let world = World::new().await;
    let mut browser = world.operator().await;
    browser.set_cookie("session", "AAAA");
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_secret_that_only_the_authorization_server_refuses_leaves_the_session() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let grant = format!("/grants/{GRANT}");
    *world.fake.auth_refuses.lock().unwrap() = Some("mutation");
    let revoked = browser.fill(&grant, &grant, &[("keyword", "revoke grant")]).await;
    *world.fake.auth_refuses.lock().unwrap() = Some("");
    for shown in [revoked, browser.get("/grants").await, browser.get(&grant).await] {
        assert_eq!(shown.status, StatusCode::BAD_GATEWAY, "{}", shown.html);
        assert!(shown.html.contains("The authorization server refuses this secret."), "{}", shown.html);
    }
    assert_eq!(browser.get("/payments").await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_click_signs_in_and_signing_out_ends_it() {
    let world = World::new().await;
    let mut browser = world.stranger();
    let shown = browser.post("/sign-in/one-click", &[("as", "The operator")], &[]).await;
    assert_eq!(shown.location.as_deref(), Some("/"));
    let home = browser.get("/").await;
    let token = home.fields_of("/sign-out");
    let token: Vec<(&str, &str)> = token.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post("/sign-out", &token, &[]).await;
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    assert!(world.log().contains("signIn") && world.log().contains("signOut"));
}

#[tokio::test]
async fn a_tenant_sees_its_own_row_only_and_no_button_of_the_operator() {
    let world = World::new().await;
    let mut browser = world.tenant().await;
    let shown = browser.get("/tenants").await;
    assert!(shown.html.contains(&TENANT.to_string()) && !shown.html.contains(&OPERATOR.to_string()));
    assert!(!shown.html.contains("Add tenant"));
    assert_eq!(browser.get("/tenants/create").await.location.as_deref(), Some("/tenants"));
    assert_eq!(browser.get("/audit/export").await.status, StatusCode::NOT_FOUND);
    assert!(world.fake.calls_of("ConsoleTenants").is_empty());
}
