//! `rafiki admin`: sends one signed request to the Admin API: an operation with its arguments as options, or a document.
//!
//! For a person at a terminal. `docs/admin-api.md` shows how programs sign. The options are made in `operations`.

pub(crate) mod operations;

use admin_graphql::described::Effect;
use clap::ArgMatches;
use config::Mode;
use serde_json::{Value, json};

use crate::cli::AdminOptions;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::pay::institutions;
use crate::roles::shared_deps::SharedDeps;

/// Runs the document of `options`, or the operation that was named on the command line.
pub(crate) async fn run(options: AdminOptions, operation: Option<(String, ArgMatches)>) -> Result<(), Failure> {
    if options.schema {
        say(&admin_graphql::sdl());
        return Ok(());
    }
    if options.list {
        say(&list(options.json));
        return Ok(());
    }
    let question = match &operation {
        Some((name, given)) => operations::question(name, given)?,
        None => Question { document: document(&options)?, variables: variables(&options)?, field: None },
    };

    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let known = institutions::known(&options.known, &deps)?;
    let institution = institutions::chosen(&known, options.at.as_deref())?;
    let answer = institution.ask(&question.document, &question.variables).await?;
    let data = question.field.as_ref().and_then(|field| answer.get("data")?.get(field));
    let failed = answer.get("errors").is_some();
    let shown = data.filter(|_| !failed).unwrap_or(&answer);
    say(&format!("{}\n", serde_json::to_string_pretty(shown).unwrap_or_default()));
    if !failed {
        return Ok(());
    }
    let told = "the Admin API answered with errors".to_owned();
    let code = answer.pointer("/errors/0/extensions/code").and_then(Value::as_str);
    Err(if code == Some("NOT_FOUND") { Failure::NotFound(told) } else { Failure::Check(told) })
}

/// What is asked.
pub(crate) struct Question {
    pub(crate) document: String,
    pub(crate) variables: Value,
    /// The field whose value is shown; without it the whole answer is.
    pub(crate) field: Option<String>,
}

fn document(options: &AdminOptions) -> Result<String, Failure> {
    let text = options.query.clone().unwrap_or_default();
    let is_name = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !is_name {
        return Ok(text);
    }
    let similar = similar(&text);
    let advice = if similar.is_empty() { String::new() } else { format!("; similar: {}", similar.join(", ")) };
    Err(Failure::Usage(format!("there is no operation {text}{advice}. `rafiki admin --list` shows all of them")))
}

/// The operations whose names begin most like `text`.
fn similar(text: &str) -> Vec<String> {
    let alike = |name: &str| name.chars().zip(text.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    let names: Vec<String> =
        admin_graphql::described::operations().into_iter().map(|operation| operation.name).collect();
    let most = names.iter().map(|name| alike(name)).max().unwrap_or(0);
    names.into_iter().filter(|name| most > 2 && alike(name) == most).collect()
}

fn variables(options: &AdminOptions) -> Result<Value, Failure> {
    match &options.variables {
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Failure::Usage(format!("--variables is not JSON ({error}); write it as '{{\"first\": 10}}'"))
        }),
        None => Ok(Value::Object(serde_json::Map::new())),
    }
}

fn list(as_json: bool) -> String {
    let operations = admin_graphql::described::operations();
    if as_json {
        let all: Vec<Value> = operations
            .iter()
            .map(|operation| {
                let options: Vec<String> = operation.arguments.iter().map(operations::option).collect();
                let reads = operation.effect == Effect::Query;
                json!({
                    "name": operation.name,
                    "reads": reads,
                    "description": operation.description,
                    "options": options,
                    "document": operation.document(&operation.selection),
                })
            })
            .collect();
        return format!("{}\n", json!({"operations": all}));
    }
    let mut table = Table::new();
    for operation in &operations {
        let does = if operation.effect == Effect::Query { "reads" } else { "changes" };
        table.row([operation.name.as_str(), does, &operation.description]);
    }
    table.render()
}
