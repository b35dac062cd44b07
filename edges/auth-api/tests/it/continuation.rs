//! `POST` and `DELETE /continue/{id}`.
//! The first request for a grant is in `grants`.

use std::time::Duration;

use serde_json::json;
use testkit::on_each_database;

use crate::harness::{IDP_SECRET, Interaction, Server, parameter, polled, refused};

on_each_database! {
    async fn a_client_without_finish_url_polls_until_the_owner_has_decided(database) {
        let server = Server::on(database).await;
        let grant = server.request(&polled()).await.json();
        let fast = server.go_on(&grant, None).await;
        assert_eq!(fast.headers["retry-after"], "5", "what continue.wait says, too");
        assert_eq!(fast.refusal(), refused(400, "too_fast", "polled grant faster than \"wait\" period"));
        server.wait(5);
        let pending = server.go_on(&grant, Some(&json!({}))).await.json();
        assert_eq!(pending["continue"], grant["continue"]);
        assert_eq!(pending.get("access_token"), None);
        assert_eq!(server.go_on(&grant, None).await.refusal().1, "too_fast", "each poll starts the wait anew");
        assert_eq!(server.consent(&grant, "accept").await.status, 202);
        server.wait(5);
        let issued = server.go_on(&grant, None).await.json();
        assert!(server.is_active(issued["access_token"]["value"].as_str().unwrap()).await);
        server.wait(5);
        let again = server.go_on(&grant, None).await.refusal();
        assert_eq!(again, refused(401, "request_denied", "grant cannot be continued"));
    }

    async fn a_grant_is_continued_only_before_its_greatest_age(database) {
        let server = Server::with(database, |settings| {
            settings.terms.lifetimes.unissued = Some(Duration::from_hours(1));
        }).await;
        let grant = server.request(&polled()).await.json();
        assert_eq!(server.consent(&grant, "accept").await.status, 202);
        server.wait(3601);
        let refusal = server.go_on(&grant, None).await.refusal();
        assert_eq!(refusal, refused(401, "invalid_continuation", "grant expired"));
        let (path, token) = Server::continuation(&grant);
        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 204, "it can still be given up");
    }

    async fn polling_a_refused_grant_ends_it(database) {
        let server = Server::on(database).await;
        let grant = server.request(&polled()).await.json();
        assert_eq!(server.consent(&grant, "reject").await.status, 202);
        server.wait(5);
        let refusal = server.go_on(&grant, None).await.refusal();
        assert_eq!(refusal, refused(401, "request_denied", "grant cannot be continued"));
    }

    async fn a_grant_without_interaction_gives_no_second_token(database) {
        let server = Server::on(database).await;
        let grant = server.incoming_grant().await;
        server.wait(5);
        let polled = server.go_on(&grant, None).await.refusal();
        assert_eq!(polled, refused(401, "request_denied", "grant cannot be continued"));
        let body = json!({"interact_ref": "4ba23a9f-94c6-4f8d-9388-8b03b19e3155"});
        assert_eq!(server.go_on(&grant, Some(&body)).await.status, 404);
    }

    async fn a_client_with_finish_url_brings_the_reference(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let back = server.consent(&grant, "accept").await.location();
        let right = json!({"interact_ref": parameter(&back, "interact_ref")});
        let fast = server.go_on(&grant, Some(&right)).await.refusal();
        assert_eq!(fast, refused(400, "too_fast", "continued grant faster than \"wait\" period"));
        server.wait(5);
        let polled = server.go_on(&grant, None).await.refusal();
        assert_eq!(polled, refused(401, "request_denied", "grant cannot be polled"));
        let empty = server.go_on(&grant, Some(&json!({"x": 1}))).await.refusal();
        assert_eq!(empty, refused(401, "invalid_request", "missing interaction reference"));
        for wrong in ["4ba23a9f-94c6-4f8d-9388-8b03b19e3155", "nonsense"] {
            let refusal = server.go_on(&grant, Some(&json!({"interact_ref": wrong}))).await.refusal();
            assert_eq!(refusal, refused(404, "invalid_continuation", "grant not found"));
        }
        let malformed = server.go_on(&grant, Some(&json!({"interact_ref": 1}))).await.refusal();
        assert_eq!((malformed.0, malformed.1.as_str()), (400, "invalid_request"));
        assert_eq!(server.go_on(&grant, Some(&right)).await.status, 200);
    }

    async fn a_reference_is_refused_before_the_browser_has_returned(database) {
        let server = Server::on(database).await;
        let (grant, other) = (server.outgoing_grant().await, server.outgoing_grant().await);
        server.idp(&grant, "accept", IDP_SECRET).await;
        let foreign = server.consent(&other, "accept").await.location();
        server.wait(5);
        let body = json!({"interact_ref": parameter(&foreign, "interact_ref")});
        assert_eq!(server.go_on(&grant, Some(&body)).await.status, 404, "a reference of another grant");
        let mut browser = crate::harness::Browser::default();
        server.browse(&mut browser, &Interaction::of(&grant).start).await;
        let finish = server.browse(&mut browser, &Interaction::of(&grant).finish).await;
        assert_eq!(finish.refusal().1, "invalid_request", "accepted before it was started: no session");
    }

    async fn parallel_continuations_issue_one_token(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let back = server.consent(&grant, "accept").await.location();
        server.wait(5);
        let body = json!({"interact_ref": parameter(&back, "interact_ref")});
        let go_on = || server.go_on(&grant, Some(&body));
        let (a, b, c) = tokio::join!(go_on(), go_on(), go_on());
        let issued = [a, b, c].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(issued, 1);
    }

    async fn cancelling_ends_the_grant_and_its_tokens(database) {
        let server = Server::on(database).await;
        let grant = server.incoming_grant().await;
        let token = grant["access_token"]["value"].as_str().unwrap();
        assert!(server.is_active(token).await);
        let (path, continue_token) = Server::continuation(&grant);
        let cancelled = server.signed("DELETE", &path, Some(&continue_token), None).await;
        assert_eq!((cancelled.status.as_u16(), cancelled.text.as_str()), (204, ""));
        assert!(!server.is_active(token).await);
        for method in ["DELETE", "POST"] {
            let gone = server.signed(method, &path, Some(&continue_token), None).await.refusal();
            assert_eq!(gone, refused(401, "invalid_continuation", "invalid grant"));
        }
    }

    async fn the_continuation_token_is_required_and_has_to_be_right(database) {
        let server = Server::on(database).await;
        let grant = server.request(&polled()).await.json();
        server.wait(5);
        let (path, token) = Server::continuation(&grant);
        for method in ["POST", "DELETE"] {
            let missing = server.signed(method, &path, None, None).await.refusal();
            assert_eq!(missing, refused(401, "invalid_client", "invalid signature headers"));
            for (path, token) in [
                (path.as_str(), "wrong"),
                ("/continue/4ba23a9f-94c6-4f8d-9388-8b03b19e3155", token.as_str()),
                ("/continue/nonsense", token.as_str()),
            ] {
                let refusal = server.signed(method, path, Some(token), None).await.refusal();
                assert_eq!(refusal, refused(401, "invalid_continuation", "invalid grant"));
            }
            let stranger = server.signed_by(&server.stranger, method, &path, Some(&token), None).await.refusal();
            assert_eq!(stranger, refused(400, "invalid_client", "could not determine client"));
        }
    }
}
