//! `POST` and `DELETE /token/{id}`.
//! Looking a token up is in `introspection`.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{OPERATOR, OPERATOR_SECRET, Server, parameter, refused};

fn managed(answer: &Value) -> (String, String) {
    let token = &answer["access_token"];
    let manage = token["manage"].as_str().unwrap().strip_prefix("http://auth.example").unwrap();
    (manage.to_owned(), token["value"].as_str().unwrap().to_owned())
}

on_each_database! {
    async fn rotation_replaces_the_token_and_keeps_the_rights(database) {
        let server = Server::on(database).await;
        let grant = server.incoming_grant().await;
        let (manage, old) = managed(&grant);
        let rotated = server.signed("POST", &manage, Some(&old), None).await.json();
        assert_eq!(rotated.as_object().unwrap().len(), 1);
        assert_eq!(rotated["access_token"]["access"], grant["access_token"]["access"]);
        let (next, new) = managed(&rotated);
        assert_ne!((&manage, &old), (&next, &new));
        assert!(!server.is_active(&old).await);
        assert!(server.is_active(&new).await);
        let again = server.signed("POST", &manage, Some(&old), None).await.refusal();
        assert_eq!(again, refused(401, "invalid_client", "invalid access token"));
    }

    async fn an_expired_token_is_inactive_and_may_still_be_rotated(database) {
        let server = Server::on(database).await;
        let (manage, old) = managed(&server.incoming_grant().await);
        server.wait(600);
        assert!(server.is_active(&old).await);
        server.wait(1);
        assert!(!server.is_active(&old).await);
        let rotated = server.signed("POST", &manage, None, None).await.json();
        assert!(server.is_active(&managed(&rotated).1).await);
    }

    async fn a_grant_ends_with_its_greatest_age_and_its_tokens_with_it(database) {
        let server = Server::with(database, |settings| {
            settings.terms.lifetimes.grant = Some(Duration::from_mins(15));
        }).await;
        let grant = server.incoming_grant().await;
        assert_eq!(grant["access_token"]["expires_in"], 600);
        let (manage, first) = managed(&grant);
        server.wait(600);
        let rotated = server.signed("POST", &manage, None, None).await.json();
        assert_eq!(rotated["access_token"]["expires_in"], 300, "no longer than the grant");
        let (manage, second) = managed(&rotated);
        assert!(!server.is_active(&first).await && server.is_active(&second).await);
        server.wait(300);
        assert!(server.is_active(&second).await);
        server.wait_millis(1);
        assert!(!server.is_active(&second).await);
        let refusal = server.signed("POST", &manage, None, None).await.refusal();
        assert_eq!(refusal, refused(404, "invalid_rotation", "grant is no longer valid"));
    }

    async fn a_shorter_greatest_age_ends_tokens_that_were_issued_before(database) {
        let (server, shorter) = Server::two(database, |settings| {
            settings.terms.lifetimes.grant = Some(Duration::from_mins(1));
        }).await;
        let (_, token) = managed(&server.incoming_grant().await);
        server.wait(61);
        shorter.wait(61);
        assert!(server.is_active(&token).await && !shorter.is_active(&token).await);
    }

    async fn revocation_takes_effect_at_once_in_every_process(database) {
        let (one, other) = Server::two(database, |_| {}).await;
        let (manage, token) = managed(&one.incoming_grant().await);
        assert!(other.is_active(&token).await);
        assert_eq!(one.signed("DELETE", &manage, Some(&token), None).await.status, 204);
        assert!(!other.is_active(&token).await, "a token that its client gave back");

        let grant = one.incoming_grant().await;
        let (_, token) = managed(&grant);
        assert!(other.is_active(&token).await);
        let (path, continue_token) = Server::continuation(&grant);
        assert_eq!(one.signed("DELETE", &path, Some(&continue_token), None).await.status, 204);
        assert!(!other.is_active(&token).await, "a token of a grant that its client gave back");

        let (_, token) = managed(&one.incoming_grant().await);
        assert!(other.is_active(&token).await);
        let grant = &other.introspect(&json!({"access_token": token})).await.json()["grant"];
        let revoke = format!("mutation {{ revokeGrant(input: {{ grantId: {grant} }}) {{ id }} }}");
        one.admin(OPERATOR, OPERATOR_SECRET, &revoke).await.unwrap();
        assert!(!other.is_active(&token).await, "a token of a grant that the operator revoked");
    }

    async fn of_parallel_rotations_one_wins(database) {
        let server = Server::on(database).await;
        let (manage, _) = managed(&server.incoming_grant().await);
        let rotate = || server.signed("POST", &manage, None, None);
        let (a, b, c) = tokio::join!(rotate(), rotate(), rotate());
        let mut statuses = [a, b, c].map(|answer| answer.status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        assert!(statuses[1..].iter().all(|status| [401, 404].contains(status)), "{statuses:?}");
    }

    async fn revocation_takes_effect_at_once(database) {
        let server = Server::on(database).await;
        let (manage, token) = managed(&server.incoming_grant().await);
        assert_eq!(server.signed("DELETE", &manage, Some(&token), None).await.status, 204);
        assert!(!server.is_active(&token).await);
        let again = server.signed("DELETE", &manage, Some(&token), None).await.refusal();
        assert_eq!(again, refused(401, "invalid_client", "invalid access token"));
    }

    async fn a_token_is_managed_by_its_client_only(database) {
        let server = Server::on(database).await;
        let (manage, token) = managed(&server.incoming_grant().await);
        for method in ["POST", "DELETE"] {
            let stranger = server.signed_by(&server.stranger, method, &manage, Some(&token), None).await.refusal();
            assert_eq!(stranger, refused(400, "invalid_client", "could not determine client"));
            let other = server.signed(method, &manage, Some("another token"), None).await.refusal();
            assert_eq!(other, refused(401, "invalid_client", "invalid access token"));
            for unknown in ["/token/4ba23a9f-94c6-4f8d-9388-8b03b19e3155", "/token/nonsense"] {
                let refusal = server.signed(method, unknown, None, None).await.refusal();
                assert_eq!(refusal, refused(401, "invalid_client", "invalid access token"));
            }
        }
        assert!(server.is_active(&token).await);
    }

    async fn old_tokens_are_forgotten_after_their_retention(database) {
        let server = Server::on(database).await;
        let (manage, _) = managed(&server.incoming_grant().await);
        server.wait(600 + 720 * 3600);
        server.auth.purge().await;
        let last = server.signed("POST", &manage, None, None).await;
        assert_eq!(last.status, 200, "kept until the retention has passed");
        let (manage, _) = managed(&last.json());
        server.wait(601 + 720 * 3600);
        server.auth.purge().await;
        assert_eq!(server.signed("POST", &manage, None, None).await.status, 401);
        assert_eq!(server.grants().await, 0, "a grant without consent goes with its last token");
    }

    async fn grants_without_an_answer_are_deleted_and_issued_grants_are_kept(database) {
        let server = Server::on(database).await;
        server.outgoing_grant().await;
        let rejected = server.outgoing_grant().await;
        server.consent(&rejected, "reject").await.location();
        let accepted = server.outgoing_grant().await;
        let back = server.consent(&accepted, "accept").await.location();
        server.wait(5);
        let body = json!({"interact_ref": parameter(&back, "interact_ref")});
        assert_eq!(server.go_on(&accepted, Some(&body)).await.status, 200);
        server.wait(600 + 720 * 3600);
        server.auth.purge().await;
        assert_eq!(server.grants().await, 1);
    }
}
