//! Limits of a document: depth, cost, aliases, directives, tokens.
//!
//! They are checked on the parsed document before anything is executed. Introspection has its own limits, because the
//! usual query of tools is deep and cheap.

use std::collections::{HashMap, HashSet};

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Positioned, parser::types::Field};

const DEPTH: usize = 10;
const COST: f64 = 5000.0;
const ALIASES: usize = 15;
const DIRECTIVES: usize = 50;
const TOKENS: usize = 1000;
/// How many lists of the schema may be nested. Each multiplies the size of the answer. Tools need two.
const SCHEMA_LISTS: usize = 3;
/// The lists of the schema that contain types again.
const SCHEMA_LIST_FIELDS: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];

/// A document is larger than allowed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum TooLarge {
    #[error("Syntax Error: Query depth limit of {DEPTH} exceeded, found {0}.")]
    Depth(usize),
    #[error("Syntax Error: Query Cost limit of {COST} exceeded, found {0}.")]
    Cost(f64),
    #[error("Syntax Error: Aliases limit of {ALIASES} exceeded, found {0}.")]
    Aliases(usize),
    #[error("Syntax Error: Directives limit of {DIRECTIVES} exceeded, found {0}.")]
    Directives(usize),
    #[error("Syntax Error: Token limit of {TOKENS} exceeded.")]
    Tokens,
    #[error("Maximum introspection depth exceeded")]
    Introspection,
}

/// Checks the number of lexical tokens, before parsing.
pub(super) fn check_text(text: &str) -> Result<(), TooLarge> {
    if tokens(text) > TOKENS { Err(TooLarge::Tokens) } else { Ok(()) }
}

/// Checks everything else, after parsing. Returns whether the document queries the schema.
pub(super) fn check(document: &ExecutableDocument) -> Result<bool, TooLarge> {
    let mut asks_for_schema = false;
    for (_, operation) in document.operations.iter() {
        let selection = &operation.node.selection_set.node;
        let mut measure = Measure::new(&document.fragments);
        measure.directives = operation.node.directives.len();

        let depth = measure.depth(selection, 0);
        if depth > DEPTH {
            return Err(TooLarge::Depth(depth));
        }
        let cost = measure.cost(selection);
        if cost > COST {
            return Err(TooLarge::Cost(cost));
        }

        measure.count(selection);
        if measure.aliases > ALIASES {
            return Err(TooLarge::Aliases(measure.aliases));
        }
        if measure.directives > DIRECTIVES {
            return Err(TooLarge::Directives(measure.directives));
        }
        if measure.schema_lists > SCHEMA_LISTS {
            return Err(TooLarge::Introspection);
        }

        asks_for_schema |= measure.asks_for_schema;
    }
    Ok(asks_for_schema)
}

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

struct Measure<'d> {
    fragments: &'d Fragments,
    fragment_depths: HashMap<&'d str, usize>,
    fragment_costs: HashMap<&'d str, f64>,
    counted: HashSet<&'d str>,
    aliases: usize,
    directives: usize,
    asks_for_schema: bool,
    schema_lists: usize,
    fragment_lists: HashMap<&'d str, usize>,
}

impl<'d> Measure<'d> {
    fn new(fragments: &'d Fragments) -> Self {
        Self {
            fragments,
            fragment_depths: HashMap::new(),
            fragment_costs: HashMap::new(),
            counted: HashSet::new(),
            aliases: 0,
            directives: 0,
            asks_for_schema: false,
            schema_lists: 0,
            fragment_lists: HashMap::new(),
        }
    }

