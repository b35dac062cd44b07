//! `POST /` of the introspection listener.
//! Rotation and revocation are in `tokens`.

use http::{HeaderMap, HeaderValue};
use serde_json::json;
use testkit::on_each_database;

use crate::harness::{ALICE, CLIENT, OPERATOR, Server, call};

on_each_database! {
    async fn the_rights_that_cover_the_requirement_are_returned(database) {
        let server = Server::on(database).await;
        let grant = server.incoming_grant().await;
        let token = &grant["access_token"]["value"];
        let read = json!({"type": "incoming-payment", "actions": ["read"], "identifier": ALICE});
        let complete = json!({"type": "incoming-payment", "actions": ["complete"]});
        let answer = server.introspect(&json!({"access_token": token, "access": [read, complete]})).await.json();
        let grant_id = answer["grant"].as_str().unwrap();
        assert_eq!(answer, json!({
            "active": true, "grant": grant_id, "access": grant["access_token"]["access"],
            "client": {"walletAddress": CLIENT}, "tenantId": OPERATOR
        }));
        let bare = server.introspect(&json!({"access_token": token})).await.json();
        assert_eq!(bare["access"], json!([]));
    }

    async fn an_unknown_token_is_inactive_and_no_other_data_is_returned(database) {
        let server = Server::on(database).await;
        assert_eq!(server.introspect(&json!({"access_token": "x"})).await.json(), json!({"active": false}));
        let grant = server.outgoing_grant().await;
        let continue_token = &grant["continue"]["access_token"]["value"];
        let answer = server.introspect(&json!({"access_token": continue_token})).await.json();
        assert_eq!(answer, json!({"active": false}));
    }

    async fn malformed_questions_are_refused(database) {
        let server = Server::on(database).await;
        let ask = async |content_type: Option<&'static str>, body: &str| {
            let headers = content_type.map(|text| (http::header::CONTENT_TYPE, HeaderValue::from_static(text)));
            let answer = call(&server.routers.introspection, "POST", "/", HeaderMap::from_iter(headers), body.to_owned());
            answer.await.refusal()
        };
        let json_type = Some("application/json");
        for body in ["", "{", "{}", "[]", r#"{"access_token":7}"#, r#"{"access_token":"x","access":[{"type":"account","actions":[]}]}"#] {
            let (status, code, _) = ask(json_type, body).await;
            assert_eq!((status, code.as_str()), (400, "invalid_request"), "{body}");
        }
        assert_eq!(ask(None, r#"{"access_token":"x"}"#).await.0, 400);
        assert_eq!(ask(Some("text/plain"), r#"{"access_token":"x"}"#).await.0, 415);
    }
}
