//! The effects of each event: movements in the wallet's ledger, and calls to the instance.
//!
//! Every step may be repeated. Transfer ids and idempotency keys are derived from the event or its payment. Money moves in
//! the accounts, which are asked; see `modules`.

use std::sync::Arc;

use admin_client::{AdminClient, AdminError, CardFailure, ErrorCode, OutgoingPaymentState};
use clock::{Clock, Timestamp};
use money::Asset;
use serde_json::Value;
use uuid::Uuid;

use crate::addresses::Addresses;
use crate::cards::{Cards, JudgeError, Refused, number_of};
use crate::effect_error::EffectError;
use crate::event::{Event, EventAsset, IncomingPaymentData, LiquidityData, OutgoingPaymentData, StreamedTo};
use crate::fees::{FeePolicy, FeeRule, charged};
use crate::fees_in_force::Fees;
use crate::history::{Kind, Movement, NOTE_MAX, State};
use crate::holds::{HoldRow, HoldState, Terms};
use crate::ids::derived_v4;
use crate::ledger_book::Book;
use crate::modules::{Cost, Modules, Reserved};
use crate::noted;
use crate::operators::{self, Answer, LowLiquidity, Resource, Topup};
use crate::own_limits::{OWN_USE, Refusal, Use, of_card};
use crate::store::{AccountRow, Store};

/// The dependencies of the effects.
#[derive(Clone)]
pub(crate) struct Effects {
    pub(crate) store: Store,
    pub(crate) book: Book,
    pub(crate) modules: Modules,
    pub(crate) admin: AdminClient,
    pub(crate) addresses: Addresses,
    pub(crate) cards: Cards,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fees: Fees,
    pub(crate) fee_policy: FeePolicy,
    pub(crate) auto_create_address: bool,
    pub(crate) topup: Topup,
}

impl Effects {
    /// Applies the effects of `event`, which has the id `event_id`.
    pub(crate) async fn apply(&self, event_id: Uuid, event: Event) -> Result<(), EffectError> {
        match event {
            Event::OutgoingCreated(payment) => self.fund_or_cancel(event_id, &payment).await,
            Event::OutgoingCompleted(payment) => self.settle(&event_id.to_string(), &payment, State::Completed).await,
            Event::OutgoingFailed(payment) => self.settle(&event_id.to_string(), &payment, State::Failed).await,
            Event::OutgoingCancelled(payment) => self.give_back(&payment).await,
            Event::IncomingFinished(payment) => self.collect(event_id, &payment).await,
            Event::IncomingPartial(payment) => self.confirm_partial(&payment).await,
            Event::AddressNotFound(data) => self.create_address(&data.wallet_address_url).await,
            Event::WebMonetization(data) => self.collect_streamed(event_id, &data.wallet_address).await,
            Event::AssetLiquidityLow(data) => self.tell_low(event_id, &data, Resource::Asset).await,
            Event::PeerLiquidityLow(data) => self.tell_low(event_id, &data, Resource::Peer).await,
            Event::Other => Ok(()),
        }
    }

    async fn fund_or_cancel(&self, event_id: Uuid, payment: &OutgoingPaymentData) -> Result<(), EffectError> {
        let Some(account) = self.modules.accounts.with_address(payment.wallet_address_id).await? else {
            return self.cancel(payment, "No account has this wallet address.").await;
        };

        if let Some(card) = &payment.card_details {
            match self.cards.judge(payment.id, account.id, card, &payment.receive_amount).await {
                Ok(()) => {}
                Err(JudgeError::Refused(refused)) => {
                    tracing::warn!(payment.id = %payment.id, reason = refused.reason, "a payment by card is refused");
                    return self.refuse_card(payment.id, &refused).await;
                }
                Err(JudgeError::Database(error)) => return Err(error.into()),
            }
        }

        match self.reserve(&account, payment).await? {
            ToFund::Yes => self.fund(payment, &event_id.to_string()).await,
            // The event of the payment's end arrived before that of its creation.
            ToFund::Ended => Ok(()),
            ToFund::No { because } => self.turn_down(payment, because).await,
        }
    }

    /// Cancels a payment for which nothing is held.
    async fn turn_down(&self, payment: &OutgoingPaymentData, because: &str) -> Result<(), EffectError> {
        self.cancel(payment, because).await?;
        self.record(payment, State::Cancelled, Spent::default()).await
    }

