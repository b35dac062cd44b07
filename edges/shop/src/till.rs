//! One movement of money over Open Payments, step by step: bill, consent, payment, arrival.
//!
//! Every request that has an effect has a key derived from the transfer. Pages and timing are elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use gnap::limits::{LimitAmount, Limits};
use gnap::{AccessItem, AccessType, Action, Actions, RepeatingInterval, WalletAddressUrl};
use money::AssetAmount;
use open_payments::{
    Amount, CreateIncomingPayment, CreateQuote, IncomingPayment, Metadata, QuoteAmount, WalletAddress,
};
use open_payments_client::{ClientError, GrantError, IssuedToken, OpenPaymentsClient};
use url::Url;
use uuid::Uuid;

use crate::ShopSettings;
use crate::catalogue::Terms;
use crate::orders::{Bill, Order, Purpose, Stage, Standing, Token, Transfer, Why, next_look};
use crate::store::{Changed, Store};

/// How long an incoming payment may be paid.
pub(crate) const BILL_LIVES: Duration = Duration::from_mins(30);
/// How long the payer may think. The authorization servers of this release forget after ten minutes.
const CONSENT_LIVES: Duration = Duration::from_mins(10);
/// A token of the shop is used no longer than this before its end.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);
/// After so many failures of one step the transfer is given up, if nothing has arrived.
const ATTEMPTS_MAX: u32 = 24;
const KINDS_MAX: usize = 1000;

/// Moves money between the shop's wallet address and those of customers.
#[derive(Clone)]
pub(crate) struct Till {
    store: Store,
    client: OpenPaymentsClient,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    own: String,
    public_url: Url,
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

    pub(crate) fn client(&self) -> &OpenPaymentsClient {
        &self.client
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
    async fn parties(&self, order: &Order, purpose: Purpose) -> Result<(WalletAddress, WalletAddress), ClientError> {
        let (own, customer) = tokio::join!(self.own_address(), self.address(&order.customer));
        match purpose {
            Purpose::Purchase | Purpose::Charge => Ok((customer?, own?)),
            Purpose::Refund => Ok((own?, customer?)),
        }
    }

    /// Asks for the payer's consent. Afterwards the payer's browser has somewhere to go.
    pub(crate) async fn ask(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        let (payer, payee) = self.parties(order, transfer.purpose).await?;
        let bill = self.bill(order, transfer, &payer, &payee).await?;
        let limits = self.limits(order, transfer, &bill)?;
        let right = right(&payer, limits)?;
        let nonce = self.entropy.uuid().simple().to_string();
        let back = self.back(order, transfer.purpose);
        let pending = self.client.request_consent(&payer.auth_server, right, &back, &nonce).await?;
        transfer.stage = Stage::Asked { bill, pending };
        transfer.attempts = 0;
        let due = self.clock.now().saturating_add(CONSENT_LIVES);
        self.store.save(transfer, Some(due)).await?;
        Ok(())
    }

    /// Where the payer's browser comes back to.
    fn back(&self, order: &Order, purpose: Purpose) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        match purpose {
            Purpose::Purchase | Purpose::Charge => format!("{base}/orders/{}/back", order.id),
            Purpose::Refund => format!("{base}/desk/{}/back", order.id),
        }
    }

    /// What the payer is asked to allow: this payment, or one such payment each month.
    fn limits(&self, order: &Order, transfer: &Transfer, bill: &Bill) -> Result<Limits, TillError> {
        let unusable = |error: &dyn ToString| TillError::Unusable(error.to_string());
        if transfer.purpose != Purpose::Refund && order.product.terms == Terms::Monthly {
            let asset = order.asset.clone();
            let interval = interval(order).ok_or_else(|| unusable(&"there is no such date"))?;
            let amount = Some(LimitAmount::Receive(AssetAmount { value: order.value, asset }));
            return Ok(Limits { receiver: None, interval: Some(interval), amount });
        }
        let receiver = bill.incoming.parse().map_err(|error: gnap::InvalidUrl| unusable(&error))?;
        let amount = AssetAmount { value: bill.debit.value, asset: bill.debit.asset() };
        Ok(Limits { receiver: Some(receiver), interval: None, amount: Some(LimitAmount::Debit(amount)) })
    }

