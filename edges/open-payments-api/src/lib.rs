//! The public Open Payments listener: wallet addresses, incoming payments, quotes, outgoing payments.
//!
//! Parses, authorises, calls one use case, renders. Which payments may exist is decided behind [`Backend`].

mod access;
mod backend;
mod cors;
mod dispatch;
mod error;
mod gate;
mod incoming_payments;
mod listing;
mod once;
mod outgoing_payments;
mod payments_backend;
mod quotes;
mod render;
mod request;
mod routes;
mod settings;
mod signature;
mod wallet_addresses;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

pub use backend::{
    Backend, BackendError, CompleteIncomingPaymentError, CreateIncomingPaymentError, CreateOutgoingPaymentError,
    CreateQuoteError, Found, GrantSpent, Lookup, NewIncomingPayment, NewOutgoingPayment, NewQuote, OutgoingSource,
    TokenGrant,
};
pub use gate::ShutdownGate;
pub use once::Once;
pub use payments::Source;
pub use payments_backend::PaymentsBackend;
pub use settings::{OpenPaymentsApi, Settings};

/// The listener's service. While `gate` is closed it answers 503 to everything.
pub fn router(api: OpenPaymentsApi, gate: ShutdownGate) -> Router {
    Router::new()
        .fallback(dispatch::dispatch)
        .with_state(api)
        .layer(from_fn(cors::cors))
        .layer(from_fn_with_state(gate, gate::refuse_while_draining))
}
