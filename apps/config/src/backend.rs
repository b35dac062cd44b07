//! The backend's section: Open Payments, connector, Admin API and workers.
//!
//! Telemetry exporters are configured where they exist; nothing is sent anywhere by default.

use std::collections::BTreeSet;
use std::time::Duration;

use ilp_packet::Address;
use stream_pay::Slippage;
use url::Url;
use uuid::Uuid;
use web_url::WebUrl;

use crate::listeners::Listeners;
use crate::reader::{Notice, Reader};
use crate::{ConfigError, DatabaseUrl, Environment, Mode, Secret};

/// Everything a backend needs to know.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one switch per variable of the reference")]
pub struct Backend {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`. Production refuses settings that are safe
    /// in development only.
    pub mode: Mode,
    /// `LOG_LEVEL`: the least important lines that are written: `trace`, `debug`, `info`, `warn`, `error`,
    /// `fatal`, `silent`.
    pub log_level: String,
    /// `INSTANCE_NAME`: whose numbers and health these are.
    pub instance_name: String,
    /// `OPEN_PAYMENTS_URL`: prefix of all resource ids.
    pub open_payments_url: Url,
    /// `AUTH_SERVER_GRANT_URL`: the authorization server announced to clients, as it is written.
    pub auth_server_grant_url: String,
    /// `AUTH_SERVER_INTROSPECTION_URL`: where tokens are introspected.
    pub auth_server_introspection_url: Url,
    /// `ILP_ADDRESS` of the instance and its operator.
    pub ilp_address: Address,
    /// `ILP_CONNECTOR_URL`: where peers reach the connector, shown beside the instance's name.
    pub ilp_connector_url: Url,
    /// `KEY_ID` of the instance's Open Payments client key.
    pub key_id: String,
    /// The content of `PRIVATE_KEY_FILE` (PEM, PKCS #8); unset means a key for this run only.
    pub private_key_pem: Option<Secret>,
    /// `OPERATOR_TENANT_ID`: the tenant that is the operator.
    pub operator_tenant_id: Uuid,
    /// `STREAM_SECRET`: 32 octets that key all STREAM credentials; unset means a secret for this run only.
    pub stream_secret: Option<[u8; 32]>,
    /// `CARD_SERVICE_URL`, published in wallet address documents.
    pub card_service_url: Option<Url>,
    /// `TRUST_PROXY`: believe `X-Forwarded-*`.
    pub trust_proxy: bool,
    /// How signatures are judged.
    pub signatures: Signatures,
    /// `ENABLE_SPSP_PAYMENT_POINTERS`: answer SPSP requests at wallet addresses.
    pub spsp: bool,
    /// `STREAM_LEGACY_REJECTS`: refuse STREAM packets with F99, whose data every published sender reads. `false` refuses
    /// with F04 and F05, as Rafiki 2.4 does.
    pub stream_legacy_rejects: bool,
    /// What all listeners have in common.
    pub listeners: Listeners,
    /// `OUTBOUND_ALLOWED_HOSTS`: hosts that URLs of tenants, peers and clients may name although they are private or
    /// spoken to without TLS.
    pub outbound_allowed_hosts: Vec<String>,
    /// `AUTH_SERVICE_SECRET`, shown to the authorization server; by default made of `ADMIN_API_SECRET`.
    pub auth_service_secret: Option<Secret>,
    /// `FAILED_TOKENS_PER_MINUTE_PER_ADDRESS`: wrong tokens and signatures borne of one address; 0 for any number.
    pub failed_tokens_per_minute: u32,
    /// Ports of the listeners; 0 lets the system choose.
    pub ports: BackendPorts,
    /// `DATABASE_URL`: `sqlite:<file>` or `postgres://…`.
    pub database: DatabaseUrl,
    /// `LEDGER_DATABASE_URL`; by default beside the backend's own.
    pub ledger_database: DatabaseUrl,
    /// `LEDGER_MONITOR_INTERVAL_SECONDS`: how often the stored ledger is looked at; `None` (0) means never.
    pub ledger_monitor_interval: Option<Duration>,
    /// `ENABLE_MANUAL_MIGRATIONS`: do not migrate on start.
    pub manual_migrations: bool,
    /// The shared cache; in process without it.
    pub redis: Option<RedisSettings>,
    /// Which engine keeps the ledger.
    pub accounting: Accounting,
    /// `LOCAL_CACHE_DURATION_MS`: how long what is kept in memory of tenants, assets, fees, peers and wallet addresses is
    /// used after a change that was made past this program; its own changes end it at once.
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
    /// What is to be said at the start.
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
}

