//! Outside crates: their licences, two releases of one crate in the binary, and dependencies that nothing uses.
//!
//! The rules are in `deny.toml`. Advisories are checked by `cargo deny`, because their database is on the network.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{capture, cargo, find, metadata, root, run};
use crate::rust_files::{self, Token};
use crate::tally::Tally;

/// Dependencies that no Rust file names, each with the reason.
const NAMED_NOWHERE: [(&str, &str); 1] =
    [("ledger-sql", "the tests of payments use it through the files of proof/institution")];

/// Licences and releases, by `deny.toml`.
pub(crate) fn check_outside() -> Result<(), String> {
    let rules = Rules::of(&std::fs::read_to_string(root().join("deny.toml")).map_err(|error| error.to_string())?);
    let tree = |arguments: &[&str]| {
        let arguments = [&["tree", "--prefix", "none", "--format", "{p}|{l}"], arguments].concat();
        capture(&mut cargo(&arguments)).ok_or("cargo tree failed".to_owned())
    };
    let everything = tree(&["--workspace", "--edges", "all"])?;
    let binary = tree(&["--package", "rafiki", "--edges", "normal,no-proc-macro"])?;
    let mut problems = unlicensed(&everything, &rules);
    problems.extend(doubles(&binary, &rules));
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Known faults of outside crates, from the database of RustSec. Without `cargo deny` or without the database nothing
/// is checked, and the summary says so.
pub(crate) fn check_advisories(tally: &mut Tally) {
    const NAME: &str = "advisories of outside crates";
    if find("cargo-deny", &[]).is_none() {
        return tally.skip(&format!(
            "SKIPPED: {NAME} are NOT CHECKED, because cargo-deny is missing (`cargo install cargo-deny`)"
        ));
    }
    let finished = run(&mut cargo(&["deny", "check", "advisories"]));
    if !finished.success && finished.output.contains("advisory database") {
        return tally
            .skip(&format!("SKIPPED: {NAME} are NOT CHECKED, because their database cannot be fetched from here"));
    }
    tally.check(NAME, if finished.success { Ok(()) } else { Err("see the output above".to_owned()) });
}

/// What `deny.toml` allows.
struct Rules {
    licences: BTreeSet<String>,
    doubles: BTreeSet<String>,
    clarified: BTreeSet<String>,
}

impl Rules {
    fn of(text: &str) -> Self {
        let list = |name: &str| {
            let start = text.find(&format!("\n{name} = [")).map_or("", |at| &text[at..]);
            start.lines().skip(2).take_while(|line| !line.starts_with(']')).collect::<Vec<_>>()
        };
        let quoted = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        let clarified = text.lines().filter(|line| line.starts_with("clarify")).map(quoted).collect();
        let licences = list("allow").into_iter().map(quoted).collect();
        Self { licences, doubles: list("skip").into_iter().map(quoted).collect(), clarified }
    }

    /// Whether an SPDX expression allows at least one of the allowed licences.
    fn allow(&self, expression: &str) -> bool {
        let words = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut at = 0;
        let allowed = self.any_of(&words, &mut at);
        allowed && at == words.len()
    }

    fn any_of(&self, words: &[&str], at: &mut usize) -> bool {
        let mut allowed = self.all_of(words, at);
        while words.get(*at) == Some(&"OR") {
            *at += 1;
            allowed |= self.all_of(words, at);
        }
        allowed
    }

    fn all_of(&self, words: &[&str], at: &mut usize) -> bool {
        let mut allowed = self.one(words, at);
        while words.get(*at) == Some(&"AND") {
            *at += 1;
            allowed &= self.one(words, at);
        }
        allowed
    }

    fn one(&self, words: &[&str], at: &mut usize) -> bool {
        let Some(word) = words.get(*at) else { return false };
        *at += 1;
        if *word == "(" {
            let allowed = self.any_of(words, at);
            *at += 1;
            return allowed;
        }
        match words.get(*at..*at + 2) {
            Some(["WITH", exception]) => {
                *at += 2;
                self.licences.contains(&format!("{word} WITH {exception}"))
            }
            _ => self.licences.contains(*word),
        }
    }
}

/// Lines `name version (from)|licence`, without repetitions.
fn packages(tree: &str) -> BTreeMap<(&str, &str), &str> {
    tree.lines()
        .filter_map(|line| {
            let (package, licence) = line.rsplit_once('|')?;
            let mut words = package.split(' ');
            Some(((words.next()?, words.next()?), licence.trim_end_matches(" (*)").trim()))
        })
        .collect()
}

fn unlicensed(tree: &str, rules: &Rules) -> Vec<String> {
    let mut problems = Vec::new();
    for ((name, version), licence) in packages(tree) {
        if !rules.clarified.contains(name) && !rules.allow(licence) {
            problems.push(format!("{name} {version} has the licence {licence:?}, which deny.toml does not allow"));
        }
    }
    problems
}

fn doubles(tree: &str, rules: &Rules) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ((name, version), _) in packages(tree) {
        versions.entry(name).or_default().push(version);
    }
    let mut problems = Vec::new();
    for (name, versions) in &versions {
        let (several, skipped) = (versions.len() > 1, rules.doubles.contains(*name));
        if several && !skipped {
            let versions = versions.join(", ");
            problems.push(format!(
                "the binary holds {name} in several releases: {versions}; if it must be, deny.toml says why"
            ));
        }
        if skipped && !several {
            problems.push(format!("deny.toml skips {name}, of which the binary holds one release only"));
        }
    }
    for name in rules.doubles.iter().filter(|name| !versions.contains_key(name.as_str())) {
        problems.push(format!("deny.toml skips {name}, which is not in the binary"));
    }
    problems
}

