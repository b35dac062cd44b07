//! The book below `docs/`: built with mdBook, and checked without it.
//!
//! It does not check the text. The modules below this one write the pages that follow from the sources, from the
//! settings and from the Admin API's operations, and compare them with the files in the repository.

mod assembled;
mod citations;
mod links;
mod operations;
mod routes;
mod schema;
mod settings;
mod shown_by;

use std::path::Path;

use crate::command::{capture, cargo, find, program, root, run, variable};
use crate::tally::Tally;

/// The folder of the book.
const BOOK: &str = "docs";

/// Builds the book into `target/book`.
pub(crate) fn build() -> Result<bool, String> {
    let mdbook = mdbook()?;
    assembled::assemble()?;
    let built = run(&mut program(&mdbook, &["build", assembled::PLACE]));
    if built.success {
        println!("the book is at target/book/index.html");
    }
    Ok(built.success)
}

/// The `mdbook` program, installed if it is missing.
fn mdbook() -> Result<String, String> {
    let home = variable("HOME").map(|home| format!("{home}/.cargo/bin")).unwrap_or_default();
    let look = || find("mdbook", &[&home]).map(|path| path.display().to_string());
    if let Some(found) = look() {
        return Ok(found);
    }
    println!("mdbook is not installed; installing it with `cargo install mdbook --locked`, which takes some minutes");
    if !run(&mut cargo(&["install", "mdbook", "--locked"])).success {
        return Err("mdbook could not be installed; install it yourself and repeat `cargo xtask docs`".to_owned());
    }
    look().ok_or_else(|| "mdbook was installed, but not into a directory of the PATH".to_owned())
}

/// Writes the chapter of settings again.
pub(crate) fn write_settings() -> Result<bool, String> {
    write(settings::PAGE, &settings::chapter()?)
}

/// Writes the chapter of the Admin API's operations again.
pub(crate) fn write_operations() -> Result<bool, String> {
    write(operations::PAGE, &operations::chapter()?)
}

/// Writes the page of routes again.
pub(crate) fn write_routes() -> Result<bool, String> {
    write(routes::PAGE, &routes::chapter()?)
}

fn write(page: &str, text: &str) -> Result<bool, String> {
    std::fs::write(root().join(page), text).map_err(|error| format!("{page}: {error}"))?;
    println!("{page} written");
    Ok(true)
}

/// The checks without mdBook: links, chapters, citations, and pages that follow from sources.
pub(crate) fn check(tally: &mut Tally) {
    tally.check("links of the pages", links::check());
    tally.check("chapters of the book", chapters());
    tally.check("citations", citations::check());
    let fresh = "`cargo xtask docs --settings`";
    tally.check("chapter of settings", settings::chapter().and_then(|text| same(settings::PAGE, &text, fresh)));
    let fresh = "`cargo xtask docs --operations`";
    tally.check("chapter of operations", operations::chapter().and_then(|text| same(operations::PAGE, &text, fresh)));
    let fresh = "`cargo xtask docs --routes`";
    tally.check("page of routes", routes::chapter().and_then(|text| same(routes::PAGE, &text, fresh)));
}

/// Whether a page is equal to what its source makes.
fn same(page: &str, text: &str, fresh: &str) -> Result<(), String> {
    if read(page)? == text {
        return Ok(());
    }
    Err(format!("{page} is older than the sources it is made of; write it anew with {fresh}"))
}

/// Every page of the book is in its table of contents.
fn chapters() -> Result<(), String> {
    let pages = tracked("docs/*.md")?;
    let summary = read("docs/SUMMARY.md")?;
    let missing = missing_chapters(&summary, &pages);
    if missing.is_empty() { Ok(()) } else { Err(format!("docs/SUMMARY.md leaves out {}", missing.join(", "))) }
}

fn missing_chapters(summary: &str, pages: &[String]) -> Vec<String> {
    let chapters = pages.iter().filter_map(|path| path.strip_prefix("docs/")).filter(|name| *name != "SUMMARY.md");
    chapters.filter(|name| !summary.contains(&format!("]({name})"))).map(str::to_owned).collect()
}

fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    std::fs::read_to_string(root().join(path)).map_err(|error| format!("{}: {error}", path.display()))
}

/// The files of the repository that match a pattern of git, with new files and without deleted ones.
fn tracked(pattern: &str) -> Result<Vec<String>, String> {
    let mut list = program("git", &["ls-files", "--cached", "--others", "--exclude-standard", pattern]);
    let files = capture(&mut list).ok_or("git ls-files failed")?;
    Ok(files.lines().filter(|path| root().join(path).is_file()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_no_chapter_is_named() {
        let pages = ["docs/SUMMARY.md", "docs/a.md", "docs/b.md"].map(str::to_owned);
        assert_eq!(missing_chapters("- [A](a.md)", &pages), ["b.md"]);
    }

    #[test]
    fn the_book_holds_together() {
        let mut tally = Tally::default();
        check(&mut tally);
        assert!(tally.finish(), "see what was printed");
    }
}
