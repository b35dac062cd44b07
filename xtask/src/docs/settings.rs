//! The chapter of environment variables, made from the source of `apps/config`.
//!
//! The meaning of a variable is the comment of the field that it fills. Its default is the value that the reader gets
//! with the name. A variable that fills no field must have a comment with the reason why it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::shown_by::{ShownBy, shown_by};
use super::{read, tracked};

/// The file of the chapter.
pub(super) const PAGE: &str = "docs/settings.md";

/// The sections, each with the role's name on the command line.
const ROLES: [(&str, &str); 8] = [
    ("Backend", "backend"),
    ("Auth", "auth"),
    ("Wallet", "wallet"),
    ("CardService", "card-service"),
    ("PointOfSale", "point-of-sale"),
    ("Console", "console"),
    ("Rates", "rates"),
    ("Shop", "shop"),
];

const OPENING: &str = "# Settings

Every environment variable of the eight roles. `rafiki config check` says what is wrong with an environment without starting anything. A variable that is set to nothing counts as unset. Of the variables of Rafiki 2.4 the last column names tests that show the effect.

This page is made of the source of `apps/config` by `cargo xtask docs --settings`. Do not edit it.
";

/// The assumption if a variable is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Absent {
    /// Nothing is assumed.
    #[default]
    None,
    /// A use that the comment explains.
    Told,
    /// This value.
    Value(String),
    /// The role does not start without it.
    Required,
}

/// The text of a comment about a variable, and whether it is certainly about this variable.
#[derive(Debug)]
struct Meaning {
    text: String,
    certain: bool,
}

impl Absent {
    fn shown(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Told => "see there".to_owned(),
            Self::Value(value) => format!("`{value}`"),
            Self::Required => "must be set".to_owned(),
        }
    }
}

/// The chapter, made from the source.
pub(super) fn chapter() -> Result<String, String> {
    let mut files = Vec::new();
    for path in tracked("apps/config/src/*.rs")? {
        let text = read(&path)?;
        let text = text.split("#[cfg(test)]").next().unwrap_or(&text).to_owned();
        files.push((path, text));
    }
    render(&files, &shown_by()?)
}

/// The role of this file or folder of files.
fn owner(path: &str) -> Option<&'static str> {
    let inside = path.rsplit_once("/src/").map_or(path, |(_, inside)| inside);
    let first = inside.split(['/', '.']).next().unwrap_or(inside);
    ROLES.into_iter().map(|(role, _)| role).find(|role| role.to_lowercase() == first.replace('_', ""))
}

fn render(files: &[(String, String)], shown_by: &ShownBy) -> Result<String, String> {
    let mut page = OPENING.to_owned();
    for (role, command) in ROLES {
        let source = RoleSource::of(role, files);
        let variables = source.variables();
        let _ = write!(page, "\n## rafiki {command}\n\n");
        let tests = |name: &str| {
            let tests = shown_by.get(&(command.to_owned(), name.to_owned()));
            tests.map(|tests| format!("`{}`", tests.join("`, `"))).unwrap_or_default()
        };

        page.push_str("| variable | default | meaning | shown by |\n|---|---|---|---|\n");
        let mut without_effect = Vec::new();
        for (name, absent) in &variables {
            match source.meanings.get(name) {
                Some(meaning) if meaning.text.is_empty() => {
                    return Err(format!("apps/config: the comment at the field of {name} does not say what it means"));
                }
                Some(meaning) => {
                    let _ = writeln!(page, "| `{name}` | {} | {} | {} |", absent.shown(), meaning.text, tests(name));
                }
                None => without_effect.push(name),
            }
        }

        let reasons = source.reasons();
        if !without_effect.is_empty() {
            page.push_str(WITHOUT_EFFECT);
        }
        for name in without_effect {
            let reason = reasons.get(name).map_or("", String::as_str);
            let _ = writeln!(page, "| `{name}` | {reason} | {} |", tests(name));
        }
        let is_of_role = |(of, name): &&(String, String)| of == command && !variables.contains_key(name);
        if let Some((_, name)) = shown_by.keys().find(is_of_role) {
            return Err(format!("rafiki {command} does not read {name}, a variable of Rafiki 2.4"));
        }
    }
    Ok(page)
}

const WITHOUT_EFFECT: &str = "
Known from the original and without effect here, which the start says where one is set:

| variable | why | shown by |
|---|---|---|
";

/// The facts about one role in the source of `apps/config`.
struct RoleSource {
    functions: BTreeMap<String, String>,
    /// The functions that read the role's section.
    used: BTreeSet<String>,
    meanings: BTreeMap<String, Meaning>,
}

