//! Compares a GraphQL schema with the published one: types, members, arguments, defaults, deprecations, interfaces. Whether
//! clients of an earlier release of ours can use it is in `compatible`.
//!
//! Descriptions and the order of members are not compared.

#![expect(clippy::panic, reason = "a test stops where something is not as expected")]

mod compatible;

use std::collections::BTreeSet;

use apollo_compiler::Schema;
use apollo_compiler::ast::{DirectiveList, FieldDefinition, InputValueDefinition};
use apollo_compiler::schema::ExtendedType;

pub use compatible::assert_compatible;

/// Panics unless both schemas have the same members, and lists the members that only one of them has.
pub fn assert_same(published: &str, ours: &str) {
    let (published, ours) = (members(published, "published"), members(ours, "ours"));
    let invented: Vec<_> = ours.difference(&published).collect();
    let missing: Vec<_> = published.difference(&ours).collect();
    assert!(invented.is_empty() && missing.is_empty(), "invented: {invented:#?}\nmissing: {missing:#?}");
}

/// The names of the types in a schema, without those that every schema has.
pub fn types_of(text: &str) -> BTreeSet<String> {
    match Schema::parse_and_validate(text, "published") {
        Ok(schema) => {
            let own = schema.types.iter().filter(|(_, definition)| !definition.is_built_in());
            own.map(|(name, _)| name.to_string()).collect()
        }
        Err(refused) => panic!("the schema is not valid: {}", refused.errors),
    }
}

/// Everything in a schema that a client can notice, one line each.
fn members(text: &str, name: &str) -> BTreeSet<String> {
    let schema = match Schema::parse_and_validate(text, name) {
        Ok(schema) => schema,
        Err(refused) => panic!("the {name} schema is not valid: {}", refused.errors),
    };

    let mut members = BTreeSet::new();
    for (name, definition) in schema.types.iter().filter(|(_, definition)| !definition.is_built_in()) {
        match definition {
            ExtendedType::Object(object) => {
                members.insert(format!("type {name}"));
                members
                    .extend(object.implements_interfaces.iter().map(|one| format!("{name} implements {}", one.name)));
                members.extend(object.fields.values().map(|one| format!("{name}.{}", field(one))));
            }

            ExtendedType::Interface(interface) => {
                members.insert(format!("interface {name}"));
                members.extend(
                    interface.implements_interfaces.iter().map(|one| format!("{name} implements {}", one.name)),
                );
                members.extend(interface.fields.values().map(|one| format!("{name}.{}", field(one))));
            }

            ExtendedType::InputObject(input) => {
                members.insert(format!("input {name}"));
                members.extend(input.fields.values().map(|one| format!("input {name}.{}", value(one))));
            }

            ExtendedType::Enum(values) => {
                members.insert(format!("enum {name}"));
                let shown = values
                    .values
                    .values()
                    .map(|one| format!("enum {name}.{}{}", one.value, deprecated(&one.directives)));
                members.extend(shown);
            }
            ExtendedType::Union(union) => {
                members.extend(union.members.iter().map(|one| format!("union {name} has {}", one.name)));
            }
            // Only the running server names the specification of a scalar, never the published text.
            ExtendedType::Scalar(_) => {
                members.insert(format!("scalar {name}"));
            }
        }
    }
    members
}

fn field(field: &FieldDefinition) -> String {
    let arguments: BTreeSet<_> = field.arguments.iter().map(|argument| value(argument)).collect();
    let arguments = arguments.into_iter().collect::<Vec<_>>().join(", ");
    format!("{}({arguments}): {}{}", field.name, field.ty, deprecated(&field.directives))
}

fn value(value: &InputValueDefinition) -> String {
    let default = value.default_value.as_ref().map(|default| format!(" = {default}")).unwrap_or_default();
    format!("{}: {}{default}{}", value.name, value.ty, deprecated(&value.directives))
}

fn deprecated(directives: &DirectiveList) -> String {
    directives.get("deprecated").map(|directive| format!(" {directive}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::assert_same;

    const ONE: &str = "
        interface Model { id: ID! }
        enum Order { ASC DESC }
        input In { a: Int = 1, b: [String!] }
        type Query implements Model { id: ID!, list(in: In, order: Order = DESC): [Int!] @deprecated(reason: \"old\") }
    ";

    #[test]
    fn descriptions_and_order_do_not_count() {
        let other = "
            \"words\" type Query implements Model {
                list(order: Order = DESC, in: In): [Int!] @deprecated(reason: \"old\")
                \"more\" id: ID!
            }
            input In { b: [String!], a: Int = 1 } enum Order { DESC ASC } interface Model { id: ID! }
        ";
        assert_same(ONE, other);
    }

    #[test]
    fn everything_else_counts() {
        for (was, is) in [
            ("a: Int = 1", "a: Int = 2"),
            ("a: Int = 1", "a: Int"),
            ("order: Order = DESC", "order: Order = ASC"),
            (" @deprecated(reason: \"old\")", ""),
            ("\"old\"", "\"new\""),
            ("Query implements Model", "Query"),
            ("ASC DESC", "ASC DESC NONE"),
            ("[String!]", "[String]"),
            (
                "id: ID! }\n        enum",
                "id: ID!, more: Int }\n        type More implements Model { id: ID!, more: Int }\n enum",
            ),
        ] {
            let changed = ONE.replacen(was, is, 1);
            assert_ne!(changed, ONE, "{was}");
            let result = std::panic::catch_unwind(|| assert_same(ONE, &changed));
            assert!(result.is_err(), "{was} and {is} passed for the same");
        }
    }
}
