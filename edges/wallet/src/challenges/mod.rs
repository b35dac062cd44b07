//! A provider of OAuth 2.0 that asks this wallet who somebody is, and what this person allows, in the way of Ory Hydra:
//! with challenges. The wallet has the customers; the provider has the clients and gives the tokens.
//!
//! A challenge belongs to the session that has opened it. The pages are in `pages`.

pub(crate) mod agreements;
mod provider;

use std::sync::Arc;

use clock::{Clock, Entropy};
use database::{Database, Error};
use gnap::AccessItem;
use gnap::oauth::{AuthorizationDetail, right_of_scope};
use outbound_http::Outbound;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use self::agreements::OAuthAgreement;
pub use self::provider::ChallengeSettings;
use self::provider::Provider;
pub(crate) use self::provider::{Answer, Asked, ChallengeError, Client, Kind, Question};
use crate::agreement_accounts;
use crate::consent::{own_accounts, payers};
use crate::customers::{Customer, Held};
use crate::days::DAY;
use crate::effect_error::EffectError;
use crate::sql::read_one;
use crate::users::Session;

/// The longest challenge.
const CHALLENGE_MAX: usize = 8 * 1024;
/// The longest name and address of a client that are shown.
const CLIENT_MAX: usize = 200;

/// The members of tokens that name the tenant and the authorization, as the Open Payments listener reads them.
const TENANT: &str = "tenant";
const AUTHORIZATION: &str = "authorization_id";
const DETAILS: &str = "authorization_details";

/// With what a customer has signed in: `acr` and `amr` of OpenID Connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assurance {
    Password,
    SecondFactor,
}

/// A challenge that a session has opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) id: Uuid,
    pub(crate) challenge: String,
}

/// What a client wants to be allowed.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) client: Client,
    pub(crate) details: Vec<AuthorizationDetail>,
    /// The accounts that the rights are about.
    pub(crate) accounts: Vec<Held>,
    /// The scopes that the wallet gives.
    pub(crate) scopes: Vec<String>,
    /// The scopes that it gives nobody.
    pub(crate) others: Vec<String>,
}

/// What comes of looking at a request for consent.
#[derive(Debug)]
pub(crate) enum Shown {
    Wanted(Box<Wanted>),
    /// It was answered before.
    Answered(Url),
    /// It names an address of somebody else, or cannot be read, so it was refused.
    NotYours(Url),
    /// The provider asks about somebody else than who is signed in.
    SomebodyElse,
}

