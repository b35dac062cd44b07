//! Changes that wait for a second person: who may approve, how often it is sent, and what is left after a restart.
//! What waits is tested in `four_eyes`.

use axum::http::StatusCode;
use serde_json::Value;

use crate::browser::{Browser, Shown, World};
use crate::fake::{ASSET, Mood, OPERATOR, OPERATOR_SECRET, PEER};

/// Asks for a deposit to the peer, and returns the address of the request.
async fn ask(browser: &mut Browser<'_>, amount: &str) -> String {
    let path = format!("/peers/{PEER}/deposit-liquidity");
    let shown = browser.fill(&path, &path, &[("amount", amount)]).await;
    let place = shown.location.unwrap_or_else(|| panic!("{}: {}", shown.status, shown.html));
    assert!(place.starts_with("/approvals/"), "{place}");
    place
}

async fn approve(browser: &mut Browser<'_>, request: &str) -> Shown {
    browser.fill(request, &format!("{request}/approve"), &[]).await
}

#[tokio::test]
async fn a_large_deposit_is_sent_once_after_another_person_approved_it_with_the_key_of_its_form() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let request = ask(&mut ann, "1000.01").await;
    assert_eq!(world.fake.effects(), 0);
    assert!(ann.get("/").await.html.contains("Changes that wait for approval: 1."));

    let mut bob = world.person(0, "Another operator").await;
    let shown = bob.get(&request).await;
    for told in [
        "Deposit to a peer",
        "Happy Life Bank",
        "1,000.01",
        "The operator",
        "&#34;amount&#34;: &#34;100001&#34;",
        "Waits for approval",
    ] {
        assert!(shown.html.contains(told), "{told}: {}", shown.html);
    }
    assert!(bob.get("/approvals").await.html.contains(&request));

    assert_eq!(approve(&mut bob, &request).await.location.as_deref(), Some(&*request));
    let calls = world.fake.calls_of("DepositPeerLiquidity");
    assert_eq!((calls.len(), calls[0]["amount"].as_str()), (1, Some("100001")));
    assert_eq!(format!("/approvals/{}", calls[0]["idempotencyKey"].as_str().unwrap()), request);
    assert!(bob.get(&request).await.html.contains("Done"));

    let lines: Vec<Value> = world.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line["action"] == "depositPeerLiquidity")
        .map(|line| (line["stage"].as_str().unwrap(), line["person"].as_str().unwrap(), &line["key"]))
        .collect();
    let key = &calls[0]["idempotencyKey"];
    let (ann, bob) = ("The operator", "Another operator");
    assert_eq!(told, [("waits", ann, key), ("approved", bob, key), ("asked", bob, key), ("done", bob, key)]);
}

#[tokio::test]
async fn the_amounts_of_a_fee_that_waits_are_shown_in_its_asset() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let path = format!("/assets/{ASSET}/fee");
    let fee = [("type", "SENDING"), ("fixed", "1234.50"), ("basisPoints", "175")];
    let request = ann.fill(&path, &path, &fee).await.location.unwrap();
    let shown = ann.get(&request).await;
    for told in
        ["What changes", "Fixed fee", ">1,234.50<", "Sending fee", "Basis points", "&#34;fixed&#34;: &#34;123450&#34;"]
    {
        assert!(shown.html.contains(told), "{told}: {}", shown.html);
    }
    assert!(ann.get("/audit").await.html.contains("1,234.50"), "the log shows it in the same way");
}

#[tokio::test]
async fn one_person_alone_moves_up_to_the_limit_and_other_assets_not_at_all() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let path = format!("/peers/{PEER}/deposit-liquidity");
    let shown = ann.fill(&path, &path, &[("amount", "1000.00")]).await;
    assert_eq!(shown.location.as_deref(), Some(&*format!("/peers/{PEER}")));
    assert_eq!(world.fake.effects(), 1);

    // Euro.
    let path = format!("/assets/{}/deposit-liquidity", uuid::Uuid::from_u128(ASSET.as_u128() + 1));
    let shown = ann.fill(&path, &path, &[("amount", "0.01")]).await;
    assert!(shown.location.unwrap().starts_with("/approvals/"));
    assert_eq!(world.fake.effects(), 1);
}

