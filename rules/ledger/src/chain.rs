//! Batches and linked chains: how single requests become one answer each, and chains stand or fall together.
//!
//! Independent of accounts and transfers: its `Law` says what a single request does.

use clock::Timestamp;

use crate::WorkingSet;

/// What one kind of request does and answers.
pub(crate) struct Law<E, R> {
    /// Whether a request stands or falls with the next.
    pub(crate) linked: fn(&E) -> bool,
    /// Refuses, or writes and answers `created`.
    pub(crate) create: fn(&mut WorkingSet, Timestamp, &E) -> R,
    /// What a refusal leaves behind, outside any chain.
    pub(crate) refused: fn(&mut WorkingSet, Timestamp, &E, R),
    pub(crate) created: R,
    pub(crate) linked_failed: R,
    pub(crate) chain_open: R,
}

/// Where the batch stands between requests.
#[derive(Clone, Copy)]
enum Chain {
    None,
    Open { start: usize },
    Broken,
}

/// Runs a batch: anything but `created` breaks a chain, a repetition included.
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
