//! Use cases of wallet addresses, quotes, payments, liquidity and peers.
//!
//! One file per use case. No HTTP, no GraphQL, no packets of its own making: it decides by the rules of
//! `payments-model`, keeps rows in `payments-store` and money in the ledger.

pub mod administration;
mod counts;
mod create_incoming_payment;
mod create_outgoing_payment;
mod create_quote;
mod credentials;
mod credit_notes;
mod decide_incoming_payment;
mod end_incoming_payment;
mod expectations;
mod fund_outgoing_payment;
mod grant_spending;
mod held_grants;
mod incoming_events;
mod ledger_totals;
mod list_payments;
mod live_receivers;
mod manage_receiver;
mod outgoing_events;
mod packet_log;
mod pay_locally;
mod pay_over_ilp;
pub mod queues;
mod quote_methods;
mod receiver_memory;
mod resolve_receiver;
mod send_outgoing_payment;
mod service;
mod settings;
mod stream_driver;
mod unavailable;
mod wallet_address_lookup;
mod web_monetization;
mod workers;

pub use create_incoming_payment::{CreateIncomingPaymentError, NewIncomingPayment};
pub use create_outgoing_payment::{CreateOutgoingPaymentError, CreatedOutgoingPayment, NewOutgoingPayment, PaymentOf};
pub use create_quote::{CreateQuoteError, NewQuote};
pub use decide_incoming_payment::ChangeIncomingPaymentError;
pub use end_incoming_payment::CompleteIncomingPaymentError;
pub use fund_outgoing_payment::FundOutgoingPaymentError;
pub use grant_spending::PaymentGrant;
pub use held_grants::HeldGrantError;
pub use list_payments::{ReceivedPayment, SentPayment};
pub use live_receivers::{LiveReceivers, ReceiverSettings};
pub use manage_receiver::{CompleteReceiverError, CreateReceiverError, NewReceiver};
pub use resolve_receiver::ResolveReceiverError;
pub use service::{Payments, PaymentsParts};
pub use settings::{AtOnce, IncomingApproval, PaymentsSettings};
pub use unavailable::Unavailable;
pub use wallet_address_lookup::{Source, WalletAddressLookup};

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod expectation_tests;
#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod foreign_receiver_tests;
#[cfg(test)]
mod held_grant_tests;
#[cfg(test)]
mod life_tests;
#[cfg(test)]
mod tenant_tests;
#[cfg(test)]
mod testing;
