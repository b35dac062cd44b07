//! Every variable of the services of Rafiki 2.4 has an effect here, or the start reports why it has none.
//!
//! The tests named in the list prove the effect. `cargo xtask docs` checks that these tests exist.

use config::{Auth, Backend, ConfigError, Environment};

const LIST: &str = include_str!("rafiki-2.4-variables.txt");

/// What a start needs.
const REQUIRED: [(&str, &str); 17] = [
    ("OPEN_PAYMENTS_URL", "https://localhost:3000"),
    ("AUTH_SERVER_GRANT_URL", "http://localhost:3006"),
    ("AUTH_SERVER_INTROSPECTION_URL", "http://localhost:3007"),
    ("AUTH_SERVICE_API_URL", "http://localhost:3011"),
    ("ILP_ADDRESS", "test.cloud-nine-wallet"),
    ("ILP_CONNECTOR_URL", "http://localhost:3002"),
    ("INSTANCE_NAME", "CLOUD-NINE"),
    ("KEY_ID", "7097F83B-CB84-469E-96C6-2141C72E22C0"),
    ("WEBHOOK_URL", "http://localhost:3030/webhooks"),
    ("ADMIN_API_SECRET", "4xqk8Xh7vBv0oJmFhYwK3r9Zt1s"),
    ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
    ("AUTH_SERVER_URL", "http://localhost:3006"),
    ("IDENTITY_SERVER_URL", "http://localhost:3030/mock-idp/"),
    ("IDENTITY_SERVER_SECRET", "4xqk8Xh7vBv0oJmFhYwK3r9Zt1s"),
    ("COOKIE_KEY", "4xqk8Xh7vBv0oJmFhYwK3r9Zt1s"),
    ("INTROSPECTION_PORT", "3007"),
    ("AUTH_PORT", "3006"),
];

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICxfM9mUurUGnwlMMQEDclDEQnX7c49BoGKOB48URBxO
-----END PRIVATE KEY-----
";

/// A section as it is logged, with what is said at the start; secrets are not shown.
fn shown(role: &str, environment: &Environment) -> Result<String, ConfigError> {
    match role {
        "backend" => Backend::from_environment(environment).map(|section| format!("{section:?}")),
        "auth" => Auth::from_environment(environment).map(|section| format!("{section:?}")),
        _ => panic!("{role} is no role of the list"),
    }
}

fn with<'a>(more: impl IntoIterator<Item = (&'a str, &'a str)>) -> Environment {
    let mut environment = Environment::of(REQUIRED);
    for (name, value) in more {
        environment.set(name, value);
    }
    environment
}

#[test]
fn every_variable_of_rafiki_has_an_effect_or_is_reported() {
    let folder = std::env::temp_dir().join(format!("rafiki-variables-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (key, other) = (file("key.pem", KEY), file("other", "content"));

    let mut silent = Vec::new();
    for line in LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (setting, _) = line.split_once(" = ").unwrap_or_else(|| panic!("{line:?} names no test"));
        let words: Vec<&str> = setting.split(' ').collect();
        let [role, name, value, beside @ ..] = &words[..] else { panic!("{line:?} has no value") };
        let value = match *value {
            "@key" => key.as_str(),
            "@file" => other.as_str(),
            value => value,
        };
        let beside: Vec<_> = beside.iter().map(|set| set.trim_start_matches('+').split_once('=').unwrap()).collect();
        let before = shown(role, &with(beside.iter().copied())).unwrap();
        let after = shown(role, &with(beside.iter().copied().chain([(*name, value)])));
        let after = after.unwrap_or_else(|error| panic!("{role} {name}: {error}"));
        let is_required = shown(role, &with([(*name, "")])).is_err();
        if before == after && !is_required {
            silent.push(format!("{role} {name}"));
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(silent, Vec::<String>::new(), "variables that are set in vain without a word");
}
