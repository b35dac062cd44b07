//! The certificates used with a peer.
//!
//! A private key is stored sealed and never told again. Only the client that calls the peer opens it.

use outbound_http::{CertificateFacts, PartyTls, PartyTlsError};
use payments_model::peer_tls::{CertificateTerm, ClientIdentity, PeerTls};
use payments_model::{Peer, PeerId, Secret};
use sealed_text::Place;

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// The certificates to use with a peer.
#[derive(Clone, Debug)]
pub struct NewPeerTls {
    /// What is shown to the peer.
    pub identity: NewPeerIdentity,
    /// The only authorities to believe about the peer; `None`: those of the machine.
    pub authorities: Option<String>,
}

/// What is shown to a peer from now on.
#[derive(Clone, Debug)]
pub enum NewPeerIdentity {
    /// Nothing.
    Nothing,
    /// A certificate with its chain, and its private key.
    Shown(String, Secret),
    /// What was shown before.
    Kept,
}

/// The client certificate for a peer that ends soon, or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingCertificate {
    /// The peer.
    pub peer: PeerId,
    /// What the certificate says.
    pub facts: CertificateFacts,
    /// How near its end is.
    pub term: CertificateTerm,
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
        let keeps = tls.as_ref().is_some_and(|tls| matches!(tls.identity, NewPeerIdentity::Kept));
        let mut tls = tls.map(|tls| self.sealed(id, tls)).transpose()?;
        let owner = caller.reach(&self.store).peer(id).await?.ok_or(SetPeerTlsError::Unknown)?.tenant_id;
        let unit = self.store.begin().await?;
        let scope = unit.tenant(owner);
        let peer = scope.locked_peer(id).await?.ok_or(SetPeerTlsError::Unknown)?;
        if tls.is_some() && !peer.outgoing.as_ref().is_some_and(|out| out.endpoint.starts_with("https://")) {
            return Err(SetPeerTlsError::NotHttps);
        }

        if let Some(tls) = tls.as_mut().filter(|_| keeps) {
            tls.identity = scope.peer_tls(id).await?.and_then(|old| old.identity);
        }
        let tls = tls.filter(|tls| tls.identity.is_some() || tls.authorities.is_some());

        scope.replace_peer_tls(&peer, tls.as_ref()).await?;
        let peer = peer.into_inner();
        unit.commit().await?;
        Ok(peer)
    }

    /// Seals the private keys of peers again that a former secret has sealed, so that this secret can be removed from the
    /// configuration. Returns how many were sealed again.
    pub async fn reseal_peer_keys(&self) -> Result<usize, Unavailable> {
        let sealer = &self.settings.sealer;
        let mut resealed = 0;
        for (id, tls) in self.store.every_tenant().all_peer_tls().await? {
            let Some(identity) = tls.identity.filter(|own| sealer.is_of_a_former_key(&own.sealed_key)) else {
                continue;
            };
            let place = Place::PrivateKey(id.as_uuid());
            let key = match sealer.open(&identity.sealed_key, place) {
                Ok(key) => key,
                Err(error) => {
                    tracing::error!(peer.id = %id, %error, "ALERT the private key for a peer cannot be opened");
                    continue;
                }
            };
            let sealed_key = sealer.seal(&key, place, &*self.entropy)?;
            let Some(owner) = self.store.every_tenant().peer(id).await?.map(|peer| peer.tenant_id) else { continue };

            let unit = self.store.begin().await?;
            let scope = unit.tenant(owner);
            let Some(peer) = scope.locked_peer(id).await? else { continue };
            // Somebody may have set other certificates since they were read.
            let Some(now) = scope.peer_tls(id).await?.filter(|now| now.identity.as_ref() == Some(&identity)) else {
                continue;
            };
            let identity = Some(ClientIdentity { sealed_key, ..identity });
            scope.replace_peer_tls(&peer, Some(&PeerTls { identity, ..now })).await?;
            unit.commit().await?;
            resealed += 1;
        }
        Ok(resealed)
    }

    /// The client certificates for peers that end within a month, or have ended.
    pub async fn ending_peer_certificates(&self) -> Result<Vec<EndingCertificate>, Unavailable> {
        let now = self.now();
        let all = self.store.every_tenant().all_peer_tls().await?;
        let ending = all.into_iter().filter_map(|(peer, tls)| {
            let facts = CertificateFacts::of_pem(&tls.identity?.certificate)?;
            let term = CertificateTerm::of(facts.expires_at, now);
            (term != CertificateTerm::Good).then_some(EndingCertificate { peer, facts, term })
        });
        Ok(ending.collect())
    }

    /// The form in which the certificates are stored, if they can be used.
    fn sealed(&self, peer: PeerId, new: NewPeerTls) -> Result<PeerTls, SetPeerTlsError> {
        let NewPeerTls { identity, authorities } = new;
        let shown = match &identity {
            NewPeerIdentity::Shown(certificate, key) => Some((certificate.as_str(), key.expose())),
            NewPeerIdentity::Nothing | NewPeerIdentity::Kept => None,
        };
        PartyTls { identity: shown, authorities: authorities.as_deref() }.read()?;
        let NewPeerIdentity::Shown(certificate, key) = identity else {
            return Ok(PeerTls { identity: None, authorities });
        };

        let sealer = &self.settings.sealer;
        if !sealer.seals() {
            return Err(SetPeerTlsError::NoEncryption);
        }
        let sealed_key = sealer.seal(key.expose(), Place::PrivateKey(peer.as_uuid()), &*self.entropy);
        let sealed_key = sealed_key.map_err(Unavailable::from)?;
        Ok(PeerTls { identity: Some(ClientIdentity { certificate, sealed_key }), authorities })
    }
}
