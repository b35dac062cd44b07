//! What other modules ask the payments: names of contacts, what is not finished, cards, and the end of a wallet.
//!
//! The answers are made in `payments_here`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::link::{ModuleError, Port};
use super::obstacle::{Obstacle, Whole};

/// A question to the payments.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentsAsked {
    /// The names that a user gave to these addresses.
    Names { user: Uuid, addresses: Vec<String> },
    /// The addresses to which a user gave a name with this text in it.
    Called { user: Uuid, text: String },
    /// How many requests of a user can still be paid.
    OpenRequests { user: Uuid },
    /// Whether a card pays, or paid, from an account.
    HasCard { account: Uuid },
    /// Ends the cards of an account for good.
    EndCards { account: Uuid },
    /// How many events were given up and need a person.
    DeadEvents {},
    /// What keeps the wallet of a user or an account open, as far as it is known here.
    Obstacles { user: Uuid, whole: Whole },
    /// The same, as the instance says about requests that have ended.
    Late { user: Uuid, whole: Whole },
    /// Forgets what identifies a user whose wallet is closed.
    Forget { user: Uuid },
}

/// The way to the payments.
#[derive(Clone)]
pub(crate) struct Payments(pub(crate) Port<PaymentsAsked>);

impl Payments {
    /// `None` while the payments do not answer, as in all that is for pages.
    pub(crate) async fn names(
        &self,
        user: Uuid,
        addresses: Vec<String>,
    ) -> Result<Option<BTreeMap<String, String>>, ModuleError> {
        if addresses.is_empty() {
            return Ok(Some(BTreeMap::new()));
        }
        self.0.ask_if_there(PaymentsAsked::Names { user, addresses }).await
    }

    pub(crate) async fn called(&self, user: Uuid, text: &str) -> Result<Option<Vec<String>>, ModuleError> {
        self.0.ask_if_there(PaymentsAsked::Called { user, text: text.to_owned() }).await
    }

    pub(crate) async fn open_requests(&self, user: Uuid) -> Result<Option<u64>, ModuleError> {
        self.0.ask_if_there(PaymentsAsked::OpenRequests { user }).await
    }

    pub(crate) async fn has_card(&self, account: Uuid) -> Result<Option<bool>, ModuleError> {
        self.0.ask_if_there(PaymentsAsked::HasCard { account }).await
    }

    pub(crate) async fn end_cards(&self, account: Uuid) -> Result<(), ModuleError> {
        self.0.ask(PaymentsAsked::EndCards { account }).await
    }

    pub(crate) async fn dead_events(&self) -> Result<Option<u64>, ModuleError> {
        self.0.ask_if_there(PaymentsAsked::DeadEvents {}).await
    }

    pub(crate) async fn obstacles(&self, user: Uuid, whole: Whole) -> Result<Vec<Obstacle>, ModuleError> {
        self.0.ask(PaymentsAsked::Obstacles { user, whole }).await
    }

    pub(crate) async fn late(&self, user: Uuid, whole: Whole) -> Result<Option<Obstacle>, ModuleError> {
        self.0.ask(PaymentsAsked::Late { user, whole }).await
    }

    pub(crate) async fn forget(&self, user: Uuid) -> Result<(), ModuleError> {
        self.0.ask(PaymentsAsked::Forget { user }).await
    }
}
