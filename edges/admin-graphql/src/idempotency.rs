//! Mutations repeated under the same idempotency key answer the same and act once.
//!
//! The mechanism is that of the crate `idempotency`; here are the words of its refusals. What is remembered is the
//! identity of the result, not the result: a repetition shows the entity as it is now.

use std::sync::Arc;

use admin_signature::canonical;
use idempotency::{Api, Asked, Keys, KeysSettings, OnceError, Patience};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use idempotency::Once;

use crate::api::Call;
use crate::errors::{Code, Refusal};

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
        let arguments = serde_json::to_value(arguments).map_err(|error| Refusal::internal(&error))?;
        let (tenant, arguments) = (self.caller.tenant.to_string(), canonical(&arguments));
        let content = [field.as_bytes(), arguments.as_bytes()];
        let asked = Asked { api: Api::Admin, owner: &[&tenant], key, content: &content };
        self.keys().once(asked, Patience::None, act, identity).await.map_err(|error| match error {
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

    fn keys(&self) -> Keys {
        let settings = &self.parts.settings;
        let settings = KeysSettings { kept: settings.idempotency_ttl, lease: settings.idempotency_lock };
        Keys::new(self.parts.cache.clone(), Arc::clone(&self.parts.entropy), settings)
    }
}
