//! `rafiki service-client`: a client for a role at the built-in issuer, with a new secret.
//!
//! It writes nothing. The operator puts the entry into the file of clients, and the secret into the role's environment. A
//! client with a certificate needs no secret.

use clock::{Entropy, SystemEntropy};
use serde_json::{Map, Value, json};
use service_auth::ServiceRole;

use crate::cli::ServiceClientOptions;
use crate::failure::Failure;
use crate::output::say;

/// A client of the built-in issuer and its secret.
pub(crate) struct NewClient {
    /// The entry in the file of clients.
    pub(crate) entry: Value,
    /// The secret, which only the role needs.
    pub(crate) secret: String,
}

/// A client for `role`, which acts for `tenant` if the role acts for one.
pub(crate) fn new_client(
    role: ServiceRole,
    id: &str,
    tenant: Option<&str>,
    entropy: &dyn Entropy,
) -> Result<NewClient, Failure> {
    let made = auth::new_client_secret(entropy);
    let (secret, hash) = made.ok_or_else(|| Failure::start("the client", "its secret could not be hashed"))?;
    let mut entry = entry(role, id, tenant);
    entry["secretHashes"] = json!([hash]);
    Ok(NewClient { entry, secret })
}

/// The entry of a client that has no proof yet.
fn entry(role: ServiceRole, id: &str, tenant: Option<&str>) -> Value {
    let access: Map<String, Value> = role
        .access()
        .iter()
        .map(|(service, scopes)| {
            let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
            (service.as_str().to_owned(), json!(scopes))
        })
        .collect();
    let serves: Vec<&str> = role.serves().iter().map(|service| service.as_str()).collect();
    let mut entry = json!({"clientId": id, "access": access, "serves": serves});
    if let Some(tenant) = tenant.filter(|_| role.acts_for_a_tenant()) {
        entry["tenant"] = json!(tenant);
    }
    entry
}

pub(crate) fn run(options: &ServiceClientOptions) -> Result<(), Failure> {
    let role = options.role;
    if role.acts_for_a_tenant() && options.tenant.is_none() {
        return Err(Failure::start("the client", "this role acts for a tenant; give its id with --tenant"));
    }
    let id = options.id.as_deref().unwrap_or(role.as_str());
    let tenant = options.tenant.map(|tenant| tenant.to_string());
    let written =
        |entry: &Value| serde_json::to_string_pretty(entry).map_err(|error| Failure::start("the client", error));
    if options.certificate {
        let mut entry = entry(role, id, tenant.as_deref());
        let of_tenant = tenant.iter().filter(|_| role.acts_for_a_tenant()).map(|tenant| format!("urn:uuid:{tenant}"));
        entry["certificateNames"] = std::iter::once(role.urn()).chain(of_tenant).collect();
        let entry = written(&entry)?;
        say(&format!(
            "For the environment of the role, beside its SERVICE_TLS_*_FILE:\n\nOAUTH_CLIENT_ID={id}\n\nFor the list in \
             OAUTH_CLIENTS_FILE of the authorization server. Whoever has a certificate with all certificateNames is this \
             client:\n\n{entry}\n"
        ));
        return Ok(());
    }
    let NewClient { entry, secret } = new_client(role, id, tenant.as_deref(), &SystemEntropy)?;
    let entry = written(&entry)?;
    say(&format!(
        "For the environment of the role:\n\nOAUTH_CLIENT_ID={id}\nOAUTH_CLIENT_SECRET={secret}\n\nFor the list in \
         OAUTH_CLIENTS_FILE of the authorization server, which keeps only the hash. To replace a secret, put both hashes \
         into secretHashes, the new one first, until the role has the new secret:\n\n{entry}\n"
    ));
    Ok(())
}
