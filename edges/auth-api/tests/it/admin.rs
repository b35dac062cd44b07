//! The Admin GraphQL API.
//! Its signatures are tested in `admin-signature` and `idempotency`.

use clock::Clock;
use http::{HeaderMap, HeaderValue};
use http_kit::{CallWatch, watch_calls};
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{ALICE, CLIENT, Log, OPERATOR, OPERATOR_SECRET, Server, call, incoming, outgoing};

const TENANT: &str = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";
const SECRET: &str = "tenant secret";

async fn add_tenant(server: &Server) {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = json!({"id": TENANT, "apiSecret": SECRET}).to_string();
    assert_eq!(call(&server.routers.service, "POST", "/tenant", headers, body).await.status, 204);
}

fn ids(page: &Value) -> Vec<String> {
    let edges = page["grants"]["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["node"]["id"].as_str().unwrap().to_owned()).collect()
}

/// Grants of the operator, oldest first, and one of another tenant.
async fn populate(server: &Server) -> Vec<String> {
    add_tenant(server).await;
    let theirs = server.signed("POST", &format!("/{TENANT}"), None, Some(&incoming())).await;
    assert_eq!(theirs.status, 200);
    let mut own = Vec::new();
    for _ in 0..5 {
        server.wait_millis(1);
        let grant = server.incoming_grant().await;
        let token = grant["access_token"]["value"].clone();
        own.push(server.introspect(&json!({"access_token": token})).await.json()["grant"].as_str().unwrap().to_owned());
    }
    own
}

#[test]
fn the_schema_is_the_published_one_with_the_listed_additions() {
    let published = [include_str!("../auth.graphql"), include_str!("../../additions.graphql")].join("\n");
    published_schema::assert_same(&published, &auth_api::schema_definition());
}

#[test]
fn clients_of_the_last_release_can_use_the_schema() {
    let released = include_str!("../../../../proof/published-schema/released/0.1.0/auth.graphql");
    published_schema::assert_compatible(released, &auth_api::schema_definition());
}

on_each_database! {
    async fn the_log_tells_auditors_who_changed_something_and_which_calls_were_refused(database) {
        let mut server = Server::on(database).await;
        server.routers.admin = watch_calls(server.routers.admin.clone(), CallWatch::default());
        server.routers.introspection = watch_calls(server.routers.introspection.clone(), CallWatch::default());
        let grant = populate(&server).await.remove(0);
        let log = Log::of_this_thread();
        let audited = || log.take().lines().filter(|line| line.contains("audit: a call")).map(str::to_owned).collect::<Vec<_>>();

        server.admin(OPERATOR, OPERATOR_SECRET, "{ grants { edges { cursor } } }").await.unwrap();
        server.introspect(&json!({"access_token": "unknown"})).await;
        assert_eq!(audited(), Vec::<String>::new(), "nothing was changed");

        let revoke = format!("mutation {{ revokeGrant(input: {{ grantId: \"{grant}\" }}) {{ id }} }}");
        server.admin(OPERATOR, OPERATOR_SECRET, &revoke).await.unwrap();
        let told = audited();
        assert!(told.len() == 1 && told[0].contains("was let in"), "{told:?}");
        assert!(told[0].contains(&format!("tenant {OPERATOR}")) && told[0].contains("/graphql"), "{told:?}");

        let body = json!({"query": "{ grants { edges { cursor } } }"}).to_string();
        assert_eq!(server.admin_raw(OPERATOR, "t=1767225600000, v1=4711", body).await.status, 401);
        let told = audited();
        assert!(told.len() == 1 && told[0].contains("was refused") && told[0].contains("/graphql"), "{told:?}");
        assert!(told[0].contains("does not prove who calls") && !told[0].contains("4711"), "{told:?}");
    }

    async fn a_grant_is_shown_with_everything_it_gives(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let details = server.idp(&grant, "details", crate::harness::IDP_SECRET).await.json();
        let id = details["grantId"].as_str().unwrap();
        let shown = server.admin(OPERATOR, OPERATOR_SECRET, &format!(
            "{{ grant(id: \"{id}\") {{ id client state finalizationReason createdAt tenantId subject {{ sub_ids {{ subId }} }}
                access {{ identifier type actions createdAt
                    limits {{ receiver interval receiveAmount {{ value }} debitAmount {{ value assetCode assetScale }} }} }} }} }}"
        )).await.unwrap();
        assert_eq!(shown["grant"], json!({
            "id": id, "client": CLIENT, "state": "PENDING", "finalizationReason": null,
            "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": OPERATOR, "subject": {"sub_ids": []},
            "access": [{
                "identifier": ALICE, "type": "outgoing-payment", "actions": ["create", "read"],
                "createdAt": "2026-01-01T00:00:00.000Z",
                "limits": {"receiver": null, "interval": null, "receiveAmount": null,
                    "debitAmount": {"value": "500", "assetCode": "USD", "assetScale": 2}}
            }]
        }));
    }

    async fn a_grant_tells_how_many_tokens_are_good_and_when_the_last_one_ends(database) {
        let server = Server::on(database).await;
        let grant = server.incoming_grant().await;
        let token = &grant["access_token"];
        let id = server.introspect(&json!({"access_token": token["value"]})).await.json()["grant"].clone();
        let tokens = async || {
            server.wait_millis(1);
            let query = "{ grants { edges { node { id tokens { good lastEndsAt } } } } }";
            let shown = server.admin(OPERATOR, OPERATOR_SECRET, query).await.unwrap();
            let node = &shown["grants"]["edges"][0]["node"];
            assert_eq!(node["id"], id);
            node["tokens"].clone()
        };
        assert_eq!(tokens().await, json!({"good": 1, "lastEndsAt": "2026-01-01T00:10:00.000Z"}));

        server.wait(60);
        let manage = token["manage"].as_str().unwrap().strip_prefix("http://auth.example").unwrap();
        let rotated = server.signed("POST", manage, token["value"].as_str(), None).await;
        assert_eq!(rotated.status, 200);
        let after = tokens().await;
        assert_eq!(after["good"], 1, "a token that was replaced is not counted");
        assert!(after["lastEndsAt"].as_str().unwrap().starts_with("2026-01-01T00:11:00"), "{after}");

        server.wait(601);
        let ended = tokens().await;
        assert_eq!((&ended["good"], &ended["lastEndsAt"]), (&json!(0), &after["lastEndsAt"]), "it has ended");

        let revoke = format!("mutation {{ revokeGrant(input: {{ grantId: {id} }}) {{ id }} }}");
        server.admin(OPERATOR, OPERATOR_SECRET, &revoke).await.unwrap();
        assert_eq!(tokens().await, json!({"good": 0, "lastEndsAt": null}));
        let pending = server.outgoing_grant().await;
        let pending = server.idp(&pending, "details", crate::harness::IDP_SECRET).await.json()["grantId"].clone();
        let one = format!("{{ grant(id: {pending}) {{ tokens {{ good lastEndsAt }} }} }}");
        let shown = server.admin(OPERATOR, OPERATOR_SECRET, &one).await.unwrap();
        assert_eq!(shown["grant"]["tokens"], json!({"good": 0, "lastEndsAt": null}), "none was issued");
    }

    async fn pages_follow_each_other_in_both_orders_and_directions(database) {
        let server = Server::on(database).await;
        let own = populate(&server).await;
        let ask = async |arguments: &str| {
            let query = format!(
                "{{ grants(tenantId: \"{OPERATOR}\", {arguments}) {{ edges {{ node {{ id }} cursor }}
                    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
            );
            let page = server.admin(OPERATOR, OPERATOR_SECRET, &query).await.unwrap();
            let info = &page["grants"]["pageInfo"];
            (ids(&page), info["hasPreviousPage"].as_bool().unwrap(), info["hasNextPage"].as_bool().unwrap())
        };
        let descending: Vec<String> = own.iter().rev().cloned().collect();
        for (order, all) in [("ASC", &own), ("DESC", &descending)] {
            assert_eq!(ask(&format!("sortOrder: {order}")).await, (all.clone(), false, false));
            assert_eq!(ask(&format!("sortOrder: {order}, first: 2")).await, (all[..2].to_vec(), false, true));
            let middle = ask(&format!("sortOrder: {order}, first: 2, after: \"{}\"", all[1])).await;
            assert_eq!(middle, (all[2..4].to_vec(), true, true));
            let end = ask(&format!("sortOrder: {order}, first: 2, after: \"{}\"", all[3])).await;
            assert_eq!(end, (all[4..].to_vec(), true, false));
            let back = ask(&format!("sortOrder: {order}, last: 2, before: \"{}\"", all[3])).await;
            assert_eq!(back, (all[1..3].to_vec(), true, true));
            let beginning = ask(&format!("sortOrder: {order}, last: 2, before: \"{}\"", all[1])).await;
            assert_eq!(beginning, (all[..1].to_vec(), false, true));
        }
        assert_eq!(ask(&format!("after: \"{TENANT}\"")).await, (vec![], false, false));
        assert_eq!(ask("after: \"nonsense\"").await, (vec![], false, false));
        for wrong in ["first: -1", "first: 101", "last: 2", "last: 101"] {
            let query = format!("{{ grants({wrong}) {{ edges {{ cursor }} }} }}");
            assert_eq!(server.admin(OPERATOR, OPERATOR_SECRET, &query).await, Err("BAD_USER_INPUT".to_owned()), "{wrong}");
        }
    }

    async fn a_tenant_sees_and_revokes_its_own_grants_only(database) {
        let server = Server::on(database).await;
        let own = populate(&server).await;
        for arguments in ["first: 100", "filter: {finalizationReason: {notIn: [REVOKED]}}", &format!("tenantId: \"{OPERATOR}\"")] {
            let query = format!("{{ grants({arguments}) {{ edges {{ node {{ id tenantId }} }} }} }}");
            let theirs = server.admin(TENANT, SECRET, &query).await.unwrap();
            assert_eq!(ids(&theirs).len(), 1, "{arguments}");
            assert_eq!(theirs["grants"]["edges"][0]["node"]["tenantId"], TENANT);
        }
        let everything = "{ grants { edges { node { id } } } }";
        assert_eq!(ids(&server.admin(OPERATOR, OPERATOR_SECRET, everything).await.unwrap()).len(), 6);
        for foreign in [own[0].as_str(), TENANT, "nonsense"] {
            let query = format!("{{ grant(id: \"{foreign}\") {{ id }} }}");
            assert_eq!(server.admin(TENANT, SECRET, &query).await, Err("NOT_FOUND".to_owned()));
            let revoke = format!("mutation {{ revokeGrant(input: {{grantId: \"{foreign}\"}}) {{ id }} }}");
            assert_eq!(server.admin(TENANT, SECRET, &revoke).await, Err("NOT_FOUND".to_owned()));
        }
        let revoke = "mutation { revokeGrant(input: {grantId: \"\"}) { id } }";
        assert_eq!(server.admin(TENANT, SECRET, revoke).await, Err("FORBIDDEN".to_owned()));
    }

    async fn revoking_a_grant_ends_its_tokens_and_may_be_repeated(database) {
        let server = Server::on(database).await;
        let grant = server.incoming_grant().await;
        let token = grant["access_token"]["value"].as_str().unwrap();
        let answer = server.introspect(&json!({"access_token": token})).await.json();
        let id = answer["grant"].as_str().unwrap();
        for _ in 0..2 {
            let revoke = format!("mutation {{ revokeGrant(input: {{grantId: \"{id}\"}}) {{ id }} }}");
            let revoked = server.admin(OPERATOR, OPERATOR_SECRET, &revoke).await.unwrap();
            assert_eq!(revoked, json!({"revokeGrant": {"id": id}}));
            assert!(!server.is_active(token).await);
        }
        let query = format!("{{ grant(id: \"{id}\") {{ state finalizationReason }} }}");
        let shown = server.admin(OPERATOR, OPERATOR_SECRET, &query).await.unwrap();
        assert_eq!(shown["grant"], json!({"state": "FINALIZED", "finalizationReason": "REVOKED"}));
    }

    async fn filters_narrow_the_list_together(database) {
        let server = Server::on(database).await;
        server.incoming_grant().await;
        server.wait_millis(1);
        let mut two_owners = outgoing();
        let bob = json!({"type": "quote", "actions": ["create"], "identifier": "https://wallet.example/bob"});
        two_owners["access_token"]["access"].as_array_mut().unwrap().push(bob);
        assert_eq!(server.request(&two_owners).await.status, 200);
        let count = async |filter: &str| {
            let query = format!("{{ grants(filter: {filter}) {{ edges {{ node {{ id access {{ identifier }} }} }} }} }}");
            let page = server.admin(OPERATOR, OPERATOR_SECRET, &query).await.unwrap();
            (ids(&page).len(), page)
        };
        let (found, page) = count("{identifier: {in: [\"https://Wallet.example/bob/\"]}}").await;
        assert_eq!(found, 1);
        assert_eq!(page["grants"]["edges"][0]["node"]["access"], json!([{"identifier": "https://wallet.example/bob"}]));
        for (filter, expected) in [
            (format!("{{identifier: {{in: [\"{ALICE}\"]}}}}"), 2),
            (format!("{{identifier: {{in: [\"{ALICE}\"]}}, state: {{in: [PENDING]}}}}"), 1),
            ("{identifier: {in: []}, state: {in: []}}".to_owned(), 2),
            ("{state: {notIn: [PENDING]}}".to_owned(), 1),
            ("{state: {in: [PROCESSING]}}".to_owned(), 0),
            ("{finalizationReason: {in: [ISSUED]}}".to_owned(), 0),
            ("{finalizationReason: {notIn: [ISSUED]}}".to_owned(), 2),
            ("{finalizationReason: {notIn: [ISSUED]}, state: {in: [APPROVED]}}".to_owned(), 1),
        ] {
            assert_eq!(count(&filter).await.0, expected, "{filter}");
        }
    }

    async fn only_fresh_signatures_of_a_tenant_are_accepted_and_only_once(database) {
        let server = Server::on(database).await;
        let body = json!({"query": "{ grants { edges { cursor } } }"});
        let sign = |secret, version| admin_signature::sign(secret, version, server.clock.now(), &admin_signature::canonical(&body));
        let good = sign(OPERATOR_SECRET, 1);
        assert_eq!(server.admin_raw(OPERATOR, &good, body.to_string()).await.status, 200);
        for (tenant, signature) in [
            (OPERATOR, good.clone()),
            (OPERATOR, sign("wrong", 1)),
            (OPERATOR, sign(OPERATOR_SECRET, 2)),
            (OPERATOR, "nonsense".to_owned()),
            (TENANT, sign(OPERATOR_SECRET, 1)),
            ("nonsense", sign(OPERATOR_SECRET, 1)),
        ] {
            let answer = server.admin_raw(tenant, &signature, body.to_string()).await;
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, "Unauthorized"), "{tenant} {signature}");
        }
        let unsigned = call(&server.routers.admin, "POST", "/graphql", HeaderMap::new(), body.to_string()).await;
        assert_eq!(unsigned.status, 401);
        let old = sign(OPERATOR_SECRET, 1);
        server.wait(31);
        assert_eq!(server.admin_raw(OPERATOR, &old, body.to_string()).await.status, 401);
    }

    async fn a_used_signature_is_refused_in_every_spelling_and_so_is_a_request_for_the_backend(database) {
        let server = Server::on(database).await;
        let sign = |body: &Value| {
            admin_signature::sign(OPERATOR_SECRET, 1, server.clock.now(), &admin_signature::canonical(body))
        };
        let body = json!({"query": "{ grants { edges { cursor } } }"});
        let good = sign(&body);
        assert_eq!(server.admin_raw(OPERATOR, &good, body.to_string()).await.status, 200);
        let (time, digest) = good.split_once(", v1=").unwrap();
        for other in [
            format!("{good}, n=1"),
            format!("{time}, v1={}", digest.to_uppercase()),
            format!("{time},v1={digest}"),
            format!("{time}, v01={digest}"),
            good.replace("t=", "t=+"),
            good.replace("t=", "t=000"),
        ] {
            assert_eq!(server.admin_raw(OPERATOR, &other, body.to_string()).await.status, 401, "{other}");
        }
        for (audience, status) in [("backend", 401), ("auth", 200)] {
            let mut named = body.clone();
            named["extensions"] = json!({"audience": audience});
            let answer = server.admin_raw(OPERATOR, &sign(&named), named.to_string()).await;
            assert_eq!(answer.status, status, "{audience}");
        }
    }

    async fn documents_that_are_too_large_or_empty_are_refused(database) {
        let server = Server::on(database).await;
        let ask = async |body: Value| {
            server.wait_millis(1);
            let signed = admin_signature::sign(OPERATOR_SECRET, 1, server.clock.now(), &admin_signature::canonical(&body));
            let answer = server.admin_raw(OPERATOR, &signed, body.to_string()).await;
            (answer.status.as_u16(), answer.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned())
        };
        let bad_request = (400, "BAD_REQUEST".to_owned());
        let invalid = (400, "GRAPHQL_VALIDATION_FAILED".to_owned());
        assert_eq!(ask(json!({})).await, bad_request);
        assert_eq!(ask(json!([{"query": "{ grants { edges { cursor } } }"}])).await, bad_request);
        assert_eq!(ask(json!({"query": 1})).await, bad_request);
        assert_eq!(ask(json!({"query": "{ __typename }", "variables": "{}"})).await, bad_request);
        assert_eq!(ask(json!({"query": "{ grantz { id } }"})).await, invalid);
        assert_eq!(ask(json!({"query": "{"})).await, invalid);
        assert_eq!(ask(json!({"query": "{ __schema { types { name } } }"})).await, invalid);
        let got = call(&server.routers.admin, "GET", "/graphql?query={__typename}", HeaderMap::new(), String::new()).await;
        assert_eq!(got.status, 405);
    }
}
