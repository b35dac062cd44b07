//! `rafiki config check`: everything that is wrong with the environment, at once.
//!
//! Reads no database and opens no port.

use config::{Auth, Backend, ConfigError, Environment, Wallet};

use crate::cli::{ConfigCommand, ConfigOptions, RoleName};
use crate::failure::Failure;
use crate::output::say;

pub(crate) fn run(options: &ConfigOptions) -> Result<(), Failure> {
    let ConfigCommand::Check(roles) = &options.command;
    let environment = Environment::load()?;
    let mut problems = 0;
    for role in roles.chosen() {
        let (name, result) = check(role, &environment);
        match result {
            Ok(()) => say(&format!("{name}: good\n")),
            Err(error) => {
                problems += error.problems.len();
                say(&format!("{name}:\n"));
                for problem in error.problems {
                    say(&format!("  {}: {}\n", problem.name, problem.reason));
                }
            }
        }
    }
    if problems == 0 { Ok(()) } else { Err(Failure::Check(format!("{problems} problems in the configuration"))) }
}

fn check(role: RoleName, environment: &Environment) -> (&'static str, Result<(), ConfigError>) {
    match role {
        RoleName::Backend => ("backend", Backend::from_environment(environment).map(drop)),
        RoleName::Auth => ("auth", Auth::from_environment(environment).map(drop)),
        RoleName::Wallet => ("wallet", Wallet::from_environment(environment).map(drop)),
    }
}
