//! Client of other institutions: wallet addresses, incoming payments and the grants needed for them.
//!
//! Every call has a bounded total time; reads are repeated a little, writes never. Which grants are kept, and when they
//! are renewed, is decided by the caller, which stores them.

mod call;
mod error;
mod grants;
mod incoming_payments;
mod key_memory;
mod key_sets;
mod public;
mod retry;

pub use error::ClientError;
pub use grants::{GrantError, IssuedToken};
pub use incoming_payments::OpenPaymentsClient;
pub use key_sets::{KeyLookupError, KeySets, KeySetsConfig};
pub use public::{PublicResources, Published};
pub use retry::RetryPolicy;
