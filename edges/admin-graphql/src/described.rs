//! The operations of the API as data, for a command line that has an option for each argument.
//!
//! It is read from the schema itself, so it cannot differ from it. It runs nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use serde_json::{Map, Value};

/// How deep the members of arguments and the fields of answers are followed.
const ARGUMENT_DEPTH: usize = 3;
const ANSWER_DEPTH: usize = 1;
/// Fields with secrets, which are shown in the answer of the operation that makes them and nowhere else.
const SECRETS: [&str; 3] = ["apiSecret", "idpSecret", "authToken"];

/// What an operation does with the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It reads.
    Query,
    /// It changes.
    Mutation,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, for example `createPeer`.
    pub name: String,
    /// What it does with the data.
    pub effect: Effect,
    /// What the schema says about it.
    pub description: String,
    /// Its arguments, down to single values.
    pub arguments: Vec<Argument>,
    /// The usual selection of its answer; empty if the answer is a single value.
    pub selection: String,
    /// The variables of its document, with their types.
    variables: Vec<(String, String)>,
}

/// One value that an operation takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The names that lead to it. The member `input`, which every mutation has, is left out.
    pub path: Vec<String>,
    /// What the schema says about it.
    pub description: String,
    /// What may be given.
    pub kind: Kind,
    /// Whether it must be given.
    pub need: Need,
    /// Where its value is put.
    place: Vec<String>,
}

/// What may be given for an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, an id, or a number that is sent as a text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(Vec<String>),
    /// JSON.
    Json,
    /// Several of a kind.
    List(Box<Kind>),
}

/// Whether an argument must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may be left out.
    Optional,
}

/// Why a text is no value of an argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is no number.
    #[error("write a whole number")]
    Number,
    /// It is neither true nor false.
    #[error("write true or false")]
    Boolean,
    /// It is not one of the words.
    #[error("write one of: {0}")]
    Choice(String),
    /// It is no JSON.
    #[error("write JSON: {0}")]
    Json(String),
}

impl Kind {
    /// The value that `text` means. For a list it is one of its members.
    pub fn read(&self, text: &str) -> Result<Value, ValueError> {
        match self {
            Self::Text => Ok(text.into()),
            Self::Number => text.parse::<i64>().map(Value::from).map_err(|_| ValueError::Number),
            Self::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| ValueError::Boolean),
            Self::Choice(words) if words.iter().any(|word| word == text) => Ok(text.into()),
            Self::Choice(words) => Err(ValueError::Choice(words.join(", "))),
            Self::Json => serde_json::from_str(text).map_err(|error| ValueError::Json(error.to_string())),
            Self::List(kind) => kind.read(text),
        }
    }
}

impl Operation {
    /// The document, which answers with `selection`.
    pub fn document(&self, selection: &str) -> String {
        let word = match self.effect {
            Effect::Query => "query",
            Effect::Mutation => "mutation",
        };
        if self.variables.is_empty() {
            return format!("{word} {{ {} {selection} }}", self.name);
        }
        let declared: Vec<String> = self.variables.iter().map(|(name, ty)| format!("${name}: {ty}")).collect();
        let given: Vec<String> = self.variables.iter().map(|(name, _)| format!("{name}: ${name}")).collect();
        format!("{word}({}) {{ {}({}) {selection} }}", declared.join(", "), self.name, given.join(", "))
    }

    /// The variables with these values of arguments.
    pub fn variables<'a>(&self, values: impl IntoIterator<Item = (&'a Argument, Value)>) -> Value {
        let mut variables = Map::new();
        for (argument, value) in values {
            put(&mut variables, &argument.place, value);
        }
        // A mutation whose members are all left out still takes an input.
        for (name, ty) in &self.variables {
            if name == "input" && ty.ends_with('!') {
                variables.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            }
        }
        Value::Object(variables)
    }
}

