//! `/tenant` of the service listener.
//! The backend's side is tested in `services/payments`.

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{Answer, IDP_SECRET, OPERATOR, Server, call, incoming, outgoing, refused};

const TENANT: &str = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";

async fn report(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    call(&server.routers.service, method, path, headers, body.to_string()).await
}

on_each_database! {
    async fn a_tenant_is_added_changed_and_deleted(database) {
        let server = Server::on(database).await;
        let path = format!("/tenant/{TENANT}");
        let created = report(&server, "POST", "/tenant", &json!({"id": TENANT, "apiSecret": "s", "idpConsentUrl": "https://idp.example/t", "idpSecret": IDP_SECRET})).await;
        assert_eq!((created.status.as_u16(), created.text.as_str()), (204, ""));
        let grant = server.signed("POST", &format!("/{TENANT}"), None, Some(&outgoing())).await.json();
        assert_eq!(server.idp(&grant, "details", IDP_SECRET).await.json()["tenantId"], TENANT);

        assert_eq!(report(&server, "PATCH", &path, &json!({})).await.status, 204);
        assert_eq!(report(&server, "PATCH", &path, &json!({"idpSecret": "new"})).await.status, 204);
        for good in [IDP_SECRET, "new"] {
            assert_eq!(server.idp(&grant, "details", good).await.status, 200, "both are good for a minute");
        }
        server.wait(61);
        assert_eq!(server.idp(&grant, "details", IDP_SECRET).await.status, 401);
        assert_eq!(server.idp(&grant, "details", "new").await.status, 200);
        assert_eq!(report(&server, "PATCH", &path, &json!({"idpConsentUrl": null})).await.status, 204);
        assert_eq!(server.idp(&grant, "details", "new").await.refusal(), refused(500, "invalid_request", "internal server error"));

        let deleted = report(&server, "DELETE", &path, &json!({"deletedAt": "2026-01-01T00:00:00.000Z"})).await;
        assert_eq!(deleted.status, 204);
        for (method, body) in [("PATCH", json!({})), ("DELETE", json!({"deletedAt": "2026-01-01T00:00:00.000Z"}))] {
            assert_eq!(report(&server, method, &path, &body).await.refusal(), refused(404, "invalid_request", "Not Found"));
        }
    }

    async fn deleting_a_tenant_revokes_its_grants(database) {
        let server = Server::on(database).await;
        report(&server, "POST", "/tenant", &json!({"id": TENANT, "apiSecret": "s"})).await;
        let path = format!("/{TENANT}");
        let grant = server.signed("POST", &path, None, Some(&incoming())).await.json();
        let own = server.incoming_grant().await;
        let [theirs, ours] = [&grant, &own].map(|grant| grant["access_token"]["value"].as_str().unwrap());
        assert!(server.is_active(theirs).await);
        report(&server, "DELETE", &format!("/tenant/{TENANT}"), &json!({"deletedAt": "2026-01-01T00:00:00Z"})).await;
        assert!(!server.is_active(theirs).await);
        assert!(server.is_active(ours).await);
        assert_eq!(server.signed("POST", &path, None, Some(&incoming())).await.status, 404);
        let manage = grant["access_token"]["manage"].as_str().unwrap().strip_prefix("http://auth.example").unwrap();
        let rotated = server.signed("POST", manage, None, None).await.refusal();
        assert_eq!(rotated, refused(404, "invalid_rotation", "grant is no longer valid"));
    }

    async fn of_two_replacements_of_a_secret_the_second_ends_the_first(database) {
        let server = Server::on(database).await;
        let path = format!("/tenant/{TENANT}");
        report(&server, "POST", "/tenant", &json!({"id": TENANT, "apiSecret": "one"})).await;
        let query = "{ grants { edges { cursor } } }";
        let is_good = async |secret: &str| {
            server.wait_millis(1);
            let body = json!({"query": query});
            let signed = admin_signature::sign(secret, 1, clock::Clock::now(&*server.clock), &admin_signature::canonical(&body));
            server.admin_raw(TENANT, &signed, body.to_string()).await.status == 200
        };
        assert!(is_good("one").await);
        for secret in ["two", "two"] {
            assert_eq!(report(&server, "PATCH", &path, &json!({"apiSecret": secret})).await.status, 204);
            assert!(is_good("one").await && is_good("two").await, "a repetition replaces nothing");
        }
        report(&server, "PATCH", &path, &json!({"apiSecret": "three"})).await;
        assert!(!is_good("one").await && is_good("two").await && is_good("three").await);
        server.wait(61);
        assert!(!is_good("two").await && is_good("three").await);
    }

    async fn bad_reports_are_refused_with_their_reason(database) {
        let server = Server::on(database).await;
        let duplicate = report(&server, "POST", "/tenant", &json!({"id": OPERATOR, "apiSecret": "s"})).await.refusal();
        assert_eq!(duplicate, refused(409, "invalid_request", "a tenant with this id exists"));
        for body in [
            json!({}),
            json!({"id": TENANT}),
            json!({"id": "x", "apiSecret": "s"}),
            json!({"id": TENANT, "apiSecret": ""}),
            json!({"id": TENANT, "apiSecret": "s", "idpConsentUrl": "not a url"}),
            json!({"id": TENANT, "apiSecret": "s", "surprise": 1}),
            json!([]),
        ] {
            let (status, code, _) = report(&server, "POST", "/tenant", &body).await.refusal();
            assert_eq!((status, code.as_str()), (400, "invalid_request"), "{body}");
        }
        for (method, body, status) in [
            ("PATCH", json!({"apiSecret": ""}), 400),
            ("PATCH", json!({"surprise": 1}), 400),
            ("DELETE", json!({}), 400),
            ("DELETE", json!({"deletedAt": "yesterday"}), 400),
            ("PATCH", json!({}), 404),
        ] {
            for id in [TENANT, "x"] {
                assert_eq!(report(&server, method, &format!("/tenant/{id}"), &body).await.status, status, "{body}");
            }
        }
    }

    async fn a_tenant_without_id_gets_one(database) {
        let server = Server::on(database).await;
        for _ in 0..2 {
            assert_eq!(report(&server, "POST", "/tenant", &json!({"apiSecret": "s"})).await.status, 204);
        }
    }
}
