//! Typed reading that continues after an error and collects all errors.
//!
//! A faulty optional value reads as its default. The section is still refused at the end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::{DatabaseUrl, Environment, Mode, Secret};

/// A variable whose value can be used, with a notice for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The variable.
    pub name: String,
    /// What follows from its value, and what to do about it.
    pub text: String,
}

/// The value of a switch that is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByDefault {
    On,
    Off,
}

impl ByDefault {
    pub(crate) fn on_if(holds: bool) -> Self {
        if holds { Self::On } else { Self::Off }
    }
}

/// One variable that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// All errors of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// In the order of the section's variables; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for Problem { name, reason } in &self.problems {
            write!(f, "\n  {name}: {reason}")?;
        }
        Ok(())
    }
}

/// Secrets from published examples.
const PUBLISHED: [&str; 12] = [
    "secret",
    "password",
    "changeme",
    "admin",
    "test",
    "iyIgCprjb9uL8wFckR+pLEkJWMB7FJhgkvqhTQR/964=",
    "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU=",
    "zO9KogehJECHReHgQr+ZWGkmgOD4AYa4ksUxALSwgM8=",
    "2pEcn2kkCclbOHQiGNEwhJ0rucATZhrA807HTm2rNXE=",
    "42397d1f371dd4b8b7d0308a689a57c882effd4ea909d792302542af47e2cd37",
    "replace-me",
    "replace_me",
];
/// A shorter secret can be guessed.
const SECRET_MIN: usize = 16;

