//! The page of routes, made from their declarations in the sources: every route of every listener, and who may call it.
//!
//! It does not know which process listens where. The sources of the edges are read, without their tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{read, tracked};
use crate::rust_files;

/// The file of the page.
pub(super) const PAGE: &str = "docs/routes.md";

const OPENING: &str = "# Routes and who may call them

Every route of every listener, by the crate that serves it. What a service, a tenant and the sender of events must show is in [Service identities](service-identities.md). `cargo xtask lint` refuses a route without such a declaration, and a test of the binary calls each of these routes without a proof and with wrong ones.

This page is made of the sources by `cargo xtask docs --routes`. Do not edit it.
";

/// The page, made from the sources. A route that is added without a declaration is an error.
pub(super) fn chapter() -> Result<String, String> {
    // Files that are compiled for tests only serve stand-ins.
    let served: BTreeSet<String> =
        rust_files::read()?.into_iter().filter(|file| !file.tokens.is_empty()).map(|file| file.path).collect();
    let mut files = Vec::new();
    for pattern in ["edges/*/src/*.rs", "apps/rafiki/src/roles/*.rs"] {
        for path in tracked(pattern)?.into_iter().filter(|path| served.contains(path)) {
            let text = read(&path)?;
            files.push((path, text.split("#[cfg(test)]").next().unwrap_or(&text).to_owned()));
        }
    }
    render(&files)
}

/// The variants of `Access` with their meanings: the comments in its source.
fn meanings(files: &[(String, String)]) -> Result<BTreeMap<String, String>, String> {
    let of_access = files.iter().find(|(path, _)| path.ends_with("http-kit/src/declared.rs"));
    let (_, text) = of_access.ok_or("edges/http-kit/src/declared.rs is missing")?;
    let body = text.split("pub enum Access {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let mut found = BTreeMap::new();
    let mut comment = String::new();
    for line in body.lines().map(str::trim) {
        match line.strip_prefix("/// ") {
            Some(words) => comment.push_str(words),
            None if !line.is_empty() => {
                found.insert(line.trim_end_matches(',').to_owned(), std::mem::take(&mut comment));
            }
            None => {}
        }
    }
    Ok(found)
}

fn render(files: &[(String, String)]) -> Result<String, String> {
    let meanings = meanings(files)?;
    let mut page = OPENING.to_owned();
    page.push_str("\n## The declarations\n\n");
    for (name, meaning) in &meanings {
        let _ = writeln!(page, "- **{name}**: {meaning}");
    }
    page.push_str("\n## The routes\n\n| served by | path | declared |\n|---|---|---|\n");

    let mut rows = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("http-kit/src/declared.rs")) {
        let mut parts = path.split('/');
        let of = match (parts.next(), parts.next()) {
            (Some("apps"), Some(app)) => app,
            (_, Some(edge)) => edge,
            _ => continue,
        };
        if let Some(bare) =
            [".route(", ".route_service(", ".nest(", ".nest_service("].into_iter().find(|call| text.contains(call))
        {
            return Err(format!("{path}: a route is added with {bare}…); declare who may call it, with `declare`"));
        }
        for (route, access) in declarations(text).map_err(|told| format!("{path}: {told}"))? {
            if !meanings.contains_key(&access) {
                return Err(format!("{path}: {route} is declared as {access}, which is no kind of access"));
            }
            rows.push((of.to_owned(), route, access));
        }
    }
    rows.sort();
    rows.dedup();
    for (of, route, access) in rows {
        let _ = writeln!(page, "| `{of}` | `{route}` | {access} |");
    }
    Ok(page)
}

/// The path and the access of each declaration in a source.
fn declarations(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for call in [".declare(", ".declare_rest("] {
        for (at, _) in text.match_indices(call) {
            let rest = text[at + call.len()..].trim_start();
            let named = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
            let (path, rest) = named.ok_or("a declared path must be a text")?;
            let access = rest.trim_start_matches(',').trim_start().strip_prefix("Access::");
            let access = access.ok_or_else(|| format!("{path} must name a variant of Access"))?;
            let access: String = access.chars().take_while(|c| c.is_alphanumeric()).collect();
            found.push((path.to_owned(), access));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_found_on_one_line_and_on_several() {
        let source = "Router::new()\n.declare(\"/a\", Access::Health, get(x))\n.declare(\n    \"/b/{id}\",\n    Access::Tenant,\n    post(y),\n).declare_rest(\"/…\", Access::Peer, z)";
        let pairs = [("/a", "Health"), ("/b/{id}", "Tenant"), ("/…", "Peer")];
        let expected: Vec<_> = pairs.iter().map(|(path, access)| ((*path).to_owned(), (*access).to_owned())).collect();
        assert_eq!(declarations(source).unwrap(), expected);
        assert!(declarations(".declare(path, Access::Health, get(x))").is_err());
        assert!(declarations(".declare(\"/a\", access, get(x))").is_err());
    }
}
