//! Peers: their creation, change and deletion.
//! The exchange of packets with them is in the connector.

use auto_peering::is_endpoint;
use ledger::TransferId;
use outside_text::FieldChange;
use payments_model::accounting::{AccountKind, accepted};
use payments_model::peer::{OutgoingHttp, PeerHistory};
use payments_model::peer_terms::{InvalidTerms, PeerTerms, Throughput};
use payments_model::quote::LARGEST_AMOUNT;
use payments_model::{AssetId, Peer, PeerId, Secret};

use super::assets::{accounts_stand, from_store};
use super::balances::shown;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// A peer to be created.
#[derive(Clone, Debug)]
pub struct NewPeer {
    /// The asset of the packets exchanged with it.
    pub asset_id: AssetId,
    /// Its ILP address.
    pub static_ilp_address: String,
    /// Its endpoint and token for outgoing packets.
    pub outgoing: OutgoingHttp,
    /// The tokens that it may present.
    pub incoming_tokens: Vec<Secret>,
    /// The largest packet that it is sent.
    pub max_packet_amount: Option<u64>,
    /// A name for people.
    pub name: Option<String>,
    /// An event is sent when its liquidity has fallen to this amount.
    pub liquidity_threshold: Option<u64>,
    /// The liquidity that it starts with.
    pub initial_liquidity: Option<u64>,
    /// Address prefixes routed to it besides its own address.
    pub routes: Vec<String>,
    /// How much it may send, and how much is sent to it.
    pub terms: PeerTerms,
}

/// Changes of a peer. `None` keeps the present value.
#[derive(Clone, Debug, Default)]
pub struct PeerChange {
    /// Its ILP address.
    pub static_ilp_address: Option<String>,
    /// Its endpoint and token for outgoing packets.
    pub outgoing: Option<OutgoingHttp>,
    /// The tokens that it may present. They replace all earlier tokens.
    pub incoming_tokens: Option<Vec<Secret>>,
    /// The largest packet.
    pub max_packet_amount: FieldChange<u64>,
    /// The name for people.
    pub name: FieldChange<String>,
    /// The threshold of the liquidity event.
    pub liquidity_threshold: FieldChange<u64>,
    /// Address prefixes routed to it besides its own address. They replace all earlier prefixes.
    pub routes: Option<Vec<String>>,
    /// How much it may send, and how much is sent to it.
    pub terms: PeerTermsChange,
}

/// Changes of the terms of a peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerTermsChange {
    /// How many packets it may send per second.
    pub packets_per_second: FieldChange<u32>,
    /// How many packets it may send at once, after a pause.
    pub packet_burst: FieldChange<u32>,
    /// How much money it may send.
    pub incoming: FieldChange<Throughput>,
    /// How much money is sent to it.
    pub outgoing: FieldChange<Throughput>,
    /// Its share among the peers of one prefix.
    pub weight: FieldChange<u32>,
}

impl PeerTermsChange {
    fn apply(self, terms: &mut PeerTerms) {
        let Self { packets_per_second, packet_burst, incoming, outgoing, weight } = self;
        packets_per_second.apply(&mut terms.packets_per_second);
        packet_burst.apply(&mut terms.packet_burst);
        incoming.apply(&mut terms.incoming);
        outgoing.apply(&mut terms.outgoing);
        weight.apply(&mut terms.weight);
    }
}

