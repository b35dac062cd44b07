//! Client of other institutions: wallet addresses, incoming payments, quotes, outgoing payments and the grants needed for
//! them.
//!
//! It stores no grants, and does not decide when to renew them: the caller does both. Every call has a bounded total
//! time. Reads are repeated a few times, writes never. The example `receive` uses it from a program outside of Rafiki.

mod call;
mod consents;
mod error;
mod grants;
mod incoming_payments;
mod key_memory;
mod key_sets;
mod outgoing_payments;
mod public;
mod retry;

pub use consents::{ForeignReturn, PendingGrant, Reference};
pub use error::ClientError;
pub use grants::{GrantError, IssuedToken};
pub use incoming_payments::OpenPaymentsClient;
pub use key_sets::{KeyLookupError, KeySets, KeySetsConfig};
pub use public::{PublicResources, Published};
pub use retry::RetryPolicy;