/// How many packets each peer may send to one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packets {
    /// `ILP_PACKETS_PER_SECOND`: in the long run.
    pub per_second: u32,
    /// `ILP_PACKET_BURST`: at once, after a pause.
    pub burst: u32,
}

/// Where Redis is.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `REDIS_URL`: `redis://…` or `rediss://…`. Unset: what processes share lies in a table of the database.
    pub url: Secret,
    /// Content of `REDIS_TLS_CA_FILE_PATH`.
    pub ca_pem: Option<Secret>,
    /// Content of `REDIS_TLS_KEY_FILE_PATH`.
    pub key_pem: Option<Secret>,
    /// Content of `REDIS_TLS_CERT_FILE_PATH`.
    pub certificate_pem: Option<Secret>,
}

impl RedisSettings {
    /// The settings when `REDIS_URL` is set; without it there is one process and nothing to share.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let ca_pem = reader.file("REDIS_TLS_CA_FILE_PATH");
        let key_pem = reader.file("REDIS_TLS_KEY_FILE_PATH");
        let certificate_pem = reader.file("REDIS_TLS_CERT_FILE_PATH");
        let url = reader.secret("REDIS_URL")?;
        if !["redis://", "rediss://", "redis+unix://"].iter().any(|scheme| url.expose().starts_with(scheme)) {
            reader.problem("REDIS_URL", "must begin with redis://, rediss:// or redis+unix://");
        }
        Some(Self { url, ca_pem, key_pem, certificate_pem })
    }
}

/// The engine that keeps the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounting {
    /// The SQL engine, in the ledger database.
    Sql,
    /// `USE_TIGERBEETLE`: a TigerBeetle cluster. By default where its replica addresses are given.
    TigerBeetle {
        /// `TIGERBEETLE_CLUSTER_ID`: which cluster.
        cluster_id: u128,
        /// `TIGERBEETLE_REPLICA_ADDRESSES`: its replicas as port, ip:port or host:port, comma separated.
        replica_addresses: Vec<String>,
    },
}

/// How wallet addresses are served.
#[derive(Clone, Debug)]
pub struct WalletAddresses {
    /// `WALLET_ADDRESS_URL`: the instance's own, its identity as a client.
    pub own_url: Url,
    /// `WALLET_ADDRESS_REDIRECT_HTML_PAGE`: template for browsers.
    pub redirect_html_page: Option<String>,
    /// `WALLET_ADDRESS_LOOKUP_TIMEOUT_MS`: how long an unknown address is waited for.
    pub lookup_timeout: Duration,
    /// `WALLET_ADDRESS_POLLING_FREQUENCY_MS`: how often it is looked for, should its wake-up be lost.
    pub polling_interval: Duration,
    /// `WALLET_ADDRESS_NOT_FOUND_POLLING_ENABLED`: wait for the document too.
    pub wait_for_document: bool,
    /// `WALLET_ADDRESS_DEACTIVATION_PAYMENT_GRACE_PERIOD_MS`: how long payments to a deactivated wallet address
    /// may still arrive.
    pub deactivation_grace: Duration,
}

