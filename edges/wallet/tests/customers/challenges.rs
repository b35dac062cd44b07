//! A provider of OAuth 2.0 asks the wallet who somebody is and what is allowed; its client pays within that; and what the
//! customer ends is over at once.

use std::time::Duration;

use axum::http::StatusCode;
use gnap::oauth::{Authorization, AuthorizationId};
use serde_json::{Value, json};
use testkit::on_each_database;
use uuid::Uuid;

use crate::bench::{Bench, Cut};
use crate::hydra::{CLIENT, PROVIDER};
use crate::instance::{State, usd};

const NORA: &str = "https://localhost:3000/accounts/nora";
const FOREIGN: &str = "https://localhost:3000/accounts/c0";

fn spending(address: &str, value: u64) -> Value {
    let limits = json!({"debitAmount": usd(value)});
    json!({"type": "open-payments", "access":
        {"type": "outgoing-payment", "actions": ["create"], "identifier": address, "limits": limits}})
}

/// Where a page leads that is only on the way.
fn onward(text: &str) -> String {
    let link = text.split("class=\"button main wide\" href=\"").nth(1).unwrap_or_else(|| panic!("no way on: {text}"));
    link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&").replace("&#61;", "=")
}

/// Nora signs in for the client, and is asked what she allows. Returns the address of this page.
async fn signed_in(bench: &Bench, details: &Value) -> String {
    let page = bench.get(&bench.hydra.begins(details, "")).await.1;
    let (status, text) = bench.fill(&page, &page, &[("decision", "yes")]).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    bench.get(&bench.hydra.goes_on(&onward(&text))).await.1
}

/// She allows what these fields say. Returns where the client gets its answer.
async fn allowed(bench: &Bench, page: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("decision", "allow")]).collect();
    let (status, text) = bench.fill(page, page, &fields).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    bench.hydra.goes_on(&onward(&text))
}

/// The name under which the Open Payments listener counts what is paid with a token.
fn grant_of(told: &Value) -> String {
    let id = AuthorizationId::Named(told["ext"]["authorization_id"].as_str().unwrap());
    Authorization { issuer: PROVIDER, client: CLIENT, id }.grant()
}

/// The client pays. Returns how far the payment is.
async fn paid(bench: &mut Bench, grant: &str, amount: u64) -> State {
    let payment =
        bench.instance.client_pays(Bench::noras_address(), Some(amount), None, clock::Clock::now(&*bench.clock));
    let mut event = bench.instance.told(Uuid::from_u128(payment.as_u128() + (1 << 100)), "created", payment);
    event["data"]["grantId"] = json!(grant);
    bench.deliver(&event).await;
    bench.work(Cut::Never).await;
    bench.instance.payment(payment).state
}

