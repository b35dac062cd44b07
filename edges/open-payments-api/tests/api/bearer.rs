//! Tokens of an OAuth 2.0 provider: what they allow, and that their limits are kept as those of GNAP.
//! The provider is simulated; a real one is in `provider`.

use std::collections::BTreeMap;

use gnap::{AccessType, Action};
use payments_model::OutgoingPaymentId;
use serde_json::{Value, json};
use testkit::TestDatabase;

use crate::world::{ALICE, AUDIENCE, Answer, Call, ISSUER, NOW, OTHER_TENANT, TENANT, World, refused, send_to, url_of};

async fn world() -> World {
    World::new().await.with_bearer_tokens(&[TENANT])
}

fn usd(value: &str) -> Value {
    json!({"value": value, "assetCode": "USD", "assetScale": 2})
}

/// Details that allow to spend this many cents of Alice's.
fn spending(cents: &str) -> Value {
    let actions = json!(["create", "read", "list"]);
    let limits = json!({"debitAmount": usd(cents)});
    let access = json!({"type": "outgoing-payment", "actions": actions, "identifier": ALICE, "limits": limits});
    json!([{"type": "open-payments", "access": access}])
}

/// What the provider says about a token with these details, of one authorization.
fn told(details: Value) -> Value {
    json!({
        "active": true, "iss": ISSUER, "aud": AUDIENCE, "client_id": "app", "sub": "alice", "tenant": TENANT,
        "authorization_id": "a1", "exp": NOW.as_secs() + 600, "authorization_details": details,
    })
}

fn with(mut answer: Value, member: &str, value: Value) -> Value {
    answer[member] = value;
    answer
}

/// Pays a new quote of 10.30 dollars.
async fn pay(world: &World) -> Call {
    let quote = url_of("quotes", world.quote(None).await);
    Call::post(format!("/{TENANT}/outgoing-payments"), &json!({"walletAddress": ALICE, "quoteId": quote}))
}

async fn paid(world: &World, token: &str) -> Answer {
    world.send(pay(world).await.bearer(token)).await
}

fn shown(answer: &Answer) -> (u16, &str, &str) {
    (answer.status.as_u16(), &answer.text, answer.header("www-authenticate"))
}

#[tokio::test]
async fn a_client_that_knows_oauth_only_pays_within_its_limits_and_above_them_gets_the_answer_of_gnap() {
    let world = world().await;
    world.bearer("t", told(spending("2060")));
    let first = paid(&world, "t").await;
    assert_eq!(first.status.as_u16(), 201, "{}", first.text);
    assert_eq!(first.json()["grantSpentDebitAmount"], usd("0"));
    let second = paid(&world, "t").await;
    assert_eq!(second.json()["grantSpentDebitAmount"], usd("1030"), "{}", second.text);
    let above = paid(&world, "t").await;

    // The same by GNAP: a grant with the same limit.
    world.introspection(json!({
        "active": true, "grant": "grant-1", "client": {"walletAddress": world.client},
        "access": [spending("2060")[0]["access"]],
    }));
    for _ in 0..2 {
        assert_eq!(world.ask(pay(&world).await).await.status.as_u16(), 201);
    }
    let above_by_gnap = world.ask(pay(&world).await).await;
    assert_eq!(shown(&above), shown(&above_by_gnap));
    assert_eq!(above.refusal(), refused(403, "unauthorized"));

    let stored: OutgoingPaymentId = first.id().parse().unwrap();
    let stored = world.institution.payments.outgoing_payment(None, stored).await.unwrap().unwrap().payment;
    assert_eq!(stored.client.as_deref(), Some("oauth:app@https://id.example"));
    let grant = stored.grant_id.unwrap();
    assert!(gnap::oauth::is_grant_of_oauth(&grant), "{grant}");
    let spent = world.institution.payments.grant_spent(&grant, None).await.unwrap().unwrap();
    assert_eq!(spent.debit.value, 2060);
    let asked = world.send(Call::get(format!("/{TENANT}/outgoing-payment-grant")).bearer("t")).await;
    assert_eq!(asked.json()["spentDebitAmount"], usd("2060"));

    // It sees what it made, and nothing of the other client.
    let listed = world.send(Call::get(format!("/{TENANT}/outgoing-payments?wallet-address={ALICE}")).bearer("t")).await;
    let mut own = vec![first.id(), second.id()];
    own.sort();
    assert_eq!(listed.listed_ids(), own);
}

