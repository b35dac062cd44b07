//! The certificates used with a peer.
//!
//! A private key is stored sealed and never told again. Only the client that calls the peer opens it.

use outbound_http::{PartyTls, PartyTlsError};
use payments_model::peer_tls::{ClientIdentity, PeerTls};
use payments_model::{Peer, PeerId, Secret};
use sealed_text::Place;

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// The certificates to use with a peer.
#[derive(Clone, Debug)]
pub struct NewPeerTls {
    /// A certificate with its chain, and its private key, to show to the peer.
    pub identity: Option<(String, Secret)>,
    /// The only authorities to believe about the peer; `None`: those of the machine.
    pub authorities: Option<String>,
}

/// Why the certificates of a peer were not replaced.
#[derive(Debug, thiserror::Error)]
pub enum SetPeerTlsError {
    /// The caller does not have this peer.
    #[error("unknown peer")]
    Unknown,
    /// The certificates cannot be used.
    #[error(transparent)]
    Unusable(#[from] PartyTlsError),
    /// The connection to the peer has no TLS.
    #[error("certificates are used with https only; set http.outgoing.endpoint of the peer to an https URL first")]
    NotHttps,
    /// The private key would be stored in clear.
    #[error("a private key is stored encrypted only; set DB_ENCRYPTION_SECRET of the backend first")]
    NoEncryption,
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
        tls: Option<NewPeerTls>,
    ) -> Result<Peer, SetPeerTlsError> {
        let tls = tls.map(|tls| self.sealed(id, tls)).transpose()?;
        let owner = caller.reach(&self.store).peer(id).await?.ok_or(SetPeerTlsError::Unknown)?.tenant_id;
        let unit = self.store.begin().await?;
        let scope = unit.tenant(owner);
        let peer = scope.locked_peer(id).await?.ok_or(SetPeerTlsError::Unknown)?;
        if tls.is_some() && !peer.outgoing.as_ref().is_some_and(|out| out.endpoint.starts_with("https://")) {
            return Err(SetPeerTlsError::NotHttps);
        }

        scope.replace_peer_tls(&peer, tls.as_ref()).await?;
        let peer = peer.into_inner();
        unit.commit().await?;
        Ok(peer)
    }

    /// The form in which the certificates are stored, if they can be used.
    fn sealed(&self, peer: PeerId, new: NewPeerTls) -> Result<PeerTls, SetPeerTlsError> {
        let NewPeerTls { identity, authorities } = new;
        let shown = identity.as_ref().map(|(certificate, key)| (certificate.as_str(), key.expose()));
        PartyTls { identity: shown, authorities: authorities.as_deref() }.read()?;
        let Some((certificate, key)) = identity else { return Ok(PeerTls { identity: None, authorities }) };

        let sealer = &self.settings.sealer;
        if !sealer.seals() {
            return Err(SetPeerTlsError::NoEncryption);
        }
        let sealed_key = sealer.seal(key.expose(), Place::PrivateKey(peer.as_uuid()), &*self.entropy);
        let sealed_key = sealed_key.map_err(Unavailable::from)?;
        Ok(PeerTls { identity: Some(ClientIdentity { certificate, sealed_key }), authorities })
    }
}
