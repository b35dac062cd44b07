//! How events are delivered.

use std::time::Duration;

use url::Url;

use crate::Secret;
use crate::reader::Reader;

/// The events sent to account-servicing entities, and how.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// `WEBHOOK_URL`, for tenants without their own.
    pub url: Url,
    /// `WEBHOOK_TIMEOUT`: how long a receiver of events may take.
    pub timeout: Duration,
    /// `WEBHOOK_MAX_RETRY`: delivery attempts in all.
    pub attempts_max: u32,
    /// `SIGNATURE_SECRET`; without it nothing is signed.
    pub secret: Option<Secret>,
    /// `SIGNATURE_VERSION`: the number after `v` in signatures of events.
    pub signature_version: u32,
    /// `SEND_TENANT_WEBHOOKS_TO_OPERATOR`: the operator gets a copy of every event sent to a tenant.
    pub copies_to_operator: bool,
    /// `CARD_WEBHOOK_SERVICE_URL`: where events of card payments are sent.
    pub card_service_url: Option<Url>,
    /// `POS_WEBHOOK_SERVICE_URL`: where the point-of-sale service gets events of incoming payments that a card set
    /// in motion.
    pub point_of_sale_url: Option<Url>,
}

impl Webhooks {
    pub(crate) fn read(r: &mut Reader<'_>) -> Option<Self> {
        let url = r.require_url("WEBHOOK_URL");
        let timeout = r.millis("WEBHOOK_TIMEOUT", 2_000);
        // The first attempt is made in any case, also with 0.
        let attempts_max = r.number("WEBHOOK_MAX_RETRY", 10, 0..=1_000).max(1);
        let signature_version = r.number("SIGNATURE_VERSION", 1, 0..=u32::MAX);
        let copies_to_operator = r.flag("SEND_TENANT_WEBHOOKS_TO_OPERATOR", false);
        let card_service_url = r.url("CARD_WEBHOOK_SERVICE_URL");
        let point_of_sale_url = r.url("POS_WEBHOOK_SERVICE_URL");
        let secret = r.secret("SIGNATURE_SECRET");
        Some(Self {
            url: url?,
            timeout,
            attempts_max,
            secret,
            signature_version,
            copies_to_operator,
            card_service_url,
            point_of_sale_url,
        })
    }
}
