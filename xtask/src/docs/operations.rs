//! The chapter that lists the Admin API's operations, made from the schema in the repository.
//!
//! How the API is called is a chapter of its own, written by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::read;
use super::schema::{Definition, Member, parse};

/// The file of the chapter.
pub(super) const PAGE: &str = "docs/admin-operations.md";

const SCHEMA: &str = "adapters/admin-client/schema/backend.graphql";

/// The additions of the listener to that schema.
const ADDITIONS: &str = "edges/admin-graphql/additions.graphql";

/// The list of operations that are in the schema and not in the listener.
const COMPARISON: &str = "edges/admin-graphql/tests/api/schema.rs";

const OPENING: &str = "# Operations of the Admin API

Every query and mutation of the schema, with its arguments. The files are
[`backend.graphql`](../adapters/admin-client/schema/backend.graphql), the schema of Rafiki 2.4, and
[`additions.graphql`](../edges/admin-graphql/additions.graphql), what is added to it; a test compares both with what
the listener answers. How a request is signed and what errors mean stands in
[The Admin API](admin-api.md). `!` marks what must be given.

This page is made by `cargo xtask docs --operations`. Do not edit it.
";

/// The chapter, made from the schema.
pub(super) fn chapter() -> Result<String, String> {
    let parsed = |path: &str| parse(&read(path)?).map_err(|problem| format!("{path}: {problem}"));
    let mut schema = parsed(SCHEMA)?;
    for (name, added) in parsed(ADDITIONS)? {
        schema.entry(name).or_default().members.extend(added.members);
    }
    render(&schema, &read(COMPARISON)?)
}

/// `comparison` is source code that names missing operations as `"Mutation.name"`.
fn render(schema: &BTreeMap<String, Definition>, comparison: &str) -> Result<String, String> {
    let mut page = OPENING.to_owned();
    let mut inputs = BTreeSet::new();
    for (root, title) in [("Query", "Queries"), ("Mutation", "Mutations")] {
        let definition = schema.get(root).ok_or_else(|| format!("the schema has no {root}"))?;
        let _ = write!(page, "\n## {title}\n");
        for operation in &definition.members {
            let _ = write!(page, "\n### {}\n\n", operation.name);
            if comparison.contains(&format!("\"{root}.{}\"", operation.name)) {
                page.push_str("In the schema of the original; this release does not answer it yet.\n\n");
            }
            sentence(&mut page, &operation.description);
            if let Some(reason) = &operation.deprecated {
                let _ = write!(page, "Deprecated: {reason}.\n\n");
            }
            let _ = writeln!(page, "Answers `{}`.", operation.kind);
            table(&mut page, "argument", &operation.arguments, schema, &mut inputs);
        }
    }

    let _ = write!(page, "\n## Inputs\n");
    let mut shown = BTreeSet::new();
    while let Some(name) = inputs.pop_first() {
        if !shown.insert(name.clone()) {
            continue;
        }
        let Some(definition) = schema.get(&name) else { continue };
        let _ = write!(page, "\n### {name}\n\n");
        sentence(&mut page, &definition.description);
        let mut further = BTreeSet::new();
        table(&mut page, "member", &definition.members, schema, &mut further);
        inputs.extend(further.into_iter().filter(|name| !shown.contains(name)));
    }
    Ok(page)
}

fn sentence(page: &mut String, text: &str) {
    if !text.is_empty() {
        let _ = write!(page, "{text}\n\n");
    }
}

fn table(
    page: &mut String,
    what: &str,
    members: &[Member],
    schema: &BTreeMap<String, Definition>,
    inputs: &mut BTreeSet<String>,
) {
    if members.is_empty() {
        return;
    }
    if !page.ends_with("\n\n") {
        page.push('\n');
    }
    let _ = write!(page, "| {what} | type | meaning |\n|---|---|---|\n");

    for member in members {
        let name = member.kind.trim_matches(['[', ']', '!']);
        let kind = if schema.contains_key(name) {
            inputs.insert(name.to_owned());
            format!("[`{}`](#{})", member.kind, name.to_lowercase())
        } else if member.kind.is_empty() {
            String::new()
        } else {
            format!("`{}`", member.kind)
        };
        let _ = writeln!(page, "| `{}` | {kind} | {} |", member.name, member.description.replace('|', "\\|"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_shown_with_its_input() {
        let schema =
            parse("type Query { a: X } type Mutation { make(input: MakeInput!): X } input MakeInput { id: ID! }");
        let page = render(&schema.unwrap(), "\"Query.a\",").unwrap();
        assert!(page.contains("### a\n\nIn the schema of the original; this release"), "{page}");
        assert!(page.contains("### make\n\nAnswers `X`."), "{page}");
        assert!(page.contains("| `input` | [`MakeInput!`](#makeinput) |"), "{page}");
        assert!(
            page.contains("### MakeInput\n\n| member | type | meaning |\n|---|---|---|\n| `id` | `ID!` |"),
            "{page}"
        );
    }
}
