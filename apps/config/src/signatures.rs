//! How signatures of requests from clients are checked.
//! Signatures of the Admin API are in `admin_api`.

use std::time::Duration;

use url::Url;

use crate::reader::{ByDefault, Reader};

/// How signatures of Open Payments and GNAP requests are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// `SIGNATURE_MAX_AGE_SECONDS`; 0 switches off all checks of time, which the reference does not have.
    pub max_age: Duration,
    /// `SIGNATURE_CLOCK_SKEW_SECONDS`: how far a client's clock may run ahead.
    pub clock_skew: Duration,
    /// `SIGNATURE_PUBLIC_URL`: the origin that clients call; if it is not set, it is taken from `Host` and, if trusted,
    /// `X-Forwarded-*`.
    pub public_url: Option<Url>,
    /// `SIGNATURE_ANY_HOST`: with a public URL, also accept requests whose `Host` differs from it.
    pub any_host: bool,
}

impl Signatures {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        Self {
            max_age: Duration::from_secs(r.number("SIGNATURE_MAX_AGE_SECONDS", 300, 0..=86_400)),
            clock_skew: Duration::from_secs(r.number("SIGNATURE_CLOCK_SKEW_SECONDS", 60, 0..=86_400)),
            public_url: r.url("SIGNATURE_PUBLIC_URL"),
            any_host: r.flag("SIGNATURE_ANY_HOST", ByDefault::Off),
        }
    }
}
