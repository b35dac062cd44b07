//! How often one source may ask, and how often it may be wrong.
//!
//! The edge that builds the router chooses what is counted. All processes share the counters.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use shared_cache::{Limiter, Rate, TooMany};

use crate::client_address::ClientAddress;

/// Marks an answer to a wrong guess: of a token, a signature, or the name of something secret.
///
/// One wrong guess is a mistake, hundreds are a search.
#[derive(Clone, Copy, Debug)]
pub struct WrongGuess;

/// A limit for each source, and how its refusal looks.
#[derive(Clone, Debug)]
pub struct SourceLimit {
    /// Counts.
    pub limiter: Limiter,
    /// How many.
    pub rate: Rate,
    /// The answer to one too many, in the form of the listener.
    pub refuse: fn(TooMany) -> Response,
}

/// Answers each source only as many requests as the limit allows.
pub fn limit_requests<S: Clone + Send + Sync + 'static>(router: Router<S>, limit: SourceLimit) -> Router<S> {
    router.route_layer(from_fn_with_state(limit, count_request))
}

/// Answers no source that guessed wrong more often than the limit allows.
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
        // The answer is given all the same; the next request meets the limit.
        let _ = limit.limiter.take(&limit.rate, &source).await;
    }
    answer
}
