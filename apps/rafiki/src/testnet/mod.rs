//! `rafiki testnet join`: becomes a peer of a node, and tries the way to it. It says in plain words what is wrong.
//!
//! The peering is that of `rafiki peer`, the payment that of `rafiki pay`. Nothing is known of any particular net.

pub(crate) mod options;

use std::sync::Arc;

use admin_client::{AdminError, Amount};
use clock::{Clock, MovedClock, Stopwatch};
use config::Mode;

use crate::dev::moved_time;
use crate::failure::Failure;
use crate::output::say;
use crate::pay::payer::{Offer, Order, OrderAmount, Payer, ProgressNow, Receipt};
use crate::pay::{PayError, institutions, wallet_address};
use crate::peer::{self, Asking};
use crate::roles::shared_deps::SharedDeps;
use options::{JoinOptions, TestnetCommand, TestnetOptions};

pub(crate) async fn run(options: TestnetOptions) -> Result<(), Failure> {
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    match options.command {
        TestnetCommand::Join(join) => self::join(*join).await,
    }
}

async fn join(options: JoinOptions) -> Result<(), Failure> {
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let known = institutions::known(&options.asked.known, &deps)?;
    let institution = institutions::chosen(&known, options.asked.at.as_deref())?.clone();

    let asking = Asking {
        url: options.url.clone(),
        asset: options.asset.clone(),
        liquidity: options.liquidity.clone(),
        name: None,
        max_packet: None,
        threshold: None,
    };
    let made = peer::ask(&institution, asking).await;
    let peer = made.map_err(|error| not_peered(error, &options))?;
    say(&format!("peering   works\n{}", indented(&peer::introduction(&peer, &options.asset))));

    let (Some(from), Some(to)) = (&options.from, &options.pay_to) else {
        say("quote     not tried: name a wallet address there with --pay-to, and one of ours with --from\n");
        return Ok(());
    };
    let order = Order { from: wallet_address(from)?, to: wallet_address(to)?, amount: OrderAmount::OneUnit };
    // What is asked of a playground goes by its own time.
    let clock: Arc<dyn Clock> = match &options.asked.known.admin_url {
        None => Arc::new(MovedClock::over(deps.clock, moved_time::read(&options.asked.known.data_dir)?)),
        Some(_) => deps.clock,
    };
    let payer = Payer::new(vec![institution], deps.http, clock);
    let owed = peer.liquidity.unwrap_or(0);
    let offer = payer.offer(order).await.map_err(|error| step_failed("quote", no_way(&error, owed, &options)))?;
    say(&format!("quote     works: {}\n", cost(&offer)));

    let watch = Stopwatch::start();
    let receipt = one_unit(&payer, offer).await;
    let receipt = receipt.map_err(|error| step_failed("one unit", no_way(&error, owed, &options)))?;
    say(&format!("one unit  arrived: {}, after {} ms\n", receipt.delivered, watch.elapsed().as_millis()));
    say("You have joined.\n");
    Ok(())
}

/// Pays. A payment that has failed once is tried again for a while without this command, so it is told at once.
async fn one_unit(payer: &Payer, offer: Offer) -> Result<Receipt, PayError> {
    let (id, nothing) = (offer.quote.id.to_string(), Amount { value: 0, ..offer.quote.debit_amount.clone() });
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let mut look = |now: &ProgressNow| {
        if let Some(again) = &now.tried_again
            && let Some(tell) = tell.take()
        {
            // If the payment has ended, no one waits for this.
            let _ = tell.send(again.reason.clone());
        }
    };
    tokio::select! {
        sent = payer.send(offer, &mut look) => sent,
        Ok(reason) = told => Err(PayError::Failed { id, sent: nothing, reason }),
    }
}

fn step_failed(step: &str, text: String) -> Failure {
    Failure::Check(format!("{step} does not work: {text}"))
}

fn cost(offer: &Offer) -> String {
    format!("{} cost {}", offer.quote.receive_amount, offer.quote.debit_amount)
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["          ", line, "\n"]).collect()
}

fn not_peered(error: peer::AskError, options: &JoinOptions) -> Failure {
    match error {
        peer::AskError::Failure(wrong @ Failure::Usage(_)) => wrong,
        peer::AskError::Failure(failure) => step_failed("peering", failure.to_string()),
        peer::AskError::Admin(error) => step_failed("peering", no_peering(&error, options)),
    }
}

