//! Every field of every section is read in the binary, so no setting is without effect.
//!
//! The list of fields is taken from the sources of the sections, so it includes new fields.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::fs;
use std::path::{Path, PathBuf};

/// The sections and how the binary calls a value of them.
const SECTIONS: [(&str, &str); 8] = [
    ("Backend", "config"),
    ("Auth", "config"),
    ("Wallet", "config"),
    ("CardService", "config"),
    ("PointOfSale", "config"),
    ("Console", "config"),
    ("Rates", "config"),
    ("Shop", "config"),
];

/// Structures whose fields are no settings, or the content of a file that a setting names.
const NO_SETTINGS: [&str; 6] = ["Problem", "Notice", "Roles", "ConfigError", "CardTenant", "ServiceClient"];

struct Field {
    structure: String,
    name: String,
    kind: String,
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The public fields of every public structure, and those of the variants of every public enumeration.
fn fields(source: &str) -> Vec<Field> {
    let mut found = Vec::new();
    let mut structure: Option<(String, bool)> = None;
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum ")) {
            let is_enum = line.starts_with("pub enum ");
            let name = name.split([' ', '(', '<']).next().unwrap_or_default();
            structure = line.ends_with('{').then(|| (name.to_owned(), is_enum));
        } else if line == "}" {
            structure = None;
        } else if let Some((structure, is_enum)) = &structure {
            let declared = if *is_enum {
                line.strip_prefix("        ").filter(|line| !line.starts_with(['/', '#', ' ']))
            } else {
                line.strip_prefix("    pub ")
            };
            if let Some((name, kind)) = declared.and_then(|declared| declared.trim_end_matches(',').split_once(": ")) {
                found.push(Field { structure: structure.clone(), name: name.to_owned(), kind: kind.to_owned() });
            }
        }
    }
    found
}

/// How the binary reaches a structure: by the names of the fields that hold it.
fn holders(structure: &str, all: &[Field]) -> Vec<String> {
    let section = SECTIONS.iter().filter(|(section, _)| *section == structure).map(|(_, name)| (*name).to_owned());
    let holds = |field: &&Field| field.kind.split(|c: char| !c.is_alphanumeric()).any(|word| word == structure);
    section.chain(all.iter().filter(holds).map(|field| field.name.clone())).collect()
}

/// Whether `text` holds `word` with no letter, digit or line before and behind it.
fn has_word(text: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part_of_name) && !text[at + word.len()..].starts_with(part_of_name))
}

#[test]
fn every_field_of_every_section_has_a_reader_in_the_binary() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sections: String = sources(&here.join("src")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    // A chain over several lines is read as one.
    let binary: String = sources(&here.join("../rafiki/src"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" .", "."))
        .collect();
    let all: Vec<Field> =
        fields(&sections).into_iter().filter(|field| !NO_SETTINGS.contains(&field.structure.as_str())).collect();
    assert!(all.len() > 90, "the sections have {} fields; are they still found?", all.len());

    let mut unread = Vec::new();
    for field in &all {
        let holders = holders(&field.structure, &all);
        let chained = holders.iter().any(|holder| has_word(&binary, &format!("{holder}.{}", field.name)));
        // A field taken out of a variant has no chain of names.
        let of_variant = field.structure == "Accounting" && has_word(&binary, &field.name);
        if !chained && !of_variant {
            unread.push(format!("{}::{}", field.structure, field.name));
        }
    }
    assert_eq!(unread, Vec::<String>::new(), "settings nobody reads");
}

#[test]
fn the_list_of_fields_is_taken_from_the_source() {
    let source = "pub struct A {\n    /// Doc.\n    pub b: Option<C>,\n    d: u8,\n}\npub enum E {\n    F {\n        /// Doc.\n        g: u8,\n    },\n}\n";
    let found: Vec<_> = fields(source).into_iter().map(|field| (field.structure, field.name)).collect();
    let expected = [("A", "b"), ("E", "g")].map(|(structure, name)| (structure.to_owned(), name.to_owned()));
    assert_eq!(found, expected);
    assert!(has_word("config.mode;", "config.mode") && !has_word("config.modest", "config.mode"));
}