/// Every dependency that no file of its crate names, and every entry of the workspace that no crate uses.
pub(crate) fn check_unused() -> Result<(), String> {
    let metadata = metadata()?;
    let files = rust_files::read()?;
    let mut problems = Vec::new();
    let mut used_anywhere = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let folder = std::path::Path::new(manifest).strip_prefix(root()).unwrap_or(std::path::Path::new(""));
        let krate = folder.parent().map(|parent| parent.to_string_lossy().into_owned()).unwrap_or_default();
        let own: Vec<_> = files.iter().filter(|file| file.krate == krate).collect();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["rename"].as_str().or(dependency["name"].as_str()).unwrap_or_default();
            used_anywhere.insert(name.to_owned());
            let is_named = |tokens: &[Token]| tokens.contains(&Token::Name(name.replace('-', "_")));
            let for_tests = dependency["kind"] == "dev";
            let used = own.iter().any(|file| is_named(&file.tokens) || (for_tests && is_named(&file.test_tokens)));
            if !used && !NAMED_NOWHERE.iter().any(|(known, _)| *known == name) {
                let kind = if for_tests { "dev-dependency" } else { "dependency" };
                problems.push(format!("{krate}: nothing uses the {kind} {name}"));
            }
        }
    }

    let text = std::fs::read_to_string(root().join("Cargo.toml")).map_err(|error| error.to_string())?;
    let table = text.split("[workspace.dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or("");
    let entries = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    for (name, _) in entries.filter(|(name, _)| !used_anywhere.contains(*name)) {
        problems.push(format!("Cargo.toml: no crate uses the workspace's dependency {name}"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "[licenses]\nallow = [\n    \"MIT\",\n    \"ISC\",\n]\nclarify = [{ crate = \"plain\" }]\n[bans]\n\
                        skip = [\n    { crate = \"rand\", reason = \"x\" },\n]\n";

    #[test]
    fn a_licence_is_allowed_where_the_choice_leaves_one() {
        let rules = Rules::of(DENY);
        for allowed in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(GPL-3.0 OR MIT) AND ISC"] {
            assert!(rules.allow(allowed), "{allowed}");
        }
        for refused in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT WITH exception", "MIT ISC"] {
            assert!(!rules.allow(refused), "{refused}");
        }
        let tree = "a v1|MIT\nb v1|GPL-3.0\nb v1|GPL-3.0 (*)\nplain v1|";
        assert_eq!(unlicensed(tree, &rules), ["b v1 has the licence \"GPL-3.0\", which deny.toml does not allow"]);
    }

    #[test]
    fn two_releases_of_a_crate_are_named_and_so_is_a_reason_that_is_over() {
        let rules = Rules::of(DENY);
        assert!(doubles("rand v1|MIT\nrand v2|MIT\nb v1|MIT", &rules).is_empty());
        assert_eq!(doubles("rand v1|MIT\nrand v2|MIT\nb v1|MIT\nb v2|MIT", &rules).len(), 1);
        assert_eq!(doubles("rand v1|MIT", &rules).len(), 1);
        assert_eq!(doubles("b v1|MIT", &rules).len(), 1);
    }

    #[test]
    fn every_dependency_of_this_house_is_used_and_allowed() {
        assert_eq!(check_unused(), Ok(()));
        assert_eq!(check_outside(), Ok(()));
    }
}
