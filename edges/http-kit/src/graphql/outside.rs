//! Limits of a client's texts, lists and nesting in a GraphQL request, for variables and literals.
//!
//! One check covers the whole request, so a new argument needs no further code. The size of the whole document is
//! limited in `limits.rs`.

use async_graphql::parser::types::{Directive, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use outside_text::{Bounds, Unfit, check_json};
use serde::Serialize;

/// The deepest nesting of brackets in a document. The parser recurses once for each.
const NESTING_MAX: usize = 64;

/// Why the text of a document is not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnfitText {
    #[error("Syntax Error: Brackets must not be nested deeper than {NESTING_MAX} levels.")]
    Nesting,
    #[error("Syntax Error: Write the character itself instead of \\u escapes of surrogates.")]
    Surrogate,
}

/// Checks what the parser cannot handle: deep nesting, and escaped surrogates (it reads one escape at a time).
pub(super) fn check_text(text: &str) -> Result<(), UnfitText> {
    let (mut depth, mut rest) = (0_usize, text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = match first {
            b'#' => &after[after.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(after.len())..],
            b'"' => after_string(rest)?,
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > NESTING_MAX {
                    return Err(UnfitText::Nesting);
                }
                after
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                after
            }
            _ => after,
        };
    }
    Ok(())
}

/// The text after the string at the beginning of `text`.
fn after_string(text: &[u8]) -> Result<&[u8], UnfitText> {
    if let Some(mut block) = text.strip_prefix(b"\"\"\"") {
        while !block.is_empty() && !block.starts_with(b"\"\"\"") {
            // Only this escape exists in a block string.
            block = block.strip_prefix(b"\\\"\"\"").unwrap_or(&block[1..]);
        }
        return Ok(block.get(3..).unwrap_or_default());
    }
    let mut rest = &text[1..];
    loop {
        rest = match rest {
            [] => return Ok(rest),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => {
                return Err(UnfitText::Surrogate);
            }
            [b'\\', _, after @ ..] | [_, after @ ..] => after,
        };
    }
}

/// Checks the variables of a request.
pub(super) fn check_variables(variables: &serde_json::Value) -> Result<(), Unfit> {
    check_json("variables", variables, Bounds::REQUEST)
}

/// Checks every literal of a document.
pub(super) fn check_document(document: &ExecutableDocument) -> Result<(), Unfit> {
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        for variable in &operation.variable_definitions {
            let default = variable.node.default_value.as_ref();
            default.map_or(Ok(()), |default| check_value(&variable.node.name.node, &default.node))?;
            check_directives(&variable.node.directives)?;
        }
        check_directives(&operation.directives)?;
        check_selections(&operation.selection_set.node)?;
    }
    for fragment in document.fragments.values() {
        check_directives(&fragment.node.directives)?;
        check_selections(&fragment.node.selection_set.node)?;
    }
    Ok(())
}

fn check_selections(set: &SelectionSet) -> Result<(), Unfit> {
    set.items.iter().try_for_each(|selection| {
        check_directives(selection.node.directives())?;
        match &selection.node {
            Selection::Field(field) => {
                check_arguments(&field.node.arguments)?;
                check_selections(&field.node.selection_set.node)
            }
            Selection::InlineFragment(inline) => check_selections(&inline.node.selection_set.node),
            Selection::FragmentSpread(_) => Ok(()),
        }
    })
}

fn check_directives(directives: &[Positioned<Directive>]) -> Result<(), Unfit> {
    directives.iter().try_for_each(|directive| check_arguments(&directive.node.arguments))
}

fn check_arguments<V: Serialize>(arguments: &[(Positioned<Name>, Positioned<V>)]) -> Result<(), Unfit> {
    arguments.iter().try_for_each(|(name, value)| check_value(&name.node, &value.node))
}

fn check_value(name: &Name, value: &impl Serialize) -> Result<(), Unfit> {
    // Here a variable is only a name. Its value was checked with the other variables.
    let literal = serde_json::to_value(value).unwrap_or_default();
    check_json(name, &literal, Bounds::REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    #[test]
    fn nesting_is_counted_outside_of_strings_and_comments() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check_text(&nested(64)), Ok(()));
        assert_eq!(check_text(&nested(65)), Err(UnfitText::Nesting));
        assert_eq!(check_text(&"[]".repeat(100)), Ok(()));
        for hidden in [
            format!("\"{}\"", nested(99)),
            format!("# {}\n", nested(99)),
            format!("\"\"\"\\\"\"\"{}\"\"\"", nested(99)),
        ] {
            assert_eq!(check_text(&hidden), Ok(()), "{hidden}");
        }
        assert_eq!(check_text(&format!("\"\\\"\" {}", nested(99))), Err(UnfitText::Nesting));
    }

    #[test]
    fn escapes_the_parser_would_stumble_over_are_found_first() {
        for text in [r#"{ a(b: "\ud800") }"#, r#"{ a(b: "x\uDFFF") }"#, r#"{ a(b: "\ud83d\ude00") }"#] {
            assert_eq!(check_text(text), Err(UnfitText::Surrogate), "{text}");
        }
        for text in [r#"{ a(b: "\u00e9\ud7ff\\ud800") }"#, r#"{ a(b: """\ud800""") }"#, "# \\ud800", "\"open"] {
            assert_eq!(check_text(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_literal_is_checked_wherever_it_stands() {
        for text in [
            r#"{ a(b: "\u0000") }"#,
            r#"{ a { b(c: [{ d: "\u0000" }]) } }"#,
            r#"query($a: String = "\u0000") { b(c: $a) }"#,
            r#"{ a @include(if: "\u0000") }"#,
            r#"query @x(a: "\u0000") { a }"#,
            r#"{ ...F } fragment F on X { a(b: "\u0000") }"#,
            r#"{ ... on X { a(b: "\u0000") } }"#,
        ] {
            let unfit = check_document(&parse_query(text).unwrap()).unwrap_err();
            assert!(unfit.to_string().ends_with("must not contain the character U+0000"), "{text}: {unfit}");
        }
        assert_eq!(check_document(&parse_query(r#"query($a: X) { b(c: $a, d: "e") }"#).unwrap()), Ok(()));
    }
}
