//! The section of the service of exchange rates.
//!
//! The rates are in a file. This section has only its path.

use std::path::PathBuf;

use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::section::section;
use crate::service_auth::ServiceAuth;

/// The settings of the service of rates.
#[derive(Clone, Debug)]
pub struct Rates {
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// What all listeners have in common. There is no public one: only backends ask for rates.
    pub listeners: Listeners,
    /// `RATES_PORT`: where backends ask for rates; private. 0 lets the system choose.
    pub port: u16,
    /// `RATES_FILE`: YAML or JSON with the section `rates`; by default the file of `SEED_FILE_LOCATION`.
    pub file: PathBuf,
    /// `RATES_UNKNOWN_BASE`: `empty` (default) answers a base that the file does not have with no rates, `not_found`
    /// with 404.
    pub unknown_base: UnknownBase,
    /// How services prove who they are.
    pub service_auth: ServiceAuth,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

/// The answer for a base without rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownBase {
    /// No rates.
    Empty,
    /// 404.
    NotFound,
}

section!(Rates);

impl Rates {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let seed = r.text("SEED_FILE_LOCATION");
        let file = r.text("RATES_FILE").or(seed);
        if file.is_none() {
            r.problem("RATES_FILE", "must be set, or SEED_FILE_LOCATION: the rates that are served are in that file");
        }
        let behind_proxy = r.flag("TRUST_PROXY", ByDefault::Off);
        let answers = [("empty", UnknownBase::Empty), ("not_found", UnknownBase::NotFound)];
        Some(Self {
            log_level: read_log_level(r),
            listeners: Listeners::read(r, behind_proxy),
            port: r.port("RATES_PORT", 3013),
            file: PathBuf::from(file?),
            unknown_base: r.one_of("RATES_UNKNOWN_BASE", UnknownBase::Empty, &answers),
            service_auth: ServiceAuth::read(r),
            notices: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn the_rates_are_in_their_own_file_or_in_that_of_the_seed() {
        let file = |settings: &[(&str, &str)]| {
            let environment = Environment::of(settings.iter().copied());
            Rates::from_environment(&environment).map(|rates| rates.file.display().to_string())
        };
        let seed = ("SEED_FILE_LOCATION", "seed.yml");
        assert_eq!(file(&[seed]).unwrap(), "seed.yml");
        assert_eq!(file(&[seed, ("RATES_FILE", "rates.yml")]).unwrap(), "rates.yml");
        assert_eq!(file(&[]).unwrap_err().problems[0].name, "RATES_FILE");
    }
}
