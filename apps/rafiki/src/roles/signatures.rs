//! The signature settings of `backend` and `auth`, from the section that both have.
//!
//! Verification is in `http-signatures`.

use config::{Mode, Signatures};
use http_signatures::{Freshness, OtherHosts, TargetOrigin};

pub(crate) fn freshness(signatures: &Signatures) -> Freshness {
    Freshness { max_age: signatures.max_age, clock_skew: signatures.clock_skew }
}

pub(crate) fn target_origin(signatures: &Signatures, mode: Mode, trust_proxy: bool) -> TargetOrigin {
    match (&signatures.public_url, mode, trust_proxy) {
        (Some(url), mode, _) => {
            let others = match (signatures.any_host, mode) {
                (true, _) => OtherHosts::TakenForIt,
                (false, Mode::Development) => OtherHosts::Direct,
                (false, Mode::Production | Mode::Test | Mode::Autopeer) => OtherHosts::Refused,
            };
            TargetOrigin::Pinned { origin: url.origin().ascii_serialization(), others }
        }
        (None, Mode::Autopeer, trusted_proxy) => TargetOrigin::AlwaysHttps { trusted_proxy },
        (None, _, true) => TargetOrigin::TrustedProxy,
        (None, _, false) => TargetOrigin::Host,
    }
}
