//! Which job makes which deliveries. The deliveries to one recipient about one subject belong to one job. It makes them
//! one after the other, in the order in which they were recorded. A delivery without a subject has its own job.
//!
//! It sends nothing.

use payments_model::webhook_delivery::{Recipient, WebhookDelivery};
use payments_model::{TenantId, WebhookDeliveryId, WebhookEndpointId};
use uuid::Uuid;

const CARD_SERVICE: &str = "card service";
const POINT_OF_SALE_SERVICE: &str = "point-of-sale service";

/// What a job of the queue delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The first waiting delivery to a recipient about one subject.
    Of(Recipient, Uuid),
    /// This delivery.
    Alone(WebhookDeliveryId),
}

/// One lane for each recipient, so that a slow one does not hold up the others.
pub fn lane(recipient: Recipient) -> String {
    match recipient {
        Recipient::Tenant(tenant) => tenant.to_string(),
        Recipient::Endpoint(tenant, endpoint) => format!("{tenant} {endpoint}"),
        Recipient::CardService => CARD_SERVICE.to_owned(),
        Recipient::PointOfSaleService => POINT_OF_SALE_SERVICE.to_owned(),
    }
}

/// The name of the job that makes a pending delivery.
pub(crate) fn key(delivery: &WebhookDelivery) -> String {
    match delivery.subject {
        Some(subject) => format!("{}/{subject}", lane(delivery.recipient)),
        None => delivery.id.to_string(),
    }
}

/// What the job with this name delivers; `None` if the name is not valid.
pub(crate) fn turn(key: &str) -> Option<Turn> {
    match key.split_once('/') {
        Some((lane, subject)) => Some(Turn::Of(recipient(lane)?, Uuid::try_parse(subject).ok()?)),
        None => key.parse().ok().map(Turn::Alone),
    }
}

fn recipient(lane: &str) -> Option<Recipient> {
    match lane {
        CARD_SERVICE => Some(Recipient::CardService),
        POINT_OF_SALE_SERVICE => Some(Recipient::PointOfSaleService),
        lane => match lane.split_once(' ') {
            Some((tenant, endpoint)) => {
                let (tenant, endpoint): (TenantId, WebhookEndpointId) = (tenant.parse().ok()?, endpoint.parse().ok()?);
                Some(Recipient::Endpoint(tenant, endpoint))
            }
            None => lane.parse().ok().map(Recipient::Tenant),
        },
    }
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;
    use payments_model::WebhookEvent;
    use payments_model::webhook_event::{EventType, Subject};
    use serde_json::json;

    use super::*;

    fn uuid(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn delivery(recipient: Recipient, subject: Subject) -> WebhookDelivery {
        let event = WebhookEvent {
            id: uuid(5).into(),
            event_type: EventType::PeerLiquidityLow,
            tenant_id: uuid(1).into(),
            data: json!({}),
            subject,
            withdrawal: None,
            created_at: Timestamp::EPOCH,
        };
        WebhookDelivery::new(uuid(7).into(), &event, recipient)
    }

    #[test]
    fn the_name_of_a_job_tells_what_it_delivers() {
        let tenant = TenantId::from_uuid(uuid(1));
        let recipients = [
            Recipient::Tenant(tenant),
            Recipient::Endpoint(tenant, uuid(2).into()),
            Recipient::CardService,
            Recipient::PointOfSaleService,
        ];
        for recipient in recipients {
            let about_peer = delivery(recipient, Subject::Peer(uuid(9).into()));
            assert_eq!(turn(&key(&about_peer)), Some(Turn::Of(recipient, uuid(9))));
            let about_nothing = delivery(recipient, Subject::Nothing);
            assert_eq!(turn(&key(&about_nothing)), Some(Turn::Alone(about_nothing.id)));
        }
        for other in ["", "x", "x/y", "card service/", "1 2/3"] {
            assert_eq!(turn(other), None, "{other}");
        }
    }
}
