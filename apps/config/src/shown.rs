//! Values as they may be shown to people: secrets are hidden, and passwords in URLs are masked.
//! What the values mean is known to the sections. The masking is in `masked`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::Environment;
use crate::masked::masked;
use crate::spelling::secret_names;

/// A value for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The value; passwords within are masked.
    Value(String),
    /// It is a secret.
    Hidden,
    /// There is none.
    Unset,
}

/// Parts of the names of secrets. Names of files and of periods have them, too.
const SECRET_PARTS: [&str; 7] = ["SECRET", "PASSWORD", "PASSPHRASE", "COOKIE_KEY", "INVITATION", "_TOKEN", "API_KEY"];
/// Endings of names whose values are not secret, whatever the rest says.
const OPEN_ENDINGS: [&str; 8] = ["_FILE", "_FILE_PATH", "_SECONDS", "_MS", "_URL", "_VERSION", "_METHOD", "_REQUIRED"];

/// The variables that the sections read as secrets.
static READ_AS_SECRETS: LazyLock<BTreeSet<String>> = LazyLock::new(secret_names);

/// Whether values of this variable are never shown. URLs are shown, with passwords masked.
pub fn is_secret(name: &str) -> bool {
    let read_as_secret = READ_AS_SECRETS.contains(name) && !name.ends_with("_URL");
    read_as_secret || has_name_of_secret(name)
}

/// A name in a file of variables may be none of ours, and its value secret all the same.
fn has_name_of_secret(name: &str) -> bool {
    SECRET_PARTS.iter().any(|part| name.contains(part)) && !OPEN_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

impl Environment {
    /// The value of `name` for people.
    pub fn shown(&self, name: &str) -> Shown {
        match self.get(name) {
            None => Shown::Unset,
            Some(_) if is_secret(name) => Shown::Hidden,
            Some(value) => Shown::Value(masked(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_passwords_in_urls_are_masked() {
        let environment = Environment::of([
            ("ADMIN_API_SECRET", "visible-word"),
            ("COOKIE_KEY", "visible-word"),
            ("DATABASE_URL", "postgres://u:visible-word@h/d?password=visible-word&sslmode=disable"),
            ("REDIS_URL", "rediss://:visible-word@h:6379/1"),
            ("SOME_URLS", "http://u:visible-word@a/,http://b/"),
            ("ADMIN_PORT", "3001"),
        ]);
        for name in ["ADMIN_API_SECRET", "COOKIE_KEY"] {
            assert_eq!(environment.shown(name), Shown::Hidden, "{name}");
        }
        for name in ["DATABASE_URL", "REDIS_URL", "SOME_URLS"] {
            let Shown::Value(shown) = environment.shown(name) else { panic!("{name}") };
            assert!(!shown.contains("visible-word") && shown.contains("***"), "{shown}");
        }
        assert_eq!(environment.shown("ADMIN_PORT"), Shown::Value("3001".to_owned()));
        assert_eq!(environment.shown("KEY_ID"), Shown::Unset);
    }

    #[test]
    fn every_variable_that_is_read_as_a_secret_is_hidden_or_a_url() {
        for name in secret_names() {
            assert!(is_secret(&name) || name.ends_with("_URL"), "{name} would be shown");
        }
    }
}
