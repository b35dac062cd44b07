//! `rafiki pay`: send money and show what moved.

pub(crate) mod error;
pub(crate) mod institutions;
pub(crate) mod ledger_view;
pub(crate) mod payer;
mod pointer;
mod progress;
pub(crate) mod receipt;

use std::io::{BufRead, IsTerminal};

use config::Mode;
use serde_json::json;

use crate::cli::{PayAmount, PayOptions};
use crate::failure::Failure;
use crate::output::say;
use crate::roles::ground::Ground;

pub(crate) use error::PayError;
use payer::{Order, OrderAmount, Payer};
pub(crate) use pointer::wallet_address;
use progress::Bar;

pub(crate) async fn run(options: PayOptions) -> Result<(), Failure> {
    let as_json = options.json;
    let result = pay(options).await;
    if let (true, Err(Failure::Pay(error))) = (as_json, &result) {
        let message = error.to_string();
        say(&format!(
            "{}\n",
            json!({"error": {"kind": error.kind(), "message": message, "exitCode": error.exit_code()}})
        ));
    }
    result
}

async fn pay(options: PayOptions) -> Result<(), Failure> {
    // Quiet: what a person needs to know is printed.
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let (from, to) = (wallet_address(&options.from)?, wallet_address(&options.to)?);
    // Identifiers on this machine are carried over plain http, all others are not.
    let mode = if is_here(&from) && is_here(&to) { Mode::Development } else { Mode::Production };
    let ground = Ground::new(mode, &[])?;
    let institutions = institutions::known(&options, &ground.http, &ground.clock)?;
    let payer = Payer::new(institutions, ground.http, ground.clock);

    let offer = payer.offer(Order { from, to, amount: order_amount(options.amount) }).await?;
    if !options.json {
        say(&offer.text());
    }
    if !options.yes && !confirmed()? {
        return Err(PayError::NotConfirmed.into());
    }
    let bar = (!options.json).then(|| Bar::towards(&offer.quote.receive_amount));
    let show = |now: &payer::ProgressNow| {
        if let Some(bar) = &bar {
            bar.show(now);
        }
    };
    let sent = payer.send(offer, &mut { show }).await;
    if let Some(bar) = &bar {
        bar.finish();
    }
    let receipt = sent?;
    if options.json {
        say(&format!("{}\n", serde_json::to_string(&receipt.document()).unwrap_or_default()));
    } else {
        say(&format!("\n{}", receipt.text()));
    }
    Ok(())
}

fn order_amount(amount: PayAmount) -> OrderAmount {
    match (amount.send, amount.receive) {
        (Some(send), _) => OrderAmount::Send(send),
        (None, receive) => OrderAmount::Receive(receive.unwrap_or_default()),
    }
}

fn is_here(url: &url::Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn confirmed() -> Result<bool, PayError> {
    if !std::io::stdin().is_terminal() {
        eprintln!("Nobody can be asked here; confirm with --yes.");
        return Ok(false);
    }
    say("Send? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(PayError::Terminal)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
