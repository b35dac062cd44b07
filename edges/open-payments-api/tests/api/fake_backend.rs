//! A backend that keeps what it is given and refuses what it is told to refuse.

use std::sync::Mutex;

use async_trait::async_trait;
use clock::Timestamp;
use money::{Asset, AssetAmount, Ratio};
use open_payments::ReceiptRequest;
use open_payments_api::{
    Backend, BackendError, CompleteIncomingPaymentError, CreateIncomingPaymentError, CreateOutgoingPaymentError,
    CreateQuoteError, Found, GrantSpent, Lookup, NewIncomingPayment, NewOutgoingPayment, NewQuote, TokenGrant,
};
use payments_model::asset::TenantAsset;
use payments_model::grant_limits::Spent;
use payments_model::incoming_payment::IncomingState;
use payments_model::outgoing_payment::OutgoingState;
use payments_model::page::{Page, PageRequest};
use payments_model::quote::QuoteMethod;
use payments_model::receiver::IlpMethod;
use payments_model::wallet_address::{AdditionalProperty, WalletAddress, WalletAddressKey};
use payments_model::{
    IncomingPayment, IncomingPaymentId, InitiatedBy, OutgoingPayment, OutgoingPaymentId, Quote, QuoteId, TenantId,
};
use uuid::Uuid;
use web_url::WalletAddressUrl;

use crate::world::{ALICE, CLIENT, NOW, RECEIVER, TENANT};

#[derive(Debug, Default)]
pub(crate) struct FakeBackend {
    pub(crate) state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) alice: WalletAddress,
    pub(crate) keys: Vec<WalletAddressKey>,
    pub(crate) incoming: Option<IncomingPayment>,
    pub(crate) quote: Option<Quote>,
    pub(crate) outgoing: Option<OutgoingPayment>,
    pub(crate) refuse_incoming: Option<CreateIncomingPaymentError>,
    pub(crate) refuse_complete: Option<CompleteIncomingPaymentError>,
    pub(crate) refuse_quote: Option<CreateQuoteError>,
    pub(crate) refuse_outgoing: Option<CreateOutgoingPaymentError>,
    pub(crate) broken: bool,
    pub(crate) waited: usize,
    pub(crate) listed: Option<(Option<String>, PageRequest)>,
    pub(crate) created_outgoing: Option<NewOutgoingPayment>,
    pub(crate) spent: GrantSpent,
    pub(crate) spent_before: Spent,
    /// Outgoing payments, incoming payments and quotes created.
    pub(crate) creations: usize,
}

pub(crate) fn usd() -> Asset {
    Asset::new("USD", 2).unwrap()
}

fn asset() -> TenantAsset {
    TenantAsset {
        id: Uuid::from_u128(7).into(),
        tenant_id: TENANT.parse().unwrap(),
        ledger: 1,
        asset: usd(),
        withdrawal_threshold: None,
        liquidity_threshold: None,
        created_at: NOW,
        updated_at: NOW,
        deleted_at: None,
    }
}

impl Default for State {
    fn default() -> Self {
        let alice = WalletAddress {
            id: Uuid::from_u128(1).into(),
            tenant_id: TENANT.parse().unwrap(),
            address: ALICE.into(),
            public_name: None,
            asset: asset(),
            total_events_amount: 0,
            process_at: None,
            deactivated_at: None,
            created_at: NOW,
            updated_at: NOW,
        };
        Self {
            alice,
            keys: vec![],
            incoming: None,
            quote: None,
            outgoing: None,
            refuse_incoming: None,
            refuse_complete: None,
            refuse_quote: None,
            refuse_outgoing: None,
            broken: false,
            waited: 0,
            listed: None,
            created_outgoing: None,
            spent: GrantSpent::default(),
            spent_before: Spent::default(),
            creations: 0,
        }
    }
}

