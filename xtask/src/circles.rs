//! Circles of files: no file of a crate may use another that uses it too, directly or through further files.
//!
//! Crates are checked by `arrows`. Two things make no circle: a file that only re-exports a name (`pub use`) does not
//! use it, and a file may use what its parent module (`lib.rs`, `main.rs`, or `a.rs` of `a/b.rs`) defines for its children.

use std::collections::{BTreeMap, BTreeSet};

use crate::rust_files::{self, RustFile, Token};

/// Names every circle of files.
pub(crate) fn check() -> Result<(), String> {
    let files = rust_files::read()?;
    let mut crates: BTreeMap<&str, Vec<&RustFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.tokens.is_empty() && file.module.is_some()) {
        crates.entry(&file.krate).or_default().push(file);
    }
    let problems: Vec<String> = crates.values().flat_map(|files| circles(files)).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// A path as written, from the root of its crate.
struct Written {
    path: Vec<String>,
    /// Its name in the file, if it stands in a `use`.
    name: Option<String>,
    /// Stands in a `pub use`.
    handed_on: bool,
}

struct Crate<'a> {
    files: BTreeMap<&'a [String], &'a RustFile>,
    written: BTreeMap<&'a [String], Vec<Written>>,
}

fn circles(files: &[&RustFile]) -> Vec<String> {
    let files: BTreeMap<&[String], &RustFile> =
        files.iter().filter_map(|file| Some((file.module.as_deref()?, *file))).collect();
    let written = files.iter().map(|(module, file)| (*module, paths(module, &file.tokens, &files))).collect();
    let house = Crate { files, written };
    let arrows: BTreeMap<&[String], BTreeSet<&[String]>> =
        house.files.keys().map(|module| (*module, house.used_by(module))).collect();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for module in house.files.keys() {
        if seen.contains(module) {
            continue;
        }
        let Some(circle) = shortest_circle(module, &arrows) else { continue };
        seen.extend(circle.iter().copied());
        let names: Vec<&str> = circle.iter().chain([module]).map(|module| house.files[module].path.as_str()).collect();
        problems.push(format!("a circle of files: {}", names.join(" uses ")));
    }
    problems
}

impl<'a> Crate<'a> {
    fn used_by(&self, module: &'a [String]) -> BTreeSet<&'a [String]> {
        let tokens = &self.files[module].tokens;
        let mut used = BTreeSet::new();
        for written in &self.written[module] {
            let is_named_again = |name: &String| {
                tokens.iter().filter(|token| matches!(token, Token::Name(found) if found == name)).count() > 1
            };
            if written.handed_on && !written.name.as_ref().is_some_and(is_named_again) {
                continue;
            }
            if let Some(owner) = self.owner(&written.path, 0)
                && owner != module
                && !module.starts_with(owner)
            {
                used.insert(owner);
            }
        }
        used
    }

    /// The file that defines the item of a path, past any file that only re-exports it.
    fn owner(&self, path: &[String], hops: u8) -> Option<&'a [String]> {
        let deepest = (0..=path.len()).rev().find_map(|length| self.files.get_key_value(&path[..length]));
        let (module, file) = deepest?;
        let Some(name) = path.get(module.len()) else { return Some(module) };
        if hops > 8 || defines(&file.tokens, name) {
            return Some(module);
        }
        let imports = &self.written[*module];
        let by_name = imports.iter().find(|written| written.name.as_ref() == Some(name));
        if let Some(import) = by_name {
            return self.owner(&import.path, hops + 1);
        }
        let through_star = imports.iter().filter(|written| written.path.last().is_some_and(|last| last == "*"));
        for import in through_star {
            let target = self.owner(&import.path[..import.path.len() - 1], hops + 1);
            if let Some(target) = target.filter(|target| defines(&self.files[target].tokens, name)) {
                return Some(target);
            }
        }
        Some(module)
    }
}

fn defines(tokens: &[Token], name: &str) -> bool {
    const KEYWORDS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"];
    tokens.windows(2).any(|pair| {
        matches!(pair, [Token::Name(keyword), Token::Name(found)] if found == name && KEYWORDS.contains(&keyword.as_str()))
    })
}

