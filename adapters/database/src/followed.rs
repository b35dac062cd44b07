//! Topics that change with every payment, for those who follow them: open pages.
//!
//! Other processes are told only while one of them follows, and a few times a second at most. So changes that nobody looks
//! at cost no statement. Topics that make work are in `wake`.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// A notification that begins its topic with this says that its sender follows the topic.
const FOLLOWS: char = '?';
/// How often a process says that it follows.
const SAY_AGAIN: Duration = Duration::from_secs(15);
/// Who has not said again for so long follows no more. It is more than [`SAY_AGAIN`] and a wait for a change together.
const FOLLOWS_FOR: Duration = Duration::from_mins(1);
/// The pause between two notifications of a topic.
const CALM: Duration = Duration::from_millis(250);

/// What this process and others follow.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// The topics that others follow, and until when.
    elsewhere: Mutex<HashMap<String, Instant>>,
    /// The topics that this process follows, and when it last said so.
    here: Mutex<HashMap<String, Instant>>,
    /// The changed topics that others are not told of yet.
    changed: Mutex<BTreeSet<String>>,
    ring: Notify,
}

/// What a notification of another process means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'n> {
    /// The topic has changed.
    Change(&'n str),
    /// Others follow the topic since now. They have not been told of a change that was made just before.
    FollowsNow(&'n str),
    /// Others follow a topic, as they did before.
    FollowsStill,
}

impl Followed {
    /// Notes that this process follows `topic`. The notification for others, if it is time to say it.
    pub(crate) fn here(&self, topic: &str) -> Option<String> {
        let (mut here, now) = (lock(&self.here), Instant::now());
        if here.get(topic).is_some_and(|said| now < *said + SAY_AGAIN) {
            return None;
        }
        here.insert(topic.to_owned(), now);
        Some(format!("{FOLLOWS}{topic}"))
    }

    /// Notes that others follow a topic, if `notification` says so.
    pub(crate) fn heard<'n>(&self, notification: &'n str) -> Heard<'n> {
        let Some(topic) = notification.strip_prefix(FOLLOWS) else { return Heard::Change(notification) };
        let now = Instant::now();
        match lock(&self.elsewhere).insert(topic.to_owned(), now + FOLLOWS_FOR) {
            Some(until) if now < until => Heard::FollowsStill,
            _ => Heard::FollowsNow(topic),
        }
    }

    /// Notes a change of `topic` for others. `false` if none of them follows it.
    pub(crate) fn change(&self, topic: &str) -> bool {
        let is_followed = lock(&self.elsewhere).get(topic).is_some_and(|until| Instant::now() < *until);
        if is_followed && lock(&self.changed).insert(topic.to_owned()) {
            self.ring.notify_one();
        }
        is_followed
    }

    /// Calls `tell` with changed topics, again and again. The first change after a pause is told at once.
    pub(crate) async fn tell<F: Future<Output = ()> + Send>(
        self: Arc<Self>,
        tell: impl Fn(BTreeSet<String>) -> F + Send,
    ) {
        loop {
            self.ring.notified().await;
            let topics = mem::take(&mut *lock(&self.changed));
            tell(topics).await;
            sleep(CALM).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_while_another_process_follows_and_no_longer() {
        let (near, far) = (Followed::default(), Followed::default());
        assert!(!near.change("payments"), "nobody follows");
        let said = far.here("payments").unwrap();
        assert_eq!(near.heard(&said), Heard::FollowsNow("payments"));
        assert_eq!((near.heard(&said), near.heard("payments")), (Heard::FollowsStill, Heard::Change("payments")));
        assert_eq!(far.here("payments"), None, "it was just said");
        assert!(near.change("payments") && !near.change("peers"));
        advance(FOLLOWS_FOR).await;
        assert!(!near.change("payments"), "nobody follows any more");
        assert_eq!(far.here("payments"), Some(said.clone()));
        assert_eq!(near.heard(&said), Heard::FollowsNow("payments"), "it follows anew");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_change_is_told_at_once_and_many_are_told_together() {
        let followed = Arc::new(Followed::default());
        followed.heard("?payments");
        let (sender, mut told) = mpsc::unbounded_channel();
        let tell = move |topics| {
            sender.send(topics).unwrap();
            std::future::ready(())
        };
        let telling = tokio::spawn(Arc::clone(&followed).tell(tell));
        let begun = Instant::now();
        followed.change("payments");
        assert_eq!(told.recv().await.unwrap(), BTreeSet::from(["payments".to_owned()]));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..1000 {
            followed.change("payments");
        }
        told.recv().await.unwrap();
        assert_eq!(begun.elapsed(), CALM);
        advance(CALM * 4).await;
        assert!(told.try_recv().is_err(), "a thousand changes were told once");
        telling.abort();
    }
}
