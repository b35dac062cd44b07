//! Several sessions side by side, because a session has one request under way at a time and mostly waits.
//!
//! Requests of one session take effect in the order in which they were made, those of two in any. So what has an order
//! keeps to one session: a reservation and its post or void, and a transfer that is sent again. Whoever reads waits for
//! all that was submitted before, so that nobody is told "not there" of a transfer that is still under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::{CreateTransferResult, LedgerUnavailable, NewTransfer, TransferId};
use tokio::sync::{RwLock, mpsc, oneshot, watch};

use crate::JoinError;
use crate::batches::{Submission, merge};
use crate::cluster::Cluster;

/// Sessions for transfers; the first is also the one for everything else. A cluster takes 64 sessions of all its clients,
/// and one that was started for development takes eight, which two processes and the watch over the ledger share.
const LANES: usize = 3;
/// How many submissions of a lane may wait before callers are held back.
const QUEUE: usize = 1024;

/// All lanes of a ledger.
pub(crate) struct Lanes {
    cluster: Arc<Cluster>,
    lanes: Vec<Lane>,
    /// Held for writing by who needs every lane to stand still.
    order: RwLock<()>,
}

struct Lane {
    submissions: mpsc::Sender<Submission>,
    sent: AtomicU64,
    answered: watch::Receiver<u64>,
}

/// Where a submission belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the lane of this id.
    Of(TransferId),
    /// Several reservations, each with an order of its own: alone, in any lane.
    Alone,
}

impl Lanes {
    /// Lanes over the session of `cluster` and others beside it. Must be called within a tokio runtime.
    pub(crate) fn begin(cluster: &Arc<Cluster>) -> Result<Arc<Self>, JoinError> {
        let others = (1..LANES).map(|_| Ok(Arc::new(cluster.another_session()?)));
        let sessions = std::iter::once(Ok(Arc::clone(cluster))).chain(others);
        let lanes = sessions.map(|session| session.map(Lane::begin)).collect::<Result<_, JoinError>>()?;
        Ok(Arc::new(Self { cluster: Arc::clone(cluster), lanes, order: RwLock::default() }))
    }

    /// Makes transfers, no more than fit one request.
    pub(crate) async fn submit(
        self: &Arc<Self>,
        transfers: Vec<NewTransfer>,
    ) -> Result<Vec<CreateTransferResult>, LedgerUnavailable> {
        match place(&transfers) {
            Place::Of(id) => {
                let answer = {
                    let _going_on = self.order.read().await;
                    self.lanes[lane_of(id)].send(transfers).await?
                };
                answer.await.map_err(|_| stopped())?
            }
            Place::Alone => {
                // To its end also when its caller has gone: until then nothing may overtake it.
                let lanes = Arc::clone(self);
                let alone = async move {
                    let _standing_still = lanes.order.write().await;
                    lanes.settled().await?;
                    let answer = lanes.lanes[0].send(transfers).await?;
                    answer.await.map_err(|_| stopped())?
                };
                tokio::spawn(alone).await.map_err(|_| stopped())?
            }
        }
    }

    /// Returns when all that was submitted before has taken effect, or certainly never will.
    pub(crate) async fn settled(&self) -> Result<(), LedgerUnavailable> {
        let sent: Vec<u64> = self.lanes.iter().map(|lane| lane.sent.load(Ordering::SeqCst)).collect();
        for (lane, sent) in self.lanes.iter().zip(sent) {
            let mut answered = lane.answered.clone();
            answered.wait_for(|answered| *answered >= sent).await.map_err(|_| stopped())?;
        }
        // One that was answered with "unknown" may still be on its way.
        self.cluster.none_late().await
    }
}

impl Lane {
    fn begin(cluster: Arc<Cluster>) -> Self {
        let (submissions, queue) = mpsc::channel(QUEUE);
        let (count, answered) = watch::channel(0);
        tokio::spawn(merge(cluster, queue, count));
        Self { submissions, sent: AtomicU64::new(0), answered }
    }

