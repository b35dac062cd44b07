//! The options of `rafiki testnet`.
//! What it does is beside this file.

use clap::{Args, Subcommand};
use money::Asset;
use url::Url;

use crate::known_options::AskedOptions;
use crate::peer::asset::read_asset;

#[derive(Debug, Args)]
pub(crate) struct TestnetOptions {
    #[command(subcommand)]
    pub(crate) command: TestnetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TestnetCommand {
    /// Become a peer of a node, and try it: a quote, and a payment of one unit.
    ///
    /// May be repeated: tokens are renewed, and liquidity is added only if it is named again. Ends with 0 when everything
    /// that was tried worked; 2 wrong arguments, 1 otherwise.
    Join(Box<JoinOptions>),
}

#[derive(Debug, Args)]
pub(crate) struct JoinOptions {
    /// The peering URL of the node, for example `https://peers.testnet.example`.
    #[arg(long)]
    pub(crate) url: Url,
    /// The asset of the peering: code and decimal places. Both nodes must have it.
    #[arg(long, value_name = "CODE/SCALE", default_value = "USD/2", value_parser = read_asset)]
    pub(crate) asset: Asset,
    /// How much more than before the node may owe us.
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(crate) liquidity: Option<String>,
    /// A wallet address at the other node, which gets one unit.
    #[arg(long, value_name = "WALLET_ADDRESS", requires = "from")]
    pub(crate) pay_to: Option<String>,
    /// A wallet address of ours, which pays it.
    #[arg(long, value_name = "WALLET_ADDRESS", requires = "pay_to")]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) asked: AskedOptions,
}
