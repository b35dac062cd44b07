//! Replaces the tokens that we and a peer present to each other, without losing packets meanwhile.
//!
//! Only a digest of a token that a peer presents is stored. A token that was generated here is returned once.

use std::fmt::Write;
use std::time::Duration;

use outside_text::check_line;
use payments_model::peer_token::{FormerToken, IncomingToken, REPLACED_KEPT, TokenDigest, TokenEnds};
use payments_model::{Peer, PeerId, Secret};

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// The longest time for which replaced tokens are still used.
const LONGEST_OVERLAP: Duration = Duration::from_hours(24 * 30);

/// The longest life of a token that ends.
const LONGEST_LIFE: Duration = Duration::from_hours(24 * 366 * 10);

/// The least number of characters of a token. An attacker can find a shorter one by trying.
const TOKEN_MIN: usize = 16;
const TOKEN_MAX: usize = 255;

/// A token for a peer to present.
#[derive(Clone, Debug)]
pub struct NewIncomingToken {
    /// The token; `None`: one is made.
    pub token: Option<Secret>,
    /// How long it is accepted; `None` means without end.
    pub life: Option<Duration>,
    /// How long the earlier tokens are still accepted; `None` means as long as before.
    pub overlap: Option<Duration>,
}

/// Why a peer's token was not added or replaced.
#[derive(Debug, thiserror::Error)]
pub enum PeerTokenError {
    /// The caller does not have this peer.
    #[error("unknown peer")]
    Unknown,
    /// The token cannot be sent in a header, or is too short or too long.
    #[error(
        "a token must have 16 to 255 printable ASCII characters without spaces; leave it out to get a generated one"
    )]
    Token,
    /// Another peer has this token.
    #[error("duplicate incoming token")]
    Duplicate,
    /// The peer has the largest number of tokens that are accepted at once.
    #[error("a peer can present {REPLACED_KEPT} tokens; remove one, or let the others end with overlapSeconds")]
    TooMany,
    /// The overlap is too long.
    #[error("overlapSeconds must be at most 2592000, which is 30 days")]
    Overlap,
    /// The token would end too late.
    #[error("expiresInSeconds must be at most ten years; leave it out for a token that does not end")]
    Life,
    /// Packets are not sent to this peer.
    #[error("the peer has no endpoint, so no token is presented to it; set http.outgoing first")]
    NoEndpoint,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a peer's token was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovePeerTokenError {
    /// The caller does not have this peer.
    #[error("unknown peer")]
    UnknownPeer,
    /// The peer does not have this token.
    #[error("unknown token; Peer.incomingTokens lists those that are accepted")]
    UnknownToken,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(PeerTokenError, RemovePeerTokenError);

impl Administration {
    /// Accepts one more token from a peer. Returns the peer and the token.
    pub async fn add_incoming_token(
        &self,
        caller: Caller,
        id: PeerId,
        new: NewIncomingToken,
    ) -> Result<(Peer, Secret), PeerTokenError> {
        let token = self.token(new.token).ok_or(PeerTokenError::Token)?;
        if new.overlap.is_some_and(|overlap| overlap > LONGEST_OVERLAP) {
            return Err(PeerTokenError::Overlap);
        }
        if new.life.is_some_and(|life| life > LONGEST_LIFE) {
            return Err(PeerTokenError::Life);
        }

        let owner = caller.reach(&self.store).peer(id).await?.ok_or(PeerTokenError::Unknown)?.tenant_id;
        let unit = self.store.begin().await?;
        let scope = unit.tenant(owner);
        let peer = scope.locked_peer(id).await?.ok_or(PeerTokenError::Unknown)?;

        let now = self.now();
        let ends = TokenEnds { own: new.life.map(|life| now + life), others: new.overlap.map(|overlap| now + overlap) };
        let digest = TokenDigest::of(token.expose());
        let tokens = scope.peer_tokens(id).await?;
        let others = tokens.iter().filter(|token| token.is_good(now) && token.digest != digest).count();
        // If the others end, the oldest of them are removed. Otherwise none is removed without a request.
        if ends.others.is_none() && others >= REPLACED_KEPT {
            return Err(PeerTokenError::TooMany);
        }

        let added = scope.add_peer_token(&peer, &token, ends, now).await;
        added.map_err(|error| if error.is_unique_violation() { PeerTokenError::Duplicate } else { error.into() })?;
        let peer = peer.into_inner();
        unit.commit().await?;
        Ok((peer, token))
    }

