//! The authorization server's section.
//!
//! Grants and tokens belong to the service. This file has only its settings.

use std::time::Duration;

use url::Url;
use uuid::Uuid;

use crate::admin_api::AdminApi;
use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::redis::RedisSettings;
use crate::section::section;
use crate::service_auth::{ServiceAuth, ServiceClient, read_clients};
use crate::signatures::Signatures;
use crate::{DatabaseUrl, Mode, Secret};

/// The settings of an authorization server.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each variable of the reference")]
pub struct Auth {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`. Production refuses settings that are safe
    /// in development only.
    pub mode: Mode,
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// `TRUST_PROXY`: trust the headers `X-Forwarded-*`.
    pub trust_proxy: bool,
    /// How signatures of requests are checked.
    pub signatures: Signatures,
    /// What all listeners have in common.
    pub listeners: Listeners,
    /// `OUTBOUND_ALLOWED_HOSTS`: hosts that URLs of clients may name although they are private or have no TLS.
    pub outbound_allowed_hosts: Vec<String>,
    /// `AUTH_SERVICE_SECRET`: callers of introspection and of the service API must send it. By default it is derived
    /// from `ADMIN_API_SECRET`.
    pub service_secret: Option<Secret>,
    /// `AUTH_SERVICE_SECRET_PREVIOUS`: the previous secret. It is also accepted, while the backend is given the new one.
    pub previous_service_secret: Option<Secret>,
    /// `AUTH_SERVICE_REQUIRE_SECRET`: whether callers of introspection and of the service API must send
    /// `AUTH_SERVICE_SECRET`. Without it, any program that reaches these listeners can create tenants.
    pub require_service_secret: bool,
    /// How services prove who they are.
    pub service_auth: ServiceAuth,
    /// `OAUTH_CLIENTS_FILE`: a JSON list of the clients of the built-in issuer, which `OAUTH_ISSUER` names then. It is
    /// served on the service listener, for installations without a provider of their own. `rafiki service-client` makes
    /// entries.
    pub oauth_clients: Option<Vec<ServiceClient>>,
    /// The content of `OAUTH_SIGNING_KEY_FILE` (PEM, PKCS #8; Ed25519 or P-256): the built-in issuer signs its tokens with
    /// this key (RFC 9068), so that services can check them without asking it. Without it tokens are random texts.
    pub oauth_signing_key: Option<Secret>,
    /// The content of `OAUTH_SIGNING_KEY_FILE_PREVIOUS`: the former key, or the next one. It signs nothing, and is published
    /// beside the present one while one replaces the other.
    pub previous_oauth_signing_key: Option<Secret>,
    /// `OAUTH_TOKEN_LIFETIME_SECONDS`: how long tokens of the built-in issuer are valid.
    pub oauth_token_lifetime: Duration,
    /// How many requests of strangers that cost work are accepted.
    pub limits: StrangerLimits,
    /// Ports of the listeners; 0 lets the system choose.
    pub ports: AuthPorts,
    /// `AUTH_DATABASE_URL`: `sqlite:<file>` or `postgres://…`.
    pub database: DatabaseUrl,
    /// `ENABLE_MANUAL_MIGRATIONS`: do not migrate on start.
    pub manual_migrations: bool,
    /// The shared cache. Without it, values are shared through the database.
    pub redis: Option<RedisSettings>,
    /// `AUTH_SERVER_URL`: public base of continue, manage and interact URLs.
    pub server_url: Url,
    /// `IDENTITY_SERVER_URL`: the operator's consent page.
    pub identity_server_url: Url,
    /// `IDENTITY_SERVER_SECRET` of the operator's identity provider.
    pub identity_server_secret: Secret,
    /// `OPERATOR_TENANT_ID`: the tenant that is the operator.
    pub operator_tenant_id: Uuid,
    /// `ADMIN_API_SECRET` and the rest of the Admin API.
    pub admin_api: AdminApi,
    /// `COOKIE_KEY` that signs interaction cookies.
    pub cookie_key: Secret,
    /// `COOKIE_KEY_PREVIOUS`: the former `COOKIE_KEY`. Cookies that it signed are accepted while the new one replaces it.
    pub previous_cookie_key: Option<Secret>,
    /// `INTERACTION_COOKIE_SAME_SITE`: `lax` or `none`; by default `lax`.
    pub cookie_same_site: Option<SameSite>,
    /// `INTERACTION_EXPIRY_SECONDS`: how long an owner may take to decide.
    pub interaction_lifetime: Duration,
    /// `ACCESS_TOKEN_EXPIRY_SECONDS`: how long a token is valid.
    pub access_token_lifetime: Duration,
    /// `GRANT_EXPIRY_SECONDS`: how old a grant becomes, from its request on; 0 for any age. Its tokens end with it, and
    /// it gives no others.
    pub grant_lifetime: Option<Duration>,
    /// `PENDING_GRANT_EXPIRY_SECONDS`: how old a grant becomes whose client has not fetched its token; 0 for any age.
    pub pending_grant_lifetime: Option<Duration>,
    /// `GRANT_EVENTS_URL`: where events about grants are handed over, to be sent as webhooks: `/grant-events` of the
    /// backend's Admin listener. Without it there are none.
    pub grant_events_url: Option<Url>,
    /// `WAIT_SECONDS` between two continuations.
    pub continue_wait: Duration,
    /// `INCOMING_PAYMENT_INTERACTION`: incoming-payment grants need consent.
    pub incoming_payment_interaction: bool,
    /// `QUOTE_INTERACTION`: quote grants need consent.
    pub quote_interaction: bool,
    /// `LIST_ALL_ACCESS_INTERACTION`: `list-all` needs consent.
    pub list_all_interaction: bool,
    /// `ACCESS_TOKEN_DELETION_DAYS`: how long expired tokens are kept.
    pub access_token_retention: Duration,
    /// `DATABASE_CLEANUP_WORKERS`: whether this process removes expired rows; with 0 other processes do it.
    pub cleanup: Cleanup,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

/// Whether a process removes expired rows from the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// It does.
    Here,
    /// Another process does it, or none.
    Elsewhere,
}

