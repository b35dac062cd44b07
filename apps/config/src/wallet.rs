//! The account-servicing entity's section.
//!
//! The seed is data of the wallet. This section has only its path.

use std::path::PathBuf;
use std::time::Duration;

use service_auth::{Service, Ways};
use url::Url;
use uuid::Uuid;

use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::section::section;
use crate::service_auth::ServiceAuth;
use crate::wallet_modules::{HasPages, WalletModules};
use crate::{DatabaseUrl, Mode, Secret};

/// The settings of the wallet.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`.
    pub mode: Mode,
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// What all listeners have in common. The wallet has no public one: put a proxy with TLS before its
    /// pages.
    pub listeners: Listeners,
    /// `PORT`; 0 lets the system choose.
    pub port: u16,
    /// `DISPLAY_NAME`: its name for people. By default `Wallet`.
    pub display_name: String,
    /// `OPEN_PAYMENTS_URL`: base of wallet addresses.
    pub open_payments_url: Url,
    /// `GRAPHQL_URL`: the backend's Admin API.
    pub graphql_url: Url,
    /// `OPERATOR_TENANT_ID`: the tenant for which the wallet acts, unless it is the wallet of a tenant.
    pub tenant_id: Uuid,
    /// `IS_TENANT`: the wallet acts for the first of `tenants` in its seed file. It makes this tenant with
    /// `OPERATOR_TENANT_ID` and `SIGNATURE_SECRET`, if there is none, and then uses the secret of the tenant only.
    pub is_tenant: bool,
    /// How services prove who they are.
    pub service_auth: ServiceAuth,
    /// `SIGNATURE_SECRET`: signs Admin API requests. It is not needed if `SERVICE_AUTH` has no `hmac`.
    pub admin_secret: Secret,
    /// `SIGNATURE_VERSION`: the number after `v` in signatures of requests.
    pub admin_signature_version: u32,
    /// `WEBHOOK_SIGNATURE_SECRET`, by default the admin secret.
    pub webhook_secret: Secret,
    /// `WEBHOOK_SIGNATURE_SECRET_PREVIOUS`: the previous secret. It is also accepted, while the backend is given the new
    /// one.
    pub previous_webhook_secret: Option<Secret>,
    /// Whether a webhook without any signature is accepted.
    pub unsigned_webhooks: UnsignedWebhooks,
    /// `WEBHOOK_SIGNATURE_VERSION`: the number after `v` in signatures of events. By default that of requests.
    pub webhook_signature_version: u32,
    /// `WEBHOOK_TOLERANCE_MS`: the greatest age of a webhook's signature.
    pub webhook_tolerance: Duration,
    /// `DATABASE_URL`: `sqlite:<file>` or `postgres://…`.
    pub database: DatabaseUrl,
    /// `SEED_FILE_LOCATION`; without it nothing is seeded.
    pub seed_file: Option<PathBuf>,
    /// The content of `KEY_FILE` (PEM, PKCS #8): its public key is published on seeded wallet addresses.
    pub key_pem: Option<Secret>,
    /// `FEE_POLICY`: what a customer pays beyond what was sent: `fee_plus_sent` (default), `full_debit`, `compat`.
    pub fee_policy: FeePolicy,
    /// `HOLD_CHECK_AFTER_S`: if no event has settled what is held for a payment in so many seconds, the wallet asks the
    /// instance what became of the payment, and asks again after the same time. It also takes in events that are older
    /// than this and have not arrived.
    pub holds_are_old: Duration,
    /// `AUTO_CREATE_ADDRESS`: create the address of an account at the first request for it.
    pub auto_create_address: bool,
    /// `CARD_VERIFICATION`: how payments by card are checked: `chip` (default) checks cryptogram, counter and PIN,
    /// `off` accepts any card data.
    pub card_verification: CardVerification,
    /// `LIQUIDITY_TOPUP`: what is deposited when liquidity is low; 0 for nothing.
    pub liquidity_topup: u64,
    /// `LIQUIDITY_TOPUP_DAY_MAX`: the most that is deposited so for one asset or peer within 24 hours. Without it there is
    /// no most.
    pub liquidity_topup_day_max: Option<u64>,
    /// The pages for customers; `None` if `WALLET_MODE` is `headless`.
    pub pages: Option<WalletPages>,
    /// Which modules run in this process.
    pub modules: WalletModules,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

