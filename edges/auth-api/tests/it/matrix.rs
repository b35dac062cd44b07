//! Every operation of the Admin API and of the service API on data of another tenant, sent by a tenant, by the operator
//! and without a valid signature.
//!
//! The lists of operations come from the schema and from the routes. An operation without a case fails the test.

use std::sync::Arc;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use auth_api::ServiceOperation;
use http::HeaderMap;
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{OPERATOR, OPERATOR_SECRET, Server, call, incoming, with_secret};

const OWNER: &str = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";
const ASKING: &str = "0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111";
const SERVICE_SECRET: &str = "the service secret";

fn headers(authorization: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    if !authorization.is_empty() {
        headers.insert("authorization", authorization.parse().unwrap());
    }
    headers
}

/// The expected answer to an operation about the owner's grant, for another tenant and for the operator.
fn case(operation: &str, grant: &str) -> Option<(String, Outcome, Outcome)> {
    let list = format!("{{ grants(tenantId: \"{OWNER}\") {{ edges {{ node {{ id tenantId }} }} }} }}");
    Some(match operation {
        "grants" => (list, Outcome::Empty, Outcome::Shown),
        "grant" => (format!("{{ grant(id: \"{grant}\") {{ id }} }}"), Outcome::Code("NOT_FOUND"), Outcome::Shown),
        "revokeGrant" => (
            format!("mutation {{ revokeGrant(input: {{ grantId: \"{grant}\" }}) {{ id }} }}"),
            Outcome::Code("NOT_FOUND"),
            Outcome::Shown,
        ),
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Shown,
    Empty,
    Code(&'static str),
}

impl Outcome {
    fn is(self, answer: &Result<Value, String>, grant: &str) -> bool {
        match (self, answer) {
            (Self::Shown, Ok(data)) => data.to_string().contains(grant),
            (Self::Empty, Ok(data)) => !data.to_string().contains(grant),
            (Self::Code(wanted), Err(code)) => code == wanted,
            _ => false,
        }
    }
}

fn admin_operations() -> Vec<String> {
    let mut names = Vec::new();
    for definition in parse_schema(auth_api::schema_definition()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        if let ("Query" | "Mutation", TypeKind::Object(object)) =
            (definition.node.name.node.as_str(), definition.node.kind)
        {
            names.extend(object.fields.into_iter().map(|field| field.node.name.node.to_string()));
        }
    }
    names
}

async fn closed(database: testkit::TestDatabase) -> Server {
    Server::with_api(database, |_, api| {
        api.services = with_secret(SERVICE_SECRET, "service-secret", &api.limiter);
    })
    .await
}

async fn add(server: &Server, id: &str) {
    let body = json!({"id": id, "apiSecret": format!("secret of {id}")}).to_string();
    let answer =
        call(&server.routers.service, "POST", "/tenant", headers(&format!("Bearer {SERVICE_SECRET}")), body).await;
    assert_eq!(answer.status, 204);
}

on_each_database! {
    async fn every_operation_of_the_admin_api_keeps_tenants_apart(database) {
        let server = closed(database).await;
        for tenant in [OWNER, ASKING] {
            add(&server, tenant).await;
        }
        assert_eq!(server.signed("POST", &format!("/{OWNER}"), None, Some(&incoming())).await.status, 200);
        let all = "{ grants { edges { node { id state } } } }";
        let owned = server.admin(OWNER, &format!("secret of {OWNER}"), all).await.unwrap();
        let grant = owned["grants"]["edges"][0]["node"]["id"].as_str().unwrap().to_owned();

        let operations = admin_operations();
        assert_eq!(operations.len(), 3, "a new operation needs a case: {operations:?}");
        for operation in &operations {
            let (query, tenant, _) = case(operation, &grant).unwrap_or_else(|| panic!("{operation} has no case"));
            let answer = server.admin(ASKING, &format!("secret of {ASKING}"), &query).await;
            assert!(tenant.is(&answer, &grant), "{operation} as another tenant: {answer:?}");
            // As the owner with the secret of another tenant, and without a signature.
            let body = json!({"query": query});
            server.wait_millis(1);
            let now = clock::Clock::now(&*server.clock);
            for signature in [admin_signature::sign(OPERATOR_SECRET, 1, now, &admin_signature::canonical(&body)), String::new()] {
                assert_eq!(server.admin_raw(OWNER, &signature, body.to_string()).await.status, 401, "{operation}");
            }
        }
        assert_eq!(server.admin(OWNER, &format!("secret of {OWNER}"), all).await.unwrap(), owned, "something has changed");
        for operation in &operations {
            let (query, _, operator) = case(operation, &grant).unwrap();
            let answer = server.admin(OPERATOR, OPERATOR_SECRET, &query).await;
            assert!(operator.is(&answer, &grant), "{operation} as the operator: {answer:?}");
        }
    }

    async fn every_operation_of_the_service_api_is_for_the_backend_alone(database) {
        let server = Arc::new(closed(database).await);
        for tenant in [OWNER, ASKING] {
            add(&server, tenant).await;
        }
        let body = |operation| match operation {
            ServiceOperation::CreateTenant => json!({"apiSecret": "s"}),
            ServiceOperation::UpdateTenant => json!({"apiSecret": "stolen"}),
            ServiceOperation::AskGrant => json!({}),
            ServiceOperation::DeleteTenant => json!({"deletedAt": "2026-01-01T00:00:00Z"}),
        };
        let may_ask = async |secret: &str| {
            server.wait_millis(1);
            let body = json!({"query": "{ grants { edges { cursor } } }"});
            let now = clock::Clock::now(&*server.clock);
            let signed = admin_signature::sign(secret, 1, now, &admin_signature::canonical(&body));
            server.admin_raw(OWNER, &signed, body.to_string()).await.status == 200
        };
        let strangers = ["", "Bearer secret of 0d1b9b4d-8a9d-4b3e-a1a5-3d1cf0e6a111", &format!("Bearer {OPERATOR_SECRET}")];
        for operation in ServiceOperation::ALL {
            let path = operation.path().replace("{id}", OWNER).replace("{grant}", ASKING);
            for (place, authorization) in strangers.iter().enumerate() {
                // A caller with wrong secrets has to wait longer each time.
                server.wait(3600 * (place as u64 + 1));
                let answer = call(&server.routers.service, operation.method(), &path, headers(authorization), body(operation).to_string()).await;
                assert_eq!(answer.status, 401, "{operation:?} with {authorization:?}");
            }
        }
        assert!(may_ask(&format!("secret of {OWNER}")).await, "the owner is as it was");
        server.wait(3600);
        for operation in ServiceOperation::ALL {
            let path = operation.path().replace("{id}", OWNER).replace("{grant}", ASKING);
            let answer = call(&server.routers.service, operation.method(), &path, headers(&format!("Bearer {SERVICE_SECRET}")), body(operation).to_string()).await;
            // There is no such grant.
            let expected = if operation == ServiceOperation::AskGrant { 404 } else { 204 };
            assert_eq!(answer.status, expected, "{operation:?}");
        }
        assert!(!may_ask("stolen").await, "the backend has deleted the owner");
    }
}
