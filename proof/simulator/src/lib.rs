//! Networks of real connectors on virtual time. A seed or a script decides what is lost, late, repeated or killed.
//!
//! Only the edges are simulated: the network between nodes, the death of a process, and the payments service. Packets,
//! pipeline and ledger are real. Run it inside a current-thread tokio runtime with paused time.
#![expect(clippy::unwrap_used, reason = "a simulation stops at the first surprise")]

mod audit;
mod chance;
mod life;
mod links;
mod network;
mod node;
mod payment;
mod ports;
mod quoted;
mod time;
mod uplink;

pub use audit::Audit;
pub use chance::Chance;
pub use links::{Fate, Weather};
pub use network::Network;
pub use node::{Node, NodeSetup};
pub use payment::{Payment, Sent};
pub use quoted::{QuotedPayment, account_for};
pub use time::VirtualClock;

use std::sync::Arc;

use connector::AccountAsset;
use money::Asset;
use payments_model::AssetId;
use payments_model::accounting::LedgerAsset;
use uuid::Uuid;

/// An asset of scale 2 that every node knows under the same number.
pub fn asset(code: &str) -> Arc<AccountAsset> {
    asset_of_scale(code, 2)
}

/// The same of another scale.
pub fn asset_of_scale(code: &str, scale: u8) -> Arc<AccountAsset> {
    let start = 5 + u32::from(scale);
    let number = code.bytes().fold(start, |number, octet| number * 31 % 60_000 + u32::from(octet));
    let id = AssetId::from_uuid(Uuid::from_u128(0xa55e_0000_0000 + u128::from(number)));
    let ledger = LedgerAsset { id, ledger: number };
    Arc::new(AccountAsset { asset: Asset::new(code, scale).unwrap(), ledger, liquidity_threshold: None })
}
