//! No change happens twice, without an entry in the log, or on request of another site.
//! Signing in is in `signing_in`.

use axum::http::StatusCode;
use serde_json::Value;

use crate::browser::World;
use crate::fake::{ADDRESS, ASSET, INCOMING, Mood, OPERATOR, OPERATOR_SECRET, OUTGOING};

#[tokio::test]
async fn a_form_that_is_sent_twice_counts_once() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let path = format!("/assets/{ASSET}/deposit-liquidity");
    let shown = browser.get(&path).await;
    let mut fields = shown.fields_of(&path);
    fields.iter_mut().find(|(name, _)| name == "amount").unwrap().1 = "12.50".to_owned();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for _ in 0..2 {
        assert_eq!(browser.post(&path, &fields, &[]).await.status, StatusCode::SEE_OTHER);
    }
    let calls = world.fake.calls_of("DepositAssetLiquidity");
    assert_eq!((calls.len(), world.fake.effects()), (2, 1));
    assert_eq!(calls[0], calls[1]);
    assert_eq!((calls[0]["amount"].as_str(), &calls[0]["id"]), (Some("1250"), &calls[0]["idempotencyKey"]));
}

#[tokio::test]
async fn when_no_answer_came_the_form_is_sent_again_with_the_same_key() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let path = format!("/assets/{ASSET}/deposit-liquidity");
    *world.fake.mood.lock().unwrap() = Mood::Silent;
    let shown = browser.fill(&path, &path, &[("amount", "1")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.html.contains("the change is made once"), "{}", shown.html);
    let fields = shown.fields_of(&path);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(browser.post(&path, &fields, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.fake.effects(), 1);
    assert!(world.log().contains("\"stage\":\"unknown\""));
}

#[tokio::test]
async fn a_refusal_keeps_what_was_written_and_takes_a_new_key() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    *world.fake.mood.lock().unwrap() = Mood::Refuse("DUPLICATE", "Asset already exists");
    let shown = browser.fill("/assets/create", "/assets/create", &[("code", "usd"), ("scale", "2")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.html.contains("Asset already exists") && shown.html.contains("value=\"usd\""));
    let again: Vec<(String, String)> = shown.fields_of("/assets/create");
    let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(browser.post("/assets/create", &again, &[]).await.status, StatusCode::SEE_OTHER);
    let calls = world.fake.calls_of("CreateAsset");
    assert_ne!(calls[0]["idempotencyKey"], calls[1]["idempotencyKey"]);
    assert_eq!(calls[1]["code"], "USD");
}

#[tokio::test]
async fn forms_of_other_sites_pages_and_sessions_do_nothing() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let delete = format!("/assets/{ASSET}/delete");
    let page = format!("/assets/{ASSET}");
    let keyword = ("keyword", "delete asset");
    for headers in [[("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")]] {
        assert_eq!(browser.post(&delete, &[keyword], &headers).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(browser.post(&delete, &[keyword], &[]).await.status, StatusCode::FORBIDDEN);
    let shown = browser.get(&page).await;
    let other_form = shown.fields_of(&page).into_iter().find(|(name, _)| name == "once").unwrap().1;
    assert_eq!(browser.post(&delete, &[keyword, ("once", &other_form)], &[]).await.status, StatusCode::FORBIDDEN);
    let mine = shown.fields_of(&delete).into_iter().find(|(name, _)| name == "once").unwrap().1;
    let mut other = world.operator().await;
    assert_eq!(other.post(&delete, &[keyword, ("once", &mine)], &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.fake.effects(), 0);
    assert_eq!(browser.post(&delete, &[keyword, ("once", &mine)], &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.fake.effects(), 1);
}

#[tokio::test]
async fn what_cannot_be_undone_needs_its_keyword() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let (page, delete) = (format!("/assets/{ASSET}"), format!("/assets/{ASSET}/delete"));
    for keyword in ["", "delete", "Delete asset"] {
        let shown = browser.fill(&page, &delete, &[("keyword", keyword)]).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{keyword}");
    }
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn a_session_that_looks_only_changes_nothing() {
    let world = World::new().await;
    let mut browser = world.stranger();
    browser.sign_in(&OPERATOR.to_string(), OPERATOR_SECRET, &[("readOnly", "yes")]).await;
    assert!(browser.get("/assets").await.html.contains("Read-only"));
    let shown = browser.fill("/assets/create", "/assets/create", &[("code", "EUR")]).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn the_audit_log_has_every_change_with_the_former_values_and_no_secret() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let page = format!("/assets/{ASSET}");
    browser.fill(&page, &page, &[("liquidityThreshold", "5.00")]).await;
    let tenant = format!("/tenants/{OPERATOR}");
    browser.fill(&tenant, &format!("{tenant}/identity-provider"), &[("idpSecret", "a very secret text")]).await;
    let log = world.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let asked = lines.iter().find(|line| line["action"] == "updateAsset" && line["stage"] == "asked").unwrap();
    assert_eq!(
        (&asked["before"]["liquidityThreshold"], &asked["input"]["liquidityThreshold"]),
        (&"100000".into(), &"500".into())
    );
    assert!(
        lines
            .iter()
            .any(|line| line["action"] == "updateAsset" && line["stage"] == "done" && line["key"] == asked["key"])
    );
    assert!(!log.contains("a very secret text") && !log.contains(OPERATOR_SECRET));
    let shown = browser.get("/audit").await;
    assert!(shown.html.contains("liquidityThreshold: 1,000.00 → 5.00") && shown.html.contains("lines is complete"));
    assert_eq!(browser.get("/audit/export").await.html, world.log());
}

#[tokio::test]
async fn the_audit_log_shows_an_amount_in_its_asset() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let path = format!("/assets/{ASSET}/deposit-liquidity");
    browser.fill(&path, &path, &[("amount", "12.50")]).await;
    let shown = browser.get("/audit").await.html;
    assert!(shown.contains("12.50") && shown.contains("USD"), "{shown}");
    assert!(!shown.contains("amount: 1250"), "{shown}");
    assert!(shown.contains("lines is complete"));
}

#[tokio::test]
async fn nothing_is_changed_when_the_audit_log_cannot_be_written() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let shown = browser.get("/assets/create").await;
    let mut fields = shown.fields_of("/assets/create");
    fields.iter_mut().find(|(name, _)| name == "code").unwrap().1 = "EUR".to_owned();
    let file = world.folder.path().join("audit.jsonl");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(browser.post("/assets/create", &fields, &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn every_answer_forbids_foreign_scripts_and_frames() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    for path in ["/", "/payments", "/sign-in", "/nowhere"] {
        let shown = browser.get(path).await;
        let policy = shown.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(shown.headers["x-frame-options"], "DENY");
        for forbidden in [" style=\"", " onclick=", "<script>", "javascript:"] {
            assert!(!shown.html.contains(forbidden), "{path}: {forbidden}");
        }
    }
}

#[tokio::test]
async fn exactly_the_amount_that_the_page_showed_is_withdrawn_or_nothing_is() {
    let world = World::new().await;
    let mut b = world.operator().await;
    for (page, operation) in [
        (format!("/payments/incoming/{INCOMING}/withdraw-liquidity"), "CreateIncomingPaymentWithdrawal"),
        (format!("/payments/outgoing/{OUTGOING}/withdraw-liquidity"), "CreateOutgoingPaymentWithdrawal"),
        (format!("/wallet-addresses/{ADDRESS}/withdraw-liquidity"), "CreateWalletAddressWithdrawal"),
    ] {
        *world.fake.mood.lock().unwrap() = Mood::Good;
        let shown = b.get(&page).await.fields_of(&page);
        let (_, amount) = shown.into_iter().find(|(name, _)| name == "shown").unwrap();
        b.fill(&page, &page, &[]).await;
        let sent = world.fake.calls_of(operation)[0].clone();
        assert_eq!(sent["amount"].as_str(), Some(&*amount), "{operation}");

        let changed = "The amount changed meanwhile: 5 was expected, and 7 is there; look at it and ask again";
        *world.fake.mood.lock().unwrap() = Mood::Refuse("CONFLICT", changed);
        // The page was open for a while, and another amount is there now.
        let refused = b.fill(&page, &page, &[("shown", "5")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.html.contains("Look at the new amount"), "{}", refused.html);
        assert_eq!(world.fake.calls_of(operation)[1]["amount"], "5");
        let (_, fresh) = refused.fields_of(&page).into_iter().find(|(name, _)| name == "shown").unwrap();
        assert_eq!(fresh, amount, "the form has the present amount");
    }
}

#[tokio::test]
async fn a_form_that_was_sent_before_with_other_values_says_which_of_them_count() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let path = format!("/assets/{ASSET}/deposit-liquidity");
    let other = "Incoming arguments are different than the original request for idempotencyKey: x";
    *world.fake.mood.lock().unwrap() = Mood::Refuse("INTERNAL_SERVER_ERROR", other);
    let shown = b.fill(&path, &path, &[("amount", "2.00")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.html.contains("sent before with other values, and those count"), "{}", shown.html);
}
