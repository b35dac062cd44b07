//! The steps of a transfer that need no decision of a person: permission, payment, arrival, and the end.
//!
//! Every step may be repeated. A transfer fails only after its bill is closed, so what has arrived is known for good.

use std::time::Duration;

use clock::Timestamp;
use open_payments_client::{IssuedToken, PendingGrant, Reference};

use crate::asking::metadata;
use crate::orders::{Bill, Means, Order, Purpose, Stage, Standing, Token, Transfer, Why};
use crate::periods::{RENEWED_EVERY, first_following, interval, next_look};
use crate::store::Changed;
use crate::till::{BILL_LIVES, TOKEN_MARGIN, Till, TillError};
use crate::work::LEASE;

/// After so many failures to make a payment it is given up.
const ATTEMPTS_MAX: u32 = 24;
/// The first refusals may be those of a server that was asked too early.
const REFUSALS_MAX: u32 = 2;
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What came of a step.
enum Step {
    /// The transfer is further.
    Reached(Box<Stage>),
    /// It is where it was, and is looked at again later.
    Again,
    /// It will not succeed.
    Hopeless(Why),
}

impl Step {
    fn reached(stage: Stage) -> Self {
        Self::Reached(Box::new(stage))
    }
}

impl Till {
    /// The next step of a transfer.
    pub(crate) async fn advance(&self, order: &Order, transfer: &mut Transfer) -> Result<Changed, TillError> {
        let made = match transfer.stage.clone() {
            Stage::Asked { .. } => Ok(Step::Hopeless(Why::Late)),
            Stage::Returned { bill, pending, reference, unanswered_since } => {
                if self.asks_for_token(transfer, unanswered_since).await? == Changed::Overtaken {
                    return Ok(Changed::Overtaken);
                }
                self.fetch_token(order, transfer, unanswered_since, (bill, pending, reference)).await
            }
            Stage::Agreed { bill, token } => {
                let token = self.newest(order, token).await?;
                self.pay(order, transfer, bill, token).await.map(Step::reached)
            }
            Stage::Paying { bill, token, payment } => self.look(order, transfer, &bill, &token, &payment).await,
            Stage::Begun | Stage::Allowed | Stage::Paid { .. } | Stage::Refused | Stage::Failed { .. } => {
                return Ok(self.store.save(transfer, None).await?);
            }
        };
        let step = match made {
            Ok(step) => step,
            Err(TillError::Store(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(transfer = %transfer.id, %error, "a step of a transfer was not made");
                after_failure(order, transfer, &error)
            }
        };
        match step {
            Step::Reached(stage) => self.reached(order, transfer, *stage).await,
            Step::Again => self.again(transfer).await,
            Step::Hopeless(why) => match self.ended(order, transfer, why).await {
                Ok(stage) => {
                    // Without its first payment there is no subscription and no budget: the customer may order again.
                    if transfer.purpose == Purpose::Purchase && matches!(stage, Stage::Failed { .. }) {
                        self.end(order).await?;
                    }
                    self.reached(order, transfer, stage).await
                }
                Err(TillError::Store(error)) => Err(error.into()),
                Err(error) => {
                    tracing::warn!(transfer = %transfer.id, %error, "a wallet does not say what has arrived, so a transfer waits");
                    self.again(transfer).await
                }
            },
        }
    }

    /// Stores that the wallet is asked for the token, before it is asked.
    async fn asks_for_token(
        &self,
        transfer: &mut Transfer,
        since: Option<Timestamp>,
    ) -> Result<Changed, database::Error> {
        let Stage::Returned { unanswered_since, .. } = &mut transfer.stage else { return Ok(Changed::Overtaken) };
        if since.is_some() {
            return Ok(Changed::Yes);
        }
        let now = self.clock.now();
        *unanswered_since = Some(now);
        self.store.save(transfer, Some(now.saturating_add(LEASE))).await
    }

    /// Fetches the token after the payer's consent. A wallet that knows keys gives the same token again to a process that
    /// goes on after a kill. Another wallet refuses then, and the grant is given back: the payer is asked anew.
    async fn fetch_token(
        &self,
        order: &Order,
        transfer: &mut Transfer,
        asked_before: Option<Timestamp>,
        (bill, pending, reference): (Bill, PendingGrant, Reference),
    ) -> Result<Step, TillError> {
        let error = match self.client.continue_grant(&pending, &reference, &transfer.consent_key()).await {
            Ok(issued) => {
                let token = token_of(&issued, self.clock.now());
                return Ok(Step::reached(Stage::Agreed { bill, token }));
            }
            Err(error) => error,
        };
        if !error.is_transient() {
            if let (Stage::Returned { unanswered_since, .. }, None) = (&mut transfer.stage, asked_before) {
                // This was an answer, so nothing was lost.
                *unanswered_since = None;
            }
            if transfer.attempts >= REFUSALS_MAX {
                self.give_back(order, &pending).await?;
            }
        }
        Err(error.into())
    }

    /// The token to pay with. That of a budget may have been exchanged meanwhile, for another order.
    async fn newest(&self, order: &Order, token: Token) -> Result<Token, TillError> {
        let Means::From(opener) = order.means else { return Ok(token) };
        Ok(match self.store.order(opener).await?.map(|opener| opener.standing) {
            Some(Standing::Running { token, .. }) => token,
            _ => token,
        })
    }

    async fn pay(&self, order: &Order, transfer: &Transfer, bill: Bill, token: Token) -> Result<Stage, TillError> {
        let (payer, _) = self.parties(order, transfer.purpose).await?;
        let (about, key) = (metadata(order, transfer), transfer.payment_key());
        let made = self.client.create_outgoing_payment(&payer, &bill.quote, &about, &key, token.value.expose()).await?;
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
    ) -> Result<Step, TillError> {
        let received = self.received(order, transfer.purpose, &bill.incoming).await;
        if received.as_ref().is_ok_and(|received| *received >= bill.expected) {
            return Ok(Step::reached(Stage::Paid { bill: bill.clone() }));
        }
        // The payer's side says sooner when nothing will come. Its token may have ended by now; then the bill does.
        match self.client.outgoing_payment(payment, token.value.expose()).await {
            Ok(outgoing) if outgoing.failed && outgoing.sent_amount.value == 0 => Ok(Step::Hopeless(Why::NotPaid)),
            Ok(outgoing) if outgoing.failed => Ok(Step::Hopeless(nothing_came(transfer.purpose))),
            _ if self.clock.now() > transfer.created_at.saturating_add(BILL_LIVES) => {
                Ok(Step::Hopeless(nothing_came(transfer.purpose)))
            }
            _ => received.map(|_| Step::Again),
        }
    }

    /// How it ended, by what has arrived. Nothing arrives afterwards.
    async fn ended(&self, order: &Order, transfer: &Transfer, why: Why) -> Result<Stage, TillError> {
        let Some(bill) = transfer.stage.bill() else { return Ok(Stage::Failed { why, received: 0 }) };
        let received = self.closed(order, transfer.purpose, &bill.incoming).await?;
        Ok(match received {
            enough if enough >= bill.expected => Stage::Paid { bill: bill.clone() },
            0 => Stage::Failed { why, received: 0 },
            received => Stage::Failed { why: Why::TooLittle, received },
        })
    }

    /// Stores a new stage. The consent to a subscription or a budget is the right to charge again.
    async fn reached(&self, order: &Order, transfer: &mut Transfer, stage: Stage) -> Result<Changed, TillError> {
        let begins = matches!((&transfer.stage, &stage), (Stage::Returned { .. }, Stage::Agreed { .. }))
            && order.gives_right()
            && transfer.purpose == Purpose::Purchase;
        let now = self.clock.now();
        let due = (!stage.is_over()).then_some(now);
        let grant = match &transfer.stage {
            Stage::Returned { pending, .. } => Some(Box::new(pending.clone())),
            _ => None,
        };
        transfer.stage = stage;
        transfer.attempts = 0;
        let interval = begins.then(|| interval(order)).flatten();
        let window = interval.as_ref().and_then(|interval| interval.window_at(now));
        let (Stage::Agreed { token, .. }, Some(interval), Some(window)) = (&transfer.stage, interval, window) else {
            return Ok(self.store.save(transfer, due).await?);
        };
        let interval = interval.as_str().to_owned();
        let standing = Standing::Running { token: token.clone(), interval, exchange: None, grant };
        let next = first_following(order, window, self.entropy.uuid());
        let looks = next_look(now, next.created_at);
        Ok(self.store.save_with_right(transfer, now, (order, &standing), (&next, looks)).await?)
    }

    /// Nothing has happened yet. The pauses grow.
    pub(crate) async fn again(&self, transfer: &mut Transfer) -> Result<Changed, TillError> {
        transfer.attempts = transfer.attempts.saturating_add(1);
        let due = self.clock.now().saturating_add(pause(transfer.attempts));
        Ok(self.store.save(transfer, Some(due)).await?)
    }
}

/// What an error means for the transfer.
fn after_failure(order: &Order, transfer: &Transfer, error: &TillError) -> Step {
    let most = if error.is_transient() { ATTEMPTS_MAX } else { REFUSALS_MAX };
    match transfer.stage {
        // It was made, so only its end ends the transfer, or that of the bill.
        Stage::Paying { .. } => Step::Again,
        _ if transfer.attempts < most => Step::Again,
        Stage::Returned { unanswered_since: Some(_), .. } => Step::Hopeless(Why::AnswerLost),
        Stage::Returned { .. } => Step::Hopeless(Why::NotAllowed),
        // The payment may have been made, and its answer lost.
        _ if error.is_transient() => Step::Hopeless(nothing_came(transfer.purpose)),
        _ if matches!(order.means, Means::From(_)) && transfer.purpose == Purpose::Purchase => {
            Step::Hopeless(Why::NotFromBudget)
        }
        _ => Step::Hopeless(Why::NotPaid),
    }
}

/// Why a transfer fails if the payee's side says that nothing has arrived, and the payer's side does not say so.
///
/// The shop believes its own wallet. A customer's wallet that is not honest could ask for a refund again and again.
fn nothing_came(purpose: Purpose) -> Why {
    match purpose {
        Purpose::Purchase | Purpose::Charge => Why::NotPaid,
        Purpose::Refund => Why::Unclear,
    }
}

/// How long to wait after so many attempts.
fn pause(attempts: u32) -> Duration {
    Duration::from_millis(500 << attempts.min(10)).min(LONGEST_PAUSE)
}

/// A token that was issued at this time, or a moment later. A longer life than a week is not made use of.
pub(crate) fn token_of(issued: &IssuedToken, now: Timestamp) -> Token {
    let lives = |told: Duration| told.saturating_sub(TOKEN_MARGIN).min(RENEWED_EVERY);
    let until = issued.expires_in.map(|told| now.saturating_add(lives(told)));
    Token { value: issued.value.clone(), manage: issued.manage.clone(), until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_short_enough_to_see_the_end_of_a_bill() {
        assert_eq!(pause(1), Duration::from_secs(1));
        assert!((0..100).all(|attempts| pause(attempts) <= pause(attempts + 1)));
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
