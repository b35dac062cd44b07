//! The clients of the roles at the playground's own issuer, made anew at each start.
//!
//! With tokens only, no two roles have a secret in common.

use std::path::Path;

use clock::Entropy;
use config::Environment;
use serde_json::Value;
use service_auth::{ServiceRole, Ways};

use super::institution::{Environments, Institution};
use super::session::SessionClient;
use crate::failure::Failure;
use crate::private_file;
use crate::service_client::{NewClient, new_client};

/// The file of clients of an institution of the playground.
pub(crate) const FILE: &str = "service-clients.json";

/// Gives each role a client, if tokens are used, and takes away the shared secrets if nothing else is. Returns the client
/// of an operator's commands, if these cannot sign.
pub(crate) fn hand_out(
    ways: Ways,
    institution: &Institution,
    issuer_port: u16,
    environments: &mut Environments,
    folder: &Path,
    entropy: &dyn Entropy,
) -> Result<Option<SessionClient>, Failure> {
    if ways.certificates() {
        let told = "the playground has no certificates; use --service-auth hmac, token, or hmac,token";
        return Err(Failure::Check(told.to_owned()));
    }
    if !ways.tokens() {
        return Ok(None);
    }
    let tenant = institution.operator_tenant_id.to_string();
    let issuer = format!("http://localhost:{issuer_port}");
    let path = folder.join(FILE);
    let Environments { backend, auth, wallet, card_service, point_of_sale, console, shop: _ } = environments;
    auth.set("OAUTH_CLIENTS_FILE", path.display().to_string());

    let mut clients: Vec<Value> = Vec::new();
    let roles = [
        (ServiceRole::Backend, backend),
        (ServiceRole::Auth, auth),
        (ServiceRole::Wallet, wallet),
        (ServiceRole::CardService, card_service),
        (ServiceRole::PointOfSale, point_of_sale),
        (ServiceRole::Console, console),
    ];
    for (role, environment) in roles {
        let NewClient { entry, secret } = new_client(role, role.as_str(), Some(&tenant), entropy)?;
        clients.push(entry);
        environment.set("SERVICE_AUTH", if ways.secrets() { "hmac,token" } else { "token" });
        environment.set("OAUTH_ISSUER", &issuer);
        environment.set("OAUTH_CLIENT_ID", role.as_str());
        environment.set("OAUTH_CLIENT_SECRET", secret);
        if !ways.secrets() {
            part(role, environment);
        }
    }
    let operator = if ways.secrets() {
        None
    } else {
        let client_id = "operator";
        let NewClient { entry, secret } = new_client(ServiceRole::Console, client_id, None, entropy)?;
        clients.push(entry);
        Some(SessionClient { issuer, client_id: client_id.to_owned(), client_secret: secret })
    };
    let text = serde_json::to_string_pretty(&clients).map_err(|error| Failure::start("the clients", error))?;
    private_file::write(&path, &text)?;
    Ok(operator)
}

/// Removes what a role shares with others. What it must have becomes its own.
fn part(role: ServiceRole, environment: &mut Environment) {
    for shared in ["TENANT_SECRET", "SIGNATURE_SECRET", "WEBHOOK_SIGNATURE_SECRET", "AUTH_SERVICE_SECRET"] {
        environment.set(shared, "");
    }
    match role {
        ServiceRole::Auth => environment.set("ADMIN_API_SECRET", "a secret that only this authorization server has"),
        ServiceRole::Wallet => {
            for own in ["ADMIN_API_SECRET", "IDP_SECRET"] {
                environment.set(own, "");
            }
        }
        _ => {}
    }
}
