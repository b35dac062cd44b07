//! The backend database: its tables, and typed units of work on them.
//!
//! The rules are in `payments-model`. Its values go in and come out; rows never leave this crate. A tenant's data is
//! reached through [`Store::tenant`] or [`Unit::tenant`]. `every_tenant` is for the operator and for the instance's own
//! workers.

mod assets;
mod convert;
mod embedded;
mod fees;
mod grant_spending;
mod held_grants;
mod incoming_payments;
mod outgoing_payments;
mod packets_in_flight;
mod paging;
mod partial_payments;
mod payments;
mod peer_health;
mod peer_tls;
mod peerings_asked_for;
mod peers;
mod quotes;
mod readable;
#[expect(unreachable_pub, reason = "SeaORM's derive builds public items on them")]
mod rows;
mod scope;
mod store;
mod telling_ledger;
mod tenants;
mod wallet_addresses;
mod web_monetization;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_events;
mod webhook_purge;

pub use database::{Error, Locked};
pub use grant_spending::{GrantSpending, GrantTotal, LockedPaymentGrant, SpentAssets};
pub use held_grants::HeldGrant;
pub use incoming_payments::IncomingPaymentFilter;
pub use outgoing_payments::OutgoingPaymentFilter;
pub use packets_in_flight::PacketInFlight;
pub use payments::{AnyPayment, PaymentFilter, PaymentKind};
pub use peers::peer_endpoints;
pub use scope::Scope;
/// The connection with which a scope reads outside of units of work.
pub use sea_orm::DatabaseConnection as Reader;
pub use store::{MIGRATIONS, Store, Unit};
pub use tenants::OldSecret;
pub use webhook_deliveries::{DeliveryFilter, InTurn};
pub use webhook_events::EventFilter;
pub use webhook_purge::{OldEvent, PurgePlace};
