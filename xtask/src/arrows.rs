//! The floors of the code base: which crate may use which.
//!
//! It reads cargo's own metadata, so it sees every arrow. It names every violation.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::command::{metadata, root};

/// The floors from the ground up. A crate may use crates of lower floors.
const FLOORS: [&str; 7] = ["words", "protocols", "rules", "adapters", "services", "edges", "apps"];

/// Arrows within one floor, each noted in ARCHITECTURE.md.
const SAME_FLOOR: &[(&str, &[&str])] = &[
    ("stream", &["ilp-packet"]),
    ("stream-pay", &["ilp-packet", "stream"]),
    ("gnap", &["open-payments", "http-signatures"]),
    ("auto-peering", &["ilp-packet"]),
    ("signature-advice", &["admin-signature", "http-signatures"]),
    ("entity-id", &["clock"]),
    ("payments-model", &["ledger"]),
    ("backup", &["database"]),
    ("jobs", &["database", "telemetry"]),
    ("payments-store", &["database", "jobs"]),
    ("auth-store", &["database", "jobs"]),
    ("shared-cache", &["database"]),
    ("rates", &["outbound-http", "service-identity"]),
    ("open-payments-client", &["outbound-http"]),
    ("token-introspection", &["open-payments-client", "outbound-http"]),
    ("auth-service", &["outbound-http", "service-identity"]),
    ("oauth-provider", &["outbound-http", "token-keys"]),
    ("service-identity", &["oauth-provider", "outbound-http", "token-introspection", "token-keys"]),
    ("admin-client", &["outbound-http", "service-identity"]),
    ("openid-connect", &["oauth-provider", "outbound-http", "token-keys"]),
    ("conformance", &["outbound-http"]),
    ("peer-probe", &["outbound-http"]),
    ("webhooks", &["directory"]),
    ("payments", &["connector", "directory", "webhooks"]),
    ("peering", &["payments"]),
    ("moving", &["payments", "webhooks"]),
    ("rafiki-tables", &["auth-model", "ledger", "payments-model", "sealed-text"]),
    ("open-payments-api", &["http-kit"]),
    ("ilp-api", &["http-kit"]),
    ("auto-peering-api", &["http-kit"]),
    ("admin-graphql", &["http-kit"]),
    ("operator-api", &["http-kit"]),
    ("auth-api", &["http-kit"]),
    ("wallet", &["http-kit", "page-kit", "rates-service"]),
    ("card-service", &["http-kit"]),
    ("point-of-sale", &["http-kit"]),
    ("console", &["http-kit", "page-kit"]),
    ("shadow", &["http-kit"]),
    ("shop", &["http-kit", "page-kit"]),
    ("rates-service", &["http-kit"]),
    ("rafiki", &["config"]),
    ("ledger-bench", &["testkit"]),
    ("ledger-conformance", &["testkit"]),
    ("moving-bench", &["rafiki-fixture", "testkit"]),
    ("payments-bench", &["testkit"]),
    ("simulator", &["testkit"]),
    ("speed", &["ledger-bench", "testkit"]),
    ("interop", &["testkit"]),
    ("rafiki-fixture", &["testkit"]),
    ("institution", &["testkit"]),
];

/// The crates that a floor must never use.
const WALLS: [(&str, &[&str]); 5] = [
    ("words", &["tokio", "reqwest", "hyper", "axum", "sea-orm", "rusqlite", "sqlx", "rand"]),
    ("protocols", &["tokio", "reqwest", "hyper", "axum", "sea-orm", "rusqlite", "sqlx", "rand", "getrandom"]),
    ("rules", &["tokio", "reqwest", "hyper", "axum", "sea-orm", "rusqlite", "sqlx", "rand", "getrandom"]),
    ("services", &["axum", "async-graphql", "askama", "sea-orm", "rusqlite", "reqwest"]),
    ("edges", &["sea-orm", "rusqlite", "reqwest"]),
];

/// Exceptions from these walls, with the reason in ARCHITECTURE.md.
const DOORS: [(&str, &str); 4] =
    [("wallet", "sea-orm"), ("card-service", "sea-orm"), ("point-of-sale", "sea-orm"), ("shop", "sea-orm")];

#[derive(Debug)]
struct Package {
    name: String,
    floor: String,
    uses: Vec<Use>,
}

