//! Makes one call to a recipient, and returns its result.
//!
//! It does not decide what follows from the result.

use std::error::Error;

use clock::{Clock, Timestamp};
use outbound_http::{Outbound, Request, Response};
use payments_model::webhook_delivery::{BODY_KEPT, WebhookAttempt, kept_body};
use serde_json::Value;
use service_identity::{CallError, ServiceProofs};

use crate::signature::signature_header;
use crate::target::Target;

/// The most frequent cause of status 401 to a signed event.
const OTHER_SECRET: &str =
    "the secret and SIGNATURE_VERSION here must equal those with which the receiver checks webhooks";
/// The most frequent cause of status 401 to an unsigned event.
const NO_SECRET: &str = "SIGNATURE_SECRET is not set here, so nothing is signed; set it to the receiver's secret";

/// The content of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter<'l> {
    pub(crate) event_id: &'l str,
    /// The body. It has exactly the members `id`, `type` and `data`.
    pub(crate) body: &'l Value,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
}

/// Sends the calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'s> {
    pub(crate) http: &'s Outbound,
    pub(crate) clock: &'s dyn Clock,
    pub(crate) signature_version: u32,
    pub(crate) proofs: &'s ServiceProofs,
}

impl Sender<'_> {
    /// Sends the letter. An attempt without an error was answered with status 200.
    pub(crate) async fn send(&self, letter: Letter<'_>, target: &Target) -> WebhookAttempt {
        let began_at = self.clock.now();
        let mut attempt = WebhookAttempt {
            number: letter.attempt,
            began_at,
            duration: std::time::Duration::ZERO,
            status_code: None,
            body: None,
            error: None,
        };
        match self.request(letter, target, self.clock.wall()) {
            Ok(request) => match self.call(request, target).await {
                Ok(response) => {
                    let status = response.status.as_u16();
                    attempt.status_code = Some(status);
                    attempt.body = kept_body(&response.body);
                    attempt.error = refusal(status, target);
                }
                Err(error) => attempt.error = Some(error.to_string()),
            },
            Err(error) => attempt.error = Some(error.to_string()),
        }
        attempt.duration = self.clock.now().saturating_since(began_at);
        attempt
    }

    async fn call(&self, request: Request, target: &Target) -> Result<Response, CallError> {
        match target.own_service {
            Some(wanted) => self.proofs.of(wanted, None).send(self.http, request).await,
            None => Ok(self.http.send(request).await?),
        }
    }

    fn request(
        &self,
        letter: Letter<'_>,
        target: &Target,
        now: Timestamp,
    ) -> Result<Request, Box<dyn Error + Send + Sync>> {
        let mut request = Request::post_json(target.url.clone(), letter.body)?
            .deadline(target.timeout)
            .beginning_of_answer(BODY_KEPT);
        if !target.chosen_by_tenant {
            request = request.configured();
        }
        let signature = signature_header(&target.secrets, self.signature_version, now, letter.body);
        let headers = [
            ("rafiki-event-id", Some(letter.event_id.to_owned())),
            ("rafiki-delivery-attempt", Some(letter.attempt.to_string())),
            ("rafiki-signature", signature),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name.parse()?, value.parse()?);
            }
        }
        Ok(request)
    }
}

fn refusal(status: u16, target: &Target) -> Option<String> {
    match (status, target.secrets.is_empty()) {
        (200, _) => None,
        (401, false) => Some(format!("answered 401: {OTHER_SECRET}")),
        (401, true) => Some(format!("answered 401: {NO_SECRET}")),
        _ => Some(format!("answered {status}")),
    }
}
