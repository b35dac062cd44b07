//! The destination of a packet: a local receiver named by its address, or the next peer.
//! The routes themselves are in `directory`.

use std::sync::Arc;

use ilp_packet::{AddressRef, PrepareBuf};
use stream::Connection;
use telemetry::{Probes, Stage};

use crate::accounts::{LocalAccount, LocalState};
use crate::directory::Tenant;
use crate::ports::LocalAccounts;
use crate::refusal::Refusal;

/// Where a packet goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination {
    /// The packet ends here.
    Local,
    /// The packet is forwarded to a peer.
    Peer,
}

/// A local account, and the STREAM connection over which it is paid.
#[derive(Clone, Debug)]
pub(crate) struct LocalReceiver {
    pub(crate) account: Arc<LocalAccount>,
    pub(crate) connection: Connection,
}

/// The local account for `packet` among those of the source's tenant. Accounts of other tenants are not found.
pub(crate) async fn at_home(
    local_accounts: &dyn LocalAccounts,
    tenant: &Tenant,
    packet: &PrepareBuf,
    probes: &Probes,
) -> Result<Option<LocalReceiver>, Refusal> {
    let decoding = probes.stage(Stage::DecodeTag);
    let connection = tenant.connection(packet.destination());
    drop(decoding);
    let Some(connection) = connection else { return Ok(None) };
    let found = of_connection(local_accounts, tenant, connection).await?;
    match &found {
        Some(receiver) if receiver.account.state == LocalState::Closed && packet.amount() != 0 => {
            Err(Refusal::takes_no_money())
        }
        _ => Ok(found),
    }
}

/// The local receiver named by `destination`, in any state.
pub(crate) async fn local(
    local_accounts: &dyn LocalAccounts,
    tenant: &Tenant,
    destination: AddressRef<'_>,
) -> Result<Option<LocalReceiver>, Refusal> {
    match tenant.connection(destination) {
        Some(connection) => of_connection(local_accounts, tenant, connection).await,
        None => Ok(None),
    }
}

/// The local receiver of a STREAM connection, in any state.
async fn of_connection(
    local_accounts: &dyn LocalAccounts,
    tenant: &Tenant,
    connection: Connection,
) -> Result<Option<LocalReceiver>, Refusal> {
    let Some(tag) = connection.payment_tag() else { return Ok(None) };
    let found = local_accounts.resolve(tenant.id(), tag).await.map_err(|error| {
        tracing::error!(%error, "a local account was not looked up");
        Refusal::internal()
    })?;
    // All tenants share one stream secret, so another tenant's address would decode here too.
    let found = found.filter(|account| account.tenant == tenant.id());
    Ok(found.map(|account| LocalReceiver { account, connection }))
}
