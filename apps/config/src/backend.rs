//! The backend's section: Open Payments, connector, Admin API and workers.
//!
//! No data is sent to collectors unless they are named.

mod accounting;
mod auto_peering;
mod bearer_tokens;
mod keys;
mod packets;
mod partial_payments;
mod payments;
mod telemetry;
mod wallet_addresses;
mod webhooks;
mod without_effect;
mod workers;

use std::time::Duration;

use ilp_packet::Address;
use url::Url;
use uuid::Uuid;
use web_url::WebUrl;

use crate::admin_api::AdminApi;
use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::redis::RedisSettings;
use crate::section::section;
use crate::service_auth::ServiceAuth;
use crate::signatures::Signatures;
use crate::{DatabaseUrl, Mode, Secret};

pub use self::accounting::Accounting;
pub use self::auto_peering::AutoPeering;
pub use self::bearer_tokens::BearerTokens;
use self::keys::judge_keys;
pub use self::packets::{PacketStage, Packets};
pub use self::partial_payments::PartialPayments;
pub use self::payments::{IncomingApproval, Payments};
pub use self::telemetry::Telemetry;
pub use self::wallet_addresses::WalletAddresses;
pub use self::webhooks::Webhooks;
use self::without_effect::read_without_effect;
pub use self::workers::Workers;

