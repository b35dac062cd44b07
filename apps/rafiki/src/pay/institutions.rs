//! The institutions that this command can use: those of a running playground, or the one named on the command line.
//! What is asked of them is in `payer`.

use std::path::Path;

use admin_client::{AdminClient, AdminError, Credentials};
use admin_signature::Audience;
use config::{Environment, ServiceAuth};
use http::StatusCode;
use serde_json::{Value, json};
use service_auth::Wanted;
use url::Url;
use uuid::Uuid;

use super::PayError;
use crate::dev::session::Session;
use crate::failure::Failure;
use crate::known_options::KnownOptions;
use crate::roles::identities::identities;
use crate::roles::shared_deps::SharedDeps;
use operator_api::AccountView;

/// The signature version of the playground and of every default installation.
const SIGNATURE_VERSION: u32 = 1;

/// An institution whose Admin API can be used.
#[derive(Clone)]
pub(crate) struct Institution {
    pub(crate) name: String,
    pub(crate) admin: AdminClient,
    session: Option<Session>,
    admin_url: Url,
}

/// A client that shows what the environment says: a token or a certificate.
fn proving(admin: AdminClient, environment: &Environment, deps: &SharedDeps) -> Result<AdminClient, Failure> {
    let service_auth = ServiceAuth::from_environment(environment)?;
    if service_auth.link_ways().of(Wanted::CONSOLE.service).secrets() {
        let told = "give the API secret of the tenant with --secret, or set SERVICE_AUTH to token or mtls and what goes \
                    with it";
        return Err(Failure::Check(told.to_owned()));
    }
    Ok(identities(&service_auth, deps)?.admin(admin, Wanted::CONSOLE))
}

impl Institution {
    /// An institution of a running playground.
    pub(crate) fn of_session(session: Session, deps: &SharedDeps) -> Result<Self, Failure> {
        let credentials = Credentials {
            tenant_id: session.tenant_id,
            secret: session.admin_secret.clone(),
            signature_version: SIGNATURE_VERSION,
        };
        let admin = AdminClient::new(session.admin_url.clone(), credentials, deps.http.clone(), deps.clock.clone());
        let admin = match &session.service {
            Some(client) => proving(admin, &client.environment(), deps)?,
            None => admin,
        };
        Ok(Self { name: session.name.clone(), admin, admin_url: session.admin_url.clone(), session: Some(session) })
    }

    /// The institution that was named. Without a secret, the environment says what is shown instead.
    fn named(admin_url: Url, tenant_id: Uuid, secret: Option<&str>, deps: &SharedDeps) -> Result<Self, Failure> {
        let secret_or_none = secret.unwrap_or_default().to_owned();
        let credentials = Credentials { tenant_id, secret: secret_or_none, signature_version: SIGNATURE_VERSION };
        let admin = AdminClient::new(admin_url.clone(), credentials, deps.http.clone(), deps.clock.clone());
        let admin = match secret {
            Some(_) => admin,
            None => proving(admin, &Environment::load()?, deps)?,
        };
        Ok(Self { name: "the payer's institution".to_owned(), admin, admin_url, session: None })
    }

    /// Its session, if it is one of a running playground.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Whether a wallet address or resource belongs to this institution.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        self.session.as_ref().is_some_and(|session| session.owns(url))
    }

    /// Its ledger's accounts, including those of these payments; none if its backend does not show them.
    pub(crate) async fn ledger_accounts(&self, payments: &[Uuid]) -> Vec<AccountView> {
        let mut url = self.admin_url.clone();
        url.set_path("/ledger/accounts");
        match self.admin.post(&url, json!({"payments": payments}), Audience::LedgerView).await {
            Ok(response) if response.status.is_success() => response.json().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Whether `name` names it.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.to_lowercase().contains(&name.to_lowercase())
    }

    /// The Admin API's whole answer to a query.
    pub(crate) async fn ask(&self, query: &str, variables: &Value) -> Result<Value, PayError> {
        let unreachable = |reason: String| PayError::Unreachable { institution: self.name.clone(), reason };
        let request = json!({"query": query, "variables": variables});
        let response = self.admin.post(&self.admin_url, request, Audience::Backend).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            return Err(AdminError::Unauthorized.into());
        }
        let told =
            || format!("{} answered {}, not GraphQL; does the URL end in /graphql?", self.admin_url, response.status);
        response.json().map_err(|_| unreachable(told()))
    }
}

/// The institutions that can be used.
pub(crate) fn known(options: &KnownOptions, deps: &SharedDeps) -> Result<Vec<Institution>, Failure> {
    if let (Some(url), Some(tenant)) = (&options.admin_url, options.tenant) {
        return Ok(vec![Institution::named(url.clone(), tenant, options.secret.as_deref(), deps)?]);
    }
    of_playground(&options.data_dir, deps)
}

/// The institutions of the playground in `data_dir`.
pub(crate) fn of_playground(data_dir: &Path, deps: &SharedDeps) -> Result<Vec<Institution>, Failure> {
    Session::read_all(data_dir)?.into_iter().map(|session| Institution::of_session(session, deps)).collect()
}

/// The chosen institution: the only one, or the one that was named.
pub(crate) fn chosen<'a>(known: &'a [Institution], at: Option<&str>) -> Result<&'a Institution, Failure> {
    let named = |institution: &&Institution| at.is_none_or(|at| institution.is_called(at));
    match known.iter().filter(named).collect::<Vec<_>>()[..] {
        [one] => Ok(one),
        [] => Err(PayError::NoInstitution.into()),
        _ => {
            let names: Vec<&str> = known.iter().map(|institution| institution.name.as_str()).collect();
            Err(Failure::Check(format!("name one of the institutions with --at: {}", names.join(", "))))
        }
    }
}

/// The institution of the payer: the owner of the address, or the one that was named.
pub(crate) fn of_payer<'a>(known: &'a [Institution], from: &Url) -> Result<&'a Institution, PayError> {
    let owner = known.iter().find(|institution| institution.owns(from));
    let named = known.iter().find(|institution| institution.session.is_none());
    owner.or(named).ok_or_else(|| PayError::UnknownInstitution(from.to_string()))
}
