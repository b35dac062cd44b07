//! Parsed documents that were found within the limits, so that a program's usual documents are parsed once.
//!
//! What a document may do depends on its caller and is decided for each request, elsewhere.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use bounded::Bounded;

use super::malformed::{Malformed, malformed};
use super::{BAD_USER_INPUT, VALIDATION_FAILED, limits, outside};

/// At least this many documents are stored.
const REMEMBERED: usize = 64;
/// Longer texts are parsed each time. This bounds the memory.
const LONGEST: usize = 4096;

/// A document within the limits.
pub(super) struct Parsed {
    pub(super) document: ExecutableDocument,
    pub(super) asks_for_schema: bool,
}

/// Documents of one endpoint. Clones share them.
#[derive(Clone)]
pub(super) struct Documents(Arc<Mutex<Bounded<Box<str>, Arc<Parsed>>>>);

impl Default for Documents {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Bounded::new(REMEMBERED))))
    }
}

impl Documents {
    /// The parsed document of `text`.
    pub(super) fn parse(&self, text: &str) -> Result<Arc<Parsed>, Malformed> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(text);
        if let Some(known) = known {
            return Ok(known);
        }
        let parsed = Arc::new(parse(text)?);
        if text.len() <= LONGEST {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).put(text.into(), Arc::clone(&parsed));
        }
        Ok(parsed)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

fn parse(text: &str) -> Result<Parsed, Malformed> {
    outside::check_text(text).map_err(|error| malformed(error, VALIDATION_FAILED))?;
    limits::check_text(text).map_err(|error| malformed(error, VALIDATION_FAILED))?;
    let document = parse_query(text).map_err(|error| malformed(error, VALIDATION_FAILED))?;
    let asks_for_schema = limits::check(&document).map_err(|error| malformed(error, VALIDATION_FAILED))?;
    outside::check_document(&document).map_err(|unfit| malformed(unfit, BAD_USER_INPUT))?;
    Ok(Parsed { document, asks_for_schema })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_parsed_once_unless_it_is_long_or_refused() {
        let documents = Documents::default();
        let parsed = |text: &str| documents.parse(text).map_err(|malformed| malformed.errors);
        assert!(Arc::ptr_eq(&parsed("{ a }").unwrap(), &parsed("{ a }").unwrap()));
        assert!(!Arc::ptr_eq(&parsed("{ a }").unwrap(), &parsed("{ b }").unwrap()));
        let long = format!("{{ a }} # {}", "x".repeat(LONGEST));
        assert!(!Arc::ptr_eq(&parsed(&long).unwrap(), &parsed(&long).unwrap()));
        for _ in 0..2 {
            assert_eq!(parsed("{ a").err().unwrap()[0]["extensions"]["code"], VALIDATION_FAILED);
        }
    }
}