/// The settings of the pages for customers.
#[derive(Clone, Debug)]
pub struct WalletPages {
    /// `WALLET_MODE`: `wallet`, `playground` (play money, sign-up without a letter, and signing in with one click) or
    /// `headless` (no pages). By default `playground` in development, and otherwise `headless`.
    pub playground: bool,
    /// `PUBLIC_URL`: the address at which browsers reach the wallet. By default `INTERACTION_RETURN_URL`, the name of the
    /// original's wallet, or `http://localhost` with `PORT`.
    pub public_url: Url,
    /// `LOGIN_IDLE_S`: after so many seconds without a request a customer is signed out.
    pub idle: Duration,
    /// `LOGIN_MAX_S`: after so many seconds a customer is signed out in any case.
    pub absolute: Duration,
    /// `WALLET_OPERATORS`: the e-mail addresses of users who may open the operators' pages, separated by commas. Nobody
    /// else finds these pages. By default nobody may.
    pub operators: Vec<String>,
    /// The authorization server that asks for consent; `None` without `IDP_SECRET`, unless the wallet shows it a token or a
    /// certificate.
    pub consent: Option<WalletConsent>,
    /// The provider of OAuth 2.0 that asks the wallet who somebody is; `None` without `CHALLENGE_PROVIDER_URL`.
    pub challenges: Option<WalletChallenges>,
    /// `AUTH_GRAPHQL_URL`: the Admin API of the authorization server, which has the grants. Without it customers see no
    /// agreements.
    pub auth_graphql_url: Option<Url>,
    /// The mail server that takes letters to customers; `None` without `MAIL_SMTP_URL`. Then letters are lines of the
    /// log. Outside of development a `wallet` needs one.
    pub mail: Option<WalletMail>,
    /// `DB_ENCRYPTION_SECRET`: base64 of 32 octets, the key with which the secrets of second factors are encrypted in the
    /// database. Without it they are stored as they are.
    pub encryption_key: Option<[u8; 32]>,
    /// `DB_ENCRYPTION_FORMER_SECRETS`: earlier keys, separated by commas. They decrypt what they encrypted and encrypt
    /// nothing.
    pub former_encryption_keys: Vec<[u8; 32]>,
}

/// The mail server of a wallet.
#[derive(Clone, Debug)]
pub struct WalletMail {
    /// `MAIL_SMTP_URL`: `smtps://user:password@host` for TLS from the beginning, or
    /// `smtp://user:password@host?tls=required` for TLS after `STARTTLS`. Without TLS only a server on the same machine
    /// is accepted.
    pub url: Secret,
    /// `MAIL_FROM`: the sender of letters, for example `Bank <letters@bank.example>`.
    pub from: String,
}

/// A provider of OAuth 2.0, such as Ory Hydra, that sends browsers to the wallet's pages `/oauth/login`, `/oauth/consent`
/// and `/oauth/logout`.
#[derive(Clone, Debug)]
pub struct WalletChallenges {
    /// `CHALLENGE_PROVIDER_URL`: its public address and name as an issuer (`urls.self.issuer` of Hydra). Browsers are sent
    /// back there and to no other place.
    pub provider: Url,
    /// `CHALLENGE_PROVIDER_ADMIN_URL`: its admin API, which only the wallet calls.
    pub admin: Url,
    /// `CHALLENGE_PROVIDER_ADMIN_TOKEN`: what the admin API demands as `Authorization: Bearer`, if it demands anything.
    pub token: Option<Secret>,
    /// The audience of tokens: `OPEN_PAYMENTS_URL` without a slash at the end. A tenant has addresses elsewhere, but its
    /// tokens are for the listener of the instance.
    pub audience: String,
}

