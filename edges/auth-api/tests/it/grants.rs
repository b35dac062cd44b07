//! `POST /{tenant}`.
//! What follows is in `interaction` and `continuation`.

use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{ALICE, CLIENT, IDP_SECRET, Interaction, OPERATOR, Server, call, incoming, outgoing, refused};

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[member] = value;
    body
}

on_each_database! {
    async fn rights_that_need_no_consent_are_granted_at_once(database) {
        let server = Server::on(database).await;
        let grant = server.incoming_grant().await;
        let token = grant["access_token"]["value"].as_str().unwrap();
        assert!(token.len() >= 32);
        assert_eq!(grant["access_token"]["access"], incoming()["access_token"]["access"]);
        assert_eq!(grant["access_token"]["expires_in"], 600);
        assert!(grant["access_token"]["manage"].as_str().unwrap().starts_with("http://auth.example/token/"));
        assert!(grant["continue"]["uri"].as_str().unwrap().starts_with("http://auth.example/continue/"));
        assert_eq!(grant["continue"].get("wait"), None);
        assert_eq!(grant.get("interact"), None);
        assert!(server.is_active(token).await);
    }

    async fn a_bare_key_is_a_client_too(database) {
        let server = Server::on(database).await;
        let body = with(incoming(), "/client", json!({"jwk": server.client.jwk()}));
        let grant = server.request(&body).await;
        assert_eq!(grant.status, 200, "{grant:?}");
        let token = grant.json()["access_token"]["value"].clone();
        let answer = server.introspect(&json!({"access_token": token})).await.json();
        assert_eq!(answer["client"], json!({"jwk": server.client.jwk()}));

        let other_name = with(incoming(), "/client", json!({"jwk": server.stranger.jwk()}));
        assert_eq!(server.request(&other_name).await.refusal(), refused(401, "invalid_client", "invalid signature"));
    }

    async fn outgoing_payments_wait_for_the_owner(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        assert_eq!(grant.get("access_token"), None);
        assert_eq!(grant["continue"]["wait"], 5);
        let interaction = Interaction::of(&grant);
        assert_eq!(grant["interact"]["finish"], interaction.nonce);
        assert!(
            interaction.start.ends_with("?clientName=Alice+%26+Co.+%2B%C3%BC&clientUri=https%3A%2F%2Fclient.example%2Fapp"),
            "{}", interaction.start
        );
    }

    async fn the_switches_decide_what_needs_consent(database) {
        let quote = json!({
            "client": CLIENT,
            "access_token": {"access": [{"type": "quote", "actions": ["create"], "identifier": ALICE}]},
            "interact": {"start": ["redirect"]}
        });
        let server = Server::with(database, |settings| settings.consent.quote = true).await;
        assert!(server.request(&quote).await.json().get("interact").is_some());
        let list_all = with(incoming(), "/access_token/access/0/actions", json!(["list-all"]));
        let refusal = server.request(&list_all).await.refusal();
        assert_eq!(refusal, refused(400, "invalid_request", "missing required request field 'interact'"));
    }

    async fn every_refusal_has_its_code_and_words(database) {
        let server = Server::on(database).await;
        let item = "/access_token/access/0";
        let quote_all = json!({"type": "incoming-payment", "actions": ["list-all"]});
        let subject = json!({"client": CLIENT, "interact": {"start": ["redirect"]},
            "subject": {"sub_ids": [{"id": "alice", "format": "uri"}]}});
        for (body, code, words) in [
            (json!({"client": CLIENT, "access_token": {"access": []}}), "invalid_request", "subject or access_token required"),
            (with(outgoing(), "/access_token/access", json!([quote_all])), "invalid_request", "access identifier required"),
            (with(outgoing(), "/client", json!({"jwk": server.client.jwk()})), "invalid_client",
                "JWK client identifier cannot be used for interactive grants"),
            (with(outgoing(), "/client", json!("https://nameless.example")), "invalid_client",
                "missing required request field 'client'"),
            (subject, "invalid_request", "subject id must be a valid https url"),
            (with(outgoing(), "/interact/finish/uri", json!("javascript:alert(1)")), "invalid_request",
                "interact.finish.uri must use https"),
            (with(outgoing(), &format!("{item}/limits/receiveAmount"), json!({"value": "1", "assetCode": "USD", "assetScale": 2})),
                "invalid_request",
                "Received error validating OpenAPI request: body.access_token.access.0.limits only one access amount allowed"),
            (with(incoming(), &format!("{item}/grantId"), json!("4ba23a9f-94c6-4f8d-9388-8b03b19e3155")), "invalid_request",
                "Received error validating OpenAPI request: body.access_token.access.0.grantId unknown field `grantId`, \
                 expected one of `type`, `actions`, `identifier`, `limits`"),
        ] {
            assert_eq!(server.request(&body).await.refusal(), refused(400, code, words), "{body}");
        }
    }

    async fn a_later_item_without_owner_is_refused_too(database) {
        let server = Server::on(database).await;
        let body = with(outgoing(), "/access_token/access", json!([
            {"type": "outgoing-payment", "actions": ["create"], "identifier": ALICE},
            {"type": "incoming-payment", "actions": ["list-all"]}
        ]));
        assert_eq!(server.request(&body).await.refusal(), refused(400, "invalid_request", "access identifier required"));
    }

    async fn unknown_tenants_are_not_found_once_the_signature_is_right(database) {
        let server = Server::on(database).await;
        for tenant in ["4ba23a9f-94c6-4f8d-9388-8b03b19e3155", "not-a-uuid"] {
            let answer = server.signed("POST", &format!("/{tenant}"), None, Some(&incoming())).await;
            assert_eq!(answer.refusal(), refused(404, "invalid_request", "Not Found"));
            let answer = server.signed_by(&server.stranger, "POST", &format!("/{tenant}"), None, Some(&incoming())).await;
            assert_eq!(answer.refusal(), refused(400, "invalid_client", "could not determine client"));
        }
    }

    async fn a_tenant_without_identity_provider_grants_only_what_needs_no_consent(database) {
        let server = Server::on(database).await;
        let tenant = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";
        let json_type = http::HeaderMap::from_iter([(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"))]);
        let body = json!({"id": tenant, "apiSecret": "s"}).to_string();
        assert_eq!(call(&server.routers.service, "POST", "/tenant", json_type, body).await.status, 204);
        let path = format!("/{tenant}");
        assert_eq!(server.signed("POST", &path, None, Some(&incoming())).await.status, 200);
        let answer = server.signed("POST", &path, None, Some(&outgoing())).await;
        assert_eq!(answer.refusal(), refused(400, "invalid_request", "invalid tenant"));
    }

    async fn a_subject_alone_is_confirmed_without_a_token(database) {
        let server = Server::on(database).await;
        let body = json!({
            "client": CLIENT,
            "subject": {"sub_ids": [{"id": ALICE, "format": "uri"}]},
            "interact": {"start": ["redirect"]}
        });
        let grant = server.request(&body).await.json();
        let details = server.idp(&grant, "details", IDP_SECRET).await.json();
        assert_eq!(details["subject"], body["subject"]);
        assert_eq!(details["access"], json!([]));
        assert_eq!(server.consent(&grant, "accept").await.status, 202);
        server.wait(5);
        let issued = server.go_on(&grant, None).await.json();
        assert_eq!(issued["subject"], body["subject"]);
        assert_eq!(issued.get("access_token"), None);
    }

    async fn the_path_may_end_in_a_slash_and_the_client_signs_it_as_called(database) {
        let server = Server::on(database).await;
        assert_eq!(server.signed("POST", &format!("/{OPERATOR}/"), None, Some(&incoming())).await.status, 200);
        let answer = server.signed("POST", &format!("/{OPERATOR}?x=%20"), None, Some(&incoming())).await;
        assert_eq!(answer.status, 200);
    }
}
