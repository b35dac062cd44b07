//! "Did you mean …?" as graphql-js adds it to a refusal, for names that are not in the schema.
//!
//! The original hides such a hint where it begins with a name, and shows it where it names the kind of its names. So
//! do we: of fields, arguments and types only the end is told, values of enumerations are named.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{FieldDefinition, TypeKind, TypeSystemDefinition};
use async_graphql::{Name, Positioned};

/// This many names are suggested.
const SUGGESTED_MAX: usize = 5;
/// A hint whose names are hidden.
pub(super) const HIDDEN: &str = " [Suggestion hidden]?";
/// The types that every schema has.
const BUILT_IN: [&str; 10] = [
    "Boolean",
    "String",
    "__Directive",
    "__DirectiveLocation",
    "__EnumValue",
    "__Field",
    "__InputValue",
    "__Schema",
    "__Type",
    "__TypeKind",
];

/// The names of a schema.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    types: BTreeMap<String, Members>,
    /// Scalars that the schema uses without defining them.
    used: BTreeSet<String>,
}

/// The names in a type.
#[derive(Clone, Debug)]
enum Members {
    None,
    Values(Vec<String>),
    Inputs(Vec<String>),
    Fields { fields: BTreeMap<String, Vec<String>>, interfaces: Vec<String>, is_interface: bool },
}

impl Names {
    pub(super) fn of(sdl: &str) -> Self {
        let mut names = Self::default();
        for definition in parse_schema(sdl).map(|document| document.definitions).unwrap_or_default() {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let definition = definition.node;
            let members = match definition.kind {
                TypeKind::Enum(values) => {
                    Members::Values(values.values.iter().map(|value| value.node.value.node.to_string()).collect())
                }
                TypeKind::InputObject(object) => {
                    Members::Inputs(object.fields.iter().map(|field| field.node.name.node.to_string()).collect())
                }
                TypeKind::Object(object) => names.with_fields(&object.fields, &object.implements, false),
                TypeKind::Interface(interface) => names.with_fields(&interface.fields, &interface.implements, true),
                TypeKind::Scalar | TypeKind::Union(_) => Members::None,
            };
            names.types.insert(definition.name.node.to_string(), members);
        }
        names
    }

    fn with_fields(
        &mut self,
        fields: &[Positioned<FieldDefinition>],
        interfaces: &[Positioned<Name>],
        is_interface: bool,
    ) -> Members {
        let arguments = |field: &FieldDefinition| {
            field.arguments.iter().map(|argument| argument.node.name.node.to_string()).collect::<Vec<_>>()
        };
        let mut known = BTreeMap::new();
        for field in fields {
            let kind = field.node.ty.node.to_string();
            self.used.insert(kind.trim_matches(['[', ']', '!']).to_owned());
            known.insert(field.node.name.node.to_string(), arguments(&field.node));
        }
        let interfaces = interfaces.iter().map(|one| one.node.to_string()).collect();
        Members::Fields { fields: known, interfaces, is_interface }
    }

    /// The hint for a field that an output type does not have.
    pub(super) fn field(&self, kind: &str, field: &str) -> String {
        let types = self.types_with(kind, field);
        if !types.is_empty() {
            return hint("to use an inline fragment on ", &types);
        }
        match self.types.get(kind) {
            Some(Members::Fields { fields, .. }) => hidden(field, fields.keys().map(String::as_str)),
            _ => String::new(),
        }
    }

    /// The types that have the field, among those that `kind` may be, and their interfaces. The interface of most of
    /// them comes first.
    fn types_with(&self, kind: &str, field: &str) -> Vec<&str> {
        let is_abstract = matches!(self.types.get(kind), Some(Members::Fields { is_interface: true, .. }));
        if !is_abstract {
            return Vec::new();
        }
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, members) in &self.types {
            let Members::Fields { fields, interfaces, is_interface: false } = members else { continue };
            if !interfaces.iter().any(|one| one == kind) || !fields.contains_key(field) {
                continue;
            }
            uses.insert(name, 1);
            for interface in interfaces {
                if matches!(self.types.get(interface), Some(Members::Fields { fields, .. }) if fields.contains_key(field))
                {
                    *uses.entry(interface).or_default() += 1;
                }
            }
        }
        let mut found: Vec<(&str, usize)> = uses.into_iter().collect();
        let is_of = |a: &str, b: &str| match self.types.get(a) {
            Some(Members::Fields { interfaces, .. }) => interfaces.iter().any(|one| one == b),
            _ => false,
        };
        found.sort_by(|(a, of_a), (b, of_b)| {
            of_b.cmp(of_a).then_with(|| is_of(a, b).cmp(&is_of(b, a))).then_with(|| a.cmp(b))
        });
        found.into_iter().map(|(name, _)| name).collect()
    }

    /// The hint for an argument that a field does not have.
    pub(super) fn argument(&self, kind: &str, field: &str, argument: &str) -> String {
        match self.types.get(kind) {
            Some(Members::Fields { fields, .. }) => {
                let arguments = fields.get(field).map(Vec::as_slice).unwrap_or_default();
                hidden(argument, arguments.iter().map(String::as_str))
            }
            _ => String::new(),
        }
    }

    /// The hint for a type that the schema does not have.
    pub(super) fn kind(&self, name: &str) -> String {
        let own = self.types.keys().chain(&self.used).map(String::as_str);
        hidden(name, own.chain(BUILT_IN))
    }

    /// The hint for a member that an input type does not have.
    pub(super) fn member(&self, kind: &str, member: &str) -> String {
        match self.types.get(kind) {
            Some(Members::Inputs(members)) => hidden(member, members.iter().map(String::as_str)),
            _ => String::new(),
        }
    }

    /// The hint for a value that an enumeration does not have.
    pub(super) fn value(&self, kind: &str, value: &str) -> String {
        match self.types.get(kind) {
            Some(Members::Values(values)) => {
                hint("the enum value ", &similar(value, values.iter().map(String::as_str)))
            }
            _ => String::new(),
        }
    }
}

