//! Endpoints, deliveries and sending again, with the permissions of each caller.
//! Sending itself is tested in `services/webhooks`.

use serde_json::{Value, json};
use testkit::on_each_database;

use super::bench::{Bench, OPERATOR, TENANT, TWIN};

const CREATE: &str = "createWebhookEndpoint: CreateWebhookEndpointInput { webhookEndpoint { id tenantId url eventTypes hasOwnSecret isDefault } secret }";
const UPDATE: &str = "updateWebhookEndpoint: UpdateWebhookEndpointInput { webhookEndpoint { url eventTypes } }";
const ROTATE: &str =
    "rotateWebhookEndpointSecret: RotateWebhookEndpointSecretInput { webhookEndpoint { previousSecretUntil } secret }";
const DELETE: &str = "deleteWebhookEndpoint: DeleteWebhookEndpointInput { success }";
const PAUSE: &str =
    "pauseWebhookEndpoints: PauseWebhookEndpointsInput { webhookEndpoints { id pausedSince waitingDeliveries } }";
const RESUME: &str = "resumeWebhookEndpoints: ResumeWebhookEndpointsInput { webhookEndpoints { id pausedSince } }";
const TEST: &str = "testWebhookEndpoint: TestWebhookEndpointInput { attempt { number statusCode error } }";
const RESEND: &str = "resendWebhookEvents: ResendWebhookEventsInput { count hasMore }";
const DELIVERIES: &str = "query($filter: WebhookDeliveryFilter, $tenantId: String) {
    webhookDeliveries(filter: $filter, tenantId: $tenantId) { edges { node {
        id eventId state attempts endpointId tenantId recipient event { type } history { number }
    } } } }";

/// An address without a listener.
const URL: &str = "http://127.0.0.1:1/hooks";

