//! Whole payments with tokens of a provider that others have written: the npm package oidc-provider. The built-in issuer
//! is not used.
//!
//! It runs if the package is installed (`npm ci` in `proof/interop/oidc-provider`).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::Separate;
use super::environment::{ROLES, RoleFile};
use super::manners::paid;
use crate::institutions::SIDES;

/// The provider of one institution.
struct Provider {
    issuer: String,
    process: Child,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Provider {
    /// `None` without the package.
    fn start(clients: &[Value]) -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proof/interop/oidc-provider");
        if !folder.join("node_modules/oidc-provider").exists() {
            println!("SKIPPED: payments with tokens of oidc-provider (run npm ci in proof/interop/oidc-provider)");
            return None;
        }
        let mut command = Command::new("node");
        command.args(["services.mjs", &json!(clients).to_string()]).current_dir(folder);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let printed: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the provider printed {line:?}"));
        Some(Self { issuer: printed["issuer"].as_str().unwrap().to_owned(), process })
    }
}

/// The roles as clients, as the playground has made them for the built-in issuer.
fn clients(folder: &Path, tenant: &str) -> Vec<Value> {
    let listed = std::fs::read_to_string(folder.join("service-clients.json")).unwrap();
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let secret = |role: &str| RoleFile::read(folder, role).get("OAUTH_CLIENT_SECRET").to_owned();
    let access = |role: &str| {
        let found = listed.iter().find(|client| client["clientId"] == role);
        found.unwrap_or_else(|| panic!("no client of {role}"))["access"].clone()
    };
    let client = |role: &&str| json!({"id": role, "secret": secret(role), "tenant": tenant, "access": access(role)});
    ROLES.iter().map(client).collect()
}

/// Lets every role ask this provider. Services are known to it by URLs (RFC 8707).
fn move_to(provider: &Provider, folder: &Path, clients: &[Value]) {
    let services: BTreeSet<&str> =
        clients.iter().flat_map(|client| client["access"].as_object().unwrap().keys()).map(String::as_str).collect();
    let names: Vec<String> = services.iter().map(|service| format!("{service}=https://{service}.example")).collect();
    for role in ROLES {
        let mut file = RoleFile::read(folder, role);
        file.set("OAUTH_ISSUER", &*provider.issuer);
        file.set("OAUTH_AUDIENCES", names.join(", "));
        if role == "auth" {
            file.set("OAUTH_CLIENTS_FILE", "");
        }
        file.write();
    }
}

#[test]
fn a_whole_payment_is_made_with_tokens_of_a_provider_of_others_only() {
    let mut all = Separate::prepared(&["--service-auth", "token"]);
    let mut providers = Vec::new();
    for side in SIDES {
        let folder = all.folder(side);
        let clients = clients(&folder, all.tenant(side));
        let Some(provider) = Provider::start(&clients) else { return };
        move_to(&provider, &folder, &clients);
        providers.push(provider);
    }
    all.start();
    paid(&all);
    all.assert_conserved();
}
