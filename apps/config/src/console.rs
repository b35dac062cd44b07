//! The operators' console's section.
//!
//! Names and defaults are the original's where it has them.

use std::path::PathBuf;
use std::time::Duration;

use service_auth::Service;
use url::Url;

use crate::four_eyes::AssetLimit;
use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::section::section;
use crate::service_auth::ServiceAuth;
use crate::sign_in_provider::SignInProvider;
use crate::{Mode, Secret};

/// The settings of a console.
#[derive(Clone, Debug)]
pub struct Console {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`. Outside of `development` cookies are sent over TLS
    /// only.
    pub mode: Mode,
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// `TRUST_PROXY`: trust the headers `X-Forwarded-*`.
    pub trust_proxy: bool,
    /// What all listeners have in common. The console has no public one: put a proxy with TLS before it.
    pub listeners: Listeners,
    /// `PORT`: the pages. 0 lets the system choose.
    pub port: u16,
    /// `INSTANCE_NAME`: the name at the top of every page. By default `Rafiki`.
    pub instance_name: String,
    /// `GRAPHQL_URL`: the backend's Admin API.
    pub graphql_url: Url,
    /// `AUTH_GRAPHQL_URL`: the authorization server's Admin API, which has the grants. Without it the console shows no
    /// grants.
    pub auth_graphql_url: Option<Url>,
    /// `OPEN_PAYMENTS_URL`: the beginning of wallet addresses, for tenants without their own setting.
    pub open_payments_url: Url,
    /// `SIGNATURE_VERSION`: the number after `v` in signatures of requests.
    pub signature_version: u32,
    /// `COOKIE_SECRET`: encrypts the cookies of signed-in users. It must be equal in every process of the console.
    /// Outside of development it must be set; in development each start makes one.
    pub cookie_secret: Option<Secret>,
    /// `COOKIE_SECRET_PREVIOUS`: the former `COOKIE_SECRET`. Sessions, forms and changes that wait, which were made with it,
    /// stay valid while the new one replaces it.
    pub previous_cookie_secret: Option<Secret>,
    /// How the console proves itself to the Admin APIs. With shared secrets, people sign in with the secret of a tenant,
    /// and the console signs with it. Without them the console acts as a service, and people sign in at a provider only.
    pub service_auth: ServiceAuth,
    /// `CONSOLE_IDLE_MINUTES`: after this time without a request a user is signed out.
    pub idle: Duration,
    /// `CONSOLE_SESSION_HOURS`: after this time a user is signed out in any case.
    pub session: Duration,
    /// `CONSOLE_AUDIT_FILE`: the file that records every change made in the console. By default
    /// `./data/console-audit.jsonl`.
    pub audit_file: PathBuf,
    /// `CONSOLE_FOUR_EYES_ABOVE`: how much one person may move alone, such as `USD 1000, EUR 900.50`. A change that
    /// moves more waits until a second person approves it; so does a change that moves any amount of another asset, or
    /// that cannot be undone. Without it no change waits.
    pub four_eyes: Vec<AssetLimit>,
    /// `CONSOLE_FOUR_EYES_WINDOW_HOURS`: what one person moves alone within this time counts together, so that several small
    /// changes are not a way around the limit.
    pub four_eyes_window: Duration,
    /// `CONSOLE_APPROVAL_HOURS`: after this time a change that nobody approved is given up.
    pub approval: Duration,
    /// `CONSOLE_APPROVALS_FILE`: the file with the changes that wait for a second person. By default
    /// `./data/console-approvals.json`.
    pub approvals_file: PathBuf,
    /// `CONSOLE_URL`: the address of this console in a browser. If it has a path, such as `https://ops.example/rafiki`, all
    /// pages are below the path; the proxy passes it on. A sign-in provider sends people back to `/sign-in/callback` below
    /// it.
    pub url: Option<Url>,
    /// The OpenID Connect provider.
    pub provider: Option<SignInProvider>,
    /// `CONSOLE_SIGN_INS_PER_MINUTE_PER_ADDRESS`: how many wrong attempts to sign in one address may make; 0 for any
    /// number.
    pub sign_ins_per_minute: u32,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

section!(Console);

impl Console {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let mode = r.mode();
        let trust_proxy = r.flag("TRUST_PROXY", ByDefault::Off);
        let graphql_url = r.require_url("GRAPHQL_URL");
        let open_payments_url = r.require_url("OPEN_PAYMENTS_URL");

        let cookie_secret = match mode {
            Mode::Development => r.secret("COOKIE_SECRET"),
            Mode::Production | Mode::Test | Mode::Autopeer => r.require_secret("COOKIE_SECRET"),
        };
        r.judge_secret("COOKIE_SECRET");
        if cookie_secret.is_none() && mode == Mode::Development {
            r.notice("COOKIE_SECRET", "is not set: all users are signed out when the console restarts");
        }

        let why = "users sign in with the id and the API secret of a tenant";
        r.no_effect(
            &["AUTH_ENABLED", "KRATOS_CONTAINER_PUBLIC_URL", "KRATOS_BROWSER_PUBLIC_URL", "KRATOS_ADMIN_URL"],
            why,
        );
        r.no_effect(&["ENABLE_INSECURE_MESSAGE_COOKIE"], "NODE_ENV decides for all cookies");

