//! `rafiki terminal`: registers the terminals of merchants at the configured point of sale.
//!
//! It uses the database of the point of sale. The private key is shown once and not stored.

use clock::{Clock, Entropy, SystemClock, SystemEntropy};
use database::{Database, Options};
use http_signatures::SigningKey;
use point_of_sale::{NewTerminal, PointOfSale};
use serde_json::json;

use crate::cli::{TerminalCommand, TerminalOptions};
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::places::Place;

pub(crate) async fn run(options: TerminalOptions) -> Result<(), Failure> {
    telemetry::start("warn", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let config = config::PointOfSale::from_environment(&config::Environment::load()?)?;
    let places = Place::of_point_of_sale(&config);
    let failed = |error: database::Error| Failure::start("the point of sale's database", error);
    let database = Database::connect(config.database.expose(), &Options::default()).await.map_err(failed)?;
    for place in &places {
        place.look().await.map_err(|reason| place.failure(&reason))?;
    }
    PointOfSale::migrate(&database).await.map_err(failed)?;
    let done = carry_out(&database, options.command).await;
    database.close().await;
    done
}

async fn carry_out(database: &Database, command: TerminalCommand) -> Result<(), Failure> {
    let failed = |error: database::Error| Failure::start("the point of sale's database", error);
    match command {
        TerminalCommand::Add { merchant, name } => {
            let key = SigningKey::random(&SystemEntropy);
            let wrong = |error: &dyn std::fmt::Display| Failure::Check(format!("the terminal cannot be made: {error}"));
            let new = NewTerminal {
                id: format!("terminal-{}", SystemEntropy.uuid()),
                merchant: merchant.parse().map_err(|error| wrong(&error))?,
                name,
                key: key.public_key().map_err(|error| wrong(&error))?,
            };

            PointOfSale::add_terminal(database, &new, SystemClock.now()).await.map_err(failed)?;
            let output = json!({"id": new.id, "merchant": new.merchant.as_str(), "privateKey": key.to_pem()});
            say(&format!("{output}\n"));
        }
        TerminalCommand::Revoke { id } => {
            let revoked = PointOfSale::revoke_terminal(database, &id, SystemClock.now()).await.map_err(failed)?;
            if !revoked {
                return Err(Failure::Check(format!("no terminal {id} is registered; see rafiki terminal list")));
            }
            say("revoked\n");
        }
        TerminalCommand::List => {
            let mut table = Table::new();
            for terminal in PointOfSale::list_terminals(database).await.map_err(failed)? {
                let state = if terminal.is_revoked { "revoked" } else { "believed" };
                table.row([terminal.id.as_str(), &terminal.merchant, &terminal.name, state]);
            }
            say(&table.render());
        }
    }

    Ok(())
}
