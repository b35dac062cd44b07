//! Sending money in four steps: to whom, how much, look at the offer, and done.
//!
//! A confirmed draft and the job that makes its payment are one transaction. The job first lets the accounts hold the
//! money, under the id of the payment, and then makes the payment. Every step of it may be repeated. The
//! events of the payment settle the hold; see `effects`. If they do not arrive, `reconciling` does.

mod drafts;
mod payee;

use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminError, Amount, ErrorCode, QuoteAmount};
use async_trait::async_trait;
use clock::{Entropy, Timestamp};
use database::{Database, Error};
pub(crate) use drafts::{Draft, Fixed, Offer, Stage, confirmed_accounts};
use jobs::{Backoff, Done, Failure, Handler, Job, NewJob, Worker, WorkerSettings};
use open_payments_client::PublicResources;
pub(crate) use payee::{Payee, PayeeError, PlainHttp, Written, pointer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::customers::Customer;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::fees::FeePolicy;
use crate::history::{Kind, Movement, NOTE_MAX, State};
use crate::holds::{HoldRow, HoldState, Terms};
use crate::modules::Kept;
use crate::own_limits::{OWN_USE, Use};

const QUEUE: &str = "wallet sends";
const SETTINGS: WorkerSettings = WorkerSettings {
    concurrency: 16,
    lane_concurrency: 1,
    places_in_lanes: 16,
    lease: Duration::from_secs(30),
    backoff: Backoff { step: Duration::from_millis(500), most_steps: 60 },
};
/// The incoming payment at the payee takes money for so long.
const RECEIVER_LIVES: Duration = Duration::from_mins(15);
/// Drafts that are not confirmed are kept for so long.
const DRAFT_LIVES: Duration = Duration::from_hours(24);

const NOT_ENOUGH: &str = "There is not enough money in the account. Nothing was sent.";
const NOT_MADE: &str = "The payment could not be made in time. Nothing was sent; get a new offer.";
const EXPIRED: &str = "The offer has expired. Nothing was sent; get a new offer.";

/// What a customer wants to send.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) fixed: Fixed,
    /// In the asset of the fixed side. `None` if the payee asks for an amount.
    pub(crate) amount: Option<u64>,
    pub(crate) note: String,
}

/// Why there is no offer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("The note has more than 255 characters.")]
    Note,
    #[error("This payment was sent before.")]
    Sent,
    #[error("This account has no wallet address yet.")]
    NoAddress,
    #[error("The service for payments does not answer at the moment. Nothing was sent; try again.")]
    Unreachable,
    /// The reason is the instance's own.
    #[error("There is no offer for this payment: {0}.")]
    Refused(String),
    #[error(transparent)]
    Effect(#[from] EffectError),
}

impl From<AdminError> for OfferError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Refused { code: ErrorCode::Internal | ErrorCode::Timeout, .. }
            | AdminError::Unreachable { .. }
            | AdminError::Unexpected(_)
            | AdminError::Unauthorized => {
                tracing::warn!(%error, "no offer for a customer's payment");
                Self::Unreachable
            }
            AdminError::Refused { message, .. } => Self::Refused(message.trim_end_matches('.').to_owned()),
        }
    }
}

impl From<Error> for OfferError {
    fn from(error: Error) -> Self {
        Self::Effect(error.into())
    }
}

/// What came of confirming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// Now, or before with the same offer.
    Yes,
    /// The offer is another one by now. It has to be looked at again.
    OtherOffer,
    /// There is no such draft.
    Unknown,
}

/// Sends money for customers. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Sending {
    effects: Effects,
    public: PublicResources,
    entropy: Arc<dyn Entropy>,
    plain_http: PlainHttp,
}

impl Sending {
    pub(crate) fn new(
        effects: Effects,
        public: PublicResources,
        entropy: Arc<dyn Entropy>,
        plain_http: PlainHttp,
    ) -> Self {
        Self { effects, public, entropy, plain_http }
    }

    /// A wallet address as a customer wrote it, in its usual form. Nobody is asked about it.
    pub(crate) fn address(&self, written: &str) -> Result<String, PayeeError> {
        match payee::read(written, self.plain_http)? {
            Written::Address(url) => Ok(url),
            Written::Request(_) => Err(PayeeError::Unreadable),
        }
    }