/// Ports of an authorization server's listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthPorts {
    /// `AUTH_PORT`: GNAP.
    pub auth: u16,
    /// `ADMIN_PORT`: Admin GraphQL.
    pub admin: u16,
    /// `INTERACTION_PORT`: for the identity provider.
    pub interaction: u16,
    /// `INTROSPECTION_PORT`: for the resource server.
    pub introspection: u16,
    /// `SERVICE_API_PORT`: tenants, for the backend.
    pub service: u16,
}

/// How many requests of strangers that cost work are accepted in a minute; 0 for any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrangerLimits {
    /// `GRANT_REQUESTS_PER_MINUTE_PER_ADDRESS`: grant requests from one address in a minute; 0 for any number.
    pub grant_requests_per_address: u32,
    /// `GRANT_REQUESTS_PER_MINUTE_PER_CLIENT`: the same for one client, counted by its valid signatures.
    pub grant_requests_per_client: u32,
    /// `CONTINUATIONS_PER_MINUTE_PER_ADDRESS`: grants continued or cancelled, tokens rotated or revoked.
    pub continuations_per_address: u32,
    /// `CONTINUATIONS_PER_MINUTE_PER_CLIENT`: of one client, whose signature was good.
    pub continuations_per_client: u32,
    /// `INTROSPECTIONS_PER_MINUTE_PER_ADDRESS`: tokens looked up. Without a limit by default, because callers show the
    /// service secret.
    pub introspections_per_address: u32,
    /// `FAILURES_PER_MINUTE_PER_ADDRESS`: wrong signatures, tokens and interactions.
    pub failures_per_address: u32,
    /// `IDENTITY_PROVIDER_NEW_ADDRESSES_PER_MINUTE`: how often addresses that have never shown a tenant's right
    /// `x-idp-secret` may try it, all together. Addresses that have shown it are not counted.
    pub provider_secrets_from_new_addresses: u32,
}

