//! The card service's section.
//!
//! Names and defaults are the original's where it has them.

use std::time::Duration;

use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::events::{Events, read_tenant_secret, read_unsigned};
use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::section::section;
use crate::service_auth::ServiceAuth;
use crate::signatures::Signatures;
use crate::{DatabaseUrl, Mode, Secret, UnsignedWebhooks};

/// The settings of a card service.
#[derive(Clone, Debug)]
pub struct CardService {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`.
    pub mode: Mode,
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// `TRUST_PROXY`: trust the headers `X-Forwarded-*`.
    pub trust_proxy: bool,
    /// How signatures of points of sale are checked.
    pub signatures: Signatures,
    /// What all listeners have in common.
    pub listeners: Listeners,
    /// `CARD_SERVICE_PORT`: points of sale and webhooks; public. 0 lets the system choose.
    pub port: u16,
    /// `CARD_DATABASE_URL`: `sqlite:<file>` or `postgres://…`.
    pub database: DatabaseUrl,
    /// `GRAPHQL_URL`: the backend's Admin API.
    pub graphql_url: Url,
    /// How services prove who they are.
    pub service_auth: ServiceAuth,
    /// `TENANT_ID`: the tenant whose customers have cards.
    pub tenant_id: Uuid,
    /// `TENANT_SECRET`: signs Admin API requests. It is not needed if `SERVICE_AUTH` has no `hmac`.
    pub tenant_secret: Secret,
    /// `TENANT_SIGNATURE_VERSION`: the number after `v` in signatures of requests.
    pub tenant_signature_version: u32,
    /// `CARD_TENANTS_FILE`: more tenants, as JSON: `[{"walletAddressPrefix", "tenantId", "tenantSecret"}]`.
    pub tenants: Vec<CardTenant>,
    /// How events are verified.
    pub events: Events,
    /// `CARD_PAYMENT_TIMEOUT_MS`: how long the account-servicing entity may take to decide.
    pub payment_timeout: Duration,
    /// `CARD_TIMESTAMP_TOLERANCE_MS`: the largest difference between a request's `timestamp` and now.
    pub timestamp_tolerance: Duration,
    /// `CARD_UNSIGNED_REQUESTS`: `refused` (default) or `believed`: whether a payment request is accepted that the
    /// institution of the incoming payment did not sign.
    pub unsigned_requests: UnsignedWebhooks,
    /// `CARD_REQUESTS_PER_MINUTE_PER_ADDRESS`: how many payment requests one address may send; 0 for any number.
    pub requests_per_minute: u32,
    /// `CARD_REQUESTS_PER_MINUTE_PER_WALLET_ADDRESS`: how many payment requests for one payer are accepted; 0 for any
    /// number.
    pub requests_per_minute_per_payer: u32,
    /// `OUTBOUND_ALLOWED_HOSTS`: hosts where keys of points of sale may be although they are private or have no TLS.
    pub outbound_allowed_hosts: Vec<String>,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

/// A tenant whose customers have cards.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardTenant {
    /// Its wallet addresses are below this one.
    pub wallet_address_prefix: Url,
    /// The tenant.
    pub tenant_id: Uuid,
    /// Signs Admin API requests.
    #[serde(deserialize_with = "secret")]
    pub tenant_secret: Secret,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

section!(CardService);

impl CardService {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let mode = r.mode();
        let trust_proxy = r.flag("TRUST_PROXY", ByDefault::Off);
        let graphql_url = r.require_url("GRAPHQL_URL");
        let tenant_id = r.require_parsed("TENANT_ID");
        let service_auth = ServiceAuth::read(r);
        let tenant_secret = read_tenant_secret(r, &service_auth);
        let events = Events::read(r, &service_auth);
        let danger = "every caller that reaches this service can ask for payments with any card data that it has";
        let unsigned_requests = read_unsigned(r, "CARD_UNSIGNED_REQUESTS", danger);
        r.no_effect(&["INSTANCE_NAME", "REDIS_URL"], "the original's card service ignores it, too");

        Some(Self {
            mode,
            log_level: read_log_level(r),
            trust_proxy,
            signatures: Signatures::read(r),
            listeners: Listeners::read(r, trust_proxy),
            port: r.port("CARD_SERVICE_PORT", 3007),
            database: r.database("CARD_DATABASE_URL", "sqlite:./data/card-service.db")?,
            tenant_signature_version: r.number("TENANT_SIGNATURE_VERSION", 1, 0..=u32::MAX),
            tenants: read_tenants(r),
            payment_timeout: r.millis("CARD_PAYMENT_TIMEOUT_MS", 30_000),
            timestamp_tolerance: r.millis("CARD_TIMESTAMP_TOLERANCE_MS", 300_000),
            unsigned_requests,
            requests_per_minute: r.number("CARD_REQUESTS_PER_MINUTE_PER_ADDRESS", 6000, 0..=1_000_000),
            requests_per_minute_per_payer: r.number("CARD_REQUESTS_PER_MINUTE_PER_WALLET_ADDRESS", 60, 0..=1_000_000),
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

fn read_tenants(r: &mut Reader<'_>) -> Vec<CardTenant> {
    let Some(text) = r.file("CARD_TENANTS_FILE") else { return Vec::new() };
    match serde_json::from_str(text.expose()) {
        Ok(tenants) => tenants,
        Err(error) => {
            let told = "names a file that is not [{\"walletAddressPrefix\", \"tenantId\", \"tenantSecret\"}]";
            r.problem("CARD_TENANTS_FILE", format!("{told}: {error}"));
            Vec::new()
        }
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
    fn missing_variables_are_reported_together_and_the_defaults_are_the_originals() {
        let error = CardService::from_environment(&Environment::default()).unwrap_err();
        assert_eq!(error.problems.len(), REQUIRED.len(), "{error}");
        let section = CardService::from_environment(&Environment::of(REQUIRED)).unwrap();
        assert_eq!((section.port, section.payment_timeout.as_millis()), (3007, 30_000));
        assert_eq!(section.notices, []);
    }

    #[test]
    fn every_switch_that_turns_a_check_off_is_reported_at_every_start() {
        for (name, value) in [("CARD_UNSIGNED_REQUESTS", "believed"), ("UNSIGNED_WEBHOOKS", "believed")] {
            let mut environment = Environment::of(REQUIRED);
            environment.set(name, value);
            let section = CardService::from_environment(&environment).unwrap();
            assert!(section.notices.iter().any(|notice| notice.name == name), "{name}");
        }
    }
}