impl RoleSource {
    fn of(role: &str, files: &[(String, String)]) -> Self {
        // The files of other roles come first and the role's own last, because the last meaning of a name counts.
        let mut files: Vec<_> = files.iter().collect();
        files.sort_by_key(|(path, _)| match owner(path) {
            Some(owner) if owner == role => 2,
            None => 1,
            Some(_) => 0,
        });
        let files: Vec<&String> = files.into_iter().map(|(_, text)| text).collect();
        let functions: BTreeMap<String, String> = files.iter().flat_map(|text| functions(text)).collect();
        let mut used = BTreeSet::new();
        reach(&format!("{role}::read"), &functions, &mut used);

        let mut meanings = BTreeMap::new();
        for (name, meaning) in files.into_iter().flat_map(|text| self::meanings(text)) {
            if meaning.certain || !meanings.contains_key(&name) {
                meanings.insert(name, meaning);
            }
        }
        Self { functions, used, meanings }
    }

    fn variables(&self) -> BTreeMap<String, Absent> {
        let mut variables = BTreeMap::new();
        for name in &self.used {
            variables_of(&self.functions[name], &mut variables);
        }
        variables
    }

    fn reasons(&self) -> BTreeMap<String, String> {
        let mut reasons = BTreeMap::new();
        for name in &self.used {
            reasons_of(&self.functions[name], &mut reasons);
        }
        reasons
    }
}

/// The text of every function by its name, those of an `impl` as `Type::name`.
fn functions(source: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut of = String::new();
    let mut open: Option<(String, String, String)> = None;

    for line in source.lines() {
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        match &mut open {
            Some((_, end, body)) => {
                body.push_str(text);
                body.push('\n');
                if line == end
                    && let Some((name, _, body)) = open.take()
                {
                    found.insert(name, body);
                }
            }
            None if indent.is_empty() && text.starts_with("impl") => {
                text.trim_end_matches(" {").rsplit(' ').next().unwrap_or_default().clone_into(&mut of);
            }
            None if line == "}" => of.clear(),
            None => {
                if let Some((before, after)) = text.split_once("fn ")
                    && ["", "pub ", "pub(crate) ", "pub(super) "].contains(&before)
                {
                    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let name = if of.is_empty() { name } else { format!("{of}::{name}") };
                    open = Some((name, format!("{indent}}}"), String::new()));
                }
            }
        }
    }
    found
}

/// Why variables have no effect: the text that a function gives to `no_effect` and similar functions. Names in a
/// binding of the function are taken from there.
fn reasons_of(body: &str, found: &mut BTreeMap<String, String>) {
    const SAYING: [&str; 2] = ["no_effect(", "no_effect_when_on("];
    for call in SAYING.iter().flat_map(|saying| body.split(saying).skip(1)) {
        let call = call.split(");").next().unwrap_or(call);
        let bound = call.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter_map(|word| {
            let at = body.find(&format!("let {word} = ")).filter(|_| !word.is_empty())?;
            body[at..].split(";\n").next()
        });
        let texts = bound.chain([call]).flat_map(|text| text.split('"').skip(1).step_by(2));
        let (names, words): (Vec<_>, Vec<_>) = texts.partition(|text| is_variable(text));
        for name in names {
            found.entry(name.to_owned()).or_insert_with(|| words.join(" ").replace("\\\n", ""));
        }
    }
}

/// The functions that `from` calls, directly or indirectly, and `from` itself.
fn reach(from: &str, functions: &BTreeMap<String, String>, used: &mut BTreeSet<String>) {
    let Some(body) = functions.get(from) else { return };
    if !used.insert(from.to_owned()) {
        return;
    }
    let own = from.split_once("::").map_or("", |(of, _)| of);
    for name in functions.keys().filter(|name| !name.starts_with("Reader")) {
        let by_self = name.split_once("::").filter(|(of, _)| *of == own).map(|(_, name)| format!("Self::{name}"));
        if calls(body, name) || by_self.is_some_and(|name| calls(body, &name)) {
            reach(name, functions, used);
        }
    }
}

