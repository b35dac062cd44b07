//! Whether clients of a release can use a schema: all that the release has is there, answers promise as much as before,
//! and requests ask for no more.
//!
//! What is new beside that is no obstacle.

use std::collections::BTreeSet;

use apollo_compiler::Schema;
use apollo_compiler::ast::{InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;

/// Panics if a client of the `released` schema can fail with `ours`, and lists why.
pub fn assert_compatible(released: &str, ours: &str) {
    let broken = broken(&parsed(released, "released"), &parsed(ours, "ours"));
    assert!(broken.is_empty(), "clients of the release would fail: {broken:#?}");
}

fn parsed(text: &str, name: &str) -> Schema {
    match Schema::parse_and_validate(text, name) {
        Ok(schema) => schema.into_inner(),
        Err(refused) => panic!("the {name} schema is not valid: {}", refused.errors),
    }
}

fn broken(released: &Schema, ours: &Schema) -> BTreeSet<String> {
    let mut broken = BTreeSet::new();
    for (name, was) in released.types.iter().filter(|(_, definition)| !definition.is_built_in()) {
        match ours.types.get(name) {
            Some(is) => changed(name, was, is, &mut broken),
            None => {
                broken.insert(format!("{name} is gone"));
            }
        }
    }
    broken
}

/// What of a type a client would miss.
fn changed(name: &str, was: &ExtendedType, is: &ExtendedType, broken: &mut BTreeSet<String>) {
    match (was, is) {
        (ExtendedType::Object(was), ExtendedType::Object(is)) => {
            broken.extend(gone(name, &was.implements_interfaces, &is.implements_interfaces));
            for (field, was) in &was.fields {
                match is.fields.get(field) {
                    Some(is) => {
                        promised(&format!("{name}.{field}"), &was.ty, &is.ty, broken);
                        asked(&format!("{name}.{field}"), &was.arguments, &is.arguments, broken);
                    }
                    None => _ = broken.insert(format!("{name}.{field} is gone")),
                }
            }
        }
        (ExtendedType::Interface(was), ExtendedType::Interface(is)) => {
            for (field, was) in &was.fields {
                match is.fields.get(field) {
                    Some(is) => promised(&format!("{name}.{field}"), &was.ty, &is.ty, broken),
                    None => _ = broken.insert(format!("{name}.{field} is gone")),
                }
            }
        }
        (ExtendedType::InputObject(was), ExtendedType::InputObject(is)) => {
            let (was, is): (Vec<_>, Vec<_>) = (was.fields.values().collect(), is.fields.values().collect());
            asked(name, &was, &is, broken);
        }
        (ExtendedType::Enum(was), ExtendedType::Enum(is)) => {
            broken.extend(gone(name, was.values.keys(), is.values.keys().collect::<Vec<_>>()));
        }
        (ExtendedType::Union(was), ExtendedType::Union(is)) => {
            broken.extend(gone(name, &was.members, &is.members));
        }
        (ExtendedType::Scalar(_), ExtendedType::Scalar(_)) => {}
        _ => _ = broken.insert(format!("{name} is of another kind")),
    }
}

/// The names that are not there any more.
fn gone<T: ToString>(of: &str, was: impl IntoIterator<Item = T>, is: impl IntoIterator<Item = T>) -> Vec<String> {
    let is: BTreeSet<String> = is.into_iter().map(|one| one.to_string()).collect();
    let was = was.into_iter().map(|one| one.to_string());
    was.filter(|one| !is.contains(one)).map(|one| format!("{of} has no {one} any more")).collect()
}

/// An answer may promise more than before, and not less.
fn promised(place: &str, was: &Type, is: &Type, broken: &mut BTreeSet<String>) {
    if !is_at_least(is, was) {
        broken.insert(format!("{place} was {was} and is {is}"));
    }
}

/// A request needs no more than before: what was optional is, and what is new is optional.
fn asked<V: AsRef<InputValueDefinition>>(place: &str, was: &[V], is: &[V], broken: &mut BTreeSet<String>) {
    for is in is.iter().map(AsRef::as_ref) {
        let place = format!("{place}({})", is.name);
        match was.iter().map(AsRef::as_ref).find(|was| was.name == is.name) {
            Some(was) if !is_at_least(&was.ty, &is.ty) => {
                broken.insert(format!("{place} was {} and is {}", was.ty, is.ty));
            }
            Some(was) if was.default_value != is.default_value => {
                broken.insert(format!("{place} has another default"));
            }
            None if is.is_required() => _ = broken.insert(format!("{place} is new and required")),
            _ => {}
        }
    }
    for was in was.iter().map(AsRef::as_ref) {
        if !is.iter().any(|is| is.as_ref().name == was.name) {
            broken.insert(format!("{place}({}) is gone", was.name));
        }
    }
}

/// Whether every value of the first type is one of the second.
fn is_at_least(one: &Type, other: &Type) -> bool {
    match (one, other) {
        (Type::NonNullNamed(one), Type::Named(other) | Type::NonNullNamed(other))
        | (Type::Named(one), Type::Named(other)) => one == other,
        (Type::NonNullList(one), Type::List(other) | Type::NonNullList(other))
        | (Type::List(one), Type::List(other)) => is_at_least(one, other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::assert_compatible;

    const RELEASED: &str = "
        interface Model { id: ID! }
        enum Order { ASC DESC }
        input In { a: Int = 1, b: [String!] }
        union Any = Query
        type Query implements Model { id: ID!, list(in: In, order: Order = DESC): [Int!] }
    ";

    fn compatible(was: &str, is: &str) -> bool {
        let changed = RELEASED.replacen(was, is, 1);
        assert_ne!(changed, RELEASED, "{was}");
        std::panic::catch_unwind(|| assert_compatible(RELEASED, &changed)).is_ok()
    }

    #[test]
    fn what_is_added_breaks_nobody() {
        for (was, is) in [
            ("b: [String!] }", "b: [String!], c: Int }"),
            ("b: [String!] }", "b: [String] }"),
            ("ASC DESC", "ASC DESC NONE"),
            ("order: Order = DESC)", "order: Order = DESC, more: Int! = 5)"),
            ("): [Int!]", "): [Int!]!"),
            ("): [Int!] }", "): [Int!], more: Int }"),
            ("union Any", "type More { id: ID! } union Any"),
            ("): [Int!]", "): [Int!] @deprecated(reason: \"old\")"),
        ] {
            assert!(compatible(was, is), "{was} and {is}");
        }
    }

    #[test]
    fn what_is_gone_or_asked_for_breaks_clients() {
        for (was, is) in [
            ("b: [String!] }", "b: [String!], c: Int! }"),
            ("a: Int = 1, ", ""),
            ("a: Int = 1", "a: Int! = 1"),
            ("a: Int = 1", "a: Int = 2"),
            ("a: Int = 1", "a: Float = 1"),
            ("ASC DESC", "DESC"),
            ("order: Order = DESC)", "order: Order = DESC, more: Int!)"),
            ("): [Int!]", "): [Int]"),
            ("): [Int!]", "): Int"),
            ("id: ID!, list", "id: ID!, lists"),
            ("Query implements Model", "Query"),
            ("id: ID!, list", "id: Int!, id2: ID!, list"),
            ("enum Order { ASC DESC }", "scalar Order"),
        ] {
            assert!(!compatible(was, is), "{was} and {is} passed for compatible");
        }
    }
}