impl StrangerLimits {
    fn read(r: &mut Reader<'_>) -> Self {
        Self {
            grant_requests_per_address: r.number("GRANT_REQUESTS_PER_MINUTE_PER_ADDRESS", 600, 0..=1_000_000),
            grant_requests_per_client: r.number("GRANT_REQUESTS_PER_MINUTE_PER_CLIENT", 600, 0..=1_000_000),
            continuations_per_address: r.number("CONTINUATIONS_PER_MINUTE_PER_ADDRESS", 600, 0..=1_000_000),
            continuations_per_client: r.number("CONTINUATIONS_PER_MINUTE_PER_CLIENT", 600, 0..=1_000_000),
            introspections_per_address: r.number("INTROSPECTIONS_PER_MINUTE_PER_ADDRESS", 0, 0..=100_000_000),
            failures_per_address: r.number("FAILURES_PER_MINUTE_PER_ADDRESS", 120, 0..=1_000_000),
            provider_secrets_from_new_addresses: r.number(
                "IDENTITY_PROVIDER_NEW_ADDRESSES_PER_MINUTE",
                30,
                0..=1_000_000,
            ),
        }
    }
}

/// The `SameSite` attribute of interaction cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `Lax`.
    Lax,
    /// `None`.
    None,
}

section!(Auth);

impl Auth {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let server_url = r.require_url("AUTH_SERVER_URL");
        let identity_server_url = r.require_url("IDENTITY_SERVER_URL");
        let identity_server_secret = r.require_secret("IDENTITY_SERVER_SECRET");
        let admin_api = AdminApi::read(r);
        let operator_tenant_id = r.require_parsed("OPERATOR_TENANT_ID");
        let cookie_key = r.require_secret("COOKIE_KEY");
        let database = r.database("AUTH_DATABASE_URL", "sqlite:./data/auth.db");
        let ports = AuthPorts::read(r);

        for name in ["ADMIN_API_SECRET", "IDENTITY_SERVER_SECRET", "COOKIE_KEY"] {
            r.judge_secret(name);
        }

        let mode = r.mode();
        if mode == Mode::Test {
            let text = "is test: nothing is removed from the database; the Admin API still requires signatures";
            r.notice("NODE_ENV", text);
        }

        let service_auth = ServiceAuth::read(r);
        let clients = r.file("OAUTH_CLIENTS_FILE");
        let oauth_clients = read_clients(r, clients);
        if oauth_clients.is_some() && service_auth.issuer.is_none() {
            r.problem(
                "OAUTH_ISSUER",
                "must be set with OAUTH_CLIENTS_FILE: the URL of SERVICE_API_PORT for other roles",
            );
        }

        let by_certificate = oauth_clients.iter().flatten().find(|client| !client.certificate_names.is_empty());
        if let Some(client) = by_certificate
            && !service_auth.has_certificate()
        {
            let id = &client.client_id;
            r.problem(
                "SERVICE_TLS_CERTIFICATE_FILE",
                format!(
                    "must be set, because the client {id:?} in OAUTH_CLIENTS_FILE has certificateNames: without TLS this \
                     listener sees no certificate"
                ),
            );
        }

        let same_site = [("lax", Some(SameSite::Lax)), ("none", Some(SameSite::None))];
        let year = 366 * 86_400;
        let retention_days = r.number("ACCESS_TOKEN_DELETION_DAYS", 30u64, 0..=36_600);
        let trust_proxy = r.flag("TRUST_PROXY", ByDefault::Off);

