//! The payments of this process, as other modules of the wallet ask them.
//!
//! The questions are in `modules`.

use async_trait::async_trait;
use database::Error;
use serde_json::{Value, to_value};
use uuid::Uuid;

use crate::contacts;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::modules::{Answers, ModuleError, Obstacle, PaymentsAsked, Whole};
use crate::requests::{self, Late};
use crate::sending;
use crate::sql::execute;

/// Tables with rows of a user that end with the user.
const OWN: [&str; 3] = ["wallet_contacts", "wallet_begun_requests", "wallet_requesters"];

/// Answers for the payments of this process.
pub(crate) struct PaymentsHere(pub(crate) Effects);

impl PaymentsHere {
    async fn obstacles(&self, user: Uuid, whole: Whole) -> Result<Vec<Obstacle>, EffectError> {
        let mut found = Vec::new();
        let paying = sending::confirmed_accounts(self.0.store.database(), user).await?;
        if paying.into_iter().any(|account| whole.has(account)) {
            found.push(Obstacle::Payments);
        }
        let asking = requests::open_accounts(&self.0, user).await?;
        if asking.into_iter().any(|account| whole.has(account)) {
            found.push(Obstacle::Requests);
        }
        Ok(found)
    }

    async fn late(&self, user: Uuid, whole: Whole) -> Result<Option<Obstacle>, EffectError> {
        let late = requests::late(&self.0, user, |account| whole.has(account)).await?;
        Ok(late.map(|late| match late {
            Late::Open => Obstacle::Requests,
            Late::Arriving => Obstacle::Arriving,
        }))
    }

    async fn forget(&self, user: Uuid) -> Result<(), Error> {
        let transaction = self.0.store.database().begin().await?;
        for table in OWN {
            execute(&transaction, &format!("DELETE FROM {table} WHERE user_id = $1"), [user.into()]).await?;
        }
        execute(&transaction, "UPDATE wallet_requests SET note = NULL WHERE user_id = $1", [user.into()]).await?;
        transaction.commit().await
    }

    async fn made(&self, asked: PaymentsAsked) -> Result<Value, EffectError> {
        use PaymentsAsked as Ask;
        let (database, cards) = (self.0.store.database(), &self.0.cards);
        let answer = match asked {
            Ask::Names { user, addresses } => to_value(contacts::names(database, user, &addresses).await?),
            Ask::Called { user, text } => to_value(contacts::called(database, user, &text).await?),
            Ask::OpenRequests { user } => to_value(requests::open_count(database, user, self.0.clock.now()).await?),
            Ask::HasCard { account } => to_value(!cards.of_accounts(&[account]).await?.is_empty()),
            Ask::DeadEvents {} => to_value(self.0.store.dead_events().await?),
            Ask::Obstacles { user, whole } => to_value(self.obstacles(user, whole).await?),
            Ask::Late { user, whole } => to_value(self.late(user, whole).await?),
            Ask::EndCards { account } => to_value(cards.end_all(account).await?),
            Ask::Forget { user } => to_value(self.forget(user).await?),
        };
        Ok(answer?)
    }
}

#[async_trait]
impl Answers<PaymentsAsked> for PaymentsHere {
    async fn answer(&self, asked: PaymentsAsked) -> Result<Value, ModuleError> {
        self.made(asked).await.map_err(EffectError::into_answer)
    }
}
