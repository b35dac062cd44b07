//! The admin API of Ory Hydra, with which a provider of OAuth 2.0 asks who somebody is and what this person allows:
//! `/admin/oauth2/auth/requests/{login,consent,logout}`.
//!
//! Browsers do not get it. A browser is sent to addresses of the provider only, whatever this API says.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use outbound_http::{Outbound, Request, Response};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The most of an answer that is read. The requests of clients are in it.
const ANSWER_MAX: usize = 256 * 1024;

/// The provider, and how it knows this wallet.
#[derive(Clone)]
pub struct ChallengeSettings {
    /// Its public address, which is also its name as an issuer. Browsers are sent back there.
    pub provider: Url,
    /// Its admin API, which is called by this process only.
    pub admin: Url,
    /// What this API demands as `Authorization: Bearer`, if it demands anything.
    pub token: Option<String>,
    /// The tenant that the wallet acts for. Its tokens name it.
    pub tenant: Uuid,
    /// The audience of tokens for the Open Payments API.
    pub audience: String,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Who is it?
    Login,
    /// What does this person allow?
    Consent,
    /// Does this person want to sign out?
    Logout,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Consent => "consent",
            Self::Logout => "logout",
        }
    }

    /// The parameter of its address.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Login => "login_challenge",
            Self::Consent => "consent_challenge",
            Self::Logout => "logout_challenge",
        }
    }
}

/// An application.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Client {
    #[serde(default)]
    pub(crate) client_id: String,
    #[serde(default)]
    pub(crate) client_name: String,
    #[serde(default)]
    pub(crate) client_uri: String,
}

/// A question of the provider. What does not belong to its kind is empty.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Question {
    /// The person, if the provider knows who it is.
    #[serde(default)]
    pub(crate) subject: Option<String>,
    #[serde(default)]
    pub(crate) client: Option<Client>,
    #[serde(default)]
    pub(crate) requested_scope: Option<Vec<String>>,
    /// The address with which the application began.
    #[serde(default)]
    pub(crate) request_url: String,
}

/// What the provider says when it is asked for a question.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Open(Box<Question>),
    /// It was answered before. The browser goes on there.
    Answered(Url),
}

/// What the provider made of an answer. The browser goes on there in both cases.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It counts.
    Taken(Url),
    /// The question was answered before, and that answer counts.
    Before(Url),
}

impl Answer {
    /// Where the browser goes on.
    pub(crate) fn onward(self) -> Url {
        match self {
            Self::Taken(to) | Self::Before(to) => to,
        }
    }
}

/// An address at the provider to which the browser goes.
#[derive(Deserialize)]
struct Onward {
    #[serde(default)]
    redirect_to: String,
}

/// Why the provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChallengeError {
    /// The address is wrong, or the question is too old.
    #[error("there is no such question")]
    Unknown,
    /// The operator has to correct the token, or the address of the admin API.
    #[error("the provider refuses this wallet: status {0}")]
    Refused(u16),
    #[error("the provider does not answer: {0}")]
    Unreachable(String),
    /// A browser would leave for a third place.
    #[error("the provider names an address that is not its own")]
    Elsewhere,
}

/// The client of the admin API. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) settings: ChallengeSettings,
    http: Outbound,
}

impl Question {
    /// A parameter with which the application began.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let url = Url::parse(&self.request_url).ok()?;
        url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }
}

impl Provider {
    pub(crate) fn new(settings: ChallengeSettings, http: Outbound) -> Self {
        Self { settings, http }
    }

    /// What is asked.
    pub(crate) async fn asked(&self, kind: Kind, challenge: &str) -> Result<Asked, ChallengeError> {
        let url = self.url(&format!("auth/requests/{}", kind.as_str()), &[(kind.parameter(), challenge)])?;
        let response = self.call(Method::GET, url, None).await?;
        match response.status.as_u16() {
            200 => Ok(Asked::Open(Box::new(read(&response)?))),
            410 => Ok(Asked::Answered(self.onward(&response)?)),
            status => Err(refused(status)),
        }
    }

