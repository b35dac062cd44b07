//! Dead code: public items without a user outside of their crate.
//!
//! The compiler finds unused private items. It does not find a public one, because it looks at one crate at a time.
//! This check looks at all crates, by name. An item counts as used if its name stands in another crate, or in tests,
//! examples and benches of its own. So the check can miss an unused item with a common name, but it never reports a
//! used one.

use std::collections::{BTreeMap, BTreeSet};

use crate::rust_files::{self, RustFile, Token};

/// Items that are public for another reason, each with that reason.
const KEPT: [(&str, &str); 2] = [
    ("restarted", "the institution of tests is new; tests of restarts come to it"),
    ("with_stored_ledger", "the institution of tests is new; tests of stored ledgers come to it"),
];

/// The place of an item's definition.
#[derive(Debug, PartialEq, Eq)]
struct Item<'a> {
    path: &'a str,
    krate: &'a str,
    keyword: &'a str,
    name: &'a str,
}

/// Names every public item that is not used outside of its crate.
pub(crate) fn check() -> Result<(), String> {
    let files = rust_files::read()?;
    let problems = unused(&files);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn unused(files: &[RustFile]) -> Vec<String> {
    // Each name with the crates that contain it. A crate's tests and its `main.rs` count as a crate of their own.
    let mut users: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let is_root_of_binary = file.path.ends_with("/src/main.rs");
        let own = if is_root_of_binary { format!("{} (binary)", file.krate) } else { file.krate.clone() };
        for (tokens, user) in [(&file.tokens, own), (&file.test_tokens, format!("{} (tests)", file.krate))] {
            for name in names(tokens) {
                users.entry(name).or_default().insert(user.clone());
            }
        }
    }
    let mut problems = Vec::new();
    for item in files.iter().flat_map(public_items) {
        let kept = KEPT.iter().any(|(name, _)| *name == item.name);
        let used = users.get(item.name).is_some_and(|users| users.iter().any(|user| user != item.krate));
        if !used && !kept {
            let Item { path, keyword, name, .. } = item;
            problems.push(format!("{path}: nothing outside of its crate uses the public {keyword} {name}"));
        }
    }
    problems
}

/// Every name in these tokens, also a name that is a whole string, as in `#[serde(default = "name")]`.
fn names(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().filter_map(|token| match token {
        Token::Name(name) => Some(name.as_str()),
        Token::Text(text) => text.strip_prefix('"').and_then(|text| text.strip_suffix('"')),
        Token::Sign(_) => None,
    })
}

/// Functions, constants and statics declared `pub`. Types are left out: one may be used without being named.
fn public_items(file: &RustFile) -> Vec<Item<'_>> {
    const KEYWORDS: [&str; 3] = ["fn", "const", "static"];
    const BETWEEN: [&str; 4] = ["async", "unsafe", "extern", "const"];
    let mut items = Vec::new();
    if file.module.is_none() {
        return items;
    }

    for (at, token) in file.tokens.iter().enumerate() {
        if *token != Token::Name("pub".into()) {
            continue;
        }
        let mut rest = file.tokens[at + 1..].iter().filter_map(|token| match token {
            Token::Name(name) => Some(Some(name.as_str())),
            Token::Text(_) => None,
            Token::Sign(_) => Some(None),
        });
        let mut keyword = rest.next().flatten();
        let mut next = rest.next().flatten();
        while let (Some(word), Some(following)) = (keyword, next) {
            let goes_on = BETWEEN.contains(&word) && (BETWEEN.contains(&following) || following == "fn");
            if !goes_on {
                break;
            }
            (keyword, next) = (Some(following), rest.next().flatten());
        }
        if let (Some(keyword), Some(name)) = (keyword, next)
            && KEYWORDS.contains(&keyword)
        {
            items.push(Item { path: &file.path, krate: &file.krate, keyword, name });
        }
    }

    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unused_in(files: &[(&str, &str, &str)]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|(path, krate, text)| RustFile::of(path, krate, text).unwrap()).collect();
        unused(&files)
    }

    #[test]
    fn a_public_item_that_only_its_own_crate_names_is_found() {
        let own = (
            "a/src/lib.rs",
            "a",
            "pub const fn left() {} fn f() { left() } pub fn right() {} pub(crate) fn in_here() {}",
        );
        let other = ("b/src/lib.rs", "b", "use a::right;");
        let found = unused_in(&[own, other]);
        assert_eq!(found, ["a/src/lib.rs: nothing outside of its crate uses the public fn left"]);
    }

    #[test]
    fn tests_and_the_binary_of_the_same_package_are_users() {
        let own = (
            "a/src/lib.rs",
            "a",
            "pub fn run() {} pub async fn tried() {} #[cfg(test)] mod tests { fn t() { tried() } }",
        );
        assert!(unused_in(&[own, ("a/src/main.rs", "a", "fn main() { a::run() }")]).is_empty());
    }

    #[test]
    fn every_public_item_of_this_house_has_a_user() {
        assert_eq!(check(), Ok(()));
    }
}
