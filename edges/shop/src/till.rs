//! What the shop reads and closes at wallets: addresses, and what has arrived. It keeps the tokens for this.
//!
//! What a payer is asked is in `asking`; the steps of a transfer are in `steps`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use gnap::{AccessType, Action};
use open_payments::{IncomingPayment, WalletAddress};
use open_payments_client::{ClientError, GrantError, IssuedToken, OpenPaymentsClient, PendingGrant};
use url::Url;

use crate::ShopSettings;
use crate::orders::{Order, Purpose};
use crate::store::Store;

/// How long an incoming payment may be paid.
pub(crate) const BILL_LIVES: Duration = Duration::from_mins(30);
/// A token is replaced this long before its end.
pub(crate) const TOKEN_MARGIN: Duration = Duration::from_mins(1);
/// The most authorization servers whose tokens are kept.
const TOKENS_MAX: usize = 1000;

/// Moves money between the shop's wallet address and those of customers.
#[derive(Clone)]
pub(crate) struct Till {
    pub(crate) store: Store,
    pub(crate) client: OpenPaymentsClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    own: String,
    pub(crate) public_url: Url,
    /// Tokens for incoming payments, by authorization server. A restart asks for new ones.
    tokens: Arc<Mutex<BTreeMap<String, (IssuedToken, Timestamp)>>>,
}

/// Why a step was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TillError {
    /// The shop's database.
    #[error(transparent)]
    Store(#[from] database::Error),
    /// A request was refused or not answered.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// A grant was refused or not answered.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The other side cannot be paid with this.
    #[error("{0}")]
    Unusable(String),
}

impl TillError {
    /// Whether the same step may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Call(error) => error.is_transient(),
            Self::Grant(error) => error.is_transient(),
            Self::Unusable(_) => false,
        }
    }
}

impl Till {
    pub(crate) fn new(
        settings: &ShopSettings,
        store: Store,
        client: OpenPaymentsClient,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (own, public_url) = (settings.wallet_address.clone(), settings.public_url.clone());
        Self { store, client, clock, entropy, own, public_url, tokens: Arc::default() }
    }

    /// The document of a wallet address.
    pub(crate) async fn address(&self, url: &str) -> Result<WalletAddress, ClientError> {
        self.client.public().wallet_address(url).await
    }

    /// The shop's own.
    pub(crate) async fn own_address(&self) -> Result<WalletAddress, ClientError> {
        self.address(&self.own).await
    }

    /// Payer and payee of a transfer.
    pub(crate) async fn parties(
        &self,
        order: &Order,
        purpose: Purpose,
    ) -> Result<(WalletAddress, WalletAddress), ClientError> {
        let (own, customer) = tokio::join!(self.own_address(), self.address(&order.customer));
        match purpose {
            Purpose::Purchase | Purpose::Charge => Ok((customer?, own?)),
            Purpose::Refund => Ok((own?, customer?)),
        }
    }

    async fn payee(&self, order: &Order, purpose: Purpose) -> Result<WalletAddress, ClientError> {
        match purpose {
            Purpose::Purchase | Purpose::Charge => self.own_address().await,
            Purpose::Refund => self.address(&order.customer).await,
        }
    }

    /// How much has arrived at an incoming payment. More may arrive later.
    pub(crate) async fn received(&self, order: &Order, purpose: Purpose, incoming: &str) -> Result<u64, TillError> {
        let payee = self.payee(order, purpose).await?;
        Ok(self.read(&payee, incoming).await?.received_amount.value)
    }

    /// Ends an incoming payment, and tells how much has arrived at it. Nothing arrives later.
    pub(crate) async fn closed(&self, order: &Order, purpose: Purpose, incoming: &str) -> Result<u64, TillError> {
        let payee = self.payee(order, purpose).await?;
        let complete = |token: IssuedToken| async move {
            self.client.complete_incoming_payment(incoming, token.value.expose()).await
        };
        match self.with_token(&payee, complete).await {
            Ok(closed) => return Ok(closed.received_amount.value),
            Err(error) if error.is_transient() => return Err(error),
            // It may have ended already. Then this is refused.
            Err(_) => {}
        }
        let found = self.read(&payee, incoming).await?;
        let has_expired = found.expires_at.is_some_and(|end| end < self.clock.now());
        if found.completed || has_expired {
            Ok(found.received_amount.value)
        } else {
            Err(TillError::Unusable("the incoming payment cannot be ended".to_owned()))
        }
    }

    /// Gives back a grant of which nothing is left here. A wallet that knows nothing of it has ended it already.
    pub(crate) async fn give_back(&self, order: &Order, grant: &PendingGrant) -> Result<(), TillError> {
        match self.client.give_back_grant(grant).await {
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                tracing::info!(order = %order.id, %error, "a wallet knows nothing of a grant that is given back");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn read(&self, payee: &WalletAddress, incoming: &str) -> Result<IncomingPayment, TillError> {
        let read =
            |token: IssuedToken| async move { self.client.incoming_payment(incoming, token.value.expose()).await };
        self.with_token(payee, read).await
    }

    /// Makes a request about incoming payments of a wallet address. If its token is not accepted, a new one is used.
    pub(crate) async fn with_token<T, F>(
        &self,
        payee: &WalletAddress,
        request: impl Fn(IssuedToken) -> F,
    ) -> Result<T, TillError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        match request(self.token_for_incoming(payee).await?).await {
            Err(error) if error.is_unauthorized() => {
                self.lock().remove(&payee.auth_server);
                Ok(request(self.token_for_incoming(payee).await?).await?)
            }
            other => Ok(other?),
        }
    }

    /// A token for incoming payments at the authorization server of a wallet address, kept until shortly before its end.
    async fn token_for_incoming(&self, payee: &WalletAddress) -> Result<IssuedToken, GrantError> {
        let now = self.clock.now();
        if let Some((token, until)) = self.lock().get(&payee.auth_server)
            && *until > now
        {
            return Ok(token.clone());
        }
        let actions = [Action::Create, Action::Read, Action::Complete];
        let issued = self.client.request_grant(&payee.auth_server, AccessType::IncomingPayment, &actions).await?;
        let lives = issued.expires_in.map_or(BILL_LIVES, |lives| lives.saturating_sub(TOKEN_MARGIN));
        let mut tokens = self.lock();
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(payee.auth_server.clone(), (issued.clone(), now.saturating_add(lives)));
        Ok(issued)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (IssuedToken, Timestamp)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