/// Why a challenge cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error(transparent)]
    Provider(#[from] ChallengeError),
    #[error(transparent)]
    Effect(#[from] EffectError),
}

impl From<Error> for AnswerError {
    fn from(error: Error) -> Self {
        Self::Effect(error.into())
    }
}

/// The challenges of one provider. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Challenges {
    provider: Provider,
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Challenges {
    pub(crate) fn new(
        settings: ChallengeSettings,
        http: Outbound,
        database: Database,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { provider: Provider::new(settings, http), database, clock, entropy }
    }

    /// Remembers that a session has opened a challenge; `None` if a text is none.
    pub(crate) async fn open(&self, session: &Session, kind: Kind, challenge: &str) -> Result<Option<Uuid>, Error> {
        let is_one = (1..=CHALLENGE_MAX).contains(&challenge.len()) && challenge.bytes().all(|b| b.is_ascii_graphic());
        if !is_one {
            return Ok(None);
        }
        let now = self.clock.now();
        // The provider forgets its questions after an hour at most.
        let old = "DELETE FROM wallet_challenges WHERE opened_at < $1";
        self.database.execute(old, [now.saturating_sub(DAY).as_millis().into()]).await?;
        let sql = "INSERT INTO wallet_challenges (id, kind, challenge, digest, user_id, session_id, opened_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (session_id, digest) DO UPDATE SET opened_at = excluded.opened_at RETURNING id";
        let digest = hex::encode(Sha256::digest(format!("{} {challenge}", kind.as_str())));
        let values = [
            self.entropy.uuid().into(),
            kind.as_str().into(),
            challenge.into(),
            digest.into(),
            session.user.into(),
            session.id.into(),
            now.as_millis().into(),
        ];
        let rows = self.database.query(sql, values).await?;
        let row = rows.first().ok_or_else(|| Error::inconsistent("wallet_challenges", "id", session.id))?;
        Ok(Some(row.try_get_by_index(0)?))
    }

    /// A challenge that this session has opened.
    pub(crate) async fn opened(&self, session: &Session, kind: Kind, id: Uuid) -> Result<Option<Opened>, Error> {
        let sql = "SELECT challenge FROM wallet_challenges
            WHERE id = $1 AND kind = $2 AND user_id = $3 AND session_id = $4";
        let values = [id.into(), kind.as_str().into(), session.user.into(), session.id.into()];
        let row = read_one(&self.database, sql, values).await?;
        row.map(|row| Ok(Opened { id, challenge: row.try_get_by_index(0)? })).transpose()
    }

    /// What the provider asks.
    pub(crate) async fn asked(&self, kind: Kind, challenge: &str) -> Result<Asked, ChallengeError> {
        let mut asked = self.provider.asked(kind, challenge).await?;
        if let Asked::Open(question) = &mut asked
            && let Some(client) = &mut question.client
        {
            let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(CLIENT_MAX).collect::<String>();
            (client.client_name, client.client_uri) = (cut(&client.client_name), cut(&client.client_uri));
        }
        Ok(asked)
    }

    /// Tells the provider who has signed in. It does not remember it: it asks again, and the session here decides.
    pub(crate) async fn sign_in(
        &self,
        challenge: &str,
        user: Uuid,
        assurance: Assurance,
    ) -> Result<Answer, ChallengeError> {
        let (acr, amr) = match assurance {
            Assurance::Password => ("1", "pwd"),
            Assurance::SecondFactor => ("2", "mfa"),
        };
        let told = json!({"subject": user, "remember": false, "remember_for": 0, "acr": acr, "amr": [amr]});
        self.provider.accept(Kind::Login, challenge, &told).await
    }

    /// Tells the provider that somebody has signed out.
    pub(crate) async fn sign_out(&self, challenge: &str) -> Result<Url, ChallengeError> {
        Ok(self.provider.accept(Kind::Logout, challenge, &json!({})).await?.onward())
    }

    /// Nobody signs out.
    pub(crate) async fn stay(&self, challenge: &str) -> Result<(), ChallengeError> {
        self.provider.stay(challenge).await
    }

    /// The customer does not want it.
    pub(crate) async fn refuse(&self, kind: Kind, challenge: &str) -> Result<Answer, ChallengeError> {
        let why = json!({"error": "access_denied", "error_description": "The customer did not allow it.",
            "status_code": 403});
        self.provider.reject(kind, challenge, &why).await
    }

    /// What a client wants. A request about somebody else's address is refused at once.
    pub(crate) async fn wanted(&self, customer: &Customer, opened: &Opened) -> Result<Shown, AnswerError> {
        let question = match self.asked(Kind::Consent, &opened.challenge).await? {
            Asked::Open(question) => question,
            Asked::Answered(onward) => return Ok(Shown::Answered(onward)),
        };
        if question.subject.as_deref() != Some(customer.user().to_string().as_str()) {
            return Ok(Shown::SomebodyElse);
        }
        if let Some(wanted) = wanted(*question, customer.accounts().await?) {
            return Ok(Shown::Wanted(Box::new(wanted)));
        }
        let onward = self.refuse(Kind::Consent, &opened.challenge).await?;
        Ok(Shown::NotYours(onward.onward()))
    }

    /// Allows these rights. From the first moment in which the provider may give tokens, the agreement is in the list of
    /// the customer.
    pub(crate) async fn allow(
        &self,
        customer: &Customer,
        opened: &Opened,
        wanted: &Wanted,
        details: Vec<AuthorizationDetail>,
    ) -> Result<Answer, AnswerError> {
        let settings = &self.provider.settings;
        let (issuer, now) = (settings.provider.as_str(), self.clock.now());
        let agreement = OAuthAgreement::new(opened.id, issuer, &wanted.client, details, now);
        let has_rights = !agreement.details.is_empty();
        if has_rights {
            let payers = payers(&wanted.accounts, &agreement.items()).into_iter().map(|held| held.account.id);
            agreement_accounts::note(&self.database, &agreement.grant, payers).await?;
            agreements::begin(&self.database, customer.user(), &agreement).await?;
        }
        let mut token = json!({TENANT: settings.tenant, AUTHORIZATION: agreement.id});
        if has_rights {
            token[DETAILS] = json!(agreement.details);
        }
        let audience = if has_rights { vec![settings.audience.as_str()] } else { Vec::new() };
        let told = json!({
            "grant_scope": wanted.scopes, "grant_access_token_audience": audience, "remember": false, "remember_for": 0,
            "session": {"access_token": token},
        });
        let answer = self.provider.accept(Kind::Consent, &opened.challenge, &told).await?;
        // What an earlier answer allowed is in the list already.
        if has_rights && matches!(answer, Answer::Taken(_)) {
            agreements::is_allowed(&self.database, customer.user(), &agreement, self.clock.now()).await?;
        }
        Ok(answer)
    }

    /// Refuses a request for consent.
    pub(crate) async fn deny(&self, customer: &Customer, opened: &Opened) -> Result<Answer, AnswerError> {
        let answer = self.refuse(Kind::Consent, &opened.challenge).await?;
        // It may have been allowed before, although this wallet did not hear that. Then it stays in the list.
        if matches!(answer, Answer::Taken(_)) {
            agreements::is_refused(&self.database, customer.user(), opened.id).await?;
        }
        Ok(answer)
    }

    /// Ends everything that a customer has allowed a client: its tokens first, then what is listed.
    pub(crate) async fn end(&self, customer: &Customer, client: &str) -> Result<(), AnswerError> {
        // What is allowed after this time may be allowed after the revocation, and does not end with it.
        let since = self.clock.now();
        self.provider.revoke(customer.user(), client).await?;
        agreements::have_ended(&self.database, customer.user(), client, since).await?;
        Ok(())
    }
}

/// What a client wants, if all of it is about the customer's own accounts.
fn wanted(question: Question, accounts: Vec<Held>) -> Option<Wanted> {
    let details = match question.parameter(DETAILS) {
        None => Vec::new(),
        Some(text) => AuthorizationDetail::read_all(&serde_json::from_str::<Value>(&text).ok()?).ok()?,
    };
    let items: Vec<AccessItem> = details.iter().map(|detail| detail.access.clone()).collect();
    let accounts = if items.is_empty() { Vec::new() } else { own_accounts(accounts, &items, &[])? };
    let asked = question.requested_scope.unwrap_or_default();
    let (scopes, others) = asked.into_iter().partition(|scope| is_given(scope));
    Some(Wanted { client: question.client.unwrap_or_default(), details, accounts, scopes, others })
}

/// Whether the wallet gives a scope. It gives none about the accounts of all customers.
fn is_given(scope: &str) -> bool {
    let is_of_protocol = matches!(scope, "openid" | "offline" | "offline_access");
    is_of_protocol || right_of_scope(scope).is_some_and(|right| right.kind() == gnap::AccessType::Quote)
}

#[cfg(test)]
mod tests {
    use super::is_given;

    #[test]
    fn no_scope_gives_anything_about_accounts() {
        for given in ["openid", "offline", "offline_access", "quote:create"] {
            assert!(is_given(given), "{given}");
        }
        for refused in ["incoming-payment:create", "outgoing-payment:create", "profile", "", "openid quote:create"] {
            assert!(!is_given(refused), "{refused}");
        }
    }
}