/// Quotes, payments and the rates they use.
#[derive(Clone, Debug)]
pub struct Payments {
    /// `EXCHANGE_RATES_URL`: where rates come from. Unset: payments within one asset code only.
    pub exchange_rates_url: Option<Url>,
    /// `EXCHANGE_RATES_LIFETIME`: how long a rate is used before it is asked for again.
    pub exchange_rates_lifetime: Duration,
    /// `SLIPPAGE`: the share of the rate that a path may take, 0 to 1. By default 0.01.
    pub slippage: Slippage,
    /// `QUOTE_LIFESPAN`: how long a quote is good.
    pub quote_lifespan: Duration,
    /// `INCOMING_PAYMENT_EXPIRY_MAX_MS`: the longest life of an incoming payment, and its life if nothing is said.
    pub incoming_payment_expiry_max: Duration,
    /// `MAX_OUTGOING_PAYMENT_RETRY_ATTEMPTS`: how often an outgoing payment is tried in all.
    pub outgoing_payment_attempts_max: u32,
    /// `POLL_INCOMING_PAYMENT_CREATED_WEBHOOK` and what belongs to it.
    pub incoming_approval: Option<IncomingApproval>,
    /// `WITHDRAWAL_THROTTLE_DELAY`: how long money paid straight to a wallet address is collected.
    pub web_monetization_delay: Option<Duration>,
}

/// Incoming payments wait for the operator's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingApproval {
    /// `INCOMING_PAYMENT_CREATED_POLL_TIMEOUT_MS`: how long a new incoming payment waits for that word.
    pub timeout: Duration,
    /// `INCOMING_PAYMENT_CREATED_POLL_FREQUENCY_MS`: how often it looks, should its wake-up be lost.
    pub interval: Duration,
}

/// How many workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// `OUTGOING_PAYMENT_WORKERS`: places for outgoing payments in this process; 0 leaves them to others.
    pub outgoing_payments: u16,
    /// `INCOMING_PAYMENT_WORKERS`: the same for ends of incoming payments.
    pub incoming_payments: u16,
    /// `WALLET_ADDRESS_WORKERS`: the same for money paid straight to wallet addresses.
    pub wallet_addresses: u16,
    /// `WEBHOOK_WORKERS`: the same for deliveries.
    pub webhooks: u16,
}

impl Workers {
    const NONE: Self = Self { outgoing_payments: 0, incoming_payments: 0, wallet_addresses: 0, webhooks: 0 };
}

/// What is told to account-servicing entities, and how.
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
    /// `SEND_TENANT_WEBHOOKS_TO_OPERATOR`: tell the operator what tenants are told.
    pub copies_to_operator: bool,
    /// `CARD_WEBHOOK_SERVICE_URL`: where the card service is told of card payments.
    pub card_service_url: Option<Url>,
    /// `POS_WEBHOOK_SERVICE_URL`: where the point-of-sale service is told of incoming payments that a card set
    /// in motion.
    pub point_of_sale_url: Option<Url>,
}

/// The Admin GraphQL API.
#[derive(Clone, Debug)]
pub struct AdminApi {
    /// `ADMIN_API_SECRET` of the operator.
    pub secret: Secret,
    /// `ADMIN_API_SIGNATURE_VERSION`: the number after `v` in signatures of requests.
    pub signature_version: u32,
    /// `ADMIN_API_SIGNATURE_TTL_SECONDS`: how long a signature of a request is good.
    pub signature_lifetime: Duration,
    /// `GRAPHQL_IDEMPOTENCY_KEY_TTL_MS`: how long an idempotency key is remembered.
    pub idempotency_lifetime: Duration,
    /// `GRAPHQL_IDEMPOTENCY_KEY_LOCK_MS`: how long a process that died keeps others of the same key away.
    pub idempotency_lock: Duration,
}

