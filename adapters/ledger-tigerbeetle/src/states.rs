//! The states of reservations. The cluster has no query for them, so it is asked to post them and to undo that.
//!
//! Each post is linked with a transfer that is certain to be refused: a reservation that could be posted answers
//! that the chain failed and stays as it was, any other answers why it cannot be posted. Thus the cluster's own law
//! and clock decide, and the cost does not grow with history.

use std::collections::HashMap;

use ledger::{CreateTransferResult, LedgerUnavailable, NewTransfer, Transfer, TransferId, TransferState};
use tigerbeetle as tb;

use crate::{TigerBeetleLedger, convert};

impl TigerBeetleLedger {
    /// Transfers with their states, in the same order.
    pub(crate) async fn with_states(&self, found: &[tb::Transfer]) -> Result<Vec<Transfer>, LedgerUnavailable> {
        let mut shown: Vec<Transfer> = found.iter().map(convert::transfer_found).collect();
        let reservations = shown.iter().filter(|transfer| transfer.created.flags.pending);
        let states = self.states(reservations.map(|transfer| transfer.created.id).collect()).await?;
        for transfer in &mut shown {
            if let Some(state) = states.get(&transfer.created.id) {
                transfer.state = *state;
            }
        }
        Ok(shown)
    }

    async fn states(&self, ids: Vec<TransferId>) -> Result<HashMap<TransferId, TransferState>, LedgerUnavailable> {
        let mut states = HashMap::with_capacity(ids.len());
        if ids.is_empty() {
            return Ok(states);
        }
        let half = (self.cluster.limit().await? / 2).max(1);
        for part in ids.chunks(half) {
            let events: Vec<_> =
                part.iter().flat_map(|id| attempt(*id)).map(|event| convert::transfer(&event)).collect();
            let results = self.cluster.ask(|client| client.create_transfers(&events)).await?;
            if results.len() != events.len() {
                return Err(LedgerUnavailable { reason: "results are missing".to_owned() });
            }
            for (id, result) in part.iter().zip(results.iter().step_by(2)) {
                states.insert(*id, state_told_by(convert::transfer_result(result.status)?)?);
            }
        }
        Ok(states)
    }
}

/// A post of the reservation, linked with a transfer of id 0.
fn attempt(reservation: TransferId) -> [NewTransfer; 2] {
    let nothing = TransferId::from_u128(0);
    let never_made = TransferId::derived_once(reservation.as_uuid(), "asked for its state");
    [NewTransfer::post(never_made, reservation).into_linked(), NewTransfer::post(nothing, nothing)]
}

fn state_told_by(result: CreateTransferResult) -> Result<TransferState, LedgerUnavailable> {
    use CreateTransferResult as R;
    match result {
        R::LinkedEventFailed => Ok(TransferState::Pending),
        R::PendingTransferAlreadyPosted => Ok(TransferState::Posted),
        R::PendingTransferAlreadyVoided => Ok(TransferState::Voided),
        R::PendingTransferExpired => Ok(TransferState::Expired),
        other => Err(LedgerUnavailable {
            reason: format!("the cluster returned an unexpected state of a reservation: {other:?}"),
        }),
    }
}
