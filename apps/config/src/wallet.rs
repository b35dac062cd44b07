//! The account-servicing entity's section (wallet sections B.1 and F.1).
//!
//! The seed itself is data of the wallet; here is only where it is.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use uuid::Uuid;

use crate::backend::read_log_level;
use crate::listeners::Listeners;
use crate::reader::Reader;
use crate::{ConfigError, DatabaseUrl, Environment, Mode, Secret};

/// Everything the wallet needs to know.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// `NODE_ENV`.
    pub mode: Mode,
    /// `LOG_LEVEL`.
    pub log_level: String,
    /// What all listeners have in common. The wallet has no public one: no page of it is for customers yet.
    pub listeners: Listeners,
    /// `PORT`; 0 lets the system choose.
    pub port: u16,
    /// `DISPLAY_NAME`.
    pub display_name: String,
    /// `OPEN_PAYMENTS_URL`: base of wallet addresses.
    pub open_payments_url: Url,
    /// `GRAPHQL_URL`: the backend's Admin API.
    pub graphql_url: Url,
    /// `OPERATOR_TENANT_ID`: the tenant the wallet acts for.
    pub tenant_id: Uuid,
    /// `SIGNATURE_SECRET`: signs Admin API requests.
    pub admin_secret: Secret,
    /// `SIGNATURE_VERSION`.
    pub admin_signature_version: u32,
    /// `WEBHOOK_SIGNATURE_SECRET`, by default the admin secret.
    pub webhook_secret: Secret,
    /// `WEBHOOK_SIGNATURE_VERSION`.
    pub webhook_signature_version: u32,
    /// `WEBHOOK_TOLERANCE_MS`: greatest age of a webhook's signature.
    pub webhook_tolerance: Duration,
    /// `DATABASE_URL`.
    pub database: DatabaseUrl,
    /// `SEED_FILE_LOCATION`; without it nothing is seeded.
    pub seed_file: Option<PathBuf>,
    /// The content of `KEY_FILE` (PEM, PKCS #8): its public key is published on seeded wallet addresses.
    pub key_pem: Option<Secret>,
    /// `FEE_POLICY`.
    pub fee_policy: FeePolicy,
    /// `AUTO_CREATE_ADDRESS`: create the address of an account when it is asked for.
    pub auto_create_address: bool,
    /// `LIQUIDITY_TOPUP`: what is deposited when liquidity is low; 0 for nothing.
    pub liquidity_topup: u64,
}

/// What a customer pays for a completed payment beyond what was sent (wallet section F.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FeePolicy {
    /// The fee; unused slippage goes back to the customer.
    #[default]
    FeePlusSent,
    /// Everything the quote named.
    FullDebit,
    /// Nothing, as the reference's mock; leftovers are not withdrawn.
    Compat,
}

impl Wallet {
    /// Reads and judges the section.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let section = Self::read(&mut reader);
        reader.finish(section)
    }

    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let open_payments_url = r.require_url("OPEN_PAYMENTS_URL");
        let graphql_url = r.require_url("GRAPHQL_URL");
        let tenant_id = r.require_parsed("OPERATOR_TENANT_ID");
        let admin_secret = r.require_secret("SIGNATURE_SECRET");
        let admin_signature_version = r.number("SIGNATURE_VERSION", 1, 0..=u32::MAX);
        let webhook_secret = r.secret("WEBHOOK_SIGNATURE_SECRET").or_else(|| admin_secret.clone());
        let webhook_signature_version = r.number("WEBHOOK_SIGNATURE_VERSION", admin_signature_version, 0..=u32::MAX);
        let database = r.database("DATABASE_URL", "sqlite:./data/wallet.db");
        let policies = [
            ("fee_plus_sent", FeePolicy::FeePlusSent),
            ("full_debit", FeePolicy::FullDebit),
            ("compat", FeePolicy::Compat),
        ];
        let trust_proxy = r.flag("TRUST_PROXY", false);
        Some(Self {
            mode: r.mode(),
            log_level: read_log_level(r),
            listeners: Listeners::read(r, trust_proxy),
            port: r.port("PORT", 3030),
            display_name: r.text("DISPLAY_NAME").unwrap_or_else(|| "Wallet".to_owned()),
            webhook_tolerance: r.millis("WEBHOOK_TOLERANCE_MS", 300_000),
            seed_file: r.text("SEED_FILE_LOCATION").map(PathBuf::from),
            key_pem: r.file("KEY_FILE"),
            fee_policy: r.one_of("FEE_POLICY", FeePolicy::default(), &policies),
            auto_create_address: r.flag("AUTO_CREATE_ADDRESS", true),
            liquidity_topup: r.number("LIQUIDITY_TOPUP", 1_000_000, 0..=u64::MAX),
            open_payments_url: open_payments_url?,
            graphql_url: graphql_url?,
            tenant_id: tenant_id?,
            admin_secret: admin_secret?,
            admin_signature_version,
            webhook_secret: webhook_secret?,
            webhook_signature_version,
            database: database?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: [(&str, &str); 4] = [
        ("OPEN_PAYMENTS_URL", "https://localhost:3000"),
        ("GRAPHQL_URL", "http://localhost:3001/graphql"),
        ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
        ("SIGNATURE_SECRET", "secret"),
    ];

    #[test]
    fn webhooks_are_verified_with_the_admin_secret_unless_they_have_their_own() {
        let mut environment = Environment::of(REQUIRED);
        assert_eq!(Wallet::from_environment(&environment).unwrap().webhook_secret.expose(), "secret");
        environment.set("WEBHOOK_SIGNATURE_SECRET", "other");
        assert_eq!(Wallet::from_environment(&environment).unwrap().webhook_secret.expose(), "other");
    }

    #[test]
    fn every_missing_variable_is_reported_at_once() {
        let error = Wallet::from_environment(&Environment::default()).unwrap_err();
        assert_eq!(error.problems.len(), REQUIRED.len(), "{error}");
    }
}
