//! Wallet address documents and key sets.
//!
//! Waiting for an address is tested beside the look-up.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use payments_model::wallet_address::WalletAddressKey;
use serde_json::json;
use stream::StreamReceiver;
use uuid::Uuid;

use crate::world::{ALICE, Call, NOW, TENANT, World, next_signer, refused, signer};

/// Stores a key of Alice without checks.
async fn store_key(world: &World, kid: &str, x: &str) {
    let key = WalletAddressKey {
        id: Uuid::from_u128(kid.len() as u128).into(),
        wallet_address_id: world.alice.id,
        kid: kid.into(),
        x: x.into(),
        revoked: false,
        created_at: NOW,
    };
    let unit = world.institution.parts.store.begin().await.unwrap();
    unit.tenant(world.alice.tenant_id).insert_wallet_address_key(&key).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test]
async fn a_document_tells_where_to_go_for_grants_and_payments() {
    let world = World::new().await;
    let answer = world.send(Call::get("/Accounts/alice/?query=ignored")).await;
    let expected = json!({
        "id": ALICE, "assetCode": "USD", "assetScale": 2,
        "authServer": format!("https://auth.example/{TENANT}"),
        "resourceServer": format!("https://wallet.example/{TENANT}"),
        "cardService": "https://cards.example/",
        "additionalProperties": {"iban": "DE1"},
    });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
    assert!(answer.header("cache-control").starts_with("public, max-age="));
    let again = Call::get("/accounts/alice").header("if-none-match", answer.header("etag"));
    let again = world.send(again).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    let head = world.send(Call::get("/accounts/alice").method(Method::HEAD)).await;
    assert_eq!(head.status.as_u16(), 200);
}

#[tokio::test]
async fn unknown_and_inactive_addresses_are_not_found_and_reported_with_their_url() {
    let world = World::new().await;
    let answer = world.send(Call::get("/accounts/bob")).await;
    assert_eq!(answer.refusal(), refused(404, "Could not get wallet address"));
    assert_eq!(answer.json()["error"]["details"]["walletAddressUrl"], "https://wallet.example/accounts/bob");
    assert_eq!(world.told_of_unknown_addresses().await, 0);
    world.deactivate_alice().await;
    world.clock.advance(std::time::Duration::from_hours(24));
    assert_eq!(world.send(Call::get("/accounts/alice")).await.refusal().0, 404);
    assert_eq!(world.send(Call::get("/accounts/alice/jwks.json")).await.refusal().0, 404);
}

#[tokio::test]
async fn an_address_is_found_in_every_spelling_and_not_under_a_path_that_is_none() {
    let world = World::new().await;
    for path in ["/accounts/%61lice", "/ACCOUNTS/Alice/", "/accounts/x/%2e%2E/alice", "/x/../accounts/alice"] {
        let answer = world.send(Call::get(path)).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["id"]), (200, &json!(ALICE)), "{path}");
        let keys = world.send(Call::get(format!("{}/jwks.json", path.trim_end_matches('/')))).await;
        assert_eq!(keys.status.as_u16(), 200, "{path}");
    }
    for path in ["//accounts/alice", "/accounts//alice", "/accounts%2Falice"] {
        assert_eq!(world.send(Call::get(path)).await.refusal().0, 404, "{path}");
    }
    for host in ["WALLET.example", "wallet.example:443", "wallet.example."] {
        let answer = world.send(Call::get("/accounts/alice").header("host", host)).await;
        assert_eq!(answer.status.as_u16(), 200, "{host}");
    }
}

#[tokio::test]
async fn browsers_are_sent_to_a_page_without_a_look_up() {
    let world = World::new().await;
    let answer = world.send(Call::get("/accounts/bob").header("accept", "text/html,*/*;q=0.8")).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (302, "Found"));
    let place = "https://pages.example/wallet.example/accounts/bob?url=https%3A%2F%2Fwallet.example%2Faccounts%2Fbob";
    assert_eq!(answer.header("location"), place);
}

