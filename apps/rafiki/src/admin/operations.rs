//! A subcommand of `rafiki admin` for each operation, with an option for each value that it takes.
//! They are made of the schema, so they know every operation, also in the completion of a shell.

use admin_graphql::described::{Argument, Kind, Need, Operation, operations};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::Question;
use crate::failure::Failure;
use crate::known_options::EXIT_CODES;

/// The option that chooses the fields of the answer.
const FIELDS: &str = "fields";
/// Options of the command itself, which say whom to ask.
const OF_THE_COMMAND: [&str; 8] = ["at", "data-dir", "admin-url", "tenant", "secret", "fields", "help", "version"];

/// The whole command line, with the operations below `rafiki admin`.
pub(crate) fn with_operations(whole: Command) -> Command {
    whole.mut_subcommand("admin", |mut admin| {
        // The options that say whom to ask may stand behind the operation, too.
        for name in ["at", "data_dir", "admin_url", "tenant", "secret"] {
            admin = admin.mut_arg(name, |argument| argument.global(true));
        }
        admin
            .subcommand_negates_reqs(true)
            .subcommand_help_heading("Operations")
            .subcommand_value_name("OPERATION")
            .subcommands(operations().iter().map(subcommand))
    })
}

fn subcommand(operation: &Operation) -> Command {
    let mut command = Command::new(operation.name.clone())
        .about(operation.description.clone())
        .disable_version_flag(true)
        .after_help(EXIT_CODES);
    for argument in &operation.arguments {
        command = command.arg(of(argument));
    }
    if operation.selection.is_empty() {
        return command;
    }
    let help = format!("The fields of the answer; by default {}", operation.selection);
    command.arg(Arg::new(FIELDS).long(FIELDS).value_name("SELECTION").help(help).hide_default_value(true))
}

fn of(argument: &Argument) -> Arg {
    let name = option(argument);
    let arg = Arg::new(argument.path.join("."))
        .long(name)
        .value_name(value_name(&argument.kind))
        .help(argument.description.clone())
        .required(argument.need == Need::Required)
        .allow_hyphen_values(true);
    let arg = match &argument.kind {
        Kind::List(_) => arg.action(ArgAction::Append),
        _ => arg.action(ArgAction::Set),
    };
    if let Some(words) = words(&argument.kind) {
        return arg.value_parser(PossibleValuesParser::new(words));
    }
    let kind = argument.kind.clone();
    arg.value_parser(move |text: &str| kind.read(text).map(|_| text.to_owned()))
}

/// The name of the option: `debitAmount.value` is `debit-amount.value`.
pub(crate) fn option(argument: &Argument) -> String {
    let mut name = String::new();
    for letter in argument.path.join(".").chars() {
        if letter.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    if OF_THE_COMMAND.contains(&name.as_str()) { format!("input-{name}") } else { name }
}

fn value_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text => "TEXT",
        Kind::Number => "NUMBER",
        Kind::Boolean => "TRUE|FALSE",
        Kind::Choice(_) => "WORD",
        Kind::Json => "JSON",
        Kind::List(kind) => value_name(kind),
    }
}

fn words(kind: &Kind) -> Option<Vec<String>> {
    match kind {
        Kind::Choice(words) => Some(words.clone()),
        Kind::Boolean => Some(vec!["true".to_owned(), "false".to_owned()]),
        Kind::List(kind) => words(kind),
        _ => None,
    }
}

/// The request that an operation with these options means.
pub(crate) fn question(name: &str, given: &ArgMatches) -> Result<Question, Failure> {
    let all = operations();
    let found = all.iter().find(|operation| operation.name == name);
    let operation = found.ok_or_else(|| Failure::Usage(format!("there is no operation {name}")))?;

    let mut values = Vec::new();
    for argument in &operation.arguments {
        let texts: Vec<&String> = given.get_many::<String>(&argument.path.join(".")).into_iter().flatten().collect();
        let read = |text: &String| {
            argument.kind.read(text).map_err(|error| Failure::Usage(format!("--{}: {error}", option(argument))))
        };
        let value = match (&argument.kind, texts.as_slice()) {
            (_, []) => continue,
            (Kind::List(_), texts) => Value::Array(texts.iter().map(|text| read(text)).collect::<Result<_, _>>()?),
            (_, [text, ..]) => read(text)?,
        };
        values.push((argument, value));
    }

    let fields = if operation.selection.is_empty() { None } else { given.get_one::<String>(FIELDS) };
    let selection = fields.map_or(operation.selection.clone(), |fields| selection(fields));
    Ok(Question {
        document: operation.document(&selection),
        variables: operation.variables(values),
        field: Some(operation.name.clone()),
    })
}

/// A selection with its braces.
fn selection(fields: &str) -> String {
    if fields.trim_start().starts_with('{') { fields.to_owned() } else { format!("{{ {fields} }}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    fn parsed(line: &[&str]) -> Result<Question, String> {
        let whole = with_operations(Cli::command());
        let line = ["rafiki", "admin"].iter().chain(line);
        let matches = whole.try_get_matches_from(line).map_err(|error| error.to_string())?;
        let (name, given) = matches.subcommand_matches("admin").unwrap().subcommand().unwrap();
        question(name, given).map_err(|error| error.to_string())
    }

    #[test]
    fn every_operation_is_a_consistent_command() {
        with_operations(Cli::command()).debug_assert();
    }

    #[test]
    fn options_become_the_variables_of_the_operation() {
        let asked = parsed(&[
            "depositAssetLiquidity",
            "--asset-id",
            "a",
            "--amount",
            "100",
            "--id",
            "i",
            "--idempotency-key",
            "k",
        ]);
        let asked = asked.unwrap_or_else(|error| panic!("{error}"));
        let input = serde_json::json!({"assetId": "a", "amount": "100", "id": "i", "idempotencyKey": "k"});
        assert_eq!(asked.variables, serde_json::json!({"input": input}));
        assert!(
            asked
                .document
                .starts_with("mutation($input: DepositAssetLiquidityInput!) { depositAssetLiquidity(input: $input)")
        );
        let listed = parsed(&[
            "assets",
            "--first",
            "3",
            "--sort-order",
            "ASC",
            "--fields",
            "edges { node { id } }",
            "--at",
            "x",
        ]);
        let listed = listed.unwrap_or_else(|error| panic!("{error}"));
        assert!(listed.document.ends_with("{ edges { node { id } } } }"), "{}", listed.document);
        assert_eq!(listed.variables, serde_json::json!({"first": 3, "sortOrder": "ASC"}));
    }

    #[test]
    fn what_is_missing_or_no_value_is_told_with_the_name_of_the_option() {
        let told = |line: &[&str]| parsed(line).err().unwrap_or_default();
        assert!(told(&["depositAssetLiquidity", "--amount", "1"]).contains("--asset-id"));
        assert!(told(&["assets", "--first", "many"]).contains("whole number"));
        assert!(told(&["assets", "--sort-order", "up"]).contains("ASC"));
        assert!(told(&["assets", "--frist", "1"]).contains("--first"), "a similar option is named");
    }

    #[test]
    fn an_option_never_has_the_name_of_one_of_the_command() {
        let rotate = operations().into_iter().find(|one| one.name == "rotateWebhookEndpointSecret").unwrap();
        let names: Vec<String> = rotate.arguments.iter().map(option).collect();
        assert!(
            names.contains(&"input-secret".to_owned()) && names.contains(&"overlap-seconds".to_owned()),
            "{names:?}"
        );
    }
}
