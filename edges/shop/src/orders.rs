//! Orders, the transfers of money that belong to them, and the stages of a transfer.
//!
//! A stage carries what the next step needs, so every step can be repeated after a crash.

use clock::Timestamp;
use gnap::TokenValue;
use money::Asset;
use open_payments::Amount;
use open_payments_client::{PendingGrant, Reference};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::{Product, Terms};

/// What a customer has ordered.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: Uuid,
    /// The browser that may see it.
    pub(crate) visitor: Uuid,
    pub(crate) product: &'static Product,
    /// The customer's wallet address.
    pub(crate) customer: String,
    /// What the shop gets, each time.
    pub(crate) value: u64,
    pub(crate) asset: Asset,
    pub(crate) means: Means,
    pub(crate) standing: Standing,
    /// Grows with each change of the standing, so that two processes do not change it at once.
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
}

impl Order {
    /// Whether the consent to it is a right to charge again.
    pub(crate) fn gives_right(&self) -> bool {
        self.product.terms == Terms::Monthly || matches!(self.means, Means::Opens { .. })
    }
}

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// The wallet asks about this order.
    Asked,
    /// The wallet asks about a budget of so much each month, and this order is its first payment.
    Opens { limit: u64 },
    /// From the budget that this order has opened. The wallet does not ask.
    From(Uuid),
}

/// The right to charge a customer again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// There is none: the order gives none, or the customer has not agreed yet.
    None,
    /// The customer has agreed.
    Running {
        token: Token,
        interval: String,
        /// The exchange of the token that was begun and of which no answer is stored.
        #[serde(default)]
        exchange: Option<Exchange>,
        /// With it the grant itself is given back if its token is lost.
        #[serde(default)]
        grant: Option<Box<PendingGrant>>,
    },
    /// It was ended, so nothing is charged. The wallet has to be told that the token is not needed any more.
    Ending { token: Token },
    /// It was ended, and the wallet was told.
    Ended,
    /// The wallet no longer accepts it.
    Lapsed,
}

/// An exchange of a token that was begun.
///
/// It is stored before the wallet is asked. So a process that goes on after a kill asks the same again, and gets the
/// answer that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exchange {
    /// The key of the request.
    pub(crate) key: Uuid,
    /// Until then the process that began it may be at it.
    pub(crate) until: Timestamp,
}

/// A token for outgoing payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) value: TokenValue,
    pub(crate) manage: String,
    /// Until when it is accepted, if the wallet has said so.
    #[serde(default)]
    pub(crate) until: Option<Timestamp>,
}

impl Token {
    /// Whether it is accepted now, as far as is known.
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until > now)
    }
}

/// Why money is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The customer pays an order, or the first period of a subscription.
    Purchase,
    /// The customer pays a further period.
    Charge,
    /// The shop gives money back.
    Refund,
}

impl Purpose {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Charge => "charge",
            Self::Refund => "refund",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Purchase, Self::Charge, Self::Refund].into_iter().find(|purpose| purpose.word() == word)
    }
}

/// One movement of money. It is made once, whatever is repeated.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) id: Uuid,
    pub(crate) order: Uuid,
    pub(crate) purpose: Purpose,
    /// The period of a subscription, or how many refunds were tried before. 0 for a purchase.
    pub(crate) period: u32,
    /// In the asset of the order.
    pub(crate) value: u64,
    pub(crate) stage: Stage,
    /// Grows with each change, so that two processes do not change it at once.
    pub(crate) version: i64,
    /// How often the present step has failed.
    pub(crate) attempts: u32,
    pub(crate) created_at: Timestamp,
}

impl Transfer {
    /// The key of the requests that make its bill. What is asked anew later is another bill.
    pub(crate) fn bill_key(&self) -> String {
        format!("shop-{}-{}", self.id, self.created_at.as_millis())
    }

    /// The key of the request that pays. A transfer is paid once, whatever happens.
    pub(crate) fn payment_key(&self) -> String {
        format!("shop-{}", self.id)
    }

