//! What every section of the configuration does alike: it is read and checked, and its variables are listed.
//!
//! What a section reads is in its own file. How a value is read is in `reader`.

use std::collections::BTreeSet;

use crate::reader::Reader;
use crate::{ConfigError, Environment, Notice};

/// The functions that each section has. The section has a function `read` and a field `notices`.
macro_rules! section {
    ($section:ident) => {
        impl $section {
            /// Reads and checks the section.
            pub fn from_environment(environment: &$crate::Environment) -> Result<Self, $crate::ConfigError> {
                $crate::section::read_section(environment, Self::read, |section, notices| Self { notices, ..section })
            }

            /// Every variable whose value is secret.
            pub(crate) fn secrets() -> std::collections::BTreeSet<String> {
                $crate::section::secrets_read_by(Self::read)
            }

            /// Every variable that this section reads.
            pub fn variables() -> std::collections::BTreeSet<String> {
                $crate::section::variables_read_by(Self::read)
            }
        }
    };
}
pub(crate) use section;

/// Reads a section with `read` and reports all its errors. `with` adds the notices for the start.
pub(crate) fn read_section<T>(
    environment: &Environment,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    with: impl FnOnce(T, Vec<Notice>) -> T,
) -> Result<T, ConfigError> {
    let mut reader = Reader::new(environment);
    let section = read(&mut reader);
    let notices = reader.take_notices();
    reader.finish(section.map(|section| with(section, notices)))
}

/// Every variable whose value `read` reads as a secret.
pub(crate) fn secrets_read_by<T>(read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> BTreeSet<String> {
    let environment = Environment::default();
    let mut reader = Reader::new(&environment);
    let _ = read(&mut reader);
    reader.secrets()
}

/// Every variable that `read` reads.
pub(crate) fn variables_read_by<T>(read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> BTreeSet<String> {
    let environment = Environment::default();
    let mut reader = Reader::new(&environment);
    let _ = read(&mut reader);
    reader.asked()
}
