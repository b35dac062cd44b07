//! The source of the book for mdBook: the chapters, and the pages and files of the repository that they link to.
//!
//! In the repository a chapter links to `../GLOSSARY.md`. In the built book that page is a chapter of its own.

use std::path::Path;

use super::{BOOK, read, tracked};
use crate::command::root;

/// The folder that mdBook reads.
pub(super) const PLACE: &str = "target/book-source";

/// Pages and files outside of the book, and their names in the book.
const OUTSIDE: [(&str, &str); 9] = [
    ("README.md", "readme-page.md"),
    ("ARCHITECTURE.md", "map.md"),
    ("GLOSSARY.md", "glossary.md"),
    ("CHANGELOG.md", "changes.md"),
    ("CONTRIBUTING.md", "contributing.md"),
    ("SECURITY.md", "security.md"),
    ("LICENSE", "LICENSE.txt"),
    ("adapters/admin-client/schema/backend.graphql", "backend.graphql"),
    ("edges/admin-graphql/additions.graphql", "additions.graphql"),
];

/// The last part of the table of contents.
const APPENDIX: &str = "
# Pages of the repository

- [README](readme-page.md)
- [Map of the code](map.md)
- [Glossary](glossary.md)
- [Changes](changes.md)
- [Contributing](contributing.md)
- [Security](security.md)
";

/// Makes the source again.
pub(super) fn assemble() -> Result<(), String> {
    let place = root().join(PLACE);
    if place.exists() {
        std::fs::remove_dir_all(&place).map_err(|error| format!("{PLACE}: {error}"))?;
    }
    std::fs::create_dir_all(&place).map_err(|error| format!("{PLACE}: {error}"))?;
    for path in tracked("docs/*")? {
        let text = read(&path)?;
        let text = if path == "docs/SUMMARY.md" { text + APPENDIX } else { text };
        write(&place, path.strip_prefix("docs/").unwrap_or(&path), &chapter(&text))?;
    }
    for (path, name) in OUTSIDE {
        write(&place, name, &page(&read(path)?))?;
    }
    Ok(())
}

fn write(place: &Path, name: &str, text: &str) -> Result<(), String> {
    std::fs::write(place.join(name), text).map_err(|error| format!("{PLACE}/{name}: {error}"))
}

/// A chapter with its links to outside of the book.
fn chapter(text: &str) -> String {
    OUTSIDE
        .iter()
        .fold(text.to_owned(), |text, (path, name)| text.replace(&format!("](../{path}"), &format!("]({name}")))
}

/// A page of the repository with its links, which begin at the root.
fn page(text: &str) -> String {
    let text = OUTSIDE
        .iter()
        .fold(text.to_owned(), |text, (path, name)| text.replace(&format!("]({path}"), &format!("]({name}")));
    text.replace(&format!("]({BOOK}/)"), "](introduction.md)").replace(&format!("]({BOOK}/"), "](")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_chapters_from_both_sides() {
        assert_eq!(chapter("[g](../GLOSSARY.md) [r](../README.md#x)"), "[g](glossary.md) [r](readme-page.md#x)");
        assert_eq!(page("[d](docs/differences.md) [m](ARCHITECTURE.md)"), "[d](differences.md) [m](map.md)");
    }

    #[test]
    fn no_chapter_leads_out_of_the_book() {
        for path in tracked("docs/*.md").unwrap() {
            let text = chapter(&read(&path).unwrap());
            assert!(!text.contains("](../"), "{path} leads to a file that the built book does not have");
        }
    }
}
