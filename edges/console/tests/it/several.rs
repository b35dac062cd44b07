//! Several changes from one form: each has its own key and its own outcome.
//! Forms with one change are in `tasks`.

use axum::http::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Shown, World};
use crate::fake::{ADDRESS, DELIVERY, Mood};

/// Opens a page on which all is chosen, and sends its form with what is chosen there.
async fn send_all(browser: &mut Browser<'_>, page: &str) -> (Vec<(String, String)>, Shown) {
    let shown = browser.get(&format!("{page}?all=yes")).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.html);
    let fields = shown.fields_of(page);
    let answer = post(browser, page, &fields).await;
    (fields, answer)
}

async fn post(browser: &mut Browser<'_>, page: &str, fields: &[(String, String)]) -> Shown {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(page, &fields, &[]).await
}

#[tokio::test]
async fn several_wallet_addresses_are_made_inactive_each_with_its_own_key() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = "/wallet-addresses/deactivate";
    let (fields, shown) = send_all(&mut b, page).await;
    assert!(shown.status == StatusCode::OK && shown.html.contains("What became of each address"), "{}", shown.html);
    let sent = world.fake.calls_of("UpdateWalletAddress");
    assert_eq!(sent.len(), 2, "the one that is inactive already is left out");
    assert!(sent.iter().all(|input| input["status"] == "INACTIVE"));
    assert_eq!(sent[0]["id"], json!(ADDRESS));
    assert_ne!(sent[0]["idempotencyKey"], sent[1]["idempotencyKey"]);

    post(&mut b, page, &fields).await;
    assert_eq!(world.fake.effects(), 2, "a form that is sent twice counts once");

    let token: Vec<_> = fields.into_iter().filter(|(name, _)| name == "once").collect();
    let refused = post(&mut b, page, &token).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.html.contains("Choose at least one."), "{}", refused.html);
}

#[tokio::test]
async fn several_deliveries_are_sent_again_and_each_tells_what_became_of_it() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = "/webhooks/deliveries/several";
    let first = b.get(page).await;
    let one = uuid::Uuid::from_u128(DELIVERY.as_u128() + 3);
    let mut fields = first.fields_of(page);
    fields.push(("chosen".to_owned(), one.to_string()));
    *world.fake.mood.lock().unwrap() = Mood::Refuse("CONFLICT", "it is on its way already");
    let refused = post(&mut b, page, &fields).await;
    assert!(refused.html.contains("Refused") && refused.html.contains("it is on its way already"), "{}", refused.html);
    let sent = world.fake.calls_of("ResendWebhookEvents");
    assert_eq!(sent, [json!({"deliveryIds": [one], "idempotencyKey": sent[0]["idempotencyKey"]})]);

    *world.fake.mood.lock().unwrap() = Mood::Silent;
    let (fields, open) = send_all(&mut b, page).await;
    assert_eq!(open.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(open.html.contains("No answer") && open.html.contains("Not sent"), "{}", open.html);
    let again = open.fields_of(page);
    assert_eq!(again.len(), fields.len(), "what was chosen stays chosen");
    let done = post(&mut b, page, &again).await;
    assert!(done.status == StatusCode::OK && done.html.contains("On its way"), "{}", done.html);
    assert_eq!(world.fake.effects(), fields.len() - 1, "what was sent again is not sent twice");
}

#[tokio::test]
async fn what_is_settled_is_withdrawn_in_the_amounts_that_were_shown() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = "/liquidity/withdraw-settled";
    let (fields, shown) = send_all(&mut b, page).await;
    assert!(shown.status == StatusCode::OK && shown.html.contains("Withdrawn"), "{}", shown.html);
    let outgoing = world.fake.calls_of("CreateOutgoingPaymentWithdrawal");
    let amounts: Vec<_> = outgoing.iter().map(|input| input["amount"].clone()).collect();
    assert_eq!(amounts, ["150", "150", "84500", "150"], "a payment that is on its way is left out");
    assert!(world.fake.calls_of("CreateIncomingPaymentWithdrawal").iter().all(|input| input["amount"] == "50000"));
    let of_addresses = world.fake.calls_of("CreateWalletAddressWithdrawal");
    assert!(of_addresses.is_empty(), "an event that waits may need what an address holds");

    let effects = world.fake.effects();
    post(&mut b, page, &fields).await;
    assert_eq!(world.fake.effects(), effects, "a form that is sent twice moves money once");
}

#[tokio::test]
async fn of_several_withdrawals_those_above_the_limit_wait_for_a_second_person() {
    let world = World::with_four_eyes().await;
    let mut b = world.person(0, "The operator").await;
    let (_, shown) = send_all(&mut b, "/liquidity/withdraw-settled").await;
    assert!(shown.html.contains("Waits for approval") && shown.html.contains("Withdrawn"), "{}", shown.html);
    assert!(shown.html.contains("href=\"/approvals/"), "{}", shown.html);
    let withdrawn = ["CreateOutgoingPaymentWithdrawal", "CreateIncomingPaymentWithdrawal"]
        .iter()
        .flat_map(|name| world.fake.calls_of(name));
    let sum: u64 = withdrawn.map(|input| input["amount"].as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert!(sum <= 100_000, "one person moves at most 1,000 dollars alone, and moved {sum} cents");
}

#[tokio::test]
async fn a_session_that_looks_only_sends_none_of_several() {
    let world = World::new().await;
    let mut b = world.stranger();
    b.sign_in(&crate::fake::OPERATOR.to_string(), crate::fake::OPERATOR_SECRET, &[("readOnly", "yes")]).await;
    for page in ["/wallet-addresses/deactivate", "/webhooks/deliveries/several", "/liquidity/withdraw-settled"] {
        let (_, shown) = send_all(&mut b, page).await;
        assert_eq!(shown.status, StatusCode::FORBIDDEN, "{page}");
    }
    assert_eq!(world.fake.effects(), 0);
}
