//! Whether a request reads or writes. In doubt it writes.
//!
//! It knows the APIs of Rafiki: Open Payments, GraphQL, token introspection.

use serde_json::Value;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

impl Purpose {
    /// The purpose of a request. `path` may have a query.
    pub fn of(method: &str, path: &str, body: &[u8]) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        match method {
            "GET" | "HEAD" | "OPTIONS" => Self::Read,
            "POST" if path.trim_end_matches('/').ends_with("/introspect") => Self::Read,
            "POST" if path == "/" && asks_about_a_token(body) => Self::Read,
            "POST" if reads_by_graphql(body) => Self::Read,
            _ => Self::Write,
        }
    }
}

/// Introspection names a token. A request for a grant has there an object that describes one.
fn asks_about_a_token(body: &[u8]) -> bool {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return false };
    matches!(body.get("access_token"), Some(Value::String(_)))
}

fn reads_by_graphql(body: &[u8]) -> bool {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return false };
    let Some(Value::String(document)) = body.get("query") else { return false };
    operations(document).all(|word| matches!(word, "query" | "fragment"))
}

/// The words at the beginnings of definitions. A document without any is one query.
pub(crate) fn operations(document: &str) -> impl Iterator<Item = &str> {
    let (mut rest, mut depth, mut in_head) = (document, 0_u32, false);
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == '\u{feff}');
            let first = rest.chars().next()?;
            let end = match first {
                '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
                '"' => end_of_string(rest),
                c if is_of_word(c) => rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len()),
                other => other.len_utf8(),
            };
            let (token, after) = rest.split_at(end);
            rest = after;
            match first {
                '{' | '(' | '[' => {
                    depth = depth.saturating_add(1);
                    in_head = true;
                }
                '}' | ')' | ']' => {
                    depth = depth.saturating_sub(1);
                    in_head = !(first == '}' && depth == 0);
                }
                c if is_of_word(c) && depth == 0 && !in_head => {
                    in_head = true;
                    return Some(token);
                }
                _ => {}
            }
        }
    })
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The rest after the string at the beginning; nothing if the string has no end.
fn end_of_string(text: &str) -> usize {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        return block.find("\"\"\"").map_or(text.len(), |end| end + 6);
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_document(document: &str) -> Purpose {
        Purpose::of("POST", "/graphql", serde_json::json!({ "query": document }).to_string().as_bytes())
    }

    #[test]
    fn graphql_reads_only_if_every_operation_is_a_query() {
        for read in [
            "{ peers { id } }",
            "query Peers($a: Int = 1) @x { peers(first: $a) { id } }",
            "fragment F on Peer { mutation } query A { peer(id: \"mutation {\") { ...F } }",
            "# mutation\nquery { a }",
            "query A { a } query B { mutation }",
            "query ($in: I = {a: 1}) { a }",
        ] {
            assert_eq!(of_document(read), Purpose::Read, "{read}");
        }
        for write in [
            "mutation { a }",
            "query A { a } mutation B { b }",
            "{ a } mutation B { b }",
            "\u{feff}, mutation M { a }",
            "query ($in: I = {a: 1}) { a } mutation { b }",
            "# x\r mutation { a }",
            "query { a(x: \"\"\" } \"\"\") } mutation { b }",
            "subscription { a }",
        ] {
            assert_eq!(of_document(write), Purpose::Write, "{write}");
        }
    }

    #[test]
    fn other_requests_read_by_their_method() {
        for (method, path, purpose) in [
            ("GET", "/quotes/1?x", Purpose::Read),
            ("HEAD", "/", Purpose::Read),
            ("POST", "/quotes", Purpose::Write),
            ("POST", "/tenant/introspect", Purpose::Read),
            ("DELETE", "/token/1", Purpose::Write),
            ("PROPFIND", "/", Purpose::Write),
        ] {
            assert_eq!(Purpose::of(method, path, b"{}"), purpose, "{method} {path}");
        }
        assert_eq!(Purpose::of("POST", "/graphql", b"[{\"query\":\"{a}\"}]"), Purpose::Write);
    }

    #[test]
    fn a_question_about_a_token_reads_and_a_request_for_a_grant_writes() {
        for (method, path, body, purpose) in [
            ("POST", "/", r#"{"access_token":"7D1B"}"#, Purpose::Read),
            ("POST", "/?x", r#"{"access_token":"7D1B","access":[]}"#, Purpose::Read),
            ("POST", "/", r#"{"access_token":{"access":[]},"client":"https://c.example"}"#, Purpose::Write),
            ("POST", "/", r#"[{"access_token":"7D1B"}]"#, Purpose::Write),
            ("POST", "/", "access_token=7D1B", Purpose::Write),
            ("POST", "/quotes", r#"{"access_token":"7D1B"}"#, Purpose::Write),
            ("DELETE", "/", r#"{"access_token":"7D1B"}"#, Purpose::Write),
        ] {
            assert_eq!(Purpose::of(method, path, body.as_bytes()), purpose, "{method} {path} {body}");
        }
    }
}