#[tokio::test]
async fn the_person_who_asked_cannot_approve_in_any_session_but_can_take_it_back() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let request = ask(&mut ann, "5000").await;
    let shown = ann.get(&request).await;
    assert!(!shown.html.contains(&format!("{request}/approve")), "{}", shown.html);

    // The token of a form belongs to its address, so she has none for this one; and the store refuses her as well.
    let refused = ann.post(&format!("{request}/approve"), &[("once", "")], &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let mut again = world.person(0, "The operator").await;
    assert!(!again.get(&request).await.html.contains(&format!("{request}/approve")));

    ann.fill(&request, &format!("{request}/refuse"), &[]).await;
    let mut bob = world.person(0, "Another operator").await;
    let shown = bob.get(&request).await;
    assert!(shown.html.contains("Not approved") && !shown.html.contains(&format!("{request}/approve")));
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn somebody_with_the_secret_only_is_nobody_in_particular_and_asks_for_nothing() {
    let world = World::with_four_eyes().await;
    let mut nobody = world.operator().await;
    let path = format!("/peers/{PEER}/deposit-liquidity");
    let shown = nobody.fill(&path, &path, &[("amount", "5000")]).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
    assert!(shown.html.contains("Sign in with your own account"), "{}", shown.html);

    let mut ann = world.person(0, "The operator").await;
    let request = ask(&mut ann, "5000").await;
    assert!(!nobody.get(&request).await.html.contains(&format!("{request}/approve")));
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn another_tenant_and_a_reader_decide_nothing() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let request = ask(&mut ann, "5000").await;
    let mut tenant = world.person(0, "A tenant").await;
    assert_eq!(tenant.get(&request).await.status, StatusCode::NOT_FOUND);
    assert!(!tenant.get("/approvals").await.html.contains(&request));

    let mut reader = world.stranger();
    reader.sign_in(&OPERATOR.to_string(), OPERATOR_SECRET, &[("readOnly", "yes")]).await;
    let shown = reader.get(&request).await;
    assert!(shown.status == StatusCode::OK && !shown.html.contains(&format!("action=\"{request}")));
}

#[tokio::test]
async fn nobody_approves_what_was_given_up() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let request = ask(&mut ann, "5000").await;
    let mut bob = world.person(0, "Another operator").await;
    let form = bob.get(&request).await.fields_of(&format!("{request}/approve"));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();

    // He keeps his session alive, and sends the form that he opened four hours before.
    for _ in 0..24 {
        world.clock.advance(std::time::Duration::from_mins(10));
        bob.get("/preferences").await;
    }
    let late = bob.post(&format!("{request}/approve"), &form, &[]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(late.html.contains("Expired"), "{}", late.html);
    let mut cat = world.person(0, "A third operator").await;
    assert!(cat.get(&request).await.html.contains("Expired"));
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn a_request_outlives_a_restart_and_of_two_processes_that_approve_at_once_one_sends() {
    let mut world = World::with_four_eyes().await;
    let request = {
        let mut ann = world.person(0, "The operator").await;
        ask(&mut ann, "5000").await
    };
    world.start_process();
    let (mut bob, mut cat) = (world.person(0, "Another operator").await, world.person(1, "A third operator").await);
    let (one, other) = futures::join!(approve(&mut bob, &request), approve(&mut cat, &request));

    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::UNPROCESSABLE_ENTITY]);
    assert_eq!(world.fake.calls_of("DepositPeerLiquidity").len(), 1);
}

#[tokio::test]
async fn an_approved_change_without_an_answer_is_sent_again_with_the_same_key() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let request = ask(&mut ann, "5000").await;
    let mut bob = world.person(0, "Another operator").await;
    *world.fake.mood.lock().unwrap() = Mood::Silent;
    approve(&mut bob, &request).await;
    let shown = bob.get(&request).await;
    assert!(shown.html.contains("No answer") && !shown.html.contains(&format!("{request}/approve")), "{}", shown.html);

    bob.fill(&request, &format!("{request}/again"), &[]).await;
    let calls = world.fake.calls_of("DepositPeerLiquidity");
    assert_eq!((calls.len(), world.fake.effects()), (2, 1));
    assert_eq!(calls[0], calls[1]);
    let shown = bob.get(&request).await;
    assert!(shown.html.contains("Done") && !shown.html.contains(&format!("{request}/again")));
}

#[tokio::test]
async fn what_cannot_be_undone_waits_whatever_it_moves_and_the_approval_is_typed() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let page = format!("/peers/{PEER}");
    let shown = ann.fill(&page, &format!("{page}/delete"), &[("keyword", "Happy Life Bank")]).await;
    let request = shown.location.unwrap();
    let mut bob = world.person(0, "Another operator").await;
    let form = format!("{request}/approve");
    let refused = bob.fill(&request, &form, &[("keyword", "yes")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.fake.effects(), 0);
    bob.fill(&request, &form, &[("keyword", "approve")]).await;
    assert_eq!(world.fake.calls_of("DeletePeer").len(), 1);
}

#[tokio::test]
async fn a_refusal_of_the_instance_is_told_and_final() {
    let world = World::with_four_eyes().await;
    let mut ann = world.person(0, "The operator").await;
    let request = ask(&mut ann, "5000").await;
    let mut bob = world.person(0, "Another operator").await;
    *world.fake.mood.lock().unwrap() = Mood::Refuse("NOT_FOUND", "Unknown peer");
    approve(&mut bob, &request).await;
    let shown = bob.get(&request).await;
    assert!(shown.html.contains("Unknown peer") && !shown.html.contains(&format!("action=\"{request}")));
}
