//! What other modules ask the users: who is signed in, and what a session has proved.
//!
//! Users and sessions themselves are in `users`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, to_value};
use uuid::Uuid;

use super::link::{Answers, ModuleError, Port};
use crate::users::{SecondFactor, Session, Users};

/// A question to the users.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UsersAsked {
    /// The session of a token.
    Session { token: String },
    /// Whether this user's wallet is open.
    IsActive { user: Uuid },
    /// Whether the session has to prove a second factor first.
    NeedsCode { session: Session },
    /// Whether the session has proved lately who uses it.
    IsProved { session: Session },
    /// Whether this user has a second factor.
    HasSecondFactor { session: Session },
    /// Ends a session.
    End { session: Session },
    /// The user with this e-mail address.
    WithEmail { email: String },
    /// The e-mail addresses of these users.
    EmailsOf { users: Vec<Uuid> },
    /// Whether a payment has to be proved first.
    AsksBefore { session: Session, account: Uuid, debit: u64 },
}

/// The way to the users.
#[derive(Clone)]
pub(crate) struct UsersPort(pub(crate) Port<UsersAsked>);

impl UsersPort {
    /// The session of a token, if it has not ended.
    pub(crate) async fn session(&self, token: &str) -> Result<Option<Session>, ModuleError> {
        let found: Option<Session> = self.0.ask(UsersAsked::Session { token: token.to_owned() }).await?;
        // The token is not sent back.
        Ok(found.map(|session| Session { token: token.to_owned(), ..session }))
    }

    pub(crate) async fn is_active(&self, user: Uuid) -> Result<bool, ModuleError> {
        self.0.ask(UsersAsked::IsActive { user }).await
    }

    /// Whether somebody with a second factor has to prove it first.
    pub(crate) async fn needs_code(&self, session: &Session) -> Result<bool, ModuleError> {
        self.0.ask(UsersAsked::NeedsCode { session: without_token(session) }).await
    }

    pub(crate) async fn is_proved(&self, session: &Session) -> Result<bool, ModuleError> {
        self.0.ask(UsersAsked::IsProved { session: without_token(session) }).await
    }

    pub(crate) async fn has_second_factor(&self, session: &Session) -> Result<bool, ModuleError> {
        self.0.ask(UsersAsked::HasSecondFactor { session: without_token(session) }).await
    }

    pub(crate) async fn end(&self, session: &Session) -> Result<(), ModuleError> {
        self.0.ask(UsersAsked::End { session: without_token(session) }).await
    }

    pub(crate) async fn with_email(&self, email: &str) -> Result<Option<Uuid>, ModuleError> {
        self.0.ask(UsersAsked::WithEmail { email: email.to_owned() }).await
    }

    /// Those of users whose wallet is open.
    pub(crate) async fn emails_of(&self, users: Vec<Uuid>) -> Result<BTreeMap<Uuid, String>, ModuleError> {
        self.0.ask(UsersAsked::EmailsOf { users }).await
    }

    /// Whether a payment of `debit` from this account has to be proved first, and was not.
    pub(crate) async fn asks_before(&self, session: &Session, account: Uuid, debit: u64) -> Result<bool, ModuleError> {
        self.0.ask(UsersAsked::AsksBefore { session: without_token(session), account, debit }).await
    }
}

fn without_token(session: &Session) -> Session {
    Session { token: String::new(), ..session.clone() }
}

#[async_trait]
impl Answers<UsersAsked> for Users {
    async fn answer(&self, asked: UsersAsked) -> Result<Value, ModuleError> {
        Ok(match asked {
            UsersAsked::Session { token } => to_value(self.session(&token).await?.as_ref().map(without_token))?,
            UsersAsked::IsActive { user } => to_value(self.is_active(user).await?)?,
            UsersAsked::NeedsCode { session } => {
                let has_factor = self.second_factor(&session).await? != SecondFactor::None;
                to_value(has_factor && !self.is_proved(&session).await?)?
            }
            UsersAsked::HasSecondFactor { session } => {
                to_value(self.second_factor(&session).await? != SecondFactor::None)?
            }
            UsersAsked::End { session } => {
                self.end(&session, session.id).await?;
                Value::Null
            }
            UsersAsked::WithEmail { email } => to_value(self.with_email(&email).await?)?,
            UsersAsked::EmailsOf { users } => to_value(self.emails_of(&users).await?)?,
            UsersAsked::IsProved { session } => to_value(self.is_proved(&session).await?)?,
            UsersAsked::AsksBefore { session, account, debit } => {
                to_value(self.asks_before(&session, account, debit).await?)?
            }
        })
    }
}
