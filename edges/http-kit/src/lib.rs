//! What every HTTP listener of the house shares: connections with deadlines, bodies with limits, CORS, health, GraphQL
//! over HTTP, who is calling, and when to call again.
//!
//! Knows no API: routes and their meaning belong to the edges built on it.

mod activity;
mod admission;
mod body;
mod client_address;
mod connection;
mod cors;
mod event;
mod gate;
pub mod graphql;
mod health;
mod private;
mod retry_after;
mod serve;
mod signed;
mod strangers;

pub use admission::{Admission, ConnectionLimits};
pub use body::{BodyError, TimedBody, read_body};
pub use client_address::{ClientAddress, Proxies};
pub use connection::Deadlines;
pub use cors::open_to_every_origin;
pub use event::{EventRefused, EventVerification, ReceivedEvent, Unsigned, read_event};
pub use gate::{ShutdownGate, refuse_while_draining};
pub use health::answers_in_time;
pub use private::{CallerSecret, refuse_browsers, require_secret};
pub use retry_after::{RetryAfter, too_many_requests};
pub use serve::{Serving, serve};
pub use signed::{SignedMessage, Unreadable};
pub use strangers::{SourceLimit, WrongGuess, limit_guesses, limit_requests};
