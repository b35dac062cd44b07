//! Unknown clients: their rights and their rate limits, for secrets, browsers, floods and large documents.
//! Malformed texts are in `hostile`.

use std::net::Ipv4Addr;

use auth_api::ServiceCallers;
use clock::Clock;
use futures::future::join_all;
use http::{HeaderMap, HeaderValue};
use http_kit::CallerSecret;
use http_kit::graphql::Introspection;
use serde_json::{Value, json};
use shared_cache::{DatabaseCache, DatabaseLimits, Rate, SharedCache};
use testkit::on_each_database;

use crate::harness::{
    Answer, IDP_SECRET, Interaction, Log, OPERATOR, OPERATOR_SECRET, Server, call, incoming, polled, refused,
};

const TENANT: &str = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";
const SECRET: &str = "the service secret";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::try_from(*value).unwrap())).collect()
}

async fn closed(database: testkit::TestDatabase) -> Server {
    Server::with_api(database, |_, api| {
        api.services = ServiceCallers::WithSecret(CallerSecret::new(SECRET, "test", api.limiter.clone()));
    })
    .await
}

fn retry_after(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.headers.get("retry-after").map_or("", |value| value.to_str().unwrap()))
}

on_each_database! {
    async fn introspection_and_the_service_api_answer_only_callers_with_the_secret(database) {
        let server = closed(database).await;
        let tenant = json!({"id": TENANT, "apiSecret": "s"}).to_string();
        let token = json!({"access_token": "x"}).to_string();
        let routers = &server.routers;
        for (authorization, expected) in [("", [401, 401]), ("Bearer another", [401, 401]), ("Bearer the service secret", [204, 200])] {
            let sent = || headers(&[("content-type", "application/json"), ("authorization", authorization)]);
            let created = call(&routers.service, "POST", "/tenant", sent(), tenant.clone()).await;
            let introspected = call(&routers.introspection, "POST", "/", sent(), token.clone()).await;
            assert_eq!([created.status.as_u16(), introspected.status.as_u16()], expected, "{authorization:?}");
        }
        for router in [&routers.service, &routers.introspection] {
            assert_eq!(call(router, "GET", "/healthz", HeaderMap::new(), String::new()).await.text, "OK");
        }
    }

    async fn a_caller_that_guesses_secrets_waits_longer_each_time(database) {
        let server = closed(database).await;
        let attempt = async |secret: &str| {
            let sent = headers(&[("content-type", "application/json"), ("authorization", &format!("Bearer {secret}"))]);
            call(&server.routers.introspection, "POST", "/", sent, json!({"access_token": "x"}).to_string()).await
        };
        for _ in 0..6 {
            assert_eq!(attempt("guess").await.status, 401);
        }
        assert_eq!(retry_after(&attempt(SECRET).await), (429, "1"), "the right one has to wait too");
        server.wait(1);
        assert_eq!(attempt("guess").await.status, 401);
        assert_eq!(retry_after(&attempt(SECRET).await), (429, "2"));
        server.wait(2);
        assert_eq!(attempt(SECRET).await.status, 200);
        assert_eq!(attempt("guess").await.status, 401, "after a success mistakes are free again");
        assert_eq!(attempt(SECRET).await.status, 200);
    }

    async fn a_page_in_a_browser_can_call_neither_of_them(database) {
        // Even if no secret is required.
        let server = Server::on(database).await;
        let tenant = json!({"id": TENANT, "apiSecret": "s"}).to_string();
        let json_type = ("content-type", "application/json");
        for (sent, status) in [
            (headers(&[json_type, ("origin", "https://evil.example")]), 403),
            (headers(&[json_type, ("sec-fetch-site", "cross-site")]), 403),
            (headers(&[("content-type", "text/plain")]), 415),
            (headers(&[]), 400),
            (headers(&[json_type]), 204),
        ] {
            let answer = call(&server.routers.service, "POST", "/tenant", sent, tenant.clone()).await;
            assert_eq!(answer.status, status);
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }

    async fn wrong_secrets_of_identity_providers_lock_their_source_out(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        for _ in 0..6 {
            let refusal = server.idp(&grant, "details", "guess").await.refusal();
            assert_eq!(refusal, refused(401, "invalid_request", "invalid x-idp-secret"));
        }
        for what in ["details", "accept"] {
            let answer = server.idp(&grant, what, IDP_SECRET).await;
            assert_eq!(retry_after(&answer), (429, "1"), "{what}");
            assert_eq!(answer.refusal().1, "too_fast");
        }
        server.wait(1);
        assert_eq!(server.idp(&grant, "accept", "guess").await.status, 401);
        assert_eq!(retry_after(&server.idp(&grant, "details", IDP_SECRET).await), (429, "2"));
        server.wait(2);
        assert_eq!(server.idp(&grant, "details", IDP_SECRET).await.status, 200);
    }

    async fn guesses_from_many_addresses_make_new_addresses_wait_and_never_the_provider(database) {
        let server = Server::with(database, |settings| {
            settings.provider_secrets_from_new_sources = Rate::per_minute("idp-secrets", 5);
        }).await;
        let grant = server.outgoing_grant().await;
        let provider = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(server.idp_from(provider, &grant, "details", IDP_SECRET).await.status, 200);

        // Parallel guesses: no more are compared than are free.
        let guesses = (1..=20).map(|n| server.idp_from(Ipv4Addr::new(203, 0, 113, n), &grant, "details", "guess"));
        let answers = join_all(guesses).await;
        let compared = answers.iter().filter(|answer| answer.status == 401).count();
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
        assert_eq!((compared, refused.len()), (4, 16), "the provider's first request was the fifth");
        assert!(refused.iter().all(|answer| answer.refusal().1 == "too_fast"));

        // The right secret from a new address waits for the next minute; the provider does not.
        let moved = Ipv4Addr::new(192, 0, 2, 2);
        let answer = server.idp_from(moved, &grant, "details", IDP_SECRET).await;
        let (status, seconds) = retry_after(&answer);
        let seconds: u64 = seconds.parse().unwrap();
        assert!(status == 429 && (1..=60).contains(&seconds), "{status} {seconds}");
        assert_eq!(server.idp_from(provider, &grant, "details", IDP_SECRET).await.status, 200);
        server.wait(seconds);
        assert_eq!(server.idp_from(moved, &grant, "accept", IDP_SECRET).await.status, 202);
    }

    async fn the_log_tells_auditors_of_wrong_secrets_and_once_a_minute_of_guessing_from_many_addresses(database) {
        let server = Server::with(database, |settings| {
            settings.provider_secrets_from_new_sources = Rate::per_minute("idp-secrets", 3);
        }).await;
        let grant = server.outgoing_grant().await;
        let log = Log::of_this_thread();
        let guess_from = async |address: u8| server.idp_from(Ipv4Addr::new(203, 0, 113, address), &grant, "details", "guess-4711").await;
        for address in 1..=3 {
            assert_eq!(guess_from(address).await.status, 401);
            let line = log.take();
            assert_eq!(line.matches("audit:").count(), 1, "{line}");
            assert!(line.contains("audit: a wrong secret") && line.contains(OPERATOR), "{line}");
            assert!(line.contains(&format!("203.0.113.{address}")) && !line.contains("guess-4711"), "{line}");
        }
        for (waited, lines) in [(0, 1), (60, 1)] {
            server.wait(waited);
            let guesses = (4..=8).map(guess_from);
            let refused = join_all(guesses).await.iter().filter(|answer| answer.status == 429).count();
            assert!(refused >= 2, "{refused}");
            assert_eq!(log.take().matches("audit: the identity provider's secret is tried from many addresses").count(), lines);
        }
    }

    async fn a_request_whose_signature_cannot_be_looked_up_says_when_to_come_again(database) {
        let empty = testkit::TestDatabase::sqlite().await;
        let memory = (*empty).clone();
        let server = Server::with_api(database, |_, api| {
            // Its tables are missing.
            api.admin.cache = SharedCache::Database(DatabaseCache::new(memory, testkit::manual_clock(), DatabaseLimits::default()));
        }).await;
        let body = json!({"query": "{ grants { edges { cursor } } }"});
        let signed = admin_signature::sign(OPERATOR_SECRET, 1, server.clock.now(), &admin_signature::canonical(&body));
        let answer = server.admin_raw(OPERATOR, &signed, body.to_string()).await;
        assert_eq!(retry_after(&answer), (503, "1"));
        assert_eq!(answer.text, "Service Unavailable");
    }

    async fn a_provider_that_calls_again_within_a_month_stays_known(database) {
        let server = Server::with(database, |settings| {
            settings.provider_secrets_from_new_sources = Rate::per_minute("idp-secrets", 5);
        }).await;
        let provider = Ipv4Addr::new(192, 0, 2, 1);
        // After 30 days without a success it is new again.
        for (days, status) in [(0, 200), (20, 200), (20, 200), (20, 200), (31, 429)] {
            server.wait(days * 86_400);
            let grant = server.outgoing_grant().await;
            if days > 0 {
                let guesses = (1..=5).map(|n| server.idp_from(Ipv4Addr::new(203, 0, 113, n), &grant, "details", "guess"));
                assert!(join_all(guesses).await.iter().all(|answer| answer.status == 401));
            }
            let answer = server.idp_from(provider, &grant, "details", IDP_SECRET).await;
            assert_eq!(answer.status, status, "after {days} days");
        }
    }

    async fn grants_of_one_address_are_continued_no_more_often_than_the_limit_says(database) {
        let server = Server::with_api(database, |_, api| api.continuations = Rate::per_minute("continuations", 2)).await;
        let grant = server.request(&polled()).await.json();
        for _ in 0..2 {
            assert_eq!(server.go_on(&grant, None).await.status, 400, "it polls too fast");
        }
        let answer = server.go_on(&grant, None).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("retry-after")), (429, true));
        let token = server.incoming_grant().await;
        let manage = token["access_token"]["manage"].as_str().unwrap().strip_prefix("http://auth.example").unwrap().to_owned();
        assert_eq!(server.signed("POST", &manage, None, None).await.status, 429, "rotation counts, too");
        server.wait(60);
        assert_eq!(server.go_on(&grant, None).await.status, 200);
    }

    async fn grants_of_one_client_are_continued_no_more_often_than_the_limit_says(database) {
        let server = Server::with(database, |settings| {
            settings.continuations_per_client = Rate::per_minute("continuations-of-client", 2);
        }).await;
        let grant = server.request(&polled()).await.json();
        let (path, token) = Server::continuation(&grant);
        // A request that the client did not sign does not count.
        for _ in 0..3 {
            assert_eq!(server.signed_by(&server.stranger, "POST", &path, Some(&token), None).await.status, 400);
        }
        for _ in 0..2 {
            assert_eq!(server.go_on(&grant, None).await.refusal().1, "too_fast");
        }
        let answer = server.go_on(&grant, None).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("retry-after")), (429, true));
        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 429);
        server.wait(60);
        assert_eq!(server.signed("DELETE", &path, Some(&token), None).await.status, 204);
    }

    async fn tokens_are_looked_up_no_more_often_than_the_limit_says(database) {
        let server = Server::with_api(database, |_, api| {
            api.services = ServiceCallers::WithSecret(CallerSecret::new(SECRET, "test", api.limiter.clone()));
            api.introspections = Rate::per_minute("introspections", 2);
        }).await;
        let ask = async |secret: &str| {
            let sent = headers(&[("content-type", "application/json"), ("authorization", &format!("Bearer {secret}"))]);
            call(&server.routers.introspection, "POST", "/", sent, json!({"access_token": "x"}).to_string()).await
        };
        assert_eq!(ask("guess").await.status, 401, "a caller without the secret does not use up the limit");
        for _ in 0..2 {
            assert_eq!(ask(SECRET).await.status, 200);
        }
        let answer = ask(SECRET).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("retry-after")), (429, true));
        let health = call(&server.routers.introspection, "GET", "/healthz", HeaderMap::new(), String::new()).await;
        assert_eq!(health.status, 200);
        server.wait(60);
        assert_eq!(ask(SECRET).await.status, 200);
    }

    async fn a_source_asks_for_no_more_grants_than_it_may(database) {
        let server = Server::with_api(database, |_, api| api.grant_requests = Rate::per_minute("grants", 3)).await;
        for _ in 0..3 {
            assert_eq!(server.request(&incoming()).await.status, 200);
        }
        let answer = server.request(&incoming()).await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.refusal().1, "too_fast");
        let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        server.wait(seconds);
        assert_eq!(server.request(&incoming()).await.status, 200);
    }

    async fn a_client_asks_for_no_more_grants_than_it_may_and_does_not_use_up_the_count_of_others(database) {
        let server = Server::with(database, |settings| {
            settings.grant_requests_per_client = Rate::per_minute("grants-of-client", 2);
        }).await;
        // A value that the client did not sign does not count.
        let path = format!("/{OPERATOR}");
        for _ in 0..3 {
            let forged = server.signed_by(&server.stranger, "POST", &path, None, Some(&incoming())).await;
            assert_eq!(forged.status, 400);
        }
        for _ in 0..2 {
            assert_eq!(server.request(&incoming()).await.status, 200);
        }
        let answer = server.request(&incoming()).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("retry-after")), (429, true));
        let mut other = incoming();
        other["client"] = json!({"walletAddress": "https://other.example"});
        let others = server.signed_by(&server.stranger, "POST", &path, None, Some(&other)).await;
        assert_eq!(others.status, 200);
    }

    async fn guesses_of_interactions_are_soon_refused(database) {
        let server = Server::with_api(database, |_, api| api.failures = Rate::per_minute("failures", 3)).await;
        let grant = server.outgoing_grant().await;
        let known = Interaction::of(&grant);
        let start = |id: &str| format!("/interact/{id}/0123456789ABCDEF?clientName=a&clientUri=b");
        let look = async |path: &str| call(&server.routers.auth, "GET", path, HeaderMap::new(), String::new()).await;
        for _ in 0..3 {
            assert_eq!(look(&start(&known.id)).await.refusal(), refused(400, "unknown_interaction", "unknown interaction"));
        }
        assert_eq!(look(&start(&known.id)).await.status, 429);
        let right = known.start.strip_prefix("http://auth.example").unwrap();
        assert_eq!(look(right).await.status, 429, "the right one as well");
        server.wait(60);
        assert_eq!(look(right).await.status, 302);
    }

    async fn the_admin_api_has_the_limits_of_the_backends_and_answers_the_stock_introspection_query(database) {
        let server = Server::with_api(database, |_, api| api.admin.introspection = Introspection::Allowed).await;
        let ask = async |query: &str| {
            server.wait_millis(1);
            let body = json!({"query": query});
            let signed = admin_signature::sign(OPERATOR_SECRET, 1, server.clock.now(), &admin_signature::canonical(&body));
            let answer = server.admin_raw(OPERATOR, &signed, body.to_string()).await;
            (answer.status.as_u16(), answer.json())
        };
        let (status, schema) = ask(STOCK).await;
        assert_eq!(status, 200, "{schema}");
        let types = schema["data"]["__schema"]["types"].as_array().unwrap();
        let published = published_schema::types_of(include_str!("../auth.graphql"));
        for name in &published {
            assert!(types.iter().any(|one| one["name"] == **name), "{name} is not listed");
        }
        let aliases: Vec<String> = (0..400).map(|n| format!("a{n}: grants {{ edges {{ cursor }} }}")).collect();
        let tokens = format!("{{ grants {{ edges {{ {} }} }} }}", "cursor ".repeat(1001));
        for (query, part) in [
            (format!("{{ {} }}", aliases.join(" ")), "limit of"),
            (tokens, "Token limit of 1000 exceeded"),
            (format!("{{ grants {} cursor {} }}", "{ edges ".repeat(12), "}".repeat(12)), "depth limit of 10"),
        ] {
            let (status, answer) = ask(&query).await;
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(status == 400 && message.contains(part), "{status} {message}");
        }
    }

    async fn the_operator_is_known_by_its_id_even_if_others_have_its_secret(database) {
        let server = Server::on(database).await;
        let sent = || headers(&[("content-type", "application/json")]);
        let report = async |method: &str, path: &str, body: Value| {
            call(&server.routers.service, method, path, sent(), body.to_string()).await
        };
        let words = "apiSecret is the operator's; give the tenant one of its own";
        let created = report("POST", "/tenant", json!({"id": TENANT, "apiSecret": OPERATOR_SECRET})).await;
        assert_eq!(created.refusal(), refused(400, "invalid_request", words));
        assert_eq!(report("POST", "/tenant", json!({"id": TENANT, "apiSecret": "s"})).await.status, 204);
        let changed = report("PATCH", &format!("/tenant/{TENANT}"), json!({"apiSecret": OPERATOR_SECRET})).await;
        assert_eq!(changed.refusal(), refused(400, "invalid_request", words));

        // A tenant that has this secret sees its own grants only.
        let mut tenant = server.auth.get_tenant(TENANT.parse().unwrap()).await.unwrap().unwrap();
        OPERATOR_SECRET.clone_into(&mut tenant.api_secret.current);
        assert_eq!(server.auth.scope_of(&tenant), auth::Scope::Tenant(tenant.id));
        let operator = server.auth.get_tenant(OPERATOR.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(server.auth.scope_of(&operator), auth::Scope::All);
    }

    async fn a_consent_page_is_a_web_page(database) {
        let server = Server::on(database).await;
        let body = json!({"id": TENANT, "apiSecret": "s", "idpConsentUrl": "javascript:alert(1)"}).to_string();
        let answer = call(&server.routers.service, "POST", "/tenant", headers(&[("content-type", "application/json")]), body).await;
        assert_eq!(answer.status, 400);
    }
}

/// The query that `getIntrospectionQuery` of graphql-js and most tools send.
const STOCK: &str = "query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name }
    types { ...FullType } directives { name description locations args { ...InputValue } } } }
    fragment FullType on __Type { kind name description
        fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
        inputFields { ...InputValue } interfaces { ...TypeRef }
        enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
