//! Checks the page of intended differences against the tests that it names.
//!
//! It checks that each test exists and that a reason is given. Only a reader can judge whether the test proves it.

use crate::command::{capture, program, root};

const PAGE: &str = "docs/differences.md";

/// Names every row that lacks a cell or names a test that does not exist.
pub(crate) fn check() -> Result<(), String> {
    let files = capture(&mut program("git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]))
        .ok_or("git ls-files failed")?;
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let sources: Vec<_> = files.lines().map(|path| (path.to_owned(), read(path))).collect();
    let problems = problems(&read(PAGE), &sources);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn problems(page: &str, sources: &[(String, String)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in page.lines().enumerate() {
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else { continue };
        let cells: Vec<_> = row.split(" | ").map(str::trim).collect();
        let mut say = |what: String| problems.push(format!("{PAGE}:{}: {what}", number + 1));
        match cells[..] {
            ["subject", ..] => {}
            [_, _, _, why, tests] if !why.is_empty() && tests.contains('`') => {
                for name in tests.split('`').skip(1).step_by(2).filter(|name| !exists(name, sources)) {
                    say(format!("there is no test {name}"));
                }
            }
            _ => say("a row has a subject, both behaviours, the reason, and a test".to_owned()),
        }
    }
    problems
}

/// `a_test`, `module::a_test`, or `module::*` and `module::tests::*` for all tests of a file.
pub(crate) fn exists(name: &str, sources: &[(String, String)]) -> bool {
    if let Some(module) = name.strip_suffix("::*") {
        let file = format!("/{}.rs", module.strip_suffix("::tests").unwrap_or(module));
        let holds_tests = |text: &str| text.contains("#[test]") || text.contains("on_each_database!");
        return sources.iter().any(|(path, text)| path.ends_with(&file) && holds_tests(text));
    }
    let function = format!("fn {}(", name.rsplit("::").next().unwrap_or(name));
    sources.iter().any(|(_, text)| text.contains(&function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_reason_or_with_an_invented_test_is_named() {
        let sources = [("a/tests/it.rs".to_owned(), "#[test]\nfn it_holds() {}".to_owned())];
        let told = |row: &str| problems(row, &sources).len();
        assert_eq!(told("| subject | reference | ours | why | test |\n|---|---|---|---|---|"), 0);
        assert_eq!(told("| x | a | b | c | `it_holds`, `it::*` |"), 0);
        assert_eq!(told("| x | a | b | c | `it_holds`, `it_does_not` |"), 1);
        assert_eq!(told("| x | a | b | c | `other::*` |"), 1);
        assert_eq!(told("| x | a | b |  | `it_holds` |"), 1);
        assert_eq!(told("| x | a | b | c | |"), 1);
    }

    #[test]
    fn every_difference_of_this_house_has_its_reason_and_its_test() {
        assert_eq!(check(), Ok(()));
    }
}
