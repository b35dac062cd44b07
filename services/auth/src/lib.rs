//! Use cases of the authorization server: grants, interactions, tokens, introspection and tenants.
//!
//! It does not speak HTTP: that is in the edges. Requests are parsed values and signed messages, and answers are the
//! types of `gnap`.

mod admin;
mod clients;
mod continue_grant;
mod grant_events;
mod interactions;
mod introspection;
mod issuer;
mod provider_secret;
mod repetition;
mod request_grant;
mod settings;
mod tenants;
mod tokens;
mod upkeep;

use std::sync::Arc;

use auth_model::{Grant, Issued};
use auth_store::AuthStore;
use clock::{Clock, Entropy};
use gnap::{AccessToken, ContinueToken, TokenValue};
use shared_cache::{Limiter, SharedCache};

pub use admin::{RevokeGrantError, TokensOfGrant};
pub use auth_store::{FinalizationReason, GrantFilter, GrantPage, Page, Retention, Scope, SortOrder, StateName};
pub use auth_store::{GRANT_EVENTS_QUEUE, TenantChange, TenantData};
pub use clients::{ClientDirectory, ClientError, NoSuchClient, PublishedClients};
pub use continue_grant::{CancelError, ContinueError};
pub use grant_events::{GrantEvents, HandOver, HandOverError};
pub use interactions::{DecideError, DetailsError, FinishError, Finished, InteractionDetails, StartError, Started};
pub use introspection::IntrospectError;
pub use issuer::{
    InvalidClient, IssuedServiceToken, Issuer, IssuerClient, IssuerError, IssuerSettings, KnownServiceToken,
    ShownClient, ShownProof, TokenQuestion, new_client_secret,
};
pub use provider_secret::ProviderProof;
pub use request_grant::RequestGrantError;
pub use settings::AuthSettings;
pub use tenants::TenantError;
pub use tokens::TokenError;

/// The authorization server. Cheap to clone; all clones are the same server.
#[derive(Clone, Debug)]
pub struct Auth {
    inner: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: AuthSettings,
    store: AuthStore,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    clients: Arc<dyn ClientDirectory>,
    cache: SharedCache,
    limiter: Limiter,
}

/// The database failed. Clients get no details; the cause is logged where the request is answered.
pub type StoreError = auth_store::Error;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operator's tenant was deleted, so the server could not be administered.
    #[error("the tenant named by OPERATOR_TENANT_ID was deleted; name another one")]
    OperatorDeleted,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Starts the server on a migrated store. The operator's tenant is created, or made equal to the settings. If it
    /// was deleted, the server does not start. `cache` stores used nonces for all processes of the server, and
    /// `limiter` counts the requests of clients.
    pub async fn open(
        settings: AuthSettings,
        store: AuthStore,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        clients: Arc<dyn ClientDirectory>,
        cache: SharedCache,
        limiter: Limiter,
    ) -> Result<Self, OpenError> {
        store.ensure_tenant(&settings.operator, clock.now()).await?;
        store.get_tenant(settings.operator.id).await?.ok_or(OpenError::OperatorDeleted)?;
        Ok(Self { inner: Arc::new(Shared { settings, store, clock, entropy, clients, cache, limiter }) })
    }

    /// The settings.
    pub fn settings(&self) -> &AuthSettings {
        &self.inner.settings
    }

    /// The clock, for signatures and dates of the edge.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// The clock.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner.clock)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.store.ping().await
    }

    fn continuation(&self, grant: &Grant, token: &TokenValue, wait: Option<u64>) -> gnap::Continuation {
        gnap::Continuation {
            access_token: ContinueToken { value: token.clone() },
            uri: self.inner.settings.url(&format!("continue/{}", grant.continuation.id)),
            wait,
        }
    }

    fn access_token(&self, grant: &Grant, issued: &Issued) -> AccessToken {
        AccessToken {
            access: grant.access.clone(),
            value: issued.value.clone(),
            manage: self.inner.settings.url(&format!("token/{}", issued.token.management_id)),
            expires_in: Some(issued.token.expires_at.saturating_since(issued.token.issued_at).as_secs()),
        }
    }

    fn wait_seconds(&self) -> u64 {
        self.inner.settings.terms.continue_wait.as_secs()
    }
}
