//! Every text of the pages is in the catalogue of the other language.
//!
//! The test reads the sources: every literal that looks like a text, and every text of a template.

use std::collections::BTreeSet;
use std::path::Path;

/// These look like texts and are none: data, names of formats, and keywords that are typed as they are.
const NO_TEXTS: [&str; 31] = [
    "moved alone",
    "remove certificates",
    "delete asset",
    "delete peer",
    "delete tenant",
    "delete endpoint",
    "revoke grant",
    "revoke key",
    "remove token",
    "cancel payment",
    "attachment; filename=\"audit.jsonl\"",
    "text/csv; charset=utf-8",
    "text/html; charset=utf-8",
    "{} (scale: {})",
    "{} (Scale: {})",
    "{} ms",
    "English",
    "Deutsch",
    "EdDSA",
    "Ed25519",
    "button {}",
    "a person without a role here tried to sign in",
    "nobody can sign in at the provider",
    "somebody was not signed in",
    "; Secure",
    "; Max-Age=0",
    "an outcome is missing in the audit log",
    "a change got no answer",
    "a page could not be drawn",
    "%-d %b %Y, %H:%M:%S UTC",
    "URL",
];

fn files(folder: &str, end: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = entries.filter(|path| path.to_str().unwrap().ends_with(end));
    wanted.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The string literals outside of tests and comments.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let lines = source.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    let source: String = lines.flat_map(|line| [line, "\n"]).collect();
    let mut found = Vec::new();
    let mut rest = source.as_str();
    while let Some(at) = rest.find('"') {
        if rest[..at].ends_with("r#") {
            let end = rest[at + 1..].find("\"#").unwrap();
            rest = &rest[at + end + 3..];
            continue;
        }
        // A quotation mark as a single character.
        if rest[..at].ends_with(['\'', '\\']) {
            rest = &rest[at + 1..];
            continue;
        }
        let mut text = String::new();
        let mut letters = rest[at + 1..].char_indices();
        let end = loop {
            match letters.next().unwrap() {
                (end, '"') => break end,
                (_, '\\') => match letters.next().unwrap().1 {
                    'u' => {
                        let code: String = letters.by_ref().map(|(_, c)| c).skip(1).take_while(|c| *c != '}').collect();
                        text.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
                    }
                    // A literal goes on in the next line.
                    '\n' => {
                        let spaces = letters.as_str().len() - letters.as_str().trim_start().len();
                        for _ in 0..spaces {
                            letters.next();
                        }
                    }
                    'n' => text.push('\n'),
                    other => text.push(other),
                },
                (_, letter) => text.push(letter),
            }
        };
        rest = &rest[at + 2 + end..];
        found.push(text);
    }
    found
}

fn is_text(text: &str) -> bool {
    let is_format = text.split('{').skip(1).any(|part| !part.starts_with('}'));
    let is_constant = text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == ',');
    let is_query = text.strip_prefix("Console").is_some_and(|rest| rest.starts_with(|c: char| c.is_uppercase()));
    let begins = text.starts_with(|c: char| c.is_uppercase());
    text.chars().any(char::is_alphabetic)
        && (begins || text.trim().contains(' '))
        && !text.starts_with(['/', '\n'])
        && !is_format
        && !is_constant
        && !is_query
        && !NO_TEXTS.contains(&text)
}

/// Texts in `w.t("…")` and `w.with("…")`.
fn of_template(template: &str) -> Vec<String> {
    let begin = ["w.t(\"", "w.with(\""];
    let calls = begin.iter().flat_map(|begin| template.split(begin).skip(1));
    calls.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn every_text_of_the_pages_has_a_german_one_and_no_german_one_is_left_over() {
    let mut sources = files("src/pages", ".rs");
    for name in ["context.rs", "posted.rs", "numbers.rs", "render.rs", "four_eyes.rs", "approvals.rs"] {
        sources.extend(files("src", name));
    }
    let mut texts: BTreeSet<String> = sources.iter().flat_map(|source| literals(source)).collect();
    // A column whose name ends in `>` is on the right side.
    texts = texts.into_iter().map(|text| text.strip_suffix('>').map_or(text.clone(), str::to_owned)).collect();
    texts.retain(|text| is_text(text));
    texts.extend(files("templates", ".html").iter().flat_map(|template| of_template(template)));

    let catalogue = files("words", "de.txt").remove(0);
    let lines = catalogue.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let german: Vec<&str> = lines
        .map(|line| line.split_once(" => ").or_else(|| line.split_once(" = ")).unwrap_or_else(|| panic!("{line}")).0)
        .collect();
    let known: BTreeSet<&str> = german.iter().copied().collect();
    assert_eq!(known.len(), german.len(), "a text is in the catalogue twice");
    let missing: Vec<_> = texts.iter().filter(|text| !known.contains(text.as_str())).collect();
    assert!(missing.is_empty(), "no German: {missing:#?}");
    let unused: Vec<_> = known.iter().filter(|text| !texts.contains(**text)).collect();
    assert!(unused.is_empty(), "no page has: {unused:#?}");
}
