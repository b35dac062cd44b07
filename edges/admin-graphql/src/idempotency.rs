//! Mutations that are repeated under the same idempotency key act once and get the same answer.
//!
//! The mechanism is in the crate `idempotency`. This file has the texts of its refusals. The identity of a result is
//! stored, not the result. So a repetition shows the entity in its present state.

use std::sync::Arc;

use admin_signature::canonical;
use idempotency::{Api, Asked, Keys, KeysSettings, OnceError, Patience};
use payments_model::Origin;
use payments_store::Unit;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use idempotency::{ClaimTime, Once, ResultNote};

use crate::api::Call;
use crate::errors::{Code, Refusal};

/// A mutation that may name a key.
pub(crate) struct Mutation<'a> {
    call: &'a Call<'a>,
    field: &'a str,
    key: Option<&'a str>,
    tenant: String,
    arguments: String,
}

impl<'a> Call<'a> {
    /// The mutation `field` under `key` with these arguments.
    pub(crate) fn mutation(
        &'a self,
        field: &'a str,
        key: Option<&'a str>,
        arguments: &impl Serialize,
    ) -> Result<Mutation<'a>, Refusal> {
        let arguments = serde_json::to_value(arguments).map_err(|error| Refusal::internal(&error))?;
        let (tenant, arguments) = (self.caller.tenant.to_string(), canonical(&arguments));
        Ok(Mutation { call: self, field, key: key.filter(|key| !key.is_empty()), tenant, arguments })
    }

    /// Runs `act` unless it was done before under this key with the same arguments. For mutations that create nothing
    /// with an id chosen by this server.
    pub(crate) async fn once<T, I: Serialize + DeserializeOwned>(
        &self,
        field: &str,
        key: Option<&str>,
        arguments: &impl Serialize,
        act: impl Future<Output = Result<T, Refusal>>,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, Refusal> {
        self.mutation(field, key, arguments)?.once(act, identity).await
    }

    fn keys(&self) -> Keys {
        let settings = &self.parts.settings;
        let settings = KeysSettings { kept: settings.idempotency_ttl, lease: settings.idempotency_lock };
        Keys::new(self.parts.cache.clone(), Arc::clone(&self.parts.entropy), settings)
    }
}

impl Mutation<'_> {
    /// The origin of what the mutation creates.
    pub(crate) fn origin(&self) -> Origin {
        let Some(key) = self.key else { return Origin::Alone };
        let content = [self.field.as_bytes(), self.arguments.as_bytes()];
        let asked = Asked { api: Api::Admin, owner: &[&self.tenant], key, content: &content };
        self.call.keys().origin(asked, self.call.parts.clock.now())
    }

    /// Runs `act` unless it was done before.
    pub(crate) async fn once<T, I: Serialize + DeserializeOwned>(
        &self,
        act: impl Future<Output = Result<T, Refusal>>,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, Refusal> {
        let act = Box::pin(act);
        self.once_noted(ClaimTime::Before, |_| act, identity).await
    }

    /// As [`Mutation::once`]. With a key, `act` gets the note that stores the result in its own transaction.
    pub(crate) async fn once_noted<T, I: Serialize + DeserializeOwned, F: Future<Output = Result<T, Refusal>>>(
        &self,
        claim: ClaimTime,
        act: impl FnOnce(Option<ResultNote>) -> F,
        identity: impl FnOnce(&T) -> I,
    ) -> Result<Once<T, I>, Refusal> {
        // On the heap, because the futures of use cases are large and a document nests many of them.
        let act = |note| Box::pin(act(note));
        let Some(key) = self.key else { return act(None).await.map(Once::Now) };
        let content = [self.field.as_bytes(), self.arguments.as_bytes()];
        let asked = Asked { api: Api::Admin, owner: &[&self.tenant], key, content: &content };
        let act = |note| act(Some(note));
        self.call.keys().once_noted(asked, Patience::None, claim, act, identity).await.map_err(|error| match error {
            OnceError::Action(refusal) => refusal,
            OnceError::Cache(error) => error.into(),
            OnceError::UnderWay => {
                Refusal::new(format!("Concurrent request for idempotencyKey: {key}"), Code::Internal)
            }
            OnceError::OtherContent => {
                let message =
                    format!("Incoming arguments are different than the original request for idempotencyKey: {key}");
                Refusal::new(message, Code::Internal)
            }
        })
    }
}

/// Stores the result of a mutation with a key in the transaction that makes it.
pub(crate) fn store_result(note: Option<&ResultNote>, unit: &Unit, result: &impl Serialize) {
    if let Some(note) = note {
        note.write_within(unit.transaction(), result);
    }
}
