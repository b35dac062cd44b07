//! The certificates used with a peer. A private key is never told again.

use outbound_http::{PartyTls, PartyTlsError};
use payments_model::peer_tls::PeerTls;
use payments_model::{Peer, PeerId};

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// Why the certificates of a peer were not replaced.
#[derive(Debug, thiserror::Error)]
pub enum SetPeerTlsError {
    /// The caller does not have this peer.
    #[error("unknown peer")]
    Unknown,
    /// The certificates cannot be used.
    #[error(transparent)]
    Unusable(#[from] PartyTlsError),
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(SetPeerTlsError);

impl Administration {
    /// Replaces the certificates used with a peer; `None` removes them.
    pub async fn set_peer_tls(
        &self,
        caller: Caller,
        id: PeerId,
        tls: Option<PeerTls>,
    ) -> Result<Peer, SetPeerTlsError> {
        if let Some(tls) = &tls {
            let identity = tls.identity.as_ref();
            let party = PartyTls {
                identity: identity.map(|identity| (identity.certificate.as_str(), identity.private_key.expose())),
                authorities: tls.authorities.as_deref(),
            };
            party.check()?;
        }

        let owner = caller.reach(&self.store).peer(id).await?.ok_or(SetPeerTlsError::Unknown)?.tenant_id;
        let unit = self.store.begin().await?;
        let scope = unit.tenant(owner);
        let peer = scope.locked_peer(id).await?.ok_or(SetPeerTlsError::Unknown)?;
        scope.replace_peer_tls(&peer, tls.as_ref()).await?;
        let peer = peer.into_inner();
        unit.commit().await?;
        Ok(peer)
    }
}
