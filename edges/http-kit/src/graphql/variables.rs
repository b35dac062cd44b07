//! Variables are checked before anything runs, with the messages of graphql-js.
//!
//! The schema knows which values a scalar accepts. This file has the message of the refusal.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, OperationDefinition, Type, TypeKind, TypeSystemDefinition};
use async_graphql::{Pos, Positioned};
use serde_json::{Map, Value};

use super::suggestions::Names;

/// This many wrong values are reported. Above it, one message says that there are more.
const TOLD_MAX: usize = 50;
/// This many items of a list are shown.
const ITEMS_SHOWN: usize = 10;
/// This many levels of a value are shown.
const LEVELS_SHOWN: usize = 2;
/// A value is shown up to this many octets.
const SHOWN_MAX: usize = 2000;

/// Why a scalar of the schema does not accept a value; `None` if it does.
pub type ScalarRefusal = fn(scalar: &str, value: &Value) -> Option<String>;

/// The allowed values of a schema's variables.
#[derive(Clone, Debug)]
pub struct Inputs {
    types: HashMap<String, Kind>,
    names: Names,
    scalar: ScalarRefusal,
}

#[derive(Clone, Debug)]
enum Kind {
    Enum(Vec<String>),
    Object(Vec<Member>),
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    kind: Type,
    has_default: bool,
}

/// The fault of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadVariable {
    pub(super) message: String,
    pub(super) pos: Pos,
}

impl Inputs {
    /// The inputs of the schema `sdl`. `scalar` checks its own scalars.
    pub fn of(sdl: &str, scalar: ScalarRefusal) -> Self {
        let definitions = parse_schema(sdl).map(|document| document.definitions).unwrap_or_default();
        let mut types = HashMap::new();
        for definition in definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let definition = definition.node;
            let kind = match definition.kind {
                TypeKind::Enum(values) => {
                    Kind::Enum(values.values.into_iter().map(|value| value.node.value.node.to_string()).collect())
                }
                TypeKind::InputObject(object) => {
                    let member = |field: Positioned<async_graphql::parser::types::InputValueDefinition>| Member {
                        name: field.node.name.node.to_string(),
                        kind: field.node.ty.node,
                        has_default: field.node.default_value.is_some(),
                    };
                    Kind::Object(object.fields.into_iter().map(member).collect())
                }
                _ => continue,
            };
            types.insert(definition.name.node.to_string(), kind);
        }
        Self { types, names: Names::of(sdl), scalar }
    }

    /// The names of the schema, to suggest them.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The faults of the variables of `operation`.
    pub(super) fn check(&self, operation: &OperationDefinition, given: &Map<String, Value>) -> Vec<BadVariable> {
        let mut bad = Vec::new();
        for declared in &operation.variable_definitions {
            let (name, kind) = (declared.node.name.node.as_str(), &declared.node.var_type.node);
            let mut tell = |message: String| bad.push(BadVariable { message, pos: declared.pos });
            match given.get(name) {
                None if kind.nullable || declared.node.default_value.is_some() => {}
                None => tell(format!("Variable \"${name}\" of required type \"{kind}\" was not provided.")),
                Some(Value::Null) if !kind.nullable => {
                    tell(format!("Variable \"${name}\" of non-null type \"{kind}\" must not be null."));
                }
                Some(value) => {
                    let mut found = Vec::new();
                    self.value(kind, value, &mut String::new(), &mut found);
                    for Found { path, shown, why } in found {
                        let place = if path.is_empty() { String::new() } else { format!(" at \"{name}{path}\"") };
                        tell(format!("Variable \"${name}\" got invalid value {shown}{place}; {why}"));
                    }
                }
            }

            if bad.len() > TOLD_MAX {
                bad.truncate(TOLD_MAX);
                let message = "Too many errors processing variables, error limit reached. Execution aborted.";
                bad.push(BadVariable { message: message.to_owned(), pos: declared.pos });
                break;
            }
        }
        bad
    }

    fn value(&self, kind: &Type, value: &Value, path: &mut String, found: &mut Vec<Found>) {
        if found.len() > TOLD_MAX {
            return;
        }
        if value.is_null() {
            if !kind.nullable {
                found.push(Found::new(path, value, format!("Expected non-nullable type \"{kind}\" not to be null.")));
            }
            return;
        }
        match &kind.base {
            BaseType::List(of) => match value {
                Value::Array(items) => {
                    for (place, item) in items.iter().enumerate() {
                        below(path, &format!("[{place}]"), |path| self.value(of, item, path, found));
                    }
                }
                one => self.value(of, one, path, found),
            },
            BaseType::Named(name) => self.named(name, value, path, found),
        }
    }

    fn named(&self, name: &Name, value: &Value, path: &mut String, found: &mut Vec<Found>) {
        match self.types.get(name.as_str()) {
            None => found.extend(self.scalar(name, value).map(|why| Found::new(path, value, why))),
            Some(Kind::Enum(values)) => {
                found.extend(self.not_of(name, values, value).map(|why| Found::new(path, value, why)));
            }
            Some(Kind::Object(members)) => self.object(name, members, value, path, found),
        }
    }

    fn object(&self, name: &Name, members: &[Member], value: &Value, path: &mut String, found: &mut Vec<Found>) {
        let Value::Object(given) = value else {
            found.push(Found::new(path, value, format!("Expected type \"{name}\" to be an object.")));
            return;
        };
        for member in members {
            match given.get(&member.name) {
                Some(value) => {
                    below(path, &format!(".{}", member.name), |path| self.value(&member.kind, value, path, found));
                }
                None if member.kind.nullable || member.has_default => {}
                None => {
                    let why =
                        format!("Field \"{}\" of required type \"{}\" was not provided.", member.name, member.kind);
                    found.push(Found::new(path, value, why));
                }
            }
        }
        let is_known = |name: &str| members.iter().any(|member| member.name == name);
        for unknown in given.keys().filter(|name| !is_known(name)) {
            let hint = self.names.member(name, unknown);
            let why = format!("Field \"{unknown}\" is not defined by type \"{name}\".{hint}");
            found.push(Found::new(path, value, why));
        }
    }

    fn not_of(&self, name: &str, values: &[String], value: &Value) -> Option<String> {
        let hint = |text: &str| self.names.value(name, text);
        match value {
            Value::String(text) if values.contains(text) => None,
            Value::String(text) => Some(format!("Value \"{text}\" does not exist in \"{name}\" enum.{}", hint(text))),
            _ => {
                let shown = shown(value);
                Some(format!("Enum \"{name}\" cannot represent non-string value: {shown}.{}", hint(&shown)))
            }
        }
    }

    fn scalar(&self, name: &str, value: &Value) -> Option<String> {
        let is_whole = |number: &serde_json::Number| {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
        };
        let shown = || shown(value);
        match (name, value) {
            ("Int", Value::Number(number)) if is_whole(number) => {
                let fits = number.as_i64().is_some_and(|whole| i32::try_from(whole).is_ok());
                (!fits).then(|| format!("Int cannot represent non 32-bit signed integer value: {}", shown()))
            }
            ("Int", _) => Some(format!("Int cannot represent non-integer value: {}", shown())),
            ("Float", Value::Number(_)) | ("String" | "ID", Value::String(_)) | ("Boolean", Value::Bool(_)) => None,
            ("ID", Value::Number(number)) if is_whole(number) => None,
            ("Float", _) => Some(format!("Float cannot represent non numeric value: {}", shown())),
            ("String", _) => Some(format!("String cannot represent a non string value: {}", shown())),
            ("Boolean", _) => Some(format!("Boolean cannot represent a non boolean value: {}", shown())),
            ("ID", _) => Some(format!("ID cannot represent value: {}", shown())),
            _ => (self.scalar)(name, value).map(|why| format!("Expected type \"{name}\". {why}")),
        }
    }
}

