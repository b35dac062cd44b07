//! Tenants are created, changed and deleted.
//! What tenants may reach is in `matrix`.

use axum::http::StatusCode;
use payments_model::TenantId;
use serde_json::{Value, json};
use testkit::on_each_database;
use uuid::Uuid;

use super::bench::{Bench, OPERATOR, TENANT, request};

const CREATE: &str = "createTenant: CreateTenantInput { tenant { id email publicName apiSecret idpConsentUrl idpSecret deletedAt settings { key value } } }";
const UPDATE: &str =
    "updateTenant: UpdateTenantInput { tenant { email publicName apiSecret idpConsentUrl idpSecret } }";
const NEW: TenantId = TenantId::from_uuid(Uuid::from_u128(0x4ba2_3a9f_94c6_4f8d_9388_8b03_b19e_3155));

fn whoami() -> Value {
    json!({ "query": "{ whoami { id } }" })
}

/// Whether a request of `tenant` that is signed with `secret` is accepted.
async fn may_ask(bench: &Bench, tenant: TenantId, secret: &str) -> bool {
    bench.clock.advance(std::time::Duration::from_millis(1));
    let body = whoami();
    let now = clock::Clock::now(&*bench.clock);
    let signature = admin_signature::sign(secret, 1, now, &admin_signature::canonical(&body));
    bench.send(request(tenant, &signature, &body)).await.0 == StatusCode::OK
}

async fn delete(bench: &Bench, caller: TenantId, id: &str) -> (Value, Value) {
    let answer =
        bench.run(caller, "mutation($id: String!) { deleteTenant(id: $id) { success } }", json!({ "id": id })).await;
    let error = &answer["errors"][0];
    (answer["data"]["deleteTenant"]["success"].clone(), json!([error["message"], error["extensions"]["code"]]))
}