    /// The first step: finds the payee. `id` is the key of the form.
    pub(crate) async fn begin(
        &self,
        customer: &Customer,
        id: Uuid,
        account: Uuid,
        written: &str,
    ) -> Result<Draft, BeginError> {
        let database = self.effects.store.database();
        if let Some(draft) = drafts::of_user(database, customer.user(), id).await? {
            return Ok(draft);
        }
        let written = payee::read(written, self.plain_http)?;
        let held = customer.account(account).await?.ok_or(BeginError::NoAccount)?;
        if held.account.wallet_address_url.as_deref() == Some(written.url()) {
            return Err(PayeeError::OwnAccount.into());
        }
        let now = self.effects.clock.now();
        let payee = payee::resolve(written, &self.effects.admin, &self.public, now).await?;
        let draft = Draft { id, user: customer.user(), account, payee, stage: Stage::Begun };
        drafts::forget_old(database, now.saturating_sub(DRAFT_LIVES)).await?;
        drafts::begin(database, &draft, now).await?;
        Ok(draft)
    }

    /// The first step of an exchange: the payee is another own account, so nobody is asked about it.
    pub(crate) async fn begin_exchange(
        &self,
        customer: &Customer,
        id: Uuid,
        from: Uuid,
        to: Uuid,
    ) -> Result<Draft, BeginError> {
        let database = self.effects.store.database();
        if let Some(draft) = drafts::of_user(database, customer.user(), id).await? {
            return Ok(draft);
        }
        if from == to {
            return Err(BeginError::SameAccount);
        }
        let accounts = customer.accounts().await?;
        let find = |id: Uuid| accounts.iter().map(|held| &held.account).find(|account| account.id == id);
        let (Some(from), Some(to)) = (find(from), find(to)) else { return Err(BeginError::NoAccount) };
        let url = to.wallet_address_url.clone().ok_or(BeginError::NoAccount)?;
        let payee =
            Payee { written: Written::Address(url), name: Some(to.name.clone()), asset: to.asset.clone(), asked: None };
        let draft = Draft { id, user: customer.user(), account: from.id, payee, stage: Stage::Begun };
        drafts::begin(database, &draft, self.effects.clock.now()).await?;
        Ok(draft)
    }

    /// A draft of this customer.
    pub(crate) async fn draft(&self, customer: &Customer, id: Uuid) -> Result<Option<Draft>, Error> {
        drafts::of_user(self.effects.store.database(), customer.user(), id).await
    }

    /// The second step: asks the instance for an offer.
    pub(crate) async fn quote(&self, customer: &Customer, draft: &Draft, wish: &Wish) -> Result<(), OfferError> {
        let note = wish.note.trim();
        if note.chars().count() > NOTE_MAX || note.contains('\0') {
            return Err(OfferError::Note);
        }
        let held = customer.account(draft.account).await?.ok_or(OfferError::NoAddress)?;
        let (Some(address), Some(url)) = (held.account.wallet_address_id, &held.account.wallet_address_url) else {
            return Err(OfferError::NoAddress);
        };

        let Effects { admin, clock, store, .. } = &self.effects;
        let asset = &held.account.asset;
        let amount = |value: u64| match wish.fixed {
            Fixed::Debit => QuoteAmount::Debit(Amount::new(value, asset)),
            Fixed::Receive => QuoteAmount::Receive(Amount::new(value, &draft.payee.asset)),
        };
        let (receiver, fixed) = match &draft.payee.written {
            Written::Request(url) => (url.clone(), wish.amount.map_or(QuoteAmount::AsAsked, amount)),
            Written::Address(to) => {
                let value = wish.amount.unwrap_or(0);
                let exactly = (wish.fixed == Fixed::Receive).then(|| Amount::new(value, &draft.payee.asset));
                let expires_at = clock.now().saturating_add(RECEIVER_LIVES);
                let told = metadata(note, Some(url));
                let receiver = admin.create_receiver(to, exactly.as_ref(), Some(expires_at), Some(told)).await?;
                (receiver.id, if exactly.is_some() { QuoteAmount::AsAsked } else { amount(value) })
            }
        };

        let quote = admin.create_quote(address, &receiver, &fixed).await?;
        let debit = quote.debit_amount.value;
        let by_debit = matches!(fixed, QuoteAmount::Debit(_));
        let fee = match self.effects.fee_policy {
            FeePolicy::Compat => 0,
            FeePolicy::FeePlusSent | FeePolicy::FullDebit => {
                let rule = self.effects.fees.at(asset, quote.created_at.unwrap_or_else(|| clock.now())).await?;
                if by_debit { rule.of_fixed_debit(debit) } else { rule.of_fixed_delivery(debit) }
            }
        };
        let offer = Offer {
            quote: quote.id,
            receiver,
            debit,
            receives: quote.receive_amount.value,
            fee,
            fixed: if by_debit { Fixed::Debit } else { Fixed::Receive },
            note: Some(note.to_owned()).filter(|note| !note.is_empty()),
            expires_at: quote.expires_at,
        };
        if drafts::quote(store.database(), customer.user(), draft.id, &offer).await? {
            Ok(())
        } else {
            Err(OfferError::Sent)
        }
    }

