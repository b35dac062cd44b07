//! Translates a row of the original to rows of ours, one function for each of its tables.
//!
//! A row includes the rows that its query joined. Checks of one row are here. Checks that need several rows are in
//! `rafiki-database`.

mod grants;
mod institutions;
mod payments;
mod peers;
mod spending;
mod tokens;
mod webhooks;

use std::collections::HashMap;
use std::time::Duration;

use clock::Timestamp;
use uuid::Uuid;

use crate::kept::Keeping;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::row::Row;
use crate::sealed::ColumnSecret;
use crate::version::Side;
use crate::work::DueJob;

/// The tables that are read, in the order in which they are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the tables of the original, by their names")]
pub enum Source {
    Tenants,
    TenantSettings,
    Assets,
    Fees,
    WalletAddresses,
    WalletAddressKeys,
    WalletAddressProperties,
    AuthServers,
    HeldGrants,
    Peers,
    HttpTokens,
    Quotes,
    PaymentGrants,
    IncomingPayments,
    OutgoingPayments,
    CardDetails,
    Spendings,
    SpentTotals,
    WebhookEvents,
    Webhooks,
    AuthTenants,
    AuthGrants,
    AccessTokens,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Tenants,
        Self::TenantSettings,
        Self::Assets,
        Self::Fees,
        Self::WalletAddresses,
        Self::WalletAddressKeys,
        Self::WalletAddressProperties,
        Self::AuthServers,
        Self::HeldGrants,
        Self::Peers,
        Self::HttpTokens,
        Self::Quotes,
        Self::PaymentGrants,
        Self::IncomingPayments,
        Self::OutgoingPayments,
        Self::CardDetails,
        Self::Spendings,
        Self::SpentTotals,
        Self::WebhookEvents,
        Self::Webhooks,
        Self::AuthTenants,
        Self::AuthGrants,
        Self::AccessTokens,
    ];

    /// The table of the original.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Tenants | Self::AuthTenants => "tenants",
            Self::TenantSettings => "tenantSettings",
            Self::Assets => "assets",
            Self::Fees => "fees",
            Self::WalletAddresses => "walletAddresses",
            Self::WalletAddressKeys => "walletAddressKeys",
            Self::WalletAddressProperties => "walletAddressAdditionalProperties",
            Self::AuthServers => "authServers",
            Self::HeldGrants | Self::AuthGrants => "grants",
            Self::Peers => "peers",
            Self::HttpTokens => "httpTokens",
            Self::Quotes => "quotes",
            Self::PaymentGrants => "outgoingPaymentGrants",
            Self::IncomingPayments => "incomingPayments",
            Self::OutgoingPayments => "outgoingPayments",
            Self::CardDetails => "outgoingPaymentCardDetails",
            Self::Spendings | Self::SpentTotals => "outgoingPaymentGrantSpentAmounts",
            Self::WebhookEvents => "webhookEvents",
            Self::Webhooks => "webhooks",
            Self::AccessTokens => "accessTokens",
        }
    }

    /// Which database it is in.
    pub const fn side(self) -> Side {
        match self {
            Self::AuthTenants | Self::AuthGrants | Self::AccessTokens => Side::Auth,
            _ => Side::Backend,
        }
    }
}

/// A tenant's consent page. The original stores one in the auth database for the operator only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentPlace {
    /// The page.
    pub url: Option<String>,
    /// Its secret.
    pub secret: Option<String>,
}

/// Values that apply to every row of a pass.
#[derive(Clone, Debug)]
pub struct Context {
    /// The time of the snapshot of the original.
    pub at: Timestamp,
    /// How long the quote of an unfinished payment stays valid at least, counted from `at`, because the move takes
    /// time.
    pub grace: Duration,
    /// `WEBHOOK_MAX_RETRY` of the old backend.
    pub default_retries: u32,
    /// Tenants that have set `WEBHOOK_MAX_RETRY`, deleted settings included.
    pub retries: HashMap<Uuid, u32>,
    /// The consent pages of the auth database's tenants.
    pub consent: HashMap<Uuid, ConsentPlace>,
    /// `DB_ENCRYPTION_SECRET` of the old backend.
    pub secret: Option<ColumnSecret>,
    /// Whether the clear values of tokens are kept for the way back.
    pub keep: Option<Keeping>,
}