    /// Says yes, with what belongs to it.
    pub(crate) async fn accept(&self, kind: Kind, challenge: &str, with: &Value) -> Result<Answer, ChallengeError> {
        self.answer(kind, challenge, "accept", with).await
    }

    /// Says no.
    pub(crate) async fn reject(&self, kind: Kind, challenge: &str, why: &Value) -> Result<Answer, ChallengeError> {
        self.answer(kind, challenge, "reject", why).await
    }

    /// Nobody signs out. The browser goes nowhere.
    pub(crate) async fn stay(&self, challenge: &str) -> Result<(), ChallengeError> {
        let url = self.url("auth/requests/logout/reject", &[(Kind::Logout.parameter(), challenge)])?;
        let response = self.call(Method::PUT, url, None).await?;
        match response.status.as_u16() {
            200..=299 | 410 => Ok(()),
            status => Err(refused(status)),
        }
    }

    /// Ends everything that a person has allowed an application, and its tokens.
    pub(crate) async fn revoke(&self, subject: Uuid, client: &str) -> Result<(), ChallengeError> {
        let members = [("subject", subject.to_string()), ("client", client.to_owned())];
        let members: Vec<(&str, &str)> = members.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let response = self.call(Method::DELETE, self.url("auth/sessions/consent", &members)?, None).await?;
        match response.status.as_u16() {
            // What does not exist has ended.
            200..=299 | 404 => Ok(()),
            status => Err(refused(status)),
        }
    }

    async fn answer(&self, kind: Kind, challenge: &str, how: &str, with: &Value) -> Result<Answer, ChallengeError> {
        let path = format!("auth/requests/{}/{how}", kind.as_str());
        let url = self.url(&path, &[(kind.parameter(), challenge)])?;
        let response = self.call(Method::PUT, url, Some(with)).await?;
        match response.status.as_u16() {
            200..=299 => Ok(Answer::Taken(self.onward(&response)?)),
            410 => Ok(Answer::Before(self.onward(&response)?)),
            status => Err(refused(status)),
        }
    }

    fn url(&self, path: &str, members: &[(&str, &str)]) -> Result<Url, ChallengeError> {
        let base = self.settings.admin.as_str().trim_end_matches('/');
        let url = Url::parse_with_params(&format!("{base}/admin/oauth2/{path}"), members);
        url.map_err(|error| ChallengeError::Unreachable(error.to_string()))
    }

    async fn call(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Response, ChallengeError> {
        let mut request = Request::new(method, url).header(ACCEPT, JSON).limit(ANSWER_MAX).configured();
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, JSON).body(body.to_string().into());
        }
        if let Some(token) = &self.settings.token {
            request = request.authorization(&format!("Bearer {token}"));
        }
        self.http.send(request).await.map_err(|error| ChallengeError::Unreachable(error.to_string()))
    }

    /// Where the browser goes on: only to the provider.
    fn onward(&self, response: &Response) -> Result<Url, ChallengeError> {
        let Onward { redirect_to } = read(response)?;
        let url = Url::parse(&redirect_to).map_err(|_| ChallengeError::Elsewhere)?;
        let is_own = url.origin() == self.settings.provider.origin() && url.origin().is_tuple();
        if is_own && url.username().is_empty() && url.password().is_none() {
            Ok(url)
        } else {
            tracing::error!(
                "the provider names an address outside of CHALLENGE_PROVIDER_URL; no browser is sent there"
            );
            Err(ChallengeError::Elsewhere)
        }
    }
}

fn read<T: for<'a> Deserialize<'a>>(response: &Response) -> Result<T, ChallengeError> {
    response.json().map_err(|error| ChallengeError::Unreachable(error.to_string()))
}

fn refused(status: u16) -> ChallengeError {
    match status {
        404 => ChallengeError::Unknown,
        401 | 403 => ChallengeError::Refused(status),
        status => ChallengeError::Unreachable(format!("status {status}")),
    }
}
