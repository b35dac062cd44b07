//! The recipients of an event.
//!
//! Their URLs are looked up at each attempt, so a changed URL takes effect at once.

use payments_model::TenantId;
use payments_model::webhook_delivery::Recipient;

/// The recipients that an event names, before the operator's copy is added and services without URL are removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    tenants: Vec<TenantId>,
    card_service: bool,
    point_of_sale: bool,
}

impl Audience {
    /// One tenant, normally the owner of the event's subject.
    pub fn tenant(tenant: TenantId) -> Self {
        Self::tenants([tenant])
    }

    /// Several tenants.
    pub fn tenants(tenants: impl IntoIterator<Item = TenantId>) -> Self {
        Self { tenants: tenants.into_iter().collect(), ..Self::default() }
    }

    /// The card service alone, for the `funded` and `cancelled` events of a card payment.
    pub fn card_service() -> Self {
        Self { card_service: true, ..Self::default() }
    }

    /// Adds the point-of-sale service, for events that end a card payment.
    pub fn and_point_of_sale(mut self) -> Self {
        self.point_of_sale = true;
        self
    }

    /// The recipients. No tenant is named twice. The operator is added if it gets copies.
    pub(crate) fn recipients(&self, operator_copy: Option<TenantId>) -> Vec<Recipient> {
        let mut recipients = Vec::with_capacity(self.tenants.len() + 1);
        let copy = if self.tenants.is_empty() { None } else { operator_copy };
        for tenant in self.tenants.iter().copied().chain(copy) {
            let recipient = Recipient::Tenant(tenant);
            if !recipients.contains(&recipient) {
                recipients.push(recipient);
            }
        }
        if self.card_service {
            recipients.push(Recipient::CardService);
        }
        if self.point_of_sale {
            recipients.push(Recipient::PointOfSaleService);
        }
        recipients
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(n: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(n))
    }

    #[test]
    fn the_operator_gets_a_copy_only_once() {
        let audience = Audience::tenant(tenant(1));
        assert_eq!(audience.recipients(None), [Recipient::Tenant(tenant(1))]);
        assert_eq!(audience.recipients(Some(tenant(1))), [Recipient::Tenant(tenant(1))]);
        let both = [Recipient::Tenant(tenant(1)), Recipient::Tenant(tenant(2))];
        assert_eq!(audience.recipients(Some(tenant(2))), both);
    }

    #[test]
    fn card_events_go_to_the_card_service_only() {
        assert_eq!(Audience::card_service().recipients(Some(tenant(2))), [Recipient::CardService]);
    }

    #[test]
    fn the_point_of_sale_hears_of_it_beside_the_tenant() {
        let audience = Audience::tenant(tenant(1)).and_point_of_sale();
        assert_eq!(audience.recipients(None), [Recipient::Tenant(tenant(1)), Recipient::PointOfSaleService]);
    }
}
