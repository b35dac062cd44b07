//! Checks a whole JSON document: every text and member name, the length of lists, and the depth.
//!
//! It does not check for unpaired surrogates: no JSON reader makes a text of them.

use serde_json::Value;

use crate::text::{BadText, check_text};

/// The limits of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most characters of one text.
    pub text: usize,
    /// The most items of one list, and members of one object.
    pub items: usize,
    /// The most levels of lists and objects within one another.
    pub depth: usize,
}

impl Bounds {
    /// For requests: far above what any client sends, far below what databases and readers of events can take.
    pub const REQUEST: Self = Self { text: 16_384, items: 1_000, depth: 32 };

    /// For events: they carry what requests brought, and a little around it.
    pub const EVENT: Self = Self { text: 32_768, items: 2_000, depth: 40 };
}

/// The most octets of JSON that a client may attach to a payment. Events contain it, and their receivers have the same
/// limit.
pub const METADATA_MAX: usize = 65_536;

/// The fault of a document and its place: `variables.input.code must not contain the character U+0000`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at} {problem}")]
pub struct Unfit {
    /// The place, as names with dots.
    pub at: String,
    /// The fault.
    pub problem: Problem,
}

/// A fault of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A text or a member's name.
    #[error(transparent)]
    Text(#[from] BadText),
    /// A list or an object.
    #[error("must not have more than {most} items")]
    TooMany {
        /// The most items.
        most: usize,
    },
    /// Nested too deeply.
    #[error("must not be nested deeper than {most} levels")]
    TooDeep {
        /// The most levels.
        most: usize,
    },
}

/// Refuses a `document` that exceeds `bounds` anywhere. Messages call it `name`.
pub fn check_json(name: &str, document: &Value, bounds: Bounds) -> Result<(), Unfit> {
    Walk { bounds, path: vec![name.to_owned()] }.value(document)
}

struct Walk {
    bounds: Bounds,
    /// The names on the way to the present place. The document's own name is the first.
    path: Vec<String>,
}

impl Walk {
    fn value(&mut self, value: &Value) -> Result<(), Unfit> {
        match value {
            Value::String(text) => check_text(text, self.bounds.text).map_err(|bad| self.unfit(bad)),
            Value::Array(items) => {
                self.open(items.len())?;
                (0..).zip(items).try_for_each(|(place, item): (usize, _)| self.child(place.to_string(), item))
            }
            Value::Object(members) => {
                self.open(members.len())?;
                members.iter().try_for_each(|(name, member)| {
                    check_text(name, self.bounds.text).map_err(|bad| self.unfit(bad))?;
                    self.child(name.clone(), member)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    /// A list or an object of `items` begins here.
    fn open(&self, items: usize) -> Result<(), Unfit> {
        let Bounds { items: most_items, depth: most_levels, .. } = self.bounds;
        if items > most_items {
            return Err(self.unfit(Problem::TooMany { most: most_items }));
        }
        if self.path.len() > most_levels {
            return Err(self.unfit(Problem::TooDeep { most: most_levels }));
        }
        Ok(())
    }

    fn child(&mut self, name: String, value: &Value) -> Result<(), Unfit> {
        self.path.push(name);
        let result = self.value(value);
        self.path.pop();
        result
    }

    fn unfit(&self, problem: impl Into<Problem>) -> Unfit {
        // Names come from strangers too, so only a short part of them is shown.
        let short = |name: &String| name.chars().filter(|c| !c.is_control()).take(40).collect::<String>();
        let at = self.path.iter().take(8).map(short).collect::<Vec<_>>().join(".");
        Unfit { at, problem: problem.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SMALL: Bounds = Bounds { text: 4, items: 3, depth: 2 };

    fn fault(document: &Value) -> String {
        check_json("body", document, SMALL).unwrap_err().to_string()
    }

    #[test]
    fn what_is_within_the_bounds_passes() {
        for document in [json!(null), json!({"a": ["abcd", 1], "b": {}, "c": true}), json!([[], [], []])] {
            assert_eq!(check_json("body", &document, SMALL), Ok(()), "{document}");
        }
    }

    #[test]
    fn the_place_of_the_fault_is_reported() {
        for (document, told) in [
            (json!({"a": ["x\0"]}), "body.a.0 must not contain the character U+0000"),
            (json!({"a\0": 1}), "body must not contain the character U+0000"),
            (json!({"a": "abcde"}), "body.a must not be longer than 4 characters"),
            (json!({"abcde": 1}), "body must not be longer than 4 characters"),
            (json!({"a": [1, 2, 3, 4]}), "body.a must not have more than 3 items"),
            (json!([[[]]]), "body.0.0 must not be nested deeper than 2 levels"),
        ] {
            assert_eq!(fault(&document), told, "{document}");
        }
    }
}
