//! The interaction with the owner: the browser is redirected to the identity provider, and back.
//!
//! It does not show pages: the identity provider does.

use auth_model::{Choice, ChoiceRefusal, FinishOutcome, Grant, GrantId, GrantState, Interaction, TenantId};
use clock::Timestamp;
use gnap::hash::{InteractionHash, grant_endpoint};
use gnap::redirect::set_query;
use gnap::{AccessItem, Subject};
use shared_cache::TooMany;
use url::Url;

use crate::provider_secret::NotShown;
use crate::{Auth, StoreError};

/// The browser is redirected to the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The URL of the consent page.
    pub consent_page: Url,
    /// The time until which the browser's session must remember the interaction.
    pub expires_at: Timestamp,
}

/// Why the browser is not redirected to the consent page. `back` is the client's page, with the reason.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No interaction has this id and nonce.
    #[error("unknown interaction")]
    Unknown,
    /// The interaction is decided or expired, or its grant was revoked.
    #[error("invalid interaction")]
    Over {
        /// The client's page, with that result.
        back: Option<Url>,
    },
    /// The tenant has no consent page any more.
    #[error("internal server error")]
    NoIdentityProvider {
        /// The client's page, with that result.
        back: Option<Url>,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The end of the interaction for the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The browser goes back to the client.
    Redirect(Url),
    /// The client polls, so the browser stays.
    Stay,
}

/// Why the return of the browser from the consent page does not end the interaction.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// No interaction has this id and nonce. Or its grant was revoked and the client polls.
    #[error("unknown interaction")]
    Unknown,
    /// The owner took too long.
    #[error("interaction expired")]
    Expired {
        /// The client's page, with that result.
        back: Option<Url>,
    },
    /// The browser did not start this interaction.
    #[error("invalid session")]
    OtherBrowser,
    /// The owner has not decided, and the client polls.
    #[error("interaction is not active")]
    Undecided,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The data about an interaction for the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InteractionDetails {
    /// The grant.
    pub grant: GrantId,
    /// Its tenant.
    pub tenant: TenantId,
    /// The requested rights.
    pub access: Vec<AccessItem>,
    /// The requested statement.
    pub subject: Option<Subject>,
    /// The interaction.
    pub interaction: Interaction,
}

/// Why an identity provider gets no data.
#[derive(Debug, thiserror::Error)]
pub enum DetailsError {
    /// No interaction has this id and nonce, or its grant was revoked.
    #[error("unknown interaction")]
    Unknown,
    /// The tenant is deleted or has no identity provider.
    #[error("internal server error")]
    NoIdentityProvider,
    /// The secret is missing or wrong.
    #[error("invalid x-idp-secret")]
    Secret,
    /// Wrong secrets were shown too often.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotShown> for DetailsError {
    fn from(error: NotShown) -> Self {
        match error {
            NotShown::Wrong => Self::Secret,
            NotShown::TooMany(refused) => Self::TooMany(refused),
        }
    }
}

/// Why a decision is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// No interaction of a tenant with an identity provider has this id and nonce.
    #[error("unknown interaction")]
    Unknown,
    /// The secret is missing or wrong.
    #[error("invalid x-idp-secret")]
    Secret,
    /// Wrong secrets were shown too often.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The interaction has ended.
    #[error(transparent)]
    Refused(#[from] ChoiceRefusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotShown> for DecideError {
    fn from(error: NotShown) -> Self {
        match error {
            NotShown::Wrong => Self::Secret,
            NotShown::TooMany(refused) => Self::TooMany(refused),
        }
    }
}

impl Auth {
    /// Redirects the owner's browser, which comes from the client, to the tenant's consent page. It may be repeated.
    #[tracing::instrument(name = "auth.interaction.start", skip_all, fields(interaction.id = id))]
    pub async fn start_interaction(&self, id: &str, nonce: &str) -> Result<Started, StartError> {
        let (grant, interaction) = self.interaction(id, nonce).await?.ok_or(StartError::Unknown)?;
        let back_with = |result, message| back(&interaction, &[("result", result), ("message", message)]);
        if grant.state != GrantState::Pending || !interaction.is_open(self.inner.clock.now()) {
            return Err(StartError::Over { back: back_with("invalid_interaction", "invalid interaction") });
        }
        let tenant = self.inner.store.get_tenant(grant.tenant).await?;
        let Some(provider) = tenant.and_then(|tenant| tenant.identity_provider) else {
            return Err(StartError::NoIdentityProvider { back: back_with("request_denied", "internal server error") });
        };
        let parameters = [
            ("interactId", &*interaction.id.to_string()),
            ("nonce", &*interaction.nonce),
            ("clientName", &*interaction.client.name),
            ("clientUri", &*interaction.client.uri),
        ];
        let consent_page = set_query(&provider.consent_url, &parameters);
        Ok(Started { consent_page, expires_at: interaction.expires_at })
    }