impl Backend {
    /// Reads and judges the section.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let section = Self::read(&mut reader);
        let notices = reader.take_notices();
        reader.finish(section.map(|section| Self { notices, ..section }))
    }

    /// Every variable this section reads.
    pub fn variables() -> BTreeSet<String> {
        let environment = Environment::default();
        let mut reader = Reader::new(&environment);
        let _ = Self::read(&mut reader);
        reader.asked()
    }

    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let open_payments_url = r.require_url("OPEN_PAYMENTS_URL");
        if let Some(Err(problem)) = open_payments_url.as_ref().map(WebUrl::try_from) {
            // The names of all own resources begin with it and are compared.
            r.problem("OPEN_PAYMENTS_URL", problem.to_string());
        }
        let auth_server_grant_url = r.require_url("AUTH_SERVER_GRANT_URL");
        let auth_server_grant_url = auth_server_grant_url.and_then(|_| r.text("AUTH_SERVER_GRANT_URL"));
        let auth_server_introspection_url = r.require_url("AUTH_SERVER_INTROSPECTION_URL");
        r.require_url("AUTH_SERVICE_API_URL");
        let ilp_address = r.require_parsed::<Address>("ILP_ADDRESS");
        let ilp_connector_url = r.require_url("ILP_CONNECTOR_URL");
        let instance_name = r.require_text("INSTANCE_NAME");
        let key_id = r.require_text("KEY_ID");
        let operator_tenant_id = r.require_parsed("OPERATOR_TENANT_ID");
        let private_key_pem = r.private_key("PRIVATE_KEY_FILE");
        let stream_secret = r.key32("STREAM_SECRET");
        let mode = r.mode();
        judge_keys(r);
        read_not_built(r, mode);
        if mode == Mode::Production && stream_secret.is_none() && r.text("STREAM_SECRET").is_none() {
            r.problem("STREAM_SECRET", "must be set in production: it keys all STREAM credentials and must be stable");
        }
        let database = r.database("DATABASE_URL", "sqlite:./data/backend.db");
        let beside = database.as_ref().map(|url| url.file().map_or_else(|| url.clone(), |_| url.sibling("ledger")));
        let ledger_database = match r.text("LEDGER_DATABASE_URL") {
            Some(_) => r.parsed("LEDGER_DATABASE_URL"),
            None => beside,
        };
        let monitor_seconds = r.number("LEDGER_MONITOR_INTERVAL_SECONDS", 10, 0..=86_400);
        let accounting = read_accounting(r);
        let redis = RedisSettings::read(r);
        let ports = BackendPorts {
            open_payments: r.port("OPEN_PAYMENTS_PORT", 3003),
            admin: r.port("ADMIN_PORT", 3001),
            connector: r.port("CONNECTOR_PORT", 3002),
        };
        r.distinct_ports(&[
            ("OPEN_PAYMENTS_PORT", ports.open_payments),
            ("ADMIN_PORT", ports.admin),
            ("CONNECTOR_PORT", ports.connector),
        ]);
        // Asked for whatever else is missing, so that every name is known.
        let wallet_addresses = read_wallet_addresses(r, open_payments_url.as_ref());
        let payments = read_payments(r);
        let workers = Workers {
            outgoing_payments: r.number("OUTGOING_PAYMENT_WORKERS", 1, 0..=256),
            incoming_payments: r.number("INCOMING_PAYMENT_WORKERS", 1, 0..=256),
            wallet_addresses: r.number("WALLET_ADDRESS_WORKERS", 1, 0..=256),
            webhooks: r.number("WEBHOOK_WORKERS", 1, 0..=256),
        };
        // In a test whoever tests moves the work on.
        let workers = if mode == Mode::Test { Workers::NONE } else { workers };
        let webhooks = read_webhooks(r);
        let admin_api = read_admin_api(r);
        let trust_proxy = r.flag("TRUST_PROXY", false);
        Some(Self {
            mode,
            log_level: read_log_level(r),
            card_service_url: r.url("CARD_SERVICE_URL"),
            trust_proxy,
            signatures: Signatures::read(r),
            spsp: r.flag("ENABLE_SPSP_PAYMENT_POINTERS", true),
            stream_legacy_rejects: r.flag("STREAM_LEGACY_REJECTS", true),
            listeners: Listeners::read(r, trust_proxy),
            outbound_allowed_hosts: r.list("OUTBOUND_ALLOWED_HOSTS"),
            auth_service_secret: r.secret("AUTH_SERVICE_SECRET"),
            failed_tokens_per_minute: r.number("FAILED_TOKENS_PER_MINUTE_PER_ADDRESS", 120, 0..=1_000_000),
            manual_migrations: r.flag("ENABLE_MANUAL_MIGRATIONS", false),
            local_cache_lifetime: r.millis("LOCAL_CACHE_DURATION_MS", 15_000),
            instance_name: instance_name?,
            open_payments_url: open_payments_url?,
            auth_server_grant_url: auth_server_grant_url?,
            auth_server_introspection_url: auth_server_introspection_url?,
            ilp_address: ilp_address?,
            ilp_connector_url: ilp_connector_url?,
            key_id: key_id?,
            private_key_pem,
            operator_tenant_id: operator_tenant_id?,
            stream_secret,
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
            packets: read_packets(r),
            notices: Vec::new(),
        })
    }
}

