//! `rafiki pay`: sends money and shows the movements.
//! The steps of the payment are in `payer`.

mod account_changes;
pub(crate) mod error;
pub(crate) mod institutions;
pub(crate) mod payer;
mod pointer;
mod progress;
pub(crate) mod receipt;

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

use admin_client::ErrorCode;
use clock::{Clock, MovedClock};
use config::Mode;
use serde_json::json;

use crate::cli::{PayAmount, PayOptions, PaymentOptions};
use crate::dev::moved_time;
use crate::failure::Failure;
use crate::known_options::KnownOptions;
use crate::output::say;
use crate::roles::shared_deps::SharedDeps;

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
    // Few log lines, because the command prints the important facts.
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let (from, to) = (wallet_address(&options.from)?, wallet_address(&options.to)?);
    // Identifiers of this machine use plain http, all others do not.
    let mode = if is_here(&from) && is_here(&to) { Mode::Development } else { Mode::Production };
    let deps = SharedDeps::new(mode, &[])?;
    let institutions = institutions::known(&options.known, &deps)?;
    // What is asked of a playground goes by its own time.
    let clock: Arc<dyn Clock> = match &options.known.admin_url {
        None => Arc::new(MovedClock::over(deps.clock, moved_time::read(&options.known.data_dir)?)),
        Some(_) => deps.clock,
    };
    let payer = Payer::new(institutions, deps.http, clock);

    let again = lookup_options(&options.known);
    let order = Order { from, to, amount: order_amount(options.amount) };

    let offer = tokio::select! {
        offer = payer.offer(order) => offer?,
        () = interrupted() => return Err(PayError::Stopped.into()),
    };

    if !options.json {
        say(&offer.text());
    }
    if !options.yes && !confirmed()? {
        return Err(PayError::NotConfirmed.into());
    }

    let bar = (!options.json).then(|| Bar::towards(&offer.quote.receive_amount));
    let mut show = |now: &payer::ProgressNow| {
        if let Some(bar) = &bar {
            bar.show(now);
        }
    };

    // From here on the institution continues the payment, even if this command ends.
    let goes_on = PayError::GoesOn { id: offer.quote.id.to_string(), options: again };
    let sent = tokio::select! {
        sent = payer.send(offer, &mut show) => sent,
        () = interrupted() => Err(goes_on),
    };

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

/// Ctrl-C, or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Options with which a later command finds the same institution, without secrets.
fn lookup_options(known: &KnownOptions) -> String {
    match &known.admin_url {
        Some(url) => format!(" --admin-url {url}"),
        None if known.data_dir == std::path::Path::new("./data") => String::new(),
        None => format!(" --data-dir {}", known.data_dir.display()),
    }
}

/// `rafiki payment`: shows the state of a payment.
pub(crate) async fn look_up(options: PaymentOptions) -> Result<(), Failure> {
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let deps = SharedDeps::new(Mode::Development, &[])?;
    for institution in institutions::known(&options.known, &deps)? {
        let payment = match institution.admin.outgoing_payment(options.id).await {
            Ok(payment) => payment,
            Err(error) if error.is(&ErrorCode::NotFound) => continue,
            Err(error) => return Err(PayError::from(error).into()),
        };
        say(&if options.json {
            format!("{}\n", receipt::state_document(&payment))
        } else {
            receipt::state_text(&payment)
        });
        return Ok(());
    }
    Err(PayError::UnknownPayment(options.id.to_string()).into())
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
        eprintln!("No terminal is connected, so the question cannot be asked. Confirm with --yes.");
        return Ok(false);
    }
    say("Send? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(PayError::Terminal)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