/// The authorization server that asks the wallet's customers for consent.
#[derive(Clone, Debug)]
pub struct WalletConsent {
    /// `IDP_SECRET`: the secret of the tenant's identity provider, as the authorization server knows it. It is not needed if
    /// `SERVICE_AUTH` has `token` or `mtls`.
    pub secret: Option<Secret>,
    /// `AUTH_SERVER_DOMAIN`: its public address, to which browsers are sent back.
    pub auth_server: Url,
    /// `AUTH_IDP_SERVICE_DOMAIN`: its interaction API, which only the wallet calls.
    pub interactions: Url,
}

/// Whether a webhook without any signature is accepted. A webhook with a wrong signature is always refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsignedWebhooks {
    /// It is refused.
    Refused,
    /// It is accepted with a warning: in development, where the published playground has an instance that does not
    /// sign, unless `WEBHOOK_SIGNATURE_SECRET` is set.
    Believed,
}

/// How payments by card are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardVerification {
    /// The chip's cryptogram, counter and PIN are checked.
    Chip,
    /// All card data are accepted, as in the original's mock.
    Off,
}

/// What a customer pays for a completed payment beyond what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FeePolicy {
    /// The fee; unused slippage goes back to the customer.
    #[default]
    FeePlusSent,
    /// The whole debit amount of the quote.
    FullDebit,
    /// Nothing, as in the reference's mock. Remaining money is not withdrawn.
    Compat,
}

section!(Wallet);

impl Wallet {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let open_payments_url = r.require_url("OPEN_PAYMENTS_URL");
        let graphql_url = r.require_url("GRAPHQL_URL");
        let tenant_id = r.require_parsed("OPERATOR_TENANT_ID");
        let service_auth = ServiceAuth::read(r);
        let admin_secret = if service_auth.any_secrets() {
            r.require_secret("SIGNATURE_SECRET")
        } else {
            service_auth.secret_unless_tokens(r.secret("SIGNATURE_SECRET"))
        };
        let admin_signature_version = r.number("SIGNATURE_VERSION", 1, 0..=u32::MAX);
        let webhook_secret = r.secret("WEBHOOK_SIGNATURE_SECRET").or_else(|| admin_secret.clone());
        let webhook_signature_version = r.number("WEBHOOK_SIGNATURE_VERSION", admin_signature_version, 0..=u32::MAX);

        let mode = r.mode();
        let unsigned_webhooks = read_unsigned_webhooks(r, mode);
        for name in ["SIGNATURE_SECRET", "WEBHOOK_SIGNATURE_SECRET"] {
            r.judge_secret(name);
        }

        let is_tenant = read_is_tenant(r, &service_auth);
        let card_verification = read_card_verification(r);
        read_not_built(r);
        let database = r.database("DATABASE_URL", "sqlite:./data/wallet.db");
        let policies = [
            ("fee_plus_sent", FeePolicy::FeePlusSent),
            ("full_debit", FeePolicy::FullDebit),
            ("compat", FeePolicy::Compat),
        ];
        let trust_proxy = r.flag("TRUST_PROXY", ByDefault::Off);
        let port = r.port("PORT", 3030);
        let to_auth = service_auth.link_ways().of(Service::AuthIdp);
        let pages = read_pages(r, mode, port, to_auth, open_payments_url.as_ref());
        let has_pages = if pages.is_some() { HasPages::Yes } else { HasPages::No };
        let modules = WalletModules::read(r, has_pages, &service_auth);

        Some(Self {
            mode,
            log_level: read_log_level(r),
            listeners: Listeners::read(r, trust_proxy),
            port,
            display_name: r.text("DISPLAY_NAME").unwrap_or_else(|| "Wallet".to_owned()),
            webhook_tolerance: r.millis("WEBHOOK_TOLERANCE_MS", 300_000),
            seed_file: r.text("SEED_FILE_LOCATION").map(PathBuf::from),
            key_pem: r.private_key("KEY_FILE"),
            fee_policy: r.one_of("FEE_POLICY", FeePolicy::default(), &policies),
            holds_are_old: Duration::from_secs(r.number("HOLD_CHECK_AFTER_S", 180, 1..=86_400)),
            auto_create_address: r.flag("AUTO_CREATE_ADDRESS", ByDefault::On),
            card_verification,
            liquidity_topup: r.number("LIQUIDITY_TOPUP", 1_000_000, 0..=u64::MAX),
            liquidity_topup_day_max: r.parsed("LIQUIDITY_TOPUP_DAY_MAX"),
            open_payments_url: open_payments_url?,
            graphql_url: graphql_url?,
            tenant_id: tenant_id?,
            is_tenant,
            admin_secret: admin_secret?,
            admin_signature_version,
            webhook_secret: webhook_secret?,
            previous_webhook_secret: r.secret("WEBHOOK_SIGNATURE_SECRET_PREVIOUS"),
            service_auth,
            unsigned_webhooks,
            webhook_signature_version,
            database: database?,
            pages,
            modules,
            notices: Vec::new(),
        })
    }
}