/// A wrong value, and its place.
struct Found {
    path: String,
    shown: String,
    why: String,
}

impl Found {
    fn new(path: &str, value: &Value, why: String) -> Self {
        Self { path: path.to_owned(), shown: shown(value), why }
    }
}

fn below(path: &mut String, step: &str, within: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push_str(step);
    within(path);
    path.truncate(length);
}

/// A value as graphql-js shows it. A long value is cut.
fn shown(value: &Value) -> String {
    let mut text = show(value, 0);
    if text.len() > SHOWN_MAX {
        let end = (0..=SHOWN_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn show(value: &Value, level: usize) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(_) if level >= LEVELS_SHOWN => "[Array]".to_owned(),
        Value::Array(items) => {
            let mut texts: Vec<_> = items.iter().take(ITEMS_SHOWN).map(|item| show(item, level + 1)).collect();
            match items.len().saturating_sub(ITEMS_SHOWN) {
                0 => {}
                1 => texts.push("... 1 more item".to_owned()),
                more => texts.push(format!("... {more} more items")),
            }
            format!("[{}]", texts.join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(_) if level >= LEVELS_SHOWN => "[Object]".to_owned(),
        Value::Object(members) => {
            let texts: Vec<_> =
                members.iter().map(|(name, value)| format!("{name}: {}", show(value, level + 1))).collect();
            format!("{{ {} }}", texts.join(", "))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    const SDL: &str = "
        scalar Big
        enum Order { ASC DESC }
        input Inner { value: Big!, order: Order }
        input Outer { name: String!, inner: Inner, list: [Int!], id: ID, flag: Boolean }
        type Query { a(input: Outer): Int }
    ";

    fn told(declared: &str, variables: Value) -> Vec<String> {
        let refuse: ScalarRefusal = |_, value| value.is_boolean().then(|| "Input must be unsigned.".to_owned());
        let document = parse_query(format!("query({declared}) {{ a }}")).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let Value::Object(variables) = variables else { panic!("variables are an object") };
        Inputs::of(SDL, refuse).check(&operation.node, &variables).into_iter().map(|bad| bad.message).collect()
    }

    #[test]
    fn a_missing_or_null_value_is_reported_with_the_name_of_its_variable() {
        assert_eq!(
            told("$id: String!", json!({})),
            ["Variable \"$id\" of required type \"String!\" was not provided."]
        );
        assert_eq!(
            told("$id: String!", json!({ "id": null })),
            ["Variable \"$id\" of non-null type \"String!\" must not be null."]
        );
        for good in [json!({}), json!({ "id": null }), json!({ "id": "a", "unknown": 1 })] {
            assert_eq!(told("$id: String", good), [""; 0]);
        }
        assert_eq!(told("$id: String! = \"x\"", json!({})), [""; 0]);
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_place() {
        let table = [
            (json!({ "name": 5 }), " 5 at \"i.name\"; String cannot represent a non string value: 5"),
            (json!({}), " {}; Field \"name\" of required type \"String!\" was not provided."),
            (json!({ "name": "n", "x": 1 }), " { name: \"n\", x: 1 }; Field \"x\" is not defined by type \"Outer\"."),
            (json!("text"), " \"text\"; Expected type \"Outer\" to be an object."),
            (
                json!({ "name": "n", "inner": { "value": true } }),
                " true at \"i.inner.value\"; Expected type \"Big\". Input must be unsigned.",
            ),
            (
                json!({ "name": "n", "inner": { "value": null } }),
                " null at \"i.inner.value\"; Expected non-nullable type \"Big!\" not to be null.",
            ),
            (
                json!({ "name": "n", "inner": { "value": 1, "order": "UP" } }),
                " \"UP\" at \"i.inner.order\"; Value \"UP\" does not exist in \"Order\" enum.",
            ),
            (
                json!({ "name": "n", "inner": { "value": 1, "order": "ACS" } }),
                " \"ACS\" at \"i.inner.order\"; Value \"ACS\" does not exist in \"Order\" enum. \
                 Did you mean the enum value \"ASC\"?",
            ),
            (
                json!({ "name": "n", "flg": true }),
                " { name: \"n\", flg: true }; Field \"flg\" is not defined by type \"Outer\". [Suggestion hidden]?",
            ),
            (
                json!({ "name": "n", "inner": { "value": 1, "order": 1 } }),
                " 1 at \"i.inner.order\"; Enum \"Order\" cannot represent non-string value: 1.",
            ),
            (
                json!({ "name": "n", "list": [1, 2.5] }),
                " 2.5 at \"i.list[1]\"; Int cannot represent non-integer value: 2.5",
            ),
            (
                json!({ "name": "n", "list": 3_000_000_000_u32 }),
                " 3000000000 at \"i.list\"; Int cannot represent non 32-bit signed integer value: 3000000000",
            ),
            (json!({ "name": "n", "id": [] }), " [] at \"i.id\"; ID cannot represent value: []"),
            (
                json!({ "name": "n", "flag": { "a": { "b": { "c": 1 } } } }),
                " { a: { b: [Object] } } at \"i.flag\"; Boolean cannot represent a non boolean value: { a: { b: [Object] } }",
            ),
        ];
        for (value, message) in table {
            let expected = format!("Variable \"$i\" got invalid value{message}");
            assert_eq!(told("$i: Outer", json!({ "i": value })), [expected]);
        }
        let good = json!({ "i": { "name": "n", "inner": { "value": 1, "order": "ASC" }, "list": [1], "id": 5, "flag": true } });
        assert_eq!(told("$i: Outer", good), [""; 0]);
    }

    #[test]
    fn many_wrong_values_are_reported_in_bounded_space() {
        let many = told("$i: [Int!]!", json!({ "i": vec!["x"; 1000] }));
        assert_eq!(many.len(), TOLD_MAX + 1);
        assert_eq!(many[TOLD_MAX], "Too many errors processing variables, error limit reached. Execution aborted.");
        let long = told("$i: Int", json!({ "i": "x".repeat(1 << 20) }));
        assert!(long[0].len() < 3 * SHOWN_MAX, "{}", long[0].len());
    }
}
