//! The ILP connector: takes a packet, gives its reply, and moves the money in between.
//!
//! It has no listener, no SQL and no payments. Other crates supply these through the ports.

mod accounts;
mod arrived;
mod balance;
mod breaker;
mod bucket;
mod config;
mod connector;
mod conversion;
mod counts;
mod destination;
mod directory;
mod expiry;
mod forward;
mod http_uplink;
mod in_flight;
mod limits;
mod liquidity;
mod local_delivery;
mod outcome;
mod packet_rate;
mod packet_transfer;
mod peer_protocol;
mod peer_state;
mod pipeline;
mod ports;
mod recorded;
mod refusal;
mod repetition;
mod routing;
mod stages;
mod throughput;

#[cfg(test)]
mod testing;

pub use accounts::{
    AccountAsset, Bound, LocalAccount, LocalAccountId, LocalState, PaymentSource, PeerAccount, PeerRecord, QuoteSource,
    Source,
};
pub use breaker::{BreakerState, PeerLine};
pub use config::ConnectorConfig;
pub use connector::{Connector, ConnectorPorts, PeerReport};
pub use directory::{DirectorySnapshot, TenantRecord};
pub use http_uplink::{HttpUplink, REPEATABLE, REPEATED};
pub use outcome::{Outcome, Transmission};
pub use packet_rate::PacketRate;
pub use packet_transfer::PacketIdentity;
pub use peer_state::{PeerFailure, Repeats};
pub use ports::{
    Credit, LiquidityAlerts, LiquidityHolder, LocalAccounts, LocalAccountsUnavailable, LowLiquidity, PeerAnswer,
    SenderData, Uplink, UplinkError, Verdict,
};
pub use stages::{NextAccount, OptionalStage, OwnStage, Passing, StageRefusal, Stages};
