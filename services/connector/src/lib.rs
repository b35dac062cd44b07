//! The ILP connector: takes a packet, gives its reply, and moves the money in between.
//!
//! No sockets to listen on, no SQL, no payments: those who own these hand them in through the ports.

mod accounts;
mod directory;
mod packet_rate;
mod peer_state;
mod ports;
mod routing;
mod tokens;

#[cfg(test)]
mod testing;

pub use accounts::{
    AccountAsset, LocalAccount, LocalAccountId, LocalState, PacketCause, PaymentSource, PeerAccount, PeerRecord,
    QuoteSource, Source,
};
pub use directory::{DirectorySnapshot, TenantRecord};
pub use packet_rate::PacketRate;
pub use ports::{
    Credit, LiquidityAlerts, LiquidityHolder, LocalAccounts, LocalAccountsUnavailable, LowLiquidity, Uplink,
    UplinkError,
};
pub use tokens::{TokenHash, TokenHasher};