/// A burst is two seconds' worth of packets unless it is set.
fn read_packets(r: &mut Reader<'_>) -> Packets {
    let per_second = r.number("ILP_PACKETS_PER_SECOND", 10_000, 1..=1_000_000);
    Packets { per_second, burst: r.number("ILP_PACKET_BURST", per_second * 2, 1..=10_000_000) }
}

/// Keys that are missing, or that others know.
fn judge_keys(r: &mut Reader<'_>) {
    for name in ["ADMIN_API_SECRET", "SIGNATURE_SECRET", "STREAM_SECRET"] {
        r.judge_secret(name);
    }
    if r.text("STREAM_SECRET").is_none() {
        let text = "is not set: payments under way do not survive a restart, and processes that share a database do \
                    not understand each other; set it to the output of `openssl rand -base64 32`";
        r.notice("STREAM_SECRET", text);
    }
    if r.text("PRIVATE_KEY_FILE").is_none() {
        let text = "is not set: other institutions see another key after every restart; make one with `openssl genpkey \
                    -algorithm ed25519 -out private-key.pem` and name the file";
        r.notice("PRIVATE_KEY_FILE", text);
    }
    if r.text("SIGNATURE_SECRET").is_none() {
        let text = "is not set: webhooks are not signed, and a wallet that checks signatures refuses them with 401; set \
                    it to the secret the wallet checks with";
        r.notice("SIGNATURE_SECRET", text);
    }
}

/// Variables of the original that have no effect here, with the reason; what may not be ignored stops the start.
fn read_not_built(r: &mut Reader<'_>, mode: Mode) {
    r.no_effect(
        &["AUTH_SERVICE_API_URL"],
        "tenants are not mirrored to the authorization server yet; make each there too",
    );
    r.no_effect_when_on("ENABLE_AUTO_PEERING", "there is no auto-peering server yet; make peers with createPeer");
    r.port("AUTO_PEERING_SERVER_PORT", 3005);
    let telemetry = [
        "ENABLE_TELEMETRY",
        "OPEN_TELEMETRY_COLLECTOR_URLS",
        "LIVENET",
        "OPEN_TELEMETRY_EXPORT_INTERVAL",
        "TELEMETRY_EXCHANGE_RATES_URL",
        "TELEMETRY_EXCHANGE_RATES_LIFETIME",
        "ENABLE_TELEMETRY_TRACES",
        "OPEN_TELEMETRY_TRACE_COLLECTOR_URLS",
        "ENABLE_ILP_TIMING_TELEMETRY",
    ];
    r.no_effect(&telemetry, "nothing is sent to collectors yet; the numbers are at GET /metrics of the Admin listener");
    let idle = [
        "OUTGOING_PAYMENT_WORKER_IDLE",
        "INCOMING_PAYMENT_WORKER_IDLE",
        "WALLET_ADDRESS_WORKER_IDLE",
        "WEBHOOK_WORKER_IDLE",
    ];
    r.no_effect(&idle, "workers are woken when there is work, and do not look for it at an interval");
    let holds = "a hold lasts as long as its packet may be on its way, which no setting may shorten";
    r.no_effect(&["TIGERBEETLE_TWO_PHASE_TIMEOUT_SECONDS"], holds);
    r.url("POS_SERVICE_URL");
    r.no_effect(&["POS_SERVICE_URL"], "nothing asks the point-of-sale service; the original only reads it, too");
    if mode == Mode::Test {
        r.notice("NODE_ENV", "is test: no worker runs; the Admin API asks for signatures all the same");
    }

    r.key32("DB_ENCRYPTION_SECRET");
    r.millis("PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS", 1_500);
    r.millis("PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS", 100);
    let decides = r.flag("ENABLE_PARTIAL_PAYMENT_DECISION", false);
    let encrypts = r.text("DB_ENCRYPTION_SECRET").is_some();
    not_to_be_ignored(
        r,
        mode,
        ("DB_ENCRYPTION_SECRET", encrypts),
        "data to transmit is stored as it is, not encrypted; remove the variable to accept that",
    );
    not_to_be_ignored(
        r,
        mode,
        ("ENABLE_PARTIAL_PAYMENT_DECISION", decides),
        "partial payments are taken without asking anybody; switch it off to accept that",
    );
}

