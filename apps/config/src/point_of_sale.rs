//! The point of sale's section.
//!
//! Names and defaults are the original's where it has them.

use std::time::Duration;

use url::Url;
use uuid::Uuid;

use crate::events::{Events, plain_http, read_tenant_secret, read_unsigned};
use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::section::section;
use crate::service_auth::ServiceAuth;
use crate::signatures::Signatures;
use crate::{DatabaseUrl, Mode, Secret, UnsignedWebhooks};

/// An incoming payment lives at least so much longer than its tap may take. In this time the payment is closed.
const MARGIN_MIN: Duration = Duration::from_secs(30);

/// The settings of a point of sale.
#[derive(Clone, Debug)]
pub struct PointOfSale {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`.
    pub mode: Mode,
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// `TRUST_PROXY`: trust the headers `X-Forwarded-*`.
    pub trust_proxy: bool,
    /// How signatures of terminals are checked.
    pub signatures: Signatures,
    /// What all listeners have in common.
    pub listeners: Listeners,
    /// `PORT`: terminals and webhooks; public. 0 lets the system choose.
    pub port: u16,
    /// `POS_DATABASE_URL`: `sqlite:<file>` or `postgres://…`.
    pub database: DatabaseUrl,
    /// `GRAPHQL_URL`: the backend's Admin API.
    pub graphql_url: Url,
    /// `TENANT_ID`: the operator. Only the operator may create payments by card.
    pub tenant_id: Uuid,
    /// How services prove who they are.
    pub service_auth: ServiceAuth,
    /// `TENANT_SECRET`: signs Admin API requests. It is not needed if `SERVICE_AUTH` has no `hmac`.
    pub tenant_secret: Secret,
    /// `TENANT_SIGNATURE_VERSION`: the number after `v` in signatures of requests.
    pub tenant_signature_version: u32,
    /// How events are verified.
    pub events: Events,
    /// `WEBHOOK_TIMEOUT_MS`: how long a tap may take, from its receipt until the money has arrived.
    pub timeout: Duration,
    /// `INCOMING_PAYMENT_EXPIRY_MS`: how long the incoming payment of a tap lives; at least half a minute longer than
    /// the tap may take.
    pub incoming_payment_margin: Duration,
    /// `USE_HTTP`: call `https` addresses over plain http, as in development.
    pub plain_http: bool,
    /// `PRIVATE_KEY_FILE`: the key of the backend, the content of this file (PEM, PKCS #8). It signs requests to card
    /// services.
    pub private_key_pem: Option<Secret>,
    /// `KEY_ID`: the name under which the backend publishes that key.
    pub key_id: Option<String>,
    /// `POS_UNSIGNED_TERMINALS`: `refused` (default) or `believed`: whether a request is accepted that no registered
    /// terminal signed.
    pub unsigned_terminals: UnsignedWebhooks,
    /// `POS_REQUESTS_PER_MINUTE_PER_ADDRESS`: how many taps one address may send; 0 for any number.
    pub requests_per_minute: u32,
    /// `OUTBOUND_ALLOWED_HOSTS`: hosts that wallet addresses and card services may name although they are private or
    /// have no TLS.
    pub outbound_allowed_hosts: Vec<String>,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

section!(PointOfSale);

impl PointOfSale {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let mode = r.mode();
        let trust_proxy = r.flag("TRUST_PROXY", ByDefault::Off);

        let graphql_url = r.require_url("GRAPHQL_URL");
        let tenant_id = r.require_parsed("TENANT_ID");
        let service_auth = ServiceAuth::read(r);
        let tenant_secret = read_tenant_secret(r, &service_auth);
        let events = Events::read(r, &service_auth);
        let danger = "every caller that reaches this service can ask for payments to any merchant, and read what merchants received";
        let unsigned_terminals = read_unsigned(r, "POS_UNSIGNED_TERMINALS", danger);

        let timeout = r.millis("WEBHOOK_TIMEOUT_MS", 30_000);
        let life = r.millis("INCOMING_PAYMENT_EXPIRY_MS", 10_000);
        let (private_key_pem, key_id) = (r.private_key("PRIVATE_KEY_FILE"), r.text("KEY_ID"));

        if private_key_pem.is_some() != key_id.is_some() {
            r.problem("KEY_ID", "must be set together with PRIVATE_KEY_FILE, both as at the backend");
        }
        if private_key_pem.is_none() {
            let told = "is not set: requests to card services are not signed, and those that ask for a signature refuse \
                        them; set it and KEY_ID as at the backend";
            r.notice("PRIVATE_KEY_FILE", told);
        }

        Some(Self {
            mode,
            log_level: read_log_level(r),
            trust_proxy,
            signatures: Signatures::read(r),
            listeners: Listeners::read(r, trust_proxy),
            port: r.port("PORT", 3008),
            database: r.database("POS_DATABASE_URL", "sqlite:./data/point-of-sale.db")?,
            tenant_signature_version: r.number("TENANT_SIGNATURE_VERSION", 1, 0..=u32::MAX),
            timeout,
            incoming_payment_margin: life.saturating_sub(timeout).max(MARGIN_MIN),
            plain_http: plain_http(r, mode),
            private_key_pem,
            key_id,
            unsigned_terminals,
            requests_per_minute: r.number("POS_REQUESTS_PER_MINUTE_PER_ADDRESS", 600, 0..=1_000_000),
            outbound_allowed_hosts: r.list("OUTBOUND_ALLOWED_HOSTS"),
            service_auth,
            graphql_url: graphql_url?,
            tenant_id: tenant_id?,
            tenant_secret: tenant_secret?,
            events: events?,
            notices: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    const REQUIRED: [(&str, &str); 4] = [
        ("GRAPHQL_URL", "http://localhost:3001/graphql"),
        ("TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
        ("TENANT_SECRET", "a tenant's secret of its own"),
        ("WEBHOOK_SIGNATURE_SECRET", "a webhook secret of our own"),
    ];

    #[test]
    fn the_incoming_payment_outlives_its_tap_with_all_settings() {
        let margin = |life: &str| {
            let mut environment = Environment::of(REQUIRED);
            environment.set("INCOMING_PAYMENT_EXPIRY_MS", life);
            PointOfSale::from_environment(&environment).unwrap().incoming_payment_margin.as_secs()
        };
        assert_eq!([margin(""), margin("10000"), margin("90000")], [30, 30, 60]);
    }

    #[test]
    fn missing_variables_are_reported_together_and_a_key_needs_its_name() {
        let error = PointOfSale::from_environment(&Environment::default()).unwrap_err();
        assert_eq!(error.problems.len(), REQUIRED.len(), "{error}");
        let mut environment = Environment::of(REQUIRED);
        assert_eq!(PointOfSale::from_environment(&environment).unwrap().port, 3008);
        environment.set("KEY_ID", "k");
        assert_eq!(PointOfSale::from_environment(&environment).unwrap_err().problems[0].name, "KEY_ID");
    }
}