/// The settings of a backend.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each variable of the reference")]
pub struct Backend {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`. Production refuses settings that are safe
    /// in development only.
    pub mode: Mode,
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// `INSTANCE_NAME`: the name of the instance in numbers, health and pages.
    pub instance_name: String,
    /// `OPEN_PAYMENTS_URL`: prefix of all resource ids.
    pub open_payments_url: Url,
    /// `AUTH_SERVER_GRANT_URL`: the authorization server that is announced to clients, in exactly this spelling.
    pub auth_server_grant_url: String,
    /// `AUTH_SERVER_INTROSPECTION_URL`: where tokens are introspected.
    pub auth_server_introspection_url: Url,
    /// `ILP_ADDRESS` of the instance and its operator.
    pub ilp_address: Address,
    /// `ILP_CONNECTOR_URL`: where peers reach the connector, shown beside the instance's name.
    pub ilp_connector_url: Url,
    /// `KEY_ID` of the instance's Open Payments client key.
    pub key_id: String,
    /// `PRIVATE_KEY_FILE`: the private key, the content of this file (PEM, PKCS #8). If it is unset, each start makes a new
    /// key.
    pub private_key_pem: Option<Secret>,
    /// The content of `PRIVATE_KEY_FILE_PREVIOUS`: the former key, or the next one. It signs nothing, and is published
    /// beside the other.
    pub previous_private_key_pem: Option<Secret>,
    /// `KEY_ID_PREVIOUS`: the name of this key.
    pub previous_key_id: Option<String>,
    /// `OPERATOR_TENANT_ID`: the tenant that is the operator.
    pub operator_tenant_id: Uuid,
    /// `STREAM_SECRET`: 32 octets from which all STREAM credentials are derived. If it is unset, each start makes a new
    /// secret.
    pub stream_secret: Option<[u8; 32]>,
    /// `STREAM_SECRET_PREVIOUS`: the former secret, or the next one. No credentials are made with it. Those that were are
    /// understood.
    pub previous_stream_secret: Option<[u8; 32]>,
    /// `CARD_SERVICE_URL`, published in wallet address documents.
    pub card_service_url: Option<Url>,
    /// `TRUST_PROXY`: trust the headers `X-Forwarded-*`.
    pub trust_proxy: bool,
    /// How signatures of requests are checked.
    pub signatures: Signatures,
    /// `ENABLE_SPSP_PAYMENT_POINTERS`: answer SPSP requests at wallet addresses.
    pub spsp: bool,
    /// `STREAM_LEGACY_REJECTS`: refuse STREAM packets with F99, whose data every published sender reads. `false` refuses
    /// with F04 and F05, as Rafiki 2.4 does.
    pub stream_legacy_rejects: bool,
    /// What all listeners have in common.
    pub listeners: Listeners,
    /// `OUTBOUND_ALLOWED_HOSTS`: hosts that URLs of tenants, peers and clients may name although they are private or
    /// have no TLS.
    pub outbound_allowed_hosts: Vec<String>,
    /// `AUTH_SERVICE_SECRET`: it is sent to the authorization server. By default it is derived from `ADMIN_API_SECRET`.
    pub auth_service_secret: Option<Secret>,
    /// `AUTH_SERVICE_SECRET_PREVIOUS`: the previous secret. It is also accepted from the authorization server, while that
    /// is given the new one.
    pub previous_auth_service_secret: Option<Secret>,
    /// How services prove who they are.
    pub service_auth: ServiceAuth,
    /// Tokens of OAuth 2.0 at the Open Payments listener.
    pub bearer_tokens: BearerTokens,
    /// `AUTH_SERVICE_API_URL`: the service API of the authorization server, where tenants are mirrored.
    pub auth_service_api_url: Url,
    /// `FAILED_TOKENS_PER_MINUTE_PER_ADDRESS`: how many wrong tokens and signatures one address may send; 0 for any
    /// number.
    pub failed_tokens_per_minute: u32,
    /// Ports of the listeners; 0 lets the system choose.
    pub ports: BackendPorts,
    /// `DATABASE_URL`: `sqlite:<file>` or `postgres://…`.
    pub database: DatabaseUrl,
    /// `LEDGER_DATABASE_URL`; by default beside the backend's own.
    pub ledger_database: DatabaseUrl,
    /// `LEDGER_MONITOR_INTERVAL_SECONDS`: how often the stored ledger is scanned; 0 for never.
    pub ledger_monitor_interval: Option<Duration>,
    /// `ENABLE_MANUAL_MIGRATIONS`: do not migrate on start.
    pub manual_migrations: bool,
    /// The shared cache. Without it, values are shared through the database.
    pub redis: Option<RedisSettings>,
    /// Which engine keeps the ledger.
    pub accounting: Accounting,
    /// `LOCAL_CACHE_DURATION_MS`: after another program has changed tenants, assets, fees, peers or wallet addresses in
    /// the database, old copies in memory are used for this time at most. Changes by this program take effect at once.
    pub local_cache_lifetime: Duration,
    /// Wallet addresses.
    pub wallet_addresses: WalletAddresses,
    /// Quotes and payments.
    pub payments: Payments,
    /// Workers.
    pub workers: Workers,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Admin API.
    pub admin_api: AdminApi,
    /// Packets from peers.
    pub packets: Packets,
    /// Data that goes with payments.
    pub partial_payments: PartialPayments,
    /// The data that collectors get.
    pub telemetry: Telemetry,
    /// Peers that ask for peering.
    pub auto_peering: AutoPeering,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

/// Ports of a backend's listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendPorts {
    /// `OPEN_PAYMENTS_PORT`: the Open Payments API; public.
    pub open_payments: u16,
    /// `ADMIN_PORT`: the Admin API, numbers and health; private.
    pub admin: u16,
    /// `CONNECTOR_PORT`: packets of peers; public.
    pub connector: u16,
    /// `AUTO_PEERING_SERVER_PORT`: other nodes ask here for peering, if `ENABLE_AUTO_PEERING`; public.
    pub auto_peering: u16,
}

section!(Backend);

impl Backend {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let open_payments_url = read_open_payments_url(r);
        let auth_server_grant_url = r.require_url("AUTH_SERVER_GRANT_URL");
        let auth_server_grant_url = auth_server_grant_url.and_then(|_| r.text("AUTH_SERVER_GRANT_URL"));
        let auth_server_introspection_url = r.require_url("AUTH_SERVER_INTROSPECTION_URL");
        let auth_service_api_url = r.require_url("AUTH_SERVICE_API_URL");

        let ilp_address = r.require_parsed::<Address>("ILP_ADDRESS");
        let ilp_connector_url = r.require_url("ILP_CONNECTOR_URL");
        let instance_name = r.require_text("INSTANCE_NAME");
        let key_id = r.require_text("KEY_ID");
        let operator_tenant_id = r.require_parsed("OPERATOR_TENANT_ID");
        let private_key_pem = r.private_key("PRIVATE_KEY_FILE");
        let (previous_private_key_pem, previous_key_id) = read_previous_key(r, key_id.as_deref());

