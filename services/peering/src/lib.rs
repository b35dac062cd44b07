//! How two nodes become peers without their administrators writing to each other: one asks at a URL of the other.
//!
//! Two halves, each in a file: what is granted to others ([`Peering::accept`]), and asking others
//! ([`Peering::peer_by_url`]). Peers that an administrator writes down by hand are elsewhere.
//!
//! What both keep to:
//! - A peering is never taken over: who wants to change one shows a token of it.
//! - A token that is replaced stays good for a while, so that no packet under way is refused.
//! - A request that was not answered is repeated with the same token, and is then the same request.

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

/// What peering needs from others.
#[derive(Clone)]
pub struct PeeringParts {
    /// Where peers are written down.
    pub store: Store,
    /// Where their accounts are.
    pub ledger: Arc<dyn Ledger>,
    /// The way to other nodes.
    pub http: Outbound,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids and tokens.
    pub entropy: Arc<dyn Entropy>,
    /// How it is configured.
    pub settings: PeeringSettings,
}

/// Peering of one instance. Clones are one.
#[derive(Clone)]
pub struct Peering(Arc<PeeringParts>);

impl Peering {
    /// Peering with these parts.
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

    /// A token that nobody can guess: a random UUID, as published nodes make them.
    fn new_token(&self) -> Secret {
        Secret::new(self.0.entropy.uuid().to_string())
    }

    /// Opens the account of a peer that is to be.
    async fn open_account(&self, asset: &TenantAsset, id: PeerId) -> Result<(), Unavailable> {
        let account = asset.in_ledger().account(id.into(), AccountKind::Peer);
        let created = self.0.ledger.create_accounts(vec![account]).await?;
        accounts_stand(&created, "the account of a peer")
    }
}
