//! What other modules ask the agreements: whether a payment may have its money, and what customers decided.
//!
//! The rules are in `own_limits`, and what the authorization server has in `grants`.

use std::sync::Arc;

use admin_client::AdminClient;
use async_trait::async_trait;
use clock::{Clock, Timestamp};
use database::Database;
use gnap::AccessItem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, to_value};
use uuid::Uuid;

use super::link::{Answers, ModuleError, Port};
use crate::account_state::Shut;
use crate::challenges::agreements::{self as oauth, Stage};
use crate::compared::normal;
use crate::foreign_payments::{self, ForeignPayment};
use crate::grants::{self, Which};
use crate::own_limits::{self, Agreement, Own, OwnLimits, Refusal, Standing, Use};

/// A question to the agreements.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AgreementsAsked {
    /// Whether a payment may have its money. The same payment always gets the same answer.
    MayPay { wanted: Use, shut: Option<Shut> },
    /// A payment that was let through gets no money after all.
    RefusedAfterAll { payment: Uuid, refusal: Refusal },
    /// What a payment counts after its end.
    Ended { done: Use, counts: u64 },
    /// A payment that was counted is never made.
    WasNotMade { payment: Uuid },
    /// Why a payment was refused.
    RefusalOf { payment: Uuid },
    /// The agreement of a payment.
    AgreementOf { payment: Uuid },
    /// The payments since an instant whose agreement does not pay from their account.
    Foreign { since: Timestamp },
    /// What the owner of an account decided.
    Own { grant: String, account: Uuid },
    /// What the payments of today count.
    SpentToday { grant: String, account: Uuid },
    /// Lets payments through, or not.
    Stand { grant: String, account: Uuid, standing: Standing },
    /// Sets limits.
    Limit { grant: String, account: Uuid, limits: OwnLimits },
    /// Whether applications have access to these addresses of a user.
    AnyLive { user: Uuid, addresses: Vec<String> },
    /// Forgets what identifies a user whose wallet is closed.
    Forget { user: Uuid },
}

/// The way to the agreements.
#[derive(Clone)]
pub(crate) struct Agreements(pub(crate) Port<AgreementsAsked>);

impl Agreements {
    pub(crate) async fn may_pay(&self, wanted: &Use, shut: Option<Shut>) -> Result<Option<Refusal>, ModuleError> {
        self.0.ask(AgreementsAsked::MayPay { wanted: wanted.clone(), shut }).await
    }

    pub(crate) async fn refused_after_all(&self, payment: Uuid, refusal: Refusal) -> Result<(), ModuleError> {
        self.0.ask(AgreementsAsked::RefusedAfterAll { payment, refusal }).await
    }

    pub(crate) async fn ended(&self, done: &Use, counts: u64) -> Result<(), ModuleError> {
        self.0.ask(AgreementsAsked::Ended { done: done.clone(), counts }).await
    }

    pub(crate) async fn was_not_made(&self, payment: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AgreementsAsked::WasNotMade { payment }).await
    }

    /// The outer `None` means that the agreements do not answer, as in all that a page can do without.
    pub(crate) async fn refusal_of(&self, payment: Uuid) -> Result<Option<Option<Refusal>>, ModuleError> {
        self.0.ask_if_there(AgreementsAsked::RefusalOf { payment }).await
    }

    pub(crate) async fn agreement_of(&self, payment: Uuid) -> Result<Option<Option<Agreement>>, ModuleError> {
        self.0.ask_if_there(AgreementsAsked::AgreementOf { payment }).await
    }

    pub(crate) async fn foreign(&self, since: Timestamp) -> Result<Option<Vec<ForeignPayment>>, ModuleError> {
        self.0.ask_if_there(AgreementsAsked::Foreign { since }).await
    }

    pub(crate) async fn own(&self, grant: &str, account: Uuid) -> Result<Own, ModuleError> {
        self.0.ask(AgreementsAsked::Own { grant: grant.to_owned(), account }).await
    }

    pub(crate) async fn spent_today(&self, grant: &str, account: Uuid) -> Result<u64, ModuleError> {
        self.0.ask(AgreementsAsked::SpentToday { grant: grant.to_owned(), account }).await
    }

    /// Lets payments through, or not. The caller has checked whose account it is.
    pub(crate) async fn stand(&self, grant: &str, account: Uuid, standing: Standing) -> Result<(), ModuleError> {
        self.0.ask(AgreementsAsked::Stand { grant: grant.to_owned(), account, standing }).await
    }

    /// Sets limits. The caller has checked whose account it is.
    pub(crate) async fn limit(&self, grant: &str, account: Uuid, limits: &OwnLimits) -> Result<(), ModuleError> {
        self.0.ask(AgreementsAsked::Limit { grant: grant.to_owned(), account, limits: *limits }).await
    }

    pub(crate) async fn any_live(&self, user: Uuid, addresses: Vec<String>) -> Result<bool, ModuleError> {
        self.0.ask(AgreementsAsked::AnyLive { user, addresses }).await
    }

    pub(crate) async fn forget(&self, user: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AgreementsAsked::Forget { user }).await
    }
}

