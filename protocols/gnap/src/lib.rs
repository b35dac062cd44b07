//! The Open Payments profile of GNAP (RFC 9635): the messages between clients and authorization servers.
//!
//! It has types and pure checks only: no HTTP, no storage, no signatures. `auth-model` decides whether a grant may be
//! issued.

#![warn(missing_docs)]

pub mod access;
pub mod client;
mod discovery;
pub mod error;
pub mod grant;
pub mod hash;
pub mod interval;
pub mod introspection;
pub mod limits;
pub mod oauth;
mod parse;
pub mod redirect;
mod secret;

pub use access::{AccessItem, AccessType, Action, Actions, InvalidAccess, RequiredAccess};
pub use client::{Client, InvalidClient};
pub use discovery::Discovery;
pub use error::{ErrorBody, ErrorCode};
pub use grant::{
    AccessToken, AccessTokenRequest, Continuation, ContinueRequest, ContinueResponse, ContinueStep, ContinueToken,
    FinishMethod, GrantRequest, GrantResponse, InteractFinish, InteractInstructions, InteractRequest, StartMode,
    Subject, SubjectFormat, SubjectId, TokenResponse,
};
pub use interval::{InvalidInterval, RepeatingInterval, Window};
pub use introspection::{ActiveToken, IntrospectionRequest, TokenInfo};
pub use limits::{InvalidLimits, LimitAmount, Limits};
pub use parse::InvalidBody;
pub use secret::TokenValue;
pub use web_url::{InvalidUrl, WalletAddressUrl, WebUrl};
