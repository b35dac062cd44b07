//! The packet's money: held before it is forwarded, then posted or voided; or credited at once when it ends here.
//!
//! Every transfer has an id fixed before it is first submitted, so that asking an unsure ledger again is harmless.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use ilp_packet::ErrorCode;
use ledger::{AccountId, CreateTransferResult, Ledger, NewTransfer, TransferId};
use payments_model::accounting::{Movement, Side, TransferError};

use crate::accounts::{AccountAsset, PacketCause, Source};
use crate::refusal::Refusal;

/// The pause before an unsure ledger is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// One end of a packet's transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End<'a> {
    pub(crate) account: AccountId,
    pub(crate) asset: &'a AccountAsset,
    pub(crate) amount: u64,
}

/// Money reserved for a packet under way.
#[derive(Debug)]
#[must_use = "a hold is posted or voided"]
pub(crate) struct Hold(Movement);

/// The ledger side of packets.
pub(crate) struct Balance {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// Why a transfer did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BalanceError {
    /// The ledger refused.
    #[error(transparent)]
    Refused(#[from] TransferError),
    /// This very packet was already sent once; sending it again could pay twice under one hold.
    #[error("a transfer with the packet's id exists")]
    Repeated,
    /// The ledger gave no answer in time; the transfer may or may not have been made.
    #[error("the ledger did not answer in time")]
    Unknown,
}

impl PacketCause {
    /// The id all transfers of the packet are derived from.
    pub fn transfer_id(&self) -> TransferId {
        TransferId::derived(self.attempt, "packet", self.sequence)
    }
}

impl Balance {
    /// Holds a packet's money until it is posted or voided, at the latest for `life`.
    pub(crate) async fn hold(
        &self,
        source: &Source,
        from: End<'_>,
        to: End<'_>,
        life: Duration,
    ) -> Result<Hold, BalanceError> {
        let seconds = u32::try_from(life.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        let movement = Movement::between(self.id(source), side(from), side(to), seconds)?;
        let Ok(results) = self.ledger.submit(movement.legs.clone()).await else {
            // If it was made after all, this undoes it now rather than at its time-out.
            self.void(Hold(movement)).await;
            return Err(BalanceError::Unknown);
        };
        if results.contains(&CreateTransferResult::Exists) {
            return Err(BalanceError::Repeated);
        }
        movement.outcome(&results)?;
        Ok(Hold(movement))
    }

    /// Makes a hold final. Asks an unsure ledger again until the instant `until`.
    pub(crate) async fn post(&self, hold: &Hold, until: Timestamp) -> Result<(), BalanceError> {
        self.settle(&hold.0, hold.0.post(), until).await
    }

    /// Gives a hold back. When the ledger does not answer, the hold's own time-out does it.
    pub(crate) async fn void(&self, hold: Hold) {
        if let Err(error) = self.settle(&hold.0, hold.0.void(), self.clock.now()).await {
            tracing::warn!(%error, "hold not voided; it runs out by itself");
        }
    }

    /// Moves a packet's money at once. Asks an unsure ledger again until the instant `until`.
    pub(crate) async fn credit(
        &self,
        source: &Source,
        from: End<'_>,
        to: End<'_>,
        until: Timestamp,
    ) -> Result<(), BalanceError> {
        let movement = Movement::between(self.id(source), side(from), side(to), 0)?;
        self.settle(&movement, movement.legs.clone(), until).await
    }

    async fn settle(
        &self,
        movement: &Movement,
        transfers: Vec<NewTransfer>,
        until: Timestamp,
    ) -> Result<(), BalanceError> {
        loop {
            match self.ledger.submit(transfers.clone()).await {
                Ok(results) => return Ok(movement.outcome(&results)?),
                Err(error) => tracing::warn!(%error, "asking the ledger again"),
            }
            if self.clock.now() + ASK_AGAIN_AFTER >= until {
                return Err(BalanceError::Unknown);
            }
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
    }

    /// Own packets are named by their cause; a peer's packet is new by definition (connector-http section 2).
    fn id(&self, source: &Source) -> TransferId {
        match source {
            Source::Payment(payment) => payment.packet.transfer_id(),
            Source::Peer(_) | Source::Quote(_) => self.entropy.uuid().into(),
        }
    }
}

fn side(end: End<'_>) -> Side {
    Side { account: end.account, asset: end.asset.ledger, amount: end.amount }
}

impl From<BalanceError> for Refusal {
    fn from(error: BalanceError) -> Self {
        let short = |account| Self::new(ErrorCode::T04InsufficientLiquidity, account);
        match error {
            BalanceError::Refused(TransferError::InsufficientBalance) => short("InsufficientBalance"),
            BalanceError::Refused(TransferError::InsufficientLiquidity) => short("InsufficientLiquidity"),
            BalanceError::Refused(TransferError::InvalidDestinationAmount) => {
                Self::new(ErrorCode::R01InsufficientSourceAmount, "the amount is worth nothing at the next account.")
            }
            other => {
                tracing::error!(error = %other, "packet's transfer failed");
                Self::internal()
            }
        }
    }
}
