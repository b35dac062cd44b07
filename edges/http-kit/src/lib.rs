//! The shared parts of all HTTP listeners: connections with deadlines, bodies with limits, CORS, health, GraphQL over
//! HTTP, client addresses, and `Retry-After`.
//!
//! It has no API. Routes belong to the crates built on it.

mod activity;
mod admission;
mod body;
mod calls;
mod client_address;
mod connection;
mod cors;
mod deadlines;
mod declared;
mod event;
mod gate;
pub mod graphql;
mod health;
mod idempotency_key;
mod identities;
mod json_body;
mod not_ready;
mod private;
mod retry_after;
mod serve;
mod service_tls;
mod signed;
mod stopping;
mod strangers;
mod welcome;

pub use admission::{Admission, ConnectionLimits};
pub use body::{BodyError, TimedBody, read_body};
pub use calls::{CallWatch, Effect, LetIn, OneMore, watch_calls};
pub use client_address::{ClientAddress, Proxies};
pub use cors::open_to_every_origin;
pub use deadlines::Deadlines;
pub use declared::{Access, Declared};
pub use event::{EventRefused, EventVerification, ReceivedEvent, Unsigned, read_event};
pub use gate::{ShutdownGate, refuse_while_draining};
pub use health::answers_in_time;
pub use idempotency_key::{InvalidKey, idempotency_key};
pub use identities::{Need, ServiceIdentities, ShownCertificate, unproven};
pub use json_body::parse_json_body;
pub use not_ready::not_ready;
pub use private::{
    CallerSecret, ServiceCallers, ServiceDoor, refuse_browsers, require_service, require_service_to_read,
};
pub use retry_after::RetryAfter;
pub use serve::{Serving, serve};
pub use service_tls::{ServiceTls, ServiceTlsError, TlsFiles};
pub use signed::{SignedMessage, Unreadable};
pub use stopping::Stopping;
pub use strangers::{SourceLimit, WrongGuess, limit_guesses, limit_requests};
pub use welcome::welcome_page;