/// Whether webhooks without a signature are accepted.
fn read_unsigned_webhooks(r: &mut Reader<'_>, mode: Mode) -> UnsignedWebhooks {
    if mode != Mode::Development || r.text("WEBHOOK_SIGNATURE_SECRET").is_some() {
        return UnsignedWebhooks::Refused;
    }
    let text = "is not set: in development a webhook without a signature is accepted; set it to the instance's \
                SIGNATURE_SECRET to refuse such webhooks";
    r.notice("WEBHOOK_SIGNATURE_SECRET", text);
    UnsignedWebhooks::Believed
}

fn read_card_verification(r: &mut Reader<'_>) -> CardVerification {
    let verifications = [("chip", CardVerification::Chip), ("off", CardVerification::Off)];
    let verification = r.one_of("CARD_VERIFICATION", CardVerification::Chip, &verifications);
    if verification == CardVerification::Off {
        let text = "is off: any caller that names a customer's wallet address can pay with the customer's card; remove \
                    it to check chips";
        r.notice("CARD_VERIFICATION", text);
    }
    verification
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WalletMode {
    Wallet,
    Playground,
    Headless,
}

/// The pages; `None` if there are none, or if a URL of them is not one. The latter is noted as a problem.
fn read_pages(
    r: &mut Reader<'_>,
    mode: Mode,
    port: u16,
    to_auth: Ways,
    open_payments_url: Option<&Url>,
) -> Option<WalletPages> {
    let modes =
        [("wallet", WalletMode::Wallet), ("playground", WalletMode::Playground), ("headless", WalletMode::Headless)];
    let default = if mode == Mode::Development { WalletMode::Playground } else { WalletMode::Headless };
    let chosen = r.one_of("WALLET_MODE", default, &modes);
    let usual = |port: u16| Url::parse(&format!("http://localhost:{port}")).ok();
    let public_url = r.url("PUBLIC_URL").or_else(|| r.url("INTERACTION_RETURN_URL")).or_else(|| usual(port))?;
    let idle = Duration::from_secs(r.number("LOGIN_IDLE_S", 1_800, 60..=2_592_000));
    let absolute = Duration::from_secs(r.number("LOGIN_MAX_S", 43_200, 60..=2_592_000));
    let auth_server = r.url("AUTH_SERVER_DOMAIN").or_else(|| usual(3006))?;
    let interactions = r.url("AUTH_IDP_SERVICE_DOMAIN").or_else(|| usual(3009))?;
    let secret = r.secret("IDP_SECRET").filter(|_| to_auth.secrets());
    r.judge_secret("IDP_SECRET");
    let has_proof = secret.is_some() || to_auth.tokens() || to_auth.certificates();
    let consent = has_proof.then_some(WalletConsent { secret, auth_server, interactions });
    let auth_graphql_url = r.url("AUTH_GRAPHQL_URL");
    let challenges = read_challenges(r, open_payments_url);
    let playground = chosen == WalletMode::Playground;
    let mail = read_mail(r, mode, chosen);
    let operators = read_operators(r, chosen);
    let (encryption_key, former_encryption_keys) =
        (r.key32("DB_ENCRYPTION_SECRET"), r.keys32("DB_ENCRYPTION_FORMER_SECRETS"));
    let pages = WalletPages {
        playground,
        public_url,
        idle,
        absolute,
        operators,
        consent,
        challenges,
        auth_graphql_url,
        mail,
        encryption_key,
        former_encryption_keys,
    };
    (chosen != WalletMode::Headless).then_some(pages)
}

/// The provider that asks with challenges.
fn read_challenges(r: &mut Reader<'_>, open_payments_url: Option<&Url>) -> Option<WalletChallenges> {
    const BOTH: &str = "must be set together with the other address of the provider";
    let audience = open_payments_url.map_or("", Url::as_str).trim_end_matches('/').to_owned();
    let token = r.secret("CHALLENGE_PROVIDER_ADMIN_TOKEN");
    match (r.url("CHALLENGE_PROVIDER_URL"), r.url("CHALLENGE_PROVIDER_ADMIN_URL")) {
        (Some(provider), Some(admin)) => Some(WalletChallenges { provider, admin, token, audience }),
        (None, None) => {
            r.no_effect(&["CHALLENGE_PROVIDER_ADMIN_TOKEN"], "CHALLENGE_PROVIDER_URL is not set");
            None
        }
        (Some(_), None) => {
            r.problem("CHALLENGE_PROVIDER_ADMIN_URL", BOTH);
            None
        }
        (None, Some(_)) => {
            r.problem("CHALLENGE_PROVIDER_URL", BOTH);
            None
        }
    }
}

/// Who may open the operators' pages.
fn read_operators(r: &mut Reader<'_>, chosen: WalletMode) -> Vec<String> {
    let operators = r.list("WALLET_OPERATORS");
    if operators.iter().any(|email| !email.contains('@')) {
        r.problem("WALLET_OPERATORS", "must be e-mail addresses of users of this wallet, separated by commas");
    }
    if !operators.is_empty() && chosen == WalletMode::Playground {
        let text = "is set in a playground, where nobody confirms an e-mail address: nobody signs up with one of these \
                    addresses; their users are in the seed file";
        r.notice("WALLET_OPERATORS", text);
    }
    operators
}

/// The mail server. Links in letters let their reader do things, so only in development they may be lines of the log.
fn read_mail(r: &mut Reader<'_>, mode: Mode, chosen: WalletMode) -> Option<WalletMail> {
    let (url, from) = (r.secret("MAIL_SMTP_URL"), r.text("MAIL_FROM"));
    let Some(url) = url else {
        match (mode, chosen) {
            (_, WalletMode::Headless) => {}
            (Mode::Development, _) | (_, WalletMode::Playground) => {
                let text = "is not set: letters to customers are lines of the log, with their links; set it to \
                            smtps://user:password@host";
                r.notice("MAIL_SMTP_URL", text);
            }
            (_, WalletMode::Wallet) => {
                r.problem("MAIL_SMTP_URL", "must be set: customers confirm their e-mail address with a letter");
            }
        }
        return None;
    };
    if !is_safe(url.expose()) {
        r.problem("MAIL_SMTP_URL", "must be smtps://host or smtp://host?tls=required, unless the host is this machine");
    }
    let Some(from) = from else {
        r.problem("MAIL_FROM", "must be set beside MAIL_SMTP_URL, for example Bank <letters@bank.example>");
        return None;
    };
    Some(WalletMail { url, from })
}

/// Whether letters reach the server over TLS, or without leaving this machine.
fn is_safe(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let required = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "smtps" => true,
        "smtp" => required || here,
        _ => false,
    }
}

