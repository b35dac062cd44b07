//! HTTP message signatures as Open Payments uses them: RFC 9421 and RFC 9530 with Ed25519, keys as JWKs (RFC 8037).
//!
//! It is not a client or a server: headers, octets and instants go in, headers or a result come out. The verifier first
//! reads strict structured fields, and then the looser forms that published client libraries send. `httpsig` knows the
//! strict forms only, so it is not used.

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
