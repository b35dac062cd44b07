//! Limits on the requests of one source, and on its wrong guesses.
//!
//! The edge chooses what is counted. All processes share the counters.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use shared_cache::{Limiter, Rate, TooMany};

use crate::client_address::ClientAddress;

/// Marks an answer to a wrong guess: of a token, a signature, or a secret name.
///
/// One wrong guess is a mistake, hundreds are an attack.
#[derive(Clone, Copy, Debug)]
pub struct WrongGuess;

/// A limit for each source, and the answer above it.
#[derive(Clone, Debug)]
pub struct SourceLimit {
    /// The counters.
    pub limiter: Limiter,
    /// The limit.
    pub rate: Rate,
    /// The answer to a request above the limit, in the form of the listener.
    pub refuse: fn(TooMany) -> Response,
}

/// Answers only as many requests of a source as the limit allows.
pub fn limit_requests<S: Clone + Send + Sync + 'static>(router: Router<S>, limit: SourceLimit) -> Router<S> {
    router.route_layer(from_fn_with_state(limit, count_request))
}

/// Refuses a source that made more wrong guesses than the limit allows.
pub fn limit_guesses<S: Clone + Send + Sync + 'static>(router: Router<S>, limit: SourceLimit) -> Router<S> {
    router.layer(from_fn_with_state(limit, count_guess))
}

async fn count_request(
    State(limit): State<SourceLimit>,
    from: ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    match limit.limiter.take(&limit.rate, &from.source().to_string()).await {
        Ok(()) => next.run(request).await,
        Err(refused) => (limit.refuse)(refused),
    }
}

async fn count_guess(State(limit): State<SourceLimit>, from: ClientAddress, request: Request, next: Next) -> Response {
    let source = from.source().to_string();
    if let Err(refused) = limit.limiter.check(&limit.rate, &source).await {
        return (limit.refuse)(refused);
    }
    let answer = next.run(request).await;
    if answer.extensions().get::<WrongGuess>().is_some() {
        // This request is answered in any case. The limit applies to the next one.
        let _ = limit.limiter.take(&limit.rate, &source).await;
    }
    answer
}
