//! Links of the Markdown pages: each must lead to an existing file, and to an existing heading in it.
//!
//! Links to other sites are not followed.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::{read, tracked};
use crate::command::root;

/// Names every broken link.
pub(super) fn check() -> Result<(), String> {
    let mut pages = BTreeMap::new();
    for path in tracked("*.md")? {
        let text = read(&path)?;
        pages.insert(path, text);
    }
    let exists = |path: &str| root().join(path).exists();
    let problems = problems(&pages, &exists);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn problems(pages: &BTreeMap<String, String>, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for (page, text) in pages {
        for (line, target) in targets(text) {
            let mut say = |what: String| problems.push(format!("{page}:{line}: {what}"));
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { page.clone() } else { resolve(page, file) };
            if !exists(&file) {
                say(format!("{target} names a file that does not exist"));
            } else if !heading.is_empty() && !pages.get(&file).is_some_and(|text| headings(text).any(|h| h == heading))
            {
                say(format!("{target} names a heading that {file} does not have"));
            }
        }
    }
    problems
}

/// The path of a link on `page`, from the root of the repository.
fn resolve(page: &str, target: &str) -> String {
    let mut path = PathBuf::from(page);
    path.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path.display().to_string()
}

/// The lines outside of fenced blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((index + 1, line))
    })
}

/// The targets of the links of a page, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // Every second piece between backticks is code.
        let words: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        for after in words.split("](").skip(1) {
            if let Some((target, _)) = after.split_once(')') {
                found.push((number, target.split(' ').next().unwrap_or(target).to_owned()));
            }
        }
    }
    found
}

/// The headings of a page, in the form used by links.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| anchor(line.trim_start_matches('#').trim()))
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> usize {
        let pages = [("docs/a.md", text), ("README.md", "# What it *costs*, `now`")];
        let pages = pages.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        problems(&pages, &|path| ["docs/a.md", "README.md"].contains(&path)).len()
    }

    #[test]
    fn links_to_files_and_headings_that_exist_are_good() {
        let good = "# A b\n[x](a.md) [y](#a-b) [z](../README.md#what-it-costs-now) [w](https://example.com/none)";
        assert_eq!(told(good), 0);
    }

    #[test]
    fn links_to_nothing_are_named_and_code_is_no_link() {
        assert_eq!(told("[x](b.md)"), 1);
        assert_eq!(told("[x](#nowhere)"), 1);
        assert_eq!(told("[x](../README.md#nowhere)"), 1);
        assert_eq!(told("`[x](b.md)`\n```\n[x](b.md)\n```"), 0);
    }
}
