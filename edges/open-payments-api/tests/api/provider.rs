//! A real provider of OAuth 2.0 (the npm package oidc-provider) gives a client access with authorization details
//! (RFC 9396), and the client pays with it.
//! What the listener does with each part of a token is in `bearer`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use outbound_http::{Outbound, OutboundConfig, Request};
use serde_json::{Value, json};
use service_identity::ProviderSettings;
use url::Url;

use crate::world::{ALICE, AUDIENCE, Answer, Call, TENANT, World, refused, url_of};

/// The provider, and a client of it.
struct RealProvider {
    issuer: Url,
    http: Outbound,
    /// It ends with its input.
    process: Child,
}

impl Drop for RealProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl RealProvider {
    /// `None` without the package.
    fn start(world: &World) -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proof/interop/oidc-provider");
        if !folder.join("node_modules/oidc-provider").exists() {
            eprintln!("SKIPPED: oidc-provider (run npm ci in proof/interop/oidc-provider)");
            return None;
        }
        let mut command = Command::new("node");
        command.args(["authorization.mjs", AUDIENCE, TENANT]).current_dir(folder);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let printed: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the provider printed {line:?}"));
        let http = Outbound::new(OutboundConfig::development(), world.clock.clone()).unwrap();
        Some(Self { issuer: printed["issuer"].as_str().unwrap().parse().unwrap(), http, process })
    }

    async fn ask(&self, what: &str, body: Value) -> Value {
        let url = self.issuer.join(&format!("/control/{what}")).unwrap();
        let request = Request::post_json(url, &body).unwrap().deadline(Duration::from_mins(1)).configured();
        let answer = self.http.send(request).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{what}: {}", answer.excerpt());
        answer.json().unwrap()
    }
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}")).to_owned()
}

async fn paid(world: &World, token: &str) -> Answer {
    let quote = url_of("quotes", world.quote(None).await);
    let body = json!({"walletAddress": ALICE, "quoteId": quote});
    world.send(Call::post(format!("/{TENANT}/outgoing-payments"), &body).bearer(token)).await
}

#[tokio::test]
async fn a_client_of_a_real_provider_pays_within_its_limits_also_with_renewed_tokens_until_they_are_revoked() {
    let mut world = World::new().await;
    let Some(provider) = RealProvider::start(&world) else { return };
    world.provider = ProviderSettings { issuer: Some(provider.issuer.clone()), ..ProviderSettings::default() };
    let world = world.with_bearer_tokens(&[TENANT]);

    let limits = json!({"debitAmount": {"value": "2060", "assetCode": "USD", "assetScale": 2}});
    let access = json!({"type": "outgoing-payment", "actions": ["create"], "identifier": ALICE, "limits": limits});
    let details = json!({"details": [{"type": "open-payments", "access": access}]});
    let given = provider.ask("authorize", details.clone()).await;
    let first = paid(&world, &text(&given, "access_token")).await;
    assert_eq!(first.status.as_u16(), 201, "{}", first.text);

    let renewed = provider.ask("refresh", json!({"token": text(&given, "refresh_token")})).await;
    let renewed = text(&renewed, "access_token");
    assert_ne!(renewed, text(&given, "access_token"));
    assert_eq!(paid(&world, &renewed).await.status.as_u16(), 201);
    assert_eq!(paid(&world, &renewed).await.refusal(), refused(403, "unauthorized"), "a new token is no new limit");

    let again = text(&provider.ask("authorize", details).await, "access_token");
    assert_eq!(paid(&world, &again).await.status.as_u16(), 201, "a new consent is a new limit");
    provider.ask("revoke", json!({"token": again})).await;
    assert_eq!(paid(&world, &again).await.refusal(), refused(401, "Invalid Token"));
    assert_eq!(paid(&world, "guess").await.refusal(), refused(401, "Invalid Token"));
}
