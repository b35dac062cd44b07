//! The consent of a customer to what an application asks for. The authorization server asks this wallet, because only
//! the wallet knows its customers.
//!
//! Nothing is allowed without the customer, and only for the customer's own addresses. The pages are in `pages`.

mod interactions;
pub(crate) mod interval;

use std::sync::Arc;

use clock::{Clock, Entropy};
use database::{Database, Error};
use gnap::{AccessItem, AccessType, Action, Subject};
pub use interactions::ConsentSettings;
pub(crate) use interactions::{Asked, Decision, Interaction, InteractionError};
use outbound_http::Outbound;
use uuid::Uuid;

use crate::agreement_accounts;
use crate::compared::normal;
use crate::customers::{Customer, Held};
use crate::effect_error::EffectError;
use crate::sql::read_one;

const CLIENT_MAX: usize = 200;

/// A request that a customer has opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) id: Uuid,
    pub(crate) interaction: Interaction,
    client_name: String,
    client_uri: String,
    /// What the customer decided before.
    pub(crate) decision: Option<String>,
}

/// What the customer is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) client_name: String,
    pub(crate) client_uri: String,
    pub(crate) access: Vec<AccessItem>,
    pub(crate) subjects: Vec<String>,
    /// The accounts that it is about.
    pub(crate) accounts: Vec<Held>,
    pub(crate) grant_id: String,
}

/// What comes of opening a request.
#[derive(Debug)]
pub(crate) enum Shown {
    Question(Box<Question>),
    /// It names an address of somebody else, so it was refused.
    NotYours,
    /// It was decided before, here or elsewhere.
    Decided,
}

/// Why a request cannot be shown or decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsentError {
    #[error(transparent)]
    Interaction(#[from] InteractionError),
    #[error(transparent)]
    Effect(#[from] EffectError),
}

impl From<Error> for ConsentError {
    fn from(error: Error) -> Self {
        Self::Effect(error.into())
    }
}

/// The requests of applications. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Consents {
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    interactions: interactions::Interactions,
}

impl Consents {
    pub(crate) fn new(
        settings: ConsentSettings,
        http: Outbound,
        database: Database,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database, clock, entropy, interactions: interactions::Interactions::new(settings, http) }
    }

    /// Remembers a request that a customer has opened, and what its address said about the client.
    pub(crate) async fn open(
        &self,
        customer: &Customer,
        interaction: &Interaction,
        client_name: &str,
        client_uri: &str,
    ) -> Result<Uuid, Error> {
        let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(CLIENT_MAX).collect::<String>();
        let sql = "INSERT INTO wallet_consents (id, user_id, interaction, nonce, client_name, client_uri, opened_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (user_id, interaction) DO UPDATE SET nonce = excluded.nonce
            RETURNING id";
        let values = [
            self.entropy.uuid().into(),
            customer.user().into(),
            interaction.id.as_str().into(),
            interaction.nonce.as_str().into(),
            cut(client_name).into(),
            cut(client_uri).into(),
            self.clock.now().as_millis().into(),
        ];
        let rows = self.database.query(sql, values).await?;
        let row = rows.first().ok_or_else(|| Error::inconsistent("wallet_consents", "id", &interaction.id))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// A request that this customer has opened.
    pub(crate) async fn opened(&self, customer: &Customer, id: Uuid) -> Result<Option<Opened>, Error> {
        let sql = "SELECT interaction, nonce, client_name, client_uri, decision FROM wallet_consents
            WHERE id = $1 AND user_id = $2";
        let Some(row) = read_one(&self.database, sql, [id.into(), customer.user().into()]).await? else {
            return Ok(None);
        };
        Ok(Some(Opened {
            id,
            interaction: Interaction { id: row.try_get_by_index(0)?, nonce: row.try_get_by_index(1)? },
            client_name: row.try_get_by_index(2)?,
            client_uri: row.try_get_by_index(3)?,
            decision: row.try_get_by_index(4)?,
        }))
    }

    /// What the customer is asked. A request about somebody else's address is refused at once.
    pub(crate) async fn show(&self, customer: &Customer, opened: &Opened) -> Result<Shown, ConsentError> {
        let asked = self.interactions.asked(&opened.interaction).await?;
        if asked.state != "PENDING" {
            return Ok(Shown::Decided);
        }
        if let Some(question) = question(asked, opened, customer.accounts().await?) {
            return Ok(Shown::Question(Box::new(question)));
        }
        self.interactions.decide(&opened.interaction, Decision::Deny).await?;
        self.remember(customer, opened, Decision::Deny, None).await?;
        Ok(Shown::NotYours)
    }

    /// Gives the customer's answer. Whose the addresses are is checked again.
    pub(crate) async fn decide(
        &self,
        customer: &Customer,
        opened: &Opened,
        decision: Decision,
    ) -> Result<Shown, ConsentError> {
        match self.show(customer, opened).await? {
            Shown::Question(question) => {
                if decision == Decision::Allow {
                    // Before the answer, so that no payment comes between.
                    let payers = payers(&question.accounts, &question.access).into_iter().map(|held| held.account.id);
                    agreement_accounts::note(&self.database, &question.grant_id, payers).await?;
                }
                self.interactions.decide(&opened.interaction, decision).await?;
                self.remember(customer, opened, decision, Some(&question.grant_id)).await?;
                Ok(Shown::Decided)
            }
            other => Ok(other),
        }
    }

    async fn remember(
        &self,
        customer: &Customer,
        opened: &Opened,
        decision: Decision,
        grant: Option<&str>,
    ) -> Result<(), Error> {
        let sql = "UPDATE wallet_consents SET decision = $3, grant_id = $4, decided_at = $5
            WHERE id = $1 AND user_id = $2 AND decision IS NULL";
        let values = [
            opened.id.into(),
            customer.user().into(),
            decision.as_str().into(),
            grant.map(str::to_owned).into(),
            self.clock.now().as_millis().into(),
        ];
        self.database.execute(sql, values).await.map(drop)
    }

    /// Where the browser goes after the answer.
    pub(crate) fn finish(&self, opened: &Opened) -> String {
        self.interactions.finish(&opened.interaction)
    }
}

