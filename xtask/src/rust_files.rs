//! The Rust files of every crate as plain tokens, without comments, and with test code separated.
//!
//! It is not a parser. The checks look for names and paths, and tokens are enough for that, also inside macros.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::command::{capture, program, root};

/// One token. A group is its opening, its content and its closing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Name(String),
    Sign(char),
    Text(String),
}

/// One Rust file.
#[derive(Debug)]
pub(crate) struct RustFile {
    /// From the root of the workspace.
    pub(crate) path: String,
    /// The folder of its crate.
    pub(crate) krate: String,
    /// Its place in the tree of modules; empty for `lib.rs` and `main.rs`. `None` outside of `src`.
    pub(crate) module: Option<Vec<String>>,
    /// The code that is compiled without tests.
    pub(crate) tokens: Vec<Token>,
    /// The code that is compiled for tests only.
    pub(crate) test_tokens: Vec<Token>,
}

/// Every tracked Rust file of the workspace.
pub(crate) fn read() -> Result<Vec<RustFile>, String> {
    let list = capture(&mut program("git", &["ls-files", "--cached", "--others", "--exclude-standard"]))
        .ok_or("git ls-files failed")?;
    let crates: Vec<&str> = list.lines().filter_map(|path| path.strip_suffix("/Cargo.toml")).collect();
    let mut files = Vec::new();
    for path in list.lines().filter(|path| std::path::Path::new(path).extension().is_some_and(|found| found == "rs")) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        let Some(krate) = crates.iter().find(|krate| path.starts_with(&format!("{krate}/"))) else { continue };
        files.push(RustFile::of(path, krate, &text)?);
    }
    keep_test_files_apart(&mut files);
    Ok(files)
}

impl RustFile {
    pub(crate) fn of(path: &str, krate: &str, text: &str) -> Result<Self, String> {
        let stream = TokenStream::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        let mut all = Vec::new();
        flatten(stream, &mut all);
        let (tokens, test_tokens) = without_tests(&all);
        let inside = path.strip_prefix(&format!("{krate}/")).unwrap_or(path);
        let module = inside.strip_prefix("src/").map(module_of);
        let mut file = Self { path: path.to_owned(), krate: krate.to_owned(), module, tokens, test_tokens };
        if file.module.is_none() {
            file.be_test();
        }
        Ok(file)
    }

    /// Notes that the whole file is compiled for tests only.
    fn be_test(&mut self) {
        self.test_tokens.append(&mut self.tokens);
    }
}

fn module_of(inside: &str) -> Vec<String> {
    let stem = inside.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") {
        return Vec::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                into.push(Token::Sign(open));
                flatten(group.stream(), into);
                into.push(Token::Sign(close));
            }
            TokenTree::Ident(name) => into.push(Token::Name(name.to_string())),
            TokenTree::Punct(sign) => into.push(Token::Sign(sign.as_char())),
            TokenTree::Literal(text) => into.push(Token::Text(text.to_string())),
        }
    }
}

/// Splits off every item marked `#[cfg(test)]`.
fn without_tests(all: &[Token]) -> (Vec<Token>, Vec<Token>) {
    let (mut tokens, mut tests) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < all.len() {
        if is_test_mark(&all[at..]) {
            let end = item_end(all, at);
            tests.extend_from_slice(&all[at..end]);
            at = end;
        } else {
            tokens.push(all[at].clone());
            at += 1;
        }
    }
    (tokens, tests)
}

fn is_test_mark(tokens: &[Token]) -> bool {
    let mark = [
        Token::Sign('#'),
        Token::Sign('['),
        Token::Name("cfg".into()),
        Token::Sign('('),
        Token::Name("test".into()),
        Token::Sign(')'),
        Token::Sign(']'),
    ];
    tokens.starts_with(&mark)
}

/// The end of the item that begins with attributes at `start`: after its `;`, or after its outermost braces.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *token == Token::Sign('}') {
                    return at + 1;
                }
            }
            Token::Sign(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A file declared with `#[cfg(test)] mod name;` is test code, and so are the files below it.
fn keep_test_files_apart(files: &mut [RustFile]) {
    let mut test_modules: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for file in files.iter() {
        let Some(module) = &file.module else { continue };
        for window in file.test_tokens.windows(3) {
            if let [Token::Name(word), Token::Name(name), Token::Sign(';')] = window
                && word == "mod"
            {
                let mut child = module.clone();
                child.push(name.clone());
                test_modules.entry(file.krate.clone()).or_default().insert(child);
            }
        }
    }
    for file in files {
        let (Some(module), Some(marked)) = (&file.module, test_modules.get(&file.krate)) else { continue };
        if marked.iter().any(|test| module.starts_with(test)) {
            file.be_test();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_code_is_kept_apart() {
        let text = "fn a() {} #[cfg(test)] mod tests { fn b() {} } #[cfg(test)] mod more; fn c() {}";
        let file = RustFile::of("x/src/y.rs", "x", text).unwrap();
        let named = |tokens: &[Token], name: &str| tokens.contains(&Token::Name(name.into()));
        assert!(named(&file.tokens, "a") && named(&file.tokens, "c") && !named(&file.tokens, "b"));
        assert!(named(&file.test_tokens, "b") && named(&file.test_tokens, "more"));
    }
}
