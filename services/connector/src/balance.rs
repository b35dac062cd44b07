//! The packet's money: held before it is forwarded, then posted or voided; or credited at once if the packet ends here.
//!
//! The id of every transfer is derived from the packet. So nothing moves twice when a request to the ledger is repeated
//! or a packet is sent again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use ilp_packet::ErrorCode;
use ledger::{AccountId, CreateTransferResult, Ledger, LedgerUnavailable, NewTransfer, TransferId};
use payments_model::Expectation;
use payments_model::accounting::{Movement, Settling, Side, TransferError};

use crate::accounts::AccountAsset;
use crate::arrived::Arrived;
use crate::outcome::Stop;
use crate::recorded::{Recorded, Standing};
use crate::refusal::Refusal;

/// The pause before a request with unknown result is sent to the ledger again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// One side of a packet's transfer: an account, and its amount in its own asset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransferSide<'a> {
    pub(crate) account: AccountId,
    pub(crate) asset: &'a AccountAsset,
    pub(crate) amount: u64,
}

/// What a credit takes out of the account's expectation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taking {
    pub(crate) expectation: Expectation,
    pub(crate) amount: u64,
    /// How many attempts were refused before because the expectation held less.
    pub(crate) attempt: u64,
}

/// When the ledger releases a hold that was not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldTimeout {
    /// Never: an own payment settles it when it is resumed.
    Never,
    /// After this time, because after a crash no row refers to a peer's packet.
    After(Duration),
}

/// Money reserved for a packet under way.
#[derive(Debug)]
#[must_use = "every hold is posted, voided or left to be resolved"]
pub(crate) struct Hold(Movement);

/// The ledger operations of packets.
pub(crate) struct Balance {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Why a transfer was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BalanceError {
    /// The ledger refused.
    #[error(transparent)]
    Refused(TransferError),
    /// The account's expectation holds less than the amount.
    #[error("the account accepts less than this amount")]
    NotExpected,
    /// A transfer with the packet's id exists.
    #[error("a transfer with the packet's id exists")]
    Repeated,
    /// The packet was refused before for lack of money.
    #[error("the packet was refused before")]
    RefusedBefore,
    /// The ledger did not answer in time. The transfer may have been made.
    #[error("the ledger did not answer in time")]
    Unknown,
}

impl Hold {
    /// The hold of a packet that was seen before.
    pub(crate) fn recorded(recorded: Recorded) -> Self {
        Self(recorded.into_movement())
    }
}

impl Balance {
    /// Holds a packet's money until it is posted or voided, or times out.
    pub(crate) async fn hold(
        &self,
        id: TransferId,
        from: TransferSide<'_>,
        to: TransferSide<'_>,
        timeout: HoldTimeout,
    ) -> Result<Hold, BalanceError> {
        let timeout = match timeout {
            HoldTimeout::Never => None,
            HoldTimeout::After(time) => {
                let seconds = u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
                Some(NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN))
            }
        };
        let movement = Movement::between(id, side(from), side(to), Settling::Later { timeout })?;
        self.make(&movement, self.clock.now()).await?;
        Ok(Hold(movement))
    }

    /// Moves a packet's money at once, and takes the amount out of an expectation. Repeats a request with unknown
    /// result until `until`.
    pub(crate) async fn credit(
        &self,
        id: TransferId,
        from: TransferSide<'_>,
        to: TransferSide<'_>,
        taking: Option<Taking>,
        until: Timestamp,
    ) -> Result<(), BalanceError> {
        let mut movement = Movement::between(id, side(from), side(to), Settling::AtOnce)?;
        if let Some(Taking { expectation, amount, attempt }) = taking {
            movement = movement.with_expectation(expectation.take(id, attempt, amount));
        }
        self.make(&movement, until).await
    }

    /// What is left of an expectation.
    pub(crate) async fn left(&self, expectation: Expectation) -> Result<u64, LedgerUnavailable> {
        let account = self.ledger.accounts(vec![expectation.account()]).await?.pop().flatten();
        Ok(account.map_or(0, |account| u64::try_from(account.credit_balance()).unwrap_or(u64::MAX)))
    }

    /// Makes a hold final. Repeats a request with unknown result until `until`.
    pub(crate) async fn post(&self, hold: &Hold, until: Timestamp) -> Result<(), BalanceError> {
        let results = self.submit(hold.0.post(), until).await?;
        Ok(hold.0.outcome(&results)?)
    }

    /// Releases a hold.
    pub(crate) async fn void(&self, hold: &Hold) -> Result<(), BalanceError> {
        let results = self.submit(hold.0.void(), self.clock.now()).await?;
        Ok(hold.0.outcome(&results)?)
    }

    /// The last hold or the credit of a packet, from the ledger.
    pub(crate) async fn recorded(&self, packet: Arrived) -> Result<Option<Recorded>, Stop> {
        let Some(identity) = packet.identity else { return Ok(None) };
        let mut last = None;
        for generation in 0.. {
            let legs = self.ledger.transfers(Movement::leg_ids(identity.transfer_id(generation)).to_vec()).await;
            let legs = legs.map_err(|error| {
                tracing::warn!(%error, "a packet was not looked up in the ledger");
                Stop::Unresolved
            })?;
            let Some(found) = Recorded::of(generation, legs.into_iter().flatten().collect()) else { break };
            let lapsed = found.standing() == Standing::Lapsed;
            last = Some(found);
            if !lapsed {
                break;
            }
        }
        Ok(last)
    }

    async fn make(&self, movement: &Movement, until: Timestamp) -> Result<(), BalanceError> {
        let results = self.submit(movement.legs.clone(), until).await?;
        if results.iter().any(|result| result.is_id_taken()) {
            return Err(BalanceError::Repeated);
        }
        match movement.outcome(&results).map_err(BalanceError::from) {
            Err(BalanceError::Refused(_)) if results.contains(&CreateTransferResult::IdAlreadyFailed) => {
                Err(BalanceError::RefusedBefore)
            }
            outcome => outcome,
        }
    }

    async fn submit(
        &self,
        transfers: Vec<NewTransfer>,
        until: Timestamp,
    ) -> Result<Vec<CreateTransferResult>, BalanceError> {
        loop {
            match self.ledger.submit(transfers.clone()).await {
                Ok(results) => return Ok(results),
                Err(error) => tracing::warn!(%error, "the ledger did not answer"),
            }
            if self.clock.now() + ASK_AGAIN_AFTER >= until {
                return Err(BalanceError::Unknown);
            }
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
    }
}

fn side(side: TransferSide<'_>) -> Side {
    Side { account: side.account, asset: side.asset.ledger, amount: side.amount }
}

impl From<TransferError> for BalanceError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::NotExpected => Self::NotExpected,
            other => Self::Refused(other),
        }
    }
}

impl From<BalanceError> for Stop {
    fn from(error: BalanceError) -> Self {
        let short = |account| Self::Refused(Refusal::new(ErrorCode::T04InsufficientLiquidity, account));
        match error {
            BalanceError::Repeated => Self::Repeated,
            BalanceError::NotExpected => Self::Refused(Refusal::takes_no_money()),
            BalanceError::Unknown => Self::Unresolved,
            BalanceError::Refused(TransferError::InsufficientBalance) | BalanceError::RefusedBefore => {
                short("InsufficientBalance")
            }
            BalanceError::Refused(TransferError::InsufficientLiquidity) => short("InsufficientLiquidity"),
            BalanceError::Refused(other) => {
                tracing::error!(error = %other, "packet's transfer refused");
                Self::Refused(Refusal::internal())
            }
        }
    }
}
