//! Which fields of a document its caller may ask for, decided before anything is executed.
//!
//! It knows no schema: the edge says what a field needs. A field that the edge does not know is its decision, too.

use std::collections::HashSet;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

/// What a caller may ask for.
pub trait FieldRights: Send + Sync {
    /// Whether it may ask for this field of the query or mutation itself.
    fn root(&self, field: &str) -> bool;

    /// Whether it may ask for this field of any other type.
    fn nested(&self, field: &str) -> bool;
}

/// Every field.
#[derive(Clone, Copy, Debug)]
pub struct AllFields;

impl FieldRights for AllFields {
    fn root(&self, _: &str) -> bool {
        true
    }

    fn nested(&self, _: &str) -> bool {
        true
    }
}

/// The first field that the caller may not ask for. Every operation of a document counts, and every fragment where it is
/// used.
pub(super) fn first_forbidden<'d>(document: &'d ExecutableDocument, rights: &dyn FieldRights) -> Option<&'d str> {
    let mut walk = Walk { document, rights, seen: HashSet::new() };
    document
        .operations
        .iter()
        .find_map(|(_, operation)| walk.forbidden(&operation.node.selection_set.node, Level::Root))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Level {
    Root,
    Below,
}

struct Walk<'d, 'r> {
    document: &'d ExecutableDocument,
    rights: &'r dyn FieldRights,
    /// Fragments that were walked, at each level.
    seen: HashSet<(&'d str, Level)>,
}

impl<'d> Walk<'d, '_> {
    fn forbidden(&mut self, set: &'d SelectionSet, level: Level) -> Option<&'d str> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let name = field.node.name.node.as_str();
                let is_allowed = match level {
                    _ if name.starts_with("__") => true,
                    Level::Root => self.rights.root(name),
                    Level::Below => self.rights.nested(name),
                };
                if is_allowed { self.forbidden(&field.node.selection_set.node, Level::Below) } else { Some(name) }
            }
            Selection::InlineFragment(inline) => self.forbidden(&inline.node.selection_set.node, level),
            Selection::FragmentSpread(spread) => {
                let name = spread.node.fragment_name.node.as_str();
                let document = self.document;
                let fragment = document.fragments.get(name).filter(|_| self.seen.insert((name, level)))?;
                self.forbidden(&fragment.node.selection_set.node, level)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    struct OnlyPayments;

    impl FieldRights for OnlyPayments {
        fn root(&self, field: &str) -> bool {
            field == "payment"
        }

        fn nested(&self, field: &str) -> bool {
            field != "apiSecret"
        }
    }

    fn forbidden(text: &str) -> Option<String> {
        first_forbidden(&parse_query(text).unwrap(), &OnlyPayments).map(str::to_owned)
    }

    #[test]
    fn a_field_is_found_however_it_is_asked_for() {
        assert_eq!(forbidden("{ payment { id tenant { id } } __typename }"), None);
        for text in [
            "{ x: tenants { id } }",
            "{ payment { id } tenants { id } }",
            "query A { payment { id } } query B { tenants { id } }",
            "{ ... { tenants { id } } }",
            "{ ... on Query { ...F } } fragment F on Query { tenants { id } }",
            "{ payment { ...F } ...F } fragment F on Query { tenants { id } }",
        ] {
            assert_eq!(forbidden(text).as_deref(), Some("tenants"), "{text}");
        }
        for text in [
            "{ payment { tenant { s: apiSecret } } }",
            "{ payment { ...F } } fragment F on Payment { tenant { ... { apiSecret } } }",
        ] {
            assert_eq!(forbidden(text).as_deref(), Some("apiSecret"), "{text}");
        }
    }

    #[test]
    fn a_fragment_within_itself_ends() {
        assert_eq!(forbidden("{ payment { ...F } } fragment F on Payment { id ...F }"), None);
    }
}