testkit::on_each_database! {
    async fn two_processes_keep_the_limit_of_one_authorization_together(database) {
        let database: TestDatabase = database;
        let world = World::on(database).await.with_bearer_tokens(&[TENANT]);
        let other = world.listener(&world.institution.another_process().await, &[TENANT]);
        let mine = world.listener(&world.institution, &[TENANT]);
        // Two tokens of one authorization.
        world.bearer("t1", told(spending("3090")));
        world.bearer("t2", told(spending("3090")));
        let mut calls = Vec::new();
        for number in 0..8 {
            let (token, service) = if number % 2 == 0 { ("t1", &mine) } else { ("t2", &other) };
            let call = pay(&world).await.bearer(token);
            let service = service.clone();
            calls.push(tokio::spawn(async move { send_to(&service, call).await.status.as_u16() }));
        }
        let mut counted: BTreeMap<u16, u32> = BTreeMap::new();
        for call in calls {
            *counted.entry(call.await.unwrap()).or_default() += 1;
        }
        assert_eq!(counted, BTreeMap::from([(201, 3), (403, 5)]));
    }
}

#[tokio::test]
async fn tokens_of_one_authorization_share_its_limit_and_another_one_has_its_own() {
    let world = world().await;
    let limited = || told(spending("1030"));
    world.bearer("first", limited());
    world.bearer("renewed", with(limited(), "jti", json!("2")));
    world.bearer("other", with(limited(), "authorization_id", json!("a2")));
    // Hydra has what the identity provider added in a member of its own.
    let mut added = limited();
    for name in ["tenant", "authorization_details", "authorization_id"] {
        added["ext"][name] = added[name].take();
        added.as_object_mut().unwrap().remove(name);
    }
    world.bearer("added", added);
    // Without a name, all tokens of this client and this person share one limit.
    let nameless = || with(limited(), "authorization_id", Value::Null);
    world.bearer("nameless", with(nameless(), "jti", json!("3")));
    world.bearer("nameless-too", with(nameless(), "jti", json!("4")));
    world.bearer("nameless-of-bob", with(nameless(), "sub", json!("bob")));
    for (token, status) in [
        ("first", 201),
        ("renewed", 403),
        ("added", 403),
        ("other", 201),
        ("nameless", 201),
        ("nameless-too", 403),
        ("nameless-of-bob", 201),
    ] {
        assert_eq!(paid(&world, token).await.status.as_u16(), status, "{token}");
    }
}

#[tokio::test]
async fn without_the_switch_and_for_other_tenants_such_tokens_are_refused() {
    let off = World::new().await;
    off.bearer("t", told(spending("2060")));
    let answer = paid(&off, "t").await;
    assert_eq!(answer.status.as_u16(), 400, "a request without the headers of a signature: {}", answer.text);
    let signed = pay(&off).await.bearer("t").only_signed(&off.signer, NOW);
    assert_eq!(off.send(signed).await.refusal(), refused(401, "Missing or invalid authorization header value"));
    assert_eq!(off.authority.lock().unwrap().provider_asked, 0);

    let other = World::new().await.with_bearer_tokens(&[OTHER_TENANT]);
    other.bearer("t", told(spending("2060")));
    let answer = paid(&other, "t").await;
    assert_eq!(answer.refusal(), refused(401, "Missing or invalid authorization header value"));
    assert_eq!(other.authority.lock().unwrap().provider_asked, 0, "the provider learns nothing");

    let both = World::new().await.with_bearer_tokens(&[TENANT, OTHER_TENANT]);
    for (token, tenant) in [("t1", json!(OTHER_TENANT)), ("t2", Value::Null), ("t3", json!("no tenant"))] {
        both.bearer(token, with(told(spending("2060")), "tenant", tenant));
        let answer = paid(&both, token).await;
        assert_eq!(answer.refusal(), refused(403, "Insufficient Grant"), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"insufficient_scope\"");
    }
    assert_eq!(both.institution.count("outgoing_payments", "1 = 1").await, 0);
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused_at_once() {
    let world = world().await;
    world.bearer("t", told(spending("9000")));
    assert_eq!(paid(&world, "t").await.status.as_u16(), 201);
    world.bearer("t", json!({"active": false}));
    let answer = paid(&world, "t").await;
    assert_eq!(answer.refusal(), refused(401, "Invalid Token"));
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    // A provider that still calls it active is not believed.
    world.bearer("t", with(told(spending("9000")), "exp", json!(NOW.as_secs() - 31)));
    assert_eq!(paid(&world, "t").await.refusal(), refused(401, "Invalid Token"));
    assert_eq!(world.institution.count("outgoing_payments", "1 = 1").await, 1);
}

#[tokio::test]
async fn a_token_for_others_bound_to_a_key_or_in_the_wrong_place_is_refused() {
    let world = world().await;
    for (member, value) in [
        ("aud", json!("https://other.example")),
        ("aud", Value::Null),
        ("iss", json!("https://other.example")),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
        ("cnf", json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})),
        ("client_id", Value::Null),
    ] {
        world.bearer("t", with(told(spending("2060")), member, value.clone()));
        assert_eq!(paid(&world, "t").await.refusal(), refused(401, "Invalid Token"), "{member} {value}");
    }

    world.bearer("t", told(spending("2060")));
    let twice = pay(&world).await.bearer("t").also("authorization", "Bearer t");
    assert_eq!(world.send(twice).await.refusal().0, 400);
    let with_gnap = pay(&world).await.header("authorization", "GNAP token").also("authorization", "Bearer t");
    assert_eq!(world.send(with_gnap).await.refusal().0, 400);
    let list = |query: &str| Call::get(format!("/{TENANT}/outgoing-payments?wallet-address={ALICE}{query}"));
    assert_eq!(world.send(list("&access_token=t").bearer("t")).await.refusal().0, 400);
    assert_eq!(world.send(list("&access_token=t")).await.status.as_u16(), 400);
    assert_eq!(world.institution.count("outgoing_payments", "1 = 1").await, 0);
    assert_eq!(world.send(list("").bearer("t")).await.status.as_u16(), 200, "it is good in its place");
}

