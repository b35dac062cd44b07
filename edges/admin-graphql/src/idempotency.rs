//! Mutations repeated under the same idempotency key answer the same and act once (admin-graphql section 6).
//!
//! What is remembered is the identity of the result, not the result: a repetition shows the entity as it is now.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::api::Call;
use crate::errors::{Code, Refusal};

/// What was done under a key.
#[derive(Serialize, Deserialize)]
struct Done {
    field: String,
    arguments: Value,
    result: Value,
}

/// The result of a mutation: just made, or made before and known by its identity.
pub(crate) enum Once<T, I> {
    Now(T),
    Before(I),
}

impl Call<'_> {
    /// Runs `act` unless it was done before under this key with the same arguments.
    pub(crate) async fn once<T, I: Serialize + DeserializeOwned>(
        &self,
        field: &str,
        key: Option<&str>,
        arguments: &impl Serialize,
        act: impl Future<Output = Result<T, Refusal>>,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, Refusal> {
        // On the heap: the futures of use cases are large, and a document nests many.
        let act = Box::pin(act);
        let Some(key) = key.filter(|key| !key.is_empty()) else { return act.await.map(Once::Now) };
        let tenant = self.caller.tenant;
        let lock = Lock::take(self, format!("admin-lock:{tenant}:{key}"), key).await?;
        let name = format!("admin-key:{tenant}:{key}");
        let arguments = serde_json::to_value(arguments).map_err(|error| Refusal::internal(&error))?;
        let outcome = self.once_locked(field, key, &name, arguments, &lock, act, identity).await;
        lock.release().await;
        outcome
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one procedure, in their order")]
    async fn once_locked<T, I: Serialize + DeserializeOwned>(
        &self,
        field: &str,
        key: &str,
        name: &str,
        arguments: Value,
        lock: &Lock<'_>,
        act: impl Future<Output = Result<T, Refusal>>,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, Refusal> {
        let cache = &self.parts.cache;
        if let Some(done) = cache.get(name).await?.and_then(|bytes| serde_json::from_slice::<Done>(&bytes).ok()) {
            if done.field != field || done.arguments != arguments {
                let message =
                    format!("Incoming arguments are different than the original request for idempotencyKey: {key}");
                return Err(Refusal::new(message, Code::Internal));
            }
            if let Ok(identity) = serde_json::from_value(done.result) {
                return Ok(Once::Before(identity));
            }
        }
        let made = tokio::select! {
            made = act => made?,
            () = lock.keep() => return Err(Refusal::new("Internal server error", Code::Internal)),
        };
        let remembered = serde_json::to_value(identity(&made))
            .and_then(|result| serde_json::to_vec(&Done { field: field.to_owned(), arguments, result }));
        // The mutation has happened; not being able to remember it must not make it look refused.
        match remembered {
            Ok(bytes) => {
                if let Err(error) = cache.set(name, Bytes::from(bytes), self.parts.settings.idempotency_ttl).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "an idempotency key was not remembered");
                }
            }
            Err(error) => tracing::warn!(%error, "an idempotency key was not remembered"),
        }
        Ok(Once::Now(made))
    }
}

/// Keeps other requests of the same key away; only its owner can give it back.
struct Lock<'a> {
    call: Call<'a>,
    name: String,
    owner: Uuid,
}

impl<'a> Lock<'a> {
    async fn take(call: &Call<'a>, name: String, key: &str) -> Result<Self, Refusal> {
        let lock = Self { call: *call, name, owner: call.parts.entropy.uuid() };
        let life = call.parts.settings.idempotency_lock;
        if call.parts.cache.set_if_absent(&lock.name, lock.token(), life).await? {
            Ok(lock)
        } else {
            Err(Refusal::new(format!("Concurrent request for idempotencyKey: {key}"), Code::Internal))
        }
    }

    /// Renews the lock while the mutation runs. Never returns by itself.
    async fn keep(&self) {
        let life = self.call.parts.settings.idempotency_lock;
        loop {
            tokio::time::sleep(life / 2).await;
            if let Err(error) = self.call.parts.cache.set(&self.name, self.token(), life).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "an idempotency lock was not renewed");
            }
        }
    }

    async fn release(self) {
        // Without an answer the lock runs out by itself.
        let _ = self.call.parts.cache.remove_if(&self.name, &self.token()).await;
    }

    fn token(&self) -> Bytes {
        Bytes::copy_from_slice(self.owner.as_bytes())
    }
}
