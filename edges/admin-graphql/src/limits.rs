//! How large a document may be: depth, cost, aliases, directives, tokens (admin-graphql section 2).
//!
//! Judged on the parsed document before anything is executed.

use std::collections::{HashMap, HashSet};

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Positioned, parser::types::Field};

const DEPTH: usize = 10;
const COST: f64 = 5000.0;
const ALIASES: usize = 15;
const DIRECTIVES: usize = 50;
const TOKENS: usize = 1000;

/// A document is larger than allowed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum TooLarge {
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
}

/// Checks the number of lexical tokens, before parsing.
pub(crate) fn check_text(text: &str) -> Result<(), TooLarge> {
    if tokens(text) > TOKENS { Err(TooLarge::Tokens) } else { Ok(()) }
}

/// Checks everything else, after parsing.
pub(crate) fn check(document: &ExecutableDocument) -> Result<(), TooLarge> {
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
    }
    Ok(())
}

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

struct Measure<'d> {
    fragments: &'d Fragments,
    fragment_depths: HashMap<&'d str, usize>,
    fragment_costs: HashMap<&'d str, f64>,
    counted: HashSet<&'d str>,
    aliases: usize,
    directives: usize,
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
        // Also what a fragment counts within itself; such a document is refused by validation.
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
}

fn is_schema(field: &Positioned<Field>) -> bool {
    field.node.name.node == "__schema"
}

/// Lexical tokens of a GraphQL text. Counts at least one for anything that is none, so that nothing slips through.
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

/// The octets of the string that `bytes` begin with, quotes included.
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

    fn checked(text: &str) -> Result<(), TooLarge> {
        check(&parse_query(text).unwrap())
    }

    fn nested(levels: usize) -> String {
        format!("query {}{}", "{ a ".repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn the_tenth_level_is_the_last() {
        assert_eq!(checked(&nested(10)), Ok(()));
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
        assert_eq!(aliases("x", 15), Ok(()));
        assert_eq!(aliases("x", 16), Err(TooLarge::Aliases(16)));
        assert_eq!(aliases("__typename", 40), Ok(()));
    }

    #[test]
    fn a_fragment_within_itself_ends() {
        assert_eq!(checked("{ ...F } fragment F on X { a { ...F } }"), Ok(()));
    }

    #[test]
    fn tokens_are_counted_without_comments_and_strings_count_once() {
        assert_eq!(tokens("query Q($a: Int = 1.5) { f(x: \"a b c\", y: $a) ...G } # and more"), 24);
        assert_eq!(tokens("\"\"\"a \" b\"\"\" c"), 2);
        assert_eq!(tokens("\"open"), 1);
    }
}
