//! Submissions merged into requests of the cluster, one request under way at a time.
//!
//! What arrives meanwhile shares the next request, so that the batch grows with the load. A session has no more than
//! one request under way in any case.

use std::collections::VecDeque;
use std::sync::Arc;

use ledger::{CreateTransferResult, LedgerUnavailable, NewTransfer};
use tokio::sync::{mpsc, oneshot};

use crate::cluster::Cluster;
use crate::convert;

/// One caller's transfers, no more than fit one request.
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
        // Submissions were cut to the limit, so it is known.
        let limit = cluster.limit().await.unwrap_or(1);
        let request = next_request(&mut waiting, limit);
        let events: Vec<_> =
            request.iter().flat_map(|submission| &submission.transfers).map(convert::transfer).collect();
        let results = cluster.ask(|client| client.create_transfers(&events)).await;
        answer(
            request,
            results.and_then(|results| results.into_iter().map(|r| convert::transfer_result(r.status)).collect()),
        );
    }
}

/// Cuts `events` into parts of at most `limit`, between linked chains only.
pub(crate) fn parts<E: Clone>(
    events: &[E],
    limit: usize,
    linked: impl Fn(&E) -> bool,
) -> Result<Vec<Vec<E>>, LedgerUnavailable> {
    let mut parts = Vec::new();
    let mut rest = events;
    while rest.len() > limit {
        let Some(last) = rest[..limit].iter().rposition(|event| !linked(event)) else {
            let reason = format!("a linked chain is longer than the {limit} events that fit one request");
            return Err(LedgerUnavailable { reason });
        };
        let (part, after) = rest.split_at(last + 1);
        parts.push(part.to_vec());
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(rest.to_vec());
    }
    Ok(parts)
}

/// The submissions that go into the next request: in order, as many as fit. A chain left open would go on into the
/// next caller's transfers, so such a submission is the last of its request.
fn next_request(waiting: &mut VecDeque<Submission>, limit: usize) -> Vec<Submission> {
    let mut request: Vec<Submission> = Vec::new();
    let mut events = 0;
    while let Some(next) = waiting.front() {
        if !request.is_empty() && events + next.transfers.len() > limit {
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
        next_request(waiting, 8189).iter().map(|submission| submission.transfers.len()).collect()
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
    fn a_long_submission_is_cut_between_chains_only() {
        let linked = |number: &u32| ![3, 4, 9, 10].contains(number);
        let cut = |limit| parts(&(1..=10).collect::<Vec<u32>>(), limit, linked);
        assert_eq!(cut(10).unwrap(), [(1..=10).collect::<Vec<_>>()]);
        assert_eq!(cut(9).unwrap(), [(1..=9).collect::<Vec<_>>(), vec![10]]);
        assert_eq!(cut(5).unwrap(), [vec![1, 2, 3, 4], vec![5, 6, 7, 8, 9], vec![10]]);
        assert!(cut(4).is_err(), "5 to 9 are one chain");
        assert!(parts(&Vec::<u32>::new(), 5, linked).unwrap().is_empty());
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