    /// Lets the accounts hold the money of a payment, and decide that the payment gets it.
    async fn reserve(&self, account: &AccountRow, payment: &OutgoingPaymentData) -> Result<ToFund, EffectError> {
        let accounts = &self.modules.accounts;
        let known = accounts.hold_of(payment.id).await?;
        // What has a hold was let through before.
        if known.is_none()
            && let Some(refusal) = self.refused_by_customer(account.id, payment).await?
        {
            return Ok(ToFund::No { because: refusal.reason() });
        }
        let hold = match known {
            Some(hold) => hold,
            None => self.new_hold(account, payment).await?,
        };
        match accounts.reserve(hold).await? {
            Reserved::Yes => Ok(ToFund::Yes),
            Reserved::Ended => Ok(ToFund::Ended),
            Reserved::NotEnough => Ok(ToFund::No { because: "Account does not have enough balance." }),
            Reserved::GivenUp => Ok(ToFund::No { because: "The payment was given up." }),
            Reserved::Shut(shut) => {
                self.modules.agreements.refused_after_all(payment.id, shut.into()).await?;
                accounts.released(payment.id).await?;
                Ok(ToFund::No { because: Refusal::from(shut).reason() })
            }
            Reserved::Undecided => Err(EffectError::UnderDecision(payment.id)),
        }
    }

    /// What the customer's own limits say about a payment of an application, before money is held for it.
    async fn refused_by_customer(
        &self,
        account: Uuid,
        payment: &OutgoingPaymentData,
    ) -> Result<Option<Refusal>, EffectError> {
        // A freeze that begins after this is seen when the payment gets its money.
        let shut = self.modules.accounts.state_of(account).await?.and_then(|state| state.shut());
        Ok(self.modules.agreements.may_pay(&use_of(account, payment, self.clock.now()), shut).await?)
    }

    /// The hold of a payment that is not stored yet, with the terms that count until its end.
    async fn new_hold(&self, account: &AccountRow, payment: &OutgoingPaymentData) -> Result<HoldRow, EffectError> {
        let terms = match self.fee_policy {
            FeePolicy::FeePlusSent => {
                Terms::Rule(self.fees.of_payment(&account.asset, payment, self.clock.now()).await?)
            }
            FeePolicy::FullDebit | FeePolicy::Compat => Terms::Unknown,
        };
        Ok(HoldRow {
            payment: payment.id,
            account: account.id,
            debit: payment.debit_amount.value,
            terms,
            state: HoldState::Held,
        })
    }

    /// The stored hold of a payment.
    async fn hold_row(&self, account: &AccountRow, payment: &OutgoingPaymentData) -> Result<HoldRow, EffectError> {
        match self.modules.accounts.hold_of(payment.id).await? {
            Some(hold) => Ok(hold),
            None => Ok(self.modules.accounts.open(self.new_hold(account, payment).await?).await?),
        }
    }

