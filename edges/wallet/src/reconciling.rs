//! Looks at holds that are older than they should be, asks the instance what became of their payments, and does what the
//! event would have done that did not arrive.
//!
//! It decides nothing that an event could not decide. The event may still come, before, after, or at the same time, and
//! other processes may look as well: what is decided is in the accounts, and every movement has an id of its own.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{ErrorCode, OutgoingPayment, OutgoingPaymentState};
use async_trait::async_trait;
use clock::Entropy;
use database::Error;
use jobs::{Done, Failure, Handler, Job, Worker};

use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::event::{EventAmount, OutgoingPaymentData};
use crate::history::State;
use crate::holds::{HoldRow, HoldState};
use crate::round::Round;
use crate::sending;

const ROUND: Round = Round { queue: "wallet holds", key: "old holds" };
/// Old holds are looked for so often, and sooner if they are old sooner.
const EVERY: Duration = Duration::from_secs(30);
/// The holds that are taken at once.
const AT_ONCE: u32 = 20;

/// Looks at old holds. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Reconciling {
    effects: Effects,
    entropy: Arc<dyn Entropy>,
    /// A hold is old after this time, and again after this time.
    old: Duration,
}

impl Reconciling {
    pub(crate) fn new(effects: Effects, entropy: Arc<dyn Entropy>, old: Duration) -> Self {
        Self { effects, entropy, old }
    }

    /// Works until `shutdown` resolves.
    pub(crate) async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        ROUND.work(&self.effects, self.worker(), shutdown).await;
    }

    /// Makes sure that there is the job.
    pub(crate) async fn begin(&self) -> Result<(), Error> {
        ROUND.begin(&self.effects).await
    }

    pub(crate) fn worker(&self) -> Worker {
        ROUND.worker(&self.effects, &self.entropy, Arc::new(self.clone()))
    }

    fn pause(&self) -> Duration {
        EVERY.min(self.old)
    }

    /// Does what the instance says about the payment of a hold.
    async fn look(&self, hold: &HoldRow) -> Result<(), EffectError> {
        let payment = match self.effects.admin.outgoing_payment(hold.payment).await {
            Ok(payment) => payment,
            Err(error) if error.is(&ErrorCode::NotFound) => return self.not_there(hold).await,
            Err(error) => return Err(error.into()),
        };
        let data = told(&payment);
        let key = format!("{} was looked at", payment.id);
        match payment.state {
            OutgoingPaymentState::Sending => Ok(()),
            OutgoingPaymentState::Funding => self.effects.fund_or_give_up(&data, &key).await,
            OutgoingPaymentState::Cancelled => self.effects.give_back(&data).await,
            OutgoingPaymentState::Completed => self.effects.settle(&key, &data, State::Completed).await,
            OutgoingPaymentState::Failed => self.effects.settle(&key, &data, State::Failed).await,
        }
    }

    /// The instance has no such payment. If it makes it later after all, it gets no money: the hold is given up first.
    async fn not_there(&self, hold: &HoldRow) -> Result<(), EffectError> {
        let (database, modules) = (self.effects.store.database(), &self.effects.modules);
        if matches!(hold.state, HoldState::Funding | HoldState::Settling) {
            tracing::error!(payment.id = %hold.payment, "ALERT: the instance does not know a payment that it told of; its hold stays until a person has looked into it");
            return Ok(());
        }
        if !sending::was_given_up(database, hold.payment, self.effects.clock.now()).await? {
            return Ok(());
        }
        if modules.accounts.give_up(hold.payment).await? {
            modules.agreements.was_not_made(hold.payment).await?;
            modules.accounts.never_made(hold.payment).await?;
        }
        Ok(())
    }
}

/// What the event would say.
fn told(payment: &OutgoingPayment) -> OutgoingPaymentData {
    let amount = |amount: &admin_client::Amount| EventAmount {
        value: amount.value,
        asset_code: amount.asset_code.clone(),
        asset_scale: amount.asset_scale,
    };
    OutgoingPaymentData {
        id: payment.id,
        wallet_address_id: payment.wallet_address_id,
        debit_amount: amount(&payment.debit_amount),
        receive_amount: amount(&payment.receive_amount),
        sent_amount: amount(&payment.sent_amount),
        // If the instance does not say it, there may be something. A withdrawal of nothing is refused.
        balance: payment.liquidity.unwrap_or(u64::MAX),
        card_details: None,
        receiver: payment.receiver.clone(),
        metadata: payment.metadata.clone(),
        grant_id: payment.grant_id.clone(),
        created_at: payment.created_at,
    }
}

#[async_trait]
impl Handler for Reconciling {
    #[tracing::instrument(name = "wallet.holds.look", skip_all)]
    async fn run(&self, _: &Job) -> Result<Done, Failure> {
        let Effects { modules, clock, .. } = &self.effects;
        let began = clock.now();
        loop {
            let before = began.saturating_sub(self.old);
            let old = modules.accounts.take_old(before, began, AT_ONCE).await?;
            if old.is_empty() {
                return Ok(Done::RunAgain(clock.now() + self.pause()));
            }
            for hold in old {
                if let Err(error) = self.look(&hold).await {
                    tracing::warn!(payment.id = %hold.payment, %error, "an old hold could not be settled; it is looked at again");
                }
            }
        }
    }
}
