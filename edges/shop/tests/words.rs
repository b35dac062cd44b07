//! The German texts of the pages.
//!
//! Pages are tested by a browser in `proof/browser`, and by a client in the end-to-end tests of the binary.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(folder: &str, end: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.to_str().unwrap().ends_with(end));
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The texts between this beginning and the next quotation mark.
fn behind(source: &str, begin: &str) -> Vec<String> {
    source.split(begin).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn every_text_of_the_pages_has_a_german_one_and_no_german_one_is_left_over() {
    let mut texts = BTreeSet::new();
    for source in read("templates", ".html").into_iter().chain(read("src/pages", ".rs")) {
        for begin in [
            "f.t(\"",
            "f.with(\"",
            "again(\"",
            "#[error(\"",
            "=> (\"",
            "=> {\n            (\"",
            "=> Some(\"",
            "why: Some(\"",
        ] {
            texts.extend(behind(&source, begin));
        }
    }
    let orders = std::fs::read_to_string(root().join("src/orders.rs")).unwrap();
    texts.extend(behind(&orders[orders.find("const fn text").unwrap()..], "=> \""));
    let order = std::fs::read_to_string(root().join("src/pages/order.rs")).unwrap();
    let headlines = &order[order.find("fn headline").unwrap()..order.find("pub(super) fn lines").unwrap()];
    texts.extend(["=> \"", "=> {\n            \""].iter().flat_map(|begin| behind(headlines, begin)));
    let desk = std::fs::read_to_string(root().join("src/pages/desk.rs")).unwrap();
    texts.extend(behind(&desk, "(\"").into_iter().filter(|text| text == "Given back"));
    let catalogue = std::fs::read_to_string(root().join("src/catalogue.rs")).unwrap();
    for line in catalogue.lines().filter(|line| line.trim_start().starts_with("once(\"")) {
        let parts: Vec<&str> = line.split('"').collect();
        texts.extend([parts[3].to_owned(), parts[5].to_owned()]);
    }
    texts.extend(behind(&catalogue, "        name: \""));
    texts.extend(behind(&catalogue, "        text: \""));
    // Names of the language itself, and of colours.
    texts.retain(|text| !["de", "en"].contains(&text.as_str()));

    let known = |name: &str| -> BTreeSet<String> {
        let text = read("../page-kit/words", name).remove(0);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).collect()
    };
    let own = known("shop.de.txt");
    let all: BTreeSet<String> =
        own.iter().cloned().chain(known("wallet.de.txt")).chain(known("console.de.txt")).collect();
    let missing: Vec<_> = texts.difference(&all).collect();
    assert!(texts.len() > 60 && missing.is_empty(), "no German: {missing:#?}");
    let left_over: Vec<_> = own.difference(&texts).collect();
    assert!(left_over.is_empty(), "no page has: {left_over:#?}");
}
