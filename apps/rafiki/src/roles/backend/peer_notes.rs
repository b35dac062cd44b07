//! Notes in the database how the exchanges with peers went, for display.
//!
//! Packets cause no writes: failures, and the times when packets to a peer are stopped, are noted at most every ten
//! seconds, and answers once a minute. Nothing here decides about packets.

use std::collections::HashMap;
use std::time::Duration;

use clock::Timestamp;
use connector::{Connector, PeerLine, PeerReport};
use payments_model::PeerId;
use payments_model::peer_health::{PeerError, PeerHealth, PeerState, REASON_MAX};
use payments_store::Store;

use crate::roles::running::Stop;

/// The shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(10);

/// How often the time of the last answer is noted.
const ANSWERS_EVERY: Duration = Duration::from_mins(1);

pub(crate) struct PeerNotes {
    store: Store,
    connector: Connector,
    noted: HashMap<PeerId, Noted>,
}

/// What was noted last of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Noted {
    since: Option<Timestamp>,
    answer: Option<Timestamp>,
    failure: Option<Timestamp>,
    stopped: u64,
}

impl PeerNotes {
    pub(crate) fn new(store: Store, connector: Connector) -> Self {
        Self { store, connector, noted: HashMap::new() }
    }

    /// Notes changes until `stop` resolves, and then the last ones.
    pub(crate) async fn follow(mut self, mut stop: Stop) {
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = self.connector.peers_changed() => {}
                () = tokio::time::sleep(ANSWERS_EVERY) => {}
            }
            self.note().await;
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        self.note().await;
    }

    async fn note(&mut self) {
        let reports = self.connector.peer_reports();
        self.noted.retain(|id, _| reports.iter().any(|(peer, _)| peer == id));
        let due = due(&self.noted, &reports);
        if due.is_empty() {
            return;
        }
        match self.write(&due).await {
            Ok(()) => self.noted.extend(due.into_iter().map(|(id, _, noted)| (id, noted))),
            Err(error) => tracing::warn!(%error, "what peers do is noted later"),
        }
    }

    async fn write(&self, due: &[(PeerId, PeerHealth, Noted)]) -> Result<(), database::Error> {
        let unit = self.store.begin().await?;
        for (id, health, _) in due {
            unit.every_tenant().note_peer_health(*id, health).await?;
        }
        unit.commit().await
    }
}

/// What is to be noted of all peers, in the order of their ids. Each row is locked until the commit, so two processes
/// that wrote the same rows in different orders would wait for each other.
fn due(noted: &HashMap<PeerId, Noted>, reports: &[(PeerId, PeerReport)]) -> Vec<(PeerId, PeerHealth, Noted)> {
    let due = reports.iter().filter_map(|(id, report)| {
        let (health, noted) = news(noted.get(id).copied().unwrap_or_default(), report)?;
        Some((*id, health, noted))
    });
    let mut due: Vec<_> = due.collect();
    due.sort_unstable_by_key(|(id, ..)| *id);
    due
}

/// What is to be noted of a peer after `noted`; `None` if nothing is new enough.
fn news(noted: Noted, report: &PeerReport) -> Option<(PeerHealth, Noted)> {
    let failure = report.last_failure.as_ref();
    let first = report.last_answer.into_iter().chain(failure.map(|failure| failure.at)).min();
    let since = report.breaker.since.or(noted.since).or(first)?;
    let next = Noted {
        since: Some(since),
        answer: report.last_answer,
        failure: failure.map(|failure| failure.at),
        stopped: report.breaker.stopped,
    };

    let answered_later = match (noted.answer, next.answer) {
        (Some(before), Some(answer)) => answer.saturating_since(before) >= ANSWERS_EVERY,
        (None, answer) => answer.is_some(),
        (Some(_), None) => false,
    };
    if !answered_later && (Noted { answer: noted.answer, ..next }) == noted {
        return None;
    }

    let health = PeerHealth {
        state: match report.breaker.line {
            PeerLine::Up => PeerState::Up,
            PeerLine::Down => PeerState::Down,
        },
        since,
        last_success: next.answer,
        last_error: failure
            .map(|failure| PeerError { at: failure.at, reason: failure.reason.chars().take(REASON_MAX).collect() }),
        interruptions: next.stopped.saturating_sub(noted.stopped),
    };
    Some((health, next))
}

#[cfg(test)]
mod tests {
    use connector::{BreakerState, PeerFailure, Repeats};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }

    fn report(answer: Option<i64>, failure: Option<i64>) -> PeerReport {
        let failed = |seconds| PeerFailure { at: at(seconds), reason: "no".to_owned(), answered_since: false };
        PeerReport {
            repeats: Repeats::Unknown,
            last_failure: failure.map(failed),
            last_answer: answer.map(at),
            breaker: BreakerState { line: PeerLine::Up, since: None, stopped: 0 },
        }
    }

    #[test]
    fn answers_are_noted_at_first_and_then_once_a_minute() {
        assert!(news(Noted::default(), &report(None, None)).is_none());
        let (first, noted) = news(Noted::default(), &report(Some(5), None)).unwrap();
        assert_eq!((first.state, first.since, first.last_success), (PeerState::Up, at(5), Some(at(5))));
        assert!(news(noted, &report(Some(64), None)).is_none());
        let (later, _) = news(noted, &report(Some(65), None)).unwrap();
        assert_eq!((later.since, later.last_success), (at(5), Some(at(65))));
    }

    #[test]
    fn all_processes_note_peers_in_the_same_order() {
        let peer = |number| PeerId::from_uuid(uuid::Uuid::from_u128(number));
        let reports = [3, 1, 4, 2].map(|number| (peer(number), report(Some(5), None)));
        let (_, known) = news(Noted::default(), &report(Some(5), None)).unwrap();
        let order = due(&HashMap::from([(peer(4), known)]), &reports).into_iter().map(|(id, ..)| id);
        assert_eq!(order.collect::<Vec<_>>(), [1, 2, 3].map(peer));
    }

    #[test]
    fn a_failure_and_an_interruption_are_noted_once_each() {
        let (_, noted) = news(Noted::default(), &report(Some(5), None)).unwrap();
        let failing = report(Some(6), Some(7));
        let (health, noted) = news(noted, &failing).unwrap();
        assert_eq!(health.last_error, Some(PeerError { at: at(7), reason: "no".to_owned() }));
        assert!(news(noted, &failing).is_none());

        let breaker = BreakerState { line: PeerLine::Down, since: Some(at(8)), stopped: 1 };
        let down = PeerReport { breaker, ..failing };
        let (health, noted) = news(noted, &down).unwrap();
        assert_eq!((health.state, health.since, health.interruptions), (PeerState::Down, at(8), 1));
        assert!(news(noted, &down).is_none());

        let breaker = BreakerState { line: PeerLine::Up, since: Some(at(9)), stopped: 1 };
        let (health, _) = news(noted, &PeerReport { breaker, ..down }).unwrap();
        assert_eq!((health.state, health.since, health.interruptions), (PeerState::Up, at(9), 0));
    }
}
