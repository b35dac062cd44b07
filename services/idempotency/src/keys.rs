//! Idempotency keys. A request with a known key and the same content gets the stored result; a request with a known key
//! and other content is refused. Signatures are in `signed_requests`.
//!
//! Only the identity of the result is stored. If a request failed, it has created nothing, and its key may be used
//! again. While a request runs, its claim is renewed. So the claim lasts as long as a slow action, and runs out after a
//! process has died. If a process created something and died before it stored the result, the origin finds it: the
//! action derives its ids from the origin.
//!
//! If the keys are in the database of the action, the result is stored in the action's own transaction (`ResultNote`).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use clock::{Entropy, Timestamp};
use payments_model::Origin;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared_cache::{CacheError, SharedCache};

use crate::entry::Entry;
use crate::result_note::ResultNote;

/// The API to which a key belongs. Two APIs may have the same key without a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The `idempotencyKey` of a mutation.
    Admin,
    /// The header `Idempotency-Key`.
    OpenPayments,
}

impl Api {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::OpenPayments => "open-payments",
        }
    }
}

/// A request with a key.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The API.
    pub api: Api,
    /// The owner and its tenant. Keys of different owners are independent.
    pub owner: &'a [&'a str],
    /// The key.
    pub key: &'a str,
    /// Everything that must be equal in a repetition.
    pub content: &'a [&'a [u8]],
}

/// What a repetition does while the first request is still running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It is refused.
    None,
    /// It waits this long for the result, and is refused after that.
    UpTo(Duration),
}

/// When a key is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimTime {
    /// Before the action. So nothing happens if the key is refused.
    Before,
    /// With the result, in the action's transaction, if the keys are in the same database; before the action otherwise.
    /// The action must have no other effect than that transaction.
    WithResult,
}

/// How long keys are stored.
#[derive(Clone, Copy, Debug)]
pub struct KeysSettings {
    /// How long a result is stored under its key.
    pub kept: Duration,
    /// How long a claim lasts without renewal. After this time a dead process no longer blocks other requests.
    pub lease: Duration,
}

/// The result of an action: new, or the identity of an earlier result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once<T, I> {
    /// Made by this request.
    Now(T),
    /// Made by an earlier request with the same key and content.
    Before(I),
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum OnceError<E> {
    /// The first request with this key is still running.
    #[error("the request with this key is still under way")]
    UnderWay,
    /// The key was used with other content.
    #[error("the key was used for another request")]
    OtherContent,
    /// The storage of keys does not answer. Nothing was done.
    #[error(transparent)]
    Cache(CacheError),
    /// The action failed.
    #[error(transparent)]
    Action(E),
}

/// Stores the keys.
#[derive(Clone, Debug)]
pub struct Keys {
    cache: SharedCache,
    entropy: Arc<dyn Entropy>,
    settings: KeysSettings,
}

/// What a request with a key may do.
enum Turn {
    /// Run the action. These octets are its claim.
    Act(Bytes),
    /// Answer with the earlier result.
    Answer(Value),
}

impl Keys {
    /// Stores keys in `cache`. `entropy` makes claims different from each other.
    pub fn new(cache: SharedCache, entropy: Arc<dyn Entropy>, settings: KeysSettings) -> Self {
        Self { cache, entropy, settings }
    }

    /// The origin of what the request `asked` creates. A repetition has the same origin, even if the first result was
    /// never stored here.
    pub fn origin(&self, asked: Asked<'_>, now: Timestamp) -> Origin {
        let parts = [asked.name(), digest(asked.content.iter().copied())];
        let digest = sha256(parts.iter().map(String::as_bytes));
        let mut octets = [0; 16];
        octets.copy_from_slice(&digest[..16]);
        let request = uuid::Builder::from_custom_bytes(octets).into_uuid();
        Origin::Repeatable { request, known_since: now - self.settings.kept }
    }

