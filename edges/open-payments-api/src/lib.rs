//! The public Open Payments listener: wallet addresses, incoming payments, quotes, outgoing payments.
//!
//! Parses, authorises, calls one use case, renders. The crate `payments` decides which payments may exist.

mod access;
mod bearer;
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

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use http_kit::{
    Access, Declared, ShutdownGate, SourceLimit, limit_guesses, open_to_every_origin, refuse_while_draining,
};
use shared_cache::{Limiter, Rate};

pub use bearer::BearerTokens;
pub use routes::{OPERATIONS, Operation};
pub use settings::{OpenPaymentsApi, OpenPaymentsApiParts, OpenPaymentsSettings};

/// The limit on wrong tokens and signatures of one source.
#[derive(Clone, Debug)]
pub struct WrongGuesses {
    /// The counters.
    pub limiter: Limiter,
    /// The limit.
    pub rate: Rate,
}

/// The listener's service. `guesses` refuses sources with too many wrong tokens and signatures. While `gate` is closed
/// it answers 503 to everything.
pub fn router(api: OpenPaymentsApi, guesses: WrongGuesses, gate: ShutdownGate) -> Router {
    let WrongGuesses { limiter, rate } = guesses;
    let limit = SourceLimit { limiter, rate, refuse: error::too_many };
    // Shared, because each request gets a copy.
    let router = Router::new().declare_rest("/…", Access::Client, dispatch::dispatch).with_state(Arc::new(api));
    let router = limit_guesses(router, limit);
    open_to_every_origin(router).layer(from_fn_with_state(gate, refuse_while_draining))
}