fn settings(tenant: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = tenant["settings"].as_array().unwrap().iter();
    let mut all: Vec<_> = all.map(|setting| (text(&setting["key"]), text(&setting["value"]))).collect();
    all.sort();
    all
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

on_each_database! {
    async fn a_new_tenant_has_the_usual_settings_and_may_ask_at_once(database) {
        let bench = Bench::open(database).await;
        let input = json!({
            "id": NEW, "apiSecret": "its secret", "email": "a@b.example", "publicName": "New",
            "idpConsentUrl": "https://idp.example/consent", "idpSecret": "its idp secret",
        });
        let made = bench.mutate(OPERATOR, CREATE, input.clone()).await["tenant"].clone();
        let own_address = format!("test.bank.{NEW}");
        assert_eq!(settings(&made), pairs(&[("ILP_ADDRESS", &own_address), ("WEBHOOK_MAX_RETRY", "10"), ("WEBHOOK_TIMEOUT", "2000")]));
        assert_eq!((&made["apiSecret"], &made["idpSecret"]), (&json!("its secret"), &json!("its idp secret")));
        assert!(may_ask(&bench, NEW, "its secret").await);
        let again = bench.refused(OPERATOR, CREATE, input).await;
        assert_eq!(again, ("a tenant with this id exists, or existed; choose another id".into(), "DUPLICATE".into()));

        let seen = bench.run(OPERATOR, "query($id: String!) { tenant(id: $id) { apiSecret idpSecret idpConsentUrl } }", json!({ "id": NEW })).await;
        let hidden = json!({ "apiSecret": "(hidden)", "idpSecret": "(hidden)", "idpConsentUrl": "https://idp.example/consent" });
        assert_eq!(seen["data"]["tenant"], hidden, "secrets are shown once, to who gave them");
        let without_id = bench.mutate(OPERATOR, CREATE, json!({ "apiSecret": "s" })).await;
        assert!(without_id["tenant"]["id"].as_str().unwrap().parse::<Uuid>().is_ok());
        assert_eq!(without_id["tenant"]["idpSecret"], Value::Null);
    }

    async fn given_settings_come_before_the_usual_ones_and_bad_ones_make_no_tenant(database) {
        let bench = Bench::open(database).await;
        let with = |settings: Value| json!({ "id": NEW, "apiSecret": "s", "settings": settings });
        let bad = [
            (json!([{ "key": "WEBHOOK_TIMEOUT", "value": "0" }]), "Invalid value for one or more tenant settings"),
            (json!([{ "key": "ILP_ADDRESS", "value": "test.elsewhere" }]), "Invalid value for one or more tenant settings"),
            (json!([{ "key": "ILP_ADDRESS", "value": "test.bank" }]), "Invalid value for one or more tenant settings"),
            (json!([{ "key": "WALLET_ADDRESS_URL", "value": "https://BANK.example:443/x/" }]), "Wallet Address Url already exists"),
        ];
        for (settings, message) in bad {
            let refused = bench.refused(OPERATOR, CREATE, with(settings)).await;
            assert_eq!(refused, (message.to_owned(), "BAD_USER_INPUT".to_owned()));
        }
        let given = json!([
            { "key": "WEBHOOK_TIMEOUT", "value": "500" },
            { "key": "ILP_ADDRESS", "value": "test.bank.new" },
            { "key": "WALLET_ADDRESS_URL", "value": "https://New.example/" },
        ]);
        let made = bench.mutate(OPERATOR, CREATE, with(given)).await["tenant"].clone();
        let expected = [("ILP_ADDRESS", "test.bank.new"), ("WALLET_ADDRESS_URL", "https://new.example"), ("WEBHOOK_MAX_RETRY", "10"), ("WEBHOOK_TIMEOUT", "500")];
        assert_eq!(settings(&made), pairs(&expected));

        let put = "createTenantSettings: CreateTenantSettingsInput { settings { key } }";
        for value in ["test.bank.new", "test.bank.new.below"] {
            let refused = bench.refused(TENANT, put, json!({ "settings": [{ "key": "ILP_ADDRESS", "value": value }] })).await;
            assert_eq!(refused, ("Ilp address already exists".into(), "BAD_USER_INPUT".into()), "{value}");
        }
        bench.mutate(TENANT, put, json!({ "settings": [{ "key": "ILP_ADDRESS", "value": "test.bank.newer" }] })).await;
    }

    async fn what_would_lock_a_tenant_out_or_make_it_the_operator_is_refused(database) {
        let bench = Bench::open(database).await;
        let operators = format!("secret of {OPERATOR}");
        let new = |secret: &str| json!({ "id": NEW, "apiSecret": secret });
        let not_a_line = "apiSecret must be one line of 1 to 255 characters";
        for (input, message) in [
            (new(""), not_a_line),
            (new(&"x".repeat(256)), not_a_line),
            (new(&operators), "apiSecret is the operator's; choose another"),
            (json!({ "id": "no id", "apiSecret": "s" }), "Invalid Tenant ID"),
            (json!({ "id": Uuid::nil(), "apiSecret": "s" }), "Invalid Tenant ID"),
            (json!({ "apiSecret": "s", "idpConsentUrl": "javascript:alert(1)" }), "idpConsentUrl must be an https URL"),
            (json!({ "apiSecret": "s", "idpSecret": "" }), "idpSecret must be one line of 1 to 255 characters"),
        ] {
            assert_eq!(bench.refused(OPERATOR, CREATE, input).await, (message.to_owned(), "BAD_USER_INPUT".to_owned()));
        }
        let forbidden = ("permission denied".to_owned(), "FORBIDDEN".to_owned());
        assert_eq!(bench.refused(TENANT, CREATE, new("s")).await, forbidden);
        assert_eq!(bench.refused(TENANT, CREATE, json!({ "id": "no id", "apiSecret": "s" })).await, forbidden);
        let own = |secret: Value| json!({ "id": TENANT, "apiSecret": secret });
        let refused = bench.refused(TENANT, UPDATE, own(json!(operators))).await;
        assert_eq!(refused, ("apiSecret is the operator's; choose another".into(), "BAD_USER_INPUT".into()));
        assert_eq!(bench.refused(TENANT, UPDATE, own(json!(""))).await.1, "BAD_USER_INPUT");
        assert_eq!(bench.refused(TENANT, UPDATE, own(Value::Null)).await, ("failed to update tenant".into(), "NOT_FOUND".into()));
        for secret in [json!("s"), Value::Null] {
            let refused = bench.refused(OPERATOR, UPDATE, own(secret)).await;
            assert_eq!(refused, ("Operator cannot update apiSecret over admin api".into(), "BAD_USER_INPUT".into()));
        }
        assert!(may_ask(&bench, TENANT, &format!("secret of {TENANT}")).await);
    }

    async fn a_replaced_secret_is_good_for_a_while_and_a_second_replacement_ends_it(database) {
        let bench = Bench::open(database).await;
        let first = format!("secret of {TENANT}");
        let replace = async |secret: &str| {
            let body = json!({
                "query": "mutation($input: UpdateTenantInput!) { updateTenant(input: $input) { tenant { apiSecret idpSecret } } }",
                "variables": { "input": { "id": TENANT, "apiSecret": secret } },
            });
            let (status, answer) = bench.post(TENANT, &body).await;
            (status, answer["data"]["updateTenant"]["tenant"]["apiSecret"].clone())
        };
        assert_eq!(replace("second").await, (StatusCode::OK, json!("second")));
        assert!(may_ask(&bench, TENANT, &first).await && may_ask(&bench, TENANT, "second").await);
        assert_eq!(replace("(hidden)").await, (StatusCode::OK, json!("(hidden)")), "what was shown instead changes nothing");
        assert!(may_ask(&bench, TENANT, "second").await);
        assert_eq!(replace("third").await.0, StatusCode::OK, "signed with the first secret, which is still good");
        assert!(!may_ask(&bench, TENANT, &first).await);
        assert!(may_ask(&bench, TENANT, "second").await && may_ask(&bench, TENANT, "third").await);
        bench.clock.advance(std::time::Duration::from_mins(11));
        assert!(!may_ask(&bench, TENANT, "second").await && may_ask(&bench, TENANT, "third").await);
    }

    async fn fields_are_changed_cleared_or_kept(database) {
        let bench = Bench::open(database).await;
        let input = json!({ "id": TENANT, "email": "a@b.example", "publicName": "T", "idpConsentUrl": "https://idp.example", "idpSecret": "x" });
        let changed = bench.mutate(OPERATOR, UPDATE, input).await["tenant"].clone();
        assert_eq!(changed, json!({ "email": "a@b.example", "publicName": "T", "apiSecret": "(hidden)", "idpConsentUrl": "https://idp.example", "idpSecret": "x" }));
        let input = json!({ "id": TENANT, "email": null, "idpSecret": null });
        let changed = bench.mutate(TENANT, UPDATE, input).await["tenant"].clone();
        assert_eq!(changed, json!({ "email": null, "publicName": "T", "apiSecret": "(hidden)", "idpConsentUrl": "https://idp.example", "idpSecret": null }));
        for (caller, message) in [(TENANT, "tenant does not exist"), (OPERATOR, "failed to update tenant")] {
            for id in [NEW.to_string(), "x".to_owned()] {
                let refused = bench.refused(caller, UPDATE, json!({ "id": id })).await;
                assert_eq!(refused, (message.to_owned(), "NOT_FOUND".to_owned()));
            }
        }
    }

    async fn a_deleted_tenant_asks_nothing_receives_nothing_and_never_comes_back(database) {
        let bench = Bench::open(database).await;
        let put = "createTenantSettings: CreateTenantSettingsInput { settings { key } }";
        bench.mutate(TENANT, put, json!({ "settings": [{ "key": "WALLET_ADDRESS_URL", "value": "https://tenant.example" }] })).await;
        let asset = bench.mutate(TENANT, "createAsset: CreateAssetInput { asset { id } }", json!({ "code": "USD", "scale": 2 })).await["asset"]["id"].clone();
        let address = json!({ "assetId": asset, "address": "bob" });
        let address = bench.mutate(TENANT, "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }", address).await["walletAddress"]["id"].clone();
        let peer = json!({ "assetId": asset, "staticIlpAddress": "test.p", "http": { "incoming": { "authTokens": ["token"] }, "outgoing": { "authToken": "t", "endpoint": "http://p.example" } } });
        bench.mutate(TENANT, "createPeer: CreatePeerInput { peer { id } }", peer.clone()).await;
        assert_eq!(bench.institution.count("peer_incoming_tokens", "1 = 1").await, 1);

        let forbidden = json!(["permission denied", "FORBIDDEN"]);
        assert_eq!(delete(&bench, TENANT, &TENANT.to_string()).await, (Value::Null, forbidden));
        let own = json!(["the operator's tenant cannot be deleted", "FORBIDDEN"]);
        assert_eq!(delete(&bench, OPERATOR, &OPERATOR.to_string()).await, (Value::Null, own));
        assert_eq!(delete(&bench, OPERATOR, &TENANT.to_string()).await.0, json!(true));
        let failed = json!(["failed to delete tenant", "NOT_FOUND"]);
        for id in [TENANT.to_string(), NEW.to_string(), "x".to_owned()] {
            assert_eq!(delete(&bench, OPERATOR, &id).await, (Value::Null, failed.clone()), "{id}");
        }

        assert!(!may_ask(&bench, TENANT, &format!("secret of {TENANT}")).await);
        let query = "query($id: String!, $address: String!) {
            tenant(id: $id) { deletedAt settings { key } }
            walletAddress(id: $address) { status tenant { id } }
        }";
        let shown = bench.run(OPERATOR, query, json!({ "id": TENANT, "address": address })).await["data"].clone();
        assert!(shown["tenant"]["deletedAt"].is_string());
        assert_eq!(shown["tenant"]["settings"], json!([]));
        assert_eq!(shown["walletAddress"], json!({ "status": "INACTIVE", "tenant": null }));
        let directory = &bench.institution.parts.directory;
        assert!(directory.facts().await.unwrap().tenant(TENANT).is_none(), "no peer, no token, no address of it is known");
        assert_eq!(bench.institution.count("peer_incoming_tokens", "1 = 1").await, 0);

        let address = json!({ "assetId": asset, "address": "ann", "tenantId": TENANT });
        let create = "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }";
        let unknown = |code: &str| ("unknown asset".to_owned(), code.to_owned());
        let refused = bench.refused(OPERATOR, create, address).await;
        assert_eq!(refused, unknown("BAD_USER_INPUT"), "also the operator gives it nothing new");
        let refused = bench.refused(OPERATOR, "createPeer: CreatePeerInput { peer { id } }", peer).await;
        assert_eq!(refused, unknown("NOT_FOUND"));

        let again = bench.refused(OPERATOR, CREATE, json!({ "id": TENANT, "apiSecret": "s" })).await;
        assert_eq!(again.1, "DUPLICATE");
        let taken = json!({ "id": NEW, "apiSecret": "s", "settings": [{ "key": "WALLET_ADDRESS_URL", "value": "https://tenant.example/sub" }] });
        assert_eq!(bench.refused(OPERATOR, CREATE, taken).await.0, "Wallet Address Url already exists");
        assert_eq!(bench.refused(OPERATOR, UPDATE, json!({ "id": TENANT, "email": "x" })).await.0, "failed to update tenant");
    }
}