        Some(Self {
            mode,
            log_level: read_log_level(r),
            trust_proxy,
            signatures: Signatures::read(r),
            listeners: Listeners::read(r, trust_proxy),
            outbound_allowed_hosts: r.list("OUTBOUND_ALLOWED_HOSTS"),
            service_secret: r.secret("AUTH_SERVICE_SECRET"),
            previous_service_secret: r.secret("AUTH_SERVICE_SECRET_PREVIOUS"),
            service_auth,
            oauth_clients,
            oauth_signing_key: r.file("OAUTH_SIGNING_KEY_FILE"),
            previous_oauth_signing_key: r.file("OAUTH_SIGNING_KEY_FILE_PREVIOUS"),
            oauth_token_lifetime: Duration::from_secs(r.number("OAUTH_TOKEN_LIFETIME_SECONDS", 300, 10..=3600)),
            require_service_secret: r.flag("AUTH_SERVICE_REQUIRE_SECRET", ByDefault::On),
            limits: StrangerLimits::read(r),
            manual_migrations: r.flag("ENABLE_MANUAL_MIGRATIONS", ByDefault::Off),
            redis: RedisSettings::read(r),
            cookie_same_site: r.one_of("INTERACTION_COOKIE_SAME_SITE", None, &same_site),
            interaction_lifetime: Duration::from_secs(r.number("INTERACTION_EXPIRY_SECONDS", 600, 1..=year)),
            access_token_lifetime: Duration::from_secs(r.number("ACCESS_TOKEN_EXPIRY_SECONDS", 600, 1..=year)),
            grant_lifetime: age(r.number("GRANT_EXPIRY_SECONDS", 0, 0..=100 * year)),
            pending_grant_lifetime: age(r.number("PENDING_GRANT_EXPIRY_SECONDS", 86_400, 0..=100 * year)),
            grant_events_url: r.url("GRANT_EVENTS_URL"),
            continue_wait: Duration::from_secs(r.number("WAIT_SECONDS", 5, 0..=86_400)),
            incoming_payment_interaction: r.flag("INCOMING_PAYMENT_INTERACTION", ByDefault::Off),
            quote_interaction: r.flag("QUOTE_INTERACTION", ByDefault::Off),
            list_all_interaction: r.flag("LIST_ALL_ACCESS_INTERACTION", ByDefault::On),
            access_token_retention: Duration::from_secs(retention_days * 86_400),
            cleanup: Cleanup::read(r, mode),
            notices: Vec::new(),
            ports,
            database: database?,
            server_url: server_url?,
            identity_server_url: identity_server_url?,
            identity_server_secret: identity_server_secret?,
            operator_tenant_id: operator_tenant_id?,
            admin_api: admin_api?,
            cookie_key: cookie_key?,
            previous_cookie_key: r.secret("COOKIE_KEY_PREVIOUS"),
        })
    }
}