fn put(object: &mut Map<String, Value>, place: &[String], value: Value) {
    match place {
        [] => {}
        [last] => drop(object.insert(last.clone(), value)),
        [first, rest @ ..] => {
            let inner = object.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Every operation of the API, queries first, each in the order of its name.
pub fn operations() -> Vec<Operation> {
    // The schema is made by the same program; a test makes sure that it can be read.
    let Ok(document) = parse_schema(crate::sdl()) else { return Vec::new() };
    let mut types = BTreeMap::new();
    for definition in document.definitions {
        if let TypeSystemDefinition::Type(definition) = definition {
            types.insert(definition.node.name.node.to_string(), definition.node);
        }
    }

    let schema = Described { types };
    let mut operations = Vec::new();
    for (root, effect) in [("Query", Effect::Query), ("Mutation", Effect::Mutation)] {
        operations.extend(schema.fields(root).iter().map(|field| schema.operation(field, effect)));
    }
    operations.sort_by(|one, other| (one.effect, &one.name).cmp(&(other.effect, &other.name)));
    operations
}

struct Described {
    types: BTreeMap<String, TypeDefinition>,
}

impl Described {
    fn operation(&self, field: &FieldDefinition, effect: Effect) -> Operation {
        let mut arguments = Vec::new();
        let mut variables = Vec::new();
        for argument in &field.arguments {
            let argument = &argument.node;
            let name = argument.name.node.to_string();
            let place = vec![name.clone()];
            let shown = if name == "input" { Vec::new() } else { place.clone() };
            let need = need(&argument.ty.node);
            self.collect(argument, &shown, place, need, ARGUMENT_DEPTH, &mut arguments);
            variables.push((name, argument.ty.node.to_string()));
        }
        let selection = self.selection(named(&field.ty.node), ANSWER_DEPTH);
        Operation {
            name: field.name.node.to_string(),
            effect,
            description: text(field.description.as_ref().map(|text| text.node.as_str())),
            arguments,
            selection,
            variables,
        }
    }

    /// Adds the values that an argument consists of.
    fn collect(
        &self,
        argument: &InputValueDefinition,
        shown: &[String],
        place: Vec<String>,
        need: Need,
        depth: usize,
        into: &mut Vec<Argument>,
    ) {
        let name = named(&argument.ty.node);
        let members = match self.types.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::InputObject(object)) if is_single(&argument.ty.node) && depth > 0 => &object.fields,
            _ => {
                let description = text(argument.description.as_ref().map(|text| text.node.as_str()));
                let kind = self.kind(&argument.ty.node);
                into.push(Argument { path: shown.to_vec(), description, kind, need, place });
                return;
            }
        };
        for member in members {
            let member = &member.node;
            let word = member.name.node.to_string();
            let (mut path, mut inner) = (shown.to_vec(), place.clone());
            path.push(word.clone());
            inner.push(word);
            // A member must be given only if all objects around it must be.
            let needed = match need {
                Need::Required => self::need(&member.ty.node),
                Need::Optional => Need::Optional,
            };
            self.collect(member, &path, inner, needed, depth - 1, into);
        }
    }

    fn kind(&self, ty: &Type) -> Kind {
        let name = match &ty.base {
            BaseType::List(inner) => return Kind::List(Box::new(self.kind(inner))),
            BaseType::Named(name) => name.as_str(),
        };
        match self.types.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::Enum(words)) => {
                Kind::Choice(words.values.iter().map(|word| word.node.value.node.to_string()).collect())
            }
            Some(TypeKind::InputObject(_)) => Kind::Json,
            _ => match name {
                "Int" | "UInt8" => Kind::Number,
                "Boolean" => Kind::Boolean,
                "JSONObject" | "JSON" => Kind::Json,
                _ => Kind::Text,
            },
        }
    }

    /// The fields of a type that can be asked for without arguments. Objects are followed `depth` deep, those that only
    /// hold other records not counted.
    fn selection(&self, name: &str, depth: usize) -> String {
        let (holds, shows_secrets) = (is_holder(name), name.ends_with("MutationResponse"));
        let mut selected = String::new();
        for field in self.fields(name) {
            let (word, inner) = (field.name.node.as_str(), named(&field.ty.node));
            let asks = field.arguments.iter().any(|argument| need(&argument.node.ty.node) == Need::Required);
            if asks || (SECRETS.contains(&word) && !shows_secrets) || self.is_composite(inner) {
                continue;
            }
            if self.fields(inner).is_empty() {
                let _ = write!(selected, " {word}");
            } else if holds || (depth > 0 && !is_holder(inner)) {
                let below = self.selection(inner, if holds { depth } else { depth - 1 });
                if !below.is_empty() {
                    let _ = write!(selected, " {word} {below}");
                }
            }
        }
        if selected.is_empty() { selected } else { format!("{{{selected} }}") }
    }

    fn fields(&self, name: &str) -> Vec<&FieldDefinition> {
        match self.types.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a type has fields that depend on the value.
    fn is_composite(&self, name: &str) -> bool {
        let kind = self.types.get(name).map(|definition| &definition.kind);
        matches!(kind, Some(TypeKind::Interface(_) | TypeKind::Union(_)))
    }
}