/// Ignoring it would lose protection or move money against the operator's word: said in development, and no start in
/// production.
fn not_to_be_ignored(r: &mut Reader<'_>, mode: Mode, (name, is_on): (&str, bool), why: &str) {
    match mode {
        _ if !is_on => {}
        Mode::Production | Mode::Autopeer => r.problem(name, format!("has no effect yet: {why}")),
        Mode::Development | Mode::Test => r.notice(name, format!("has no effect yet: {why}")),
    }
}

/// `LOG_LEVEL` in the reference's words.
pub(crate) fn read_log_level(r: &mut Reader<'_>) -> String {
    let choices = [
        ("trace", "trace"),
        ("debug", "debug"),
        ("info", "info"),
        ("warn", "warn"),
        ("error", "error"),
        ("fatal", "error"),
        ("silent", "off"),
    ];
    r.one_of("LOG_LEVEL", "info", &choices).to_owned()
}

fn read_accounting(r: &mut Reader<'_>) -> Accounting {
    // The reference defaults to TigerBeetle; here it is used where its addresses are given.
    let addresses = r.text("TIGERBEETLE_REPLICA_ADDRESSES");
    let cluster_id = r.number("TIGERBEETLE_CLUSTER_ID", 0u128, 0..=u128::MAX);
    if !r.flag("USE_TIGERBEETLE", addresses.is_some()) {
        return Accounting::Sql;
    }
    let replica_addresses: Vec<String> = addresses
        .unwrap_or_else(|| "3004".to_owned())
        .split(',')
        .map(str::trim)
        .filter(|a| !a.is_empty())
        .map(str::to_owned)
        .collect();
    if replica_addresses.is_empty() {
        r.problem("TIGERBEETLE_REPLICA_ADDRESSES", "must name at least one replica as port, ip:port or host:port");
    }
    Accounting::TigerBeetle { cluster_id, replica_addresses }
}

fn read_wallet_addresses(r: &mut Reader<'_>, open_payments_url: Option<&Url>) -> Option<WalletAddresses> {
    let own_url = r.url("WALLET_ADDRESS_URL").or_else(|| {
        let mut url = open_payments_url?.clone();
        url.set_path("/.well-known/pay");
        Some(url)
    });
    if let Some(own_url) = own_url.as_ref().filter(|url| url.scheme() != "https") {
        r.problem("WALLET_ADDRESS_URL", format!("{own_url} must be an https URL that reaches this server"));
    }
    Some(WalletAddresses {
        redirect_html_page: r.text("WALLET_ADDRESS_REDIRECT_HTML_PAGE"),
        lookup_timeout: r.millis("WALLET_ADDRESS_LOOKUP_TIMEOUT_MS", 1_500),
        polling_interval: r.millis("WALLET_ADDRESS_POLLING_FREQUENCY_MS", 100),
        wait_for_document: r.flag("WALLET_ADDRESS_NOT_FOUND_POLLING_ENABLED", false),
        deactivation_grace: r.millis("WALLET_ADDRESS_DEACTIVATION_PAYMENT_GRACE_PERIOD_MS", 86_400_000),
        own_url: own_url?,
    })
}