        let mode = r.mode();
        let stream_secret = read_stream_secret(r, mode);
        judge_keys(r);
        read_without_effect(r, mode);

        let (database, ledger_database) = read_databases(r);
        let monitor_seconds = r.number("LEDGER_MONITOR_INTERVAL_SECONDS", 10, 0..=86_400);
        let accounting = Accounting::read(r);
        let redis = RedisSettings::read(r);
        let auto_peering = AutoPeering::read(r);

        let ports = BackendPorts::read(r, &auto_peering);

        // These are read even if other values are missing, so that every name is known.
        let wallet_addresses = WalletAddresses::read(r, open_payments_url.as_ref());
        let payments = Payments::read(r);
        let workers = Workers::read(r, mode);
        let webhooks = Webhooks::read(r);
        let admin_api = AdminApi::read(r);
        let trust_proxy = r.flag("TRUST_PROXY", ByDefault::Off);
        let service_auth = ServiceAuth::read(r);
        let bearer_tokens = BearerTokens::read(r, open_payments_url.as_ref(), &service_auth);

        Some(Self {
            mode,
            log_level: read_log_level(r),
            card_service_url: r.url("CARD_SERVICE_URL"),
            trust_proxy,
            signatures: Signatures::read(r),
            spsp: r.flag("ENABLE_SPSP_PAYMENT_POINTERS", ByDefault::On),
            stream_legacy_rejects: r.flag("STREAM_LEGACY_REJECTS", ByDefault::On),
            listeners: Listeners::read(r, trust_proxy),
            outbound_allowed_hosts: r.list("OUTBOUND_ALLOWED_HOSTS"),
            auth_service_secret: r.secret("AUTH_SERVICE_SECRET"),
            previous_auth_service_secret: r.secret("AUTH_SERVICE_SECRET_PREVIOUS"),
            service_auth,
            bearer_tokens,
            auth_service_api_url: auth_service_api_url?,
            failed_tokens_per_minute: r.number("FAILED_TOKENS_PER_MINUTE_PER_ADDRESS", 120, 0..=1_000_000),
            manual_migrations: r.flag("ENABLE_MANUAL_MIGRATIONS", ByDefault::Off),
            local_cache_lifetime: r.millis("LOCAL_CACHE_DURATION_MS", 15_000),
            instance_name: instance_name?,
            open_payments_url: open_payments_url?,
            auth_server_grant_url: auth_server_grant_url?,
            auth_server_introspection_url: auth_server_introspection_url?,
            ilp_address: ilp_address?,
            ilp_connector_url: ilp_connector_url?,
            key_id: key_id?,
            private_key_pem,
            previous_private_key_pem,
            previous_key_id,
            operator_tenant_id: operator_tenant_id?,
            stream_secret,
            previous_stream_secret: r.key32("STREAM_SECRET_PREVIOUS"),
            ports,
            database: database?,
            ledger_database: ledger_database?,
            ledger_monitor_interval: (monitor_seconds > 0).then(|| Duration::from_secs(monitor_seconds)),
            redis,
            accounting,
            wallet_addresses: wallet_addresses?,
            payments,
            workers,
            webhooks: webhooks?,
            admin_api: admin_api?,
            packets: Packets::read(r),
            telemetry: Telemetry::read(r),
            auto_peering,
            partial_payments: PartialPayments::read(r),
            notices: Vec::new(),
        })
    }
}

/// The URLs of all own resources begin with it and are compared, so it must have a normal form.
fn read_open_payments_url(r: &mut Reader<'_>) -> Option<Url> {
    let url = r.require_url("OPEN_PAYMENTS_URL");
    if let Some(Err(problem)) = url.as_ref().map(WebUrl::try_from) {
        r.problem("OPEN_PAYMENTS_URL", problem.to_string());
    }
    url
}

