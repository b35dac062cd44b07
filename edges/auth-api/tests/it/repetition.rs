//! `Idempotency-Key`: who has lost the answer with a token asks again, and gets the same one.
//!
//! Without the header nothing is repeated: see `tokens` and `continuation`.

use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{Server, parameter, refused};

/// Path and value of the token of an answer.
fn managed(answer: &Value) -> (String, String) {
    let token = &answer["access_token"];
    let manage = token["manage"].as_str().unwrap().strip_prefix("http://auth.example").unwrap();
    (manage.to_owned(), token["value"].as_str().unwrap().to_owned())
}

on_each_database! {
    async fn an_exchange_whose_answer_was_lost_is_repeated_under_its_key_and_gives_the_same_token(database) {
        let (server, other) = Server::two(database, |_| {}).await;
        let (manage, old) = managed(&server.incoming_grant().await);
        let exchange = async |server: &Server, key| server.keyed(&server.client, &manage, Some(&old), None, key).await;
        let first = exchange(&server, "order-1").await.json();
        server.wait(100);
        other.wait(100);
        // Another process of the server, as after a restart.
        let again = exchange(&other, "order-1").await.json();
        assert_eq!(managed(&first), managed(&again));
        assert_eq!(first["access_token"]["access"], again["access_token"]["access"]);
        assert_eq!((&first["access_token"]["expires_in"], &again["access_token"]["expires_in"]), (&json!(600), &json!(500)));
        let (next, new) = managed(&first);
        assert!(!server.is_active(&old).await && server.is_active(&new).await);
        let unknown = refused(401, "invalid_client", "invalid access token");
        assert_eq!(exchange(&server, "order-2").await.refusal(), unknown, "another key is another request");

        // It has ended, and may still be exchanged, as any token that has ended. Afterwards nothing is repeated.
        server.wait(3600);
        let ended = exchange(&server, "order-1").await.json();
        assert_eq!((managed(&ended), &ended["access_token"]["expires_in"]), (managed(&first), &json!(0)));
        server.signed("POST", &next, Some(&new), None).await.json();
        assert_eq!(exchange(&server, "order-1").await.refusal(), unknown);
    }

    async fn nobody_else_gets_the_answer_to_a_repetition(database) {
        let server = Server::on(database).await;
        let (manage, old) = managed(&server.incoming_grant().await);
        let (_, new) = managed(&server.keyed(&server.client, &manage, Some(&old), None, "k").await.json());
        let unknown = refused(401, "invalid_client", "invalid access token");
        for shown in [None, Some("another token"), Some(new.as_str())] {
            assert_eq!(server.keyed(&server.client, &manage, shown, None, "k").await.refusal(), unknown, "{shown:?}");
        }
        let stranger = server.keyed(&server.stranger, &manage, Some(&old), None, "k").await.refusal();
        assert_eq!(stranger, refused(400, "invalid_client", "could not determine client"));
        assert_eq!(server.keyed(&server.client, &manage, Some(&old), None, &"k".repeat(256)).await.status, 400);

        assert!(server.is_active(&new).await);
        let (next, _) = managed(&server.keyed(&server.client, &manage, Some(&old), None, "k").await.json());
        assert_eq!(server.signed("DELETE", &next, Some(&new), None).await.status, 204);
        let revoked = server.keyed(&server.client, &manage, Some(&old), None, "k").await.refusal();
        assert_eq!(revoked, unknown, "a revoked token is given to nobody");
    }

    async fn of_equal_exchanges_at_once_all_get_the_same_token(database) {
        let server = Server::on(database).await;
        let (manage, old) = managed(&server.incoming_grant().await);
        let exchange = || server.keyed(&server.client, &manage, Some(&old), None, "order-1");
        let (a, b, c) = tokio::join!(exchange(), exchange(), exchange());
        let [a, b, c] = [a, b, c].map(|answer| managed(&answer.json()));
        assert!(a == b && b == c);
    }

    async fn a_continuation_whose_answer_was_lost_is_repeated_under_its_key_and_gives_the_same_token(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let back = server.consent(&grant, "accept").await.location();
        server.wait(5);
        let (path, token) = Server::continuation(&grant);
        let body = json!({"interact_ref": parameter(&back, "interact_ref")});
        let go_on = async |key| server.keyed(&server.client, &path, Some(&token), Some(&body), key).await;
        let first = go_on("order-1").await.json();
        let again = go_on("order-1").await.json();
        assert_eq!((managed(&first), &first["continue"]), (managed(&again), &again["continue"]));
        // The reference itself was used: it is of no use for anything but the same request.
        let used = refused(401, "request_denied", "grant interaction not approved");
        assert_eq!(go_on("order-2").await.refusal(), used);
        assert_eq!(server.go_on(&grant, Some(&body)).await.refusal(), used);

        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 204);
        assert_eq!(go_on("order-1").await.refusal(), refused(401, "invalid_continuation", "invalid grant"));
    }
}

#[tokio::test]
async fn who_reads_the_database_cannot_read_the_token_that_is_kept() {
    let file = testkit::TestDatabase::sqlite().await;
    let path = file.url().strip_prefix("sqlite:").unwrap().to_owned();
    let server = Server::on(file).await;
    let (manage, old) = managed(&server.incoming_grant().await);
    let (_, new) = managed(&server.keyed(&server.client, &manage, Some(&old), None, "k").await.json());
    let mut stored = std::fs::read(&path).unwrap();
    stored.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
    let holds = |text: &str| stored.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds("sealed:1:"), "it is kept");
    assert!(!holds(&new) && !holds(&old), "and not in clear");
}
