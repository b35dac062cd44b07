//! HTTP message signatures as Open Payments uses them: RFC 9421 and RFC 9530 with Ed25519, keys as JWKs (RFC 8037).
//!
//! Not a client or a server: headers, bytes and instants go in, headers or a verdict come out. The verifier reads strict
//! structured fields first and then the looser forms that published client libraries send, so `httpsig`, which knows the
//! strict forms only, is not used.

#![warn(missing_docs)]

mod base;
mod components;
mod digest;
mod input;
mod json;
mod jwk;
mod replay;
mod request;
mod signer;
mod target;
mod verify;

pub use digest::{DigestError, content_digest};
pub use json::{JsonError, parse_json, to_compact_json};
pub use jwk::{InvalidJwk, Jwk, JwkSet, PublicKey};
pub use request::SignedRequest;
pub use signer::{InvalidKeyId, InvalidPrivateKey, SignError, Signer, SigningKey};
pub use target::{OtherHosts, TargetError, TargetOrigin};
pub use verify::{CheckedRequest, Freshness, HeaderError, Verified, VerifyError, key_id, verify};
