//! Every operation of the schema on data of another tenant, sent by a tenant, by the operator and without a signature.
//!
//! The list of operations comes from the schema. An operation without a line here fails the test. All are sent at once.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use payments_model::TenantId;
use serde_json::{Value, json};
use testkit::on_each_database;
use uuid::Uuid;

use super::bench::{Bench, OPERATOR, TENANT, TWIN, request, send_to};

/// The caller.
const ASKING: TenantId = TWIN;
/// The owner of the data.
const OWNER: TenantId = TENANT;
/// A tenant that the operator deletes.
const DOOMED: TenantId = TenantId::from_uuid(Uuid::from_u128(9));

/// The expected answer.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// A result.
    Done,
    /// A refusal with this code.
    Code(&'static str),
    /// No object, and no error.
    Null,
    /// A list without data of the owner.
    Empty,
    /// Any refusal: the request also fails for another reason.
    Refused,
}

use Expect::{Code, Done, Empty, Null, Refused};

const NOT_FOUND: Expect = Code("NOT_FOUND");
const BAD_INPUT: Expect = Code("BAD_USER_INPUT");
const FORBIDDEN: Expect = Code("FORBIDDEN");

/// The operation with its arguments and selection, and the expected answers for the tenant and the operator. `{name}`
/// stands for an object of the owner.
const CASES: [(&str, &str, Expect, Expect); 81] = [
    ("whoami", "{ id isOperator }", Done, Done),
    ("tenant", "(id: \"{owner}\") { id email apiSecret idpSecret settings { value } }", NOT_FOUND, Done),
    ("tenants", "{ edges { node { id apiSecret } } }", FORBIDDEN, Done),
    ("asset", "(id: \"{asset}\") { id code tenant { apiSecret } }", NOT_FOUND, Done),
    ("assetByCodeAndScale", "(code: \"USD\", scale: 2) { id }", Null, Null),
    ("assets", "(tenantId: \"{owner}\") { edges { node { id } } }", Empty, Done),
    ("peer", "(id: \"{peer}\") { id http { outgoing { authToken } } }", NOT_FOUND, Done),
    ("peerByAddressAndAsset", "(staticIlpAddress: \"test.friend.x\", assetId: \"{asset}\") { id }", Null, Null),
    ("peers", "(tenantId: \"{owner}\") { edges { node { id } } }", Empty, Done),
    ("walletAddress", "(id: \"{address}\") { id address incomingPayments { edges { cursor } } }", NOT_FOUND, Done),
    ("walletAddressByUrl", "(url: \"https://owner.example/bob\") { id }", Null, Done),
    ("walletAddresses", "(tenantId: \"{owner}\") { edges { node { id } } }", Empty, Done),
    ("quote", "(id: \"{quote}\") { id }", NOT_FOUND, NOT_FOUND),
    ("outgoingPayment", "(id: \"{outgoing}\") { id }", NOT_FOUND, Done),
    (
        "outgoingPayments",
        "(tenantId: \"{owner}\", filter: { walletAddressId: { in: [\"{address}\"] } }) { edges { node { id } } }",
        Empty,
        Done,
    ),
    ("incomingPayment", "(id: \"{incoming}\") { id }", NOT_FOUND, Done),
    ("incomingPayments", "(tenantId: \"{owner}\") { edges { node { id } } }", Empty, Done),
    ("webhookEvents", "(tenantId: \"{owner}\") { edges { node { id data } } }", Empty, Done),
    ("webhookDeliveries", "(tenantId: \"{owner}\") { edges { node { id eventId } } }", Empty, Done),
    ("webhookDelivery", "(id: \"{delivery}\") { id eventId }", NOT_FOUND, Done),
    ("webhookEndpoints", "(tenantId: \"{owner}\") { id url }", Empty, Done),
    ("exchangeRates", "(tenantId: \"{owner}\") { source tables { base } }", Done, Done),
    (
        "convertedAmount",
        "(sourceAssetId: \"{asset}\", destinationAssetId: \"{asset}\", amount: 7) { value }",
        NOT_FOUND,
        Done,
    ),
    ("payments", "(tenantId: \"{owner}\") { edges { node { id tenant { id } } } }", Empty, Done),
    ("accountingTransfers", "(id: \"{peer}\") { debits { id } credits { id } }", Empty, Done),
    (
        "latestTransfers",
        "(accountIds: [\"{peer}\"], limit: 5) { debits { debitAccountId } credits { creditAccountId } }",
        Empty,
        Done,
    ),
    // The data that a payer may see of a payment whose URL it knows. The same is public at that URL.
    ("receiver", "(id: \"{incoming_url}\") { id }", Done, Done),
    ("createAsset", "(input: { code: \"EUR\", scale: 2, tenantId: \"{owner}\" }) { asset { id } }", BAD_INPUT, Done),
    ("updateAsset", "(input: { id: \"{asset}\", liquidityThreshold: 5 }) { asset { id } }", NOT_FOUND, NOT_FOUND),
    ("deleteAsset", "(input: { id: \"{asset}\" }) { asset { id } }", NOT_FOUND, NOT_FOUND),
    (
        "fetchExchangeRates",
        "(input: { base: \"USD\", tenantId: \"{owner}\" }) { source count table { base } }",
        BAD_INPUT,
        Done,
    ),
    (
        "setFee",
        "(input: { assetId: \"{asset}\", type: SENDING, fee: { fixed: 1, basisPoints: 1 } }) { fee { id } }",
        NOT_FOUND,
        NOT_FOUND,
    ),
    (
        "createPeer",
        "(input: { assetId: \"{asset}\", staticIlpAddress: \"test.eve\", http: { outgoing: { authToken: \"t\", endpoint: \"http://eve.example\" } } }) { peer { tenant { id apiSecret } } }",
        NOT_FOUND,
        Done,
    ),
    ("updatePeer", "(input: { id: \"{peer}\", name: \"eve\" }) { peer { id } }", NOT_FOUND, Done),
    (
        "addPeerIncomingToken",
        "(input: { peerId: \"{peer}\", authToken: \"0123456789abcdef\" }) { peer { id incomingTokens { id } } authToken }",
        NOT_FOUND,
        Done,
    ),
    ("setPeerTls", "(input: { peerId: \"{peer}\" }) { peer { id tls { certificate } } }", NOT_FOUND, Done),
    (
        "removePeerIncomingToken",
        "(input: { peerId: \"{peer}\", tokenId: \"{token}\" }) { peer { id } }",
        NOT_FOUND,
        Done,
    ),
    (
        "replacePeerOutgoingToken",
        "(input: { peerId: \"{peer}\" }) { peer { id outgoingTokens { id } } authToken }",
        NOT_FOUND,
        Done,
    ),
    ("deletePeer", "(input: { id: \"{peer}\" }) { success }", NOT_FOUND, NOT_FOUND),
    (
        "createOrUpdatePeerByUrl",
        "(input: { assetId: \"{asset}\", peerUrl: \"http://127.0.0.1:1/\" }) { peer { id } }",
        Refused,
        Refused,
    ),
    (
        "createWalletAddress",
        "(input: { assetId: \"{asset}\", address: \"https://owner.example/eve\", tenantId: \"{owner}\", additionalProperties: [] }) { walletAddress { id } }",
        BAD_INPUT,
        Done,
    ),
    (
        "updateWalletAddress",
        "(input: { id: \"{address}\", status: INACTIVE }) { walletAddress { id } }",
        NOT_FOUND,
        NOT_FOUND,
    ),
    (
        "createWalletAddressKey",
        "(input: { walletAddressId: \"{address}\", jwk: { kid: \"eve\", x: \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\", alg: EdDSA, kty: OKP, crv: Ed25519 } }) { walletAddressKey { id } }",
        NOT_FOUND,
        Done,
    ),
    ("revokeWalletAddressKey", "(input: { id: \"{key}\" }) { walletAddressKey { id } }", NOT_FOUND, Done),
    ("triggerWalletAddressEvents", "(input: { limit: 10 }) { count }", Done, Done),
    ("createIncomingPayment", "(input: { walletAddressId: \"{address}\" }) { payment { id } }", NOT_FOUND, NOT_FOUND),
    (
        "updateIncomingPayment",
        "(input: { id: \"{other_incoming}\", metadata: { eve: 1 } }) { payment { id } }",
        NOT_FOUND,
        Done,
    ),
    ("approveIncomingPayment", "(input: { id: \"{incoming}\" }) { payment { id } }", NOT_FOUND, NOT_FOUND),
    ("cancelIncomingPayment", "(input: { id: \"{incoming}\" }) { payment { id } }", NOT_FOUND, NOT_FOUND),
    (
        "confirmPartialIncomingPayment",
        "(input: { incomingPaymentId: \"{incoming}\", partialIncomingPaymentId: \"{asset}\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    (
        "rejectPartialIncomingPayment",
        "(input: { incomingPaymentId: \"{incoming}\", partialIncomingPaymentId: \"{asset}\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    // Every caller may request a grant to pay a wallet address, as over Open Payments.
    ("createReceiver", "(input: { walletAddressUrl: \"https://owner.example/bob\" }) { receiver { id } }", Done, Done),
    (
        "completeReceiver",
        "(input: { incomingPaymentUrl: \"{other_incoming_url}\" }) { receiver { id } }",
        NOT_FOUND,
        Done,
    ),
    (
        "createQuote",
        "(input: { walletAddressId: \"{address}\", receiver: \"{incoming_url}\" }) { quote { id } }",
        NOT_FOUND,
        NOT_FOUND,
    ),
    (
        "createOutgoingPayment",
        "(input: { walletAddressId: \"{address}\", quoteId: \"{quote}\" }) { payment { id } }",
        NOT_FOUND,
        NOT_FOUND,
    ),
    (
        "createOutgoingPaymentFromIncomingPayment",
        "(input: { walletAddressId: \"{address}\", incomingPayment: \"{incoming_url}\" }) { payment { id } }",
        NOT_FOUND,
        NOT_FOUND,
    ),
    ("cancelOutgoingPayment", "(input: { id: \"{outgoing}\" }) { payment { id } }", NOT_FOUND, NOT_FOUND),
    (
        "depositAssetLiquidity",
        "(input: { assetId: \"{asset}\", amount: 5, id: \"{fresh1}\", idempotencyKey: \"1\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    (
        "depositPeerLiquidity",
        "(input: { peerId: \"{peer}\", amount: 5, id: \"{fresh2}\", idempotencyKey: \"2\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    (
        "createAssetLiquidityWithdrawal",
        "(input: { assetId: \"{asset}\", amount: 5, id: \"{fresh3}\", timeoutSeconds: 0, idempotencyKey: \"3\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    (
        "createPeerLiquidityWithdrawal",
        "(input: { peerId: \"{peer}\", amount: 5, id: \"{fresh4}\", timeoutSeconds: 0, idempotencyKey: \"4\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    // There is nothing to withdraw. Only permitted callers learn this.
    (
        "createWalletAddressWithdrawal",
        "(input: { walletAddressId: \"{address}\", id: \"{fresh5}\", timeoutSeconds: 0, idempotencyKey: \"5\" }) { withdrawal { id } }",
        NOT_FOUND,
        Code("INTERNAL_SERVER_ERROR"),
    ),
    (
        "createIncomingPaymentWithdrawal",
        "(input: { incomingPaymentId: \"{incoming}\", timeoutSeconds: 0, idempotencyKey: \"6\" }) { success }",
        NOT_FOUND,
        NOT_FOUND,
    ),
    (
        "createOutgoingPaymentWithdrawal",
        "(input: { outgoingPaymentId: \"{outgoing}\", timeoutSeconds: 0, idempotencyKey: \"7\" }) { success }",
        NOT_FOUND,
        NOT_FOUND,
    ),
    (
        "postLiquidityWithdrawal",
        "(input: { withdrawalId: \"{withdrawal1}\", idempotencyKey: \"8\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    (
        "voidLiquidityWithdrawal",
        "(input: { withdrawalId: \"{withdrawal2}\", idempotencyKey: \"9\" }) { success }",
        NOT_FOUND,
        Done,
    ),
    ("depositEventLiquidity", "(input: { eventId: \"{event}\", idempotencyKey: \"10\" }) { success }", BAD_INPUT, Done),
    (
        "withdrawEventLiquidity",
        "(input: { eventId: \"{event}\", idempotencyKey: \"11\" }) { success }",
        BAD_INPUT,
        BAD_INPUT,
    ),
    (
        "depositOutgoingPaymentLiquidity",
        "(input: { outgoingPaymentId: \"{outgoing}\", idempotencyKey: \"12\" }) { success }",
        BAD_INPUT,
        BAD_INPUT,
    ),
    (
        "createWebhookEndpoint",
        "(input: { url: \"http://127.0.0.1:1/eve\", tenantId: \"{owner}\" }) { webhookEndpoint { id } }",
        BAD_INPUT,
        Done,
    ),
    (
        "updateWebhookEndpoint",
        "(input: { id: \"{hook}\", url: \"http://127.0.0.1:1/eve\" }) { webhookEndpoint { id } }",
        NOT_FOUND,
        Done,
    ),
    ("deleteWebhookEndpoint", "(input: { id: \"{other_hook}\" }) { success }", NOT_FOUND, Done),
    ("rotateWebhookEndpointSecret", "(input: { id: \"{hook}\" }) { webhookEndpoint { id } }", NOT_FOUND, Done),
    ("pauseWebhookEndpoints", "(input: { id: \"{hook}\" }) { webhookEndpoints { id } }", NOT_FOUND, Done),
    ("resumeWebhookEndpoints", "(input: { tenantId: \"{owner}\" }) { webhookEndpoints { id } }", BAD_INPUT, Done),
    ("testWebhookEndpoint", "(input: { id: \"{hook}\" }) { attempt { error } }", NOT_FOUND, Done),
    // Only deliveries of the caller are sent again. There are none.
    ("resendWebhookEvents", "(input: { deliveryIds: [\"{delivery}\"] }) { count }", Empty, Done),
    ("createTenant", "(input: { id: \"{fresh6}\", apiSecret: \"s\" }) { tenant { id } }", FORBIDDEN, Done),
    (
        "updateTenant",
        "(input: { id: \"{owner}\", email: \"eve@example.com\" }) { tenant { id apiSecret idpSecret } }",
        NOT_FOUND,
        Done,
    ),
    ("deleteTenant", "(id: \"{doomed}\") { success }", FORBIDDEN, Done),
    // The operation cannot name another tenant. It changes the caller's own data.
    (
        "createTenantSettings",
        "(input: { settings: [{ key: WEBHOOK_TIMEOUT, value: \"77\" }] }) { settings { value } }",
        Done,
        Done,
    ),
];

/// Objects of the owner, by name.
struct Things(BTreeMap<&'static str, String>);

impl Things {
    /// The operation with the ids of the owner's objects in place of their names.
    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    async fn made(bench: &Bench) -> Self {
        let made = async |mutation: &str, input: Value| bench.mutate(OWNER, mutation, input).await;
        bench.institution.add_tenant(DOOMED).await;
        let settings = json!({ "settings": [
            { "key": "WALLET_ADDRESS_URL", "value": "https://owner.example" },
            { "key": "ILP_ADDRESS", "value": "test.bank.owner" },
        ] });
        made("createTenantSettings: CreateTenantSettingsInput { settings { key } }", settings).await;
        made(
            "updateTenant: UpdateTenantInput { tenant { id } }",
            json!({ "id": OWNER, "idpSecret": "idp secret of owner" }),
        )
        .await;
        let asset = id(
            &made("createAsset: CreateAssetInput { asset { id } }", json!({ "code": "USD", "scale": 2 })).await["asset"]
        );
        let peer = json!({ "assetId": asset, "staticIlpAddress": "test.friend", "initialLiquidity": 500,
            "http": { "incoming": { "authTokens": ["what the friend shows"] }, "outgoing": { "authToken": "token of owner", "endpoint": "http://friend.example" } } });
        let peer = id(&made("createPeer: CreatePeerInput { peer { id } }", peer).await["peer"]);
        let create = "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }";
        let address = id(&made(create, json!({ "assetId": asset, "address": "bob" })).await["walletAddress"]);
        let ann = id(&made(create, json!({ "assetId": asset, "address": "ann" })).await["walletAddress"]);
        let jwk = json!({ "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519" });
        let key = json!({ "walletAddressId": address, "jwk": jwk });
        let key = id(
            &made("createWalletAddressKey: CreateWalletAddressKeyInput { walletAddressKey { id } }", key).await["walletAddressKey"]
        );
        let expect = async |address: &str| {
            let amount = json!({ "value": 100, "assetCode": "USD", "assetScale": 2 });
            let create = "createIncomingPayment: CreateIncomingPaymentInput { payment { id url } }";
            let payment =
                made(create, json!({ "walletAddressId": address, "incomingAmount": amount })).await["payment"].clone();
            (id(&payment), payment["url"].as_str().unwrap().to_owned())
        };
        let (incoming, incoming_url) = expect(&ann).await;
        let (other_incoming, other_incoming_url) = expect(&ann).await;
        let quote = json!({ "walletAddressId": address, "receiver": incoming_url });
        let quote = id(&made("createQuote: CreateQuoteInput { quote { id } }", quote).await["quote"]);
        let outgoing = json!({ "walletAddressId": address, "quoteId": quote });
        let outgoing = id(
            &made("createOutgoingPayment: CreateOutgoingPaymentInput { payment { id } }", outgoing).await["payment"]
        );
        let events =
            "{ webhookEvents(filter: { type: { in: [\"outgoing_payment.created\"] } }) { edges { node { id } } } }";
        let events = bench.run(OWNER, events, json!({})).await;
        let event = id(&events["data"]["webhookEvents"]["edges"][0]["node"]);
        let deliveries = "{ webhookDeliveries { edges { node { id } } } }";
        let deliveries = bench.run(OWNER, deliveries, json!({})).await;
        let delivery = id(&deliveries["data"]["webhookDeliveries"]["edges"][0]["node"]);
        let create = "createWebhookEndpoint: CreateWebhookEndpointInput { webhookEndpoint { id } }";
        let hook = json!({ "url": "http://127.0.0.1:1/owner" });
        let other_hook = id(&made(create, hook.clone()).await["webhookEndpoint"]);
        let hook = id(&made(create, hook).await["webhookEndpoint"]);
        let deposit = json!({ "assetId": asset, "amount": 500, "id": bench.uuid(), "idempotencyKey": "d" });
        made("depositAssetLiquidity: DepositAssetLiquidityInput { success }", deposit).await;
        let mut withdrawals = Vec::new();
        for name in ["w1", "w2"] {
            let withdrawal = bench.uuid();
            let input = json!({ "assetId": asset, "amount": 5, "id": withdrawal, "timeoutSeconds": 600, "idempotencyKey": name });
            made("createAssetLiquidityWithdrawal: CreateAssetLiquidityWithdrawalInput { success }", input).await;
            withdrawals.push(withdrawal);
        }
        let [withdrawal1, withdrawal2] = withdrawals.try_into().unwrap();
        Self(BTreeMap::from([
            ("owner", OWNER.to_string()),
            ("doomed", DOOMED.to_string()),
            ("asset", asset),
            ("peer", peer),
            ("token", payments_model::peer_token::TokenDigest::of("what the friend shows").short()),
            ("address", address),
            ("key", key),
            ("incoming", incoming),
            ("incoming_url", incoming_url),
            ("other_incoming", other_incoming),
            ("other_incoming_url", other_incoming_url),
            ("quote", quote),
            ("outgoing", outgoing),
            ("event", event),
            ("delivery", delivery),
            ("hook", hook),
            ("other_hook", other_hook),
            ("withdrawal1", withdrawal1),
            ("withdrawal2", withdrawal2),
        ]))
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("no id: {object}")).to_owned()
}

/// Every operation of the schema, and whether it is a mutation.
async fn operations(bench: &Bench) -> BTreeMap<String, &'static str> {
    let asked = "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let schema = bench.run(OPERATOR, asked, json!({})).await["data"]["__schema"].clone();
    let named = |root: &str, kind| {
        let fields = schema[root]["fields"].as_array().unwrap().clone();
        fields.into_iter().map(move |field| (field["name"].as_str().unwrap().to_owned(), kind))
    };
    named("queryType", "query").chain(named("mutationType", "mutation")).collect()
}

/// All data of the owner, as the operator sees it, without the data that the operator may change.
async fn everything(bench: &Bench) -> Value {
    let query = "query($owner: String!, $peers: ID) {
        tenant(id: $owner) { email publicName settings { key value } deletedAt }
        assets(tenantId: $owner) { edges { node { id liquidity liquidityThreshold sendingFee { fixed } } } }
        peers(tenantId: $peers) { edges { node { id name liquidity routes } } }
        walletAddresses(tenantId: $owner) { edges { node { id status walletAddressKeys { edges { node { id revoked } } } } } }
        payments(tenantId: $owner) { edges { node { id type state metadata liquidity } } }
        webhookEvents(tenantId: $owner) { edges { node { id type } } }
    }";
    bench.run(OPERATOR, query, json!({ "owner": OWNER, "peers": OWNER })).await["data"].clone()
}

/// Whether all earlier data still exists unchanged.
fn must_hold(before: &Value, after: &Value, who: &str) {
    assert_eq!(before["tenant"], after["tenant"], "{who} changed the tenant");
    for list in ["assets", "peers", "walletAddresses", "payments", "webhookEvents"] {
        let there = after[list]["edges"].as_array().unwrap();
        for edge in before[list]["edges"].as_array().unwrap() {
            assert!(there.contains(edge), "{who} changed {list}: {edge} is not in {there:?}");
        }
    }
}

/// Sends every operation at once as `tenant`. Returns the unexpected answers.
async fn ask_all(
    bench: &Bench,
    tenant: TenantId,
    things: &Things,
    expected: impl Fn(&(&str, &str, Expect, Expect)) -> Expect,
) -> Vec<String> {
    let operations = operations(bench).await;
    let fresh: Vec<String> = (0..6).map(|_| bench.uuid()).collect();
    let mut asked = Vec::new();
    for case in CASES.iter().filter(|case| operations.contains_key(case.0)) {
        let mut text = things.fill(case.1);
        for (place, id) in fresh.iter().enumerate() {
            text = text.replace(&format!("{{fresh{}}}", place + 1), id);
        }
        let body = json!({ "query": format!("{} {{ {}{text} }}", operations[case.0], case.0) });
        // Signed one after another, so that no two signatures are equal; then sent together.
        let request = request(tenant, &bench.sign(tenant, &body), &body);
        let api = bench.api.clone();
        asked.push((case.0, expected(case), tokio::spawn(async move { send_to(&api, request).await })));
    }
    let mut wrong = Vec::new();
    for (name, expect, answer) in asked {
        let (status, text) = answer.await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        let is_as_expected = status == StatusCode::OK
            && match expect {
                Done => code.is_none() && !answer["data"][name].is_null(),
                Code(wanted) => code == Some(wanted),
                Null => code.is_none() && answer["data"][name].is_null(),
                Empty => code.is_none() && things.0.values().all(|id| !text.contains(id)),
                Refused => code.is_some(),
            };
        if !is_as_expected {
            wrong.push(format!("{name}: {expect:?} was expected, not {status} {text}"));
        }
        for secret in [format!("secret of {OWNER}"), "idp secret of owner".to_owned()] {
            if text.contains(&secret) {
                wrong.push(format!("{name} shows a secret: {text}"));
            }
        }
    }
    wrong
}

on_each_database! {
    async fn every_operation_keeps_tenants_apart(database) {
        let bench = Bench::open(database).await;
        let things = Things::made(&bench).await;
        let operations = operations(&bench).await;
        let covered: BTreeSet<_> = CASES.iter().map(|case| case.0).collect();
        let uncovered: Vec<_> = operations.keys().filter(|name| !covered.contains(name.as_str())).collect();
        assert!(uncovered.is_empty(), "operations without a case: {uncovered:?}");

        let before = everything(&bench).await;
        let wrong = ask_all(&bench, ASKING, &things, |case| case.2).await;
        assert!(wrong.is_empty(), "as another tenant:\n{}", wrong.join("\n"));
        must_hold(&before, &everything(&bench).await, "another tenant");

        // Unsigned, and as the owner with the secret of another tenant.
        for case in CASES.iter().filter(|case| operations.contains_key(case.0)) {
            let body = json!({ "query": format!("{} {{ {}{} }}", operations[case.0], case.0, things.fill(case.1)) });
            for signature in ["", "t=1, v1=00", &bench.sign(OPERATOR, &body)] {
                let (status, told) = bench.send(request(OWNER, signature, &body)).await;
                assert_eq!((status, told.as_str()), (StatusCode::UNAUTHORIZED, "Unauthorized"), "{}", case.0);
            }
        }
        must_hold(&before, &everything(&bench).await, "nobody");

        let wrong = ask_all(&bench, OPERATOR, &things, |case| case.3).await;
        assert!(wrong.is_empty(), "as the operator:\n{}", wrong.join("\n"));
    }
}
