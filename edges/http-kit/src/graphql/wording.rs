//! Messages of refusals in the words of graphql-js, which clients of the original know.
//!
//! The GraphQL library decides what is refused.

use super::suggestions::{HIDDEN, Names, directive_argument};

/// Takes the place of the names in a message.
const NAME: char = '\u{1}';

/// The message in the words of graphql-js. What the library suggests is left out: graphql-js suggests otherwise.
pub(super) fn known_words(message: &str, schema: &Names) -> String {
    let told = message.find(" Did you mean").map_or(message, |start| &message[..start]);
    let mut names = Vec::new();
    let mut skeleton = String::new();
    for (place, part) in told.split('"').enumerate() {
        if place % 2 == 0 {
            skeleton.push_str(part);
        } else {
            names.push(part);
            skeleton.push(NAME);
        }
    }
    in_other_words(&skeleton, &names, schema).unwrap_or_else(|| told.to_owned())
}

fn in_other_words(skeleton: &str, names: &[&str], schema: &Names) -> Option<String> {
    let skeleton = skeleton.replace(NAME, "*");
    Some(match (skeleton.as_str(), names) {
        ("Unknown field * on type *.", [field, kind]) => {
            format!("Cannot query field \"{field}\" on type \"{kind}\".{}", schema.field(kind, field))
        }
        ("Unknown argument * on field * of type *.", [argument, field, kind]) => {
            let hint = schema.argument(kind, field, argument);
            format!("Unknown argument \"{argument}\" on field \"{kind}.{field}\".{hint}")
        }
        ("Unknown argument * on directive *.", [argument, directive]) => {
            let hint = directive_argument(directive, argument);
            format!("Unknown argument \"{argument}\" on directive \"@{directive}\".{hint}")
        }
        ("Unknown directive *", [directive]) => format!("Unknown directive \"@{directive}\"."),
        ("Directive * may not be used on *", [directive, place]) => {
            format!("Directive \"@{directive}\" may not be used on {place}.")
        }
        ("Duplicate directive *", [directive]) => {
            format!("The directive \"@{directive}\" can only be used once at this location.")
        }
        ("Unknown fragment: *", [fragment]) => format!("Unknown fragment \"{fragment}\"."),
        ("Unknown type *", [kind]) => format!("Unknown type \"{kind}\".{}", schema.kind(kind)),
        ("Unknown operation named *", [operation]) => format!("Unknown operation named \"{operation}\"."),
        ("Operation name required in request.", []) => {
            "Must provide operation name if query contains multiple operations.".to_owned()
        }
        ("Fragment * cannot condition non composite type *", [fragment, kind]) => {
            format!("Fragment \"{fragment}\" cannot condition on non composite type \"{kind}\".")
        }
        ("Fragment cannot condition non composite type *", [kind]) => {
            format!("Fragment cannot condition on non composite type \"{kind}\".")
        }
        ("Cannot spread fragment *", [fragment]) => format!("Cannot spread fragment \"{fragment}\" within itself."),
        ("Fragment * is never used", [fragment]) => format!("Fragment \"{fragment}\" is never used."),
        ("Fragment * cannot be spread here as objects of type * can never be of type *", [fragment, here, kind]) => {
            format!(
                "Fragment \"{fragment}\" cannot be spread here as objects of type \"{here}\" can never be of type \
                 \"{kind}\"."
            )
        }
        ("Fragment cannot be spread here as objects of type * can never be of type *", [here, kind]) => {
            format!("Fragment cannot be spread here as objects of type \"{here}\" can never be of type \"{kind}\".")
        }
        ("Variable * is not defined by operation *", [variable, operation]) => {
            format!("Variable \"{variable}\" is not defined by operation \"{operation}\".")
        }
        ("Variable * is not defined", [variable]) => format!("Variable \"{variable}\" is not defined."),
        ("Variable * is not used by operation *", [variable, operation]) => {
            format!("Variable \"{variable}\" is never used in operation \"{operation}\".")
        }
        ("Variable * is not used", [variable]) => format!("Variable \"{variable}\" is never used."),
        ("Variable * cannot be of non-input type *", [variable, kind]) => {
            format!("Variable \"${variable}\" cannot be non-input type \"{kind}\".")
        }
        ("Variable * of type * used in position expecting type *", [variable, kind, expected]) => {
            format!("Variable \"${variable}\" of type \"{kind}\" used in position expecting type \"{expected}\".")
        }
        ("Directive * argument * of type * is required but not provided", [directive, argument, kind]) => {
            format!(
                "Directive \"{directive}\" argument \"{argument}\" of type \"{kind}\" is required, but it was not \
                 provided."
            )
        }
        ("Field * argument * of type * is required but not provided", [field, argument, kind]) => {
            format!(
                "Field \"{field}\" argument \"{argument}\" of type \"{kind}\" is required, but it was not provided."
            )
        }
        ("Field * must not have a selection since type * has no subfields", [field, kind]) => {
            format!("Field \"{field}\" must not have a selection since type \"{kind}\" has no subfields.")
        }
        ("Field * of type * must have a selection of subfields", [field, kind]) => {
            format!("Field \"{field}\" of type \"{kind}\" must have a selection of subfields.{HIDDEN}")
        }
        ("There can only be one argument named *", [argument]) => {
            format!("There can be only one argument named \"{argument}\".")
        }
        ("There can only be one variable named *", [variable]) => {
            format!("There can be only one variable named \"{variable}\".")
        }
        ("Invalid value for argument *, unknown field * of type *", [_, field, kind]) => {
            format!("Field \"{field}\" is not defined by type \"{kind}\".{}", schema.member(kind, field))
        }
        ("Invalid value for argument *, enumeration type * does not contain the value *", [_, kind, value]) => {
            format!("Value \"{value}\" does not exist in \"{kind}\" enum.{}", schema.value(kind, value))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_texts_of_graphql_js() {
        let schema = Names::of("type WhoamiResponse { id: ID! } type Query { asset(id: String!): String }");
        let table = [
            (
                "Unknown field \"idd\" on type \"WhoamiResponse\". Did you mean \"id\"?",
                "Cannot query field \"idd\" on type \"WhoamiResponse\". [Suggestion hidden]?",
            ),
            ("Unknown field \"x\" on type \"Query\".", "Cannot query field \"x\" on type \"Query\"."),
            (
                "Unknown argument \"iid\" on field \"asset\" of type \"Query\". Did you mean \"id\"?",
                "Unknown argument \"iid\" on field \"Query.asset\". [Suggestion hidden]?",
            ),
            ("Unknown operation named \"Z\"", "Unknown operation named \"Z\"."),
            (
                "Operation name required in request.",
                "Must provide operation name if query contains multiple operations.",
            ),
            ("Variable \"$a\" is not used by operation \"Q\"", "Variable \"$a\" is never used in operation \"Q\"."),
            (
                "Variable \"a\" of type \"Int\" used in position expecting type \"String!\"",
                "Variable \"$a\" of type \"Int\" used in position expecting type \"String!\".",
            ),
            (
                "Field \"asset\" argument \"id\" of type \"String!\" is required but not provided",
                "Field \"asset\" argument \"id\" of type \"String!\" is required, but it was not provided.",
            ),
            (
                "Unknown field \"far\" on type \"Query\". Did you mean \"asset\"?",
                "Cannot query field \"far\" on type \"Query\".",
            ),
            ("something else", "something else"),
            ("an \"odd\" number of \" quotes", "an \"odd\" number of \" quotes"),
        ];
        for (message, told) in table {
            assert_eq!(known_words(message, &schema), told);
        }
    }
}
