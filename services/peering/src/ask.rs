//! Asks another node, at its peering URL, to become a peer or to renew a peering with new tokens.
//!
//! The node at the URL states its own address, which may be false. So its answer may change an existing peering only if
//! the URL belongs to that peer: it is the URL at which the peer was asked before, or it is on the host that gets the
//! peer's packets.

use auto_peering::{PeeringReply, PeeringRequest, RefusalKind};
use ledger::TransferId;
use payments::Unavailable;
use payments::administration::Caller;
use payments_model::accounting::{TransferError, accepted};
use payments_model::peer::{OutgoingHttp, PeerHistory, WantedBy};
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::TokenEnds;
use payments_model::quote::LARGEST_AMOUNT;
use payments_model::{AssetId, Origin, Peer, PeerId, Secret, TenantAsset};
use payments_store::Unit;
use url::Url;

use crate::Peering;
use crate::accept::replace_outgoing;
use crate::call::{CallError, ChosenBy, call};
use crate::claims::{Claim, Names, address_of, own_addresses};

/// A peering that a caller wants.
#[derive(Clone, Debug)]
pub struct PeerByUrl {
    /// The peering URL of the other node.
    pub peer_url: String,
    /// The asset of the peering.
    pub asset_id: AssetId,
    /// The display name of the peer; by default the name that it states.
    pub name: Option<String>,
    /// The largest packet that either side sends.
    pub max_packet_amount: Option<u64>,
    /// An event reports when its liquidity falls to this amount.
    pub liquidity_threshold: Option<u64>,
    /// The additional amount that the peer may owe.
    pub liquidity_to_deposit: Option<u64>,
    /// The origin of the request. A repetition makes no second deposit.
    pub origin: Origin,
}

/// Why the peering was not made as requested.
#[derive(Debug, thiserror::Error)]
pub enum PeerByUrlError {
    /// The caller has no such asset.
    #[error("Unknown asset")]
    UnknownAsset,
    /// No node answers at the URL.
    #[error("Peer URL is invalid or peer does not support auto-peering")]
    InvalidPeerUrl,
    /// Our own address or connector URL cannot be used.
    #[error("The ILP configuration is misconfigured")]
    InvalidIlpConfiguration,
    /// The other node has no such asset.
    #[error("Peer does not support asset")]
    PeerUnsupportedAsset,
    /// There is another reason.
    #[error("Invalid peering request")]
    InvalidPeeringRequest {
        /// The reason, and what to do about it.
        reason: String,
    },
    /// The other node stated an address or URL that cannot be used.
    #[error("Requested peer's ILP configuration is misconfigured")]
    InvalidPeerIlpConfiguration,
    /// The ledger refused the deposit. The peering exists.
    #[error("Could not deposit liquidity to peer")]
    Liquidity(TransferError),
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<payments_store::Error> for PeerByUrlError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The subject of a request, and the data that is sent with it.
struct Way {
    asset: TenantAsset,
    url: Url,
    token: Secret,
}

impl Peering {
    /// Makes the node at a URL a peer of the caller, or renews the peering.
    pub async fn peer_by_url(&self, caller: Caller, wanted: PeerByUrl) -> Result<Peer, PeerByUrlError> {
        let store = &self.0.store;
        let asset = caller.reach(store).asset(wanted.asset_id).await?.ok_or(PeerByUrlError::UnknownAsset)?;
        if asset.tenant_id != caller.tenant {
            return Err(refused("the asset belongs to another tenant; ask as that tenant"));
        }
        if wanted.liquidity_to_deposit.is_some_and(|amount| amount > LARGEST_AMOUNT) {
            return Err(PeerByUrlError::Liquidity(TransferError::InvalidAmount));
        }
        let url = Url::parse(&wanted.peer_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| refused("peerUrl is not an http or https URL"))?;

        let unit = store.begin().await?;
        let token = self.new_token();
        let token = unit.tenant(caller.tenant).ask_for_peering(&asset, url.as_str(), &token, self.now()).await?;
        unit.commit().await?;

        let way = Way { asset, url, token };
        let names = self.names(caller).await?;
        let reply = self.ask(caller, &wanted, &way, &names).await?;
        let peer = self.keep(caller, &wanted, &way, &names, &reply).await?;
        self.deposit(&peer, &wanted).await?;
        Ok(peer)
    }

    async fn names(&self, caller: Caller) -> Result<Names, PeerByUrlError> {
        let own = own_addresses(&self.0.store, &self.0.settings.ilp_address).await?;
        Ok(Names::new(own, self.0.store.tenant(caller.tenant).all_peers().await?))
    }

