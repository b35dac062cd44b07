//! The tests that show the effect of a variable of Rafiki 2.4, from the list beside the tests of `apps/config`.
//!
//! It checks that each test exists. Only a reader can judge whether the test shows the effect.

use std::collections::BTreeMap;

use super::{read, tracked};
use crate::differences::exists;

/// The file of the list.
const LIST: &str = "apps/config/tests/rafiki-2.4-variables.txt";

/// Tests by role and variable.
pub(super) type ShownBy = BTreeMap<(String, String), Vec<String>>;

/// The list, if every test in it exists.
pub(super) fn shown_by() -> Result<ShownBy, String> {
    let sources = tracked("*.rs")?;
    let sources = sources.into_iter().map(|path| read(&path).map(|text| (path, text)));
    parse(&read(LIST)?, &sources.collect::<Result<Vec<_>, _>>()?)
}

fn parse(list: &str, sources: &[(String, String)]) -> Result<ShownBy, String> {
    let (mut found, mut problems) = (ShownBy::new(), Vec::new());
    for (number, line) in list.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let mut say = |what: String| problems.push(format!("{LIST}:{}: {what}", number + 1));
        let mut words = line.split(' ');
        let (Some(role), Some(name), Some((_, tests))) = (words.next(), words.next(), line.split_once(" = ")) else {
            say("a line is: role NAME value = tests".to_owned());
            continue;
        };
        let tests: Vec<String> = tests.split(", ").map(str::to_owned).collect();
        for test in tests.iter().filter(|test| !exists(test, sources)) {
            say(format!("there is no test {test}"));
        }
        found.insert((role.to_owned(), name.to_owned()), tests);
    }
    if problems.is_empty() { Ok(found) } else { Err(problems.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_without_a_test_or_with_an_invented_one_is_named() {
        let sources = [("a/tests/it.rs".to_owned(), "#[test]\nfn it_is_heard_there() {}".to_owned())];
        let told = |line: &str| parse(line, &sources).map(|found| found.len());
        assert_eq!(told("# words\n\nauth AUTH_PORT 1 = it_is_heard_there"), Ok(1));
        assert!(told("auth AUTH_PORT 1 = it_is_not").unwrap_err().contains("there is no test it_is_not"));
        assert!(told("auth AUTH_PORT 1").unwrap_err().contains("a line is"));
    }
}