    /// Gives a payment its money, which is held.
    async fn fund(&self, payment: &OutgoingPaymentData, key: &str) -> Result<(), EffectError> {
        match self.admin.deposit_outgoing_payment_liquidity(payment.id, key).await {
            Ok(()) => self.record(payment, State::Sending, Spent::default()).await,
            Err(error) if error.is(&ErrorCode::Conflict) || error.is(&ErrorCode::Duplicate) => {
                self.after_refused_deposit(payment).await
            }
            Err(error) if error.is(&ErrorCode::NotFound) => self.give_back(payment).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Funds a payment whose money is held, like the event of its creation. If that is refused for good, the payment is
    /// cancelled, so that its money does not stay held.
    pub(crate) async fn fund_or_give_up(&self, payment: &OutgoingPaymentData, key: &str) -> Result<(), EffectError> {
        let account = self.require_account(payment.wallet_address_id).await?;
        match self.reserve(&account, payment).await? {
            ToFund::Ended => return Ok(()),
            ToFund::No { because } => return self.turn_down(payment, because).await,
            ToFund::Yes => {}
        }
        match self.fund(payment, key).await {
            Err(EffectError::Admin(error)) if !EffectError::is_temporary_refusal(&error) => {
                tracing::warn!(payment.id = %payment.id, %error, "a payment cannot be funded; it is cancelled");
                // The next look finds it cancelled, and gives the money back.
                self.cancel(payment, "The payment could not be funded.").await
            }
            other => other,
        }
    }

    /// A refused deposit has two reasons: it was accepted before, or the payment was cancelled meanwhile.
    async fn after_refused_deposit(&self, payment: &OutgoingPaymentData) -> Result<(), EffectError> {
        match self.admin.outgoing_payment(payment.id).await?.state {
            OutgoingPaymentState::Cancelled => self.give_back(payment).await,
            OutgoingPaymentState::Funding => Err(EffectError::StillFunding(payment.id)),
            // The hold stays until the payment's end settles it.
            OutgoingPaymentState::Sending | OutgoingPaymentState::Completed | OutgoingPaymentState::Failed => {
                self.record(payment, State::Sending, Spent::default()).await
            }
        }
    }

    /// Releases the hold of a payment that the instance has not made, and never will.
    pub(crate) async fn give_back(&self, payment: &OutgoingPaymentData) -> Result<(), EffectError> {
        self.modules.accounts.not_made(payment.id).await?;
        self.record(payment, State::Cancelled, Spent::default()).await?;
        Ok(self.modules.accounts.released(payment.id).await?)
    }

    async fn cancel(&self, payment: &OutgoingPaymentData, reason: &str) -> Result<(), EffectError> {
        if payment.card_details.is_some() {
            let refused = Refused { reason: reason.to_owned(), failure: CardFailure::InvalidRequest };
            return self.refuse_card(payment.id, &refused).await;
        }
        cancelled_or_ended(self.admin.cancel_outgoing_payment(payment.id, reason).await)
    }

    async fn refuse_card(&self, payment: Uuid, refused: &Refused) -> Result<(), EffectError> {
        cancelled_or_ended(self.admin.cancel_card_payment(payment, &refused.reason, refused.failure).await)
    }

    /// Debits what the payment cost, at the terms of its hold, and withdraws what is left of it at the instance.
    pub(crate) async fn settle(
        &self,
        key: &str,
        payment: &OutgoingPaymentData,
        ended: State,
    ) -> Result<(), EffectError> {
        let account = self.require_account(payment.wallet_address_id).await?;
        let hold = self.hold_row(&account, payment).await?;
        let sent = payment.sent_amount.value;
        let fee = match ended {
            State::Completed => self.fee_of(&account, &hold, payment).await?,
            // The payer of a failed payment pays no fee.
            _ => 0,
        };
        let spent = Spent { sent, fee };
        let movement = self.movement(&account, payment, ended, spent).await?;
        let cost = Cost { payment: payment.id, account: account.id, sent, fee, movement };
        self.modules.accounts.settle(cost).await?;
        self.tell_agreements(&account, payment, ended, spent).await?;
        if payment.grant_id.is_some() {
            self.note_what_counts(payment.id).await?;
        }
        if payment.balance > 0 && self.fee_policy != FeePolicy::Compat {
            self.withdraw_rest(payment.id, key).await?;
        }
        // The last step. If the process ends before, the hold is looked at again.
        Ok(self.modules.accounts.settled(payment.id).await?)
    }

    /// Asks the instance what an ended payment counts for the limits of its grant, because only the instance knows what
    /// arrived. Another instance does not tell.
    async fn note_what_counts(&self, payment: Uuid) -> Result<(), EffectError> {
        let spending = match self.admin.spending_of_payment(payment).await {
            Ok(spending) => spending,
            Err(error) if EffectError::is_temporary_refusal(&error) && !matches!(error, AdminError::Unexpected(_)) => {
                return Err(error.into());
            }
            Err(error) => {
                tracing::debug!(payment.id = %payment, %error, "the instance does not say what a payment counts");
                return Ok(());
            }
        };
        let value = |amount: Option<admin_client::Amount>| amount.map(|amount| amount.value);
        let (debit, receive) = (value(spending.spent_debit_amount), value(spending.spent_receive_amount));
        Ok(self.modules.accounts.counts(payment, debit, receive).await?)
    }

    async fn withdraw_rest(&self, payment: Uuid, key: &str) -> Result<(), EffectError> {
        match self.admin.create_outgoing_payment_withdrawal(payment, key).await {
            Ok(()) => Ok(()),
            // Nothing is left, or this withdrawal was made before.
            Err(error) if error.is(&ErrorCode::Duplicate) || error.is(&ErrorCode::Forbidden) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The fee of a completed payment: the one that the customer agreed to, at most what was not sent.
    async fn fee_of(
        &self,
        account: &AccountRow,
        hold: &HoldRow,
        payment: &OutgoingPaymentData,
    ) -> Result<u64, EffectError> {
        let sent = payment.sent_amount.value;
        let rule = match (self.fee_policy, hold.terms) {
            (FeePolicy::FeePlusSent, Terms::Confirmed(fee)) => return Ok(fee.min(hold.debit.saturating_sub(sent))),
            (FeePolicy::FeePlusSent, Terms::Rule(rule)) => rule,
            (FeePolicy::FeePlusSent, Terms::Unknown) => {
                self.fees.of_payment(&account.asset, payment, self.clock.now()).await?
            }
            (FeePolicy::FullDebit | FeePolicy::Compat, _) => FeeRule::NONE,
        };
        Ok(charged(self.fee_policy, rule, hold.debit, sent))
    }

    /// Withdraws first and credits afterwards. So a repetition is refused before the customer is credited twice.
    async fn collect(&self, event_id: Uuid, payment: &IncomingPaymentData) -> Result<(), EffectError> {
        if payment.received_amount.value == 0 {
            return Ok(());
        }
        let account = self.require_account(payment.wallet_address_id).await?;
        match self.admin.create_incoming_payment_withdrawal(payment.id, &event_id.to_string()).await {
            Ok(()) => {}
            Err(error) if error.is(&ErrorCode::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
        let received = Received { kind: Kind::Received, metadata: payment.metadata.as_ref() };
        self.credit(payment.id, account.id, payment.received_amount.value, received).await?;
        Ok(noted::came(self.store.database(), payment.id, payment.received_amount.value).await?)
    }

    /// Withdraws exactly the amount of the event. Later money is announced by another event.
    async fn collect_streamed(&self, event_id: Uuid, streamed: &StreamedTo) -> Result<(), EffectError> {
        let account = self.require_account(streamed.id).await?;
        match self.admin.withdraw_event_liquidity(event_id, &event_id.to_string()).await {
            Ok(()) => {}
            // An earlier attempt made this withdrawal, and its answer was lost.
            Err(error) if error.is(&ErrorCode::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
        let received = Received { kind: Kind::Streamed, metadata: None };
        self.credit(event_id, account.id, streamed.received_amount.value, received).await
    }

    /// Writes a payment into the history of its account.
    async fn record(&self, payment: &OutgoingPaymentData, state: State, spent: Spent) -> Result<(), EffectError> {
        let Some(account) = self.modules.accounts.with_address(payment.wallet_address_id).await? else {
            return Ok(());
        };
        let movement = self.movement(&account, payment, state, spent).await?;
        self.modules.accounts.record(movement).await?;
        if state.is_final() {
            self.tell_agreements(&account, payment, state, spent).await?;
        }
        Ok(())
    }

    /// How a payment is written into the history.
    async fn movement(
        &self,
        account: &AccountRow,
        payment: &OutgoingPaymentData,
        state: State,
        spent: Spent,
    ) -> Result<Movement, EffectError> {
        let (now, receive) = (self.clock.now(), &payment.receive_amount);
        Ok(Movement {
            id: payment.id,
            account: account.id,
            kind: Kind::Sent,
            state,
            amount: spent.sent.saturating_add(spent.fee),
            fee: spent.fee,
            most: payment.debit_amount.value,
            receives: Asset::new(&receive.asset_code, receive.asset_scale).ok().map(|asset| (receive.value, asset)),
            party: Some(payment.receiver.clone()).filter(|url| !url.is_empty()),
            payee: noted::payee_name(self.store.database(), payment.id).await?,
            note: payment.metadata.as_ref().and_then(note),
            grant_id: payment.grant_id.clone(),
            made_at: payment.created_at.unwrap_or(now),
            ended_at: state.is_final().then_some(now),
        })
    }

    /// Tells the agreements what a payment counts that has ended.
    async fn tell_agreements(
        &self,
        account: &AccountRow,
        payment: &OutgoingPaymentData,
        ended: State,
        spent: Spent,
    ) -> Result<(), EffectError> {
        let counts = if ended == State::Completed { payment.debit_amount.value } else { spent.sent };
        let done = use_of(account.id, payment, self.clock.now());
        Ok(self.modules.agreements.ended(&done, counts).await?)
    }

    /// Lets the accounts credit what came. The cause is the id of its movement.
    async fn credit(&self, id: Uuid, account: Uuid, amount: u64, received: Received<'_>) -> Result<(), EffectError> {
        let movement = Movement {
            party: received.metadata.and_then(sender),
            note: received.metadata.and_then(note),
            ..Movement::credit(id, account, received.kind, amount, self.clock.now())
        };
        Ok(self.modules.accounts.credit(id, movement).await?)
    }

    async fn confirm_partial(&self, payment: &IncomingPaymentData) -> Result<(), EffectError> {
        let Some(partial) = payment.partial_incoming_payment_id else { return Ok(()) };
        match self.admin.confirm_partial_incoming_payment(payment.id, partial).await {
            Ok(()) => Ok(()),
            // The payment has ended, so there is nothing left to accept.
            Err(error) if error.is(&ErrorCode::BadUserInput) || error.is(&ErrorCode::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn create_address(&self, url: &str) -> Result<(), EffectError> {
        if !self.auto_create_address {
            return Ok(());
        }
        let Some(path) = self.addresses.path_of(url) else { return Ok(()) };
        Ok(self.modules.accounts.make_address(path).await?)
    }

    /// Tells the accounts, which have the treasury, of low liquidity.
    async fn tell_low(&self, event_id: Uuid, told: &LiquidityData, resource: Resource) -> Result<(), EffectError> {
        let EventAsset { code, scale } = &told.asset;
        let Ok(asset) = Asset::new(code, *scale) else { return Ok(()) };
        let low = LowLiquidity {
            event: event_id,
            id: told.id,
            resource,
            asset,
            threshold: told.liquidity_threshold.as_ref().and_then(as_told),
            balance: told.balance.as_ref().and_then(as_told),
            told_at: self.clock.now(),
        };
        Ok(self.modules.accounts.low(low).await?)
    }

    /// Deposits what is configured, if it may be done now. What was told and done is kept for the operators.
    pub(crate) async fn top_up(&self, low: &LowLiquidity) -> Result<(), EffectError> {
        let database = self.store.database();
        let Answer::Depositing(amount) = operators::decide(database, low, self.topup).await? else { return Ok(()) };
        let id = derived_v4(low.event, "topup");
        match self.deposit(low.resource, (low.id, &low.asset), amount, id).await {
            Ok(()) => Ok(operators::done(database, low.event, Answer::Deposited(amount)).await?),
            // It was deleted meanwhile.
            Err(EffectError::Admin(error)) if error.is(&ErrorCode::NotFound) => {
                Ok(operators::done(database, low.event, Answer::Gone).await?)
            }
            Err(error) => Err(error),
        }
    }

    /// Deposits liquidity for an asset or a peer under this id, and books it. A repetition changes nothing.
    pub(crate) async fn deposit(
        &self,
        resource: Resource,
        (target, asset): (Uuid, &Asset),
        amount: u64,
        id: Uuid,
    ) -> Result<(), EffectError> {
        let deposited = match resource {
            Resource::Asset => self.admin.deposit_asset_liquidity(target, amount, id).await,
            Resource::Peer => self.admin.deposit_peer_liquidity(target, amount, id).await,
        };
        match deposited {
            Ok(()) => {}
            Err(error) if error.is(&ErrorCode::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
        let ledger = self.store.ensure_asset(asset).await?;
        self.book.open_asset(ledger).await?;
        Ok(self.book.give_liquidity(ledger, id, amount).await?)
    }

    async fn require_account(&self, wallet_address: Uuid) -> Result<AccountRow, EffectError> {
        let account = self.modules.accounts.with_address(wallet_address).await?;
        account.ok_or(EffectError::UnknownWalletAddress(wallet_address))
    }
}

fn cancelled_or_ended(result: Result<(), AdminError>) -> Result<(), EffectError> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.is(&ErrorCode::Conflict) || error.is(&ErrorCode::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The payment of an application under its grant, of somebody with a card, or of the customer. If the wallet knows the
/// payment already, it keeps the agreement that it knows.
fn use_of(account: Uuid, payment: &OutgoingPaymentData, now: Timestamp) -> Use {
    let by_card = payment.card_details.as_ref().and_then(number_of).map(|number| of_card(&number));
    Use {
        payment: payment.id,
        grant: by_card.or_else(|| payment.grant_id.clone()).unwrap_or_else(|| OWN_USE.to_owned()),
        account,
        debit: payment.debit_amount.value,
        made_at: payment.created_at.unwrap_or(now),
    }
}

/// What a finished payment cost.
#[derive(Clone, Copy, Default)]
struct Spent {
    sent: u64,
    fee: u64,
}

/// What is known about money that came.
struct Received<'a> {
    kind: Kind,
    metadata: Option<&'a Value>,
}

/// The note that the payer wrote.
fn note(metadata: &Value) -> Option<String> {
    metadata["description"].as_str().map(|text| text.chars().take(NOTE_MAX).collect())
}

/// The wallet address that the payer names. Nobody has checked it.
fn sender(metadata: &Value) -> Option<String> {
    let named = metadata["senderWalletAddress"].as_str()?;
    let address: web_url::WalletAddressUrl = named.parse().ok()?;
    Some(address.as_str().to_owned())
}

/// Whether a payment is funded.
enum ToFund {
    Yes,
    No {
        because: &'static str,
    },
    /// The payment has ended and is settled.
    Ended,
}

/// A number of an event, which may be written as a text.
fn as_told(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.chars().take(NUMBER_MAX).collect()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The longest number of an event that is kept, in characters.
const NUMBER_MAX: usize = 40;
