//! Batches and linked chains: each request gets one result, and a chain succeeds or fails as a whole.
//!
//! It is independent of accounts and transfers: a `Law` says what a single request does.

use clock::Timestamp;

use crate::WorkingSet;

/// The rules for one kind of request.
pub(crate) struct Law<E, R> {
    /// Whether a request is linked to the next one.
    pub(crate) linked: fn(&E) -> bool,
    /// Refuses the request, or writes it and returns `created`.
    pub(crate) create: fn(&mut WorkingSet, Timestamp, &E) -> R,
    /// The effect of a refusal. It is not undone with the chain.
    pub(crate) refused: fn(&mut WorkingSet, Timestamp, &E, R),
    pub(crate) created: R,
    pub(crate) linked_failed: R,
    pub(crate) chain_open: R,
}

/// The state of the chain between requests.
#[derive(Clone, Copy)]
enum Chain {
    None,
    Open { start: usize },
    Broken,
}

/// Runs a batch. Every result except `created` breaks a chain, also the result of a repetition.
pub(crate) fn execute<E, R: Copy + PartialEq>(
    set: &mut WorkingSet,
    now: Timestamp,
    events: &[E],
    law: &Law<E, R>,
) -> Vec<R> {
    let mut results = Vec::with_capacity(events.len());
    let mut chain = Chain::None;

    for (index, event) in events.iter().enumerate() {
        let linked = (law.linked)(event);
        if linked && matches!(chain, Chain::None) {
            chain = Chain::Open { start: index };
            set.open_scope();
        }

        let result = if linked && index + 1 == events.len() {
            law.chain_open
        } else if matches!(chain, Chain::Broken) {
            law.linked_failed
        } else {
            (law.create)(set, now, event)
        };

        if result != law.created {
            if let Chain::Open { start } = chain {
                set.discard_scope();
                results[start..].fill(law.linked_failed);
                chain = Chain::Broken;
            }
            (law.refused)(set, now, event, result);
        }

        results.push(result);
        if !linked {
            set.keep_scope();
            chain = Chain::None;
        }
    }

    results
}