    async fn send(
        &self,
        transfers: Vec<NewTransfer>,
    ) -> Result<oneshot::Receiver<Result<Vec<CreateTransferResult>, LedgerUnavailable>>, LedgerUnavailable> {
        let (reply, answer) = oneshot::channel();
        // Counted when there is a place for it and not before: whoever gives up waiting for one has sent nothing.
        let place = self.submissions.reserve().await.map_err(|_| stopped())?;
        self.sent.fetch_add(1, Ordering::SeqCst);
        place.send(Submission { transfers, reply });
        Ok(answer)
    }
}

/// By the first of the linked chain that reserves or ends a reservation, or else by the first transfer: a chain that is
/// sent again begins with the same, and a reservation is posted in the order in which it was made.
fn place(transfers: &[NewTransfer]) -> Place {
    let mut found = None;
    let mut chain = None;
    for transfer in transfers {
        let flags = transfer.flags;
        let settles = flags.post_pending_transfer || flags.void_pending_transfer;
        let id = if settles { transfer.pending_id } else { transfer.id };
        let head = *chain.get_or_insert(id);
        if settles || flags.pending {
            match found {
                Some(before) if before != head => return Place::Alone,
                _ => found = Some(head),
            }
        }
        if !flags.linked {
            chain = None;
        }
    }
    Place::Of(found.or(transfers.first().map(|first| first.id)).unwrap_or(TransferId::from_u128(0)))
}

fn lane_of(id: TransferId) -> usize {
    let id = id.as_u128();
    // Ids are random or hashes, but for those that tests and operators number.
    let mixed = ((id >> 64) as u64 ^ id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % LANES
}

fn stopped() -> LedgerUnavailable {
    LedgerUnavailable { reason: "the ledger has stopped".to_owned() }
}

#[cfg(test)]
mod tests {
    use ledger::AccountId;
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> TransferId {
        TransferId::from_u128(number)
    }

    fn movement(number: u128) -> NewTransfer {
        NewTransfer::single(id(number), AccountId::from_u128(1), AccountId::from_u128(2), 1, 1, 1)
    }

    fn hold(number: u128) -> NewTransfer {
        movement(number).into_pending(60)
    }

    #[test]
    fn a_reservation_and_its_end_keep_to_one_lane_however_many_legs_they_have() {
        let made = [hold(1).into_linked(), hold(2)];
        let posted = [NewTransfer::post(id(11), id(1)).into_linked(), NewTransfer::post(id(12), id(2))];
        let voided = [NewTransfer::void(id(21), id(1)).into_linked(), NewTransfer::void(id(22), id(2))];
        for transfers in [made, posted, voided] {
            assert_eq!(place(&transfers), Place::Of(id(1)));
        }
    }

    #[test]
    fn a_reservation_made_and_ended_at_once_has_one_lane_and_two_of_them_go_alone() {
        assert_eq!(place(&[hold(1), NewTransfer::post(id(11), id(1))]), Place::Of(id(1)));
        assert_eq!(place(&[movement(5), hold(1)]), Place::Of(id(1)), "later it is ended under its own id");
        assert_eq!(place(&[hold(1), hold(2)]), Place::Alone);
        assert_eq!(place(&[hold(1), NewTransfer::void(id(12), id(2))]), Place::Alone);
    }

    #[test]
    fn what_reserves_nothing_goes_by_its_first_transfer() {
        assert_eq!(place(&[movement(5), movement(6).into_linked(), movement(7)]), Place::Of(id(5)));
    }

    #[test]
    fn every_lane_has_its_share() {
        let mut shares = [0usize; LANES];
        for number in 0..8000 {
            shares[lane_of(TransferId::derived(Uuid::from_u128(number), "packet", 0))] += 1;
        }
        assert!(shares.iter().all(|share| share.abs_diff(8000 / LANES) < 400), "{shares:?}");
    }
}
