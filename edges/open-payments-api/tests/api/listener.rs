//! Rules for every request: gate, cross-origin access, routing, bodies, health.
//! Single operations are in the files beside it.

use axum::http::Method;
use serde_json::json;

use crate::world::{Call, TENANT, World, refused};

fn create() -> Call {
    Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": crate::world::ALICE}))
}

#[tokio::test]
async fn a_draining_listener_refuses_every_request() {
    let world = World::new().await;
    assert_eq!(world.send(Call::get("/healthz")).await.text, "OK");
    world.gate.close();
    let answer = world.send(Call::get("/healthz")).await;
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (503, "close"));
    assert_eq!(answer.header("retry-after"), "1", "another process, or this one after its restart, answers");
    assert_eq!(answer.text, "Server is in the process of restarting");
}

#[tokio::test]
async fn health_reports_the_backend() {
    let world = World::new().await;
    world.institution.database.close().await;
    let answer = world.send(Call::get("/HealthZ/")).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (500, "Internal Server Error"));
}

#[tokio::test]
async fn every_origin_may_read_answers_and_send_preflight_requests() {
    let world = World::new().await;
    let answer = world.send(Call::get("/accounts/nobody")).await;
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("*", "origin"));
    let preflight = Call::get("/anything")
        .method(Method::OPTIONS)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "signature,x");
    let answer = world.send(preflight).await;
    assert_eq!(answer.status.as_u16(), 204);
    assert_eq!(answer.header("access-control-allow-methods"), "GET,HEAD,PUT,POST,DELETE,PATCH");
    assert_eq!(answer.header("access-control-allow-headers"), "signature,x");
    let answer = world.send(Call::get("/anything").method(Method::OPTIONS)).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, "*"));
}

#[tokio::test]
async fn what_has_no_operation_is_not_found_in_plain_text() {
    let world = World::new().await;
    for method in [Method::DELETE, Method::PATCH, Method::PUT] {
        let answer = world.send(Call::get(format!("/{TENANT}/quotes/{TENANT}")).method(method)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (404, "Not Found"));
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused_in_plain_text() {
    let world = World::new().await;
    for body in ["{", "7", "\"a\"", r#"{"walletAddress":"https://a","walletAddress":"https://b"}"#] {
        let answer = world.send(create().raw_body(body)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (400, "Bad Request"), "{body}");
    }
    let answer = world.send(create().raw_body(&format!("\"{}\"", "x".repeat(1024 * 1024)))).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (413, "request entity too large"));
}

#[tokio::test]
async fn requests_are_validated_in_a_fixed_order() {
    let world = World::new().await;
    let told = |problem: &str| format!("Received error validating OpenAPI request: {problem}");
    for (call, status, problem) in [
        (create().header("accept", "text/html"), 406, "Must accept application/json"),
        (create().without("content-type"), 400, "body media type is not specified"),
        (create().header("content-type", "text/plain"), 415, "Unsupported Content-Type text/plain"),
        (create().raw_body(""), 400, "body must have required property 'walletAddress'"),
        (create().raw_body("[]"), 400, "body must be object"),
        (create(), 400, "must have required property 'signature-input'"),
        (create().header("signature-input", "x"), 400, "must have required property 'signature'"),
        (Call::get(format!("/{TENANT}/quotes/x")), 400, "must have required property 'signature-input'"),
        (
            Call::get(format!("/{TENANT}/incoming-payments")).header("signature-input", "x").header("signature", "x"),
            400,
            "must have required property 'wallet-address'",
        ),
    ] {
        assert_eq!(world.send(call).await.refusal(), refused(status, &told(problem)));
    }
}

#[tokio::test]
async fn a_broken_backend_is_a_plain_500() {
    let world = World::new().await;
    world.institution.database.close().await;
    let answer = world.ask(create()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (500, "Internal Server Error"));
}