    /// Handles the browser that comes back from the consent page. The grant gets the owner's answer, and the browser is
    /// redirected to the client.
    ///
    /// `is_same_browser`: the browser's session remembers that it started this interaction.
    #[tracing::instrument(name = "auth.interaction.finish", skip_all, fields(interaction.id = id))]
    pub async fn finish_interaction(
        &self,
        id: &str,
        nonce: &str,
        is_same_browser: bool,
    ) -> Result<Finished, FinishError> {
        let (grant, interaction) = self.interaction(id, nonce).await?.ok_or(FinishError::Unknown)?;
        let now = self.inner.clock.now();
        if interaction.is_expired(now) {
            let parameters = [("result", "invalid_interaction"), ("message", "interaction expired")];
            return Err(FinishError::Expired { back: back(&interaction, &parameters) });
        }
        if !is_same_browser {
            return Err(FinishError::OtherBrowser);
        }
        let outcome = self.settle(grant.id, now).await?;
        self.finished(&grant, &interaction, outcome)
    }

    async fn settle(&self, id: GrantId, now: Timestamp) -> Result<FinishOutcome, FinishError> {
        let work = self.inner.store.begin().await?;
        let grant = work.lock_grant(id).await?.ok_or(FinishError::Unknown)?;
        let (finished, outcome) = (*grant).clone().finish();
        if finished.state != grant.state {
            work.record_event(self.event_between(grant.state, &finished, now)).await?;
            work.save_grant(&grant.map(|_| finished), now).await?;
            work.commit().await?;
        }
        Ok(outcome)
    }

    fn finished(
        &self,
        grant: &Grant,
        interaction: &Interaction,
        outcome: FinishOutcome,
    ) -> Result<Finished, FinishError> {
        let Some(finish) = &interaction.finish else {
            return match outcome {
                FinishOutcome::Approved | FinishOutcome::Rejected => Ok(Finished::Stay),
                FinishOutcome::Undecided => Err(FinishError::Undecided),
                FinishOutcome::Gone => Err(FinishError::Unknown),
            };
        };

        let redirect = |parameters: &[(&str, &str)]| Ok(Finished::Redirect(set_query(finish.uri.as_url(), parameters)));
        match outcome {
            FinishOutcome::Approved => {
                let reference = interaction.reference.to_string();
                let hash = InteractionHash {
                    client_nonce: &finish.nonce,
                    interact_nonce: &interaction.nonce,
                    interact_ref: &reference,
                    grant_endpoint: &grant_endpoint(self.inner.settings.server_url.as_str(), &grant.tenant.to_string()),
                };
                redirect(&[("hash", &hash.compute()), ("interact_ref", &reference)])
            }
            FinishOutcome::Rejected => redirect(&[("result", "grant_rejected")]),
            FinishOutcome::Undecided => redirect(&[("result", "grant_invalid")]),
            FinishOutcome::Gone => redirect(&[("result", "unknown_interaction"), ("message", "unknown interaction")]),
        }
    }

    /// The data that the identity provider shows to the owner. `source` is where the request comes from, for counting.
    #[tracing::instrument(name = "auth.interaction.details", skip_all, fields(interaction.id = id))]
    pub async fn interaction_details(
        &self,
        id: &str,
        nonce: &str,
        secret: Option<&str>,
        source: &str,
    ) -> Result<InteractionDetails, DetailsError> {
        self.may_show_secret(source).await?;
        let (grant, interaction) = self.interaction(id, nonce).await?.ok_or(DetailsError::Unknown)?;
        if grant.state == GrantState::Revoked {
            return Err(DetailsError::Unknown);
        }
        let tenant = self.inner.store.get_tenant(grant.tenant).await?;
        let provider = tenant.and_then(|tenant| tenant.identity_provider).ok_or(DetailsError::NoIdentityProvider)?;
        self.check_secret_of(grant.tenant, &provider, secret, source).await?;
        Ok(InteractionDetails {
            grant: grant.id,
            tenant: grant.tenant,
            access: grant.access,
            subject: grant.subject,
            interaction,
        })
    }

    /// Records the owner's answer. `source` is where the request comes from, for counting.
    #[tracing::instrument(name = "auth.interaction.decide", skip_all, fields(interaction.id = id, choice = choice.as_str()))]
    pub async fn decide_interaction(
        &self,
        id: &str,
        nonce: &str,
        choice: Choice,
        secret: Option<&str>,
        source: &str,
    ) -> Result<(), DecideError> {
        self.may_show_secret(source).await?;
        let (found, _) = self.interaction(id, nonce).await?.ok_or(DecideError::Unknown)?;
        let tenant = self.inner.store.get_tenant(found.tenant).await?;
        let provider = tenant.and_then(|tenant| tenant.identity_provider).ok_or(DecideError::Unknown)?;
        self.check_secret_of(found.tenant, &provider, secret, source).await?;
        let now = self.inner.clock.now();
        let work = self.inner.store.begin().await?;
        let grant = work.lock_grant(found.id).await?.ok_or(DecideError::Unknown)?;
        let grant = grant.try_map(|grant| grant.decide(choice, now))?;
        work.save_grant(&grant, now).await?;
        Ok(work.commit().await?)
    }

    async fn interaction(&self, id: &str, nonce: &str) -> Result<Option<(Grant, Interaction)>, StoreError> {
        let Ok(id) = id.parse() else { return Ok(None) };
        let grant = self.inner.store.get_grant_by_interaction(id, nonce).await?;
        Ok(grant.and_then(|grant| grant.interaction.clone().map(|interaction| (grant, interaction))))
    }
}

/// The client's page with these parameters; `None` if the client polls.
fn back(interaction: &Interaction, parameters: &[(&str, &str)]) -> Option<Url> {
    interaction.finish.as_ref().map(|finish| set_query(finish.uri.as_url(), parameters))
}