fn calls(body: &str, name: &str) -> bool {
    body.match_indices(&format!("{name}(")).any(|(at, _)| {
        let before = body[..at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && !matches!(before, '_' | '.' | ':')
    })
}

/// The variables a function reads.
fn variables_of(body: &str, found: &mut BTreeMap<String, Absent>) {
    for (at, _) in body.match_indices('"') {
        let Some((name, after)) = body[at + 1..].split_once('"') else { continue };
        if !is_variable(name) {
            continue;
        }
        if body.contains(".no_effect(") {
            found.entry(name.to_owned()).or_default();
        }
        let Some(call) = body[..at].trim_end().strip_suffix(['(', ',']) else { continue };
        let call = call.strip_suffix("(r").unwrap_or(call);
        let call = call.split("::<").next().filter(|_| call.ends_with('>')).unwrap_or(call);
        let Some(absent) = absent(last_word(call), after) else { continue };
        let known = found.entry(name.to_owned()).or_default();
        *known = known.clone().max(absent);
    }
    if body.contains(".mode()") {
        found.insert("NODE_ENV".to_owned(), Absent::Value("development".to_owned()));
    }
}

fn last_word(text: &str) -> &str {
    let start = text.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    &text[start..]
}

/// The assumption of a call of the reader; `after` is the text after the name. `None` if the call reads nothing.
fn absent(method: &str, after: &str) -> Option<Absent> {
    let unit = match method {
        "require_url" | "require_text" | "require_parsed" | "require_secret" => return Some(Absent::Required),
        "text" | "secret" | "url" | "parsed" | "file" | "key32" | "keys32" | "private_key" => {
            let told = [").unwrap_or", ").or", ").map_or"].iter().any(|more| after.starts_with(more));
            return Some(if told { Absent::Told } else { Absent::None });
        }
        "read_unsigned" => return Some(Absent::Value("refused".to_owned())),
        "millis" | "timeout" => " ms",
        "port" | "number" | "flag" | "one_of" | "database" => "",
        _ => return None,
    };
    let value = after.strip_prefix(',')?.trim_start();
    let value = value.split([',', ')', '\n']).next().unwrap_or(value).trim();
    let plain: String = value.trim_matches('"').replace('_', "");
    let plain = ["u64", "u16", "u128"].iter().fold(plain, |text, suffix| text.trim_end_matches(suffix).to_owned());
    let is_literal = value.starts_with('"') || plain.parse::<u64>().is_ok() || matches!(value, "true" | "false");
    Some(match value {
        "None" => Absent::None,
        "ByDefault::On" => Absent::Value("true".to_owned()),
        "ByDefault::Off" => Absent::Value("false".to_owned()),
        text if text.starts_with('"') => Absent::Value(text.trim_matches('"').to_owned()),
        _ if is_literal => Absent::Value(format!("{plain}{unit}")),
        _ => Absent::Told,
    })
}

/// The meanings of variables in the comments of fields.
fn meanings(source: &str) -> BTreeMap<String, Meaning> {
    let mut found = BTreeMap::new();
    let mut comment = String::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            comment.push_str(text);
            comment.push(' ');
        } else if !line.starts_with("#[") {
            explain(comment.trim(), &mut found);
            comment.clear();
        }
    }
    found
}

/// Stores the meaning of the first variable that a comment names. If the comment begins with the name, it is certainly
/// about it. If it only mentions the name, the meaning counts as long as there is no other.
fn explain(comment: &str, found: &mut BTreeMap<String, Meaning>) {
    let Some(name) = comment.split('`').skip(1).step_by(2).find(|name| is_variable(name)) else { return };
    let rest = comment.strip_prefix(&format!("`{name}`"));
    let certain = rest.is_some();
    let rest = rest.unwrap_or(comment).trim().trim_start_matches([':', ',', ';', '.']).trim();
    let text = rest.replace('|', "\\|");
    match found.get(name) {
        Some(known) if known.certain || !certain => {}
        _ => drop(found.insert(name.to_owned(), Meaning { text, certain })),
    }
}

fn is_variable(word: &str) -> bool {
    word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_shown_what_it_reads_with_default_and_meaning() {
        let source = "/// Ports.
pub struct Auth {
    /// `AUTH_PORT`: GNAP.
    pub auth: u16,
    /// `SAME`: Which cookies.
    pub same_site: u8,
    /// The content of `KEY_FILE` (PEM).
    pub key: String,
}
impl Auth {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        r.port(\"AUTH_PORT\", 3006);
        r.one_of(\"SAME\", None, &same_site);
        shared(r);
        r.problem(\"OTHER_NAME\", \"says why\");
    }
}
fn shared(r: &mut Reader<'_>) {
    r.require_parsed::<Key>(\"KEY_FILE\");
    let times = [
        \"IDLE_TIME\",
        \"OTHER_TIME\",
    ];
    r.no_effect(&times, \"nobody waits\");
}
fn not_called(r: &mut Reader<'_>) {
    r.text(\"NOBODY\");
}
";
        let shown_by =
            ShownBy::from([(("auth".to_owned(), "AUTH_PORT".to_owned()), vec!["it_is_heard_there".to_owned()])]);
        let page = render(&[("auth.rs".to_owned(), source.to_owned())], &shown_by).unwrap();
        let auth = page.split("## rafiki auth").nth(1).unwrap().split("## ").next().unwrap();
        let rows: Vec<_> = auth.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(
            rows,
            [
                "| `AUTH_PORT` | `3006` | GNAP. | `it_is_heard_there` |",
                "| `KEY_FILE` | must be set | The content of `KEY_FILE` (PEM). |  |",
                "| `SAME` |  | Which cookies. |  |",
                "| `IDLE_TIME` | nobody waits |  |",
                "| `OTHER_TIME` | nobody waits |  |"
            ]
        );
        let refused =
            |source: String, shown_by: &ShownBy| render(&[("auth.rs".to_owned(), source)], shown_by).unwrap_err();
        assert!(refused(source.replace(": GNAP", ""), &shown_by).contains("AUTH_PORT"));
        let shown_by = ShownBy::from([(("auth".to_owned(), "GONE".to_owned()), Vec::new())]);
        assert!(refused(source.to_owned(), &shown_by).contains("does not read GONE"));
    }
}
