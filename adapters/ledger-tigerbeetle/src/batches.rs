//! Submissions merged into requests of the cluster, one request under way at a time.
//!
//! What arrives meanwhile shares the next request, so that the batch grows with the load.

use std::collections::VecDeque;
use std::sync::Arc;

use ledger::{CreateTransferResult, LedgerUnavailable, NewTransfer};
use tokio::sync::{mpsc, oneshot};

use crate::{BATCH_MAX, Cluster, convert};

/// One caller's transfers.
pub(crate) struct Submission {
    pub(crate) transfers: Vec<NewTransfer>,
    pub(crate) reply: oneshot::Sender<Result<Vec<CreateTransferResult>, LedgerUnavailable>>,
}

/// Serves until every sender is gone.
pub(crate) async fn merge(cluster: Arc<Cluster>, mut queue: mpsc::Receiver<Submission>) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            match queue.recv().await {
                Some(submission) => waiting.push_back(submission),
                None => return,
            }
        }
        while let Ok(submission) = queue.try_recv() {
            waiting.push_back(submission);
        }
        let request = next_request(&mut waiting);
        let events: Vec<_> =
            request.iter().flat_map(|submission| &submission.transfers).map(convert::transfer).collect();
        let results = cluster.ask(|client| client.create_transfers(&events)).await;
        answer(
            request,
            results.and_then(|results| results.into_iter().map(|r| convert::transfer_result(r.status)).collect()),
        );
    }
}

/// The submissions that go into the next request: in order, as many as fit. A chain left open would go on into the
/// next caller's transfers, so such a submission is the last of its request.
fn next_request(waiting: &mut VecDeque<Submission>) -> Vec<Submission> {
    let mut request: Vec<Submission> = Vec::new();
    let mut events = 0;
    while let Some(next) = waiting.front() {
        if !request.is_empty() && events + next.transfers.len() > BATCH_MAX {
            break;
        }
        events += next.transfers.len();
        let open = next.transfers.last().is_some_and(|transfer| transfer.flags.linked);
        request.extend(waiting.pop_front());
        if open {
            break;
        }
    }
    request
}

fn answer(request: Vec<Submission>, results: Result<Vec<CreateTransferResult>, LedgerUnavailable>) {
    let expected: usize = request.iter().map(|submission| submission.transfers.len()).sum();
    let results = results.and_then(|results| {
        let complete = results.len() == expected;
        if complete { Ok(results) } else { Err(LedgerUnavailable { reason: "results are missing".to_owned() }) }
    });
    let mut rest = results.as_deref().unwrap_or_default();
    for submission in request {
        let own = match &results {
            Ok(_) => {
                let (own, after) = rest.split_at(submission.transfers.len());
                rest = after;
                Ok(own.to_vec())
            }
            Err(error) => Err(LedgerUnavailable { reason: error.reason.clone() }),
        };
        // A caller that no longer waits is no fault.
        drop(submission.reply.send(own));
    }
}

#[cfg(test)]
mod tests {
    use ledger::{AccountId, TransferId};

    use super::*;

    fn submission(count: u128, open: bool) -> Submission {
        let [debit, credit] = [1, 2].map(AccountId::from_u128);
        let mut transfers: Vec<_> =
            (1..=count).map(|id| NewTransfer::single(TransferId::from_u128(id), debit, credit, 1, 1, 1)).collect();
        if let Some(last) = transfers.last_mut() {
            last.flags.linked = open;
        }
        Submission { transfers, reply: oneshot::channel().0 }
    }

    fn sizes(waiting: &mut VecDeque<Submission>) -> Vec<usize> {
        next_request(waiting).iter().map(|submission| submission.transfers.len()).collect()
    }

    #[test]
    fn a_request_holds_what_fits_and_ends_with_an_open_chain() {
        let mut waiting: VecDeque<_> = [
            submission(8000, false),
            submission(189, false),
            submission(1, false),
            submission(2, true),
            submission(3, false),
        ]
        .into();
        assert_eq!(sizes(&mut waiting), [8000, 189]);
        assert_eq!(sizes(&mut waiting), [1, 2]);
        assert_eq!(sizes(&mut waiting), [3]);
    }

    #[test]
    fn each_caller_gets_its_own_results() {
        use CreateTransferResult as R;
        let (first, mut first_answer) = oneshot::channel();
        let (second, mut second_answer) = oneshot::channel();
        let request = vec![
            Submission { reply: first, ..submission(2, false) },
            Submission { reply: second, ..submission(1, false) },
        ];
        answer(request, Ok(vec![R::Created, R::Exists, R::ExceedsCredits]));
        assert_eq!(first_answer.try_recv().expect("an answer").expect("results"), [R::Created, R::Exists]);
        assert_eq!(second_answer.try_recv().expect("an answer").expect("results"), [R::ExceedsCredits]);
    }
}