fn read_payments(r: &mut Reader<'_>) -> Payments {
    // One hundredth, as the reference.
    let usual: Option<Slippage> = "0.01".parse().ok();
    let approval = IncomingApproval {
        timeout: r.millis("INCOMING_PAYMENT_CREATED_POLL_TIMEOUT_MS", 10_000),
        interval: r.millis("INCOMING_PAYMENT_CREATED_POLL_FREQUENCY_MS", 1_000),
    };
    Payments {
        exchange_rates_url: r.url("EXCHANGE_RATES_URL"),
        exchange_rates_lifetime: r.millis("EXCHANGE_RATES_LIFETIME", 15_000),
        slippage: r.parsed("SLIPPAGE").or(usual).unwrap_or(Slippage::NONE),
        quote_lifespan: r.millis("QUOTE_LIFESPAN", 300_000),
        incoming_payment_expiry_max: r.millis("INCOMING_PAYMENT_EXPIRY_MAX_MS", 2_592_000_000),
        outgoing_payment_attempts_max: r.number("MAX_OUTGOING_PAYMENT_RETRY_ATTEMPTS", 5, 1..=1_000),
        incoming_approval: r.flag("POLL_INCOMING_PAYMENT_CREATED_WEBHOOK", false).then_some(approval),
        web_monetization_delay: Some(r.millis("WITHDRAWAL_THROTTLE_DELAY", 0)).filter(|delay| !delay.is_zero()),
    }
}