pub(crate) struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<Problem>,
    notices: Vec<Notice>,
    /// Every name that was read, set or not.
    asked: RefCell<BTreeSet<String>>,
    /// Those whose values are secret.
    secrets: RefCell<BTreeSet<String>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            problems: Vec::new(),
            notices: Vec::new(),
            asked: RefCell::default(),
            secrets: RefCell::default(),
        }
    }

    /// Every variable that was read as a secret.
    pub(crate) fn secrets(self) -> BTreeSet<String> {
        self.secrets.into_inner()
    }

    fn get_secret(&self, name: &str) -> Option<&'a str> {
        self.secrets.borrow_mut().insert(name.to_owned());
        self.get(name)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.environment.get(name)
    }

    /// The notices so far.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Every name that was read.
    pub(crate) fn asked(self) -> BTreeSet<String> {
        self.asked.into_inner()
    }

    pub(crate) fn notice(&mut self, name: &str, text: impl Into<String>) {
        self.notices.push(Notice { name: name.to_owned(), text: text.into() });
    }

    /// Reports in one line which of these variables are set, and why they have no effect.
    pub(crate) fn no_effect(&mut self, names: &[&str], why: &str) {
        let set: Vec<&str> = names.iter().copied().filter(|name| self.get(name).is_some()).collect();
        if !set.is_empty() {
            let has = if set.len() == 1 { "has" } else { "have" };
            self.notice(&set.join(", "), format!("{has} no effect: {why}"));
        }
    }

    /// Reports a secret that is published or can be guessed.
    pub(crate) fn judge_secret(&mut self, name: &str) {
        let Some(secret) = self.get_secret(name) else { return };
        let remedy = "make one of your own with `openssl rand -base64 32`";
        if PUBLISHED.iter().any(|published| published.eq_ignore_ascii_case(secret)) {
            self.notice(name, format!("is a published example, so it is not secret; {remedy}"));
        } else if secret.len() < SECRET_MIN {
            self.notice(name, format!("is so short that it can be guessed; {remedy}"));
        }
    }

    /// Refuses equal ports. Port 0 lets the system choose, so it is never equal to another.
    pub(crate) fn distinct_ports(&mut self, ports: &[(&str, u16)]) {
        for (place, (name, port)) in ports.iter().enumerate() {
            let same = ports[..place].iter().find(|(_, other)| other == port && *port != 0);
            if let Some((other, _)) = same {
                self.problem(name, format!("is port {port}, and so is {other}; give each listener its own port"));
            }
        }
    }

    /// The section, or all its errors.
    pub(crate) fn finish<T>(self, section: Option<T>) -> Result<T, ConfigError> {
        match section {
            Some(section) if self.problems.is_empty() => Ok(section),
            _ => Err(ConfigError { problems: self.problems }),
        }
    }

    pub(crate) fn problem(&mut self, name: &str, reason: impl Into<String>) {
        self.problems.push(Problem { name: name.to_owned(), reason: reason.into() });
    }

    fn read<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.get(name)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.problem(name, reason);
                None
            }
        }
    }

    fn require<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.get(name).is_none() {
            self.problem(name, "must be set");
            return None;
        }
        self.read(name, parse)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(crate) fn require_text(&mut self, name: &str) -> Option<String> {
        self.require(name, |text| Ok(text.to_owned()))
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        self.get_secret(name).map(Secret::new)
    }

    pub(crate) fn require_secret(&mut self, name: &str) -> Option<Secret> {
        self.get_secret(name);
        self.require(name, |text| Ok(Secret::new(text)))
    }

    pub(crate) fn url(&mut self, name: &str) -> Option<Url> {
        self.read(name, http_url)
    }

    pub(crate) fn require_url(&mut self, name: &str) -> Option<Url> {
        self.require(name, http_url)
    }

    pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        self.read(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    pub(crate) fn require_parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        self.require(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    pub(crate) fn database(&mut self, name: &str, default: &str) -> Option<DatabaseUrl> {
        match self.get(name) {
            Some(_) => self.parsed(name),
            None => default.parse().ok(),
        }
    }

    pub(crate) fn flag(&mut self, name: &str, unset: ByDefault) -> bool {
        self.one_of(name, unset == ByDefault::On, &[("true", true), ("false", false)])
    }

    /// One of the named choices, compared without regard to case.
    pub(crate) fn one_of<T: Copy>(&mut self, name: &str, default: T, choices: &[(&str, T)]) -> T {
        let chosen = self.read(name, |text| {
            let choice = choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(text));
            choice.map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
                format!("{text:?} is none of {}", names.join(", "))
            })
        });
        chosen.unwrap_or(default)
    }

    pub(crate) fn mode(&mut self) -> Mode {
        let choices = [
            ("development", Mode::Development),
            ("production", Mode::Production),
            ("test", Mode::Test),
            ("autopeer", Mode::Autopeer),
        ];
        self.one_of("NODE_ENV", Mode::Development, &choices)
    }

    pub(crate) fn number<T>(&mut self, name: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let number = self.read(name, |text| {
            let inside = text.parse().ok().filter(|number| range.contains(number));
            inside
                .ok_or_else(|| format!("{text:?} is not a whole number between {} and {}", range.start(), range.end()))
        });
        number.unwrap_or(default)
    }

    /// Words between commas.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let text = self.environment.get(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    pub(crate) fn port(&mut self, name: &str, default: u16) -> u16 {
        self.number(name, default, 0..=u16::MAX)
    }

    pub(crate) fn millis(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.number(name, default, 0..=100 * 365 * 24 * 3_600_000))
    }

    /// 32 octets in base64.
    pub(crate) fn key32(&mut self, name: &str) -> Option<[u8; 32]> {
        self.get_secret(name);
        self.read(name, read_key32)
    }

    /// Several such keys, separated by commas.
    pub(crate) fn keys32(&mut self, name: &str) -> Vec<[u8; 32]> {
        self.get_secret(name);
        let keys = self.read(name, |text| text.split(',').map(|key| read_key32(key.trim())).collect());
        keys.unwrap_or_default()
    }

    /// The content of the file a variable names, which must be an Ed25519 private key.
    pub(crate) fn private_key(&mut self, name: &str) -> Option<Secret> {
        let key = self.file(name)?;
        if http_signatures::SigningKey::from_text(key.expose()).is_err() {
            self.problem(name, "names a file without an Ed25519 private key in PKCS #8 PEM; make one with `openssl genpkey -algorithm ed25519`");
        }
        Some(key)
    }

    /// The content of the file a variable names.
    pub(crate) fn file(&mut self, name: &str) -> Option<Secret> {
        self.read(name, |path| match std::fs::read_to_string(path) {
            Ok(content) => Ok(Secret::new(content)),
            Err(error) => Err(format!("cannot read {path}: {error}")),
        })
    }
}

fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is not an absolute URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{text:?} is not an http or https URL with a host"));
    }
    Ok(url)
}

fn read_key32(text: &str) -> Result<[u8; 32], String> {
    let octets = STANDARD.decode(text).map_err(|_| "is not base64".to_owned())?;
    let length = octets.len();
    octets.try_into().map_err(|_| format!("must be base64 of 32 octets, has {length}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_or_foreign_url_is_refused() {
        for text in ["/x", "ftp://h/x", "localhost:3000", "mailto:a@b"] {
            assert!(http_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_flag_is_true_or_false_in_any_case_and_nothing_else() {
        for (text, expected) in [("true", Ok(true)), ("FALSE", Ok(false)), ("1", Err(())), ("yes", Err(()))] {
            let environment = Environment::of([("FLAG", text)]);
            let mut reader = Reader::new(&environment);
            let flag = reader.flag("FLAG", ByDefault::Off);
            assert_eq!(reader.finish(Some(flag)).map_err(drop), expected, "{text}");
        }
    }
}
