//! Creating and completing receivers for the account-servicing entity.
//!
//! Creating an incoming payment of this instance is in `incoming`.

use std::sync::Arc;

use clock::Timestamp;
use directory::KnownAddress;
use gnap::Action;
use money::AssetAmount;
use open_payments::{CreateIncomingPayment, IncomingPayment as RemotePayment, WalletAddress as RemoteAddress};
use open_payments_client::ClientError;
use payments_model::incoming_payment::Metadata;
use payments_model::receiver::ReceiverLocation;
use payments_model::{InitiatedBy, Origin, Receiver, TenantId, WalletAddress};
use payments_store::HeldGrant;
use web_url::{WalletAddressUrl, WebUrl};

use crate::administration::Caller;
use crate::beside::Beside;
use crate::incoming::create_incoming_payment::{CreateIncomingPaymentError, NewIncomingPayment};
use crate::incoming::end_incoming_payment::CompleteIncomingPaymentError;
use crate::receivers::resolve_receiver::ResolveReceiverError;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The idempotency key for the other institution is derived from this name and the request.
const STEP: &str = "receiver";

/// The input from which a receiver is created.
#[derive(Clone, Debug)]
pub struct NewReceiver {
    /// The wallet address to pay.
    pub wallet_address_url: String,
    /// The expected amount.
    pub incoming_amount: Option<AssetAmount>,
    /// When it stops accepting money.
    pub expires_at: Option<Timestamp>,
    /// Its metadata.
    pub metadata: Option<Metadata>,
}

