//! The public Open Payments listener: wallet addresses, incoming payments, quotes, outgoing payments.
//!
//! Parses, authorises, calls one use case, renders. Which payments may exist is decided in the crate `payments`.

mod access;
mod caller;
mod dispatch;
mod error;
mod incoming_payments;
mod listing;
mod once;
mod outgoing_payments;
mod quotes;
mod render;
mod request;
mod routes;
mod settings;
mod signature;
mod wallet_addresses;

use axum::Router;
use axum::middleware::from_fn_with_state;
use http_kit::{ShutdownGate, SourceLimit, limit_guesses, open_to_every_origin, refuse_while_draining};
use shared_cache::{Limiter, Rate};

pub use settings::{OpenPaymentsApi, OpenPaymentsApiParts, OpenPaymentsSettings};

/// How often one source may show a wrong token or signature.
#[derive(Clone, Debug)]
pub struct WrongGuesses {
    /// Counts.
    pub limiter: Limiter,
    /// How often.
    pub rate: Rate,
}

/// The listener's service. Sources that show wrong tokens and signatures too often are left out by `guesses`. While `gate` is closed it answers 503 to everything.
pub fn router(api: OpenPaymentsApi, guesses: WrongGuesses, gate: ShutdownGate) -> Router {
    let WrongGuesses { limiter, rate } = guesses;
    let limit = SourceLimit { limiter, rate, refuse: error::too_many };
    let router = limit_guesses(Router::new().fallback(dispatch::dispatch).with_state(api), limit);
    open_to_every_origin(router).layer(from_fn_with_state(gate, refuse_while_draining))
}