/// The account that a right is about, if it names one.
pub(crate) fn account_of<'a>(accounts: &'a [Held], item: &AccessItem) -> Option<&'a Held> {
    let named = item.identifier()?;
    accounts
        .iter()
        .find(|held| held.account.wallet_address_url.as_deref().map(normal).as_deref() == Some(named.as_str()))
}

/// The accounts from which an application may pay by these rights.
pub(crate) fn payers(accounts: &[Held], items: &[AccessItem]) -> Vec<Held> {
    let pays = |item: &&AccessItem| {
        item.kind() == AccessType::OutgoingPayment && item.actions().as_slice().contains(&Action::Create)
    };
    let mut found: Vec<Held> =
        items.iter().filter(pays).filter_map(|item| account_of(accounts, item)).cloned().collect();
    found.sort_by_key(|held| held.account.id);
    found.dedup_by_key(|held| held.account.id);
    found
}

/// Those accounts that these rights and subjects are about, if every address that they name is the customer's, and they
/// name one. Nobody gives rights about the accounts of all customers.
pub(crate) fn own_accounts(accounts: Vec<Held>, items: &[AccessItem], subjects: &[String]) -> Option<Vec<Held>> {
    let identifiers = items.iter().filter_map(AccessItem::identifier).map(|url| url.as_str().to_owned());
    let named: Vec<String> = identifiers.chain(subjects.iter().cloned()).collect();
    let address = |held: &Held| held.account.wallet_address_url.as_deref().map(normal);
    let is_own = |url: &String| accounts.iter().any(|held| address(held).as_ref() == Some(url));
    // Without an identifier it would be about the accounts of all customers.
    let about_everybody =
        items.iter().any(|item| item.kind() == AccessType::IncomingPayment && item.identifier().is_none());
    if named.is_empty() || !named.iter().all(is_own) || about_everybody {
        return None;
    }
    Some(accounts.into_iter().filter(|held| address(held).is_some_and(|url| named.contains(&url))).collect())
}

/// The question, if it is about the customer's own accounts.
fn question(asked: Asked, opened: &Opened, accounts: Vec<Held>) -> Option<Question> {
    let subjects: Vec<String> = asked.subject.as_ref().map(named).unwrap_or_default();
    let accounts = own_accounts(accounts, &asked.access, &subjects)?;
    Some(Question {
        client_name: asked.client_name.filter(|name| !name.is_empty()).unwrap_or_else(|| opened.client_name.clone()),
        client_uri: asked.client_uri.filter(|uri| !uri.is_empty()).unwrap_or_else(|| opened.client_uri.clone()),
        access: asked.access,
        subjects,
        accounts,
        grant_id: asked.grant_id,
    })
}

fn named(subject: &Subject) -> Vec<String> {
    subject.sub_ids.iter().map(|id| normal(&id.id)).collect()
}
