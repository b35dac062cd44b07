//! Rules for every file, checked on the text of the tracked files.
//!
//! Style is checked by rustfmt and clippy.

use crate::command::{capture, program, root};

/// Names every tracked file that breaks one of the rules below.
pub(crate) fn check() -> Result<(), String> {
    let files = capture(&mut program("git", &["ls-files", "--cached", "--others", "--exclude-standard"]))
        .ok_or("git ls-files failed")?;
    let mut problems = Vec::new();
    let mut texts = Vec::new();
    for path in files.lines() {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        problems.extend(offences(path, &text));
        texts.push((path, text));
    }
    problems.extend(unread_vectors(&texts));
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn has_extension(path: &str, extension: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|found| found == extension)
}

fn offences(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut say = |what: &str| problems.push(format!("{path}: {what}"));
    let rust = has_extension(path, "rs");
    let own_rules = path.starts_with("xtask/");
    if rust && text.lines().take_while(|line| line.starts_with("//!")).count() < 2 {
        say("does not open with two lines of `//!` saying what it is, and what it is not or where its neighbour is");
    }

    if rust && !own_rules {
        if text.contains("#[ignore") {
            say("ignores a test; delete it or make it run");
        }
        if text.contains("#[allow(") || text.contains("#![allow(") {
            say("allows a lint silently; use #[expect(…, reason = \"…\")]");
        }
        if text.contains("todo!(") || text.contains("unimplemented!(") {
            say("holds an unfinished mark");
        }
        // Under a paused clock sleeping takes no time: it advances the virtual time.
        if text.contains("sleep(Duration") && path.contains("/tests/") && !text.contains("start_paused = true") {
            say("sleeps in a test; time is a parameter, or wait for the event itself");
        }
    }

    if rust && path.starts_with("protocols/") && path.contains("/src/") && !names_its_source(text) {
        say("does not say which RFC, or which section of which specification, it follows");
    }
    if rust && !own_rules && text.lines().count() > 1200 {
        say("is longer than 1200 lines; is it still one subject?");
    }

    if !own_rules && !has_extension(path, "lock") {
        for home in ["/root/", "/home/"] {
            if text.contains(home) {
                say("names a path of one machine");
            }
        }
    }
    problems
}

/// Whether the first lines of a protocol's file name the specification that it implements.
fn names_its_source(text: &str) -> bool {
    let mut opening = text.lines().take_while(|line| line.starts_with("//!"));
    opening.any(|line| line.contains("RFC ") || line.contains(" section ") || line.contains("Open Payments"))
}

/// Vectors that no test reads: the name of each file must stand in a string of its crate's Rust files.
fn unread_vectors(files: &[(&str, String)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, _) in files {
        let Some((home, name)) = path.split_once("/tests/vectors/") else { continue };
        let Some(name) = name.strip_suffix(".json") else { continue };
        let reads = |(source, text): &(&str, String)| {
            let named = text.contains(&format!("\"{name}\"")) || text.contains(&format!("vectors/{name}.json"));
            source.starts_with(&format!("{home}/")) && has_extension(source, "rs") && named
        };
        if !files.iter().any(reads) {
            problems.push(format!("{path}: no test of {home} reads these vectors"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_opening_is_named() {
        assert_eq!(offences("a.rs", "fn main() {}").len(), 1);
        assert_eq!(offences("a.rs", "//! Says what it is.\nfn main() {}").len(), 1);
        assert!(offences("a.rs", "//! Says what it is.\n//! It is nothing else.\nfn main() {}").is_empty());
    }

    #[test]
    fn a_file_of_a_protocol_names_what_it_follows() {
        assert_eq!(offences("protocols/a/src/b.rs", "//! Packets.\n//! No more.\n// RFC 27\n").len(), 1);
        assert!(offences("protocols/a/src/b.rs", "//! Packets (RFC 27).\n//! No more.\n").is_empty());
        assert!(offences("protocols/a/tests/b.rs", "//! Tests.\n//! No more.\n").is_empty());
    }

    #[test]
    fn vectors_that_no_test_of_their_crate_reads_are_named() {
        let files = |test: &str| {
            vec![
                ("protocols/a/tests/vectors/new.json", "{}".to_owned()),
                ("protocols/a/tests/it.rs", test.to_owned()),
                ("protocols/ab/tests/it.rs", "cases(\"new\", 3)".to_owned()),
            ]
        };
        assert_eq!(unread_vectors(&files("cases(\"old\", 3)")).len(), 1);
        assert!(unread_vectors(&files("cases(\"new\", 3)")).is_empty());
        assert!(unread_vectors(&files("include_str!(\"vectors/new.json\")")).is_empty());
    }

    #[test]
    fn an_ignored_test_and_a_silent_allow_are_named() {
        let text = "//! x\n//! y\n#[ignore]\n#[allow(dead_code)]\nfn f() {}";
        assert_eq!(offences("a.rs", text).len(), 2);
    }
}
