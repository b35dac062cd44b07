//! How events are delivered.
//! How a wallet checks them is in `events`.

use std::time::Duration;

use payments_model::webhook_ladder::RetryLadder;
use url::Url;

use crate::Secret;
use crate::reader::{ByDefault, Reader};

/// The events sent to account-servicing entities, and how.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// `WEBHOOK_URL`, for tenants without their own.
    pub url: Url,
    /// `WEBHOOK_TIMEOUT`: how long a receiver of events may take.
    pub timeout: Duration,
    /// `WEBHOOK_MAX_RETRY`: the number of delivery attempts, 0 for none. If it is unset, as many as the ladder has.
    pub attempts_max: Option<u32>,
    /// `WEBHOOK_RETRY_LADDER`: the pauses after failed attempts, `6h*3` for three times six hours; the default makes
    /// the ten attempts of Rafiki 2.4 and then continues for three days.
    pub ladder: RetryLadder,
    /// `WEBHOOK_EVENTS_KEPT_DAYS`: how long events and their deliveries are kept, 0 for ever. An event whose money was
    /// not withdrawn is kept.
    pub events_kept: Option<Duration>,
    /// `WEBHOOK_ATTEMPTS_KEPT_DAYS`: how long the result of each attempt is kept, 0 for ever.
    pub attempts_kept: Option<Duration>,
    /// `SIGNATURE_SECRET`; without it nothing is signed.
    pub secret: Option<Secret>,
    /// `SIGNATURE_VERSION`: the number after `v` in signatures of events.
    pub signature_version: u32,
    /// `SEND_TENANT_WEBHOOKS_TO_OPERATOR`: the operator gets a copy of every event sent to a tenant.
    pub copies_to_operator: bool,
    /// `CARD_WEBHOOK_SERVICE_URL`: where events of card payments are sent.
    pub card_service_url: Option<Url>,
    /// `POS_WEBHOOK_SERVICE_URL`: where the point-of-sale service gets events of incoming payments that were started
    /// with a card.
    pub point_of_sale_url: Option<Url>,
}

impl Webhooks {
    pub(crate) fn read(r: &mut Reader<'_>) -> Option<Self> {
        let url = r.require_url("WEBHOOK_URL");
        let timeout = r.millis("WEBHOOK_TIMEOUT", 2_000);
        let attempts_max = r.text("WEBHOOK_MAX_RETRY").map(|_| r.number("WEBHOOK_MAX_RETRY", 10, 0..=1_000));
        if attempts_max == Some(0) {
            r.notice("WEBHOOK_MAX_RETRY", "is 0: no event is sent; remove it to have events tried for three days");
        }

        let ladder = r.parsed("WEBHOOK_RETRY_LADDER").unwrap_or_default();
        let events_kept = days(r.number("WEBHOOK_EVENTS_KEPT_DAYS", 365, 0..=36_500));
        let attempts_kept = days(r.number("WEBHOOK_ATTEMPTS_KEPT_DAYS", 30, 0..=36_500));
        let signature_version = r.number("SIGNATURE_VERSION", 1, 0..=u32::MAX);
        let copies_to_operator = r.flag("SEND_TENANT_WEBHOOKS_TO_OPERATOR", ByDefault::Off);
        let card_service_url = r.url("CARD_WEBHOOK_SERVICE_URL");
        let point_of_sale_url = r.url("POS_WEBHOOK_SERVICE_URL");
        let secret = r.secret("SIGNATURE_SECRET");

        Some(Self {
            url: url?,
            timeout,
            attempts_max,
            ladder,
            events_kept,
            attempts_kept,
            secret,
            signature_version,
            copies_to_operator,
            card_service_url,
            point_of_sale_url,
        })
    }
}

fn days(number: u64) -> Option<Duration> {
    (number > 0).then(|| Duration::from_hours(24 * number))
}