    /// Removes a token of a peer. It is refused at once. `token` is its [short name](TokenDigest::short).
    pub async fn remove_incoming_token(
        &self,
        caller: Caller,
        id: PeerId,
        token: &str,
    ) -> Result<Peer, RemovePeerTokenError> {
        let owner = caller.reach(&self.store).peer(id).await?.ok_or(RemovePeerTokenError::UnknownPeer)?.tenant_id;
        let unit = self.store.begin().await?;
        let scope = unit.tenant(owner);
        let peer = scope.locked_peer(id).await?.ok_or(RemovePeerTokenError::UnknownPeer)?;

        let tokens = scope.peer_tokens(id).await?;
        let found = tokens.iter().find(|known| known.digest.short() == token);
        let found = found.ok_or(RemovePeerTokenError::UnknownToken)?;
        scope.remove_peer_token(&peer, found.digest).await?;
        let peer = peer.into_inner();
        unit.commit().await?;
        Ok(peer)
    }

    /// Replaces the token that is presented to a peer. During `overlap` the old token is tried if the peer does not
    /// know the new one yet. Returns the peer and the token.
    pub async fn replace_outgoing_token(
        &self,
        caller: Caller,
        id: PeerId,
        token: Option<Secret>,
        overlap: Duration,
    ) -> Result<(Peer, Secret), PeerTokenError> {
        let token = self.token(token).ok_or(PeerTokenError::Token)?;
        if overlap > LONGEST_OVERLAP {
            return Err(PeerTokenError::Overlap);
        }

        let owner = caller.reach(&self.store).peer(id).await?.ok_or(PeerTokenError::Unknown)?.tenant_id;
        let unit = self.store.begin().await?;
        let scope = unit.tenant(owner);
        let mut peer = scope.locked_peer(id).await?.ok_or(PeerTokenError::Unknown)?;

        let now = self.now();
        let present = peer.outgoing.clone().ok_or(PeerTokenError::NoEndpoint)?;
        if present.token != token {
            let former = FormerToken::after(&present.token, &peer.history.former_outgoing, now, overlap);
            peer.history.former_outgoing = former;
            peer.outgoing = Some(payments_model::peer::OutgoingHttp { token: token.clone(), ..present });
            peer.updated_at = now;
            scope.update_peer(&peer).await?;
        }
        let peer = peer.into_inner();
        unit.commit().await?;
        Ok((peer, token))
    }

    /// The tokens of a peer that are accepted now, the newest first.
    pub async fn incoming_tokens(
        &self,
        caller: Caller,
        id: PeerId,
    ) -> Result<Vec<IncomingToken>, payments_store::Error> {
        let now = self.now();
        let tokens = caller.reach(&self.store).peer_tokens(id).await?;
        Ok(tokens.into_iter().filter(|token| token.is_good(now)).collect())
    }

    /// The given token if it is acceptable, or a new one.
    fn token(&self, given: Option<Secret>) -> Option<Secret> {
        if let Some(token) = given {
            let text = token.expose();
            let printable = text.bytes().all(|octet| octet.is_ascii_graphic());
            let fits = printable && text.len() >= TOKEN_MIN && check_line(text, TOKEN_MAX).is_ok();
            return fits.then_some(token);
        }
        let mut hex = String::with_capacity(64);
        for octet in self.entropy.bytes::<32>() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{octet:02x}");
        }
        Some(Secret::new(hex))
    }
}
