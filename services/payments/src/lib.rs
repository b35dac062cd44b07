//! Use cases of wallet addresses, quotes, payments, liquidity and peers.
//!
//! One file per use case. No HTTP and no GraphQL. The rules are in `payments-model`, the rows in `payments-store`, the
//! money in the ledger.

pub mod administration;
mod beside;
mod counts;
mod incoming;
mod ledger_totals;
mod list_payments;
mod made_before;
mod outgoing;
pub mod queues;
mod quotes;
mod rates_in_use;
mod receivers;
mod service;
mod settings;
mod stream_driver;
mod unavailable;
mod wallet_address_lookup;
mod workers;

pub use beside::Beside;
pub use incoming::create_incoming_payment::{CreateIncomingPaymentError, NewIncomingPayment};
pub use incoming::decide_incoming_payment::ChangeIncomingPaymentError;
pub use incoming::decide_partial_payment::{DecidePartialPaymentError, DecisionEffect};
pub use incoming::end_incoming_payment::CompleteIncomingPaymentError;
pub use incoming::live_receivers::{LiveReceivers, ReceiverSettings};
pub use incoming::partial_payments::{DecisionTimes, PartialPayments};
pub use list_payments::{ReceivedPayment, SentPayment};
pub use outgoing::create_outgoing_payment::{
    CreateOutgoingPaymentError, CreatedOutgoingPayment, NewOutgoingPayment, PaymentOf,
};
pub use outgoing::fund_outgoing_payment::FundOutgoingPaymentError;
pub use outgoing::grant_spending::PaymentGrant;
pub use outgoing::grant_watch::GrantWatch;
pub use quotes::create_quote::{CreateQuoteError, NewQuote};
pub use rates::TableInUse;
pub use rates_in_use::{ConvertAmountError, FetchRatesError, RatesInUse, RatesQuestion};
pub use receivers::held_grants::HeldGrantError;
pub use receivers::manage_receiver::{CompleteReceiverError, CreateReceiverError, NewReceiver};
pub use receivers::resolve_receiver::ResolveReceiverError;
pub use service::{Payments, PaymentsParts};
pub use settings::{AtOnce, IncomingApproval, PaymentsSettings};
pub use unavailable::Unavailable;
pub use wallet_address_lookup::{Source, WalletAddressLookup};

// The test institution names this crate as other crates do.
#[cfg(test)]
extern crate self as payments;
#[cfg(test)]
mod tests;
