//! Asks the authorization server from time to time whether the grant of a payment that is being sent still stands.
//!
//! It is off unless the operator sets an interval. No packet waits for it, and it asks no database.

use std::sync::Arc;
use std::time::Duration;

use auth_service::{GrantStanding, Grants};
use gnap::oauth::is_grant_of_oauth;
use payments_model::OutgoingPayment;

/// Who knows how grants stand, and how often it is asked.
#[derive(Clone, Debug)]
pub struct GrantWatch {
    /// The authorization server.
    pub grants: Arc<dyn Grants>,
    /// The time between two questions about one payment.
    pub every: Duration,
}

/// When a payment is first asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstQuestion {
    /// At once: the payment was made a while ago.
    AtOnce,
    /// After the interval. Most payments have ended by then.
    Later,
}

impl GrantWatch {
    /// Resolves when the grant of this payment has ended. Without a grant it never does, nor for a grant of OAuth, of which
    /// the authorization server knows nothing.
    ///
    /// If there is no answer, the payment goes on: it was allowed when it was made, and within its grant's limits.
    pub(crate) async fn has_ended(&self, payment: &OutgoingPayment, mut first: FirstQuestion) {
        let Some(grant) = payment.grant_id.as_ref().filter(|grant| !is_grant_of_oauth(grant)) else {
            return std::future::pending().await;
        };
        loop {
            if first == FirstQuestion::Later {
                tokio::time::sleep(self.every).await;
            }
            first = FirstQuestion::Later;
            match self.grants.standing(payment.quote.tenant_id, grant).await {
                Ok(GrantStanding::Stands) => {}
                Ok(GrantStanding::Ended) => {
                    tracing::info!(payment.id = %payment.id(), "the grant of a payment has ended; no more of it is sent");
                    return;
                }
                Err(error) => {
                    tracing::warn!(payment.id = %payment.id(), %error, "whether the grant of a payment stands is not known; it goes on");
                }
            }
        }
    }
}
