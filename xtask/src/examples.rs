//! The examples in the documentation of our crates, compiled and run.
//!
//! The examples of the book are in `docs`.

use std::path::Path;

use crate::command::{cargo, metadata, run};
use crate::tally::{Tally, counts};

/// Runs the examples of every crate that has some. For the others, rustdoc would read the whole crate to find none.
pub(crate) fn check(tally: &mut Tally) {
    let name = "documentation examples";
    let crates = match with_examples() {
        Ok(crates) => crates,
        Err(problem) => return tally.check(name, Err(problem)),
    };
    let mut arguments = vec!["test", "--doc", "--quiet"];
    arguments.extend(crates.iter().flat_map(|name| ["--package", name.as_str()]));
    let ran = run(&mut cargo(&arguments));
    if ran.success && counts(&ran.output) == (0, 0) {
        // They were compiled only.
        tally.check(name, Ok(()));
    } else {
        tally.runner(name, &ran);
    }
}

/// The crates with a library whose documentation has a block of code.
fn with_examples() -> Result<Vec<String>, String> {
    let metadata = metadata()?;
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let targets = package["targets"].as_array().into_iter().flatten();
        let library = targets.filter(|target| target["doctest"] == true).find_map(|target| target["src_path"].as_str());
        let Some(folder) = library.and_then(|path| Path::new(path).parent()) else { continue };
        if has_examples(folder)? {
            found.extend(package["name"].as_str().map(str::to_owned));
        }
    }
    Ok(found)
}

fn has_examples(folder: &Path) -> Result<bool, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let found = if path.is_dir() {
            has_examples(&path)?
        } else {
            path.extension().is_some_and(|kind| kind == "rs")
                && std::fs::read_to_string(&path).is_ok_and(|text| is_with_example(&text))
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a comment of documentation has a fence of code, or is taken from another file.
fn is_with_example(source: &str) -> bool {
    let fenced = |line: &str| {
        let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        text.is_some_and(|text| text.trim_start().starts_with("```"))
    };
    source.contains("doc = include_str!") || source.lines().any(|line| fenced(line.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_in_documentation_is_an_example_and_one_in_a_text_is_none() {
        assert!(is_with_example("    /// ```no_run\n    /// let a = 1;\n"));
        assert!(is_with_example("//! Words.\n//! ```\n"));
        assert!(is_with_example("#![doc = include_str!(\"../README.md\")]"));
        assert!(!is_with_example("// ```\nlet text = \"```\";\n/// Words.\n"));
    }

    #[test]
    fn the_crates_of_the_workspace_that_have_examples_are_found() {
        let crates = with_examples().unwrap();
        assert!(crates.iter().any(|name| name == "testkit"), "{crates:?}");
        assert!(!crates.iter().any(|name| name == "xtask"), "it has no library");
    }
}
