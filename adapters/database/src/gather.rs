//! Sends requests that are made at the same time to the database together, in one statement or transaction.
//!
//! A request never waits for others. If no request is under way, it is sent alone at once. Requests made meanwhile are
//! sent together next. An answer is never older than its question.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::Error;

/// The most requests that are sent together.
const MOST: usize = 64;
/// How many statements are under way. While one waits for the server, the next is prepared.
const AT_ONCE: usize = 2;

/// Answers all questions of a list, in their order.
type Serve<Q, A> = dyn Fn(Vec<Q>) -> Pin<Box<dyn Future<Output = Result<Vec<A>, Error>> + Send>> + Send + Sync;

/// Collects questions. Clones collect together.
pub struct Gather<Q, A>(Arc<Gathering<Q, A>>);

struct Gathering<Q, A> {
    serve: Box<Serve<Q, A>>,
    line: Mutex<Line<Q, A>>,
}

struct Line<Q, A> {
    waiting: Vec<Waiting<Q, A>>,
    at_work: usize,
}

struct Waiting<Q, A> {
    question: Q,
    answer: oneshot::Sender<Result<A, Error>>,
}

impl<Q: Clone + Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// Answers questions with `serve`. It must be safe to repeat `serve` with each question alone.
    pub fn new<F>(serve: impl Fn(Vec<Q>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<A>, Error>> + Send + 'static,
    {
        let serve =
            Box::new(move |questions| -> Pin<Box<dyn Future<Output = _> + Send>> { Box::pin(serve(questions)) });
        Self(Arc::new(Gathering { serve, line: Mutex::new(Line { waiting: Vec::new(), at_work: 0 }) }))
    }

    /// The answer to `question`.
    ///
    /// The request is completed even if the caller stops waiting.
    pub async fn ask(&self, question: Q) -> Result<A, Error> {
        let (answer, answered) = oneshot::channel();
        let free = {
            let mut line = self.0.line();
            line.waiting.push(Waiting { question, answer });
            let free = line.at_work < AT_ONCE;
            line.at_work += usize::from(free);
            free
        };
        if free {
            tokio::spawn(Arc::clone(&self.0).work());
        }
        answered.await.unwrap_or(Err(Error::OutOfRange { what: "the query was given up" }))
    }
}

impl<Q: Clone, A> Gathering<Q, A> {
    fn line(&self) -> MutexGuard<'_, Line<Q, A>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers until no question is left.
    async fn work(self: Arc<Self>) {
        loop {
            // Tasks that are about to ask run first.
            tokio::task::yield_now().await;
            let together = {
                let mut line = self.line();
                if line.waiting.is_empty() {
                    line.at_work -= 1;
                    return;
                }
                let count = line.waiting.len().min(MOST);
                line.waiting.drain(..count).collect::<Vec<_>>()
            };
            self.answer(together).await;
        }
    }

    async fn answer(&self, together: Vec<Waiting<Q, A>>) {
        let questions: Vec<Q> = together.iter().map(|waiting| waiting.question.clone()).collect();
        let count = questions.len();

        match (self.serve)(questions).await {
            Ok(answers) => {
                for (waiting, answer) in together.into_iter().zip(answers) {
                    let _ = waiting.answer.send(Ok(answer));
                }
            }
            // One request made all fail, and nothing was done. Each is repeated alone, so that each caller gets its own
            // result.
            Err(error) if count > 1 && error.is_of_one_row() => {
                for waiting in together {
                    let alone = (self.serve)(vec![waiting.question]).await;
                    let alone = alone.and_then(|mut answers| {
                        answers.pop().ok_or(Error::OutOfRange { what: "a question without answer" })
                    });
                    let _ = waiting.answer.send(alone);
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for waiting in together {
                    let _ = waiting.answer.send(Err(Error::Together(Arc::clone(&error))));
                }
            }
        }
    }
}

impl<Q, A> Clone for Gather<Q, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q, A> fmt::Debug for Gather<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    /// Doubles numbers and counts its calls. The number 13 makes all numbers fail that are sent with it.
    fn doubling() -> (Gather<u32, u32>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::default());
        let counted = Arc::clone(&calls);
        let gather = Gather::new(move |numbers: Vec<u32>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::task::yield_now().await;
                if numbers.contains(&13) {
                    return Err(Error::UniqueViolation { detail: "13".into() });
                }
                Ok(numbers.into_iter().map(|number| number * 2).collect())
            }
        });
        (gather, calls)
    }

    #[tokio::test]
    async fn a_thousand_callers_at_once_are_answered_with_a_few_statements() {
        let (gather, calls) = doubling();
        let answers = join_all((100..1100).map(|number| gather.ask(number))).await;
        let answers: Vec<u32> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (100..1100).map(|number| number * 2).collect::<Vec<_>>(), "each gets its own answer");
        assert!(calls.load(Ordering::SeqCst) <= 1000 / MOST + 2);
    }

    #[tokio::test]
    async fn a_single_caller_does_not_wait_for_others() {
        let (gather, calls) = doubling();
        for number in 1..=3 {
            assert_eq!(gather.ask(number).await.unwrap(), number * 2);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_fault_of_one_request_is_reported_to_its_caller_only() {
        let (gather, _) = doubling();
        let answers = join_all((10..20).map(|number| gather.ask(number))).await;
        for (number, answer) in (10..20).zip(answers) {
            match number {
                13 => assert!(answer.unwrap_err().is_unique_violation()),
                number => assert_eq!(answer.unwrap(), number * 2),
            }
        }
    }
}