/// The second key of the instance, while one replaces the other.
fn read_previous_key(r: &mut Reader<'_>, key_id: Option<&str>) -> (Option<Secret>, Option<String>) {
    let previous = (r.private_key("PRIVATE_KEY_FILE_PREVIOUS"), r.text("KEY_ID_PREVIOUS"));
    match &previous {
        (Some(_), Some(id)) if key_id == Some(id) => {
            r.problem("KEY_ID_PREVIOUS", "must differ from KEY_ID: others find a key by its name");
        }
        (Some(_), None) | (None, Some(_)) => {
            r.problem("KEY_ID_PREVIOUS", "must be set together with PRIVATE_KEY_FILE_PREVIOUS");
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    previous
}

fn read_stream_secret(r: &mut Reader<'_>, mode: Mode) -> Option<[u8; 32]> {
    let secret = r.key32("STREAM_SECRET");
    if mode == Mode::Production && secret.is_none() && r.text("STREAM_SECRET").is_none() {
        r.problem("STREAM_SECRET", "must be set in production: it keys all STREAM credentials and must be stable");
    }
    secret
}

/// The backend's database and the ledger's.
fn read_databases(r: &mut Reader<'_>) -> (Option<DatabaseUrl>, Option<DatabaseUrl>) {
    let database = r.database("DATABASE_URL", "sqlite:./data/backend.db");
    let beside = database.as_ref().map(|url| url.file().map_or_else(|| url.clone(), |_| url.sibling("ledger")));
    let ledger = match r.text("LEDGER_DATABASE_URL") {
        Some(_) => r.parsed("LEDGER_DATABASE_URL"),
        None => beside,
    };
    (database, ledger)
}

impl BackendPorts {
    fn read(r: &mut Reader<'_>, auto_peering: &AutoPeering) -> Self {
        let ports = Self {
            open_payments: r.port("OPEN_PAYMENTS_PORT", 3003),
            admin: r.port("ADMIN_PORT", 3001),
            connector: r.port("CONNECTOR_PORT", 3002),
            auto_peering: r.port("AUTO_PEERING_SERVER_PORT", 3005),
        };

        let mut used = vec![
            ("OPEN_PAYMENTS_PORT", ports.open_payments),
            ("ADMIN_PORT", ports.admin),
            ("CONNECTOR_PORT", ports.connector),
        ];
        if auto_peering.enabled {
            used.push(("AUTO_PEERING_SERVER_PORT", ports.auto_peering));
        }
        r.distinct_ports(&used);
        ports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConfigError, Environment};

    const REQUIRED: [(&str, &str); 11] = [
        ("OPEN_PAYMENTS_URL", "https://localhost:3000"),
        ("AUTH_SERVER_GRANT_URL", "http://localhost:3006"),
        ("AUTH_SERVER_INTROSPECTION_URL", "http://localhost:3007"),
        ("AUTH_SERVICE_API_URL", "http://localhost:3011"),
        ("ILP_ADDRESS", "test.cloud-nine-wallet"),
        ("ILP_CONNECTOR_URL", "http://localhost:3002"),
        ("INSTANCE_NAME", "CLOUD-NINE"),
        ("KEY_ID", "7097F83B-CB84-469E-96C6-2141C72E22C0"),
        ("WEBHOOK_URL", "http://localhost:3030/webhooks"),
        ("ADMIN_API_SECRET", "secret"),
        ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
    ];

    fn names(error: &ConfigError) -> Vec<&str> {
        error.problems.iter().map(|problem| problem.name.as_str()).collect()
    }

    #[test]
    fn refusals_of_stream_packets_are_those_that_every_sender_reads_unless_told_otherwise() {
        let mut environment = Environment::of(REQUIRED);
        assert!(Backend::from_environment(&environment).unwrap().stream_legacy_rejects);
        environment.set("STREAM_LEGACY_REJECTS", "false");
        assert!(!Backend::from_environment(&environment).unwrap().stream_legacy_rejects);
    }

    #[test]
    fn the_required_variables_are_enough_and_the_rest_has_the_references_defaults() {
        let backend = Backend::from_environment(&Environment::of(REQUIRED)).unwrap();
        assert_eq!(
            backend.ports,
            BackendPorts { open_payments: 3003, admin: 3001, connector: 3002, auto_peering: 3005 }
        );
        assert_eq!(backend.payments.slippage.kept(), money::Ratio::new(99, 100).unwrap());
        assert_eq!(backend.payments.quote_lifespan, Duration::from_mins(5));
        assert_eq!(backend.webhooks.attempts_max, None);
        assert!(backend.webhooks.ladder.total() > Duration::from_hours(72));
        let minutes = Duration::from_mins;
        let signatures = Signatures { max_age: minutes(5), clock_skew: minutes(1), public_url: None, any_host: false };
        assert_eq!(backend.signatures, signatures);
        assert_eq!(backend.accounting, Accounting::Sql);
        assert_eq!(backend.wallet_addresses.own_url.as_str(), "https://localhost:3000/.well-known/pay");
        assert_eq!(backend.ledger_database.expose(), "sqlite:./data/backend-ledger.db");
        assert!(backend.redis.is_none(), "the memory of the process will do");
        assert_eq!(backend.listeners.public_address.to_string(), "0.0.0.0");
        assert_eq!(backend.ledger_monitor_interval, Some(Duration::from_secs(10)));
    }

    #[test]
    fn an_interval_of_zero_switches_the_ledger_monitor_off() {
        let mut environment = Environment::of(REQUIRED);
        environment.set("LEDGER_MONITOR_INTERVAL_SECONDS", "0");
        assert_eq!(Backend::from_environment(&environment).unwrap().ledger_monitor_interval, None);
    }

    #[test]
    fn a_peers_packet_rate_is_high_unless_it_is_set_and_a_burst_follows_it() {
        let packets = |settings: &[(&str, &str)]| {
            let mut environment = Environment::of(REQUIRED);
            for &(name, value) in settings {
                environment.set(name, value);
            }
            Backend::from_environment(&environment).map(|backend| backend.packets)
        };
        let rate = |settings: &[(&str, &str)]| packets(settings).map(|packets| (packets.per_second, packets.burst));
        assert_eq!(rate(&[]).unwrap(), (10_000, 20_000));
        assert_eq!(rate(&[("ILP_PACKETS_PER_SECOND", "50")]).unwrap(), (50, 100));
        let steady = [("ILP_PACKETS_PER_SECOND", "50"), ("ILP_PACKET_BURST", "1")];
        assert_eq!(rate(&steady).unwrap(), (50, 1));
        assert_eq!(names(&packets(&[("ILP_PACKETS_PER_SECOND", "0")]).unwrap_err()), ["ILP_PACKETS_PER_SECOND"]);
    }

    #[test]
    fn optional_stages_are_left_out_by_name_and_a_wrong_name_is_reported() {
        let read = |stages: &str| {
            let mut environment = Environment::of(REQUIRED);
            environment.set("CONNECTOR_STAGES", stages);
            Backend::from_environment(&environment)
        };
        let all = PacketStage::ALL.map(|(stage, _)| stage);
        assert_eq!(Backend::from_environment(&Environment::of(REQUIRED)).unwrap().packets.stages, all);
        let some = read("breaker, ildcp").unwrap();
        assert_eq!(some.packets.stages, [PacketStage::Ildcp, PacketStage::Breaker]);
        assert!(some.notices.iter().any(|notice| notice.name == "CONNECTOR_STAGES"), "{:?}", some.notices);
        assert_eq!(read("none").unwrap().packets.stages, []);
        for wrong in ["balance", "ildcp, none", "Ildcp"] {
            assert_eq!(names(&read(wrong).unwrap_err()), ["CONNECTOR_STAGES"], "{wrong}");
        }
    }

    #[test]
    fn tokens_of_a_provider_are_accepted_for_named_tenants_only_and_only_if_there_is_a_provider() {
        const TENANT: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";
        let read = |settings: &[(&str, &str)]| {
            let mut environment = Environment::of(REQUIRED);
            for &(name, value) in settings {
                environment.set(name, value);
            }
            Backend::from_environment(&environment)
        };
        let provider = [
            ("OAUTH_ISSUER", "https://id.example"),
            ("OAUTH_CLIENT_ID", "backend"),
            ("OAUTH_CLIENT_SECRET", "a secret that nobody guesses 7Jk2"),
        ];
        let with = |tenants: &'static str| [&provider[..], &[("OPEN_PAYMENTS_BEARER_TENANTS", tenants)]].concat();
        assert!(read(&[]).unwrap().bearer_tokens.tenants.is_empty());
        assert!(read(&provider).unwrap().bearer_tokens.tenants.is_empty());
        let on = read(&with(TENANT)).unwrap();
        assert_eq!(on.bearer_tokens.tenants, [TENANT.parse::<Uuid>().unwrap()]);
        assert_eq!(on.bearer_tokens.audience, "https://localhost:3000");
        assert!(on.notices.iter().any(|notice| notice.name == "OPEN_PAYMENTS_BEARER_TENANTS"), "each start warns");
        let wrong = read(&with("everybody")).unwrap_err();
        assert_eq!(names(&wrong), ["OPEN_PAYMENTS_BEARER_TENANTS"]);
        let without = read(&[("OPEN_PAYMENTS_BEARER_TENANTS", TENANT)]).unwrap_err();
        assert_eq!(names(&without), ["OPEN_PAYMENTS_BEARER_TENANTS"]);
    }

    #[test]
    fn every_missing_variable_is_reported_at_once() {
        let error = Backend::from_environment(&Environment::default()).unwrap_err();
        let missing = names(&error);
        assert_eq!(missing.len(), REQUIRED.len(), "{error}");
        for (name, _) in REQUIRED {
            assert!(missing.contains(&name), "{name}");
        }
    }

    #[test]
    fn every_unusable_value_is_reported_at_once() {
        let mut environment = Environment::of(REQUIRED);
        let faults = [
            ("ILP_ADDRESS", "nowhere"),
            ("STREAM_SECRET", "c2hvcnQ="),
            ("ADMIN_PORT", "99999"),
            ("SLIPPAGE", "1.5"),
            ("QUOTE_LIFESPAN", "5 minutes"),
            ("DATABASE_URL", "mysql://h/d"),
            ("PRIVATE_KEY_FILE", "/nowhere/key.pem"),
            ("TRUST_PROXY", "maybe"),
            ("WALLET_ADDRESS_URL", "http://127.0.0.1:3001/.well-known/pay"),
            ("LOG_LEVEL", "loud"),
            ("REDIS_URL", "localhost"),
            ("SIGNATURE_MAX_AGE_SECONDS", "-1"),
            ("OPERATOR_TENANT_ID", "operator"),
        ];
        for (name, value) in faults {
            environment.set(name, value);
        }
        let error = Backend::from_environment(&environment).unwrap_err();
        let mut reported = names(&error);
        reported.sort_unstable();
        let mut expected: Vec<_> = faults.iter().map(|(name, _)| *name).collect();
        expected.sort_unstable();
        assert_eq!(reported, expected, "{error}");
    }

    #[test]
    fn what_own_resources_begin_with_is_a_plain_url() {
        for decorated in ["https://bank.example/?x=1", "https://user@bank.example", "https://bank.example/#x"] {
            let mut environment = Environment::of(REQUIRED);
            environment.set("OPEN_PAYMENTS_URL", decorated);
            assert_eq!(
                names(&Backend::from_environment(&environment).unwrap_err()),
                ["OPEN_PAYMENTS_URL"],
                "{decorated}"
            );
        }
    }

    #[test]
    fn a_second_key_needs_a_name_of_its_own() {
        let file = std::env::temp_dir().join(format!("previous-key-{}.pem", std::process::id()));
        std::fs::write(&file, http_signatures::SigningKey::from_seed(&[3; 32]).to_pem()).unwrap();
        let read = |id: Option<&str>| {
            let mut environment = Environment::of(REQUIRED);
            environment.set("PRIVATE_KEY_FILE_PREVIOUS", file.to_str().unwrap());
            environment.set("STREAM_SECRET_PREVIOUS", "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU=");
            if let Some(id) = id {
                environment.set("KEY_ID_PREVIOUS", id);
            }
            Backend::from_environment(&environment)
        };
        let both = read(Some("the-next-key")).unwrap();
        assert_eq!(both.previous_key_id.as_deref(), Some("the-next-key"));
        assert!(both.previous_private_key_pem.is_some() && both.previous_stream_secret.is_some());
        let own = both.key_id;
        for wrong in [None, Some(own.as_str())] {
            assert_eq!(names(&read(wrong).unwrap_err()), ["KEY_ID_PREVIOUS"], "{wrong:?}");
        }
        let _ = std::fs::remove_file(file);
    }

    #[test]
    fn in_production_the_stream_secret_must_be_given() {
        let mut environment = Environment::of(REQUIRED);
        environment.set("NODE_ENV", "production");
        assert_eq!(names(&Backend::from_environment(&environment).unwrap_err()), ["STREAM_SECRET"]);
    }

    fn with(more: &[(&str, &str)]) -> Environment {
        let mut environment = Environment::of(REQUIRED);
        for (name, value) in more {
            environment.set(*name, *value);
        }
        environment
    }

    fn noticed(environment: &Environment) -> String {
        let notices = Backend::from_environment(environment).unwrap().notices;
        notices.into_iter().map(|Notice { name, text }| format!("{name} {text}\n")).collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_variable_without_effect_is_reported_with_the_reason() {
        let set = [
            ("LIVENET", "true"),
            ("WEBHOOK_WORKER_IDLE", "200"),
            ("TIGERBEETLE_TWO_PHASE_TIMEOUT_SECONDS", "5"),
            ("POS_SERVICE_URL", "http://localhost:3014"),
            ("NODE_ENV", "development"),
        ];
        let told = noticed(&with(&set));
        for (name, _) in &set[..4] {
            assert!(told.contains(name), "{name} is not named:\n{told}");
        }
    }

    #[test]
    fn zero_retries_mean_no_attempt_and_are_reported_and_in_test_mode_no_worker_runs() {
        let backend = Backend::from_environment(&with(&[("WEBHOOK_MAX_RETRY", "0"), ("NODE_ENV", "test")])).unwrap();
        assert_eq!(backend.webhooks.attempts_max, Some(0));
        assert!(backend.notices.iter().any(|notice| notice.name == "WEBHOOK_MAX_RETRY"));
        assert_eq!(backend.workers, Workers::NONE);
    }

    #[test]
    fn equal_ports_and_a_key_file_without_a_key_stop_the_start() {
        let file = std::env::temp_dir().join(format!("no-key-{}.pem", std::process::id()));
        std::fs::write(&file, "-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----\n").unwrap();
        let path = file.display().to_string();
        let environment = with(&[("ADMIN_PORT", "3002"), ("PRIVATE_KEY_FILE", &path)]);
        let refused = Backend::from_environment(&environment);
        std::fs::remove_file(&file).unwrap();
        let refused = refused.unwrap_err();
        assert_eq!(names(&refused), ["PRIVATE_KEY_FILE", "CONNECTOR_PORT"], "{refused}");
        assert!(refused.to_string().contains("and so is ADMIN_PORT"), "{refused}");
        Backend::from_environment(&with(&[("ADMIN_PORT", "0"), ("CONNECTOR_PORT", "0")])).unwrap();
    }

    #[test]
    fn published_or_missing_secrets_are_reported_with_the_remedy() {
        let told = noticed(&with(&[]));
        assert!(told.contains("ADMIN_API_SECRET is a published example"), "{told}");
        for name in ["STREAM_SECRET", "PRIVATE_KEY_FILE", "SIGNATURE_SECRET"] {
            assert!(told.contains(&format!("{name} is not set")), "{told}");
        }
        assert!(told.contains("openssl rand -base64 32"), "{told}");
        let told =
            noticed(&with(&[("ADMIN_API_SECRET", "4xqk8Xh7vBv0oJmFhYwK3r9Zt1s"), ("SIGNATURE_SECRET", "short")]));
        assert!(!told.contains("ADMIN_API_SECRET") && told.contains("SIGNATURE_SECRET is so short"), "{told}");
    }

    #[test]
    fn tigerbeetle_is_used_where_its_addresses_are_given() {
        let mut environment = Environment::of(REQUIRED);
        environment.set("TIGERBEETLE_REPLICA_ADDRESSES", "10.5.0.50:4342, 3004");
        let backend = Backend::from_environment(&environment).unwrap();
        let replica_addresses = vec!["10.5.0.50:4342".to_owned(), "3004".to_owned()];
        assert_eq!(backend.accounting, Accounting::TigerBeetle { cluster_id: 0, replica_addresses });
    }
}
