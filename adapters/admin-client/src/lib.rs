//! Client of the Admin GraphQL API: signed requests and typed operations.
//!
//! The example `pay` uses it from a program outside of Rafiki.
//!
//! Not a GraphQL library: the documents are fixed texts, checked against the schema by a test.

mod cards;
mod client;
mod documents;
mod error;
mod exchange_rates;
mod following;
mod grants;
mod health;
mod ledger;
mod mutations;
mod operations;
mod operator;
mod operator_documents;
mod overview;
mod payment_course;
mod peers;
mod types;
mod webhooks;

pub use cards::{
    CardDetails, CardFailure, CardPaymentPage, CardPaymentRecord, CardPayments, CreatedIncomingPayment, PageInfo,
    PageRequest,
};
pub use client::{AdminClient, Credentials};
pub use documents::ALL as DOCUMENTS;
pub use error::{AdminError, ErrorCode};
pub use exchange_rates::{ExchangeRatesView, RateTableView, RateView};
pub use following::Followed;
pub use grants::{
    AccessView, GrantSelection, GrantTokensView, GrantView, LimitsView, PaymentSpending, SpendingPayment,
    SpentUnderGrant, SubjectName, SubjectView,
};
pub use health::HealthView;
pub use ledger::{LedgerAlarmView, LedgerWatchView, MainAccountView};
pub use mutations::Mutation;
pub use operations::{NewPeer, PeerByUrl, PeerChange, QuoteAmount};
pub use operator::{
    AccountView, AdditionalProperty, AssetView, Direction, FeeView, IncomingPaymentView, Jwk, KeyView, Listed,
    OutgoingPaymentView, PaymentFilter, PaymentView, PeerView, QuoteView, Setting, TenantName, TenantView,
    TransferView, WalletAddressView, WebhookEventView,
};
pub use operator_documents::{ALL as OPERATOR_DOCUMENTS, GRANT_DOCUMENTS, query_named};
pub use overview::{Overview, RatesAgeView, Searchable, TableAgeView};
pub use payment_course::{PaymentCourseView, PaymentDeliveryView, QuoteTermsView, RejectedView, StretchView};
pub use peers::{PeerHealthView, PeerStateView, PeerTermsView, PeerTlsView, PeerTokenView, ThroughputView};
pub use types::{
    AccountingTransfer, AccountingTransfers, Amount, AssetRecord, FeeRecord, IncomingPayment, IncomingPaymentState,
    Key, OutgoingPayment, OutgoingPaymentState, PeerRecord, Quote, Receiver, TransferState, TransferType,
    WalletAddressRecord, Whoami,
};
pub use webhooks::{AttemptView, DeliverySelection, DeliveryState, DeliveryView, EndpointView};
