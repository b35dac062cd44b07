//! The institutions that this command can use: those of a running playground, or the one named on the command line.
//! What is asked of them is in `payer`.

use std::path::Path;
use std::sync::Arc;

use admin_client::{AdminClient, AdminError, Credentials};
use admin_signature::Audience;
use clock::Clock;
use http::StatusCode;
use outbound_http::Outbound;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::PayError;
use crate::dev::session::Session;
use crate::failure::Failure;
use crate::known_options::KnownOptions;
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
    http: Outbound,
}

impl Institution {
    /// An institution of a running playground.
    pub(crate) fn of_session(session: Session, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        let credentials = Credentials {
            tenant_id: session.tenant_id,
            secret: session.admin_secret.clone(),
            signature_version: SIGNATURE_VERSION,
        };
        Self {
            name: session.name.clone(),
            admin: AdminClient::new(session.admin_url.clone(), credentials, http.clone(), clock),
            admin_url: session.admin_url.clone(),
            session: Some(session),
            http,
        }
    }

    fn named(admin_url: Url, tenant_id: Uuid, secret: String, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        let credentials = Credentials { tenant_id, secret, signature_version: SIGNATURE_VERSION };
        Self {
            name: "the payer's institution".to_owned(),
            admin: AdminClient::new(admin_url.clone(), credentials, http.clone(), clock),
            admin_url,
            session: None,
            http,
        }
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
        match self.http.send(self.admin.signed(&url, json!({"payments": payments}), Audience::LedgerView)).await {
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
        let request = self.admin.signed(&self.admin_url, request, Audience::Backend);
        let response = self.http.send(request).await.map_err(|error| unreachable(error.to_string()))?;
        if response.status == StatusCode::UNAUTHORIZED {
            return Err(AdminError::Unauthorized.into());
        }
        let told =
            || format!("{} answered {}, not GraphQL; does the URL end in /graphql?", self.admin_url, response.status);
        response.json().map_err(|_| unreachable(told()))
    }
}

/// The institutions that can be used.
pub(crate) fn known(
    options: &KnownOptions,
    http: &Outbound,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Institution>, Failure> {
    if let (Some(url), Some(tenant), Some(secret)) = (&options.admin_url, options.tenant, &options.secret) {
        let named = Institution::named(url.clone(), tenant, secret.clone(), http.clone(), Arc::clone(clock));
        return Ok(vec![named]);
    }
    of_playground(&options.data_dir, http, clock)
}

/// The institutions of the playground in `data_dir`.
pub(crate) fn of_playground(
    data_dir: &Path,
    http: &Outbound,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Institution>, Failure> {
    let sessions = Session::read_all(data_dir)?;
    Ok(sessions.into_iter().map(|s| Institution::of_session(s, http.clone(), Arc::clone(clock))).collect())
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