/// The translation of a row.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Our rows.
    pub records: Vec<Record>,
    /// Later jobs for it.
    pub work: Vec<DueJob>,
    /// Values that were changed.
    pub changes: Vec<Change>,
}

/// A value that is changed by the move, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// An incoming amount of 0 meant "any amount".
    ZeroAmountIsOpen,
    /// The quote of an unfinished payment is valid for longer, so that it does not expire during the move.
    QuoteExtended,
    /// Old rows lack the amount of a quote without fees.
    FeesComputed,
    /// The event of a payment's end was not sent yet. It is made here.
    EventMade,
    /// A text that was encrypted is stored in clear.
    Decrypted,
    /// A delivery has used all its attempts. Here this is a state.
    DeliveryExhausted,
    /// The original does not store the name of the client that asks for consent. Its address is used as its name.
    ClientNamedByUrl,
    /// The routes of an old peer are missing. Its address becomes its only route.
    RouteAdded,
    /// An expired hold stays pending in the original. Here its id is booked as voided.
    HoldVoided,
    /// A token or secret is stored as its hash. It stays valid, but cannot be read any more.
    Hashed,
    /// The clear value of a token is kept, encrypted.
    Kept,
}

impl Change {
    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ZeroAmountIsOpen => {
                "incoming amounts of 0 become \"any amount\", which is their meaning in Rafiki 2.4"
            }
            Self::QuoteExtended => {
                "quotes of unfinished payments stay valid for longer, so that the move does not end them"
            }
            Self::FeesComputed => "old quotes lack the amount without fees; it is computed from the fee",
            Self::EventMade => "incoming payments whose last event was not sent yet get it from the move",
            Self::Decrypted => "texts encrypted with the old DB_ENCRYPTION_SECRET are stored in clear",
            Self::DeliveryExhausted => "deliveries without attempts left get the state EXHAUSTED",
            Self::ClientNamedByUrl => {
                "open consent requests show the client's address, because Rafiki 2.4 does not store its name"
            }
            Self::RouteAdded => "peers without routes get their own address as route",
            Self::HoldVoided => "withdrawals that timed out are booked as voided, so that their ids stay used",
            Self::Hashed => {
                "access tokens, continuation tokens, tokens of peers and consent secrets are kept as hashes; they stay valid"
            }
            Self::Kept => "clear values of tokens are kept beside the hashes, encrypted, for the way back",
        }
    }
}

/// The ids of the event and the delivery that the move makes for an ended payment whose event was not sent yet.
pub fn made_ids(payment: Uuid) -> [Uuid; 2] {
    payments::made_ids(payment)
}

/// Carries one row.
pub fn carry(source: Source, row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    match source {
        Source::Tenants => institutions::tenant(row, context),
        Source::TenantSettings => institutions::setting(row),
        Source::Assets => institutions::asset(row),
        Source::Fees => institutions::fee(row),
        Source::WalletAddresses => institutions::wallet_address(row),
        Source::WalletAddressKeys => institutions::key(row),
        Source::WalletAddressProperties => institutions::property(row),
        Source::AuthServers => peers::auth_server(row),
        Source::HeldGrants => peers::held_grant(row),
        Source::Peers => peers::peer(row),
        Source::HttpTokens => peers::token(row, context),
        Source::Quotes => payments::quote(row, context),
        Source::PaymentGrants => spending::grant(row),
        Source::IncomingPayments => payments::incoming(row, context),
        Source::OutgoingPayments => payments::outgoing(row, context),
        Source::CardDetails => payments::card_details(row),
        Source::Spendings => spending::spending(row),
        Source::SpentTotals => spending::total(row),
        Source::WebhookEvents => webhooks::event(row, context),
        Source::Webhooks => webhooks::delivery(row, context),
        Source::AuthTenants => grants::tenant(row),
        Source::AuthGrants => grants::grant(row, context),
        Source::AccessTokens => tokens::token(row, context),
    }
}

impl Carried {
    fn one(record: Record) -> Self {
        Self { records: vec![record], ..Self::default() }
    }

    fn changed(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    fn with_work(mut self, work: DueJob) -> Self {
        self.work.push(work);
        self
    }
}