/// Whether a type only holds other records: a page, an edge of it, or the answer of a mutation.
fn is_holder(name: &str) -> bool {
    ["Connection", "Edge", "Response"].iter().any(|end| name.ends_with(end))
}

fn need(ty: &Type) -> Need {
    if ty.nullable { Need::Optional } else { Need::Required }
}

fn is_single(ty: &Type) -> bool {
    matches!(ty.base, BaseType::Named(_))
}

/// The name of a type, or of what a list of it holds.
fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => named(inner),
    }
}

/// A description in one line.
fn text(description: Option<&str>) -> String {
    description.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(name: &str) -> Operation {
        operations().into_iter().find(|operation| operation.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn paths(operation: &Operation) -> Vec<String> {
        operation.arguments.iter().map(|argument| argument.path.join(".")).collect()
    }

    #[test]
    fn a_page_is_asked_for_with_its_records_and_without_pages_inside_of_them() {
        let selection = operation("peers").selection;
        assert!(selection.starts_with("{ pageInfo {") || selection.starts_with("{ edges {"), "{selection}");
        assert!(selection.contains("node { id ") && selection.contains("asset { id code scale"), "{selection}");
        assert_eq!(selection.matches("pageInfo").count(), 1, "{selection}");
    }

    #[test]
    fn every_operation_is_described_and_its_document_is_valid() {
        let all = operations();
        assert!(all.len() > 70, "{}", all.len());
        for operation in &all {
            let document = operation.document(&operation.selection);
            let parsed = async_graphql::parser::parse_query(&document);
            assert!(parsed.is_ok(), "{document}: {parsed:?}");
        }
    }

    #[test]
    fn members_of_the_input_are_arguments_and_needed_ones_are_known() {
        let deposit = operation("depositAssetLiquidity");
        let found: BTreeMap<String, Need> =
            deposit.arguments.iter().map(|argument| (argument.path.join("."), argument.need)).collect();
        assert_eq!((found["assetId"], found["amount"]), (Need::Required, Need::Required));
        let quote = operation("createQuote");
        assert!(paths(&quote).contains(&"debitAmount.value".to_owned()), "{:?}", paths(&quote));
        let optional = quote.arguments.iter().find(|argument| argument.path == ["debitAmount", "value"]).unwrap();
        assert_eq!(optional.need, Need::Optional, "the amount as a whole may be left out");
    }

    #[test]
    fn values_are_put_where_the_schema_wants_them() {
        let quote = operation("createQuote");
        let argument = |path: &str| quote.arguments.iter().find(|argument| argument.path.join(".") == path).unwrap();
        let values = [("walletAddressId", "w"), ("debitAmount.value", "5"), ("debitAmount.assetScale", "2")];
        let values = values.map(|(path, text)| (argument(path), argument(path).kind.read(text).unwrap()));
        let expected = serde_json::json!({
            "input": {"walletAddressId": "w", "debitAmount": {"value": "5", "assetScale": 2}},
        });
        assert_eq!(quote.variables(values), expected);
    }

    #[test]
    fn a_value_that_is_no_value_is_refused_with_what_to_write() {
        assert_eq!(Kind::Number.read("x"), Err(ValueError::Number));
        assert_eq!(Kind::Boolean.read("yes"), Err(ValueError::Boolean));
        let choice = Kind::Choice(vec!["ASC".to_owned(), "DESC".to_owned()]);
        assert_eq!(choice.read("asc"), Err(ValueError::Choice("ASC, DESC".to_owned())));
        assert!(matches!(Kind::Json.read("{"), Err(ValueError::Json(_))));
        assert_eq!(Kind::List(Box::new(Kind::Text)).read("a").unwrap(), "a");
    }

    #[test]
    fn secrets_are_asked_for_only_where_they_are_made() {
        for name in ["tenant", "tenants", "peer", "peers", "whoami"] {
            let selection = operation(name).selection;
            assert!(!SECRETS.iter().any(|secret| selection.contains(secret)), "{name}: {selection}");
        }
        assert!(operation("createWebhookEndpoint").selection.contains(" secret"));
    }
}
