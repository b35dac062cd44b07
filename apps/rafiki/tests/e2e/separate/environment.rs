//! The files with the variables of the roles: read, changed for a way of proof, and written again.
//!
//! The playground wrote them. Nothing is started here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::PrivateAuthority;
use url::Url;

/// The roles that take part in a payment by card.
pub(crate) const ROLES: [&str; 5] = ["auth", "wallet", "backend", "card-service", "point-of-sale"];

const UNTIL: (i32, u8, u8) = (3000, 1, 1);

/// URLs that services call, by the role that calls them. All other URLs are public.
const INTERNAL: [(&str, &[&str]); 5] = [
    (
        "backend",
        &[
            "AUTH_SERVER_INTROSPECTION_URL",
            "AUTH_SERVICE_API_URL",
            "WEBHOOK_URL",
            "EXCHANGE_RATES_URL",
            "CARD_WEBHOOK_SERVICE_URL",
            "POS_WEBHOOK_SERVICE_URL",
        ],
    ),
    ("auth", &["GRANT_EVENTS_URL"]),
    ("wallet", &["GRAPHQL_URL", "AUTH_GRAPHQL_URL", "AUTH_IDP_SERVICE_DOMAIN"]),
    ("card-service", &["GRAPHQL_URL"]),
    ("point-of-sale", &["GRAPHQL_URL"]),
];

/// The variables of one role.
pub(crate) struct RoleFile {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl RoleFile {
    /// The file of a role in the folder of its institution.
    pub(crate) fn read(folder: &Path, role: &str) -> Self {
        let path = folder.join(format!("{role}.env"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let assigned = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let values = assigned.map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'', '`']).to_owned()));
        Self { values: values.collect(), path }
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.path.display()))
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    pub(crate) fn write(&self) {
        let text: Vec<String> = self.values.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        std::fs::write(&self.path, text.concat()).unwrap();
    }
}

/// Gives every role of an institution a certificate of `authority`, and lets its services be called over TLS only.
pub(crate) fn certify(folder: &Path, authority: &PrivateAuthority, tenant: &str) {
    let authorities = folder.join("authorities.pem");
    std::fs::write(&authorities, authority.pem()).unwrap();
    let revoked = folder.join("revoked.pem");
    std::fs::write(&revoked, authority.revoke(&[])).unwrap();
    for role in ROLES {
        let names = ["localhost", &format!("urn:rafiki:role:{role}"), &format!("urn:uuid:{tenant}")];
        let made = authority.certify_as(role, &names, UNTIL);
        let mut file = RoleFile::read(folder, role);
        for (variable, name, content) in [
            ("SERVICE_TLS_CERTIFICATE_FILE", format!("{role}.pem"), made.certificate),
            ("SERVICE_TLS_KEY_FILE", format!("{role}-key.pem"), made.key),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, content).unwrap();
            file.set(variable, path.display().to_string());
        }
        file.set("SERVICE_TLS_AUTHORITIES_FILE", authorities.display().to_string());
        file.set("SERVICE_TLS_REVOKED_FILE", revoked.display().to_string());
        for name in INTERNAL.iter().filter(|(own, _)| *own == role).flat_map(|(_, names)| names.iter()) {
            let secured = file.get(name).replace("http://", "https://");
            file.set(name, secured);
        }
        file.write();
    }
}

/// Puts links between the roles of an institution. `link` makes one to a port and returns its own port.
pub(crate) fn relink(folder: &Path, mut link: impl FnMut(u16) -> u16) {
    for (role, names) in INTERNAL {
        let mut file = RoleFile::read(folder, role);
        for name in names {
            let to = Url::parse(file.get(name)).unwrap().port().unwrap();
            let moved = file.get(name).replace(&format!(":{to}"), &format!(":{}", link(to)));
            file.set(name, moved);
        }
        file.write();
    }
}

/// Only certificates prove who a role is. What two roles know both is taken away.
pub(crate) fn certificates_only(folder: &Path) {
    for role in ROLES {
        let mut file = RoleFile::read(folder, role);
        file.set("SERVICE_AUTH", "mtls");
        for shared in ["TENANT_SECRET", "SIGNATURE_SECRET", "WEBHOOK_SIGNATURE_SECRET", "AUTH_SERVICE_SECRET"] {
            file.set(shared, "");
        }
        match role {
            "auth" => file.set("ADMIN_API_SECRET", "a secret that only this authorization server has"),
            "wallet" => ["ADMIN_API_SECRET", "IDP_SECRET"].iter().for_each(|own| file.set(own, "")),
            _ => {}
        }
        file.write();
    }
}

/// The clients of the issuer prove themselves with their certificates instead of secrets, so their tokens are bound.
pub(crate) fn bind_tokens(folder: &Path, tenant: &str) {
    let list = folder.join("service-clients.json");
    let mut clients: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&list).unwrap()).unwrap();
    for client in &mut clients {
        let id = client["clientId"].as_str().unwrap().to_owned();
        client.as_object_mut().unwrap().remove("secretHashes");
        client["certificateNames"] = json!([format!("urn:rafiki:role:{id}"), format!("urn:uuid:{tenant}")]);
    }
    std::fs::write(&list, json!(clients).to_string()).unwrap();
    for role in ROLES {
        let mut file = RoleFile::read(folder, role);
        let issuer = file.get("OAUTH_ISSUER").replace("http://", "https://");
        file.set("OAUTH_ISSUER", issuer);
        file.set("OAUTH_CA_FILE", folder.join("authorities.pem").display().to_string());
        file.set("OAUTH_CLIENT_SECRET", "");
        file.write();
    }
}

/// The secrets of all roles of an institution: every one that a file of variables in its folder names.
pub(crate) fn secrets(folder: &Path) -> BTreeSet<String> {
    let is_secret = |name: &str| ["SECRET", "COOKIE_KEY", "PASSWORD"].iter().any(|word| name.contains(word));
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let roles: Vec<String> = names.filter_map(|name| name.strip_suffix(".env").map(str::to_owned)).collect();
    let values = roles.iter().flat_map(|role| RoleFile::read(folder, role).values);
    let secrets: BTreeSet<String> =
        values.filter(|(name, value)| is_secret(name) && value.len() >= 8).map(|(_, value)| value).collect();
    assert!(roles.len() >= ROLES.len() && secrets.len() > 4, "{}: {roles:?}", folder.display());
    secrets
}

/// A token of an authorization server in a text: 40 hexadecimal digits in capitals.
pub(crate) fn token_in(text: &str) -> Option<&str> {
    let is_digit = |letter: char| matches!(letter, '0'..='9' | 'A'..='F');
    text.split(|letter| !is_digit(letter)).find(|run| run.len() == 40)
}

/// The secrets that two roles have in common, with the variables they are in.
pub(crate) fn shared_secrets(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in ROLES {
        for (name, value) in RoleFile::read(folder, role).values {
            if name.contains("SECRET") && !value.is_empty() {
                found.entry(value).or_default().push(format!("{role} {name}"));
            }
        }
    }
    assert!(found.len() > 4, "some roles have secrets of their own: {found:?}");
    // A role may have a secret of its own in two variables.
    let role = |place: &String| place.split(' ').next().map(str::to_owned);
    found.into_iter().filter(|(_, places)| places.iter().any(|place| role(place) != role(&places[0]))).collect()
}