    /// Sends the request. If the other node wants proof, it is sent a second time with a token of the existing peering.
    async fn ask(
        &self,
        caller: Caller,
        wanted: &PeerByUrl,
        way: &Way,
        names: &Names,
    ) -> Result<PeeringReply, PeerByUrlError> {
        let settings = &self.0.settings;

        let static_ilp_address = if caller.tenant == settings.operator {
            settings.ilp_address.clone()
        } else {
            // With the operator's address, packets for the tenant would be taken for the operator's.
            let own = address_of(&self.0.store, caller.tenant).await?;
            own.ok_or(PeerByUrlError::InvalidIlpConfiguration)?
        };

        let request = PeeringRequest {
            static_ilp_address,
            ilp_connector_url: settings.connector_url.to_string(),
            asset: way.asset.asset.clone(),
            http_token: way.token.expose().to_owned(),
            max_packet_amount: wanted.max_packet_amount.filter(|amount| *amount > 0),
            name: Some(settings.instance_name.clone()),
        };

        let chosen_by = if caller.is_operator { ChosenBy::Operator } else { ChosenBy::Tenant };
        let asked_here = |peer: &&Peer| peer.history.peering_url.as_deref() == Some(way.url.as_str());
        let proof = token_of(names.peers().iter().filter(asked_here), &way.asset);
        let mut answer = call(&self.0.http, &way.url, chosen_by, &request, proof).await;

        if let Err(CallError::Refused(refusal)) = &answer
            && let Some(address) = &refusal.proof_wanted_by
        {
            // The token is sent only to a host that gets it with every packet anyway.
            let shown = names.called(address).filter(|peer| speaks_for(&way.url, peer));
            if let Some(proof) = token_of(shown, &way.asset) {
                answer = call(&self.0.http, &way.url, chosen_by, &request, Some(proof)).await;
            }
        }

        answer.map_err(|error| told(error, &way.url))
    }

    /// Stores the peer with the data of its answer.
    async fn keep(
        &self,
        caller: Caller,
        wanted: &PeerByUrl,
        way: &Way,
        names: &Names,
        reply: &PeeringReply,
    ) -> Result<Peer, PeerByUrlError> {
        let id = PeerId::random(&*self.0.entropy);
        let known = known_as(names, way, reply)?;
        if known.is_none() {
            self.open_account(&way.asset, id).await?;
        }
        let own = own_addresses(&self.0.store, &self.0.settings.ilp_address).await?;

        let unit = self.0.store.begin().await?;
        let scope = unit.tenant(caller.tenant);
        scope.locked_tenant(caller.tenant).await?;
        let names = Names::new(own, scope.all_peers().await?);
        let peer = match (known_as(&names, way, reply)?, known) {
            (Some(id), _) => self.renew_by_url(&unit, id, wanted, way, reply).await?,
            (None, None) => self.insert_by_url(&unit, id, wanted, way, reply).await?,
            (None, Some(_)) => return Err(refused("the peer was deleted meanwhile; send the request again")),
        };
        scope.peering_answered(way.asset.id, way.url.as_str()).await?;
        unit.commit().await?;
        Ok(peer)
    }

    async fn insert_by_url(
        &self,
        unit: &Unit,
        id: PeerId,
        wanted: &PeerByUrl,
        way: &Way,
        reply: &PeeringReply,
    ) -> Result<Peer, PeerByUrlError> {
        let now = self.now();
        let scope = unit.tenant(way.asset.tenant_id);

        let asset = scope.locked_asset(way.asset.id).await?.filter(|asset| asset.deleted_at.is_none());
        asset.ok_or(PeerByUrlError::UnknownAsset)?;

        let peer = Peer {
            id,
            tenant_id: way.asset.tenant_id,
            asset: way.asset.clone(),
            static_ilp_address: reply.static_ilp_address.to_string(),
            outgoing: Some(OutgoingHttp { endpoint: reply.ilp_connector_url.clone(), token: way.token.clone() }),
            history: PeerHistory { peering_url: Some(way.url.to_string()), ..PeerHistory::default() },
            max_packet_amount: wanted.max_packet_amount,
            name: wanted.name.clone().or_else(|| reply.name.clone()),
            liquidity_threshold: wanted.liquidity_threshold,
            routes: Peer::routes_of(reply.static_ilp_address.as_str(), []),
            terms: PeerTerms::default(),
            created_at: now,
            updated_at: now,
        };

        scope.insert_peer(&peer).await?;
        let incoming = [Secret::new(reply.http_token.clone())];
        scope.replace_peer_tokens(id, &incoming, now).await.map_err(duplicate_token)?;

        Ok(peer)
    }

