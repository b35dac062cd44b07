//! Events about grants. Each is recorded together with the change that it reports, and handed over to the backend.
//!
//! The backend signs the events and sends them to tenants as webhooks. A job hands over a grant's events in their
//! order, and tries again until the backend has recorded them. The backend recognises a repetition by the event's id.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use auth_model::{Grant, GrantId, GrantNews, GrantState, Lifetimes};
use auth_store::{AuthStore, GrantEvent};
use clock::Timestamp;
use gnap::Client;
use jobs::{Done, Failure, Handler, Job};
use outbound_http::{Outbound, OutboundError, Request};
use serde_json::{Value, json};
use url::Url;

use crate::Auth;

/// The time that the backend has to answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Whether events about grants are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantEvents {
    /// They are, because a backend takes them.
    Recorded,
    /// They are not.
    Unrecorded,
}

/// The backend has not recorded an event.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// It gave no answer.
    #[error("the backend does not answer at GRANT_EVENTS_URL: {0}")]
    NoAnswer(#[from] OutboundError),
    /// It refused.
    #[error(
        "the backend answers an event about a grant with status {status}; check GRANT_EVENTS_URL, and that \
         AUTH_SERVICE_SECRET is the same at both"
    )]
    Refused {
        /// The status of its answer.
        status: u16,
    },
}

impl Auth {
    /// The event about a change of a grant, if there is an event for this change.
    pub(crate) fn event_between(&self, before: GrantState, grant: &Grant, now: Timestamp) -> Option<GrantEvent> {
        self.event(GrantNews::between(before, grant.state)?, grant, now)
    }

    /// The event about a new grant, if there is an event for it.
    pub(crate) fn event_of_new(&self, grant: &Grant) -> Option<GrantEvent> {
        self.event(GrantNews::of_new(grant)?, grant, grant.created_at)
    }

    fn event(&self, news: GrantNews, grant: &Grant, at: Timestamp) -> Option<GrantEvent> {
        // Tenants get events only about rights on their wallet addresses.
        let names_an_owner = grant.access.iter().any(|item| item.identifier().is_some());
        if self.inner.settings.grant_events == GrantEvents::Unrecorded || !names_an_owner {
            return None;
        }
        let id = news.event_id(grant.id);
        let body = json!({
            "id": id,
            "type": news.event_type(),
            "tenantId": grant.tenant,
            "createdAt": at,
            "data": data(grant, &self.inner.settings.terms.lifetimes),
        });
        Some(GrantEvent { id, grant: grant.id, turn: news as i32, body: body.to_string(), at })
    }
}

/// The data of the event. It contains no token, and nothing about the owner but the wallet addresses in the rights.
fn data(grant: &Grant, lifetimes: &Lifetimes) -> Value {
    let client = match &grant.client {
        Client::WalletAddress(url) => Some(url.as_str()),
        Client::Jwk(_) => None,
    };
    let mut data = json!({ "id": grant.id, "client": client, "access": grant.access, "createdAt": grant.created_at });
    if let Some(end) = grant.ends_at_latest(lifetimes) {
        data["expiresAt"] = json!(end);
    }
    data
}

/// Hands events over to the backend.
#[derive(Clone, Debug)]
pub struct HandOver {
    /// The events.
    pub store: AuthStore,
    /// The client that calls the backend.
    pub http: Outbound,
    /// `GRANT_EVENTS_URL`: the backend's route.
    pub url: Url,
    /// The secret that both roles share.
    pub secret: Arc<str>,
}

impl HandOver {
    async fn send(&self, event: &GrantEvent) -> Result<(), HandOverError> {
        let request = Request::post(self.url.clone())
            .header(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"))
            .body(event.body.clone().into())
            .authorization(&format!("Bearer {}", self.secret))
            .deadline(DEADLINE)
            .beginning_of_answer(1024)
            .configured();
        let status = self.http.send(request).await?.status;
        if status.is_success() { Ok(()) } else { Err(HandOverError::Refused { status: status.as_u16() }) }
    }
}

#[async_trait]
impl Handler for HandOver {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let grant: GrantId = job.key().parse()?;
        while let Some(event) = self.store.next_grant_event(grant).await? {
            self.send(&event).await?;
            self.store.forget_grant_event(&event).await?;
        }
        Ok(Done::Complete)
    }
}