        let audit_file = r.text("CONSOLE_AUDIT_FILE").unwrap_or_else(|| "./data/console-audit.jsonl".to_owned());
        let approvals_file =
            r.text("CONSOLE_APPROVALS_FILE").unwrap_or_else(|| "./data/console-approvals.json".to_owned());
        let four_eyes = read_four_eyes(r);
        let service_auth = ServiceAuth::read(r);
        let signs = service_auth.link_ways().of(Service::BackendAdmin).secrets();
        let url = r.url("CONSOLE_URL");
        let provider = SignInProvider::read(r, signs, url.clone());
        if !signs && provider.is_none() {
            let why = "must be set if SERVICE_AUTH has no hmac: then nobody can sign in with the secret of a tenant";
            match mode {
                Mode::Development => r.notice("CONSOLE_OIDC_ISSUER", why),
                Mode::Production | Mode::Test | Mode::Autopeer => r.problem("CONSOLE_OIDC_ISSUER", why),
            }
        }
        if !four_eyes.is_empty() && provider.is_none() {
            let why = "needs CONSOLE_OIDC_ISSUER: people who sign in with the same secret cannot be told apart";
            match mode {
                Mode::Development => r.notice("CONSOLE_FOUR_EYES_ABOVE", why),
                Mode::Production | Mode::Test | Mode::Autopeer => r.problem("CONSOLE_FOUR_EYES_ABOVE", why),
            }
        }
        let minutes = r.number("CONSOLE_IDLE_MINUTES", 30, 1..=1440);
        let hours = r.number("CONSOLE_SESSION_HOURS", 12, 1..=168);

        let auth_graphql_url = r.url("AUTH_GRAPHQL_URL");

        Some(Self {
            mode,
            log_level: read_log_level(r),
            trust_proxy,
            listeners: Listeners::read(r, trust_proxy),
            port: r.port("PORT", 3010),
            instance_name: r.text("INSTANCE_NAME").unwrap_or_else(|| "Rafiki".to_owned()),
            signature_version: r.number("SIGNATURE_VERSION", 1, 0..=u32::MAX),
            cookie_secret,
            previous_cookie_secret: r.secret("COOKIE_SECRET_PREVIOUS"),
            service_auth,
            idle: Duration::from_mins(minutes),
            session: Duration::from_hours(hours),
            audit_file: PathBuf::from(audit_file),
            four_eyes,
            four_eyes_window: Duration::from_hours(r.number("CONSOLE_FOUR_EYES_WINDOW_HOURS", 24, 1..=168)),
            approval: Duration::from_hours(r.number("CONSOLE_APPROVAL_HOURS", 24, 1..=168)),
            approvals_file: PathBuf::from(approvals_file),
            url,
            provider,
            sign_ins_per_minute: r.number("CONSOLE_SIGN_INS_PER_MINUTE_PER_ADDRESS", 10, 0..=1_000_000),
            graphql_url: graphql_url?,
            auth_graphql_url,
            open_payments_url: open_payments_url?,
            notices: Vec::new(),
        })
    }
}

fn read_four_eyes(r: &mut Reader<'_>) -> Vec<AssetLimit> {
    const NAME: &str = "CONSOLE_FOUR_EYES_ABOVE";
    let mut limits: Vec<AssetLimit> = Vec::new();
    for text in r.list(NAME) {
        match text.parse::<AssetLimit>() {
            Ok(limit) if limits.iter().any(|known| known.asset_code == limit.asset_code) => {
                r.problem(NAME, format!("{} has two limits; keep one", limit.asset_code));
            }
            Ok(limit) => limits.push(limit),
            Err(reason) => r.problem(NAME, reason),
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn a_cookie_secret_is_needed_outside_of_development() {
        let mut environment = Environment::of([
            ("GRAPHQL_URL", "http://localhost:3001/graphql"),
            ("OPEN_PAYMENTS_URL", "https://wallet.example"),
        ]);
        let console = Console::from_environment(&environment).unwrap();
        assert_eq!((console.port, console.cookie_secret), (3010, None));
        environment.set("NODE_ENV", "production");
        assert_eq!(Console::from_environment(&environment).unwrap_err().problems[0].name, "COOKIE_SECRET");
        environment.set("COOKIE_SECRET", "a cookie secret of our own");
        assert!(Console::from_environment(&environment).unwrap().notices.is_empty());
    }

    #[test]
    fn a_second_person_needs_accounts_of_their_own() {
        let mut environment = Environment::of([
            ("GRAPHQL_URL", "http://localhost:3001/graphql"),
            ("OPEN_PAYMENTS_URL", "https://wallet.example"),
            ("COOKIE_SECRET", "a cookie secret of our own"),
            ("CONSOLE_FOUR_EYES_ABOVE", "USD 1000, EUR 900.50"),
        ]);
        let console = Console::from_environment(&environment).unwrap();
        assert_eq!((console.four_eyes.len(), console.notices.len()), (2, 1));
        environment.set("NODE_ENV", "production");
        let refused = Console::from_environment(&environment).unwrap_err();
        assert_eq!(refused.problems[0].name, "CONSOLE_FOUR_EYES_ABOVE");
        environment.set("CONSOLE_FOUR_EYES_ABOVE", "USD 1000, USD 5");
        assert!(Console::from_environment(&environment).is_err());
    }
}
