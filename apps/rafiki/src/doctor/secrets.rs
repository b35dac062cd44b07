//! The secrets and keys of a role: guessable, published, used twice, readable by others. None is ever printed.
//! Whether roles have the secrets in common that they must is compared with the rest of their configuration.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use config::{Environment, Mode, Notice, is_secret};

use super::finding::{Finding, Findings, Verdict};

/// Reports what the configuration says about values that can be used.
pub(super) fn notices(findings: &mut Findings, role: &str, mode: Mode, notices: &[Notice]) {
    for Notice { name, text } in notices {
        let (text, advice) = text.split_once("; ").unwrap_or((text, "see `rafiki config explain`"));
        let text = format!("{name} {text}");
        let guessable = is_secret(name) && (text.contains("published example") || text.contains("can be guessed"));
        findings.add(
            format!("{role}.configuration"),
            if guessable && mode == Mode::Production {
                Finding::failed(text, advice)
            } else {
                Finding::warning(text, advice)
            },
        );
    }
}

/// Secrets must differ from each other, and files with secrets must be readable for their owner alone.
pub(super) fn check(findings: &mut Findings, role: &str, environment: &Environment, file: Option<&Path>) {
    let set: Vec<(&str, &str)> =
        environment.names().filter_map(|(name, _)| Some((name, environment.get(name)?))).collect();
    let name = format!("{role}.secrets");
    let before = findings.count(Verdict::Warning);
    let secrets: Vec<_> = set.iter().filter(|(name, _)| is_secret(name) && read_by(role, name)).collect();
    for (at, (one, value)) in secrets.iter().enumerate() {
        for (other, _) in secrets[..at].iter().filter(|(_, other)| other == value) {
            let advice =
                "give each a secret of its own (`openssl rand -base64 32`): who learns one must not have the other";
            findings.add(&name, Finding::warning(format!("{other} and {one} are equal"), advice));
        }
    }

    let keys = set.iter().filter(|(name, _)| read_by(role, name) && name.contains("KEY") && name.contains("_FILE"));
    let keys = keys.map(|(name, path)| ((*name).to_owned(), Path::new(*path)));
    let variables = file.map(|file| ("the file of variables".to_owned(), file));
    for (what, path) in keys.chain(variables) {
        let Ok(found) = std::fs::metadata(path) else { continue };
        if found.permissions().mode() & 0o077 != 0 {
            let text = format!("{what}, {}, can be read by other users of the machine", path.display());
            let advice = format!("chmod 600 {}, owned by the user of the role", path.display());
            findings.add(&name, Finding::warning(text, advice));
        }
    }
    if findings.count(Verdict::Warning) == before {
        findings.add(name, Finding::ok(format!("secrets that are set: {}, all different", secrets.len())));
    }
}

/// The variables of other roles may be in the same environment.
fn read_by(role: &str, name: &str) -> bool {
    let role = role.split(' ').next().unwrap_or(role);
    let variables = match role {
        "backend" => config::Backend::variables(),
        "auth" => config::Auth::variables(),
        "wallet" => config::Wallet::variables(),
        "card-service" => config::CardService::variables(),
        "point-of-sale" => config::PointOfSale::variables(),
        "console" => config::Console::variables(),
        "shop" => config::Shop::variables(),
        _ => config::Rates::variables(),
    };
    variables.contains(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn equal_secrets_and_open_files_are_named_and_no_secret_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backend.env");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let environment = Environment::of([
            ("ADMIN_API_SECRET", "the-hidden-word-of-this-test"),
            ("SIGNATURE_SECRET", "the-hidden-word-of-this-test"),
            ("AUTH_SERVICE_SECRET", "another one of its own"),
        ]);
        let mut findings = Findings::new(Duration::from_secs(1));
        check(&mut findings, "backend", &environment, Some(&file));
        let text = findings.text();
        assert!(text.contains("ADMIN_API_SECRET and SIGNATURE_SECRET are equal"), "{text}");
        assert!(text.contains("can be read by other users"), "{text}");
        assert!(!text.contains("hidden-word"), "{text}");
        assert_eq!(findings.count(Verdict::Warning), 2);

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let environment = Environment::of([("ADMIN_API_SECRET", "one"), ("SIGNATURE_SECRET", "two")]);
        let mut findings = Findings::new(Duration::from_secs(1));
        check(&mut findings, "backend", &environment, Some(&file));
        assert_eq!(findings.count(Verdict::Ok), 1);
    }

    #[test]
    fn in_production_a_published_secret_is_a_failure() {
        let notice = Notice {
            name: "ADMIN_API_SECRET".to_owned(),
            text: "is a published example, so it is not secret; make one of your own".to_owned(),
        };
        for (mode, verdict) in [(Mode::Production, Verdict::Failed), (Mode::Development, Verdict::Warning)] {
            let mut findings = Findings::new(Duration::from_secs(1));
            notices(&mut findings, "backend", mode, std::slice::from_ref(&notice));
            assert_eq!(findings.count(verdict), 1, "{mode:?}");
        }
    }
}
