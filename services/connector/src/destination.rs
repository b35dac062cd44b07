//! The destination of a packet: a local receiver named by its address, or the next peer.
//! The routes themselves are in `directory`.

use std::sync::Arc;

use ilp_packet::{AddressRef, PrepareBuf};
use stream::Connection;

use crate::accounts::{AccountAsset, LocalAccount, LocalState, PeerAccount, Source};
use crate::directory::Tenant;
use crate::ports::LocalAccounts;
use crate::refusal::Refusal;
use crate::routing::Hop;

/// The account that a packet goes to.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    /// The packet ends here.
    Local(LocalReceiver),
    /// The packet is forwarded to this peer.
    Peer(Arc<PeerAccount>),
}

/// A local account, and the STREAM connection over which it is paid.
#[derive(Clone, Debug)]
pub(crate) struct LocalReceiver {
    pub(crate) account: Arc<LocalAccount>,
    pub(crate) connection: Connection,
}

impl Destination {
    pub(crate) fn asset(&self) -> &Arc<AccountAsset> {
        match self {
            Self::Local(receiver) => &receiver.account.asset,
            Self::Peer(peer) => peer.asset(),
        }
    }
}

/// Finds the account for `packet` among those of the source's tenant. Accounts of other tenants are not found.
pub(crate) async fn find(
    local_accounts: &dyn LocalAccounts,
    tenant: &Tenant,
    source: &Source,
    packet: &PrepareBuf,
) -> Result<Destination, Refusal> {
    if let Some(receiver) = local(local_accounts, tenant, packet.destination()).await? {
        if receiver.account.state == LocalState::Closed && packet.amount() != 0 {
            return Err(Refusal::takes_no_money());
        }
        return Ok(Destination::Local(receiver));
    }
    let hop = Hop { peer: source.peer().map(|peer| peer.id()), ledger: source.asset().ledger.ledger };
    let peer = tenant.next_hop(packet.destination(), hop).ok_or_else(Refusal::unknown_destination)?;
    Ok(Destination::Peer(peer.clone()))
}

/// The local receiver named by `destination`, in any state.
pub(crate) async fn local(
    local_accounts: &dyn LocalAccounts,
    tenant: &Tenant,
    destination: AddressRef<'_>,
) -> Result<Option<LocalReceiver>, Refusal> {
    let Some(connection) = tenant.connection(destination) else { return Ok(None) };
    let Some(tag) = connection.payment_tag() else { return Ok(None) };
    let found = local_accounts.resolve(tenant.id(), tag).await.map_err(|error| {
        tracing::error!(%error, "a local account was not looked up");
        Refusal::internal()
    })?;
    // All tenants share one stream secret, so another tenant's address would decode here too.
    let found = found.filter(|account| account.tenant == tenant.id());
    Ok(found.map(|account| LocalReceiver { account, connection }))
}
