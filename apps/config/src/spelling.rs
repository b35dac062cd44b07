//! Variables with unknown names, each with the most similar known name.
//!
//! The sections check the values.

use std::collections::BTreeSet;

use crate::reader::Notice;
use crate::{Auth, Backend, CardService, Console, Environment, PointOfSale, Rates, Shop, Wallet};

/// How different a name may be from one of ours: at most two letters are missing, doubled, changed or exchanged.
const NEAR: usize = 2;

/// Names that are read before the sections, or beside them.
const OTHERS: [&str; 2] = ["ENV_FILE", "LOG_LEVEL"];

/// Which unknown names are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Names that are similar to one of ours.
    Misspelt,
    /// These, and every other name in a file of variables.
    AllOfTheFile,
}

/// The names in `environment` that no role reads. Of the variables of the process, only names that are similar to ours
/// are reported.
pub fn unknown_names(environment: &Environment, scope: Scope) -> Vec<Notice> {
    let known = known();
    let unknown = environment.names().filter(|(name, _)| !known.contains(*name));
    unknown
        .filter_map(|(name, written)| {
            let nearest = nearest(name, &known);
            let text = match nearest {
                Some(nearest) => format!("is not a variable of any role; did you mean {nearest}?"),
                None if written && scope == Scope::AllOfTheFile => {
                    "is not a variable of any role, so nothing reads it".to_owned()
                }
                None => return None,
            };
            Some(Notice { name: name.to_owned(), text })
        })
        .collect()
}

/// Every variable of every role.
fn known() -> BTreeSet<String> {
    let sections = [
        Backend::variables(),
        Auth::variables(),
        Wallet::variables(),
        CardService::variables(),
        PointOfSale::variables(),
        Console::variables(),
        Rates::variables(),
        Shop::variables(),
    ];

    let sections = sections.into_iter().flatten();
    sections.chain(OTHERS.map(str::to_owned)).collect()
}

/// The most similar variable of any role, if one is similar.
pub fn similar_name(name: &str) -> Option<String> {
    nearest(name, &known()).cloned()
}

/// Every variable that a section reads as a secret.
pub(crate) fn secret_names() -> BTreeSet<String> {
    let sections = [
        Backend::secrets(),
        Auth::secrets(),
        Wallet::secrets(),
        CardService::secrets(),
        PointOfSale::secrets(),
        Console::secrets(),
        Rates::secrets(),
        Shop::secrets(),
    ];
    sections.into_iter().flatten().collect()
}

fn nearest<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a String> {
    let distance = |known: &&String| strsim::damerau_levenshtein(&name.to_uppercase(), known);
    // Short names are similar to each other without the same meaning.
    let near = |known: &&String| distance(known) <= NEAR && known.len() > 3 * NEAR;
    known.iter().filter(near).min_by_key(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[&str]) -> Vec<Notice> {
        unknown_names(&Environment::of(names.iter().map(|name| (*name, "x"))), Scope::AllOfTheFile)
    }

    #[test]
    fn a_misspelt_name_is_reported_with_the_similar_known_name() {
        for (misspelt, meant) in [
            ("ADMIN_API_SECRT", "ADMIN_API_SECRET"),
            ("OPEN_PAYMENT_URL", "OPEN_PAYMENTS_URL"),
            ("stream_secret", "STREAM_SECRET"),
            ("INTROSPECTION_PROT", "INTROSPECTION_PORT"),
        ] {
            let told = told(&[misspelt]);
            assert_eq!(told.len(), 1, "{misspelt}");
            assert!(told[0].text.contains(meant), "{misspelt}: {}", told[0].text);
        }
    }

    #[test]
    fn known_names_and_those_of_the_system_are_not_reported() {
        assert_eq!(told(&["ADMIN_API_SECRET", "COOKIE_KEY", "SEED_FILE_LOCATION", "PATH", "HOME", "ENV_FILE"]), []);
    }

    #[test]
    fn a_name_in_a_file_that_nothing_reads_is_reported() {
        let path = std::env::temp_dir().join(format!("names-{}.env", std::process::id()));
        std::fs::write(&path, "ENABLE_FEES=true\nADMIN_PORT=3001\n").unwrap();
        let environment = Environment::of_file(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let all = unknown_names(&environment, Scope::AllOfTheFile);
        assert_eq!(all.iter().map(|notice| notice.name.as_str()).collect::<Vec<_>>(), ["ENABLE_FEES"]);
        assert_eq!(unknown_names(&environment, Scope::Misspelt), []);
    }
}
