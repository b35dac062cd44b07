//! The tokens that peers present, and those that are presented to them.
//! Other changes of peers are in `peers`.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments::administration::NewIncomingToken;
use payments_model::{Peer, Secret};
use serde::Serialize;

use super::peers::peer_id;
use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::idempotency::Once;
use crate::texts::Name;
use crate::types::peer::PeerNode;

/// For how many seconds the old outgoing token is tried by default.
const OVERLAP: i32 = 86_400;

#[derive(InputObject, Serialize)]
pub(crate) struct AddPeerIncomingTokenInput {
    peer_id: ID,
    auth_token: Option<Name>,
    expires_in_seconds: Option<i32>,
    overlap_seconds: Option<i32>,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct RemovePeerIncomingTokenInput {
    peer_id: ID,
    token_id: ID,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct ReplacePeerOutgoingTokenInput {
    peer_id: ID,
    auth_token: Option<Name>,
    overlap_seconds: Option<i32>,
    idempotency_key: Option<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct AddPeerIncomingTokenMutationResponse {
    peer: Option<PeerNode>,
    auth_token: Option<String>,
}

#[derive(SimpleObject)]
pub(crate) struct RemovePeerIncomingTokenMutationResponse {
    peer: Option<PeerNode>,
}

#[derive(SimpleObject)]
pub(crate) struct ReplacePeerOutgoingTokenMutationResponse {
    peer: Option<PeerNode>,
    auth_token: Option<String>,
}

#[derive(Default)]
pub(crate) struct PeerTokenMutation;

#[Object]
impl PeerTokenMutation {
    /// Accepts one more token from a peer. The earlier tokens end after the overlap.
    async fn add_peer_incoming_token(
        &self,
        context: &Context<'_>,
        input: AddPeerIncomingTokenInput,
    ) -> Result<AddPeerIncomingTokenMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let new = NewIncomingToken {
                token: input.auth_token.clone().map(Secret::new),
                life: input.expires_in_seconds.map(|given| seconds("expiresInSeconds", given)).transpose()?,
                overlap: input.overlap_seconds.map(|given| seconds("overlapSeconds", given)).transpose()?,
            };
            Ok(call.administration().add_incoming_token(call.caller, peer_id(&input.peer_id)?, new).await?)
        };
        let key = input.idempotency_key.as_deref();
        let added = call.once("addPeerIncomingToken", key, &input, act, |(peer, _)| peer.id).await?;
        let (peer, auth_token) = told_once(&call, added).await?;
        Ok(AddPeerIncomingTokenMutationResponse { peer, auth_token })
    }

    /// Removes a token of a peer. It is refused at once.
    async fn remove_peer_incoming_token(
        &self,
        context: &Context<'_>,
        input: RemovePeerIncomingTokenInput,
    ) -> Result<RemovePeerIncomingTokenMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let peer = peer_id(&input.peer_id)?;
            Ok(call.administration().remove_incoming_token(call.caller, peer, &input.token_id).await?)
        };
        let key = input.idempotency_key.as_deref();
        let peer = match call.once("removePeerIncomingToken", key, &input, act, |peer| peer.id).await? {
            Once::Now(peer) => Some(peer),
            Once::Before(id) => call.reach().peer(id).await.map_err(Refusal::from)?,
        };
        Ok(RemovePeerIncomingTokenMutationResponse { peer: peer.map(PeerNode) })
    }

    /// Replaces the token that is presented to a peer. During the overlap the old token is tried, too, if the peer does not know the new one yet.
    async fn replace_peer_outgoing_token(
        &self,
        context: &Context<'_>,
        input: ReplacePeerOutgoingTokenInput,
    ) -> Result<ReplacePeerOutgoingTokenMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let token = input.auth_token.clone().map(Secret::new);
            let overlap = seconds("overlapSeconds", input.overlap_seconds.unwrap_or(OVERLAP))?;
            let peer = peer_id(&input.peer_id)?;
            Ok(call.administration().replace_outgoing_token(call.caller, peer, token, overlap).await?)
        };
        let key = input.idempotency_key.as_deref();
        let replaced = call.once("replacePeerOutgoingToken", key, &input, act, |(peer, _)| peer.id).await?;
        let (peer, auth_token) = told_once(&call, replaced).await?;
        Ok(ReplacePeerOutgoingTokenMutationResponse { peer, auth_token })
    }
}

/// The peer, and the token unless this is a repetition.
async fn told_once(
    call: &Call<'_>,
    once: Once<(Peer, Secret), payments_model::PeerId>,
) -> Result<(Option<PeerNode>, Option<String>), Refusal> {
    match once {
        Once::Now((peer, token)) => Ok((Some(PeerNode(peer)), Some(token.expose().to_owned()))),
        Once::Before(id) => Ok((call.reach().peer(id).await?.map(PeerNode), None)),
    }
}

fn seconds(field: &str, given: i32) -> Result<Duration, Refusal> {
    let seconds = u64::try_from(given);
    let seconds = seconds.map_err(|_| Refusal::new(format!("{field} must not be negative"), Code::BadUserInput))?;
    Ok(Duration::from_secs(seconds))
}