/// Why there is no peering, and what to do.
fn no_peering(error: &AdminError, options: &JoinOptions) -> String {
    let AdminError::Refused { message, details, .. } = error else {
        return format!("our own instance does not do it: {error}");
    };
    let (url, asset) = (&options.url, &options.asset);
    let reason = details.as_ref().and_then(|details| details["reason"].as_str());
    match (message.as_str(), reason) {
        ("Peer URL is invalid or peer does not support auto-peering", _) => format!(
            "no node takes requests for peering at {url}. Ask the other side for the address; a node of Rafiki listens at \
             port 3005 if ENABLE_AUTO_PEERING is true"
        ),
        ("Peer does not support asset", _) => {
            format!("the other node has no asset {asset}. Name one that both have with --asset")
        }
        ("The ILP configuration is misconfigured", _) => "the other node cannot use our ILP_ADDRESS or our \
             ILP_CONNECTOR_URL. They must be an address of our own, and an https URL that the other node can reach"
            .to_owned(),
        ("Requested peer's ILP configuration is misconfigured", _) => format!(
            "{url} answers, but not as a node that takes requests for peering, or with an address that cannot be used"
        ),
        (_, Some(reason)) => reason.to_owned(),
        (message, None) => message.to_owned(),
    }
}

/// Why no money comes through, and what to do.
fn no_way(error: &PayError, owed: u64, options: &JoinOptions) -> String {
    let told = error.to_string();
    let hint = match error {
        PayError::UnknownPayer(_) => "name one of our own wallet addresses with --from",
        PayError::UnknownReceiver(_) => "name a wallet address of the other node with --pay-to",
        PayError::Unreachable { .. } => "the server of the wallet address does not answer; is it the right address?",
        PayError::NotEnough(_) if told.contains("peer") => "the other node lets us owe too little",
        PayError::NotEnough(_) => "the account that pays, or our asset, needs more money",
        PayError::NoEnd { .. } => "our account-servicing entity has not funded the payment, or the way is interrupted",
        _ if owed == 0 => {
            "the other node may owe us nothing; that is enough to send, but not to receive: name --liquidity. To send, \
             the other node must let us owe something: its operator gives our peer liquidity there \
             (AUTO_PEERING_INITIAL_LIQUIDITY, or a deposit)"
        }
        _ => {
            "most often the other node lets us owe nothing yet: its operator gives our peer liquidity there \
             (AUTO_PEERING_INITIAL_LIQUIDITY, or a deposit). Then run this command again; the payment is tried again by \
             itself for a while"
        }
    };
    let url = &options.url;
    format!("{told}. The peering with {url} is made; {hint}")
}

#[cfg(test)]
mod tests {
    use admin_client::ErrorCode;
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn options(more: &[&str]) -> JoinOptions {
        let line = [&["rafiki", "testnet", "join", "--url", "https://peers.example"], more].concat();
        match Cli::try_parse_from(line).unwrap().command {
            Command::Testnet(TestnetOptions { command: TestnetCommand::Join(join) }) => *join,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_refusal_of_a_peering_says_what_to_do() {
        let told = |message: &str| {
            let refused =
                AdminError::Refused { code: ErrorCode::BadUserInput, message: message.to_owned(), details: None };
            no_peering(&refused, &options(&[]))
        };
        assert!(told("Peer URL is invalid or peer does not support auto-peering").contains("ENABLE_AUTO_PEERING"));
        assert!(told("Peer does not support asset").contains("USD/2"));
        assert!(told("The ILP configuration is misconfigured").contains("ILP_CONNECTOR_URL"));
        assert_eq!(told("anything else"), "anything else");
    }

    #[test]
    fn payer_and_payee_of_the_test_are_named_together_and_an_asset_has_a_scale() {
        let parse = |more: &[&str]| {
            let line = [&["rafiki", "testnet", "join", "--url", "https://peers.example"], more].concat();
            Cli::try_parse_from(line).is_ok()
        };
        assert!(parse(&[]) && parse(&["--from", "https://a.example/x", "--pay-to", "https://b.example/y"]));
        assert!(parse(&["--asset", "EUR/2"]) && !parse(&["--asset", "EUR"]));
        assert!(!parse(&["--pay-to", "https://b.example/y"]) && !parse(&["--from", "https://a.example/x"]));
    }
}
