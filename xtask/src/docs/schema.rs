//! The part of GraphQL's schema language that separates operations and their inputs.
//!
//! It validates nothing. The schema is compared with the running one elsewhere.

use std::collections::BTreeMap;

/// A type or input with its members in the order of the schema.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) description: String,
    pub(super) members: Vec<Member>,
}

/// A field, an argument or a value of an enumeration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) arguments: Vec<Member>,
    /// Its type, as written; empty for values of an enumeration.
    pub(super) kind: String,
    /// Why it is deprecated.
    pub(super) deprecated: Option<String>,
}

/// Every type, input and enumeration by its name.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Definition>, String> {
    let mut tokens = Tokens { rest: text };
    let mut found = BTreeMap::new();
    let mut description = String::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => description = text,
            Token::Word("type" | "input" | "enum" | "interface") => {
                let name = tokens.word()?.to_owned();
                tokens.until("{")?;
                let members = members(&mut tokens, "}")?;
                found.insert(name, Definition { description: std::mem::take(&mut description), members });
            }
            Token::Word(_) | Token::Mark(_) => description.clear(),
        }
    }
    Ok(found)
}

fn members(tokens: &mut Tokens<'_>, end: &str) -> Result<Vec<Member>, String> {
    let mut members: Vec<Member> = Vec::new();
    let mut description = String::new();
    loop {
        match tokens.next().ok_or("the schema ends within a definition")? {
            Token::Text(text) => description = text,
            Token::Mark(mark) if mark == end => return Ok(members),
            Token::Word(name) => {
                let description = std::mem::take(&mut description);
                members.push(Member { name: name.to_owned(), description, ..Member::default() });
            }
            Token::Mark("(") => last(&mut members)?.arguments = self::members(tokens, ")")?,
            Token::Mark(":") => last(&mut members)?.kind = tokens.kind(),
            Token::Mark("@") => {
                tokens.word()?;
                if tokens.rest.starts_with('(') {
                    last(&mut members)?.deprecated = Some(tokens.until(")")?);
                }
            }
            Token::Mark("=") => drop(tokens.next()),
            Token::Mark(mark) => return Err(format!("{mark} is not expected within a definition")),
        }
    }
}

fn last(members: &mut [Member]) -> Result<&mut Member, String> {
    members.last_mut().ok_or_else(|| "a type without a name".to_owned())
}

#[derive(Debug)]
enum Token<'a> {
    Word(&'a str),
    Text(String),
    Mark(&'a str),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        while self.rest.starts_with('#') {
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
        for quote in ["\"\"\"", "\""] {
            if let Some((text, rest)) = self.rest.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
                self.rest = rest;
                return Some(Token::Text(text.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
        let first = self.rest.chars().next()?;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length =
            if is_word(first) { self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()) } else { first.len_utf8() };
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(if is_word(first) { Token::Word(token) } else { Token::Mark(token) })
    }

    fn word(&mut self) -> Result<&'a str, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("a name is expected, not {other:?}")),
        }
    }

    /// Skips to the mark. Returns the text before it, without its first name and quotes.
    fn until(&mut self, mark: &str) -> Result<String, String> {
        let (skipped, rest) = self.rest.split_once(mark).ok_or_else(|| format!("{mark} is missing"))?;
        self.rest = rest;
        Ok(skipped.split_once('"').map_or("", |(_, text)| text.trim_end_matches('"')).to_owned())
    }

    /// A type in the notation of the schema: `[Name!]!`.
    fn kind(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let is_kind = |c: char| c.is_alphanumeric() || matches!(c, '_' | '[' | ']' | '!');
        let (kind, rest) = self.rest.split_at(self.rest.find(|c| !is_kind(c)).unwrap_or(self.rest.len()));
        self.rest = rest;
        kind.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_their_arguments_descriptions_and_reasons() {
        let text = "\"\"\"All.\"\"\" type Mutation { \"Makes one.\" make(\"How.\" input: MakeInput!, n: Int = 3): [X!] \
                    drop(id: ID!): X @deprecated(reason: \"Use `make`\") } enum E { A B }";
        let found = parse(text).unwrap();
        let [make, drop] = &found["Mutation"].members[..] else { panic!("{found:?}") };
        assert_eq!((make.name.as_str(), make.kind.as_str(), make.description.as_str()), ("make", "[X!]", "Makes one."));
        assert_eq!((make.arguments.len(), make.arguments[0].description.as_str()), (2, "How."));
        assert_eq!(drop.deprecated.as_deref(), Some("Use `make`"));
        assert_eq!(found["E"].members.len(), 2);
        assert!(parse("type X { a: ").is_err());
    }
}