on_each_database! {
    async fn a_customer_signs_in_for_a_provider_consents_its_client_pays_and_the_end_is_at_once(database) {
        let mut bench = Bench::on(database).await;
        let page = signed_in(&bench, &json!([spending(NORA, 5_000)])).await;
        let text = bench.get(&page).await.2;
        for told in ["Shop &lt;b", "https://shop.example/", "Pay up to 50.00\u{a0}USD", "For your account Everyday"] {
            assert!(text.contains(told) || text.replace("&#60;", "&lt;").contains(told), "{told}: {text}");
        }
        assert!(text.contains("gives nobody: incoming-payment:create"), "{text}");
        let back = allowed(&bench, &page, &[("right-0", "yes"), ("most-0", "20.00")]).await;
        let told = bench.hydra.introspects(&back);
        assert_eq!(told["ext"]["authorization_details"], json!([spending(NORA, 2_000)]), "she has lowered it");
        assert_eq!(told["ext"]["tenant"], json!(Uuid::nil()));
        assert_eq!((told["aud"].clone(), told["scope"].clone()), (json!(["https://localhost:3000"]), json!("openid offline_access")));

        let grant = grant_of(&told);
        assert_eq!(paid(&mut bench, &grant, 700).await, State::Sending);
        let list = bench.get("/agreements").await.2;
        assert!(list.contains("Active") && list.contains("7.00\u{a0}USD used"), "{list}");
        let agreement = list.split("href=\"/agreements/").nth(1).unwrap().split('"').next().unwrap();
        let agreement = format!("/agreements/{agreement}");
        assert!(bench.get("/settings/leave").await.2.contains("Applications have access"));

        assert_eq!(bench.send(&agreement, &agreement, &[]).await, format!("{agreement}?said=revoked"));
        assert_eq!(bench.hydra.introspects(&back), json!({"active": false}));
        assert_eq!(paid(&mut bench, &grant, 100).await, State::Cancelled, "made a moment before");
        assert!(bench.get("/agreements").await.2.contains("Ended"));
        assert!(!bench.get("/settings/leave").await.2.contains("Applications have access"));
    }

    async fn an_agreement_ends_for_payments_although_the_provider_is_away(database) {
        let mut bench = Bench::on(database).await;
        let page = signed_in(&bench, &json!([spending(NORA, 5_000)])).await;
        let back = allowed(&bench, &page, &[("right-0", "yes"), ("most-0", "50.00")]).await;
        let grant = grant_of(&bench.hydra.introspects(&back));
        let agreement = format!("/agreements/{}", page.rsplit('/').next().unwrap());
        bench.hydra.fails_with(Some(503));
        assert_eq!(bench.fill(&agreement, &agreement, &[]).await.0, StatusCode::BAD_GATEWAY);
        assert_eq!(paid(&mut bench, &grant, 100).await, State::Cancelled);
        bench.hydra.fails_with(None);
        bench.send(&agreement, &agreement, &[]).await;
        assert_eq!(bench.hydra.introspects(&back), json!({"active": false}));
    }

    async fn a_customer_leaves_out_rights_lowers_amounts_and_never_raises_them(database) {
        let bench = Bench::on(database).await;
        let quote = json!({"type": "open-payments", "access": {"type": "quote", "actions": ["create"]}});
        let details = json!([spending(NORA, 5_000), quote, spending(NORA, 300)]);
        let page = signed_in(&bench, &details).await;
        let refused = async |fields: &[(&str, &str)]| {
            let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("decision", "allow")]).collect();
            let (status, text) = bench.fill(&page, &page, &fields).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
            text
        };
        assert!(refused(&[("right-0", "yes"), ("most-0", "50.01")]).await.contains("not raise it"));
        assert!(refused(&[("right-0", "yes"), ("most-0", "")]).await.contains("Write the most"));
        assert!(refused(&[]).await.contains("Choose what you allow"));
        assert!(bench.hydra.changes().iter().all(|(what, _)| what != "consent accept"));
        let form = bench.filled(&page, &page, &[("right-0", "yes"), ("most-0", "50.00"), ("decision", "allow")]).await;
        let back = allowed(&bench, &page, &[("right-1", "yes"), ("right-2", "yes"), ("most-2", "3.00")]).await;
        assert_eq!(bench.hydra.introspects(&back)["ext"]["authorization_details"], json!([quote, spending(NORA, 300)]));
        // A second click, or the way back in the browser, changes nothing.
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (status, _, text) = bench.post(&page, &form).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        assert_eq!(bench.hydra.changes().iter().filter(|(what, _)| what == "consent accept").count(), 1);
    }

    async fn what_has_no_limit_is_allowed_only_with_a_limit_or_a_second_look(database) {
        let bench = Bench::on(database).await;
        let wide = json!({"type": "open-payments", "access":
            {"type": "outgoing-payment", "actions": ["create"], "identifier": NORA}});
        let page = signed_in(&bench, &json!([wide])).await;
        let all = [("right-0", "yes"), ("most-0", ""), ("decision", "allow")];
        let (status, text) = bench.fill(&page, &page, &all).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("Confirm that there is no limit"));
        let back = allowed(&bench, &page, &[("right-0", "yes"), ("most-0", "12.50")]).await;
        assert_eq!(bench.hydra.introspects(&back)["ext"]["authorization_details"], json!([spending(NORA, 1_250)]));

        let page = signed_in(&bench, &json!([wide])).await;
        let back = allowed(&bench, &page, &[("right-0", "yes"), ("most-0", ""), ("unlimited", "yes")]).await;
        assert_eq!(bench.hydra.introspects(&back)["ext"]["authorization_details"], json!([wide]));
    }

    async fn what_is_about_no_own_account_or_cannot_be_read_is_refused_whatever_else_is_asked(database) {
        let bench = Bench::on(database).await;
        let everybody = json!({"type": "open-payments", "access": {"type": "incoming-payment", "actions": ["read-all"]}});
        let broken = json!({"type": "open-payments", "access": {"type": "outgoing-payment", "actions": ["create"]}});
        for other in [spending(FOREIGN, 100), everybody, broken] {
            let page = signed_in(&bench, &json!([spending(NORA, 100), other])).await;
            assert_eq!(bench.get(&page).await.0, StatusCode::FORBIDDEN, "{other}");
            let (what, why) = bench.hydra.changes().pop().unwrap();
            assert_eq!((what.as_str(), &why["error"]), ("consent reject", &json!("access_denied")));
        }
        assert!(bench.get("/agreements").await.2.contains("No application has access"));
    }

    async fn a_customer_refuses_to_sign_in_or_to_consent_and_the_client_gets_nothing(database) {
        let bench = Bench::on(database).await;
        let page = bench.get(&bench.hydra.begins(&json!([spending(NORA, 100)]), "")).await.1;
        let text = bench.fill(&page, &page, &[("decision", "no")]).await.1;
        assert_eq!(bench.hydra.goes_on(&onward(&text)), "https://shop.example/back?error=access_denied");
        let page = signed_in(&bench, &json!([spending(NORA, 100)])).await;
        let text = bench.fill(&page, &page, &[("decision", "deny")]).await.1;
        assert_eq!(bench.hydra.goes_on(&onward(&text)), "https://shop.example/back?error=access_denied");
        assert!(bench.get("/agreements").await.2.contains("No application has access"));
    }

    async fn what_the_provider_has_taken_counts_and_stays_in_the_list_although_its_answer_was_lost(database) {
        let bench = Bench::on(database).await;
        let page = signed_in(&bench, &json!([spending(NORA, 5_000)])).await;
        let denial = bench.filled(&page, &page, &[("decision", "deny")]).await;
        bench.hydra.loses_the_next_answer();
        let all = [("right-0", "yes"), ("most-0", "50.00"), ("decision", "allow")];
        assert_eq!(bench.fill(&page, &page, &all).await.0, StatusCode::BAD_GATEWAY);
        let denial: Vec<(&str, &str)> = denial.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (status, _, text) = bench.post(&page, &denial).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        assert!(text.contains("It was answered before") && !text.contains("gets nothing"), "{text}");
        let back = bench.hydra.goes_on(&onward(&text));
        assert_eq!(bench.hydra.introspects(&back)["active"], json!(true));
        let agreement = format!("/agreements/{}", page.rsplit('/').next().unwrap());
        assert!(bench.get("/agreements").await.2.contains(&agreement));
        bench.send(&agreement, &agreement, &[]).await;
        assert_eq!(bench.hydra.introspects(&back), json!({"active": false}));
    }

    async fn a_browser_is_sent_to_the_provider_and_nowhere_else_whatever_the_admin_api_says(database) {
        let bench = Bench::on(database).await;
        for elsewhere in [
            "https://evil.example/",
            "https://hydra.example.evil.example/",
            "https://hydra.example@evil.example/",
            "https://evil@hydra.example/",
            "http://hydra.example/",
            "https://hydra.example:444/",
            "javascript:alert(1)",
            "/relative",
            "",
        ] {
            bench.hydra.sends_browsers_to(Some(elsewhere));
            let page = bench.get(&bench.hydra.begins(&json!([]), "")).await.1;
            let (status, text) = bench.fill(&page, &page, &[("decision", "yes")]).await;
            assert_eq!(status, StatusCode::BAD_GATEWAY, "{elsewhere}");
            assert!(elsewhere.is_empty() || !text.contains(elsewhere), "{elsewhere}");
        }
    }

    async fn who_is_to_prove_it_again_does_and_the_provider_hears_how_somebody_signed_in(database) {
        let bench = Bench::on(database).await;
        // What she proved when she signed in is too old by now.
        bench.clock.advance(Duration::from_mins(6));
        let page = bench.get(&bench.hydra.begins(&json!([]), "&prompt=login")).await.1;
        let (status, location, _) = bench.get(&page).await;
        assert!(status == StatusCode::SEE_OTHER && location.starts_with("/prove?next="), "{location}");
        bench.prove().await;
        bench.fill(&page, &page, &[("decision", "yes")]).await;
        let (what, told) = bench.hydra.changes().pop().unwrap();
        let known = (what.as_str(), &told["acr"], &told["amr"], &told["remember"]);
        assert_eq!(known, ("login accept", &json!("1"), &json!(["pwd"]), &json!(false)));
        assert!(told["subject"].as_str().unwrap().parse::<Uuid>().is_ok());
    }

    async fn a_customer_signs_out_there_and_here_or_stays(database) {
        let bench = Bench::on(database).await;
        let page = bench.get(&bench.hydra.wants_sign_out("somebody")).await.1;
        assert_eq!(bench.send(&page, &page, &[("decision", "no")]).await, "/");
        assert_eq!(bench.get("/").await.0, StatusCode::OK);
        let page = bench.get(&bench.hydra.wants_sign_out("somebody")).await.1;
        let text = bench.fill(&page, &page, &[("decision", "yes")]).await.1;
        assert_eq!(bench.hydra.goes_on(&onward(&text)), "https://shop.example/back?signed_out=yes");
        assert_eq!(bench.get("/").await.1, "/sign-in");
        // Who is not signed in here is not asked.
        let (status, _, text) = bench.get(&bench.hydra.wants_sign_out("somebody")).await;
        assert_eq!((status, bench.hydra.goes_on(&onward(&text)).ends_with("signed_out=yes")), (StatusCode::OK, true));
    }

    async fn unknown_challenges_and_a_provider_that_is_away_let_nothing_happen(database) {
        let bench = Bench::on(database).await;
        for kind in ["login", "consent", "logout"] {
            let page = bench.get(&format!("/oauth/{kind}?{kind}_challenge=guess")).await.1;
            assert_eq!(bench.get(&page).await.0, StatusCode::GONE, "{kind}");
            assert_eq!(bench.get(&format!("/oauth/{kind}")).await.0, StatusCode::GONE, "{kind}");
        }
        let page = bench.get(&bench.hydra.begins(&json!([]), "")).await.1;
        bench.hydra.fails_with(Some(500));
        assert_eq!(bench.get(&page).await.0, StatusCode::BAD_GATEWAY);
        bench.hydra.fails_with(Some(401));
        assert_eq!(bench.get(&page).await.0, StatusCode::BAD_GATEWAY);
        bench.hydra.fails_with(None);
        assert_eq!(bench.get(&page).await.0, StatusCode::OK, "nothing was lost");
    }
}
