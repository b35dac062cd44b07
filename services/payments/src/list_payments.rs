//! Payments for APIs, with their totals from the ledger.
//! Changing payments is in `incoming` and `outgoing`.

use ledger::AccountId;
use payments_model::page::{Page, PageRequest};
use payments_model::{IncomingPayment, IncomingPaymentId, OutgoingPayment, OutgoingPaymentId, TenantId};
use payments_store::{IncomingPaymentFilter, OutgoingPaymentFilter};

use crate::ledger_totals::amount_of;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// An incoming payment and its totals.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedPayment {
    /// The payment.
    pub payment: IncomingPayment,
    /// The posted credits.
    pub received: u64,
    /// What is left on its account.
    pub balance: u64,
}

/// An outgoing payment and its totals.
#[derive(Clone, Debug, PartialEq)]
pub struct SentPayment {
    /// The payment.
    pub payment: OutgoingPayment,
    /// The posted debits.
    pub sent: u64,
    /// What is left on its account.
    pub balance: u64,
}

impl Payments {
    /// The incoming payment with this id. `None` as tenant means any tenant.
    pub async fn incoming_payment(
        &self,
        tenant: Option<TenantId>,
        id: IncomingPaymentId,
    ) -> Result<Option<ReceivedPayment>, Unavailable> {
        let found = match tenant {
            Some(tenant) => self.store().tenant(tenant).incoming_payment(id).await?,
            None => self.store().every_tenant().incoming_payment(id).await?,
        };
        Ok(self.with_received(found.into_iter().collect()).await?.pop())
    }

    /// A page of incoming payments. `None` as tenant means every tenant.
    pub async fn incoming_payments(
        &self,
        tenant: Option<TenantId>,
        filter: &IncomingPaymentFilter,
        request: PageRequest,
    ) -> Result<Page<ReceivedPayment>, Unavailable> {
        let page = match tenant {
            Some(tenant) => self.store().tenant(tenant).incoming_payments(filter, request).await?,
            None => self.store().every_tenant().incoming_payments(filter, request).await?,
        };
        let (has_next, has_previous) = (page.has_next, page.has_previous);
        Ok(Page { items: self.with_received(page.items).await?, has_next, has_previous })
    }

    /// The outgoing payment with this id. `None` as tenant means any tenant.
    pub async fn outgoing_payment(
        &self,
        tenant: Option<TenantId>,
        id: OutgoingPaymentId,
    ) -> Result<Option<SentPayment>, Unavailable> {
        let found = match tenant {
            Some(tenant) => self.store().tenant(tenant).outgoing_payment(id).await?,
            None => self.store().every_tenant().outgoing_payment(id).await?,
        };
        Ok(self.with_sent(found.into_iter().collect()).await?.pop())
    }

    /// A page of outgoing payments. `None` as tenant means every tenant.
    pub async fn outgoing_payments(
        &self,
        tenant: Option<TenantId>,
        filter: &OutgoingPaymentFilter,
        request: PageRequest,
    ) -> Result<Page<SentPayment>, Unavailable> {
        let page = match tenant {
            Some(tenant) => self.store().tenant(tenant).outgoing_payments(filter, request).await?,
            None => self.store().every_tenant().outgoing_payments(filter, request).await?,
        };
        let (has_next, has_previous) = (page.has_next, page.has_previous);
        Ok(Page { items: self.with_sent(page.items).await?, has_next, has_previous })
    }

    async fn with_received(&self, payments: Vec<IncomingPayment>) -> Result<Vec<ReceivedPayment>, Unavailable> {
        let totals = self.totals(payments.iter().map(|payment| payment.id.into()).collect()).await?;
        let with_money = payments.into_iter().zip(totals);
        Ok(with_money.map(|(payment, (received, _, balance))| ReceivedPayment { payment, received, balance }).collect())
    }

    async fn with_sent(&self, payments: Vec<OutgoingPayment>) -> Result<Vec<SentPayment>, Unavailable> {
        let totals = self.totals(payments.iter().map(|payment| payment.id().into()).collect()).await?;
        let with_money = payments.into_iter().zip(totals);
        let sent = |payment: &OutgoingPayment, debits| payment.sent().unwrap_or(debits);
        Ok(with_money
            .map(|(payment, (_, debits, balance))| SentPayment { sent: sent(&payment, debits), payment, balance })
            .collect())
    }

    /// Credits, debits and balance of each account, zero for an account that does not exist yet. One ledger query for
    /// all.
    async fn totals(&self, ids: Vec<AccountId>) -> Result<Vec<(u64, u64, u64)>, Unavailable> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let accounts = self.ledger().accounts(ids).await?.into_iter();
        Ok(accounts
            .map(|account| {
                account.map_or((0, 0, 0), |account| {
                    let (credits, debits) = (amount_of(account.credits_posted), amount_of(account.debits_posted));
                    (credits, debits, amount_of(account.credit_balance()))
                })
            })
            .collect())
    }
}