/// Why a peer was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreatePeerError {
    /// The address is not an ILP address.
    #[error("invalid ILP address")]
    InvalidAddress,
    /// The endpoint is not an http or https URL.
    #[error("invalid HTTP endpoint")]
    InvalidEndpoint,
    /// A term is out of its range.
    #[error(transparent)]
    InvalidTerms(#[from] InvalidTerms),
    /// The caller does not have this asset.
    #[error("unknown asset")]
    UnknownAsset,
    /// Another peer has one of these tokens.
    #[error("duplicate incoming token")]
    DuplicateToken,
    /// A peer with this address and asset exists.
    #[error("duplicate peer found for same ILP address and asset")]
    Duplicate,
    /// The initial liquidity cannot be deposited.
    #[error("invalid initial liquidity for peer")]
    InvalidInitialLiquidity,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a peer was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdatePeerError {
    /// The caller does not have this peer.
    #[error("unknown peer")]
    Unknown,
    /// The address is not an ILP address.
    #[error("invalid ILP address")]
    InvalidAddress,
    /// The endpoint is not an http or https URL.
    #[error("invalid HTTP endpoint")]
    InvalidEndpoint,
    /// A term is out of its range.
    #[error(transparent)]
    InvalidTerms(#[from] InvalidTerms),
    /// Another peer has one of these tokens.
    #[error("duplicate incoming token")]
    DuplicateToken,
    /// Another peer has this address and asset.
    #[error("duplicate peer found for same ILP address and asset")]
    Duplicate,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a peer was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeletePeerError {
    /// The caller does not have this peer.
    #[error("unknown peer")]
    Unknown,
    /// Its account has pending transfers.
    #[error(
        "packets or withdrawals of this peer still hold money; they are settled when the peer answers or their time \
         is over, usually within a minute, and after an hour at the latest; delete the peer after that"
    )]
    HoldsMoney,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(CreatePeerError, UpdatePeerError, DeletePeerError);

impl Administration {
    /// Creates a peer with its ledger account, tokens and routes, and deposits its initial liquidity.
    ///
    /// The account is created first. The deposit comes last, under an id derived from the peer's id.
    pub async fn create_peer(&self, caller: Caller, new: NewPeer) -> Result<Peer, CreatePeerError> {
        if !is_ilp_address(&new.static_ilp_address) || !new.routes.iter().all(|route| is_route(route)) {
            return Err(CreatePeerError::InvalidAddress);
        }
        if !is_endpoint(&new.outgoing.endpoint) {
            return Err(CreatePeerError::InvalidEndpoint);
        }
        new.terms.check()?;
        if new.initial_liquidity.is_some_and(|amount| amount > LARGEST_AMOUNT) {
            return Err(CreatePeerError::InvalidInitialLiquidity);
        }

        let asset = caller.reach(&self.store).asset(new.asset_id).await?.ok_or(CreatePeerError::UnknownAsset)?;

        let now = self.now();
        let peer = Peer {
            id: PeerId::random(&*self.entropy),
            tenant_id: asset.tenant_id,
            routes: Peer::routes_of(&new.static_ilp_address, new.routes),
            static_ilp_address: new.static_ilp_address,
            asset,
            outgoing: Some(new.outgoing),
            history: PeerHistory::default(),
            max_packet_amount: new.max_packet_amount,
            name: new.name,
            liquidity_threshold: new.liquidity_threshold,
            terms: new.terms,
            created_at: now,
            updated_at: now,
        };

        let account = peer.ledger_asset().account(peer.id.into(), AccountKind::Peer);
        let created = self.ledger.create_accounts(vec![account]).await.map_err(Unavailable::from)?;
        accounts_stand(&created, "the account of a peer")?;

        let unit = self.store.begin().await?;
        let scope = unit.tenant(peer.tenant_id);
        // A tenant is deleted under the same lock. It gets nothing new afterwards, also not from the operator.
        let owner = scope.locked_tenant(peer.tenant_id).await?.filter(|owner| owner.deleted_at.is_none());
        owner.ok_or(CreatePeerError::UnknownAsset)?;
        let asset = scope.locked_asset(peer.asset.id).await?.filter(|asset| asset.deleted_at.is_none());
        asset.ok_or(CreatePeerError::UnknownAsset)?;
        scope
            .insert_peer(&peer)
            .await
            .map_err(|error| if error.is_unique_violation() { CreatePeerError::Duplicate } else { error.into() })?;
        scope.replace_peer_tokens(peer.id, &new.incoming_tokens, now).await.map_err(|error| {
            if error.is_unique_violation() { CreatePeerError::DuplicateToken } else { error.into() }
        })?;
        unit.commit().await?;

        if let Some(amount) = new.initial_liquidity.filter(|amount| *amount > 0) {
            self.deposit_initial(&peer, amount).await?;
        }

        Ok(peer)
    }

    /// Changes a peer.
    pub async fn update_peer(&self, caller: Caller, id: PeerId, change: PeerChange) -> Result<Peer, UpdatePeerError> {
        let addresses_hold = change.static_ilp_address.as_deref().is_none_or(is_ilp_address)
            && change.routes.iter().flatten().all(|route| is_route(route));
        if !addresses_hold {
            return Err(UpdatePeerError::InvalidAddress);
        }
        if change.outgoing.as_ref().is_some_and(|http| !is_endpoint(&http.endpoint)) {
            return Err(UpdatePeerError::InvalidEndpoint);
        }

        let owner = caller.reach(&self.store).peer(id).await?.ok_or(UpdatePeerError::Unknown)?.tenant_id;
        let unit = self.store.begin().await?;
        let scope = unit.tenant(owner);
        let mut peer = scope.locked_peer(id).await?.ok_or(UpdatePeerError::Unknown)?;

        let tokens = change.incoming_tokens.clone();
        apply(&mut peer, change);
        peer.terms.check()?;
        peer.updated_at = self.now();
        scope
            .update_peer(&peer)
            .await
            .map_err(|error| if error.is_unique_violation() { UpdatePeerError::Duplicate } else { error.into() })?;

        if let Some(tokens) = tokens {
            scope.replace_peer_tokens(id, &tokens, peer.updated_at).await.map_err(|error| {
                if error.is_unique_violation() { UpdatePeerError::DuplicateToken } else { error.into() }
            })?;
        }

        let peer = peer.into_inner();
        unit.commit().await?;
        Ok(peer)
    }

    /// Deletes one of the caller's peers with its tokens and events. Its remaining liquidity is withdrawn first,
    /// because it cannot be reached afterwards. A peer with pending transfers is not deleted.
    pub async fn delete_peer(&self, caller: Caller, id: PeerId) -> Result<(), DeletePeerError> {
        let peer = self.store.tenant(caller.tenant).peer(id).await?.ok_or(DeletePeerError::Unknown)?;
        self.withdraw_what_is_left(&peer).await?;
        let unit = self.store.begin().await?;
        if !unit.tenant(caller.tenant).delete_peer(id).await? {
            return Err(DeletePeerError::Unknown);
        }
        Ok(unit.commit().await?)
    }

    /// The caller's peer that a packet to `address` in this asset would go to. The longest prefix wins.
    pub async fn peer_towards(
        &self,
        caller: Caller,
        address: &str,
        asset: AssetId,
    ) -> Result<Option<Peer>, payments_store::Error> {
        let Ok(address) = ilp_packet::AddressRef::new(address) else { return Ok(None) };
        let covered =
            |route: &String| route.parse::<ilp_packet::AddressPrefix>().is_ok_and(|prefix| prefix.covers(address));
        let peers = self.store.tenant(caller.tenant).all_peers().await?;
        let longest = |peer: &Peer| peer.routes.iter().filter(|route| covered(route)).map(String::len).max();
        let towards = peers.into_iter().filter(|peer| peer.asset.id == asset);
        let reached = towards.filter_map(|peer| longest(&peer).map(|length| (length, peer)));
        // Of several equal matches the first one, so that the answer is always the same.
        let best = reached.reduce(|best, next| if next.0 > best.0 { next } else { best });
        Ok(best.map(|(_, peer)| peer))
    }

    async fn withdraw_what_is_left(&self, peer: &Peer) -> Result<(), DeletePeerError> {
        let Some(account) = self.account(peer.id.into()).await? else { return Ok(()) };
        if account.debits_pending > 0 || account.credits_pending > 0 {
            return Err(DeletePeerError::HoldsMoney);
        }
        let amount = shown(account.credit_balance());
        if amount == 0 {
            return Ok(());
        }
        // Every withdrawal changes `debits_posted`. So a repetition after an interruption has a new id, and two
        // withdrawals at once have the same id.
        let debited = shown(account.debits_posted);
        let id = TransferId::derived(peer.id.as_uuid(), "liquidity left at the end", debited);
        let withdrawal = peer.ledger_asset().withdrawal_at_once(id, peer.id.into(), amount);
        for result in self.ledger.submit(vec![withdrawal]).await.map_err(Unavailable::from)? {
            // Refused only if packets have changed the balance since it was read.
            accepted(result).map_err(|_| DeletePeerError::HoldsMoney)?;
        }
        Ok(())
    }

    async fn deposit_initial(&self, peer: &Peer, amount: u64) -> Result<(), CreatePeerError> {
        let id = TransferId::derived_once(peer.id.as_uuid(), "initial liquidity");
        let deposit = peer.ledger_asset().deposit(id, peer.id.into(), amount);
        for result in self.ledger.submit(vec![deposit]).await.map_err(Unavailable::from)? {
            accepted(result).map_err(|_| CreatePeerError::InvalidInitialLiquidity)?;
        }
        Ok(())
    }
}

fn apply(peer: &mut Peer, change: PeerChange) {
    if let Some(address) = change.static_ilp_address {
        peer.move_to(address);
    }
    if let Some(outgoing) = change.outgoing {
        peer.outgoing = Some(outgoing);
        // An administrator has entered this endpoint, so the former tokens and the origin of the former endpoint no
        // longer matter.
        peer.history = PeerHistory::default();
    }
    change.max_packet_amount.apply(&mut peer.max_packet_amount);
    change.name.apply(&mut peer.name);
    change.liquidity_threshold.apply(&mut peer.liquidity_threshold);
    if let Some(routes) = change.routes {
        peer.routes = Peer::routes_of(&peer.static_ilp_address, routes);
    }
    change.terms.apply(&mut peer.terms);
}

fn is_ilp_address(text: &str) -> bool {
    ilp_packet::AddressRef::new(text).is_ok()
}

fn is_route(text: &str) -> bool {
    text.parse::<ilp_packet::AddressPrefix>().is_ok()
}
