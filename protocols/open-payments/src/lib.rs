//! Open Payments resource types: what travels between wallets, one file per resource and per request body, in the
//! version of the resource and wallet address server APIs that is called 1.3. Files name their section of its description.
//!
//! It has no rules of payments and no HTTP. Requests are validated with the messages that clients of the original know.
//! Answers of other servers are read leniently: unknown members are ignored.

#![warn(missing_docs)]

mod amount;
mod create_incoming_payment;
mod create_outgoing_payment;
mod create_quote;
mod date_time;
mod error;
mod incoming_payment;
mod list;
mod outgoing_payment;
mod outgoing_payment_grant;
mod quote;
mod spsp;
mod validate;
mod wallet_address;

pub use amount::Amount;
pub use create_incoming_payment::CreateIncomingPayment;
pub use create_outgoing_payment::{CreateOutgoingPayment, PaymentSource};
pub use create_quote::{CreateQuote, QuoteAmount};
pub use date_time::parse_date_time;
pub use error::{ErrorBody, ErrorDetail};
pub use incoming_payment::{IlpPaymentMethod, IncomingPayment, PaymentMethod, PublicIncomingPayment};
pub use list::{ListQuery, Page, PageInfo, PageRequest, PageRequestError};
pub use outgoing_payment::{CreatedOutgoingPayment, OutgoingPayment};
pub use outgoing_payment_grant::OutgoingPaymentGrant;
pub use quote::{Quote, QuoteMethod};
pub use spsp::{InvalidReceiptRequest, ReceiptRequest, SPSP_CONTENT_TYPE, SpspCredentials};
pub use validate::InvalidRequest;
pub use wallet_address::WalletAddress;

/// Free-form data attached to a payment.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// The largest amount accepted in a request: amounts are stored as signed 64-bit integers.
pub const AMOUNT_MAX: u64 = i64::MAX.unsigned_abs();