#[tokio::test]
async fn spsp_clients_get_credentials_with_receipts_if_they_ask_for_them() {
    let world = World::new().await;
    let spsp = |path: &str| Call::get(path).header("accept", "application/spsp4+json, application/json;q=0.5");
    let answer = world.send(spsp("/accounts/alice")).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("content-type"), "application/spsp4+json");
    let id = world.alice.id.to_string();
    let settings = world.institution.parts.settings.clone();
    let receiver = StreamReceiver::new(settings.stream_secret, settings.operator_ilp_address);
    let whose = |told: &serde_json::Value| {
        let members: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(members, ["destination_account", "shared_secret", "receipts_enabled"]);
        assert_eq!(URL_SAFE_NO_PAD.decode(told["shared_secret"].as_str().unwrap()).unwrap().len(), 32);
        let address: ilp_packet::Address = told["destination_account"].as_str().unwrap().parse().unwrap();
        let details = receiver.decode_tag(address.as_ref()).unwrap();
        (details.payment_tag.unwrap(), details.receipts, told["receipts_enabled"].as_bool().unwrap())
    };
    assert_eq!(whose(&answer.json()), (id.clone(), None, false));

    let (nonce, secret) = (STANDARD.encode([1; 16]), STANDARD.encode([2; 32]));
    let asked = spsp("/accounts/alice").header("receipt-nonce", &nonce).header("receipt-secret", &secret);
    let receipts = Some(stream::ReceiptSetup { nonce: [1; 16], secret: [2; 32] });
    assert_eq!(whose(&world.send(asked).await.json()), (id.clone(), receipts, true));

    let alone = world.send(spsp("/accounts/alice").header("receipt-nonce", &nonce)).await;
    let words = "Failed to generate credentials: receipt nonce and secret must accompany each other";
    assert_eq!(alone.refusal(), refused(400, words));
    let short = spsp("/accounts/alice").header("receipt-nonce", "AAAA").header("receipt-secret", &secret);
    let short = world.send(short).await;
    assert_eq!(short.refusal(), refused(400, "Failed to generate credentials: receipt nonce must be 16 bytes"));
    assert_eq!(short.json()["error"]["details"]["paymentTag"], id);
    let unknown = world.send(spsp("/accounts/bob")).await;
    assert_eq!(unknown.refusal(), refused(404, "Could not get wallet address"));
}

#[tokio::test]
async fn this_instance_publishes_its_own_key_but_is_no_wallet_address() {
    let world = World::new().await;
    let keys = world.send(Call::get("/.well-known/pay/jwks.json")).await;
    assert_eq!(keys.json(), json!({"keys": [signer().jwk(), next_signer().jwk()]}), "while one replaces the other");
    let document = world.send(Call::get("/.well-known/pay")).await;
    assert_eq!(document.refusal(), refused(404, "Could not get wallet address"));
    assert_eq!(document.json()["error"].get("details"), None);
}

#[tokio::test]
async fn key_sets_hold_the_usable_keys_and_unknown_addresses_are_waited_for() {
    let world = World::new().await;
    assert_eq!(world.send(Call::get("/accounts/alice/jwks.json")).await.json(), json!({"keys": []}));
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    store_key(&world, "k1", x).await;
    store_key(&world, "unusable", "AA").await;
    let answer = world.send(Call::get("/accounts/alice/jwks.json")).await;
    assert_eq!(answer.json(), json!({"keys": [{"kid": "k1", "x": x, "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519"}]}));
    assert_eq!(world.send(Call::get("/accounts/bob/jwks.json")).await.refusal().0, 404);
    assert_eq!(world.told_of_unknown_addresses().await, 1);
}

#[tokio::test]
async fn documents_may_be_kept_and_key_sets_are_asked_for_each_time() {
    let world = World::new().await;
    let document = world.send(Call::get("/accounts/alice")).await;
    assert_eq!(document.header("cache-control"), "public, max-age=60");
    let keys = world.send(Call::get("/accounts/alice/jwks.json")).await;
    assert_eq!(keys.header("cache-control"), "public, no-cache");
    let mut asked = Call::get("/accounts/alice/jwks.json").header("if-none-match", "\"another\"");
    asked = asked.also("if-none-match", keys.header("etag"));
    assert_eq!(world.send(asked).await.status.as_u16(), 304, "a second line of the header counts like the first");
}
