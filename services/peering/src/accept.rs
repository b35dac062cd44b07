//! Answers the request of another node to become a peer, or to renew a peering with new tokens.
//!
//! The sender is a stranger. So it must show a token of the peering if it claims an address that is known here, and it
//! gets only what the operator has offered.

use auto_peering::{PeeringReply, PeeringRequest};
use ilp_packet::Address;
use ledger::{CreateTransferResult, TransferId};
use payments::Unavailable;
use payments_model::accounting::accepted;
use payments_model::peer::{OutgoingHttp, PeerHistory, WantedBy};
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::{FormerToken, TokenDigest, TokenEnds};
use payments_model::{Peer, PeerId, Secret, TenantAsset};
use payments_store::{Locked, Scope, Unit};

use crate::Peering;
use crate::claims::{Claim, Names, own_addresses};

/// A request for peering, with the proofs of its sender.
pub struct Asked<'a> {
    /// The request.
    pub request: PeeringRequest,
    /// A token of the existing peering.
    pub token: Option<&'a str>,
    /// The operator's invitation, if the sender has one.
    pub invitation: Option<&'a str>,
}

/// Why a request was not granted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The operator has no such asset.
    #[error("the operator has no asset of this code and scale")]
    UnknownAsset,
    /// Only a node with an invitation may become a peer.
    #[error("the invitation is missing or wrong")]
    NotInvited,
    /// The address is ours, or packets to it go to another peer.
    #[error("the address belongs to another peer")]
    AddressTaken,
    /// A peer has this address, and the sender has shown no token of it.
    #[error("a peering with this address exists; repeat the request with a token of that peering")]
    ProofWanted,
    /// The limit of peers that asked for peering is reached.
    #[error("AUTO_PEERING_PEERS_MAX peers have asked for peering already")]
    TooManyPeers,
    /// Another peer presents this token.
    #[error("the token belongs to another peer")]
    DuplicateToken,
    /// Another request changed the same peering.
    #[error("the peering was changed at the same time; repeat the request")]
    Overtaken,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<payments_store::Error> for AcceptError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The effect of a request.
enum Granted {
    /// A new peering in this asset.
    New(TenantAsset),
    /// New tokens and terms for this peer.
    Renewed(PeerId),
}

impl Peering {
    /// Makes the sender a peer of the operator, or renews the peering.
    ///
    /// All checks are made before the account is opened, and again under the lock under which the peer is written.
    pub async fn accept(&self, asked: &Asked<'_>) -> Result<PeeringReply, AcceptError> {
        let settings = &self.0.settings;
        let own = own_addresses(&self.0.store, &settings.ilp_address).await?;
        let granted = self.judge(&self.0.store.tenant(settings.operator), own.clone(), asked).await?;
        let id = PeerId::random(&*self.0.entropy);
        if let Granted::New(asset) = &granted {
            self.open_account(asset, id).await?;
        }

        let unit = self.0.store.begin().await?;
        let scope = unit.tenant(settings.operator);
        scope.locked_tenant(settings.operator).await?;
        let token = self.new_token();
        let peer = match (self.judge(&scope, own, asked).await?, granted) {
            (Granted::New(asset), Granted::New(_)) => self.insert(&unit, id, asset, &asked.request, &token).await?,
            (Granted::Renewed(peer), _) => self.renew(&unit, peer, &asked.request, &token).await?,
            (Granted::New(_), Granted::Renewed(_)) => return Err(AcceptError::Overtaken),
        };
        unit.commit().await?;

        self.give_initial_liquidity(&peer).await?;
        tracing::info!(peer.id = %peer.id, address = peer.static_ilp_address, "a node has become a peer or renewed it");
        Ok(PeeringReply {
            static_ilp_address: settings.ilp_address.clone(),
            ilp_connector_url: settings.connector_url.to_string(),
            http_token: token.expose().to_owned(),
            name: Some(settings.instance_name.clone()),
            tenant_id: Some(settings.operator.as_uuid()),
        })
    }

    async fn judge<C: database::sea_orm::ConnectionTrait>(
        &self,
        scope: &Scope<'_, C>,
        own: Vec<Address>,
        asked: &Asked<'_>,
    ) -> Result<Granted, AcceptError> {
        let (request, operator) = (&asked.request, self.0.settings.operator);
        let asset = scope.asset_by_code_and_scale(operator, &request.asset).await?;
        let asset = asset.filter(|asset| asset.deleted_at.is_none()).ok_or(AcceptError::UnknownAsset)?;
        let names = Names::new(own, scope.all_peers().await?);
        let known = match names.claim(&request.static_ilp_address) {
            Claim::Taken => return Err(AcceptError::AddressTaken),
            Claim::Known(known) => known,
            Claim::Free => {
                self.must_be_invited(asked)?;
                self.must_have_room(&names)?;
                return Ok(Granted::New(asset));
            }
        };
        self.must_own_one(scope, &known, asked).await?;
        match known.iter().find(|peer| peer.asset.id == asset.id) {
            Some(peer) => Ok(Granted::Renewed(peer.id)),
            None => self.must_have_room(&names).map(|()| Granted::New(asset)),
        }
    }

    fn must_be_invited(&self, asked: &Asked<'_>) -> Result<(), AcceptError> {
        let Some(invitation) = &self.0.settings.offer.invitation else { return Ok(()) };
        // Digests are compared, so that the time of the comparison reveals nothing of the invitation.
        let shown = asked.invitation.map(TokenDigest::of);
        if shown == Some(TokenDigest::of(invitation.expose())) { Ok(()) } else { Err(AcceptError::NotInvited) }
    }

