//! What an open page shows, and a mark that changes with it.
//!
//! The polls that ask for marks are in `following`.

use admin_client::{AdminClient, AdminError, DeliverySelection, PageRequest};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::following::Mark;

/// The content of a page.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Outgoing(Uuid),
    Incoming(Uuid),
    Delivery(Uuid),
    Deliveries,
    Events,
    Liquidity,
    All,
}

impl Subject {
    pub(crate) fn of(path: &str) -> Self {
        let id = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| Uuid::parse_str(rest).ok());
        if let Some(id) = id("/payments/outgoing/") {
            return Self::Outgoing(id);
        }
        if let Some(id) = id("/payments/incoming/") {
            return Self::Incoming(id);
        }
        if let Some(id) = id("/webhooks/deliveries/") {
            return Self::Delivery(id);
        }
        match path {
            "/webhooks/deliveries" => Self::Deliveries,
            "/webhook-events" => Self::Events,
            "/liquidity" => Self::Liquidity,
            _ => Self::All,
        }
    }

    /// Changes when the content of the page changes.
    pub(crate) async fn mark(self, admin: &AdminClient) -> Result<Mark, AdminError> {
        let some = PageRequest { first: Some(20), ..PageRequest::default() };
        let text = match self {
            Self::Outgoing(id) => format!("{:?}", admin.outgoing_payment_view(id).await?),
            Self::Incoming(id) => format!("{:?}", admin.incoming_payment_view(id).await?),
            Self::Delivery(id) => format!("{:?}", admin.webhook_delivery_view(id).await?),
            Self::Deliveries => {
                let all = DeliverySelection::default();
                format!("{:?}", admin.webhook_deliveries_page(&some, &all, None).await?.nodes)
            }
            Self::Events => format!("{:?}", admin.webhook_events_page(&some, &[], None).await?.nodes),
            Self::Liquidity => {
                let (assets, peers) = futures::join!(admin.assets_page(&some, None), admin.peers_page(&some, None));
                format!("{:?}{:?}", assets?.nodes, peers?.nodes)
            }
            Self::All => format!("{:?}", admin.payment_states(&some).await?),
        };
        Ok(Sha256::digest(text).into())
    }
}

/// Who follows what: the tenant, a digest of its secret, and the subject.
pub(crate) type Followed = (Uuid, Mark, Subject);
