//! How `backend` and `auth` judge signatures, from the section both have.
//!
//! Not the judging itself: that is `http-signatures`.

use config::{Mode, Signatures};
use http_signatures::{Freshness, TargetOrigin};

pub(crate) fn freshness(signatures: &Signatures) -> Freshness {
    Freshness { max_age: signatures.max_age, clock_skew: signatures.clock_skew }
}

pub(crate) fn target_origin(signatures: &Signatures, mode: Mode, trust_proxy: bool) -> TargetOrigin {
    match (&signatures.public_url, mode, trust_proxy) {
        (Some(url), ..) => {
            TargetOrigin::Pinned { origin: url.origin().ascii_serialization(), any_host: signatures.any_host }
        }
        (None, Mode::Autopeer, trusted_proxy) => TargetOrigin::AlwaysHttps { trusted_proxy },
        (None, _, true) => TargetOrigin::TrustedProxy,
        (None, _, false) => TargetOrigin::Host,
    }
}
