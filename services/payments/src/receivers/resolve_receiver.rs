//! Resolving the URL of an incoming payment to a receiver.
//!
//! "It does not exist" and "it is unknown" are different errors. After the second the sender tries again.

use gnap::Action;
use money::AssetAmount;
use open_payments::{IncomingPayment as RemotePayment, PaymentMethod};
use open_payments_client::ClientError;
use payments_model::receiver::{IlpMethod, ReceiverLocation};
use payments_model::{IncomingPayment, IncomingPaymentId, Receiver, TenantId};
use stream::SharedSecret;
use web_url::WebUrl;

use crate::receivers::held_grants::HeldGrantError;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// Why a receiver was not resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveReceiverError {
    /// It does not exist, or the URL names no incoming payment.
    #[error("unknown incoming payment")]
    NotFound,
    /// The other institution gave no grant.
    #[error(transparent)]
    Grant(HeldGrantError),
    /// The other institution did not answer, or its answer cannot be used.
    #[error("invalid remote incoming payment request: {0}")]
    Remote(ClientError),
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl ResolveReceiverError {
    /// Whether a later attempt may succeed. Every other error is final.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotFound => false,
            Self::Grant(error) => error.is_transient(),
            Self::Remote(error) => error.is_transient(),
            Self::Unavailable(_) => true,
        }
    }
}

impl From<ClientError> for ResolveReceiverError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotFound { .. } | ClientError::Url(_) => Self::NotFound,
            other => Self::Remote(other),
        }
    }
}

impl From<HeldGrantError> for ResolveReceiverError {
    fn from(error: HeldGrantError) -> Self {
        Self::Grant(error)
    }
}

impl From<payments_store::Error> for ResolveReceiverError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Payments {
    /// Resolves the receiver with this URL now.
    pub async fn resolve_receiver(&self, url: &str) -> Result<Receiver, ResolveReceiverError> {
        let location = ReceiverLocation::parse(url, &self.settings().open_payments_url);
        let receiver = match location.map_err(|_| ResolveReceiverError::NotFound)? {
            ReceiverLocation::Local { tenant, id } => self.resolve_locally(tenant, id).await?,
            ReceiverLocation::Remote(url) => self.resolve_remotely(&url).await?,
        };
        // Payments of this instance are read from the database and the ledger.
        if !receiver.location.is_local() {
            self.0.receivers.put(url, &receiver, self.now());
        }
        Ok(receiver)
    }

    /// The receiver with this URL, from memory or resolved now.
    pub(crate) async fn recent_receiver(&self, url: &str) -> Result<Receiver, ResolveReceiverError> {
        match self.0.receivers.get(url, self.now()) {
            Some(receiver) => Ok(receiver),
            None => self.resolve_receiver(url).await,
        }
    }

    async fn resolve_locally(
        &self,
        tenant: Option<TenantId>,
        id: IncomingPaymentId,
    ) -> Result<Receiver, ResolveReceiverError> {
        let found = match tenant {
            Some(tenant) => self.own_incoming_payment(tenant, id).await?,
            None => self.store().every_tenant().incoming_payment(id).await?,
        };
        let payment = found.ok_or(ResolveReceiverError::NotFound)?;
        Ok(self.local_receiver(&payment).await?)
    }

    /// A recent copy of an incoming payment of this instance. The ledger decides how much it takes.
    pub(crate) async fn own_incoming_payment(
        &self,
        tenant: TenantId,
        id: IncomingPaymentId,
    ) -> Result<Option<IncomingPayment>, Unavailable> {
        match self.0.parts.receivers.recent_payment(tenant, id) {
            Some(payment) => Ok(Some(payment)),
            None => Ok(self.store().tenant(tenant).incoming_payment(id).await?),
        }
    }

    /// An incoming payment of this instance as a receiver.
    pub(crate) async fn local_receiver(&self, payment: &IncomingPayment) -> Result<Receiver, Unavailable> {
        let tenant = payment.tenant_id;
        let address = self.wallet_address_of(tenant, payment.wallet_address_id).await?;
        Ok(Receiver {
            url: self.settings().resource_url(tenant, "incoming-payments", payment.id),
            location: ReceiverLocation::Local { tenant: Some(tenant), id: payment.id },
            wallet_address_url: address.map(|address| address.address.clone()).unwrap_or_default(),
            asset: payment.asset.asset.clone(),
            incoming_amount: payment.incoming_amount,
            received_amount: self.received(payment.id).await?,
            completed: payment.is_completed(),
            expires_at: Some(payment.expires_at),
            metadata: payment.metadata.clone(),
            created_at: payment.created_at,
            methods: self.payment_methods(payment).await?,
        })
    }

    async fn resolve_remotely(&self, url: &WebUrl) -> Result<Receiver, ResolveReceiverError> {
        let client = &self.0.parts.client;
        let auth_server = client.public().incoming_payment(url.as_str()).await?.auth_server;
        let mut renewed = false;
        loop {
            let grant = self.held_grant(&auth_server, &[Action::ReadAll]).await?;
            match client.incoming_payment(url.as_str(), &grant.access_token).await {
                Ok(payment) => return self.receiver_at(url, payment),
                Err(error) if error.is_unauthorized() && !renewed => {
                    self.discard_grant(&grant).await?;
                    renewed = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The incoming payment fetched from `url` as a receiver. Its `id` must be `url`. A payment of another server, or
    /// of this instance under another name, is refused.
    pub(crate) fn receiver_at(&self, url: &WebUrl, payment: RemotePayment) -> Result<Receiver, ResolveReceiverError> {
        let id = payment.id.clone();
        let receiver = self.foreign_receiver(payment)?;
        match &receiver.location {
            ReceiverLocation::Remote(named) if named.is_at_server_of(url) && named.path() == url.path() => Ok(receiver),
            _ => Err(ClientError::Unusable { url: url.to_string(), reason: format!("it names itself {id}") }.into()),
        }
    }

    /// Another server's incoming payment as a receiver. It is refused if its `id` is a URL of this instance.
    pub(crate) fn foreign_receiver(&self, payment: RemotePayment) -> Result<Receiver, ResolveReceiverError> {
        let location = ReceiverLocation::parse(&payment.id, &self.settings().open_payments_url);
        let ReceiverLocation::Remote(url) = location.map_err(|_| ResolveReceiverError::NotFound)? else {
            return Err(ResolveReceiverError::NotFound);
        };

        let methods = payment.methods.unwrap_or_default().into_iter().filter_map(|method| match method {
            PaymentMethod::Ilp(ilp) => {
                let secret = SharedSecret::from_base64(&ilp.shared_secret).ok()?;
                Some(IlpMethod { ilp_address: ilp.ilp_address, shared_secret: secret.as_bytes().to_vec() })
            }
        });

        let received: AssetAmount = payment.received_amount.into();
        Ok(Receiver {
            url: url.to_string(),
            location: ReceiverLocation::Remote(url),
            wallet_address_url: payment.wallet_address,
            incoming_amount: payment.incoming_amount.map(|amount| amount.value),
            received_amount: received.value,
            asset: received.asset,
            completed: payment.completed,
            expires_at: payment.expires_at,
            metadata: payment.metadata,
            created_at: payment.created_at,
            methods: methods.collect(),
        })
    }
}
