//! The payments service as the Open Payments listener wants it: the same use cases under the listener's words.
//!
//! Translates and nothing else, except that an unknown wallet address may be waited for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Stopwatch};
use money::AssetAmount;
use open_payments_api as api;
use open_payments_api::{BackendError, Found, GrantSpent, Lookup, TokenGrant};
use payments::{PaymentGrant, PaymentOf, Payments};
use payments_model::grant_limits::GrantRefused;
use payments_model::page::{Page, PageRequest};
use payments_model::receiver::IlpMethod;
use payments_model::tenant::SettingKey;
use payments_model::wallet_address::{AdditionalProperty, WalletAddress, WalletAddressKey};
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{
    IncomingPayment, IncomingPaymentId, InitiatedBy, OutgoingPayment, OutgoingPaymentId, Quote, QuoteId, TenantId,
    WalletAddressId, WebhookEventId,
};
use payments_store::{IncomingPaymentFilter, OutgoingPaymentFilter, Store};
use serde_json::json;
use webhooks::{Audience, Webhooks};

use crate::roles::ground::Ground;

pub(crate) struct PaymentsBackend {
    payments: Payments,
    store: Store,
    webhooks: Webhooks,
    operator: TenantId,
    lookup_timeout: Duration,
    polling_interval: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for PaymentsBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentsBackend").finish_non_exhaustive()
    }
}

impl PaymentsBackend {
    pub(crate) fn new(
        payments: Payments,
        store: Store,
        webhooks: Webhooks,
        config: &config::Backend,
        ground: &Ground,
    ) -> Self {
        Self {
            payments,
            store,
            webhooks,
            operator: TenantId::from_uuid(config.operator_tenant_id),
            lookup_timeout: config.wallet_addresses.lookup_timeout,
            polling_interval: config.wallet_addresses.polling_interval,
            clock: Arc::clone(&ground.clock),
            entropy: Arc::clone(&ground.entropy),
        }
    }

    /// The address, unless its tenant is deleted.
    async fn find(&self, url: &str) -> Result<Option<WalletAddress>, database::Error> {
        let found = self.store.every_tenant().wallet_address_by_url(url).await?;
        let Some(address) = found else { return Ok(None) };
        let tenant = self.store.every_tenant().find_tenant(address.tenant_id).await?;
        let live = tenant.is_some_and(|tenant| tenant.deleted_at.is_none());
        Ok(live.then_some(address))
    }

