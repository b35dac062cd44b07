//! The console as a value: its settings, its ports, and the Admin API in the name of a session.
//!
//! The pages are elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use admin_client::{AdminClient, Credentials};
use clock::{Clock, Entropy, Timestamp};
use openid_connect::RelyingParty;
use outbound_http::Outbound;
use page_kit::{Accent, Cookies, Seal};
use service_identity::CallerProof;
use sha2::{Digest, Sha256};
use shared_cache::{Limiter, Rate};
use url::Url;
use uuid::Uuid;

use crate::approvals::{Approvals, ApprovalsError};
use crate::audit::{Audit, AuditError};
use crate::files;
use crate::following::Following;
use crate::four_eyes::FourEyes;
use crate::provider::ProviderSettings;
use crate::session::{Lifetimes, Session};
use crate::subject;

/// Signing in with one click, in the playground only. Each button is a person of its own.
#[derive(Clone)]
pub struct OneClick {
    /// The text of the button.
    pub name: String,
    /// The tenant.
    pub tenant_id: Uuid,
    /// Its API secret.
    pub secret: String,
    /// Who creates the tenant at the first click; `None` if it exists.
    pub creator: Option<Credentials>,
}

/// The settings of a console.
pub struct ConsoleSettings {
    /// Its name, shown to users.
    pub institution: String,
    /// The path of the host below which its pages are, such as `/rafiki`; empty if they are not below one.
    pub base_path: String,
    /// The Admin API, `…/graphql`.
    pub graphql_url: Url,
    /// The Admin API of the authorization server, which has the grants.
    pub auth_graphql_url: Option<Url>,
    /// The version of signatures.
    pub signature_version: u32,
    /// The beginning of wallet addresses of tenants without a setting of their own.
    pub open_payments_url: Url,
    /// The secret that encrypts cookies.
    pub cookie_secret: String,
    /// The secret before it, with which cookies can still be opened.
    pub previous_cookie_secret: Option<String>,
    /// Which connections cookies are sent over.
    pub cookies: Cookies,
    /// How long a session lasts.
    pub lifetimes: Lifetimes,
    /// The audit log.
    pub audit_file: PathBuf,
    /// Which changes wait for a second person; `None`: none.
    pub four_eyes: Option<FourEyes>,
    /// The changes that wait.
    pub approvals_file: PathBuf,
    /// The colour.
    pub accent: Accent,
    /// How often one address may sign in.
    pub sign_ins: Rate,
    /// Where people sign in with accounts of their own.
    pub provider: Option<ProviderSettings>,
    /// Buttons of the sign-in page.
    pub one_click: Vec<OneClick>,
    /// Other consoles of the playground: name and address.
    pub neighbours: Vec<(String, Url)>,
}

/// The ports of a console.
pub struct ConsolePorts {
    /// The HTTP client.
    pub http: Outbound,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of keys.
    pub entropy: Arc<dyn Entropy>,
    /// The counter of sign-ins.
    pub limiter: Limiter,
    /// How the console proves itself as a service, if it does not sign with the secrets of tenants.
    pub service: Option<ConsoleProofs>,
}

/// The proofs of a console that acts as a service.
#[derive(Clone, Debug)]
pub struct ConsoleProofs {
    /// For the Admin API of the backend.
    pub backend: CallerProof,
    /// For that of the authorization server.
    pub auth: CallerProof,
}

/// Why a console cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The audit log cannot be used.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The file of changes that wait cannot be used.
    #[error(transparent)]
    Approvals(#[from] ApprovalsError),
}

/// A console. Cheap to clone.
#[derive(Clone)]
pub struct Console(Arc<ConsoleCore>);

struct ConsoleCore {
    settings: ConsoleSettings,
    ports: ConsolePorts,
    seal: Seal,
    audit: Audit,
    approvals: Option<Approvals>,
    provider: Option<RelyingParty>,
    following: Following<subject::Key>,
    version: String,
    suffix: String,
}