async fn deliveries(bench: &Bench, tenant: payments_model::TenantId, filter: Value) -> Vec<Value> {
    let answer = bench.run(tenant, DELIVERIES, json!({ "filter": filter })).await;
    answer["data"]["webhookDeliveries"]["edges"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

on_each_database! {
    async fn endpoints_and_deliveries_are_managed_by_their_tenant_only(database) {
        let bench = Bench::open(database).await;
        let input = json!({ "url": URL, "eventTypes": ["peer.liquidity_low"], "idempotencyKey": "k" });
        let made = bench.mutate(TENANT, CREATE, input.clone()).await;
        let endpoint = &made["webhookEndpoint"];
        let expected = json!({ "id": endpoint["id"], "tenantId": TENANT, "url": URL, "eventTypes": ["peer.liquidity_low"],
            "hasOwnSecret": true, "isDefault": false });
        assert_eq!(*endpoint, expected);
        assert!(made["secret"].as_str().unwrap().len() >= 32);
        let again = bench.mutate(TENANT, CREATE, input).await;
        assert_eq!(again, json!({ "webhookEndpoint": endpoint, "secret": null }), "a secret is shown once");

        let list = "query($tenant: String) { webhookEndpoints(tenantId: $tenant) { id isDefault url } }";
        let own = bench.run(TENANT, list, json!({ "tenant": OPERATOR })).await;
        let both = json!([
            { "id": TENANT, "isDefault": true, "url": null },
            { "id": endpoint["id"], "isDefault": false, "url": URL },
        ]);
        assert_eq!(own["data"]["webhookEndpoints"], both, "whatever tenant it names");
        let seen = bench.run(OPERATOR, list, json!({ "tenant": TENANT })).await;
        assert_eq!(seen["data"]["webhookEndpoints"], both);

        let id = &endpoint["id"];
        let unknown = ("unknown webhook endpoint".to_owned(), "NOT_FOUND".to_owned());
        for named in [id, &json!(TENANT), &json!("x"), &json!(bench.uuid())] {
            assert_eq!(bench.refused(TWIN, UPDATE, json!({ "id": named, "url": URL })).await, unknown);
            assert_eq!(bench.refused(TWIN, DELETE, json!({ "id": named })).await, unknown);
            assert_eq!(bench.refused(TWIN, ROTATE, json!({ "id": named })).await, unknown);
            assert_eq!(bench.refused(TWIN, TEST, json!({ "id": named })).await, unknown);
        }
        let foreign = json!({ "url": URL, "tenantId": OPERATOR });
        assert_eq!(bench.refused(TENANT, CREATE, foreign).await.1, "BAD_USER_INPUT");
        let given = bench.mutate(OPERATOR, CREATE, json!({ "url": URL, "tenantId": TWIN })).await;
        assert_eq!(given["webhookEndpoint"]["tenantId"], json!(TWIN));

        let changed = bench.mutate(TENANT, UPDATE, json!({ "id": id, "eventTypes": [] })).await;
        assert_eq!(changed["webhookEndpoint"], json!({ "url": URL, "eventTypes": [] }));
        let rotated = bench.mutate(TENANT, ROTATE, json!({ "id": id, "secret": "sixteen letters!" })).await;
        assert_eq!(rotated["secret"], "sixteen letters!");
        assert!(rotated["webhookEndpoint"]["previousSecretUntil"].is_string());
        let default = bench.mutate(TENANT, ROTATE, json!({ "id": TENANT, "overlapSeconds": 0 })).await;
        assert!(default["secret"].is_string());
        let tested = bench.mutate(TENANT, TEST, json!({ "id": id })).await;
        assert!(tested["attempt"]["error"].is_string() && tested["attempt"]["statusCode"].is_null(), "{tested}");
        assert_eq!(bench.mutate(TENANT, DELETE, json!({ "id": id })).await, json!({ "success": true }));
        assert_eq!(bench.refused(TENANT, DELETE, json!({ "id": id })).await, unknown);
        assert_eq!(bench.refused(TENANT, DELETE, json!({ "id": TENANT })).await.1, "BAD_USER_INPUT");
        for bad in [
            json!({ "url": "ftp://x.example" }),
            json!({ "url": URL, "eventTypes": ["no.such"] }),
            json!({ "url": URL, "secret": "short" }),
        ] {
            assert_eq!(bench.refused(TENANT, CREATE, bad.clone()).await.1, "BAD_USER_INPUT", "{bad}");
        }
    }

    async fn endpoints_are_paused_and_resumed_by_their_tenant_and_the_operator_only(database) {
        let bench = Bench::open(database).await;
        let made = bench.mutate(TENANT, CREATE, json!({ "url": URL })).await;
        let id = &made["webhookEndpoint"]["id"];
        let one = json!({ "id": id });
        let unknown = ("unknown webhook endpoint".to_owned(), "NOT_FOUND".to_owned());
        for mutation in [PAUSE, RESUME] {
            assert_eq!(bench.refused(TWIN, mutation, one.clone()).await, unknown);
            assert_eq!(bench.refused(TENANT, mutation, json!({ "id": "x" })).await, unknown);
            for bad in [json!({ "tenantId": OPERATOR }), json!({ "id": id, "tenantId": TENANT })] {
                assert_eq!(bench.refused(TENANT, mutation, bad.clone()).await.1, "BAD_USER_INPUT", "{bad}");
            }
        }

        let paused = bench.mutate(TENANT, PAUSE, json!({ "id": id, "idempotencyKey": "k" })).await;
        let since = paused["webhookEndpoints"][0]["pausedSince"].clone();
        assert!(since.is_string());
        assert_eq!(paused, json!({ "webhookEndpoints": [{ "id": id, "pausedSince": since, "waitingDeliveries": "0" }] }));
        let again = bench.mutate(TENANT, PAUSE, json!({ "id": id, "idempotencyKey": "k" })).await;
        assert_eq!(again, paused, "a repetition answers the same");

        let all = bench.mutate(OPERATOR, PAUSE, json!({ "tenantId": TENANT })).await;
        let listed: Vec<&Value> = all["webhookEndpoints"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(listed, [&json!(TENANT), id], "the default endpoint, too");
        assert_eq!(all["webhookEndpoints"][1]["pausedSince"], since, "a second pause does not begin anew");
        let of_operator = bench.run(OPERATOR, "{ webhookEndpoints { pausedSince } }", json!({})).await;
        assert_eq!(of_operator["data"]["webhookEndpoints"], json!([{ "pausedSince": null }]), "others are not paused");

        let resumed = bench.mutate(TENANT, RESUME, json!({})).await;
        let paused_since: Vec<&Value> =
            resumed["webhookEndpoints"].as_array().unwrap().iter().map(|one| &one["pausedSince"]).collect();
        assert_eq!(paused_since, [&Value::Null, &Value::Null]);
    }

    async fn recipients_see_their_deliveries_and_may_send_them_again(database) {
        let bench = Bench::open(database).await;
        let create_asset = "createAsset: CreateAssetInput { asset { id } }";
        let asset = bench.mutate(OPERATOR, create_asset, json!({ "code": "USD", "scale": 2 })).await;
        let create_address = "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }";
        let address = json!({ "assetId": asset["asset"]["id"], "address": "ann" });
        let address = bench.mutate(OPERATOR, create_address, address).await;
        let create_payment = "createIncomingPayment: CreateIncomingPaymentInput { payment { id } }";
        let payment = json!({ "walletAddressId": address["walletAddress"]["id"] });
        let payment = bench.mutate(OPERATOR, create_payment, payment).await;

        let seen = deliveries(&bench, OPERATOR, json!({ "states": ["PENDING"], "types": ["incoming_payment.created"] })).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        let delivery = &seen[0]["node"];
        let expected = json!({ "id": delivery["id"], "eventId": delivery["eventId"], "state": "PENDING", "attempts": 0,
            "endpointId": OPERATOR, "tenantId": OPERATOR, "recipient": "TENANT",
            "event": { "type": "incoming_payment.created" }, "history": [] });
        assert_eq!(*delivery, expected);
        assert_eq!(deliveries(&bench, OPERATOR, json!({ "subjectId": payment["payment"]["id"] })).await, seen);
        assert_eq!(deliveries(&bench, OPERATOR, json!({ "subjectId": delivery["id"] })).await, Vec::<Value>::new());
        assert_eq!(deliveries(&bench, TENANT, json!({})).await, Vec::<Value>::new());
        assert_eq!(deliveries(&bench, OPERATOR, json!({ "states": ["EXHAUSTED"] })).await, Vec::<Value>::new());
        assert_eq!(deliveries(&bench, OPERATOR, json!({ "to": "2020-01-01T00:00:00Z" })).await, Vec::<Value>::new());
        let one = "query($id: String!) { webhookDelivery(id: $id) { state } }";
        let id = json!({ "id": delivery["id"] });
        assert_eq!(bench.run(OPERATOR, one, id.clone()).await["data"]["webhookDelivery"]["state"], "PENDING");
        assert_eq!(bench.run(TENANT, one, id).await["errors"][0]["extensions"]["code"], "NOT_FOUND");

        for named in [json!({ "deliveryIds": [delivery["id"]] }), json!({ "eventIds": [delivery["eventId"]] })] {
            assert_eq!(bench.mutate(TENANT, RESEND, named.clone()).await, json!({ "count": 0, "hasMore": false }));
            assert_eq!(bench.mutate(OPERATOR, RESEND, named).await, json!({ "count": 1, "hasMore": false }));
        }
        let of_tenant = json!({ "eventIds": [delivery["eventId"]], "tenantId": TENANT });
        assert_eq!(bench.mutate(OPERATOR, RESEND, of_tenant).await["count"], 0);
        assert_eq!(bench.mutate(OPERATOR, RESEND, json!({ "filter": {} })).await["count"], 0, "nothing was given up");
        let key = json!({ "eventIds": [delivery["eventId"]], "idempotencyKey": "k" });
        for _ in 0..2 {
            assert_eq!(bench.mutate(OPERATOR, RESEND, key.clone()).await["count"], 1);
        }
        for bad in [
            json!({}),
            json!({ "deliveryIds": [] }),
            json!({ "deliveryIds": ["x"] }),
            json!({ "filter": { "from": "yesterday" } }),
            json!({ "filter": { "subjectId": "x" } }),
        ] {
            assert_eq!(bench.refused(OPERATOR, RESEND, bad.clone()).await.1, "BAD_USER_INPUT", "{bad}");
        }
    }
}