    /// The incoming payment of the transfer, and an offer to pay it.
    pub(crate) async fn bill(
        &self,
        order: &Order,
        transfer: &Transfer,
        payer: &WalletAddress,
        payee: &WalletAddress,
    ) -> Result<Bill, TillError> {
        let (incoming_amount, fixed) = match transfer.purpose {
            Purpose::Purchase | Purpose::Charge => {
                (Some(Amount::new(transfer.value, &order.asset)), QuoteAmount::Receiver)
            }
            // The shop gives back what it got, whatever that is worth to the customer now.
            Purpose::Refund => (None, QuoteAmount::Debit(Amount::new(transfer.value, &order.asset))),
        };
        let wanted = CreateIncomingPayment {
            wallet_address: payee.id.clone(),
            incoming_amount,
            // Not from now on: a repetition must ask for the same.
            expires_at: Some(transfer.created_at.saturating_add(BILL_LIVES)),
            metadata: Some(metadata(order, transfer)),
        };
        let token = self.token_for_incoming(payee).await?;
        let key = format!("shop-{}", transfer.id);
        let incoming = self.client.create_incoming_payment(payee, &wanted, Some(&key), token.value.expose()).await?;

        let actions = [Action::Create, Action::Read];
        let grant = self.client.request_grant(&payer.auth_server, AccessType::Quote, &actions).await?;
        let wanted = CreateQuote { wallet_address: payer.id.clone(), receiver: incoming.id.clone(), amount: fixed };
        let quote = self.client.create_quote(payer, &wanted, grant.value.expose()).await?;
        if transfer.purpose != Purpose::Refund && quote.receive_amount.value < transfer.value {
            return Err(TillError::Unusable("the quote delivers less than the price".to_owned()));
        }
        let expected = quote.receive_amount.value;
        Ok(Bill { incoming: incoming.id, expected, debit: quote.debit_amount, quote: quote.id })
    }

    /// The next step of a transfer that needs nobody's decision. Returns when to look again.
    pub(crate) async fn advance(&self, order: &Order, transfer: &mut Transfer) -> Result<Changed, TillError> {
        let made = match transfer.stage.clone() {
            Stage::Asked { .. } => Ok(Some(failed(Why::Late, 0))),
            Stage::Returned { bill, pending, reference } => {
                let issued = self.client.continue_grant(&pending, &reference).await;
                issued.map(|issued| Some(Stage::Agreed { bill, token: token_of(&issued) })).map_err(TillError::from)
            }
            Stage::Agreed { bill, token } => self.pay(order, transfer, bill, token).await.map(Some),
            Stage::Paying { bill, token, payment } => self.look(order, transfer, &bill, &token, &payment).await,
            Stage::Begun | Stage::Paid { .. } | Stage::Refused | Stage::Failed { .. } => Ok(None),
        };
        match made {
            Ok(Some(stage)) => self.reached(order, transfer, stage).await,
            Ok(None) if transfer.stage.is_under_way() => self.again(transfer).await,
            Ok(None) => Ok(self.store.save(transfer, None).await?),
            Err(error) => self.failed(order, transfer, error).await,
        }
    }

    /// Stores a new stage. The consent to a subscription is the right to charge again.
    async fn reached(&self, order: &Order, transfer: &mut Transfer, stage: Stage) -> Result<Changed, TillError> {
        let begins = matches!((&transfer.stage, &stage), (Stage::Returned { .. }, Stage::Agreed { .. }))
            && order.product.terms == Terms::Monthly
            && transfer.purpose == Purpose::Purchase;
        let now = self.clock.now();
        let due = (!stage.is_over()).then_some(now);
        transfer.stage = stage;
        transfer.attempts = 0;
        match (&transfer.stage, begins.then(|| interval(order)).flatten()) {
            (Stage::Agreed { token, .. }, Some(interval)) => {
                let standing = Standing::Running { token: token.clone(), interval: interval.as_str().to_owned() };
                let changed = self.store.save_with_standing(transfer, due, &standing).await?;
                if let Some(window) = interval.window_at(now) {
                    let next = following(order, 1, window.end, self.entropy.uuid());
                    self.store.insert_transfer(&next, Some(next_look(now, window.end))).await?;
                }
                Ok(changed)
            }
            _ => Ok(self.store.save(transfer, due).await?),
        }
    }

    /// Nothing has happened yet. The pauses grow.
    async fn again(&self, transfer: &mut Transfer) -> Result<Changed, TillError> {
        transfer.attempts = transfer.attempts.saturating_add(1);
        let pause = Duration::from_millis(500 << transfer.attempts.min(6));
        Ok(self.store.save(transfer, Some(self.clock.now().saturating_add(pause))).await?)
    }