pub(crate) fn incoming(state: IncomingState) -> IncomingPayment {
    IncomingPayment {
        id: Uuid::from_u128(0x11).into(),
        tenant_id: TENANT.parse().unwrap(),
        wallet_address_id: Uuid::from_u128(1).into(),
        asset: asset(),
        incoming_amount: Some(2500),
        expires_at: NOW + std::time::Duration::from_hours(1),
        client: Some(CLIENT.into()),
        metadata: None,
        initiated_by: InitiatedBy::OpenPayments,
        sender_wallet_address: None,
        announced_amount: 0,
        decision: None,
        state,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(crate) fn quote() -> Quote {
    Quote {
        id: Uuid::from_u128(0x22).into(),
        tenant_id: TENANT.parse().unwrap(),
        wallet_address_id: Uuid::from_u128(1).into(),
        asset: asset(),
        receiver: RECEIVER.into(),
        debit_amount: 1030,
        debit_amount_minus_fees: 1000,
        receive_amount: AssetAmount { value: 900, asset: Asset::new("EUR", 2).unwrap() },
        estimated_rate: Ratio::new(9, 10).unwrap(),
        fee_id: None,
        client: Some(CLIENT.into()),
        method: QuoteMethod::Local,
        expires_at: NOW + std::time::Duration::from_mins(5),
        created_at: NOW,
    }
}

pub(crate) fn outgoing(state: OutgoingState) -> OutgoingPayment {
    OutgoingPayment {
        quote: quote(),
        client: Some(CLIENT.into()),
        grant_id: Some("grant-1".into()),
        metadata: None,
        initiated_by: InitiatedBy::OpenPayments,
        card: None,
        state,
        created_at: NOW,
        updated_at: NOW,
    }
}

impl FakeBackend {
    fn found<T>(&self, tenant: TenantId, resource: Option<T>, moved: u64) -> Option<Found<T>> {
        let wallet_address = self.state.lock().unwrap().alice.clone();
        let resource = resource.filter(|_| wallet_address.tenant_id == tenant)?;
        Some(Found { resource, wallet_address, moved })
    }
}

#[async_trait]
impl Backend for FakeBackend {
    async fn ping(&self) -> Result<(), BackendError> {
        if self.state.lock().unwrap().broken { Err(BackendError("no database".into())) } else { Ok(()) }
    }

    async fn wallet_address(
        &self,
        url: &WalletAddressUrl,
        lookup: Lookup<'_>,
    ) -> Result<Option<WalletAddress>, BackendError> {
        let mut state = self.state.lock().unwrap();
        if state.broken {
            return Err(BackendError("no database".into()));
        }
        let found = (url.as_str() == state.alice.address).then(|| state.alice.clone());
        if found.is_none() && lookup != Lookup::Now {
            state.waited += 1;
        }
        Ok(found)
    }

    async fn public_properties(&self, _: &WalletAddress) -> Result<Vec<AdditionalProperty>, BackendError> {
        Ok(vec![AdditionalProperty { key: "iban".into(), value: "DE1".into(), visible_in_open_payments: true }])
    }

    async fn keys(&self, _: &WalletAddress) -> Result<Vec<WalletAddressKey>, BackendError> {
        Ok(self.state.lock().unwrap().keys.clone())
    }

    async fn spsp_credentials(
        &self,
        address: &WalletAddress,
        receipts: Option<ReceiptRequest>,
    ) -> Result<Option<IlpMethod>, BackendError> {
        let form = if receipts.is_some() { "receipts" } else { "plain" };
        Ok(Some(IlpMethod { ilp_address: format!("test.{form}.{}", address.id), shared_secret: vec![0xfb; 32] }))
    }

    async fn incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<Option<Found<IncomingPayment>>, BackendError> {
        let payment = self.state.lock().unwrap().incoming.clone().filter(|payment| payment.id == id);
        Ok(self.found(tenant, payment, 1234))
    }

    async fn payment_methods(&self, _: &IncomingPayment) -> Result<Vec<IlpMethod>, BackendError> {
        Ok(vec![IlpMethod { ilp_address: "test.a.token".into(), shared_secret: vec![0xff; 32] }])
    }

    async fn create_incoming_payment(
        &self,
        tenant: TenantId,
        new: NewIncomingPayment,
    ) -> Result<IncomingPayment, CreateIncomingPaymentError> {
        let mut state = self.state.lock().unwrap();
        if let Some(refusal) = state.refuse_incoming.take() {
            return Err(refusal);
        }
        let payment = IncomingPayment {
            tenant_id: tenant,
            wallet_address_id: new.wallet_address,
            incoming_amount: new.incoming_amount.map(|amount| amount.value),
            expires_at: new.expires_at.unwrap_or(Timestamp::EPOCH),
            metadata: new.metadata,
            client: Some(new.client),
            ..incoming(IncomingState::Pending)
        };
        state.incoming = Some(payment.clone());
        state.creations += 1;
        Ok(payment)
    }

    async fn complete_incoming_payment(
        &self,
        _: TenantId,
        _: IncomingPaymentId,
    ) -> Result<(IncomingPayment, u64), CompleteIncomingPaymentError> {
        match self.state.lock().unwrap().refuse_complete.take() {
            Some(refusal) => Err(refusal),
            None => Ok((incoming(IncomingState::Completed), 2000)),
        }
    }

    async fn list_incoming_payments(
        &self,
        _: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(IncomingPayment, u64)>, BackendError> {
        let mut state = self.state.lock().unwrap();
        state.listed = Some((client.map(str::to_owned), page));
        let items = state.incoming.iter().map(|payment| (payment.clone(), 5)).collect();
        Ok(Page { items, has_next: true, has_previous: false })
    }

    async fn create_quote(&self, _: TenantId, new: NewQuote) -> Result<Quote, CreateQuoteError> {
        let mut state = self.state.lock().unwrap();
        if let Some(refusal) = state.refuse_quote.take() {
            return Err(refusal);
        }
        let quote = Quote { receiver: new.receiver, client: Some(new.client), ..quote() };
        state.creations += 1;
        state.quote = Some(quote.clone());
        Ok(quote)
    }

    async fn quote(&self, tenant: TenantId, id: QuoteId) -> Result<Option<Found<Quote>>, BackendError> {
        let quote = self.state.lock().unwrap().quote.clone().filter(|quote| quote.id == id);
        Ok(self.found(tenant, quote, 0))
    }

    async fn create_outgoing_payment(
        &self,
        _: TenantId,
        new: NewOutgoingPayment,
    ) -> Result<(OutgoingPayment, Spent), CreateOutgoingPaymentError> {
        let mut state = self.state.lock().unwrap();
        if let Some(refusal) = state.refuse_outgoing.take() {
            return Err(refusal);
        }
        state.created_outgoing = Some(new);
        state.creations += 1;
        state.outgoing = Some(outgoing(OutgoingState::Funding));
        Ok((outgoing(OutgoingState::Funding), state.spent_before))
    }

    async fn outgoing_payment(
        &self,
        tenant: TenantId,
        id: OutgoingPaymentId,
    ) -> Result<Option<Found<OutgoingPayment>>, BackendError> {
        let payment = self.state.lock().unwrap().outgoing.clone().filter(|payment| payment.id() == id);
        Ok(self.found(tenant, payment, 17))
    }

    async fn list_outgoing_payments(
        &self,
        _: &WalletAddress,
        client: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<(OutgoingPayment, u64)>, BackendError> {
        self.state.lock().unwrap().listed = Some((client.map(str::to_owned), page));
        Ok(Page::empty())
    }

    async fn grant_spent(&self, grant: &TokenGrant) -> Result<GrantSpent, BackendError> {
        assert_eq!(grant.id, "grant-1");
        Ok(self.state.lock().unwrap().spent.clone())
    }
}
