//! The public Open Payments listener: wallet addresses, incoming payments, quotes, outgoing payments.
//!
//! Parses, authorises, calls one use case, renders. Which payments may exist is decided behind [`Backend`].

mod access;
mod backend;
mod dispatch;
mod error;
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
use axum::middleware::from_fn_with_state;
use http_kit::{ShutdownGate, open_to_every_origin, refuse_while_draining};

pub use backend::{
    Backend, BackendError, CompleteIncomingPaymentError, CreateIncomingPaymentError, CreateOutgoingPaymentError,
    CreateQuoteError, Found, GrantSpent, Lookup, NewIncomingPayment, NewOutgoingPayment, NewQuote, OutgoingSource,
    TokenGrant,
};
pub use once::Once;
pub use payments_backend::PaymentsBackend;
pub use settings::{OpenPaymentsApi, Settings};

/// The listener's service. While `gate` is closed it answers 503 to everything.
pub fn router(api: OpenPaymentsApi, gate: ShutdownGate) -> Router {
    let router = Router::new().fallback(dispatch::dispatch).with_state(api);
    open_to_every_origin(router).layer(from_fn_with_state(gate, refuse_while_draining))
}