/// The hint for an argument that a directive does not have.
pub(super) fn directive_argument(directive: &str, argument: &str) -> String {
    let known = match directive.trim_start_matches('@') {
        "include" | "skip" => "if",
        "deprecated" => "reason",
        "specifiedBy" => "url",
        _ => return String::new(),
    };
    hidden(argument, [known].into_iter())
}

fn hidden<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> String {
    if similar(wrong, names).is_empty() { String::new() } else { HIDDEN.to_owned() }
}

fn hint(what: &str, names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().take(SUGGESTED_MAX).map(|name| format!("\"{name}\"")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => format!(" Did you mean {what}{only}?"),
        [first, second] => format!(" Did you mean {what}{first} or {second}?"),
        [others @ .., last] => format!(" Did you mean {what}{}, or {last}?", others.join(", ")),
    }
}

/// The names that are similar to a wrong one, the most similar first.
fn similar<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let at_most = wrong.encode_utf16().count() * 2 / 5 + 1;
    let near = names.filter_map(|name| distance(wrong, name, at_most).map(|distance| (distance, name)));
    let near: BTreeSet<(usize, &str)> = near.collect();
    near.into_iter().map(|(_, name)| name).collect()
}

/// How many letters must be inserted, removed, replaced, or exchanged with their neighbour, to make one word of the
/// other. Capital letters differ from small ones only if nothing else does. `None` if it is more than `at_most`.
fn distance(wrong: &str, name: &str, at_most: usize) -> Option<usize> {
    if wrong == name {
        return Some(0);
    }
    let (a, b) = (wrong.to_lowercase(), name.to_lowercase());
    if a == b {
        return Some(1);
    }
    let (a, b): (Vec<u16>, Vec<u16>) = (a.encode_utf16().collect(), b.encode_utf16().collect());
    // Also a bound of the work: a long word is compared with no name of the schema.
    if a.len().abs_diff(b.len()) > at_most {
        return None;
    }

    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().all(|cell| *cell > at_most) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|distance| *distance <= at_most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDL: &str = "
        interface Model { id: ID! }
        interface Payment { id: ID!, amount: Int }
        enum Order { ASC DESC ASCENDING }
        input Filter { state: String, order: Order, identifier: ID }
        type Asset implements Model { id: ID!, code: String, scale: Int, createdAt: String }
        type Incoming implements Model & Payment { id: ID!, amount: Int, code: String }
        type Outgoing implements Model & Payment { id: ID!, amount: Int }
        type Query {
            asset(id: ID!): Asset
            assets(filter: Filter, order: Order, first: Int): [Asset!]
            model: Model
            whoami: String
        }
    ";

    /// The hints of graphql-js 16.9 for this schema, hidden as in the original.
    #[test]
    fn hints_are_those_of_graphql_js() {
        let names = Names::of(SDL);
        let inline = |types: &str| format!(" Did you mean to use an inline fragment on {types}?");
        for (kind, field, hint) in [
            ("Query", "whoamI", HIDDEN),
            ("Query", "whoam", HIDDEN),
            ("Query", "nothing", ""),
            ("Asset", "cod", HIDDEN),
            ("Asset", "sclae", HIDDEN),
            ("Asset", "created", HIDDEN),
            ("Asset", "createdat", HIDDEN),
            ("Model", "amount", &inline("\"Payment\", \"Incoming\", or \"Outgoing\"")),
            ("Model", "code", &inline("\"Asset\" or \"Incoming\"")),
            ("Model", "scale", &inline("\"Asset\"")),
            ("Model", "ID", HIDDEN),
            ("Model", "xyz", ""),
            ("Nowhere", "xyz", ""),
        ] {
            assert_eq!(names.field(kind, field), hint, "{kind}.{field}");
        }

        for (field, argument, hint) in
            [("asset", "idd", HIDDEN), ("assets", "filtre", HIDDEN), ("assets", "limit", HIDDEN), ("model", "id", "")]
        {
            assert_eq!(names.argument("Query", field, argument), hint, "{field}({argument})");
        }
        assert_eq!([directive_argument("include", "iff"), directive_argument("@include", "condition")], [HIDDEN, ""]);
        assert_eq!(
            ["Asse", "Strange", "Strin", "Sting", "Xylophone"].map(|kind| names.kind(kind)),
            [HIDDEN, HIDDEN, HIDDEN, HIDDEN, ""]
        );
        assert_eq!([names.member("Filter", "stat"), names.member("Filter", "zzz")], [HIDDEN, ""]);

        for (value, hint) in [
            ("ACS", " Did you mean the enum value \"ASC\"?"),
            ("asc", " Did you mean the enum value \"ASC\" or \"DESC\"?"),
            ("DSEC", " Did you mean the enum value \"DESC\" or \"ASC\"?"),
            ("Desc", " Did you mean the enum value \"DESC\" or \"ASC\"?"),
            ("ASCEND", " Did you mean the enum value \"ASC\" or \"ASCENDING\"?"),
            ("UP", ""),
        ] {
            assert_eq!(names.value("Order", value), hint, "{value}");
        }
    }

    #[test]
    fn a_word_of_any_length_is_compared_at_once() {
        let names = Names::of(SDL);
        assert_eq!(names.field("Query", &"a".repeat(1 << 20)), "");
        assert_eq!(names.value("Order", &"\u{1F600}".repeat(1 << 16)), "");
    }
}
