//! Finds ids in texts: UUIDs in their usual form.
//!
//! It does not know which resources they name.

use std::collections::HashSet;
use std::ops::Range;

use uuid::Uuid;

/// Octets of an id as text.
const LENGTH: usize = 36;

/// Every id in a text, with its place.
pub(crate) fn ids(text: &[u8]) -> impl Iterator<Item = (Range<usize>, Uuid)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at + LENGTH <= text.len() {
            let place = at..at + LENGTH;
            match read(text, place.clone()) {
                Some(id) => {
                    at += LENGTH;
                    return Some((place, id));
                }
                None => at += 1,
            }
        }
        None
    })
}

pub(crate) fn set_of(text: &[u8]) -> HashSet<Uuid> {
    ids(text).map(|(_, id)| id).collect()
}

fn read(text: &[u8], place: Range<usize>) -> Option<Uuid> {
    let inside = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_hexdigit);
    // The most frequent case is cheap: no hyphen at its place.
    if text[place.start + 8] != b'-' || inside(place.start.checked_sub(1)) || inside(Some(place.end)) {
        return None;
    }
    let text = std::str::from_utf8(&text[place]).ok()?;
    Uuid::try_parse(text).ok()
}

/// A text in which every id is the same mark, and its ids in order.
pub(crate) fn without_ids(text: &str) -> (String, Vec<Uuid>) {
    let (mut rest, mut all, mut after) = (String::with_capacity(text.len()), Vec::new(), 0);
    for (place, id) in ids(text.as_bytes()) {
        rest.push_str(&text[after..place.start]);
        rest.push('\u{0}');
        all.push(id);
        after = place.end;
    }
    rest.push_str(&text[after..]);
    (rest, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_anywhere_in_a_text_and_not_inside_of_longer_digits() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let text = format!("https://x/{one}/incoming-payments/{two}?č={one}");
        let found: Vec<Uuid> = ids(text.as_bytes()).map(|(_, id)| id).collect();
        assert_eq!(found, [one, two, one]);
        assert_eq!(without_ids(&text).0, "https://x/\0/incoming-payments/\0?č=\0");
        for none in ["", "-", &format!("f{one}"), &format!("{one}0"), &one.simple().to_string()] {
            assert_eq!(ids(none.as_bytes()).count(), 0, "{none}");
        }
    }
}