    /// Runs `act`, unless it was done before under this key with the same content. `identity` returns the part of the
    /// result that a repetition gets.
    pub async fn once<T, I, E>(
        &self,
        asked: Asked<'_>,
        patience: Patience,
        act: impl Future<Output = Result<T, E>>,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, OnceError<E>>
    where
        I: Serialize + DeserializeOwned,
    {
        self.once_noted(asked, patience, ClaimTime::Before, |_| act, identity).await
    }

    /// As [`Keys::once`]. The action may store its result in its own transaction, with the note that it gets. Then a
    /// process that dies leaves both or neither.
    pub async fn once_noted<T, I, E, F>(
        &self,
        asked: Asked<'_>,
        patience: Patience,
        claim: ClaimTime,
        act: impl FnOnce(ResultNote) -> F,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, OnceError<E>>
    where
        F: Future<Output = Result<T, E>>,
        I: Serialize + DeserializeOwned,
    {
        let (name, content) = (asked.name(), digest(asked.content.iter().copied()));
        if claim == ClaimTime::WithResult && self.cache.is_in_database() {
            let note = ResultNote::new(&self.cache, name, content, None, self.settings.kept);
            return self.claimed_with_result(patience, note, act, identity).await;
        }

        let claim = loop {
            match self.turn(&name, &content, patience).await? {
                Turn::Act(claim) => break claim,
                Turn::Answer(result) => match serde_json::from_value(result.clone()) {
                    Ok(identity) => return Ok(Once::Before(identity)),
                    // Another version of this program wrote it, so it cannot be used as an answer.
                    Err(_) => self.forget(&name, &Entry::Done { content: content.clone(), result }).await?,
                },
            }
        };

        let kept = self.settings.kept;
        let note = ResultNote::new(&self.cache, name.clone(), content, Some(claim.clone()), kept);
        let made = tokio::select! {
            made = act(note.clone()) => made,
            never = self.keep(&name, &claim) => match never {},
        };
        if !note.is_stored() {
            self.end_claim(&claim, &note, made.as_ref().ok().map(identity)).await;
        }
        made.map(Once::Now).map_err(OnceError::Action)
    }

    /// Runs `act`, whose transaction fails if the key was used. Only then the key is read.
    async fn claimed_with_result<T, I, E, F>(
        &self,
        patience: Patience,
        note: ResultNote,
        act: impl FnOnce(ResultNote) -> F,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, OnceError<E>>
    where
        F: Future<Output = Result<T, E>>,
        I: Serialize + DeserializeOwned,
    {
        let made = act(note.clone()).await;
        if note.is_stored() {
            return made.map(Once::Now).map_err(OnceError::Action);
        }
        if let Ok(found) = &made
            && let Some(done) = note.done(&identity(found))
            && self.cache.set_if_absent(&note.name, done, self.settings.kept).await.map_err(OnceError::Cache)?
        {
            // The action found what an earlier execution made, and the key was not stored then.
            return made.map(Once::Now).map_err(OnceError::Action);
        }

        let stored = match (self.settled(&note.name, patience).await, &made) {
            (Ok(settled), _) => settled.ok_or(OnceError::UnderWay)?,
            (Err(_), Err(_)) => None,
            (Err(error), Ok(_)) => return Err(OnceError::Cache(error)),
        };
        let result = match stored.as_deref().map(Entry::decode) {
            Some(Some(Entry::Done { content, result })) if content == note.content => {
                serde_json::from_value(result).ok()
            }
            Some(_) => return Err(OnceError::OtherContent),
            None => None,
        };
        match result {
            Some(identity) => Ok(Once::Before(identity)),
            // The key was not used, so this has another reason.
            None => made.map(Once::Now).map_err(OnceError::Action),
        }
    }

    async fn turn<E>(&self, name: &str, content: &str, patience: Patience) -> Result<Turn, OnceError<E>> {
        let claim = Entry::Taken { content: content.to_owned(), by: self.entropy.uuid() }.encode();
        loop {
            if self.cache.set_if_absent(name, claim.clone(), self.settings.lease).await.map_err(OnceError::Cache)? {
                return Ok(Turn::Act(claim));
            }
            let found = self.settled(name, patience).await.map_err(OnceError::Cache)?;
            match found.ok_or(OnceError::UnderWay)?.as_deref().map(Entry::decode) {
                // The first request failed or its process died, so this request takes its place.
                None => {}
                Some(Some(Entry::Done { content: done, result })) if done == content => {
                    return Ok(Turn::Answer(result));
                }
                _ => return Err(OnceError::OtherContent),
            }
        }
    }

    /// What is stored under `name` after no request works on it any more. `None` if this takes too long.
    async fn settled(&self, name: &str, patience: Patience) -> Result<Option<Option<Bytes>>, CacheError> {
        let settled = |found: &Option<Bytes>| {
            let entry = found.as_deref().and_then(Entry::decode);
            !matches!(entry, Some(Entry::Taken { .. }))
        };
        match patience {
            Patience::UpTo(limit) => self.cache.wait_until(name, limit, settled).await,
            Patience::None => {
                let found = self.cache.get(name).await?;
                Ok(settled(&found).then_some(found))
            }
        }
    }

    /// Renews the claim while the action runs. It never returns.
    async fn keep(&self, name: &str, claim: &Bytes) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(self.settings.lease / 2).await;
            match self.cache.replace_if(name, claim, claim.clone(), self.settings.lease).await {
                Ok(true) => {}
                Ok(false) => tracing::warn!("the claim of an idempotency key ended while its request was running"),
                Err(error) => tracing::warn!(%error, "the claim of an idempotency key was not renewed"),
            }
        }
    }

    /// Stores the result, or gives the claim back. The action has already happened, so a failure here is only logged.
    async fn end_claim<I: Serialize>(&self, claim: &Bytes, note: &ResultNote, made: Option<I>) {
        let ended = match made.map(|identity| note.done(&identity)) {
            None => self.cache.remove_if(&note.name, claim).await,
            Some(Some(done)) => self.cache.replace_if(&note.name, claim, done, self.settings.kept).await,
            Some(None) => return,
        };
        match ended {
            Ok(true) => {}
            Ok(false) => tracing::warn!("the claim of an idempotency key ended before its request"),
            Err(error) => tracing::warn!(%error, "the outcome of an idempotency key was not stored"),
        }
    }

    async fn forget<E>(&self, name: &str, entry: &Entry) -> Result<(), OnceError<E>> {
        self.cache.remove_if(name, &entry.encode()).await.map(drop).map_err(OnceError::Cache)
    }
}

impl Asked<'_> {
    /// The name has a fixed length. Different owners and keys have different names, whatever characters they contain.
    fn name(&self) -> String {
        let parts = self.owner.iter().map(|part| part.as_bytes()).chain([self.key.as_bytes()]);
        format!("idempotency:{}:{}", self.api.as_str(), digest(parts))
    }
}

/// A digest of the parts and their lengths, so that two different lists of parts never have the same digest.
fn digest<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    URL_SAFE_NO_PAD.encode(sha256(parts))
}

fn sha256<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