fn read_webhooks(r: &mut Reader<'_>) -> Option<Webhooks> {
    let url = r.require_url("WEBHOOK_URL");
    let timeout = r.millis("WEBHOOK_TIMEOUT", 2_000);
    // The first attempt is made in any case, also with 0.
    let attempts_max = r.number("WEBHOOK_MAX_RETRY", 10, 0..=1_000).max(1);
    let signature_version = r.number("SIGNATURE_VERSION", 1, 0..=u32::MAX);
    let copies_to_operator = r.flag("SEND_TENANT_WEBHOOKS_TO_OPERATOR", false);
    let card_service_url = r.url("CARD_WEBHOOK_SERVICE_URL");
    let point_of_sale_url = r.url("POS_WEBHOOK_SERVICE_URL");
    let secret = r.secret("SIGNATURE_SECRET");
    Some(Webhooks {
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

/// How signatures of Open Payments and GNAP requests are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// `SIGNATURE_MAX_AGE_SECONDS`; zero switches every check of time off, as the reference has none.
    pub max_age: Duration,
    /// `SIGNATURE_CLOCK_SKEW_SECONDS`: how far a client's clock may run ahead.
    pub clock_skew: Duration,
    /// `SIGNATURE_PUBLIC_URL`: the origin clients call; without it `Host` and, if trusted, `X-Forwarded-*` tell.
    pub public_url: Option<Url>,
    /// `SIGNATURE_ANY_HOST`: with a public URL, take requests whose `Host` is another all the same.
    pub any_host: bool,
}

impl Signatures {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        Self {
            max_age: Duration::from_secs(r.number("SIGNATURE_MAX_AGE_SECONDS", 300, 0..=86_400)),
            clock_skew: Duration::from_secs(r.number("SIGNATURE_CLOCK_SKEW_SECONDS", 60, 0..=86_400)),
            public_url: r.url("SIGNATURE_PUBLIC_URL"),
            any_host: r.flag("SIGNATURE_ANY_HOST", false),
        }
    }
}

pub(crate) fn read_admin_api(r: &mut Reader<'_>) -> Option<AdminApi> {
    let secret = r.require_secret("ADMIN_API_SECRET");
    let signature_version = r.number("ADMIN_API_SIGNATURE_VERSION", 1, 0..=u32::MAX);
    let lifetime_seconds = r.number("ADMIN_API_SIGNATURE_TTL_SECONDS", 30, 1..=86_400);
    let idempotency_lifetime = r.millis("GRAPHQL_IDEMPOTENCY_KEY_TTL_MS", 86_400_000);
    let idempotency_lock = r.millis("GRAPHQL_IDEMPOTENCY_KEY_LOCK_MS", 2_000);
    Some(AdminApi {
        secret: secret?,
        signature_version,
        signature_lifetime: Duration::from_secs(lifetime_seconds),
        idempotency_lifetime,
        idempotency_lock,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(backend.ports, BackendPorts { open_payments: 3003, admin: 3001, connector: 3002 });
        assert_eq!(backend.payments.slippage.kept(), money::Ratio::new(99, 100).unwrap());
        assert_eq!(backend.payments.quote_lifespan, Duration::from_mins(5));
        assert_eq!(backend.webhooks.attempts_max, 10);
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
        assert_eq!(packets(&[]).unwrap(), Packets { per_second: 10_000, burst: 20_000 });
        let slow = packets(&[("ILP_PACKETS_PER_SECOND", "50")]).unwrap();
        assert_eq!(slow, Packets { per_second: 50, burst: 100 });
        let steady = packets(&[("ILP_PACKETS_PER_SECOND", "50"), ("ILP_PACKET_BURST", "1")]).unwrap();
        assert_eq!(steady, Packets { per_second: 50, burst: 1 });
        assert_eq!(names(&packets(&[("ILP_PACKETS_PER_SECOND", "0")]).unwrap_err()), ["ILP_PACKETS_PER_SECOND"]);
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
    fn what_has_no_effect_is_said_with_the_reason() {
        let set = [
            ("ENABLE_AUTO_PEERING", "true"),
            ("ENABLE_TELEMETRY", "true"),
            ("WEBHOOK_WORKER_IDLE", "200"),
            ("TIGERBEETLE_TWO_PHASE_TIMEOUT_SECONDS", "5"),
            ("POS_SERVICE_URL", "http://localhost:3014"),
            ("DB_ENCRYPTION_SECRET", "zO9KogehJECHReHgQr+ZWGkmgOD4AYa4ksUxALSwgM8="),
            ("ENABLE_PARTIAL_PAYMENT_DECISION", "true"),
            ("NODE_ENV", "development"),
        ];
        let told = noticed(&with(&set));
        for (name, _) in &set[..7] {
            assert!(told.contains(name), "{name} is not named:\n{told}");
        }
        assert!(told.contains("AUTH_SERVICE_API_URL has no effect"), "{told}");
        let untold = noticed(&with(&[("ENABLE_AUTO_PEERING", "false"), ("ENABLE_PARTIAL_PAYMENT_DECISION", "false")]));
        assert!(!untold.contains("PEERING") && !untold.contains("DECISION"), "{untold}");
    }

    #[test]
    fn in_production_what_protects_money_or_data_is_not_ignored() {
        let production = [
            ("NODE_ENV", "production"),
            ("STREAM_SECRET", "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU="),
            ("DB_ENCRYPTION_SECRET", "zO9KogehJECHReHgQr+ZWGkmgOD4AYa4ksUxALSwgM8="),
            ("ENABLE_PARTIAL_PAYMENT_DECISION", "true"),
        ];
        let refused = Backend::from_environment(&with(&production)).unwrap_err();
        assert_eq!(names(&refused), ["DB_ENCRYPTION_SECRET", "ENABLE_PARTIAL_PAYMENT_DECISION"], "{refused}");
    }

    #[test]
    fn no_retry_is_one_attempt_and_in_a_test_nothing_works_by_itself() {
        let backend = Backend::from_environment(&with(&[("WEBHOOK_MAX_RETRY", "0"), ("NODE_ENV", "test")])).unwrap();
        assert_eq!(backend.webhooks.attempts_max, 1);
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
        assert!(refused.to_string().contains("which ADMIN_PORT has as well"), "{refused}");
        Backend::from_environment(&with(&[("ADMIN_PORT", "0"), ("CONNECTOR_PORT", "0")])).unwrap();
    }

    #[test]
    fn secrets_that_others_know_or_that_are_missing_are_noticed_with_the_remedy() {
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