fn age(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

impl Cleanup {
    fn read(r: &mut Reader<'_>, mode: Mode) -> Self {
        match r.number("DATABASE_CLEANUP_WORKERS", 1u16, 0..=256) {
            0 => Self::Elsewhere,
            _ if mode == Mode::Test => Self::Elsewhere,
            _ => Self::Here,
        }
    }
}

impl AuthPorts {
    fn read(r: &mut Reader<'_>) -> Self {
        let ports = Self {
            auth: r.port("AUTH_PORT", 3006),
            admin: r.port("ADMIN_PORT", 3003),
            interaction: r.port("INTERACTION_PORT", 3009),
            introspection: r.port("INTROSPECTION_PORT", 3007),
            service: r.port("SERVICE_API_PORT", 3011),
        };
        r.distinct_ports(&[
            ("AUTH_PORT", ports.auth),
            ("ADMIN_PORT", ports.admin),
            ("INTERACTION_PORT", ports.interaction),
            ("INTROSPECTION_PORT", ports.introspection),
            ("SERVICE_API_PORT", ports.service),
        ]);
        ports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    const REQUIRED: [(&str, &str); 6] = [
        ("AUTH_SERVER_URL", "http://localhost:3006"),
        ("IDENTITY_SERVER_URL", "http://localhost:3030/mock-idp/"),
        ("IDENTITY_SERVER_SECRET", "idp"),
        ("ADMIN_API_SECRET", "secret"),
        ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
        ("COOKIE_KEY", "cookie"),
    ];

    #[test]
    fn the_required_variables_are_enough_and_the_rest_has_the_references_defaults() {
        let auth = Auth::from_environment(&Environment::of(REQUIRED)).unwrap();
        let ports = AuthPorts { auth: 3006, admin: 3003, interaction: 3009, introspection: 3007, service: 3011 };
        assert_eq!(auth.ports, ports);
        assert_eq!(auth.access_token_lifetime, Duration::from_mins(10));
        assert!(auth.list_all_interaction && !auth.quote_interaction);
        assert_eq!(auth.cookie_same_site, None);
        assert_eq!(auth.signatures.max_age, Duration::from_mins(5));
    }

    #[test]
    fn the_age_of_signatures_and_the_origin_they_are_for_can_be_set() {
        let mut environment = Environment::of(REQUIRED);
        environment.set("SIGNATURE_MAX_AGE_SECONDS", "0");
        environment.set("SIGNATURE_CLOCK_SKEW_SECONDS", "5");
        environment.set("SIGNATURE_PUBLIC_URL", "https://auth.example");
        environment.set("SIGNATURE_ANY_HOST", "true");
        let signatures = Signatures {
            max_age: Duration::ZERO,
            clock_skew: Duration::from_secs(5),
            public_url: Some("https://auth.example".parse().unwrap()),
            any_host: true,
        };
        assert_eq!(Auth::from_environment(&environment).unwrap().signatures, signatures);
    }

    #[test]
    fn cleanup_can_be_switched_off_and_equal_ports_are_refused() {
        let mut environment = Environment::of(REQUIRED);
        assert_eq!(Auth::from_environment(&environment).unwrap().cleanup, Cleanup::Here);
        environment.set("DATABASE_CLEANUP_WORKERS", "0");
        assert_eq!(Auth::from_environment(&environment).unwrap().cleanup, Cleanup::Elsewhere);
        environment.set("INTROSPECTION_PORT", "3006");
        let refused = Auth::from_environment(&environment).unwrap_err();
        assert_eq!(refused.problems[0].name, "INTROSPECTION_PORT", "{refused}");
    }

    #[test]
    fn a_client_with_a_certificate_needs_a_listener_that_sees_certificates() {
        let file = std::env::temp_dir().join(format!("clients-by-certificate-{}.json", std::process::id()));
        std::fs::write(&file, r#"[{"clientId": "till", "certificateNames": ["urn:rafiki:role:point-of-sale"]}]"#)
            .unwrap();
        let mut environment = Environment::of(REQUIRED);
        environment.set("OAUTH_CLIENTS_FILE", file.to_str().unwrap());
        environment.set("OAUTH_ISSUER", "https://auth.internal:3011");
        let refused = Auth::from_environment(&environment).unwrap_err();
        assert_eq!(refused.problems[0].name, "SERVICE_TLS_CERTIFICATE_FILE", "{refused}");
        assert!(refused.problems[0].reason.contains("\"till\""), "{refused}");
        for name in ["SERVICE_TLS_CERTIFICATE_FILE", "SERVICE_TLS_KEY_FILE", "SERVICE_TLS_AUTHORITIES_FILE"] {
            environment.set(name, file.to_str().unwrap());
        }
        assert!(Auth::from_environment(&environment).is_ok());
        let _ = std::fs::remove_file(file);
    }

    #[test]
    fn every_missing_variable_is_reported_at_once() {
        let error = Auth::from_environment(&Environment::default()).unwrap_err();
        assert_eq!(error.problems.len(), REQUIRED.len(), "{error}");
    }
}