/// Variables of the original's wallet that have no effect here, with the reason.
fn read_not_built(r: &mut Reader<'_>) {
    let pages = ["DISPLAY_ICON", "FRONTEND_PORT", "ENABLE_INSECURE_MESSAGE_COOKIE"];
    r.no_effect(&pages, "the pages have one look, and need neither a second port nor this cookie");
    r.no_effect(&["TESTNET_AUTOPEER_URL"], "there is no auto-peering yet; name peers in the seed file");
}

/// Whether the wallet acts for a tenant of its own seed file.
fn read_is_tenant(r: &mut Reader<'_>, service_auth: &ServiceAuth) -> bool {
    let is_tenant = r.flag("IS_TENANT", ByDefault::Off);
    if is_tenant && r.text("SEED_FILE_LOCATION").is_none() {
        r.problem(
            "SEED_FILE_LOCATION",
            "must be set beside IS_TENANT: the tenant is the first of `tenants` in this file",
        );
    }
    if is_tenant && !service_auth.any_secrets() {
        let reason = "cannot be true if SERVICE_AUTH has no hmac: a tenant signs with its own secret; a wallet with \
                      tokens has a client of the tenant instead, which the operator makes";
        r.problem("IS_TENANT", reason);
    }
    is_tenant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

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
    fn unsigned_webhooks_are_accepted_in_development_only_and_only_without_a_secret_for_them() {
        let mut environment = Environment::of(REQUIRED);
        let believed = |environment: &Environment| Wallet::from_environment(environment).unwrap().unsigned_webhooks;
        assert_eq!(believed(&environment), UnsignedWebhooks::Believed);
        environment.set("WEBHOOK_SIGNATURE_SECRET", "other");
        assert_eq!(believed(&environment), UnsignedWebhooks::Refused);
        environment.set("WEBHOOK_SIGNATURE_SECRET", "");
        environment.set("NODE_ENV", "production");
        assert_eq!(believed(&environment), UnsignedWebhooks::Refused);
    }

    #[test]
    fn pages_are_a_playground_in_development_only_and_can_be_left_out() {
        let mut environment = Environment::of(REQUIRED);
        let pages = |environment: &Environment| Wallet::from_environment(environment).unwrap().pages;
        assert!(pages(&environment).unwrap().playground);
        environment.set("NODE_ENV", "production");
        environment.set("WEBHOOK_SIGNATURE_SECRET", "another long enough secret");
        assert!(pages(&environment).is_none(), "pages are opened by a setting only");
        environment.set("WALLET_MODE", "wallet");
        environment.set("MAIL_SMTP_URL", "smtps://bank:secret@mail.example");
        environment.set("MAIL_FROM", "Bank <letters@bank.example>");
        let wallet = pages(&environment).unwrap();
        assert!(!wallet.playground && wallet.consent.is_none());
        environment.set("IDP_SECRET", "a long enough secret of the provider");
        assert_eq!(pages(&environment).unwrap().consent.unwrap().interactions.as_str(), "http://localhost:3009/");
        environment.set("IDP_SECRET", "");
        for (name, value) in [
            ("SERVICE_AUTH_LINKS", "auth-idp=token"),
            ("OAUTH_ISSUER", "http://auth:3011"),
            ("OAUTH_CLIENT_ID", "wallet"),
            ("OAUTH_CLIENT_SECRET", "a long secret of the wallet"),
        ] {
            environment.set(name, value);
        }
        assert!(pages(&environment).unwrap().consent.unwrap().secret.is_none(), "a token is shown instead");
        environment.set("WALLET_MODE", "headless");
        assert!(pages(&environment).is_none());
    }

    #[test]
    fn consent_needs_no_secret_where_a_token_proves_who_the_wallet_is() {
        let mut environment = Environment::of(REQUIRED);
        let consent = |environment: &Environment| Wallet::from_environment(environment).unwrap().pages.unwrap().consent;
        assert!(consent(&environment).is_none());
        for (name, value) in [
            ("SERVICE_AUTH", "token"),
            ("OAUTH_ISSUER", "https://auth.example"),
            ("OAUTH_CLIENT_ID", "wallet"),
            ("OAUTH_CLIENT_SECRET", "a long enough secret of the wallet"),
        ] {
            environment.set(name, value);
        }
        assert!(consent(&environment).unwrap().secret.is_none());
        environment.set("IDP_SECRET", "a long enough secret of the provider");
        assert!(consent(&environment).unwrap().secret.is_none(), "it is not shown where only tokens count");
        environment.set("SERVICE_AUTH", "hmac,token");
        assert!(consent(&environment).unwrap().secret.is_some());
    }

    #[test]
    fn letters_of_a_real_wallet_leave_over_tls_through_a_mail_server() {
        let mut environment = Environment::of(REQUIRED);
        let notices = Wallet::from_environment(&environment).unwrap().notices;
        assert!(notices.iter().any(|notice| notice.name == "MAIL_SMTP_URL"), "{notices:?}");
        environment.set("NODE_ENV", "production");
        environment.set("WEBHOOK_SIGNATURE_SECRET", "another long enough secret");
        environment.set("WALLET_MODE", "wallet");
        let refused = |environment: &Environment| {
            let problems = Wallet::from_environment(environment).err().map(|error| error.problems).unwrap_or_default();
            problems.into_iter().map(|problem| problem.name).collect::<Vec<_>>()
        };
        assert!(refused(&environment).contains(&"MAIL_SMTP_URL".to_owned()));
        environment.set("MAIL_FROM", "Bank <letters@bank.example>");
        for (url, good) in [
            ("smtp://mail.example", false),
            ("smtp://mail.example?tls=opportunistic", false),
            ("https://mail.example", false),
            ("smtp://mail.example?tls=required", true),
            ("smtp://127.0.0.1:25", true),
            ("smtps://bank:secret@mail.example", true),
        ] {
            environment.set("MAIL_SMTP_URL", url);
            assert_eq!(!refused(&environment).contains(&"MAIL_SMTP_URL".to_owned()), good, "{url}");
        }
        environment.set("MAIL_FROM", "");
        assert!(refused(&environment).contains(&"MAIL_FROM".to_owned()));
    }

    #[test]
    fn tokens_of_a_provider_are_for_the_listener_of_the_instance() {
        let mut environment = Environment::of(REQUIRED);
        environment.set("CHALLENGE_PROVIDER_URL", "https://hydra.example");
        environment.set("CHALLENGE_PROVIDER_ADMIN_URL", "http://hydra.internal:4445");
        let pages = Wallet::from_environment(&environment).unwrap().pages.unwrap();
        assert_eq!(pages.challenges.unwrap().audience, "https://localhost:3000");
    }

    #[test]
    fn the_wallet_of_a_tenant_needs_a_seed_file_with_the_tenant_and_a_secret() {
        let mut environment = Environment::of(REQUIRED);
        assert!(!Wallet::from_environment(&environment).unwrap().is_tenant);
        environment.set("IS_TENANT", "true");
        assert_eq!(Wallet::from_environment(&environment).unwrap_err().problems[0].name, "SEED_FILE_LOCATION");
        environment.set("SEED_FILE_LOCATION", "./seed.yml");
        assert!(Wallet::from_environment(&environment).unwrap().is_tenant);
        environment.set("SERVICE_AUTH", "token");
        environment.set("OAUTH_ISSUER", "http://auth:3011");
        environment.set("OAUTH_CLIENT_ID", "wallet");
        environment.set("OAUTH_CLIENT_SECRET", "a long enough secret of the client");
        let problems = Wallet::from_environment(&environment).unwrap_err().problems;
        assert!(problems.iter().any(|problem| problem.name == "IS_TENANT"), "{problems:?}");
    }

    #[test]
    fn every_missing_variable_is_reported_at_once() {
        let error = Wallet::from_environment(&Environment::default()).unwrap_err();
        assert_eq!(error.problems.len(), REQUIRED.len(), "{error}");
    }

    #[test]
    fn operators_are_named_by_their_addresses_and_nobody_is_one_unless_named() {
        let operators =
            |environment: &Environment| Wallet::from_environment(environment).map(|read| read.pages.unwrap().operators);
        let mut environment = Environment::of(REQUIRED);
        environment.set("WALLET_MODE", "playground");
        assert!(operators(&environment).unwrap().is_empty());
        environment.set("WALLET_OPERATORS", "ops@bank.example, Boss@bank.example");
        assert_eq!(operators(&environment).unwrap(), ["ops@bank.example", "Boss@bank.example"]);
        let notices = Wallet::from_environment(&environment).unwrap().notices;
        assert!(notices.iter().any(|notice| notice.name == "WALLET_OPERATORS"));
        environment.set("WALLET_OPERATORS", "everybody");
        assert_eq!(operators(&environment).unwrap_err().problems[0].name, "WALLET_OPERATORS");
    }
}