    /// The third step: the customer agrees to this offer. A repetition does nothing twice.
    pub(crate) async fn confirm(&self, customer: &Customer, id: Uuid, offer: Uuid) -> Result<Confirmed, Error> {
        let database = self.effects.store.database();
        let transaction = database.begin().await?;
        if drafts::confirm(&transaction, customer.user(), id, offer).await? {
            jobs::enqueue(&transaction, NewJob::new(QUEUE, id, self.effects.clock.now()))?;
            transaction.commit().await?;
            return Ok(Confirmed::Yes);
        }
        transaction.rollback().await?;
        let Some(draft) = drafts::of_user(database, customer.user(), id).await? else { return Ok(Confirmed::Unknown) };
        Ok(match draft.stage {
            Stage::Confirmed(_) | Stage::Made(_) | Stage::Refused { .. } => Confirmed::Yes,
            Stage::Begun | Stage::Quoted(_) => Confirmed::OtherOffer,
        })
    }

    /// Makes confirmed payments until `shutdown` resolves.
    pub(crate) async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        self.worker().run(shutdown).await;
    }

    pub(crate) fn worker(&self) -> Worker {
        let database = self.effects.store.database().clone();
        let (clock, entropy) = (Arc::clone(&self.effects.clock), Arc::clone(&self.entropy));
        Worker::new(database, clock, entropy, QUEUE, Arc::new(self.clone()), SETTINGS)
    }

    /// Holds the money and makes the payment. Returns why there is none, or an error if it has to be tried again.
    async fn make(&self, draft: &Draft, offer: &Offer) -> Result<Option<String>, EffectError> {
        let Effects { admin, modules, clock, .. } = &self.effects;
        let customer = Customer::new(draft.user, self.effects.clone());
        let held = customer.account(draft.account).await?;
        let Some(held) = held else { return Ok(Some(NOT_ENOUGH.to_owned())) };
        let Some(address) = held.account.wallet_address_id else { return Ok(Some(NOT_ENOUGH.to_owned())) };
        // Its answer is stored, so a repetition gets the same one.
        let used = Use {
            payment: offer.quote,
            grant: OWN_USE.to_owned(),
            account: draft.account,
            debit: offer.debit,
            made_at: clock.now(),
        };
        if let Some(refusal) = modules.agreements.may_pay(&used, held.state.shut()).await? {
            return Ok(Some(refusal.sentence().to_owned()));
        }
        let hold = HoldRow {
            payment: offer.quote,
            account: draft.account,
            debit: offer.debit,
            terms: Terms::Confirmed(offer.fee),
            state: HoldState::Held,
        };
        match modules.accounts.keep(hold).await? {
            Kept::Yes => {}
            Kept::GivenUp => return self.refuse(offer, NOT_MADE).await,
            Kept::NotEnough => return self.refuse(offer, NOT_ENOUGH).await,
        }

        let told = metadata(offer.note.as_deref().unwrap_or_default(), None);
        let key = format!("wallet send {}", draft.id);
        match admin.create_outgoing_payment(address, offer.quote, Some(told), &key).await {
            Ok(_) => {}
            Err(error) if error.is_temporary() || matches!(error, AdminError::Unauthorized) => {
                return Err(error.into());
            }
            Err(error) => {
                // The answer of an earlier attempt may have been lost.
                if !self.exists(offer.quote).await? {
                    let expired = clock.now() >= offer.expires_at;
                    let reason = if expired { EXPIRED.to_owned() } else { error.to_string() };
                    return self.refuse(offer, &reason).await;
                }
            }
        }

        let movement = Movement {
            most: offer.debit,
            receives: Some((offer.receives, draft.payee.asset.clone())),
            party: Some(draft.payee.written.url().to_owned()),
            payee: draft.payee.name.clone(),
            note: offer.note.clone(),
            state: State::Starting,
            ended_at: None,
            ..Movement::credit(offer.quote, draft.account, Kind::Sent, 0, clock.now())
        };
        modules.accounts.record(movement).await?;
        Ok(None)
    }

    /// Gives the offer up, unless its payment is funded by now. Then there is no reason. It may be repeated.
    async fn refuse(&self, offer: &Offer, reason: &str) -> Result<Option<String>, EffectError> {
        let modules = &self.effects.modules;
        if !modules.accounts.give_up(offer.quote).await? {
            return Ok(None);
        }
        modules.agreements.was_not_made(offer.quote).await?;
        modules.accounts.released(offer.quote).await?;
        Ok(Some(reason.to_owned()))
    }

    async fn exists(&self, payment: Uuid) -> Result<bool, EffectError> {
        match self.effects.admin.outgoing_payment(payment).await {
            Ok(_) => Ok(true),
            Err(error) if error.is(&ErrorCode::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether nobody makes the payment of this offer any more. An offer that has expired is given up here, so that its job
/// ends.
pub(crate) async fn was_given_up(database: &Database, offer: Uuid, now: Timestamp) -> Result<bool, Error> {
    let Some(draft) = drafts::of_offer(database, offer).await? else { return Ok(true) };
    match draft.stage {
        Stage::Confirmed(offer) if now < offer.expires_at => Ok(false),
        Stage::Confirmed(_) => {
            let transaction = database.begin().await?;
            drafts::finish(&transaction, draft.id, Some(EXPIRED)).await?;
            transaction.commit().await?;
            Ok(true)
        }
        Stage::Begun | Stage::Quoted(_) | Stage::Made(_) | Stage::Refused { .. } => Ok(true),
    }
}

/// Why a payment cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    #[error(transparent)]
    Payee(#[from] PayeeError),
    #[error("Choose one of your accounts.")]
    NoAccount,
    #[error("Choose two different accounts.")]
    SameAccount,
    #[error(transparent)]
    Effect(#[from] EffectError),
}

impl From<Error> for BeginError {
    fn from(error: Error) -> Self {
        Self::Effect(error.into())
    }
}

/// The data of a payment: the note, and who pays.
fn metadata(note: &str, from: Option<&str>) -> Value {
    let mut told = json!({});
    if !note.is_empty() {
        told["description"] = json!(note);
    }
    if let Some(from) = from {
        told["senderWalletAddress"] = json!(from);
    }
    told
}

#[async_trait]
impl Handler for Sending {
    #[tracing::instrument(name = "wallet.send", skip_all, fields(send.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let database = self.effects.store.database();
        let draft = match Uuid::try_parse(job.key()) {
            Ok(id) => drafts::of_job(database, id).await?,
            Err(_) => None,
        };
        let Some(draft) = draft else { return Ok(Done::Complete) };
        let offer = match &draft.stage {
            Stage::Confirmed(offer) => offer,
            Stage::Refused { offer, .. } => {
                // The look at old holds may have given the offer up just before this job held the money.
                self.refuse(offer, "").await.map_err(Box::new)?;
                return Ok(Done::Complete);
            }
            Stage::Begun | Stage::Quoted(_) | Stage::Made(_) => return Ok(Done::Complete),
        };
        let refusal = self.make(&draft, offer).await.map_err(Box::new)?;
        let transaction = database.begin().await?;
        drafts::finish(&transaction, draft.id, refusal.as_deref()).await?;
        job.complete(&transaction);
        transaction.commit().await?;
        Ok(Done::Settled)
    }
}
