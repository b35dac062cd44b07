//! The sending peer: query the asset, probe, quote, pay and close over HTTP, each packet in its own task.
//! The receiving peer is in `serve`.

use std::time::Duration;

use clap::Args;
use clock::{Clock, Entropy, SystemClock, SystemEntropy, Timestamp};
use ilp_packet::Address;
use money::Asset;
use serde_json::json;
use stream::SharedSecret;
use stream_pay::{
    AssetProbe, Closer, Destination, Outcome, OutgoingPrepare, Payment, Poll, QuoteTerms, RateProbe, Slippage, Target,
};
use tokio::task::JoinSet;

use crate::{Failure, print_line};

/// Whom to pay, and how much.
#[derive(Args)]
pub(crate) struct Options {
    /// Where Prepares are posted.
    #[arg(long)]
    url: String,
    /// The receiver's ILP address.
    #[arg(long)]
    address: String,
    /// The receiver's shared secret in base64.
    #[arg(long)]
    secret: String,
    /// Fixed send.
    #[arg(long, conflicts_with = "deliver", required_unless_present = "deliver")]
    send: Option<u64>,
    /// Fixed delivery.
    #[arg(long)]
    deliver: Option<u64>,
    /// Application data.
    #[arg(long)]
    data: Option<String>,
}

/// All three machines are driven in this way.
trait Machine {
    type Output;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output>;
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]);
}

macro_rules! machines {
    ($($machine:ty => $output:ty;)*) => {
        $(impl Machine for $machine {
            type Output = $output;
            fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output> {
                self.poll_prepare(now, entropy)
            }
            fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
                self.handle_reply(now, sequence, octets);
            }
        })*
    };
}

machines! {
    RateProbe => Result<stream_pay::PathEstimate, stream_pay::PaymentError>;
    Payment => Outcome;
}

impl Machine for AssetProbe {
    type Output = Result<Asset, stream_pay::PaymentError>;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, _now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(sequence, octets);
    }
}

impl Machine for Closer {
    type Output = ();
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<()> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, _now: Timestamp, sequence: u64, _octets: &[u8]) {
        self.handle_reply(sequence);
    }
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let client = reqwest::Client::builder().build()?;
    let (address, shared_secret) = (options.address.parse::<Address>()?, SharedSecret::from_base64(&options.secret)?);
    let asset = drive(&mut AssetProbe::new(address.clone(), &shared_secret), &client, &options.url).await??;
    let destination = Destination { address, shared_secret, asset: asset.clone() };

    let target = match (options.send, options.deliver) {
        (Some(amount), _) => Target::Send(amount),
        (None, amount) => Target::Deliver(amount.unwrap_or_default()),
    };
    let slippage: Slippage = "0.01".parse()?;
    let terms = QuoteTerms::new(target, &asset, &asset, None, slippage)?;

    let mut probe = RateProbe::new(&destination);
    let quote = terms.quote(&drive(&mut probe, &client, &options.url).await??)?;
    drive(&mut probe.close(), &client, &options.url).await?;

    let mut payment = Payment::new(&destination, &quote, options.data.map(String::into_bytes))?;
    let outcome = drive(&mut payment, &client, &options.url).await?;
    drive(&mut payment.close(), &client, &options.url).await?;

    let application_data = outcome.application_data.as_deref().map(String::from_utf8_lossy);
    print_line(
        &json!({
            "error": outcome.error.map(|error| error.to_string()),
            "sent": outcome.amount_sent,
            "delivered": outcome.amount_delivered,
            "maxSourceAmount": quote.max_source_amount,
            "minDeliveryAmount": quote.min_delivery_amount,
            "maxPacketAmount": quote.max_packet_amount.to_string(),
            "applicationData": application_data,
            "destinationAsset": asset,
        })
        .to_string(),
    );
    Ok(())
}

async fn drive<M: Machine>(machine: &mut M, client: &reqwest::Client, url: &str) -> Result<M::Output, Failure> {
    let mut exchanges: JoinSet<(u64, Vec<u8>)> = JoinSet::new();
    loop {
        let now = SystemClock.now();
        match machine.poll(now, &SystemEntropy) {
            Poll::Send(packet) => {
                exchanges.spawn(exchange(client.clone(), url.to_owned(), packet));
            }
            Poll::Done(output) => return Ok(output),
            Poll::WaitUntil(instant) => {
                let pause = instant.saturating_since(now).max(Duration::from_millis(1));
                tokio::select! {
                    Some(finished) = exchanges.join_next() => {
                        let (sequence, reply) = finished?;
                        machine.reply(SystemClock.now(), sequence, &reply);
                    }
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

/// The reply to a packet. Without a reply, octets that are not a packet.
async fn exchange(client: reqwest::Client, url: String, packet: OutgoingPrepare) -> (u64, Vec<u8>) {
    let request = client.post(url).header("content-type", "application/octet-stream").body(packet.packet);
    let reply = async { request.send().await?.error_for_status()?.bytes().await };
    (packet.sequence, reply.await.map(Vec::from).unwrap_or_default())
}
