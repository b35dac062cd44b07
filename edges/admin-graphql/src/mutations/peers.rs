//! Peers.
//! Their rules are in `payments` and `peering`; how they are shown is in `types`.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use payments::administration::{NewPeer, PeerChange, PeerTermsChange};
use payments_model::peer::OutgoingHttp;
use payments_model::peer_terms::{PeerTerms, Throughput};
use payments_model::{PeerId, Secret};
use peering::PeerByUrl;
use serde::Serialize;

use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::field_change::change_of;
use crate::idempotency::Once;
use crate::scalars::UInt64;
use crate::texts::{Name, Token, UrlText};
use crate::types::peer::PeerNode;

#[derive(InputObject, Serialize)]
pub(crate) struct CreatePeerInput {
    max_packet_amount: Option<UInt64>,
    http: HttpInput,
    asset_id: String,
    static_ilp_address: String,
    name: Option<Name>,
    liquidity_threshold: Option<UInt64>,
    initial_liquidity: Option<UInt64>,
    idempotency_key: Option<Name>,
    routes: Option<Vec<String>>,
    packets_per_second: Option<u32>,
    packet_burst: Option<u32>,
    incoming_throughput: Option<PeerThroughputInput>,
    outgoing_throughput: Option<PeerThroughputInput>,
    weight: Option<u32>,
}

#[derive(Clone, Copy, InputObject, Serialize)]
pub(crate) struct PeerThroughputInput {
    amount: UInt64,
    seconds: u32,
}

#[derive(InputObject, Serialize)]
pub(crate) struct UpdatePeerInput {
    id: String,
    max_packet_amount: MaybeUndefined<UInt64>,
    http: Option<HttpInput>,
    static_ilp_address: Option<String>,
    name: MaybeUndefined<Name>,
    liquidity_threshold: MaybeUndefined<UInt64>,
    idempotency_key: Option<Name>,
    routes: Option<Vec<String>>,
    packets_per_second: MaybeUndefined<u32>,
    packet_burst: MaybeUndefined<u32>,
    incoming_throughput: MaybeUndefined<PeerThroughputInput>,
    outgoing_throughput: MaybeUndefined<PeerThroughputInput>,
    weight: MaybeUndefined<u32>,
}

#[derive(Clone, InputObject, Serialize)]
pub(crate) struct HttpInput {
    incoming: Option<HttpIncomingInput>,
    outgoing: HttpOutgoingInput,
}

#[derive(Clone, InputObject, Serialize)]
pub(crate) struct HttpIncomingInput {
    auth_tokens: Vec<Name>,
}

#[derive(Clone, InputObject, Serialize)]
pub(crate) struct HttpOutgoingInput {
    auth_token: Token,
    endpoint: UrlText,
}