#[tokio::test]
async fn details_count_for_the_address_and_the_server_that_they_name_and_broken_ones_for_nothing() {
    let world = world().await;
    let good = || spending("2060");
    let mut other_address = good();
    other_address[0]["access"]["identifier"] = json!("https://wallet.example/accounts/carol");
    let mut elsewhere = good();
    elsewhere[0]["locations"] = json!(["https://other.example"]);
    let mut read_only = good();
    read_only[0]["access"]["actions"] = json!(["read"]);
    let mut no_address = good();
    no_address[0]["access"].as_object_mut().unwrap().remove("identifier");
    let mut broken_beside_good = good();
    let list = broken_beside_good.as_array_mut().unwrap();
    list.push(json!({"type": "open-payments", "access": {"type": "outgoing-payment", "actions": ["spend"]}}));
    for details in [other_address, elsewhere, read_only, no_address, broken_beside_good, json!("text"), json!([])] {
        world.bearer("t", told(details.clone()));
        assert_eq!(paid(&world, "t").await.refusal(), refused(403, "Insufficient Grant"), "{details}");
    }
    let mut here = good();
    here[0]["locations"] = json!(["https://other.example", format!("https://wallet.example/{TENANT}/")]);
    world.bearer("t", told(here));
    assert_eq!(paid(&world, "t").await.status.as_u16(), 201);
}

#[tokio::test]
async fn scopes_alone_allow_what_needs_no_consent_and_never_spending() {
    let world = world().await;
    let scoped = |scope: &str| with(with(told(Value::Null), "scope", json!(scope)), "authorization_id", Value::Null);
    world.bearer("t", scoped("openid incoming-payment:create outgoing-payment:create incoming-payment:list-all"));
    let create = Call::post(format!("/{TENANT}/incoming-payments"), &json!({"walletAddress": ALICE}));
    let created = world.send(create.bearer("t")).await;
    assert_eq!(created.status.as_u16(), 201, "{}", created.text);
    assert_eq!(paid(&world, "t").await.refusal(), refused(403, "Insufficient Grant"));
    let list = || Call::get(format!("/{TENANT}/incoming-payments?wallet-address={ALICE}"));
    assert_eq!(world.send(list().bearer("t")).await.refusal(), refused(403, "Insufficient Grant"));
    world.bearer("t", scoped("incoming-payment:list"));
    world.incoming(None).await;
    assert_eq!(world.send(list().bearer("t")).await.listed_ids(), [created.id()], "its own only");
}

#[tokio::test]
async fn while_the_provider_is_away_nobody_pays_and_gnap_goes_on() {
    let world = world().await;
    world.bearer("t", told(spending("2060")));
    world.authority.lock().unwrap().provider_status = Some(503);
    assert_eq!(paid(&world, "t").await.refusal(), refused(503, "Authorization server is unavailable"));
    world.grant(AccessType::OutgoingPayment, &[Action::Create]);
    assert_eq!(world.ask(pay(&world).await).await.status.as_u16(), 201);
    world.authority.lock().unwrap().provider_status = None;
    assert_eq!(paid(&world, "t").await.status.as_u16(), 201);
}
