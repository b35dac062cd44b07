//! Lists incoming and outgoing payments together.
//!
//! It stores nothing. A page is merged from one query of each table, so it reads no more rows than the page needs.

use database::Error;
use payments_model::page::{Page, PageRequest, SortOrder};
use payments_model::{IncomingPayment, OutgoingPayment, WalletAddressId};
use sea_orm::entity::prelude::*;

use crate::paging::{Key, Reading, cursor_of};
use crate::scope::Scope;
use crate::{incoming_payments as incoming, outgoing_payments as outgoing, rows};

/// A payment of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyPayment {
    /// A payment expected or received here.
    Incoming(Box<IncomingPayment>),
    /// A payment sent from here.
    Outgoing(Box<OutgoingPayment>),
}

/// The kind of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentKind {
    /// Expected or received here.
    Incoming,
    /// Sent from here.
    Outgoing,
}

/// Selects the payments of a list.
#[derive(Clone, Debug)]
pub struct PaymentFilter {
    /// Only these kinds.
    pub kinds: Vec<PaymentKind>,
    /// Only payments of these wallet addresses.
    pub wallet_addresses: Option<Vec<WalletAddressId>>,
    /// No payments of these wallet addresses.
    pub not_wallet_addresses: Vec<WalletAddressId>,
}

impl PaymentFilter {
    fn restrict<E: EntityTrait>(&self, mut select: Select<E>, address: E::Column) -> Select<E> {
        if let Some(addresses) = &self.wallet_addresses {
            select = select.filter(address.is_in(uuids(addresses)));
        }
        if !self.not_wallet_addresses.is_empty() {
            select = select.filter(address.is_not_in(uuids(&self.not_wallet_addresses)));
        }
        select
    }
}

fn uuids(addresses: &[WalletAddressId]) -> Vec<Uuid> {
    addresses.iter().map(|id| id.as_uuid()).collect()
}

impl AnyPayment {
    fn key(&self) -> Key {
        match self {
            Self::Incoming(payment) => (payment.created_at.as_millis(), payment.id.as_uuid()),
            Self::Outgoing(payment) => (payment.created_at.as_millis(), payment.id().as_uuid()),
        }
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// A page of the payments of both kinds, without incoming payments that expired unpaid.
    pub async fn payments(&self, filter: &PaymentFilter, request: PageRequest) -> Result<Page<AnyPayment>, Error> {
        let wanted = |kind| filter.kinds.contains(&kind);
        let received = wanted(PaymentKind::Incoming)
            .then(|| filter.restrict(self.live_incoming_payments(), rows::incoming_payment::Column::WalletAddressId));
        let sent = wanted(PaymentKind::Outgoing)
            .then(|| filter.restrict(self.all_outgoing(), rows::outgoing_payment::Column::WalletAddressId));

        let mut cursor = None;
        if let Some(id) = cursor_of(request) {
            if let Some(select) = &received {
                cursor = incoming::PAGING.cursor(self.connection, select, id).await?;
            }
            if let (None, Some(select)) = (cursor, &sent) {
                cursor = outgoing::PAGING.cursor(self.connection, select, id).await?;
            }
            if cursor.is_none() {
                return Ok(Page::empty());
            }
        }

        let reading = Reading::new(request, cursor);
        let received = async {
            let Some(select) = received else { return Ok(Vec::new()) };
            let rows = incoming::PAGING.read(self.connection, select, &reading).await?;
            incoming::payments(self.connection, rows).await
        };
        let sent = async {
            let Some(select) = sent else { return Ok(Vec::new()) };
            let rows = outgoing::PAGING.read(self.connection, select, &reading).await?;
            outgoing::payments(self.connection, rows).await
        };
        // Neither kind waits for the other.
        let (received, sent) = futures::try_join!(received, sent)?;
        let received = received.into_iter().map(|one| AnyPayment::Incoming(Box::new(one)));
        let mut found: Vec<_> =
            received.chain(sent.into_iter().map(|one| AnyPayment::Outgoing(Box::new(one)))).collect();

        found.sort_by_key(AnyPayment::key);
        if reading.order == SortOrder::Descending {
            found.reverse();
        }

        Ok(reading.page(found))
    }
}
