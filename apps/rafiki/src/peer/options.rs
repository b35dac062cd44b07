//! The options of `rafiki peer` and `rafiki peer probe`.
//! What the commands do is beside this file.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use money::Asset;
use url::Url;

use super::asset::read_asset;
use crate::known_options::KnownOptions;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct PeerOptions {
    #[command(subcommand)]
    pub(crate) command: Option<PeerCommand>,
    /// The peering URL of the other node, for example `https://peers.bank.example`, with `?invitation=…` if it asks for one.
    #[arg(required = true)]
    pub(crate) url: Option<Url>,
    /// The asset of the peering, for example USD/2: code and decimal places. Both nodes must have it.
    #[arg(long, value_name = "CODE/SCALE", required = true, value_parser = read_asset)]
    pub(crate) asset: Option<Asset>,
    /// How much more than before the peer may owe us.
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(crate) liquidity: Option<String>,
    /// A name for people. By default the name that the node gives itself.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The largest packet, in the asset's smallest unit.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_packet: Option<u64>,
    /// An event is sent when its liquidity falls to this amount, in the asset's smallest unit.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threshold: Option<u64>,
    /// Which institution of the playground asks, by a part of its name: cloud, happy.
    #[arg(long, value_name = "NAME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeerCommand {
    /// Measure how well a peer treats packets: clock, largest packet, expiry, rate, receipts, latency; with a score.
    ///
    /// Sends some fifty packets to the peer, past the own connector. None of them can move money, except one if --pay is
    /// given.
    Probe(Box<ProbeOptions>),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when no check failed, 1 when one did or for any other error, 2 wrong arguments, 3 no such peer, 5 the \
                  peer, its wallet address or the own institution does not answer."
)]
pub(crate) struct ProbeOptions {
    /// A peer of the institution, by its id, its ILP address or a part of its name; or the URL of a connector.
    pub(crate) peer: String,
    /// The asset of the peering, if the institution has several peerings with it, or for a URL: code and decimal places.
    #[arg(long, value_name = "CODE/SCALE", value_parser = read_asset)]
    pub(crate) asset: Option<Asset>,
    /// A file with the token that the connector accepts, for a URL.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A wallet address at the peer or behind it, which answers SPSP. By default one of the playground, in the asset of the
    /// peering if there is one. Without it, only clock and latency are measured.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<Url>,
    /// The rates that were agreed, as the backend asks for them. By default those of the playground.
    #[arg(long, env = "EXCHANGE_RATES_URL", value_name = "URL")]
    pub(crate) rates: Option<Url>,
    /// How far the peer's rate may be below the agreed one, in hundredths of a per cent.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=5000))]
    pub(crate) tolerance: u32,
    /// Pay this many of the smallest units of the peering, to examine the payment and its receipt. The own books do not know
    /// this debt: settle it with the peer.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) pay: Option<u64>,
    /// Call https URLs over http, as a playground wants it.
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which institution of the playground has the peer, by a part of its name: cloud, happy.
    #[arg(long, value_name = "NAME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}
