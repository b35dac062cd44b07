//! The chapter of settings as data: role, variable, default and meaning.
//! The chapter is made from the source of the configuration, and `cargo xtask lint` checks that it is up to date.

/// The chapter as it is in the book.
const PAGE: &str = include_str!("../../../../docs/settings.md");

/// A variable of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The role on the command line.
    pub(crate) role: &'static str,
    pub(crate) name: &'static str,
    pub(crate) default: Default,
    /// What it means; of a variable without effect, why it has none.
    pub(crate) meaning: &'static str,
}

/// What holds if a variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    Value(&'static str),
    /// The meaning says it.
    Told,
    /// The role does not start without it.
    Required,
    None,
    /// It is known from Rafiki 2.4 and has no effect here, whatever its value.
    NoEffect,
}

/// Every variable of every role, in the order of the chapter.
pub(crate) fn settings() -> impl Iterator<Item = Setting> {
    let mut role = "";
    let mut without_effect = false;
    PAGE.lines().filter_map(move |line| {
        if let Some(name) = line.strip_prefix("## rafiki ") {
            (role, without_effect) = (name.trim(), false);
        }
        without_effect |= line.starts_with("| variable | why |");
        let cells = line.strip_prefix("| `")?;
        let (name, cells) = cells.split_once("` | ")?;
        let (first, rest) = cells.split_once(" | ").or_else(|| cells.strip_prefix("| ").map(|rest| ("", rest)))?;
        let setting = if without_effect {
            Setting { role, name, default: Default::NoEffect, meaning: first }
        } else {
            let meaning = rest.split(" | ").next().unwrap_or(rest).trim_end_matches(" |");
            Setting { role, name, default: default(first), meaning }
        };
        Some(setting)
    })
}

fn default(cell: &'static str) -> Default {
    match cell.trim() {
        "" => Default::None,
        "must be set" => Default::Required,
        "see there" => Default::Told,
        value => Default::Value(value.trim_matches('`')),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_chapter_has_every_variable_that_a_role_reads() {
        let of = |role: &str| {
            let names = settings().filter(|setting| setting.role == role).map(|setting| setting.name.to_owned());
            names.collect::<BTreeSet<_>>()
        };
        for (role, read) in [
            ("backend", config::Backend::variables()),
            ("auth", config::Auth::variables()),
            ("wallet", config::Wallet::variables()),
            ("card-service", config::CardService::variables()),
            ("point-of-sale", config::PointOfSale::variables()),
            ("console", config::Console::variables()),
            ("rates", config::Rates::variables()),
            ("shop", config::Shop::variables()),
        ] {
            let missing: Vec<_> = read.difference(&of(role)).cloned().collect();
            assert!(missing.is_empty(), "{role}: {missing:?}");
        }
    }

    #[test]
    fn defaults_and_meanings_are_read_from_the_table() {
        let one =
            |role: &str, name: &str| settings().find(|setting| (setting.role, setting.name) == (role, name)).unwrap();
        let port = one("backend", "ADMIN_PORT");
        assert_eq!(port.default, Default::Value("3001"));
        assert_eq!(port.meaning, "the Admin API, numbers and health; private.");
        assert_eq!(one("backend", "INSTANCE_NAME").default, Default::Required);
        assert_eq!(one("backend", "STREAM_SECRET").default, Default::None);
        assert!(settings().any(|setting| setting.default == Default::NoEffect && !setting.meaning.is_empty()));
        assert!(settings().all(|setting| !setting.name.contains('`') && !setting.meaning.ends_with('|')));
    }
}