/// Why a receiver was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateReceiverError {
    /// The institution of the wallet address does not answer, so it is unknown whether the wallet address exists.
    #[error("the receiver's institution does not answer now; try again later")]
    Away,
    /// The wallet address exists neither here nor elsewhere.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The incoming payment of this instance was refused.
    #[error(transparent)]
    Local(CreateIncomingPaymentError),
    /// The other institution refused or failed.
    #[error(transparent)]
    Remote(#[from] ResolveReceiverError),
    /// The payment was created but does not accept money.
    #[error("receiver is not active")]
    Inactive,
    /// The database, the ledger or the cache did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<payments_store::Error> for CreateReceiverError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Why a receiver was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteReceiverError {
    /// It does not exist, or it is not the caller's.
    #[error("unknown payment")]
    UnknownPayment,
    /// It has already ended.
    #[error("wrong state")]
    WrongState,
    /// The other institution refused or failed.
    #[error(transparent)]
    Remote(ResolveReceiverError),
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<payments_store::Error> for CompleteReceiverError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Payments {
    /// Creates an incoming payment at `wallet_address_url`, at this instance or elsewhere.
    pub async fn create_receiver(&self, tenant: TenantId, new: NewReceiver) -> Result<Receiver, CreateReceiverError> {
        self.create_receiver_once(tenant, new, Origin::Alone).await
    }

    /// As [`Payments::create_receiver`], for a request that may be repeated. At this instance a repetition gets the
    /// payment of the first request. Another institution gets the same `Idempotency-Key`, and can recognise the
    /// repetition.
    pub async fn create_receiver_once(
        &self,
        tenant: TenantId,
        new: NewReceiver,
        origin: Origin,
    ) -> Result<Receiver, CreateReceiverError> {
        // An address that this process has not heard of yet names this instance in its document, below.
        let own = match new.wallet_address_url.parse() {
            Ok(url) => self.0.parts.directory.wallet_address_as_heard(&url).await.map_err(Unavailable::from)?,
            Err(_) => None,
        };
        let receiver = match own {
            Some(address) => self.create_locally(&address, new, origin).await?,
            None => self.create_remotely(new, origin).await?,
        };
        tracing::debug!(tenant.id = %tenant, receiver = receiver.url, "receiver created");
        if !receiver.is_active(self.now()) {
            return Err(CreateReceiverError::Inactive);
        }
        if !receiver.location.is_local() {
            self.0.receivers.put(&receiver.url, &receiver, self.now());
        }
        Ok(receiver)
    }

    /// The wallet address of this instance at `url`.
    async fn own_wallet_address(&self, url: &str) -> Result<Option<Arc<KnownAddress>>, Unavailable> {
        let Ok(url) = url.parse::<WalletAddressUrl>() else { return Ok(None) };
        Ok(self.0.parts.directory.wallet_address_by_url(&url).await?)
    }

    /// The payment is created under the tenant of the wallet address, because tenants of one instance can pay each
    /// other.
    async fn create_locally(
        &self,
        address: &WalletAddress,
        new: NewReceiver,
        origin: Origin,
    ) -> Result<Receiver, CreateReceiverError> {
        let new = NewIncomingPayment {
            wallet_address_id: address.id,
            incoming_amount: new.incoming_amount,
            expires_at: new.expires_at,
            metadata: new.metadata,
            client: None,
            initiated_by: InitiatedBy::Admin,
            sender_wallet_address: None,
        };
        let created = self.create_incoming_payment_once(address.tenant_id, new, origin, Beside::nothing()).await;
        Ok(self.local_receiver(&created.map_err(CreateReceiverError::Local)?).await?)
    }

    async fn create_remotely(&self, new: NewReceiver, origin: Origin) -> Result<Receiver, CreateReceiverError> {
        let url: WebUrl = new.wallet_address_url.parse().map_err(|_| CreateReceiverError::UnknownWalletAddress)?;
        let address = match self.0.addresses.get(&url, self.now()) {
            Some(address) => address,
            None => self.fetch_address(&url).await?,
        };
        // The server names the wallet address with another URL, or its payments are here: it may be one of ours.
        let names_itself_otherwise = address.id.parse::<WebUrl>().ok().as_ref() != Some(&url);
        if (names_itself_otherwise || self.is_served_here(&address))
            && let Some(own) = self.own_wallet_address(&address.id).await?
        {
            return self.create_locally(&own, new, origin).await;
        }
        let request = CreateIncomingPayment {
            wallet_address: address.id.clone(),
            incoming_amount: new.incoming_amount.map(Into::into),
            expires_at: new.expires_at,
            metadata: new.metadata,
        };
        let created = self.create_at(&address, &request, origin).await;
        if created.is_err() {
            self.0.addresses.forget(&url);
        }
        Ok(self.foreign_receiver(created?)?)
    }

    async fn fetch_address(&self, url: &WebUrl) -> Result<RemoteAddress, CreateReceiverError> {
        let found = self.0.parts.client.public().published_wallet_address(url.as_str()).await;
        let published = found.map_err(|error| {
            if error.is_transient() { CreateReceiverError::Away } else { CreateReceiverError::UnknownWalletAddress }
        })?;
        self.0.addresses.put(url, &published, self.now());
        Ok(published.document)
    }

    /// Whether the payments of an address are at this instance, according to its document.
    fn is_served_here(&self, address: &RemoteAddress) -> bool {
        let server = address.resource_server.as_deref().and_then(|server| server.parse::<WebUrl>().ok());
        let own = WebUrl::try_from(&self.settings().open_payments_url).ok();
        server.zip(own).is_some_and(|(server, own)| server.is_at_server_of(&own))
    }

    async fn create_at(
        &self,
        address: &RemoteAddress,
        request: &CreateIncomingPayment,
        origin: Origin,
    ) -> Result<RemotePayment, ResolveReceiverError> {
        let key = origin.known_id(STEP).map(|key| key.to_string());
        let client = &self.0.parts.client;
        let actions = [Action::Create, Action::ReadAll];
        let mut grant = self.held_grant(&address.auth_server, &actions).await?;
        let created = client.create_incoming_payment(address, request, key.as_deref(), &grant.access_token).await;
        if self.must_renew(&grant, &created).await? {
            grant = self.held_grant(&address.auth_server, &actions).await?;
            return Ok(client.create_incoming_payment(address, request, key.as_deref(), &grant.access_token).await?);
        }
        Ok(created?)
    }

    /// Whether the server did not accept the token. The token is then discarded.
    async fn must_renew<T>(
        &self,
        grant: &HeldGrant,
        result: &Result<T, ClientError>,
    ) -> Result<bool, ResolveReceiverError> {
        let refused = result.as_ref().is_err_and(ClientError::is_unauthorized);
        if refused {
            self.discard_grant(grant).await?;
        }
        Ok(refused)
    }

    /// Completes a receiver. An incoming payment of this instance can be completed by its own tenant or the operator
    /// only. For other incoming payments their own server decides.
    pub async fn complete_receiver(&self, caller: Caller, url: &str) -> Result<Receiver, CompleteReceiverError> {
        let location = ReceiverLocation::parse(url, &self.settings().open_payments_url);
        if let Ok(ReceiverLocation::Local { id, .. }) = location
            && caller.reach(self.store()).incoming_payment(id).await?.is_none()
        {
            return Err(CompleteReceiverError::UnknownPayment);
        }

        let receiver = match self.resolve_receiver(url).await {
            Ok(receiver) => receiver,
            Err(ResolveReceiverError::Unavailable(error)) => return Err(error.into()),
            Err(error) if error.is_transient() => return Err(CompleteReceiverError::Remote(error)),
            Err(_) => return Err(CompleteReceiverError::UnknownPayment),
        };

        self.0.receivers.forget(url);
        match receiver.location {
            ReceiverLocation::Local { tenant: Some(tenant), id } => {
                let completed = self.complete_incoming_payment(tenant, id).await.map_err(|error| match error {
                    CompleteIncomingPaymentError::UnknownPayment => CompleteReceiverError::UnknownPayment,
                    CompleteIncomingPaymentError::WrongState => CompleteReceiverError::WrongState,
                    CompleteIncomingPaymentError::Unavailable(error) => error.into(),
                })?;
                Ok(self.local_receiver(&completed).await?)
            }
            ReceiverLocation::Local { tenant: None, .. } => Err(CompleteReceiverError::UnknownPayment),
            ReceiverLocation::Remote(url) => self.complete_remotely(&url).await.map_err(CompleteReceiverError::Remote),
        }
    }

    async fn complete_remotely(&self, receiver: &WebUrl) -> Result<Receiver, ResolveReceiverError> {
        let client = &self.0.parts.client;
        let actions = [Action::ReadAll, Action::Complete];
        let url = receiver.as_str();
        let auth_server = client.public().incoming_payment(url).await?.auth_server;
        let mut grant = self.held_grant(&auth_server, &actions).await?;
        let mut completed = client.complete_incoming_payment(url, &grant.access_token).await;
        if self.must_renew(&grant, &completed).await? {
            grant = self.held_grant(&auth_server, &actions).await?;
            completed = client.complete_incoming_payment(url, &grant.access_token).await;
        }
        self.receiver_at(receiver, completed?)
    }
}