impl Console {
    /// A console with these settings. It checks that its files can be used.
    pub fn new(settings: ConsoleSettings, ports: ConsolePorts) -> Result<Self, ConsoleError> {
        let audit = Audit::open(&settings.audit_file)?;
        let seal = Seal::new(&settings.cookie_secret, Arc::clone(&ports.entropy))
            .after(settings.previous_cookie_secret.as_deref());
        let approvals = match settings.four_eyes {
            Some(_) => Some(Approvals::open(&settings.approvals_file, seal.clone())?),
            None => None,
        };
        let provider = settings.provider.as_ref().map(|provider| {
            let (clock, entropy) = (Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
            RelyingParty::new(provider.client.clone(), ports.http.clone(), clock, entropy)
        });
        // Cookies do not depend on the port, so two consoles on one host need cookies with different names.
        let suffix = hex::encode(&Sha256::digest(settings.graphql_url.as_str())[..4]);
        Ok(Self(Arc::new(ConsoleCore {
            settings,
            ports,
            seal,
            audit,
            approvals,
            provider,
            following: Following::default(),
            version: files::version(),
            suffix,
        })))
    }

    pub(crate) fn settings(&self) -> &ConsoleSettings {
        &self.0.settings
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.0.seal
    }

    pub(crate) fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// The rule of the second person, and the changes that wait for one.
    pub(crate) fn four_eyes(&self) -> Option<(&FourEyes, &Approvals)> {
        self.0.settings.four_eyes.as_ref().zip(self.0.approvals.as_ref())
    }

    /// Where people sign in with accounts of their own.
    pub(crate) fn provider(&self) -> Option<(&ProviderSettings, &RelyingParty)> {
        self.0.settings.provider.as_ref().zip(self.0.provider.as_ref())
    }

    pub(crate) fn following(&self) -> &Following<subject::Key> {
        &self.0.following
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.ports.limiter
    }

    /// The HTTP client.
    pub(crate) fn http(&self) -> &Outbound {
        &self.0.ports.http
    }

    /// Changes when a file of the pages changes.
    pub(crate) fn version(&self) -> &str {
        &self.0.version
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.ports.clock.now()
    }

    pub(crate) fn new_id(&self) -> Uuid {
        self.0.ports.entropy.uuid()
    }

    /// The full name of a cookie of this console.
    pub(crate) fn cookie(&self, name: &str) -> String {
        format!("console_{name}_{}", self.0.suffix)
    }

    /// The Admin API in the name of a tenant.
    pub(crate) fn admin(&self, tenant_id: Uuid, secret: &str) -> AdminClient {
        let settings = &self.0.settings;
        let credentials =
            Credentials { tenant_id, secret: secret.to_owned(), signature_version: settings.signature_version };
        self.client(credentials)
    }

    /// The Admin API with these credentials.
    pub(crate) fn client(&self, credentials: Credentials) -> AdminClient {
        let (settings, ports) = (&self.0.settings, &self.0.ports);
        let client =
            AdminClient::new(settings.graphql_url.clone(), credentials, ports.http.clone(), Arc::clone(&ports.clock));
        match &ports.service {
            Some(service) => client.with_proof(service.backend.clone()),
            None => client,
        }
    }

    /// Whether people may sign in with the secret of a tenant: only then, requests are signed with it.
    pub(crate) fn knows_secrets(&self) -> bool {
        self.0.ports.service.is_none()
    }

    /// The authorization server's Admin API in the name of a session.
    pub(crate) fn grants_of(&self, session: &Session) -> Option<AdminClient> {
        let (settings, ports) = (&self.0.settings, &self.0.ports);
        let url = settings.auth_graphql_url.clone()?;
        let credentials = Credentials {
            tenant_id: session.tenant_id,
            secret: session.secret.clone(),
            signature_version: settings.signature_version,
        };
        let client = AdminClient::of_auth(url, credentials, ports.http.clone(), Arc::clone(&ports.clock));
        Some(match &ports.service {
            Some(service) => client.with_proof(service.auth.clone()),
            None => client,
        })
    }

    /// The Admin API in the name of a session.
    pub(crate) fn admin_of(&self, session: &Session) -> AdminClient {
        self.admin(session.tenant_id, &session.secret)
    }
}
