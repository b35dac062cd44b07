//! Tokens and signatures: every way to be refused.
//! What an authorized client may do is in `actions`.

use gnap::{AccessType, Action};
use http_signatures::{Signer, SigningKey};
use payments::administration::NewKey;
use serde_json::{Value, json};

use crate::world::{ALICE, Call, NOW, OTHER_TENANT, STRANGER, TENANT, World, refused, signer};

fn create() -> Call {
    Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": ALICE}))
}

fn active(client: Value) -> Value {
    let access = json!([{"type": "incoming-payment", "actions": ["create"]}]);
    json!({"active": true, "grant": "g", "client": client, "access": access})
}

const CHALLENGE: &str = "GNAP as_uri=https://auth.example";

#[tokio::test]
async fn the_authorization_server_is_asked_about_exactly_what_is_needed() {
    let world = World::new().await;
    assert_eq!(world.ask(create()).await.status.as_u16(), 201);
    let expected = json!({
        "access_token": "token",
        "access": [{"type": "incoming-payment", "actions": ["create"], "identifier": ALICE}],
    });
    assert_eq!(world.authority.lock().unwrap().asked, expected);
}

#[tokio::test]
async fn a_missing_or_malformed_token_is_refused_with_a_challenge() {
    let world = World::new().await;
    for value in ["", "Bearer token", "gnap token", "GNAP", "GNAP ", "GNAP a b"] {
        let call = create().header("authorization", value).only_signed(&signer(), NOW);
        let answer = world.send(call).await;
        assert_eq!(answer.refusal(), refused(401, "Missing or invalid authorization header value"), "{value:?}");
        assert_eq!(answer.header("www-authenticate"), CHALLENGE);
    }
}

#[tokio::test]
async fn what_introspection_says_decides() {
    let world = World::new().await;
    let client = json!({"walletAddress": world.client});
    let item = json!({"type": "incoming-payment", "actions": ["create"]});
    let with = |access: Value, tenant: &str| json!({"active": true, "grant": "g", "client": client, "access": access, "tenantId": tenant});
    for (answer, status, description) in [
        (json!({"active": false}), 403, "Inactive Token"),
        (json!("garbage"), 401, "Invalid Token"),
        (json!({"active": true}), 401, "Invalid Token"),
        (with(json!([]), TENANT), 403, "Insufficient Grant"),
        (with(json!([item]), OTHER_TENANT), 403, "Insufficient Grant"),
        (with(json!([item, {"type": "quote", "actions": ["read"]}]), TENANT), 500, "Unexpected number of access items"),
    ] {
        world.introspection(answer);
        let told = world.ask(create()).await;
        assert_eq!(told.refusal(), refused(status, description));
        assert_eq!(told.header("www-authenticate"), CHALLENGE);
    }
    world.introspection(with(json!([item]), &TENANT.to_uppercase()));
    assert_eq!(world.ask(create()).await.status.as_u16(), 201);
}

