//! `rafiki admin`: sends one signed request to the Admin API.
//!
//! For a person at a terminal. `docs/admin-api.md` shows how programs sign.

use config::Mode;
use serde_json::Value;

use crate::cli::AdminOptions;
use crate::failure::Failure;
use crate::output::say;
use crate::pay::institutions;
use crate::roles::shared_deps::SharedDeps;

pub(crate) async fn run(options: AdminOptions) -> Result<(), Failure> {
    if options.schema {
        say(&admin_graphql::sdl());
        return Ok(());
    }
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let known = institutions::known(&options.known, &deps)?;
    let institution = institutions::chosen(&known, options.at.as_deref())?;
    let variables = match &options.variables {
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Failure::Check(format!("--variables is not JSON ({error}); write it as '{{\"first\": 10}}'"))
        })?,
        None => Value::Object(serde_json::Map::new()),
    };
    let answer = institution.ask(&options.query.unwrap_or_default(), &variables).await?;
    say(&format!("{}\n", serde_json::to_string_pretty(&answer).unwrap_or_default()));
    match answer.get("errors") {
        Some(_) => Err(Failure::Check("the Admin API answered with errors".to_owned())),
        None => Ok(()),
    }
}
