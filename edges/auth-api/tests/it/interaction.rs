//! The requests of the owner: start, choice, finish.
//! The client's requests are in `grants` and `continuation`.

use gnap::hash::InteractionHash;
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{
    Browser, CLIENT, IDP_SECRET, Interaction, OPERATOR, Server, call, outgoing, parameter, polled, refused,
};

const BACK: &str = "https://client.example/back?x=1&y=a+b";

on_each_database! {
    async fn the_owner_is_asked_and_the_client_hears_of_it(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let interaction = Interaction::of(&grant);
        let mut browser = Browser::default();
        let start = server.browse(&mut browser, &interaction.start).await;
        assert_eq!(start.location(), format!(
            "https://idp.example/consent?theme=dark&interactId={}&nonce={}\
             &clientName=Alice+%26+Co.+%2B%C3%BC&clientUri=https%3A%2F%2Fclient.example%2Fapp",
            interaction.id, interaction.nonce
        ));
        assert_eq!(start.headers["referrer-policy"], "no-referrer");
        assert_eq!(start.headers["cache-control"], "no-store");

        let details = server.idp(&grant, "details", IDP_SECRET).await.json();
        assert_eq!(details["access"], outgoing()["access_token"]["access"]);
        assert_eq!(details["state"], "PENDING");
        assert_eq!(details["clientUri"], CLIENT);
        assert_eq!(details["clientName"], "Alice & Co. +ü");
        assert_eq!(details["tenantId"], OPERATOR);
        assert_eq!(details["expiresAt"], "2026-01-01T00:10:00.000Z");

        let accepted = server.idp(&grant, "accept", IDP_SECRET).await;
        assert_eq!((accepted.status.as_u16(), accepted.text.as_str()), (202, "Accepted"));
        assert_eq!(server.idp(&grant, "details", IDP_SECRET).await.json()["state"], "APPROVED");

        let back = server.browse(&mut browser, &interaction.finish).await.location();
        let reference = parameter(&back, "interact_ref");
        let hash = InteractionHash {
            client_nonce: "client-nonce",
            interact_nonce: &interaction.nonce,
            interact_ref: &reference,
            grant_endpoint: &format!("http://auth.example/{OPERATOR}"),
        };
        assert_eq!(parameter(&back, "hash"), hash.compute());
        assert!(back.starts_with(&format!("{BACK}&hash=")), "{back}");

        server.wait(5);
        let issued = server.go_on(&grant, Some(&json!({"interact_ref": reference}))).await.json();
        assert_eq!(issued["access_token"]["access"], outgoing()["access_token"]["access"]);
        assert_eq!(issued["continue"]["access_token"], grant["continue"]["access_token"]);
        assert!(server.is_active(issued["access_token"]["value"].as_str().unwrap()).await);
    }

    async fn reloading_the_finish_page_does_not_make_the_reference_valid_again(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let interaction = Interaction::of(&grant);
        let mut browser = Browser::default();
        server.browse(&mut browser, &interaction.start).await;
        server.idp(&grant, "accept", IDP_SECRET).await;
        let back = server.browse(&mut browser, &interaction.finish).await.location();
        server.wait(5);
        let body = json!({"interact_ref": parameter(&back, "interact_ref")});
        assert_eq!(server.go_on(&grant, Some(&body)).await.status, 200);
        assert_eq!(server.browse(&mut browser, &interaction.finish).await.location(), back);
        let again = server.go_on(&grant, Some(&body)).await.refusal();
        assert_eq!(again, refused(401, "request_denied", "grant interaction not approved"));
    }

    async fn a_refusal_reaches_the_client_and_ends_the_grant(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        assert_eq!(server.consent(&grant, "reject").await.location(), format!("{BACK}&result=grant_rejected"));
        server.wait(5);
        let denied = server.idp(&grant, "accept", IDP_SECRET).await.refusal();
        assert_eq!(denied, refused(401, "user_denied", "user denied interaction"));
        let body = json!({"interact_ref": "4ba23a9f-94c6-4f8d-9388-8b03b19e3155"});
        let gone = server.go_on(&grant, Some(&body)).await.refusal();
        assert_eq!(gone, refused(404, "invalid_continuation", "grant not found"));
    }

    async fn without_a_choice_the_client_gets_an_error(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let interaction = Interaction::of(&grant);
        let mut browser = Browser::default();
        server.browse(&mut browser, &interaction.start).await;
        let undecided = server.browse(&mut browser, &interaction.finish).await;
        assert_eq!(undecided.location(), format!("{BACK}&result=grant_invalid"));

        let grant = server.request(&polled()).await.json();
        let interaction = Interaction::of(&grant);
        server.browse(&mut browser, &interaction.start).await;
        let undecided = server.browse(&mut browser, &interaction.finish).await.refusal();
        assert_eq!(undecided, refused(401, "invalid_interaction", "interaction is not active"));
    }

    async fn only_the_browser_that_started_may_finish(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let interaction = Interaction::of(&grant);
        let mut browser = Browser::default();
        server.browse(&mut browser, &interaction.start).await;
        server.idp(&grant, "accept", IDP_SECRET).await;
        let other = server.browse(&mut Browser::default(), &interaction.finish).await;
        assert_eq!(other.refusal(), refused(401, "invalid_request", "invalid session"));
        assert!(server.browse(&mut browser, &interaction.finish).await.location().contains("interact_ref="));
    }

    async fn several_interactions_may_be_open_in_one_browser(database) {
        let server = Server::on(database).await;
        let mut browser = Browser::default();
        let grants = [server.outgoing_grant().await, server.outgoing_grant().await];
        for grant in &grants {
            server.browse(&mut browser, &Interaction::of(grant).start).await.location();
            server.idp(grant, "accept", IDP_SECRET).await;
        }
        for grant in &grants {
            let back = server.browse(&mut browser, &Interaction::of(grant).finish).await.location();
            assert!(back.contains("interact_ref="), "{back}");
        }
    }

    async fn an_expired_interaction_is_over_for_every_caller(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let interaction = Interaction::of(&grant);
        let mut browser = Browser::default();
        server.browse(&mut browser, &interaction.start).await;
        server.wait(601);
        let choice = server.idp(&grant, "accept", IDP_SECRET).await.refusal();
        assert_eq!(choice, refused(400, "invalid_interaction", "invalid interaction"));
        let finish = server.browse(&mut browser, &interaction.finish).await.location();
        assert_eq!(finish, format!("{BACK}&result=invalid_interaction&message=interaction+expired"));
        let start = server.browse(&mut browser, &interaction.start).await.location();
        assert_eq!(start, format!("{BACK}&result=invalid_interaction&message=invalid+interaction"));
        // A browser that has not started the interaction gets no redirect.
        let stranger = server.browse(&mut Browser::default(), &interaction.finish).await.refusal();
        assert_eq!(stranger, refused(401, "invalid_interaction", "interaction expired"));
        let stranger = server.browse(&mut Browser::default(), &interaction.start).await.refusal();
        assert_eq!(stranger, refused(403, "invalid_interaction", "invalid interaction"));
    }

    async fn a_person_gets_a_page_with_a_link_instead_of_a_blind_redirect(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        server.wait(601);
        let interaction = Interaction::of(&grant);
        let path = interaction.finish.strip_prefix("http://auth.example").unwrap();
        let html = http::HeaderMap::from_iter([(http::header::ACCEPT, http::HeaderValue::from_static("text/html"))]);
        let page = call(&server.routers.auth, "GET", path, html, String::new()).await;
        assert_eq!(page.status, 401);
        assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
        assert!(page.text.contains("has expired"), "{}", page.text);
        assert!(page.text.contains("href=\"https://client.example/back?x=1&amp;y=a+b&amp;result="), "{}", page.text);
        assert_eq!(page.headers["x-frame-options"], "DENY");
    }

    async fn a_cancelled_grant_is_not_found_by_browser_and_provider(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let interaction = Interaction::of(&grant);
        let mut browser = Browser::default();
        server.browse(&mut browser, &interaction.start).await;
        let (path, token) = Server::continuation(&grant);
        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 204);
        let details = server.idp(&grant, "details", IDP_SECRET).await.refusal();
        assert_eq!(details, refused(404, "unknown_interaction", "unknown interaction"));
        let choice = server.idp(&grant, "accept", IDP_SECRET).await.refusal();
        assert_eq!(choice, refused(401, "user_denied", "user denied interaction"));
        let start = server.browse(&mut browser, &interaction.start).await.location();
        assert_eq!(start, format!("{BACK}&result=invalid_interaction&message=invalid+interaction"));
        let finish = server.browse(&mut browser, &interaction.finish).await.location();
        assert_eq!(finish, format!("{BACK}&result=unknown_interaction&message=unknown+interaction"));
    }

    async fn the_provider_must_know_its_secret(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        for wrong in ["", "short", "an idp secreT"] {
            let details = server.idp(&grant, "details", wrong).await.refusal();
            assert_eq!(details, refused(401, "invalid_request", "invalid x-idp-secret"));
            let choice = server.idp(&grant, "accept", wrong).await.refusal();
            assert_eq!(choice, refused(401, "invalid_interaction", "invalid x-idp-secret"));
        }
        server.wait(1);
        let interaction = Interaction::of(&grant);
        let known = format!("/grant/{}/{}", interaction.id, interaction.nonce);
        // Whoever shows nothing is not told which interactions there are.
        for path in [known.as_str(), "/grant/4ba23a9f-94c6-4f8d-9388-8b03b19e3155/x", "/grant/x/x"] {
            let ask = async |method, path: &str| {
                call(&server.routers.interaction, method, path, http::HeaderMap::new(), String::new()).await
            };
            let details = ask("GET", path).await.refusal();
            assert_eq!(details, refused(401, "invalid_request", "invalid x-idp-secret"), "{path}");
            let choice = ask("POST", &format!("{path}/accept")).await.refusal();
            assert_eq!(choice, refused(401, "invalid_interaction", "invalid x-idp-secret"), "{path}");
        }
        assert_eq!(server.idp(&grant, "details", IDP_SECRET).await.json()["state"], "PENDING");
    }

    async fn a_choice_is_made_once(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        assert_eq!(server.idp(&grant, "accept", IDP_SECRET).await.status, 202);
        let again = server.idp(&grant, "reject", IDP_SECRET).await.refusal();
        assert_eq!(again, refused(400, "invalid_interaction", "invalid interaction"));
        let other = server.idp(&grant, "maybe", IDP_SECRET).await.refusal();
        assert_eq!((other.0, other.1.as_str()), (400, "invalid_request"));
    }

    async fn unknown_interactions_are_refused_with_any_form_of_id(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let known = Interaction::of(&grant);
        let query = "?clientName=a&clientUri=b";
        for (id, nonce) in [("not-a-uuid", "x"), ("4ba23a9f-94c6-4f8d-9388-8b03b19e3155", "x"), (&*known.id, "wrong")] {
            let start = server.browse(&mut Browser::default(), &format!("/interact/{id}/{nonce}{query}")).await;
            assert_eq!(start.refusal(), refused(400, "unknown_interaction", "unknown interaction"));
            let finish = server.browse(&mut Browser::default(), &format!("/interact/{id}/{nonce}/finish")).await;
            assert_eq!(finish.refusal(), refused(404, "unknown_interaction", "unknown interaction"));
            let fake = json!({"interact": {"redirect": format!("http://auth.example/interact/{id}/{nonce}?")}});
            for what in ["details", "accept"] {
                let answer = server.idp(&fake, what, IDP_SECRET).await.refusal();
                assert_eq!(answer, refused(404, "unknown_interaction", "unknown interaction"));
            }
        }
    }

    async fn start_requires_both_parameters_and_ignores_what_they_say(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let start = Interaction::of(&grant).start;
        let bare = start.split('?').next().unwrap();
        assert_eq!(server.browse(&mut Browser::default(), bare).await.status, 400);
        assert_eq!(server.browse(&mut Browser::default(), &format!("{bare}?clientName=x")).await.status, 400);
        let forged = format!("{bare}?clientName=Your+Bank&clientUri=https://bank.example");
        let to: Value = server.browse(&mut Browser::default(), &forged).await.location().into();
        assert_eq!(parameter(to.as_str().unwrap(), "clientUri"), CLIENT);
    }
}