#[tokio::test]
async fn only_the_clients_own_fresh_signature_over_this_request_counts() {
    let world = World::new().await;
    let invalid = "Signature validation error: provided signature is invalid";
    let unknown = "Signature validation error: could not find key in list of client keys";
    let other = Signer::new(SigningKey::from_seed(&[6; 32]), "key-1").unwrap();
    let other_name = Signer::new(SigningKey::from_seed(&[5; 32]), "key-9").unwrap();
    let old = NOW - std::time::Duration::from_mins(6);
    for (call, description) in [
        (create().token().only_signed(&other, NOW), invalid),
        (create().token().only_signed(&other_name, NOW), unknown),
        (create().token().only_signed(&signer(), old), invalid),
        (create().only_signed(&signer(), NOW).token(), invalid),
        (
            create()
                .signed(&world)
                .raw_body(r#"{"walletAddress":"https://wallet.example/accounts/alice","metadata":{}}"#),
            invalid,
        ),
        (create().signed(&world).header("signature-input", r#"sig1=("@method");keyid="key-1""#), invalid),
        (
            create().signed(&world).header("signature-input", "sig1=()"),
            "Signature validation error: missing keyId in signature input",
        ),
    ] {
        let answer = world.send(call).await;
        assert_eq!(answer.refusal(), refused(401, description));
        assert_eq!(answer.header("www-authenticate"), "");
        assert!(!answer.text.contains(&world.client), "{}", answer.text);
    }
    assert_eq!(world.ask(create()).await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_client_of_this_instance_signs_with_the_keys_it_has_now() {
    let world = World::new().await;
    let key = |seed| Signer::new(SigningKey::from_seed(&[seed; 32]), "key-1").unwrap();
    let (administration, operator) = (&world.institution.administration, world.institution.operator());
    let has = async |signer: &Signer| {
        let x = signer.jwk().key().to_base64url();
        let new = NewKey { wallet_address_id: world.alice.id, kid: "key-1".to_owned(), x };
        administration.create_wallet_address_key(operator, new).await.unwrap().id
    };
    world.introspection(active(json!({"walletAddress": ALICE})));
    let status = async |signer: &Signer| world.send(create().token().only_signed(signer, NOW)).await.status.as_u16();
    let (old, new) = (key(21), key(22));
    let first = has(&old).await;
    assert_eq!((status(&old).await, status(&new).await), (201, 401));
    administration.revoke_wallet_address_key(operator, first).await.unwrap();
    let second = has(&new).await;
    assert_eq!((status(&old).await, status(&new).await), (401, 201), "replaced under its name, in the same moment");
    administration.revoke_wallet_address_key(operator, second).await.unwrap();
    assert_eq!(status(&new).await, 401, "revoked");
}

#[tokio::test]
async fn several_signature_headers_are_one_with_commas() {
    let world = World::new().await;
    let foreign = create()
        .signed(&world)
        .also("signature-input", "proxy=(\"@authority\");keyid=\"p\"")
        .also("signature", "proxy=:AAAA:");
    assert_eq!(world.send(foreign).await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_client_without_retrievable_keys_is_refused() {
    let world = World::new().await;
    world.introspection(active(json!({"walletAddress": world.client.replace("/app", "/garbage")})));
    let answer = world.ask(create()).await;
    assert_eq!(answer.refusal(), refused(401, "Signature validation error: could not retrieve client keys"));
    assert_eq!(answer.json()["error"]["details"], json!({"keyIdInSignature": "key-1"}));
}

#[tokio::test]
async fn a_client_known_by_its_key_signs_with_that_key_and_gets_a_name_of_its_own() {
    let world = World::new().await;
    world.introspection(active(json!({"jwk": signer().jwk()})));
    let created = world.ask(create()).await;
    assert_eq!(created.status.as_u16(), 201);
    let stored = world.institution.payments.incoming_payment(None, created.id().parse().unwrap()).await.unwrap();
    assert_eq!(stored.unwrap().payment.client, Some(format!("jwk:{}", signer().jwk().thumbprint())));
    let other = Signer::new(SigningKey::from_seed(&[5; 32]), "key-9").unwrap();
    let answer = world.send(create().token().only_signed(&other, NOW)).await;
    assert_eq!(answer.refusal(), refused(401, "Signature validation error: invalid key id"));
}

#[tokio::test]
async fn a_client_known_by_its_key_does_not_see_what_others_created() {
    let world = World::new().await;
    world.introspection(json!({
        "active": true, "grant": "g", "client": {"jwk": signer().jwk()},
        "access": [{"type": "incoming-payment", "actions": ["list"]}],
    }));
    let path = format!("/{TENANT}/incoming-payments?wallet-address={ALICE}");
    let own = world.incoming(Some(&format!("jwk:{}", signer().jwk().thumbprint()))).await;
    world.incoming(Some(STRANGER)).await;
    world.incoming(None).await;
    assert_eq!(world.ask(Call::get(path)).await.listed_ids(), [own.to_string()]);
}

#[tokio::test]
async fn a_repeat_within_the_second_is_accepted_unless_it_promised_to_be_the_only_one() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(world.ask(create()).await.status.as_u16(), 201);
    }
    assert_eq!(world.institution.count("incoming_payments", "1 = 1").await, 3);
    // A signature over the same request that carries a nonce.
    let key = SigningKey::from_seed(&[5; 32]);
    let call = || {
        let path = format!("/{TENANT}/outgoing-payment-grant");
        let input =
            format!(r#"("@method" "@target-uri" "authorization");keyid="key-1";created={};nonce="n1""#, NOW.as_secs());
        let base = format!(
            "\"@method\": GET\n\"@target-uri\": http://wallet.example{path}\n\"authorization\": GNAP token\n\"@signature-params\": {input}"
        );
        use base64::Engine;
        let signature = base64::engine::general_purpose::STANDARD.encode(key.sign(base.as_bytes()));
        Call::get(path)
            .token()
            .header("signature-input", &format!("sig1={input}"))
            .header("signature", &format!("sig1=:{signature}:"))
    };
    world.grant(AccessType::OutgoingPayment, &[Action::Create]);
    assert_eq!(world.send(call()).await.status.as_u16(), 200);
    let answer = world.send(call()).await;
    assert_eq!(answer.refusal(), refused(401, "Signature validation error: provided signature is invalid"));
}

#[tokio::test]
async fn a_source_that_repeats_wrong_tokens_must_wait() {
    let world = World::new().await;
    let good = world.authority.lock().unwrap().answer.clone();
    world.introspection(json!({"active": false}));
    for _ in 0..30 {
        assert_eq!(world.ask(create()).await.refusal(), refused(403, "Inactive Token"));
    }
    world.introspection(good);
    let answer = world.ask(create()).await;
    assert_eq!(answer.status.as_u16(), 429);
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    world.clock.advance(std::time::Duration::from_secs(seconds));
    assert_eq!(world.ask(create()).await.status.as_u16(), 201);
}

#[tokio::test]
async fn an_authorization_server_that_does_not_trust_us_is_no_fault_of_the_client() {
    let world = World::new().await;
    world.introspection_status(401);
    assert_eq!(world.ask(create()).await.status.as_u16(), 503);
}