/// The agreements of this process.
pub(crate) struct AgreementsHere {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    /// The API that has the grants.
    pub(crate) grants: Option<AdminClient>,
}

impl AgreementsHere {
    async fn any_live(&self, user: Uuid, addresses: &[String]) -> Result<bool, ModuleError> {
        let named: Vec<String> = addresses.iter().map(|address| normal(address)).collect();
        let is_about =
            |item: &AccessItem| item.identifier().is_some_and(|url| named.iter().any(|own| own == url.as_str()));
        let by_oauth = oauth::of_user(&self.database, user).await?;
        if by_oauth.iter().any(|agreement| agreement.stage != Stage::Ended && agreement.items().iter().any(is_about)) {
            return Ok(true);
        }
        let Some(admin) = &self.grants else { return Ok(false) };
        let allowed = grants::allowed(&self.database, user).await?;
        for address in addresses {
            let live = grants::about(admin, address, Which::Live, &allowed).await;
            let live = live
                .map_err(|error| ModuleError::Instance { reason: error.to_string(), may_pass: error.is_temporary() })?;
            if !live.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl Answers<AgreementsAsked> for AgreementsHere {
    async fn answer(&self, asked: AgreementsAsked) -> Result<Value, ModuleError> {
        use AgreementsAsked as Ask;
        let (database, now) = (&self.database, self.clock.now());
        let answer = match asked {
            Ask::MayPay { wanted, shut } => to_value(own_limits::ask(database, &wanted, shut, now).await?),
            Ask::RefusalOf { payment } => to_value(own_limits::refusal_of(database, payment).await?),
            Ask::Foreign { since } => to_value(foreign_payments::foreign(database, since).await?),
            Ask::AgreementOf { payment } => to_value(own_limits::agreement_of(database, payment).await?),
            Ask::Own { grant, account } => to_value(own_limits::of(database, &grant, account).await?),
            Ask::SpentToday { grant, account } => to_value(own_limits::spent(database, &grant, account, now).await?),
            Ask::AnyLive { user, addresses } => to_value(self.any_live(user, &addresses).await?),
            Ask::RefusedAfterAll { payment, refusal } => {
                own_limits::refused_after_all(database, payment, refusal).await?;
                Ok(Value::Null)
            }
            Ask::Ended { done, counts } => {
                own_limits::ended(database, &done, counts, now).await?;
                Ok(Value::Null)
            }
            Ask::WasNotMade { payment } => {
                own_limits::was_not_made(database, payment, now).await?;
                Ok(Value::Null)
            }
            Ask::Stand { grant, account, standing } => {
                own_limits::stand(database, (&grant, account), standing).await?;
                Ok(Value::Null)
            }
            Ask::Limit { grant, account, limits } => {
                own_limits::limit(database, (&grant, account), &limits).await?;
                Ok(Value::Null)
            }
            Ask::Forget { user } => {
                grants::forget(database, user).await?;
                Ok(Value::Null)
            }
        };
        Ok(answer?)
    }
}