#[derive(Debug)]
struct Use {
    name: String,
    dev: bool,
}

/// Names every arrow that points up or sideways without being listed, and every broken wall.
pub(crate) fn check() -> Result<(), String> {
    let metadata = metadata()?;
    let problems = offences(&packages(&metadata, &root()));
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn packages(metadata: &Value, root: &Path) -> Vec<Package> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = metadata["packages"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|package| {
            let manifest = text(&package["manifest_path"]);
            let inside = Path::new(&manifest).strip_prefix(root).unwrap_or(Path::new(""));
            let floor = inside.iter().next().map(|first| first.to_string_lossy().into_owned()).unwrap_or_default();
            let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
            let uses = dependencies
                .iter()
                // Crates used only outside of wasm32 are a wall of their own: the system clock and the random source.
                .filter(|dependency| dependency["target"].is_null())
                .map(|dependency| Use { name: text(&dependency["name"]), dev: dependency["kind"] == "dev" })
                .collect();
            Package { name: text(&package["name"]), floor, uses }
        })
        .collect()
}

fn offences(packages: &[Package]) -> Vec<String> {
    let floor_of: BTreeMap<&str, &str> = packages.iter().map(|p| (p.name.as_str(), p.floor.as_str())).collect();
    let height = |floor: &str| FLOORS.iter().position(|f| *f == floor);

    let mut problems = Vec::new();
    for package in packages {
        let walls = WALLS.iter().find(|(floor, _)| *floor == package.floor).map_or(&[][..], |(_, banned)| banned);
        for used in &package.uses {
            if let Some(target_floor) = floor_of.get(used.name.as_str()) {
                if !allowed(package, used, target_floor, &height) {
                    let kind = if used.dev { " (for tests)" } else { "" };
                    problems.push(format!(
                        "{}/{} may not use {}/{}{kind}: arrows point to lower floors",
                        package.floor, package.name, target_floor, used.name
                    ));
                }
            } else if !used.dev
                && walls.contains(&used.name.as_str())
                && !DOORS.contains(&(package.name.as_str(), used.name.as_str()))
            {
                problems.push(format!(
                    "{}/{} may not use {}: it is outside this floor's walls",
                    package.floor, package.name, used.name
                ));
            }
        }
    }

    problems
}

fn allowed(package: &Package, used: &Use, target_floor: &str, height: &dyn Fn(&str) -> Option<usize>) -> bool {
    if package.name == "xtask" {
        return false;
    }
    if package.floor == "proof" {
        return target_floor != "proof" || used.dev || noted(&package.name, &used.name);
    }
    if target_floor == "proof" {
        return used.dev;
    }
    match (height(&package.floor), height(target_floor)) {
        (Some(own), Some(target)) if target < own => true,
        (Some(own), Some(target)) if target == own => used.dev || noted(&package.name, &used.name),
        _ => false,
    }
}

fn noted(from: &str, to: &str) -> bool {
    SAME_FLOOR.iter().any(|(name, uses)| *name == from && uses.contains(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(floor: &str, name: &str, uses: &[&str]) -> Package {
        let uses = uses.iter().map(|name| Use { name: (*name).into(), dev: false }).collect();
        Package { name: name.into(), floor: floor.into(), uses }
    }

    #[test]
    fn every_crate_of_this_house_keeps_to_its_floor() {
        assert_eq!(check(), Ok(()));
    }

    #[test]
    fn an_arrow_upwards_is_named() {
        let house = [package("rules", "ledger", &["payments"]), package("services", "payments", &[])];
        assert_eq!(offences(&house), ["rules/ledger may not use services/payments: arrows point to lower floors"]);
    }

    #[test]
    fn an_arrow_sideways_needs_a_note() {
        let house = [
            package("services", "payments", &["connector"]),
            package("services", "connector", &[]),
            package("services", "auth", &["connector"]),
        ];
        assert_eq!(offences(&house), ["services/auth may not use services/connector: arrows point to lower floors"]);
    }

    #[test]
    fn a_socket_on_a_pure_floor_is_named() {
        let house = [package("protocols", "stream", &["tokio"]), package("edges", "wallet", &["sea-orm"])];
        assert_eq!(offences(&house), ["protocols/stream may not use tokio: it is outside this floor's walls"]);
    }
}