    /// Tells whoever has the longest base of the address that it was asked for, and waits a little for it to appear.
    async fn ask_for(&self, url: &str) -> Result<Option<WalletAddress>, database::Error> {
        let bases = self.store.every_tenant().setting_of_all(SettingKey::WalletAddressUrl).await?;
        let owners = owners_of(url, &bases);
        let tenants = if owners.is_empty() { vec![self.operator] } else { owners };
        let event = WebhookEvent {
            id: WebhookEventId::random(&*self.entropy),
            event_type: EventType::WalletAddressNotFound,
            tenant_id: self.operator,
            data: json!({"walletAddressUrl": url}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: self.clock.now(),
        };
        let mut changes = self.store.directory_changes();
        let unit = self.store.begin().await?;
        self.webhooks.record(&unit, &event, &Audience::tenants(tenants)).await?;
        unit.commit().await?;
        let watch = Stopwatch::start();
        while watch.elapsed() < self.lookup_timeout {
            // Created in this process: told at once. Created in another: looked for.
            tokio::select! {
                () = changes.notified() => {}
                () = tokio::time::sleep(self.polling_interval) => {}
            }
            if let Some(address) = self.find(url).await? {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    async fn require_address(&self, tenant: TenantId, id: WalletAddressId) -> Result<WalletAddress, BackendError> {
        let address = self.store.tenant(tenant).wallet_address(id).await.map_err(failed)?;
        address.ok_or_else(|| BackendError(format!("wallet address {id} is gone")))
    }
}

/// The tenants whose base is the longest path-segment prefix of `url`.
fn owners_of(url: &str, bases: &[(TenantId, String)]) -> Vec<TenantId> {
    let lower = url.to_lowercase();
    let length = |base: &str| {
        let base = base.trim_end_matches('/').to_lowercase();
        let rest = lower.strip_prefix(&base)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(base.len())
    };
    let longest = bases.iter().filter_map(|(_, base)| length(base)).max();
    let is_longest = |base: &str| longest.is_some() && length(base) == longest;
    bases.iter().filter(|(_, base)| is_longest(base)).map(|(tenant, _)| *tenant).collect()
}

fn failed(error: impl std::fmt::Display) -> BackendError {
    BackendError(error.to_string())
}

#[async_trait]
impl api::Backend for PaymentsBackend {
    async fn ping(&self) -> Result<(), BackendError> {
        self.store.every_tenant().find_tenant(self.operator).await.map(drop).map_err(failed)
    }

    async fn wallet_address(&self, url: &str, lookup: Lookup) -> Result<Option<WalletAddress>, BackendError> {
        let found = self.find(url).await.map_err(failed)?;
        match (found, lookup) {
            (None, Lookup::Wait) => self.ask_for(url).await.map_err(failed),
            (found, _) => Ok(found),
        }
    }

    async fn public_properties(&self, address: &WalletAddress) -> Result<Vec<AdditionalProperty>, BackendError> {
        let all = self.store.tenant(address.tenant_id).additional_properties(address.id).await.map_err(failed)?;
        Ok(all.into_iter().filter(|property| property.visible_in_open_payments).collect())
    }

    async fn keys(&self, address: &WalletAddress) -> Result<Vec<WalletAddressKey>, BackendError> {
        self.store.tenant(address.tenant_id).unrevoked_keys(address.id).await.map_err(failed)
    }

    async fn incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<Option<Found<IncomingPayment>>, BackendError> {
        let Some(found) = self.payments.incoming_payment(Some(tenant), id).await.map_err(failed)? else {
            return Ok(None);
        };
        let wallet_address = self.require_address(tenant, found.payment.wallet_address_id).await?;
        Ok(Some(Found { resource: found.payment, wallet_address, moved: found.received }))
    }

    async fn payment_methods(&self, payment: &IncomingPayment) -> Result<Vec<IlpMethod>, BackendError> {
        self.payments.payment_methods(payment).await.map_err(failed)
    }

    async fn create_incoming_payment(
        &self,
        tenant: TenantId,
        new: api::NewIncomingPayment,
    ) -> Result<IncomingPayment, api::CreateIncomingPaymentError> {
        use payments::CreateIncomingPaymentError as From;
        let new = payments::NewIncomingPayment {
            wallet_address_id: new.wallet_address,
            incoming_amount: new.incoming_amount,
            expires_at: new.expires_at,
            metadata: new.metadata,
            client: Some(new.client),
            initiated_by: InitiatedBy::OpenPayments,
            sender_wallet_address: None,
        };
        self.payments.create_incoming_payment(tenant, new).await.map_err(|error| match error {
            From::InvalidExpiry => api::CreateIncomingPaymentError::InvalidExpiry,
            From::InvalidAmount => api::CreateIncomingPaymentError::InvalidAmount,
            From::UnknownWalletAddress => api::CreateIncomingPaymentError::UnknownWalletAddress,
            From::InactiveWalletAddress => api::CreateIncomingPaymentError::InactiveWalletAddress,
            From::ActionNotPerformed => api::CreateIncomingPaymentError::ActionNotPerformed,
            From::Unavailable(error) => api::CreateIncomingPaymentError::Backend(failed(error)),
        })
    }

    async fn complete_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<(IncomingPayment, u64), api::CompleteIncomingPaymentError> {
        use payments::CompleteIncomingPaymentError as From;
        let completed = self.payments.complete_incoming_payment(tenant, id).await.map_err(|error| match error {
            From::UnknownPayment => api::CompleteIncomingPaymentError::UnknownPayment,
            From::WrongState => api::CompleteIncomingPaymentError::WrongState,
            From::Unavailable(error) => api::CompleteIncomingPaymentError::Backend(failed(error)),
        })?;
        let received = self.payments.received(id).await.map_err(failed)?;
        Ok((completed, received))
    }

    async fn list_incoming_payments(
        &self,
        address: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(IncomingPayment, u64)>, BackendError> {
        let filter = IncomingPaymentFilter {
            wallet_address: Some(address.id),
            client: client.map(str::to_owned),
            ..IncomingPaymentFilter::default()
        };
        let found = self.payments.incoming_payments(Some(address.tenant_id), &filter, page).await;
        let found = found.map_err(failed)?;
        found.try_map(|received| Ok((received.payment, received.received)))
    }

    async fn create_quote(&self, tenant: TenantId, new: api::NewQuote) -> Result<Quote, api::CreateQuoteError> {
        let new = payments::NewQuote {
            wallet_address_id: new.wallet_address,
            receiver: new.receiver,
            request: new.amount,
            client: Some(new.client),
        };
        self.payments.create_quote(tenant, new).await.map_err(quote_error)
    }

    async fn quote(&self, tenant: TenantId, id: QuoteId) -> Result<Option<Found<Quote>>, BackendError> {
        let Some(quote) = self.payments.quote(tenant, id).await.map_err(failed)? else { return Ok(None) };
        let wallet_address = self.require_address(tenant, quote.wallet_address_id).await?;
        Ok(Some(Found { resource: quote, wallet_address, moved: 0 }))
    }

    async fn create_outgoing_payment(
        &self,
        tenant: TenantId,
        new: api::NewOutgoingPayment,
    ) -> Result<(OutgoingPayment, GrantSpent), api::CreateOutgoingPaymentError> {
        let counted = new.grant.limits.is_some();
        let new = payments::NewOutgoingPayment {
            wallet_address_id: new.wallet_address,
            source: match new.source {
                api::OutgoingSource::Quote(id) => PaymentOf::Quote(id),
                api::OutgoingSource::IncomingPayment { receiver, debit_amount } => {
                    PaymentOf::IncomingPayment { receiver, debit_amount }
                }
            },
            client: Some(new.client),
            grant: Some(PaymentGrant { id: new.grant.id, limits: new.grant.limits }),
            metadata: new.metadata,
            card: None,
        };
        let created = self.payments.create_outgoing_payment(tenant, new).await.map_err(outgoing_error)?;
        let quote = &created.payment.quote;
        let spent = if counted {
            let before = created.spent_before;
            let debit = AssetAmount { value: before.debit, asset: quote.asset.asset.clone() };
            let receive = AssetAmount { value: before.receive, asset: quote.receive_amount.asset.clone() };
            GrantSpent { debit: Some(debit), receive: Some(receive) }
        } else {
            GrantSpent::default()
        };
        Ok((created.payment, spent))
    }

    async fn outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
    ) -> Result<Option<Found<OutgoingPayment>>, BackendError> {
        let Some(found) = self.payments.outgoing_payment(Some(tenant), id).await.map_err(failed)? else {
            return Ok(None);
        };
        let wallet_address = self.require_address(tenant, found.payment.quote.wallet_address_id).await?;
        Ok(Some(Found { resource: found.payment, wallet_address, moved: found.sent }))
    }

    async fn list_outgoing_payments(
        &self,
        address: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(OutgoingPayment, u64)>, BackendError> {
        let filter = OutgoingPaymentFilter {
            wallet_addresses: Some(vec![address.id]),
            client: client.map(str::to_owned),
            ..OutgoingPaymentFilter::default()
        };
        let found = self.payments.outgoing_payments(Some(address.tenant_id), &filter, page).await;
        let found = found.map_err(failed)?;
        found.try_map(|sent| Ok((sent.payment, sent.sent)))
    }

    async fn grant_spent(&self, grant: &TokenGrant) -> Result<GrantSpent, BackendError> {
        let interval = grant.limits.as_ref().and_then(|limits| limits.interval.as_deref());
        let total = self.payments.grant_spent(&grant.id, interval).await.map_err(failed)?;
        Ok(total.map_or_else(GrantSpent::default, |total| GrantSpent {
            debit: Some(total.debit),
            receive: Some(total.receive),
        }))
    }
}

fn quote_error(error: payments::CreateQuoteError) -> api::CreateQuoteError {
    use payments::CreateQuoteError as From;
    match error {
        From::UnknownWalletAddress => api::CreateQuoteError::UnknownWalletAddress,
        From::InactiveWalletAddress => api::CreateQuoteError::InactiveWalletAddress,
        From::InvalidAmount => api::CreateQuoteError::InvalidAmount,
        From::InvalidReceiver => api::CreateQuoteError::InvalidReceiver,
        From::NonPositiveReceiveAmount { min_send_amount } => {
            api::CreateQuoteError::NonPositiveReceiveAmount { min_send_amount }
        }
        From::CouldNotFetchRates => api::CreateQuoteError::CouldNotFetchRates,
        From::Path { code } => api::CreateQuoteError::NoPath(code),
        From::Unavailable(error) => api::CreateQuoteError::Backend(failed(error)),
    }
}

fn outgoing_error(error: payments::CreateOutgoingPaymentError) -> api::CreateOutgoingPaymentError {
    use payments::CreateOutgoingPaymentError as From;
    match error {
        From::UnknownWalletAddress => api::CreateOutgoingPaymentError::UnknownWalletAddress,
        From::InactiveWalletAddress => api::CreateOutgoingPaymentError::InactiveWalletAddress,
        From::UnknownQuote => api::CreateOutgoingPaymentError::UnknownQuote,
        From::InvalidQuote => api::CreateOutgoingPaymentError::InvalidQuote,
        From::Grant(GrantRefused::InsufficientGrant) => api::CreateOutgoingPaymentError::InsufficientGrant,
        From::Grant(GrantRefused::OnlyOneGrantAmountAllowed) => {
            api::CreateOutgoingPaymentError::OnlyOneGrantAmountAllowed
        }
        From::Grant(GrantRefused::InvalidInterval) => api::CreateOutgoingPaymentError::InvalidInterval,
        From::Quote(error) => api::CreateOutgoingPaymentError::Quote(quote_error(error)),
        From::Unavailable(error) => api::CreateOutgoingPaymentError::Backend(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_tenant_with_the_longest_base_is_told_and_a_name_that_only_begins_alike_is_not() {
        let tenant = |n| TenantId::from_uuid(Uuid::from_u128(n));
        let bases = [
            (tenant(1), "https://h.example".to_owned()),
            (tenant(2), "https://h.example/alice/".to_owned()),
            (tenant(3), "https://h.example/ali".to_owned()),
        ];
        assert_eq!(owners_of("https://H.example/alice/x", &bases), [tenant(2)]);
        assert_eq!(owners_of("https://h.example/bob", &bases), [tenant(1)]);
        assert!(owners_of("https://h.example.evil/bob", &bases).is_empty());
    }
}