/// Every path of the own crate in a file: after `crate`, `super` and `self`, and those that begin with a child module.
fn paths(module: &[String], tokens: &[Token], files: &BTreeMap<&[String], &RustFile>) -> Vec<Written> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Token::Name(word) = &tokens[at] else {
            at += 1;
            continue;
        };

        let goes_on = is_double_colon(tokens, at + 1);
        let begins = at < 2 || !is_double_colon(tokens, at - 2);
        let child: Vec<String> = module.iter().chain([word]).cloned().collect();
        let start = match word.as_str() {
            "crate" => Some(Vec::new()),
            "self" => Some(module.to_vec()),
            "super" => module.split_last().map(|(_, parent)| parent.to_vec()),
            _ => files.contains_key(child.as_slice()).then_some(child),
        };
        let Some(start) = start.filter(|_| goes_on && begins) else {
            at += 1;
            continue;
        };

        let (in_use, handed_on) = statement(tokens, at);
        let first = found.len();
        at = tree(tokens, at + 3, start, &mut found);
        for written in &mut found[first..] {
            written.handed_on = handed_on;
            if !in_use {
                written.name = None;
            }
        }
    }

    found
}

fn is_double_colon(tokens: &[Token], at: usize) -> bool {
    matches!(tokens.get(at..at + 2), Some([Token::Sign(':'), Token::Sign(':')]))
}

/// Whether the path at `at` stands in a `use`, and whether that is a `pub use`.
fn statement(tokens: &[Token], at: usize) -> (bool, bool) {
    let before = &tokens[..at];
    let in_use = matches!(before.last(), Some(Token::Name(word)) if word == "use");
    let visible = match before.split_last().and_then(|(_, rest)| rest.last()) {
        Some(Token::Name(word)) => word == "pub",
        Some(Token::Sign(')')) => true,
        _ => false,
    };
    (in_use, in_use && visible)
}

/// Reads a path, or a tree of paths in braces, from `at`. Returns where it ends.
fn tree(tokens: &[Token], mut at: usize, mut path: Vec<String>, found: &mut Vec<Written>) -> usize {
    loop {
        match tokens.get(at) {
            Some(Token::Name(word)) => {
                match word.as_str() {
                    "super" => drop(path.pop()),
                    "self" => {}
                    _ => path.push(word.clone()),
                }
                at += 1;
                if is_double_colon(tokens, at) {
                    at += 2;
                    continue;
                }

                let mut name = path.last().cloned();
                if let Some([Token::Name(word), Token::Name(alias)]) = tokens.get(at..at + 2)
                    && word == "as"
                {
                    name = Some(alias.clone());
                    at += 2;
                }
                found.push(Written { path, name, handed_on: false });
                return at;
            }

            Some(Token::Sign('*')) => {
                path.push("*".to_owned());
                found.push(Written { path, name: None, handed_on: false });
                return at + 1;
            }

            Some(Token::Sign('{')) => {
                at += 1;
                while !matches!(tokens.get(at), None | Some(Token::Sign('}'))) {
                    if matches!(tokens.get(at), Some(Token::Sign(','))) {
                        at += 1;
                    } else {
                        at = tree(tokens, at, path.clone(), found).max(at + 1);
                    }
                }
                return at + 1;
            }

            // A generic argument or a macro's variable: the path ends before it.
            _ => {
                found.push(Written { path, name: None, handed_on: false });
                return at;
            }
        }
    }
}

/// The shortest circle of uses from a file back to itself.
fn shortest_circle<'a>(
    start: &'a [String],
    arrows: &BTreeMap<&'a [String], BTreeSet<&'a [String]>>,
) -> Option<Vec<&'a [String]>> {
    let mut ways = vec![vec![start]];
    let mut reached = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in arrows.get(way.last()?)? {
                if *next == start {
                    return Some(way);
                }
                if reached.insert(*next) {
                    longer.push(way.iter().copied().chain([*next]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|(path, text)| RustFile::of(path, "x", text).unwrap()).collect();
        circles(&files.iter().collect::<Vec<_>>())
    }

    #[test]
    fn files_that_use_each_other_are_named_however_long_the_way() {
        let short = circles_of(&[("x/src/a.rs", "use crate::b::B;"), ("x/src/b.rs", "fn f() { crate::a::g() }")]);
        assert_eq!(short, ["a circle of files: x/src/a.rs uses x/src/b.rs uses x/src/a.rs"]);
        let long = circles_of(&[
            ("x/src/lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("x/src/a.rs", "use crate::{b::B, other}; pub struct A;"),
            ("x/src/b.rs", "use super::c;"),
            ("x/src/c.rs", "use crate::A;"),
        ]);
        assert_eq!(long.len(), 1, "{long:?}");
    }

    #[test]
    fn handing_on_a_name_and_using_it_in_tests_closes_no_circle() {
        let none = circles_of(&[
            ("x/src/lib.rs", "mod a; pub use a::A; pub struct Error;"),
            ("x/src/a.rs", "use crate::Error; use crate::b::B; pub struct A;"),
            ("x/src/b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ]);
        assert_eq!(none, Vec::<String>::new());
    }

    #[test]
    fn no_crate_of_this_house_has_a_circle_of_files() {
        assert_eq!(check(), Ok(()));
    }
}
