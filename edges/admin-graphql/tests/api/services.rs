//! Callers that are services with certificates: what a scope allows beyond the choice of fields.
//! How a certificate becomes rights is tested in `service-identity`.

use admin_graphql::AdminApiSettings;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_kit::ServiceIdentities;
use serde_json::{Value, json};
use service_auth::{ServiceRole, Ways};
use service_identity::{CallerCertificate, RoleNames};
use testkit::{PrivateAuthority, TestDatabase, block_on, on_each_database};

use super::bench::{Bench, OPERATOR, api_accepting, request, send_to};

const PAY: &str = "mutation($input: CreateOutgoingPaymentFromIncomingPaymentInput!) {
    createOutgoingPaymentFromIncomingPayment(input: $input) { payment { id } }
}";

/// A certificate that a listener has verified.
fn certificate(names: &[&str]) -> CallerCertificate {
    let made = PrivateAuthority::default().certify_as("a role", names, (3000, 1, 1));
    CallerCertificate::of_chain([&*made.der()], &RoleNames::default()).unwrap()
}

async fn pay(api: &Router, role: ServiceRole, input: &Value) -> Value {
    run(api, role, PAY, json!({ "input": input })).await
}

/// Runs a document as a role of the installation that acts for the operator's tenant.
async fn run(api: &Router, role: ServiceRole, document: &str, variables: Value) -> Value {
    let certificate = certificate(&[&role.urn(), &format!("urn:uuid:{OPERATOR}")]);
    let body = json!({ "query": document, "variables": variables });
    let mut request = Request::post("/graphql")
        .header("content-type", "application/json")
        .header("tenant-id", OPERATOR.to_string())
        .body(Body::from(body.to_string()))
        .unwrap();
    request.extensions_mut().insert(certificate);
    let (status, text) = send_to(api, request).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

on_each_database! {
    async fn a_card_service_makes_reads_and_cancels_payments_by_card_only(database) {
        let bench = Bench::open(database).await;
        let identities = ServiceIdentities { ways: Ways::CERTIFICATE.into(), judge: None };
        let api = api_accepting(&bench.institution, AdminApiSettings::new(OPERATOR), identities);

        let asset = json!({ "code": "USD", "scale": 2 });
        let asset = bench.mutate(OPERATOR, "createAsset: CreateAssetInput { asset { id } }", asset).await["asset"]["id"].clone();
        let address = "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }";
        let ann = bench.mutate(OPERATOR, address, json!({ "assetId": asset, "address": "ann" })).await["walletAddress"]["id"].clone();
        let bob = bench.mutate(OPERATOR, address, json!({ "assetId": asset, "address": "bob" })).await["walletAddress"]["id"].clone();
        let amount = json!({ "value": 100, "assetCode": "USD", "assetScale": 2 });
        let incoming = "createIncomingPayment: CreateIncomingPaymentInput { payment { url } }";
        let given = json!({ "walletAddressId": bob, "incomingAmount": amount });
        let incoming = bench.mutate(OPERATOR, incoming, given).await["payment"]["url"].clone();

        let plain = json!({ "walletAddressId": ann, "incomingPayment": incoming });
        let refused = pay(&api, ServiceRole::CardService, &plain).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
        assert_eq!(refused["errors"][0]["message"], "the scope cards:pay allows payments with cardDetails only");
        let mut with_key = plain.clone();
        with_key["idempotencyKey"] = json!("k");
        assert_eq!(pay(&api, ServiceRole::CardService, &with_key).await, refused);
        assert_eq!(bench.institution.count("outgoing_payments", "1 = 1").await, 0, "nothing has happened");

        let mut by_card = with_key.clone();
        by_card["cardDetails"] =
            json!({ "data": { "signature": "s" }, "requestId": bench.uuid(), "initiatedAt": "2026-01-01T00:00:00.000Z" });
        let paid = pay(&api, ServiceRole::CardService, &by_card).await;
        assert!(paid["data"]["createOutgoingPaymentFromIncomingPayment"]["payment"]["id"].is_string(), "{paid}");
        for role in [ServiceRole::PointOfSale, ServiceRole::Wallet, ServiceRole::Console] {
            let paid = pay(&api, role, &plain).await;
            assert!(paid["data"]["createOutgoingPaymentFromIncomingPayment"]["payment"]["id"].is_string(), "{role:?} {paid}");
        }
        assert_eq!(bench.institution.count("outgoing_payments", "1 = 1").await, 4);

        // The same holds for reading and cancelling.
        let read = async |role: ServiceRole, payment: &Value| {
            let found = run(&api, role, "query($id: String!) { outgoingPayment(id: $id) { id } }", json!({ "id": payment })).await;
            (found["data"]["outgoingPayment"]["id"].clone(), found["errors"][0]["extensions"]["code"].clone())
        };
        let cancel = async |role: ServiceRole, payment: &Value| {
            let document = "mutation($id: ID!) { cancelOutgoingPayment(input: { id: $id }) { payment { state } } }";
            run(&api, role, document, json!({ "id": payment })).await
        };
        let id_of = |paid: &Value| paid["data"]["createOutgoingPaymentFromIncomingPayment"]["payment"]["id"].clone();
        let by_wallet = id_of(&pay(&api, ServiceRole::Wallet, &plain).await);
        let unknown = (Value::Null, json!("NOT_FOUND"));
        assert_eq!(read(ServiceRole::CardService, &by_wallet).await, unknown, "as if there were none");
        for (role, payment) in [(ServiceRole::CardService, &id_of(&paid)), (ServiceRole::Wallet, &by_wallet)] {
            assert_eq!(read(role, payment).await, (payment.clone(), Value::Null), "{role:?}");
        }
        let refused = cancel(ServiceRole::CardService, &by_wallet).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
        for (role, payment) in [(ServiceRole::CardService, &id_of(&paid)), (ServiceRole::Wallet, &by_wallet)] {
            let cancelled = cancel(role, payment).await;
            assert_eq!(cancelled["data"]["cancelOutgoingPayment"]["payment"]["state"], "CANCELLED", "{cancelled}");
        }
    }
}

#[test]
fn where_secrets_are_accepted_a_certificate_without_a_role_does_not_spoil_a_signature() {
    block_on(async {
        let bench = Bench::open(TestDatabase::sqlite().await).await;
        let body = json!({ "query": "{ whoami { id } }" });
        let status = async |ways: Ways, signature: Option<String>| {
            let identities = ServiceIdentities { ways: ways.into(), judge: None };
            let api = api_accepting(&bench.institution, AdminApiSettings::new(OPERATOR), identities);
            let mut asked = request(OPERATOR, signature.as_deref().unwrap_or_default(), &body);
            if signature.is_none() {
                asked.headers_mut().remove("signature");
            }
            asked.extensions_mut().insert(certificate(&["cards.bank.internal"]));
            send_to(&api, asked).await.0
        };
        let both = Ways::SHARED_SECRET.and(Ways::CERTIFICATE);
        assert_eq!(status(both, Some(bench.sign(OPERATOR, &body))).await, StatusCode::OK);
        assert_eq!(status(both, None).await, StatusCode::UNAUTHORIZED, "it proves nothing");
        assert_eq!(status(both, Some("t=1, v1=00".to_owned())).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status(Ways::CERTIFICATE, Some(bench.sign(OPERATOR, &body))).await, StatusCode::UNAUTHORIZED);
    });
}