    async fn renew_by_url(
        &self,
        unit: &Unit,
        id: PeerId,
        wanted: &PeerByUrl,
        way: &Way,
        reply: &PeeringReply,
    ) -> Result<Peer, PeerByUrlError> {
        let (now, overlap) = (self.now(), self.0.settings.token_overlap);
        let scope = unit.tenant(way.asset.tenant_id);

        let peer = scope.locked_peer(id).await?;
        let mut peer = peer.ok_or_else(|| refused("the peer was deleted meanwhile; send the request again"))?;
        replace_outgoing(&mut peer, &reply.ilp_connector_url, &way.token, now, overlap);
        peer.history.peering_url = Some(way.url.to_string());
        peer.history.wanted_by = WantedBy::Us;

        if let Some(name) = wanted.name.as_ref().or(reply.name.as_ref()) {
            peer.name = Some(name.clone());
        }
        if wanted.max_packet_amount.is_some() {
            peer.max_packet_amount = wanted.max_packet_amount;
        }
        if wanted.liquidity_threshold.is_some() {
            peer.liquidity_threshold = wanted.liquidity_threshold;
        }

        peer.updated_at = now;
        scope.update_peer(&peer).await?;

        let incoming = Secret::new(reply.http_token.clone());
        scope
            .add_peer_token(&peer, &incoming, TokenEnds { own: None, others: Some(now + overlap) }, now)
            .await
            .map_err(duplicate_token)?;

        Ok(peer.into_inner())
    }

    async fn deposit(&self, peer: &Peer, wanted: &PeerByUrl) -> Result<(), PeerByUrlError> {
        let Some(amount) = wanted.liquidity_to_deposit.filter(|amount| *amount > 0) else { return Ok(()) };
        let id = TransferId::from(wanted.origin.id("liquidity of a peer", &*self.0.entropy));
        let deposit = peer.ledger_asset().deposit(id, peer.id.into(), amount);
        for result in self.0.ledger.submit(vec![deposit]).await.map_err(Unavailable::from)? {
            accepted(result).map_err(PeerByUrlError::Liquidity)?;
        }
        Ok(())
    }
}

/// The peer that an answer renews; `None` if the answer makes a new peer.
fn known_as(names: &Names, way: &Way, reply: &PeeringReply) -> Result<Option<PeerId>, PeerByUrlError> {
    match names.claim(&reply.static_ilp_address) {
        Claim::Free => Ok(None),
        Claim::Taken => {
            let address = &reply.static_ilp_address;
            Err(refused(format!("the peer calls itself {address}, which is ours or is routed to another peer")))
        }
        Claim::Known(known) if known.iter().all(|peer| speaks_for(&way.url, peer)) => {
            Ok(known.iter().find(|peer| peer.asset.id == way.asset.id).map(|peer| peer.id))
        }
        Claim::Known(_) => {
            let address = &reply.static_ilp_address;
            Err(refused(format!(
                "there is a peer {address} whose endpoint is on another host; if both are the same node, delete that peer \
                 or change its endpoint, and send the request again"
            )))
        }
    }
}

/// Whether an answer from `url` may change this peering.
fn speaks_for(url: &Url, peer: &Peer) -> bool {
    let endpoint = peer.outgoing.as_ref().and_then(|http| Url::parse(&http.endpoint).ok());
    let same_host = endpoint.is_some_and(|endpoint| endpoint.host_str() == url.host_str());
    same_host || peer.history.peering_url.as_deref() == Some(url.as_str())
}

/// The token that we present to one of these peers. The peer in `asset` is preferred.
fn token_of<'p>(peers: impl Iterator<Item = &'p Peer>, asset: &TenantAsset) -> Option<&'p Secret> {
    let peer = peers.max_by_key(|peer| peer.asset.id == asset.id)?;
    peer.outgoing.as_ref().map(|http| &http.token)
}

fn refused(reason: impl Into<String>) -> PeerByUrlError {
    PeerByUrlError::InvalidPeeringRequest { reason: reason.into() }
}

fn duplicate_token(error: payments_store::Error) -> PeerByUrlError {
    if error.is_unique_violation() { refused("the peer gave a token that another peer has") } else { error.into() }
}

fn told(error: CallError, url: &Url) -> PeerByUrlError {
    match error {
        CallError::Nobody => PeerByUrlError::InvalidPeerUrl,
        CallError::Unusable => PeerByUrlError::InvalidPeerIlpConfiguration,
        CallError::Failed(reason) => refused(reason),
        CallError::Refused(refusal) => match (refusal.kind, refusal.proof_wanted_by) {
            (RefusalKind::UnknownAsset, _) => PeerByUrlError::PeerUnsupportedAsset,
            (RefusalKind::InvalidPeerIlpConfiguration, _) => PeerByUrlError::InvalidIlpConfiguration,
            (_, Some(address)) => refused(format!(
                "{address} knows us as its peer and wants to see our token, which is not shown to {} because no peer \
                 {address} has its endpoint there; ask its administrator to delete the peering",
                url.host_str().unwrap_or_default()
            )),
            (RefusalKind::TooManyRequests, None) => refused("too many requests; try again in a minute"),
            (RefusalKind::InvalidPeeringRequest, None) => refused(
                "the other side refuses; it may require an invitation in the URL, or have no room for another peer",
            ),
        },
    }
}
