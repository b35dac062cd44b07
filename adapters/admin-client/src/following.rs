//! Asks whether what a page shows has changed. An instance of ours answers when it has, or when the time is over.
//!
//! Another instance answers at once. Then the caller has to ask again by itself.

use std::time::Duration;

use admin_signature::Audience;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::client::{AdminClient, GraphQlAnswer};
use crate::operator_documents as d;
use crate::{AdminError, ErrorCode, PageRequest, PaymentFilter};

/// How long a request waits for a change.
const WAITS: Duration = Duration::from_secs(20);

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Followed {
    /// The latest payments and their states.
    Payments,
    /// An outgoing payment.
    OutgoingPayment(Uuid),
    /// An incoming payment.
    IncomingPayment(Uuid),
    /// A delivery of an event.
    Delivery(Uuid),
    /// The latest deliveries.
    Deliveries,
    /// The latest events.
    Events,
    /// The liquidity of assets and peers.
    Liquidity,
}

impl Followed {
    fn document(self) -> (&'static str, Value) {
        let of = |id: Uuid| json!({"id": id});
        match self {
            Self::Payments => (d::PAYMENT_STATES, json!({"first": 20})),
            Self::OutgoingPayment(id) => (d::OUTGOING_PAYMENT_STATE, of(id)),
            Self::IncomingPayment(id) => (d::INCOMING_PAYMENT_STATE, of(id)),
            Self::Delivery(id) => (d::WEBHOOK_DELIVERY_STATE, of(id)),
            Self::Deliveries => (d::WEBHOOK_DELIVERY_STATES, json!({"first": 20})),
            Self::Events => (d::WEBHOOK_EVENT_IDS, json!({"first": 20})),
            Self::Liquidity => (d::LIQUIDITY, json!({})),
        }
    }
}

impl AdminClient {
    /// The mark of what is followed, which is another text for another state. The answer comes once the mark is another one
    /// than `known`, or after 20 seconds. An instance that cannot wait answers at once.
    pub async fn followed(&self, what: Followed, known: Option<&str>) -> Result<String, AdminError> {
        let (document, variables) = what.document();
        let wait = json!({"known": known, "seconds": WAITS.as_secs()});
        let body = json!({"query": document, "variables": variables, "extensions": {"waitForChange": wait}});
        match self.ask(body, Audience::Backend).await {
            Ok(answer) => Ok(marked(&answer)),
            // It is gone, which is a state, too.
            Err(error) if error.is(&ErrorCode::NotFound) => Ok("gone".to_owned()),
            Err(AdminError::Refused { .. }) if what == Followed::Payments => {
                let some = PageRequest { first: Some(20), ..PageRequest::default() };
                let payments = self.payments_page(&some, &PaymentFilter::default(), None).await?.nodes;
                Ok(digest(&format!("{payments:?}")))
            }
            Err(error) => Err(error),
        }
    }
}

fn marked(answer: &GraphQlAnswer) -> String {
    let given = answer.extensions.pointer("/change/mark").and_then(Value::as_str);
    given.map_or_else(|| digest(&answer.data.to_string()), str::to_owned)
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