    /// A step failed. It is repeated if that may help; money that has arrived counts in any case.
    async fn failed(&self, order: &Order, transfer: &mut Transfer, error: TillError) -> Result<Changed, TillError> {
        tracing::warn!(transfer = %transfer.id, %error, "a step of a transfer was not made");
        if matches!(error, TillError::Store(_)) {
            return Err(error);
        }
        // The first refusals may be those of a server that was asked too early.
        let final_after = if error.is_transient() { ATTEMPTS_MAX } else { 2 };
        if transfer.attempts < final_after {
            return self.again(transfer).await;
        }
        let why = match &transfer.stage {
            Stage::Returned { .. } => Why::NotAllowed,
            _ => Why::NotPaid,
        };
        let stage = match bill_of(&transfer.stage).cloned() {
            Some(bill) => self.outcome(order, transfer, &bill, why).await?,
            None => failed(why, 0),
        };
        self.reached(order, transfer, stage).await
    }

    async fn pay(&self, order: &Order, transfer: &Transfer, bill: Bill, token: Token) -> Result<Stage, TillError> {
        let (payer, _) = self.parties(order, transfer.purpose).await?;
        let key = format!("shop-{}", transfer.id);
        let about = metadata(order, transfer);
        let made = self.client.create_outgoing_payment(&payer, &bill.quote, &about, &key, &token.value).await?;
        Ok(Stage::Paying { bill, token, payment: made.id })
    }

