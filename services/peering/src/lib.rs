//! Auto-peering: two nodes become peers without messages between their administrators. One node asks at a URL of the
//! other.
//!
//! There are two halves: requests from other nodes ([`Peering::accept`]), and requests to other nodes
//! ([`Peering::peer_by_url`]). Peers that an administrator enters are not here.
//!
//! The rules for both halves:
//! - No stranger takes over a peering: a node that wants to change one must show a token of it.
//! - A replaced token stays valid for a while, so that no packet under way is refused.
//! - A request without an answer is repeated with the same token. It then counts as the same request.

mod accept;
mod ask;
mod call;
mod claims;
mod settings;

use std::sync::Arc;

use clock::{Clock, Entropy, Timestamp};
use ledger::Ledger;
use outbound_http::Outbound;
use payments::Unavailable;
use payments::administration::accounts_stand;
use payments_model::accounting::AccountKind;
use payments_model::{PeerId, Secret, TenantAsset};
use payments_store::Store;

pub use accept::{AcceptError, Asked};
pub use ask::{PeerByUrl, PeerByUrlError};
pub use settings::{Offer, PeeringSettings};

/// The dependencies of peering.
#[derive(Clone)]
pub struct PeeringParts {
    /// Holds the peers.
    pub store: Store,
    /// Holds their accounts.
    pub ledger: Arc<dyn Ledger>,
    /// Sends requests to other nodes.
    pub http: Outbound,
    /// Gives the time.
    pub clock: Arc<dyn Clock>,
    /// Gives the randomness for ids and tokens.
    pub entropy: Arc<dyn Entropy>,
    /// The settings.
    pub settings: PeeringSettings,
}

/// Auto-peering of one instance. Clones share one value.
#[derive(Clone)]
pub struct Peering(Arc<PeeringParts>);

impl Peering {
    /// Makes the service from its dependencies.
    pub fn new(parts: PeeringParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The address of this instance.
    pub fn own_address(&self) -> &ilp_packet::Address {
        &self.0.settings.ilp_address
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A token that cannot be guessed: a random UUID, as published nodes make them.
    fn new_token(&self) -> Secret {
        Secret::new(self.0.entropy.uuid().to_string())
    }

    /// Opens the ledger account of a future peer.
    async fn open_account(&self, asset: &TenantAsset, id: PeerId) -> Result<(), Unavailable> {
        let account = asset.in_ledger().account(id.into(), AccountKind::Peer);
        let created = self.0.ledger.create_accounts(vec![account]).await?;
        accounts_stand(&created, "the account of a peer")
    }
}