#[derive(InputObject, Serialize)]
pub(crate) struct DeletePeerInput {
    id: ID,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct CreateOrUpdatePeerByUrlInput {
    max_packet_amount: Option<UInt64>,
    asset_id: String,
    peer_url: UrlText,
    name: Option<Name>,
    liquidity_threshold: Option<UInt64>,
    liquidity_to_deposit: Option<UInt64>,
    idempotency_key: Option<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct CreateOrUpdatePeerByUrlMutationResponse {
    peer: Option<PeerNode>,
}

#[derive(SimpleObject)]
pub(crate) struct CreatePeerMutationResponse {
    peer: Option<PeerNode>,
}

#[derive(SimpleObject)]
pub(crate) struct UpdatePeerMutationResponse {
    peer: Option<PeerNode>,
}

#[derive(SimpleObject)]
pub(crate) struct DeletePeerMutationResponse {
    success: bool,
}

#[derive(Default)]
pub(crate) struct PeerMutation;

#[Object]
impl PeerMutation {
    async fn create_peer(&self, context: &Context<'_>, input: CreatePeerInput) -> Result<CreatePeerMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let unknown_asset = |_| Refusal::new("unknown asset", Code::NotFound);
            let new = NewPeer {
                asset_id: input.asset_id.parse().map_err(unknown_asset)?,
                static_ilp_address: input.static_ilp_address.clone(),
                outgoing: input.http.outgoing(),
                incoming_tokens: input.http.incoming_tokens().unwrap_or_default(),
                max_packet_amount: input.max_packet_amount.map(UInt64::storable).transpose()?,
                name: input.name.clone().map(Name::into_string),
                liquidity_threshold: input.liquidity_threshold.map(UInt64::storable).transpose()?,
                initial_liquidity: input.initial_liquidity.map(|amount| amount.0),
                routes: input.routes.clone().unwrap_or_default(),
                terms: PeerTerms {
                    packets_per_second: input.packets_per_second,
                    packet_burst: input.packet_burst,
                    incoming: input.incoming_throughput.map(throughput).transpose()?,
                    outgoing: input.outgoing_throughput.map(throughput).transpose()?,
                    weight: input.weight,
                },
            };
            Ok(call.administration().create_peer(call.caller, new).await?)
        };
        let key = input.idempotency_key.as_deref();
        let peer = match call.once("createPeer", key, &input, act, |peer| peer.id).await? {
            Once::Now(peer) => Some(peer),
            Once::Before(id) => call.reach().peer(id).await.map_err(Refusal::from)?,
        };
        Ok(CreatePeerMutationResponse { peer: peer.map(PeerNode) })
    }

    /// Asks the node at a URL to become a peer, or to go on as one with new tokens.
    async fn create_or_update_peer_by_url(
        &self,
        context: &Context<'_>,
        input: CreateOrUpdatePeerByUrlInput,
    ) -> Result<CreateOrUpdatePeerByUrlMutationResponse> {
        let call = Call::of(context)?;
        let mutation = call.mutation("createOrUpdatePeerByUrl", input.idempotency_key.as_deref(), &input)?;

        let act = async {
            let unknown_asset = |_| Refusal::new("Unknown asset", Code::NotFound);
            let wanted = PeerByUrl {
                peer_url: input.peer_url.to_string(),
                asset_id: input.asset_id.parse().map_err(unknown_asset)?,
                name: input.name.clone().map(Name::into_string),
                max_packet_amount: input.max_packet_amount.map(UInt64::storable).transpose()?,
                liquidity_threshold: input.liquidity_threshold.map(UInt64::storable).transpose()?,
                liquidity_to_deposit: input.liquidity_to_deposit.map(|amount| amount.0),
                origin: mutation.origin(),
            };
            Ok(call.parts.peering.peer_by_url(call.caller, wanted).await?)
        };

        let peer = match mutation.once(act, |peer| peer.id).await? {
            Once::Now(peer) => Some(peer),
            Once::Before(id) => call.reach().peer(id).await.map_err(Refusal::from)?,
        };
        Ok(CreateOrUpdatePeerByUrlMutationResponse { peer: peer.map(PeerNode) })
    }

    async fn update_peer(&self, context: &Context<'_>, input: UpdatePeerInput) -> Result<UpdatePeerMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let change = PeerChange {
                static_ilp_address: input.static_ilp_address.clone(),
                outgoing: input.http.as_ref().map(HttpInput::outgoing),
                incoming_tokens: input.http.as_ref().and_then(HttpInput::incoming_tokens),
                max_packet_amount: change_of(input.max_packet_amount).try_map(UInt64::storable)?,
                name: change_of(input.name.clone()).map(Name::into_string),
                liquidity_threshold: change_of(input.liquidity_threshold).try_map(UInt64::storable)?,
                routes: input.routes.clone(),
                terms: PeerTermsChange {
                    packets_per_second: change_of(input.packets_per_second),
                    packet_burst: change_of(input.packet_burst),
                    incoming: change_of(input.incoming_throughput).try_map(throughput)?,
                    outgoing: change_of(input.outgoing_throughput).try_map(throughput)?,
                    weight: change_of(input.weight),
                },
            };
            Ok(call.administration().update_peer(call.caller, peer_id(&input.id)?, change).await?)
        };
        let key = input.idempotency_key.as_deref();
        let peer = match call.once("updatePeer", key, &input, act, |peer| peer.id).await? {
            Once::Now(peer) => Some(peer),
            Once::Before(id) => call.reach().peer(id).await.map_err(Refusal::from)?,
        };
        Ok(UpdatePeerMutationResponse { peer: peer.map(PeerNode) })
    }

    async fn delete_peer(&self, context: &Context<'_>, input: DeletePeerInput) -> Result<DeletePeerMutationResponse> {
        let call = Call::of(context)?;
        let act = async { Ok(call.administration().delete_peer(call.caller, peer_id(&input.id)?).await?) };
        let key = input.idempotency_key.as_deref();
        call.once("deletePeer", key, &input, act, |()| ()).await?;
        Ok(DeletePeerMutationResponse { success: true })
    }
}

impl HttpInput {
    fn outgoing(&self) -> OutgoingHttp {
        let HttpOutgoingInput { endpoint, auth_token } = self.outgoing.clone();
        OutgoingHttp { endpoint: endpoint.into_string(), token: Secret::new(auth_token) }
    }

    fn incoming_tokens(&self) -> Option<Vec<Secret>> {
        let incoming = self.incoming.as_ref()?;
        Some(incoming.auth_tokens.iter().cloned().map(Secret::new).collect())
    }
}

pub(crate) fn peer_id(text: &str) -> Result<PeerId, Refusal> {
    text.parse().map_err(|_| Refusal::new("unknown peer", Code::NotFound))
}

fn throughput(given: PeerThroughputInput) -> Result<Throughput, Refusal> {
    Ok(Throughput { amount: given.amount.storable()?, seconds: given.seconds })
}
