//! What open pages follow: one poll of the instance for each subject and caller, however many pages are open.
//!
//! A mark changes when the content of its pages changes. An instance of ours answers a poll when the mark has changed, so it
//! is asked a few times a minute. Another one answers at once, and is asked about once a second. A poll ends when no page
//! follows it any more.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How often the instance is asked at most. With the time of its answer, a change is told within a second.
const EVERY: Duration = Duration::from_millis(900);

/// Another text for another content of a page.
pub(crate) type Mark = Arc<str>;
type Polls<K> = Arc<Mutex<HashMap<K, Arc<watch::Sender<Option<Mark>>>>>>;

/// The polls of this process, by caller and subject.
pub(crate) struct Following<K>(Polls<K>);

impl<K> Default for Following<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> Following<K> {
    /// Follows `key`. If no page does yet, `ask` is called from now on with the mark that is known, again and again. Where it
    /// has no answer, the mark stays.
    pub(crate) fn join<F, A>(&self, key: K, ask: A) -> watch::Receiver<Option<Mark>>
    where
        A: Fn(Option<Mark>) -> F + Send + 'static,
        F: Future<Output = Option<Mark>> + Send,
    {
        let mut polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(poll) = polls.get(&key) {
            return poll.subscribe();
        }
        let (sender, receiver) = watch::channel(None);
        let sender = Arc::new(sender);
        polls.insert(key.clone(), Arc::clone(&sender));
        drop(polls);

        let polls = Arc::clone(&self.0);
        tokio::spawn(async move {
            while !ended(&polls, &key, &sender) {
                let next = Instant::now() + EVERY;
                let known = sender.borrow().clone();
                let answer = tokio::select! {
                    answer = ask(known) => answer,
                    // The question is given up, so that the instance does not wait for it.
                    () = sender.closed() => continue,
                };
                if let Some(mark) = answer {
                    sender.send_if_modified(|known| known.replace(Arc::clone(&mark)) != Some(mark));
                }
                sleep_until(next).await;
            }
        });
        receiver
    }
}

/// Whether no page follows any more; then the poll is taken away. New followers come under the same lock.
fn ended<K: Eq + Hash>(polls: &Polls<K>, key: &K, sender: &watch::Sender<Option<Mark>>) -> bool {
    let mut polls = polls.lock().unwrap_or_else(PoisonError::into_inner);
    if sender.receiver_count() > 0 {
        return false;
    }
    polls.remove(key);
    true
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn mark(text: &str) -> Mark {
        text.into()
    }

    #[tokio::test(start_paused = true)]
    async fn many_pages_make_one_poll_and_it_ends_with_the_last_page() {
        let following = Following::default();
        let asked = Arc::new(AtomicU64::new(0));
        let ask = || {
            let asked = Arc::clone(&asked);
            move |_| {
                let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
                // The content changes once, at the fifth question.
                std::future::ready(Some(mark(if number >= 5 { "after" } else { "before" })))
            }
        };
        let mut pages: Vec<_> = (0..20).map(|_| following.join("payments", ask())).collect();
        let other = following.join("events", ask());
        drop(other);
        pages[0].changed().await.unwrap();
        assert_eq!(*pages[0].borrow_and_update(), Some(mark("before")));
        pages[0].changed().await.unwrap();
        assert_eq!(*pages[0].borrow_and_update(), Some(mark("after")));
        let seconds = asked.load(Ordering::Relaxed);
        assert!(seconds <= 7, "{seconds} questions of twenty pages in five seconds");

        drop(pages);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let ended = asked.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(asked.load(Ordering::Relaxed), ended);
        assert!(following.0.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_waits_is_asked_three_times_a_minute_and_given_up_with_the_last_page() {
        let following = Following::default();
        let asked = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&asked);
        let mut page = following.join("payments", move |known: Option<Mark>| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                if known.is_some() {
                    tokio::time::sleep(Duration::from_secs(20)).await;
                }
                Some(mark("always"))
            }
        });
        page.changed().await.unwrap();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(asked.load(Ordering::Relaxed) <= 5, "{asked:?} questions in a minute");
        assert!(!page.has_changed().unwrap(), "nothing has changed");
        drop(page);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(following.0.lock().unwrap().is_empty());
    }
}
