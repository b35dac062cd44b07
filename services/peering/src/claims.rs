//! Compares an address that another node claims with the addresses known here.
//!
//! It changes nothing. A packet goes to the peer with the longest matching prefix. So if a stranger got the address of
//! another node, or one below it, it would get packets of that node.

use ilp_packet::{Address, AddressPrefix};
use payments_model::tenant::SettingKey;
use payments_model::{Peer, TenantId};
use payments_store::{Error, Store};

/// The known addresses, as one tenant sees them.
pub(crate) struct Names {
    own: Vec<Address>,
    peers: Vec<Peer>,
}

/// The present use of an address.
pub(crate) enum Claim<'a> {
    /// No node has it.
    Free,
    /// These peers have it. They are one node in several assets.
    Known(Vec<&'a Peer>),
    /// It is our own, or packets to it are routed to a peer with another address.
    Taken,
}

impl Names {
    pub(crate) fn new(own: Vec<Address>, peers: Vec<Peer>) -> Self {
        Self { own, peers }
    }

    pub(crate) fn claim(&self, address: &Address) -> Claim<'_> {
        let is_or_below = |own: &Address| address == own || address.as_ref().below(own.as_str()).is_some();
        let belongs_to = |peer: &&Peer| peer.static_ilp_address != address.as_str() && routes_lead(peer, address);
        if self.own.iter().any(is_or_below) || self.peers.iter().any(|peer| belongs_to(&peer)) {
            return Claim::Taken;
        }
        let known: Vec<_> = self.called(address.as_str()).collect();
        if known.is_empty() { Claim::Free } else { Claim::Known(known) }
    }

    /// The peers with this address.
    pub(crate) fn called<'n>(&'n self, address: &str) -> impl Iterator<Item = &'n Peer> {
        self.peers.iter().filter(move |peer| peer.static_ilp_address == address)
    }

    pub(crate) fn peers(&self) -> &[Peer] {
        &self.peers
    }
}

/// Whether packets to `address` are routed to `peer` by a specific route. The default route of a whole scheme, for
/// example to a provider, does not count, because a longer route may be added beside it.
fn routes_lead(peer: &Peer, address: &Address) -> bool {
    let specific = peer.routes.iter().filter(|route| route.contains('.'));
    specific.filter_map(|route| route.parse::<AddressPrefix>().ok()).any(|route| route.covers(address.as_ref()))
}

/// The addresses of this instance and of its tenants.
pub(crate) async fn own_addresses(store: &Store, operator: &Address) -> Result<Vec<Address>, Error> {
    let settings = store.every_tenant().all_settings().await?;
    let addresses = settings.into_iter().filter(|(_, setting)| setting.key == SettingKey::IlpAddress);
    let of_tenants = addresses.filter_map(|(_, setting)| setting.value.parse().ok());
    Ok(std::iter::once(operator.clone()).chain(of_tenants).collect())
}

/// The address at which `tenant` receives packets.
pub(crate) async fn address_of(store: &Store, tenant: TenantId) -> Result<Option<Address>, Error> {
    let address = store.tenant(tenant).setting(tenant, SettingKey::IlpAddress).await?;
    Ok(address.and_then(|address| address.parse().ok()))
}
