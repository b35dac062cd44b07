//! How events of the backend are verified, for the services that receive them.
//!
//! The wallet's section uses other names for the same settings, like the original.

use std::time::Duration;

use crate::reader::{ByDefault, Reader};
use crate::service_auth::ServiceAuth;
use crate::{Mode, Secret, UnsignedWebhooks};

/// How events are verified.
#[derive(Clone, Debug)]
pub struct Events {
    /// `WEBHOOK_SIGNATURE_SECRET`: the `SIGNATURE_SECRET` of the backend. It is not needed if `SERVICE_AUTH` has no `hmac`.
    pub secret: Secret,
    /// `WEBHOOK_SIGNATURE_SECRET_PREVIOUS`: the previous secret. It is also accepted, while the backend is given the
    /// new one.
    pub previous_secret: Option<Secret>,
    /// `WEBHOOK_SIGNATURE_VERSION`: the number after `v` in signatures of events.
    pub version: u32,
    /// `WEBHOOK_TOLERANCE_MS`: the greatest age of an event's signature.
    pub tolerance: Duration,
    /// `UNSIGNED_WEBHOOKS`: `refused` (default) or `believed`: whether an event without any signature is accepted.
    pub unsigned: UnsignedWebhooks,
}

impl Events {
    pub(crate) fn read(r: &mut Reader<'_>, service_auth: &ServiceAuth) -> Option<Self> {
        let secret = if service_auth.any_secrets() {
            r.require_secret("WEBHOOK_SIGNATURE_SECRET")
        } else {
            service_auth.secret_unless_tokens(r.secret("WEBHOOK_SIGNATURE_SECRET"))
        };
        r.judge_secret("WEBHOOK_SIGNATURE_SECRET");
        let danger = "every caller that reaches /webhook can report events that did not happen";
        let unsigned = read_unsigned(r, "UNSIGNED_WEBHOOKS", danger);
        Some(Self {
            previous_secret: r.secret("WEBHOOK_SIGNATURE_SECRET_PREVIOUS"),
            version: r.number("WEBHOOK_SIGNATURE_VERSION", 1, 0..=u32::MAX),
            tolerance: r.millis("WEBHOOK_TOLERANCE_MS", 300_000),
            unsigned,
            secret: secret?,
        })
    }
}

/// The secret that signs Admin API requests.
pub(crate) fn read_tenant_secret(r: &mut Reader<'_>, service_auth: &ServiceAuth) -> Option<Secret> {
    if !service_auth.any_secrets() {
        return service_auth.secret_unless_tokens(r.secret("TENANT_SECRET"));
    }
    let secret = r.require_secret("TENANT_SECRET");
    r.judge_secret("TENANT_SECRET");
    secret
}

/// Reads a switch that turns a check off. Every start reports it.
pub(crate) fn read_unsigned(r: &mut Reader<'_>, name: &str, danger: &str) -> UnsignedWebhooks {
    let choices = [("refused", UnsignedWebhooks::Refused), ("believed", UnsignedWebhooks::Believed)];
    let unsigned = r.one_of(name, UnsignedWebhooks::Refused, &choices);
    if unsigned == UnsignedWebhooks::Believed {
        r.notice(name, format!("accepts unsigned requests: {danger}; remove it to refuse unsigned requests"));
    }
    unsigned
}

/// `NODE_ENV`, and whether `https` is carried over plain http although it is not development.
pub(crate) fn plain_http(r: &mut Reader<'_>, mode: Mode) -> bool {
    r.flag("USE_HTTP", ByDefault::Off) || mode.carries_https_over_http()
}