    fn must_have_room(&self, names: &Names) -> Result<(), AcceptError> {
        let theirs = names.peers().iter().filter(|peer| peer.history.wanted_by == WantedBy::Them).count();
        let room = u64::try_from(theirs).is_ok_and(|theirs| theirs < self.0.settings.offer.peers_max);
        if room { Ok(()) } else { Err(AcceptError::TooManyPeers) }
    }

    /// The token for future packets is also accepted as proof: the request is then a repetition.
    async fn must_own_one<C: database::sea_orm::ConnectionTrait>(
        &self,
        scope: &Scope<'_, C>,
        known: &[&Peer],
        asked: &Asked<'_>,
    ) -> Result<(), AcceptError> {
        let shown = [asked.token, Some(asked.request.http_token.as_str())].map(|token| token.map(TokenDigest::of));
        for peer in known {
            let tokens = scope.peer_tokens(peer.id).await?;
            let good = tokens.iter().filter(|token| token.is_good(self.now()));
            if good.into_iter().any(|token| shown.contains(&Some(token.digest))) {
                return Ok(());
            }
        }
        Err(AcceptError::ProofWanted)
    }

    async fn insert(
        &self,
        unit: &Unit,
        id: PeerId,
        asset: TenantAsset,
        request: &PeeringRequest,
        token: &Secret,
    ) -> Result<Peer, AcceptError> {
        let now = self.now();
        let scope = unit.tenant(asset.tenant_id);

        let locked = scope.locked_asset(asset.id).await?.filter(|asset| asset.deleted_at.is_none());
        locked.ok_or(AcceptError::UnknownAsset)?;

        let peer = Peer {
            id,
            tenant_id: asset.tenant_id,
            static_ilp_address: request.static_ilp_address.to_string(),
            routes: Peer::routes_of(request.static_ilp_address.as_str(), []),
            terms: PeerTerms::default(),
            asset,
            outgoing: Some(OutgoingHttp { endpoint: request.ilp_connector_url.clone(), token: token.clone() }),
            history: PeerHistory { wanted_by: WantedBy::Them, ..PeerHistory::default() },
            max_packet_amount: request.max_packet_amount,
            name: request.name.clone(),
            liquidity_threshold: None,
            created_at: now,
            updated_at: now,
        };

        scope.insert_peer(&peer).await.map_err(|error| unique(error, AcceptError::Overtaken))?;
        let incoming = [Secret::new(request.http_token.clone())];
        scope
            .replace_peer_tokens(id, &incoming, now)
            .await
            .map_err(|error| unique(error, AcceptError::DuplicateToken))?;

        Ok(peer)
    }

    async fn renew(
        &self,
        unit: &Unit,
        id: PeerId,
        request: &PeeringRequest,
        token: &Secret,
    ) -> Result<Peer, AcceptError> {
        let (now, overlap) = (self.now(), self.0.settings.token_overlap);
        let scope = unit.tenant(self.0.settings.operator);
        let mut peer = scope.locked_peer(id).await?.ok_or(AcceptError::Overtaken)?;

        replace_outgoing(&mut peer, &request.ilp_connector_url, token, now, overlap);
        if let Some(name) = &request.name {
            peer.name = Some(name.clone());
        }
        if request.max_packet_amount.is_some() {
            peer.max_packet_amount = request.max_packet_amount;
        }

        peer.updated_at = now;
        scope.update_peer(&peer).await?;

        let incoming = Secret::new(request.http_token.clone());
        scope
            .add_peer_token(&peer, &incoming, TokenEnds { own: None, others: Some(now + overlap) }, now)
            .await
            .map_err(|error| unique(error, AcceptError::DuplicateToken))?;

        Ok(peer.into_inner())
    }

    /// Deposits the offered liquidity once for a new peer. The id of the deposit is derived from the peer's id. So a
    /// request that is repeated after a crash finds the deposit or makes it.
    async fn give_initial_liquidity(&self, peer: &Peer) -> Result<(), AcceptError> {
        let amount = self.0.settings.offer.initial_liquidity;
        if amount == 0 || peer.history.wanted_by != WantedBy::Them {
            return Ok(());
        }
        let id = TransferId::derived_once(peer.id.as_uuid(), "initial liquidity");
        let deposit = peer.ledger_asset().deposit(id, peer.id.into(), amount);
        for result in self.0.ledger.submit(vec![deposit]).await.map_err(Unavailable::from)? {
            // The deposit was made before with another amount, because the offer was different then.
            let made_before = result.is_id_taken() && result != CreateTransferResult::IdAlreadyFailed;
            if !made_before {
                accepted(result).map_err(|error| Unavailable::Refused { what: "the initial liquidity", error })?;
            }
        }
        Ok(())
    }
}

/// Replaces the outgoing token of a peer. The old token is still tried for a while if the peer does not know the new
/// one.
pub(crate) fn replace_outgoing(
    peer: &mut Locked<'_, Peer>,
    endpoint: &str,
    token: &Secret,
    now: clock::Timestamp,
    overlap: std::time::Duration,
) {
    let former = match &peer.outgoing {
        Some(present) if present.token == *token => peer.history.former_outgoing.clone(),
        Some(present) => FormerToken::after(&present.token, &peer.history.former_outgoing, now, overlap),
        None => Vec::new(),
    };
    peer.history.former_outgoing = former;
    peer.outgoing = Some(OutgoingHttp { endpoint: endpoint.to_owned(), token: token.clone() });
}

fn unique(error: payments_store::Error, otherwise: AcceptError) -> AcceptError {
    if error.is_unique_violation() { otherwise } else { error.into() }
}
