//! Comments that cite a section of a document that is not in the repository.
//!
//! Only RFCs and other published standards may be cited, because a reader must be able to look them up.

use std::collections::BTreeMap;

use super::{read, tracked};

/// Published standards beside the RFCs, by the last word of their name, whose sections a reader can look up.
const STANDARDS: [&str; 5] = ["ECMA-262", "8601-1", "TR36", "webauthn-3", "SEC1"];

/// Fails if there are such citations, and lists their lines.
pub(super) fn check() -> Result<(), String> {
    let mut files = BTreeMap::new();
    for path in tracked("*.rs")?.into_iter().filter(|path| !path.starts_with("xtask/")) {
        let cited = citations(&read(&path)?);
        if !cited.is_empty() {
            files.insert(path, cited);
        }
    }
    if files.is_empty() {
        return Ok(());
    }
    let mut lines =
        vec!["citations of documents that are not in the repository; say the rule in words instead:".to_owned()];
    for (path, cited) in files {
        lines.extend(cited.into_iter().map(|(line, text)| format!("{path}:{line}: {text}")));
    }
    Err(lines.join("\n"))
}

/// The citations in the comments of a file, with their lines. A citation may begin on the line before.
fn citations(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut before = String::new();
    for (index, line) in text.lines().enumerate() {
        let Some(start) = line.find("//") else {
            before.clear();
            continue;
        };
        let comment = line[start..].trim_start_matches(['/', '!']).trim();
        let words: Vec<&str> = before.split_whitespace().chain(comment.split_whitespace()).collect();
        let earlier = before.split_whitespace().count();
        for (place, pair) in words.windows(2).enumerate().filter(|(place, _)| place + 1 >= earlier) {
            let word = pair[0].trim_start_matches('(').to_ascii_lowercase();
            if matches!(word.as_str(), "section" | "sections") && numbers(pair[1]) && !is_published(&words[..place]) {
                let named = words[..place].last().unwrap_or(&"");
                found.push((index + 1, format!("{named} {} {}", pair[0], pair[1])));
            }
        }
        comment.clone_into(&mut before);
    }
    found
}

/// `8.2`, `B.3),` and the like.
fn numbers(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let mut parts = word.split('.');
    let first = parts.next().is_some_and(|part| {
        !part.is_empty() && (part.chars().all(|c| c.is_ascii_digit()) || (part.len() == 1 && word.len() > 1))
    });
    first && parts.all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

/// Whether the words before `section` end in the number of an RFC or of another published standard.
fn is_published(before: &[&str]) -> bool {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    match before {
        [.., rfc, number] if rfc.ends_with("RFC") => bare(number).parse::<u32>().is_ok(),
        [.., name] => STANDARDS.contains(&bare(name).as_str()),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_of_documents_not_in_the_repository_are_counted_also_across_lines() {
        assert_eq!(citations("//! Payments (payments section 2.3).").len(), 1);
        assert_eq!(citations("let x = 1; // wallet sections B.3 and F.13").len(), 1);
        assert_eq!(citations("/// As told (webhooks\n/// section 3).\n/// More.").len(), 1);
        assert_eq!(citations("/// As told (webhooks section\n/// 3).\n/// More.").len(), 1);
        assert_eq!(citations("/// Longer ids are refused (section 7.1, step 25).").len(), 1);
        assert_eq!(citations("// Section 8.7.").len(), 1);
    }

    #[test]
    fn rfcs_and_sections_without_number_are_not() {
        assert_eq!(citations("// RFC 9421 section 2.1"), []);
        assert_eq!(citations("// The backend's section: three things.\n// (RFC 9110 section\n// 10.2)"), []);
        assert_eq!(citations("// (ISO 8601-1 section 5.6)\n// as written by ECMA-262,\n// section 25.5.2"), []);
        assert_eq!(citations("let section = 2;"), []);
    }
}