    /// The deepest level reached below `above`.
    fn depth(&mut self, set: &'d SelectionSet, above: usize) -> usize {
        let mut deepest = above;
        for selection in &set.items {
            let reached = match &selection.node {
                Selection::Field(field) if is_schema(field) => above,
                Selection::Field(field) => self.depth(&field.node.selection_set.node, above + 1),
                Selection::InlineFragment(inline) => self.depth(&inline.node.selection_set.node, above + 1),
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    above + 2 + self.fragment_depth(name)
                }
            };
            deepest = deepest.max(reached);
        }
        deepest
    }

    fn fragment_depth(&mut self, name: &'d str) -> usize {
        if let Some(known) = self.fragment_depths.get(name) {
            return *known;
        }
        // Also the case of a fragment that contains itself. Validation refuses such a document.
        self.fragment_depths.insert(name, 0);
        let fragments = self.fragments;
        let depth = fragments.get(name).map_or(0, |fragment| self.depth(&fragment.node.selection_set.node, 0));
        self.fragment_depths.insert(name, depth);
        depth
    }

    fn cost(&mut self, set: &'d SelectionSet) -> f64 {
        set.items.iter().map(|selection| self.selection_cost(&selection.node)).sum()
    }

    fn selection_cost(&mut self, selection: &'d Selection) -> f64 {
        match selection {
            Selection::Field(field) if is_schema(field) => 0.0,
            Selection::Field(field) if field.node.selection_set.node.items.is_empty() => 1.0,
            Selection::Field(field) => 2.0 + 1.5 * self.cost(&field.node.selection_set.node),
            Selection::InlineFragment(inline) => 2.0 + 1.5 * self.cost(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                1.0 + 1.5 * self.fragment_cost(spread.node.fragment_name.node.as_str())
            }
        }
    }

    fn fragment_cost(&mut self, name: &'d str) -> f64 {
        if let Some(known) = self.fragment_costs.get(name) {
            return *known;
        }
        self.fragment_costs.insert(name, 0.0);
        let fragments = self.fragments;
        let within = fragments.get(name).map_or(0.0, |fragment| self.cost(&fragment.node.selection_set.node));
        let cost = 2.0 + 1.5 * within;
        self.fragment_costs.insert(name, cost);
        cost
    }

    fn count(&mut self, set: &'d SelectionSet) {
        for selection in &set.items {
            self.directives += selection.node.directives().len();
            match &selection.node {
                Selection::Field(field) if is_schema(field) => {
                    self.asks_for_schema = true;
                    self.schema_lists = self.schema_lists.max(self.lists(&field.node.selection_set.node));
                }
                Selection::Field(field) => {
                    let named = field.node.alias.is_some() && field.node.name.node != "__typename";
                    self.aliases += usize::from(named);
                    self.count(&field.node.selection_set.node);
                }
                Selection::InlineFragment(inline) => self.count(&inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    let fragments = self.fragments;
                    if let Some(fragment) = fragments.get(name).filter(|_| self.counted.insert(name)) {
                        self.count(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    /// The deepest nesting of lists of the schema.
    fn lists(&mut self, set: &'d SelectionSet) -> usize {
        let deepest = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => {
                let is_list = SCHEMA_LIST_FIELDS.contains(&field.node.name.node.as_str());
                usize::from(is_list) + self.lists(&field.node.selection_set.node)
            }
            Selection::InlineFragment(inline) => self.lists(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => self.fragment_lists(spread.node.fragment_name.node.as_str()),
        });
        deepest.max().unwrap_or(0)
    }

    fn fragment_lists(&mut self, name: &'d str) -> usize {
        if let Some(known) = self.fragment_lists.get(name) {
            return *known;
        }
        self.fragment_lists.insert(name, 0);
        let fragments = self.fragments;
        let lists = fragments.get(name).map_or(0, |fragment| self.lists(&fragment.node.selection_set.node));
        self.fragment_lists.insert(name, lists);
        lists
    }
}

fn is_schema(field: &Positioned<Field>) -> bool {
    matches!(field.node.name.node.as_str(), "__schema" | "__type")
}

/// Lexical tokens of a GraphQL text. Octets that are not a token count as one, so nothing is missed.
fn tokens(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
    let (mut at, mut count) = (0, 0);

    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => at += 1,
            b'#' => at += bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len() - at),
            b'"' => {
                at += string_length(&bytes[at..]);
                count += 1;
            }
            b'.' if bytes[at..].starts_with(b"...") => {
                at += 3;
                count += 1;
            }
            byte if is_word(byte) => {
                at += bytes[at..].iter().position(|byte| !is_word(*byte) && *byte != b'.').unwrap_or(bytes.len() - at);
                count += 1;
            }
            _ => {
                at += 1;
                count += 1;
            }
        }
    }
    count
}

/// The length in octets of the string at the beginning of `bytes`, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let (quotes, start): (&[u8], usize) = if bytes.starts_with(b"\"\"\"") { (b"\"\"\"", 3) } else { (b"\"", 1) };
    let mut at = start;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at..].starts_with(quotes) {
            return at + quotes.len();
        } else {
            at += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    fn checked(text: &str) -> Result<bool, TooLarge> {
        check(&parse_query(text).unwrap())
    }

    fn nested(levels: usize) -> String {
        format!("query {}{}", "{ a ".repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn the_tenth_level_is_the_last() {
        assert_eq!(checked(&nested(10)), Ok(false));
        assert_eq!(checked(&nested(11)), Err(TooLarge::Depth(11)));
        let spread = "query { a { b { c { d { e { f { g { ...F } } } } } } } } fragment F on X { h { i } }";
        assert_eq!(checked(spread), Err(TooLarge::Depth(11)));
    }

    #[test]
    fn the_documented_example_costs_what_is_documented() {
        let payments = "incomingPayments { edges { node { a b c d e f g } } }";
        let aliased: Vec<_> = (0..50).map(|n| format!("p{n}: {payments}")).collect();
        let text = format!("{{ walletAddresses {{ edges {{ node {{ {} }} }} }} }}", aliased.join(" "));
        let document = parse_query(&text).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let cost = Measure::new(&document.fragments).cost(&operation.node.selection_set.node);
        assert!(cost > 5000.0, "{cost}");
        assert!(matches!(check(&document), Err(TooLarge::Cost(_))));
    }

    #[test]
    fn aliases_are_counted_and_typename_is_not() {
        let aliases = |name: &str, n: usize| {
            let fields: Vec<_> = (0..n).map(|i| format!("a{i}: {name}")).collect();
            checked(&format!("{{ {} }}", fields.join(" ")))
        };
        assert_eq!(aliases("x", 15), Ok(false));
        assert_eq!(aliases("x", 16), Err(TooLarge::Aliases(16)));
        assert_eq!(aliases("__typename", 40), Ok(false));
    }

    /// What `getIntrospectionQuery` of graphql-js writes, and with it most tools.
    const STOCK: &str = include_str!("../../../../proof/published-schema/stock_introspection.graphql");

    #[test]
    fn the_stock_introspection_query_of_tools_is_within_every_limit() {
        assert_eq!(check_text(STOCK), Ok(()));
        assert_eq!(checked(STOCK), Ok(true));
        assert_eq!(checked("{ __type(name: \"Grant\") { name } }"), Ok(true));
        assert_eq!(checked("{ grant { ...F } } fragment F on Query { __schema { types { name } } }"), Ok(true));
    }

    #[test]
    fn the_schema_cannot_be_asked_for_its_own_multiples() {
        let nested = |lists: usize| {
            let inner = "fields { type { ".repeat(lists);
            checked(&format!("{{ __schema {{ types {{ {inner} name {} }} }} }}", "}".repeat(2 * lists)))
        };
        assert_eq!(nested(3), Ok(true));
        assert_eq!(nested(4), Err(TooLarge::Introspection));
    }

    #[test]
    fn a_fragment_within_itself_ends() {
        assert_eq!(checked("{ ...F } fragment F on X { a { ...F } }"), Ok(false));
    }

    #[test]
    fn tokens_are_counted_without_comments_and_strings_count_once() {
        assert_eq!(tokens("query Q($a: Int = 1.5) { f(x: \"a b c\", y: $a) ...G } # and more"), 24);
        assert_eq!(tokens("\"\"\"a \" b\"\"\" c"), 2);
        assert_eq!(tokens("\"open"), 1);
    }
}