    /// The key of the request that fetches the token after the payer's consent.
    pub(crate) fn consent_key(&self) -> String {
        format!("shop-{}-consent-{}", self.id, self.created_at.as_millis())
    }

    /// Whether it is a period of a subscription that has not begun. No page shows it.
    pub(crate) fn waits_for_its_period(&self) -> bool {
        self.purpose == Purpose::Charge && self.attempts == 0 && self.stage.is_begun()
    }
}

/// What is asked of the payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bill {
    /// The incoming payment at the payee's institution.
    pub(crate) incoming: String,
    /// What has to arrive there, in its smallest unit.
    pub(crate) expected: u64,
    /// What the payer pays.
    pub(crate) debit: Amount,
    pub(crate) quote: String,
}

/// How far a transfer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Nothing was asked.
    Begun,
    /// Nothing was asked, and nothing will be: a budget pays.
    Allowed,
    /// The payer's wallet asks the payer.
    Asked { bill: Bill, pending: PendingGrant },
    /// The payer came back with a reference whose hash is right.
    Returned {
        bill: Bill,
        pending: PendingGrant,
        reference: Reference,
        /// Since when the wallet has been asked for the token without an answer that was stored.
        #[serde(default)]
        unanswered_since: Option<Timestamp>,
    },
    /// There is a token to pay with.
    Agreed { bill: Bill, token: Token },
    /// The payment was made, and its money is awaited.
    Paying { bill: Bill, token: Token, payment: String },
    /// The money has arrived.
    Paid { bill: Bill },
    /// The payer does not want to.
    Refused,
    /// It ended otherwise.
    Failed { why: Why, received: u64 },
}

/// Why a transfer has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// The payer did not answer in time.
    Late,
    /// The wallet took its permission back, or did not give it.
    NotAllowed,
    /// The wallet gave its permission, but the answer with it was lost, and the wallet does not repeat it.
    AnswerLost,
    /// The wallet did not make the payment.
    NotPaid,
    /// The wallet did not pay it from the budget.
    NotFromBudget,
    /// Not all of the money has arrived.
    TooLittle,
    /// The other side says that nothing has arrived, and the shop's own wallet does not confirm it.
    Unclear,
}

impl Why {
    /// For the payer.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Late => "There was no consent in time, so nothing was paid.",
            Self::NotAllowed => "The wallet did not give the permission to pay.",
            Self::AnswerLost => "The answer of your wallet was lost. Nothing was paid. Please order again.",
            Self::NotPaid => "The wallet could not make the payment. Is there enough money in the account?",
            Self::NotFromBudget => "Your wallet did not pay this from the budget. If you order again, it asks you.",
            Self::TooLittle => "Not all of the money has arrived. Ask the shop to give it back.",
            Self::Unclear => "It is not certain whether this was paid. The shop has to look into its own wallet.",
        }
    }
}

impl Stage {
    /// Whether nothing more will happen.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Paid { .. } | Self::Refused | Self::Failed { .. })
    }

    /// Whether nothing was done yet.
    pub(crate) fn is_begun(&self) -> bool {
        *self == Self::Begun
    }

    /// What was asked of the payer.
    pub(crate) fn bill(&self) -> Option<&Bill> {
        match self {
            Self::Asked { bill, .. }
            | Self::Returned { bill, .. }
            | Self::Agreed { bill, .. }
            | Self::Paying { bill, .. }
            | Self::Paid { bill } => Some(bill),
            Self::Begun | Self::Allowed | Self::Refused | Self::Failed { .. } => None,
        }
    }

    /// Where the payer's browser has to go now.
    pub(crate) fn redirect(&self) -> Option<&str> {
        match self {
            Self::Asked { pending, .. } => Some(&pending.redirect),
            _ => None,
        }
    }

    /// Whether something happens without the payer.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self, Self::Allowed | Self::Returned { .. } | Self::Agreed { .. } | Self::Paying { .. })
    }
}