    /// Whether the money is there.
    async fn look(
        &self,
        order: &Order,
        transfer: &Transfer,
        bill: &Bill,
        token: &Token,
        payment: &str,
    ) -> Result<Option<Stage>, TillError> {
        let received = self.received(order, transfer, bill).await?;
        if received >= bill.expected {
            return Ok(Some(Stage::Paid { bill: bill.clone() }));
        }
        if self.clock.now() > transfer.created_at.saturating_add(BILL_LIVES) {
            return self.outcome(order, transfer, bill, Why::NotPaid).await.map(Some);
        }
        // The payer's side says sooner when nothing will come. Its token may have ended by now; then the bill does.
        match self.client.outgoing_payment(payment, &token.value).await {
            Ok(outgoing) if outgoing.failed => self.outcome(order, transfer, bill, Why::NotPaid).await.map(Some),
            Ok(_) => Ok(None),
            Err(error) if error.is_transient() || error.is_unauthorized() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How it ended, by what has arrived.
    async fn outcome(&self, order: &Order, transfer: &Transfer, bill: &Bill, why: Why) -> Result<Stage, TillError> {
        let received = self.received(order, transfer, bill).await?;
        Ok(match received {
            enough if enough >= bill.expected => Stage::Paid { bill: bill.clone() },
            0 => failed(why, 0),
            received => failed(Why::TooLittle, received),
        })
    }

    async fn received(&self, order: &Order, transfer: &Transfer, bill: &Bill) -> Result<u64, TillError> {
        let (_, payee) = self.parties(order, transfer.purpose).await?;
        let payment: IncomingPayment = match self.read(&payee, &bill.incoming).await {
            Err(TillError::Call(error)) if error.is_unauthorized() => {
                self.forget_token(&payee);
                self.read(&payee, &bill.incoming).await?
            }
            other => other?,
        };
        Ok(payment.received_amount.value)
    }

    async fn read(&self, payee: &WalletAddress, incoming: &str) -> Result<IncomingPayment, TillError> {
        let token = self.token_for_incoming(payee).await?;
        Ok(self.client.incoming_payment(incoming, token.value.expose()).await?)
    }

    /// A token for incoming payments at the authorization server of a wallet address, kept until shortly before its end.
    async fn token_for_incoming(&self, payee: &WalletAddress) -> Result<IssuedToken, GrantError> {
        let now = self.clock.now();
        if let Some((token, until)) = self.lock().get(&payee.auth_server)
            && *until > now
        {
            return Ok(token.clone());
        }
        let actions = [Action::Create, Action::Read];
        let issued = self.client.request_grant(&payee.auth_server, AccessType::IncomingPayment, &actions).await?;
        let lives = issued.expires_in.map_or(BILL_LIVES, |lives| lives.saturating_sub(TOKEN_MARGIN));
        let mut tokens = self.lock();
        if tokens.len() >= KINDS_MAX {
            tokens.clear();
        }
        tokens.insert(payee.auth_server.clone(), (issued.clone(), now.saturating_add(lives)));
        Ok(issued)
    }

    fn forget_token(&self, payee: &WalletAddress) {
        self.lock().remove(&payee.auth_server);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (IssuedToken, Timestamp)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the payer's browser came back, with the reference that its wallet gave.
    pub(crate) async fn returned(
        &self,
        transfer: &mut Transfer,
        interact_ref: &str,
        hash: &str,
    ) -> Result<Changed, TillError> {
        let Stage::Asked { bill, pending } = &transfer.stage else { return Ok(Changed::Overtaken) };
        let reference = pending.check_return(interact_ref, hash);
        let reference = reference.map_err(|foreign| TillError::Unusable(foreign.to_string()))?;
        // A grant must not be continued too early. The consent took time, so this waits for longer than needed.
        let due = self.clock.now().saturating_add(pending.wait());
        transfer.stage = Stage::Returned { bill: bill.clone(), pending: pending.clone(), reference };
        transfer.attempts = 0;
        Ok(self.store.save(transfer, Some(due)).await?)
    }

    /// Notes that the payer does not want to.
    pub(crate) async fn refused(&self, transfer: &mut Transfer) -> Result<Changed, TillError> {
        if !matches!(transfer.stage, Stage::Asked { .. }) {
            return Ok(Changed::Overtaken);
        }
        transfer.stage = Stage::Refused;
        Ok(self.store.save(transfer, None).await?)
    }

    /// Pays a further period with the right that the customer gave.
    pub(crate) async fn charge(&self, order: &Order, transfer: &Transfer, token: Token) -> Result<Stage, TillError> {
        let (payer, payee) = self.parties(order, transfer.purpose).await?;
        let bill = self.bill(order, transfer, &payer, &payee).await?;
        Ok(Stage::Agreed { bill, token })
    }
}

/// The further period of a subscription.
pub(crate) fn following(order: &Order, period: u32, begins: Timestamp, id: Uuid) -> Transfer {
    Transfer {
        id,
        order: order.id,
        purpose: Purpose::Charge,
        period,
        value: order.value,
        stage: Stage::Begun,
        version: 0,
        attempts: 0,
        created_at: begins,
    }
}

/// Each month from the order on, without an end.
pub(crate) fn interval(order: &Order) -> Option<RepeatingInterval> {
    let from = Timestamp::from_millis(order.created_at.as_millis().div_euclid(1000) * 1000);
    format!("R/{from}/P1M").parse().ok()
}

fn right(payer: &WalletAddress, limits: Limits) -> Result<AccessItem, TillError> {
    let unusable = |error: &dyn ToString| TillError::Unusable(error.to_string());
    let identifier: WalletAddressUrl = payer.id.parse().map_err(|error: gnap::InvalidUrl| unusable(&error))?;
    let actions = Actions::try_from(vec![Action::Create, Action::Read]).map_err(|error| unusable(&error))?;
    AccessItem::new(AccessType::OutgoingPayment, actions, Some(identifier), Some(limits)).map_err(|e| unusable(&e))
}

pub(crate) fn token_of(issued: &IssuedToken) -> Token {
    Token { value: issued.value.expose().to_owned(), manage: issued.manage.clone() }
}

fn bill_of(stage: &Stage) -> Option<&Bill> {
    match stage {
        Stage::Asked { bill, .. }
        | Stage::Returned { bill, .. }
        | Stage::Agreed { bill, .. }
        | Stage::Paying { bill, .. }
        | Stage::Paid { bill } => Some(bill),
        Stage::Begun | Stage::Refused | Stage::Failed { .. } => None,
    }
}

fn failed(why: Why, received: u64) -> Stage {
    Stage::Failed { why, received }
}

/// What both wallets show beside the payment.
fn metadata(order: &Order, transfer: &Transfer) -> Metadata {
    let what = match transfer.purpose {
        Purpose::Purchase => order.product.name.to_owned(),
        Purpose::Charge => format!("{}, period {}", order.product.name, transfer.period + 1),
        Purpose::Refund => format!("{}, refund", order.product.name),
    };
    let mut metadata = Metadata::new();
    metadata.insert("description".to_owned(), what.into());
    metadata.insert("orderRef".to_owned(), order.id.to_string().into());
    metadata
}

/// Where the payer's browser has to go now.
pub(crate) fn redirect_of(stage: &Stage) -> Option<&str> {
    match stage {
        Stage::Asked { pending, .. } => Some(&pending.redirect),
        _ => None,
    }
}
