//! A role waits for stores that do not answer yet. Each try is a line in the log. Meanwhile every request gets 503.
//!
//! Errors that do not pass, such as a wrong password or a database of another program, end the start at once.

use std::future::Future;
use std::time::Duration;

use clock::Stopwatch;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::places::Place;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long to wait for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Without limit: the operator watches the role's readiness.
    Endless,
    /// Only this long: a user is waiting for the command.
    AtMost(Duration),
}

/// The result of one try.
pub(crate) enum Tried<T> {
    Done(T),
    /// It may work later.
    NotYet(Failure),
    /// It never will.
    Never(Failure),
}

/// Tries until it succeeds, with a pause that doubles and a log line for each failure.
pub(crate) async fn until_done<T, F: Future<Output = Tried<T>>>(
    patience: Patience,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure> {
    let watch = Stopwatch::start();
    let mut pause = FIRST_PAUSE;
    loop {
        let failure = match attempt().await {
            Tried::Done(value) => return Ok(value),
            Tried::Never(failure) => return Err(failure),
            Tried::NotYet(failure) => failure,
        };
        if let Patience::AtMost(limit) = patience
            && watch.elapsed() + pause > limit
        {
            return Err(failure);
        }
        tracing::warn!("{failure}; trying again in {} ms", pause.as_millis());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits until every place can be used.
pub(crate) async fn for_places(places: &[Place], patience: Patience) -> Result<(), Failure> {
    for place in places {
        until_done(patience, || async {
            match place.look().await {
                Ok(_) => Tried::Done(()),
                Err(reason) if reason.may_pass() => Tried::NotYet(place.failure(&reason)),
                Err(reason) => Tried::Never(place.failure(&reason)),
            }
        })
        .await?;
    }
    Ok(())
}

/// Does `work` while the listeners answer that the role is not ready, then releases them.
pub(crate) async fn meanwhile<T>(
    listeners: &[&TcpListener],
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let (stop, stopped) = watch::channel(false);
    let mut answering = JoinSet::new();

    for listener in listeners {
        let listener = again(listener).map_err(|error| Failure::start("a listener", error))?;
        let mut stopped = stopped.clone();
        answering.spawn(async move {
            let told = async move {
                // The sender lives until the work is done.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            let served = axum::serve(listener, http_kit::not_ready()).with_graceful_shutdown(told);
            if let Err(error) = served.await {
                tracing::warn!(%error, "a listener could not answer that the role is not ready");
            }
        });
    }

    let result = work.await;
    stop.send_replace(true);
    // All answers are 503, so a short wait is enough.
    let _ = tokio::time::timeout(Duration::from_millis(100), async { while answering.join_next().await.is_some() {} })
        .await;
    answering.shutdown().await;
    result
}

/// A second handle to the same listening socket.
fn again(listener: &TcpListener) -> std::io::Result<TcpListener> {
    use std::os::fd::AsFd;
    TcpListener::from_std(listener.as_fd().try_clone_to_owned()?.into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_not_up_yet_is_tried_again_until_it_is() {
        let tries = Cell::new(0);
        let result = until_done(Patience::Endless, || async {
            tries.set(tries.get() + 1);
            if tries.get() < 40 { Tried::NotYet(Failure::start("x", "not up")) } else { Tried::Done(tries.get()) }
        });
        assert_eq!(result.await.unwrap(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_what_waiting_cannot_help_ends_it_at_once() {
        let tries = Cell::new(0);
        let not_yet = || async {
            tries.set(tries.get() + 1);
            Tried::<()>::NotYet(Failure::start("x", "not up"))
        };
        let given_up = until_done(Patience::AtMost(Duration::from_secs(2)), not_yet).await.unwrap_err();
        assert!(given_up.to_string().contains("not up"));
        // At 0, 250, 750 and 1750 ms; the next would be too late.
        assert_eq!(tries.get(), 4);
        let never =
            until_done(Patience::Endless, || async { Tried::<()>::Never(Failure::start("x", "wrong password")) });
        assert!(never.await.is_err());
    }

    #[tokio::test]
    async fn requests_meanwhile_are_answered_not_ready_and_afterwards_the_listener_is_free() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listeners = [&listener];
        let answer = meanwhile(&listeners, async {
            let mut asking = tokio::net::TcpStream::connect(address).await.unwrap();
            asking.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            asking.read_to_string(&mut answer).await.unwrap();
            Ok(answer)
        });
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("waiting for a database or cache"), "{answer}");
        let (_asking, accepted) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        assert!(accepted.is_ok());
    }
}
