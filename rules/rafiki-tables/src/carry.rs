//! From a row of the original to rows of ours, one function for each of its tables.
//!
//! A row comes with what its query joined to it. Checks of one row are here; those that need other rows are made where
//! they can be asked for.

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

use crate::record::Record;
use crate::refusal::Refusal;
use crate::row::Row;
use crate::sealed::ColumnSecret;
use crate::version::Side;
use crate::work::Work;

/// What is read of the original, in the order in which it is carried.
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

/// Where a tenant's users give consent, which the original keeps in the auth database only for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentPlace {
    /// The page.
    pub url: Option<String>,
    /// Its secret.
    pub secret: Option<String>,
}

/// What is the same for every row of a pass.
#[derive(Clone, Debug)]
pub struct Context {
    /// The one instant at which the original is read.
    pub at: Timestamp,
    /// How long a quote of an unfinished payment stays good at least, counted from `at`: the move takes time.
    pub grace: Duration,
    /// `WEBHOOK_MAX_RETRY` of the old backend.
    pub default_retries: u32,
    /// Tenants that have set `WEBHOOK_MAX_RETRY`, deleted settings included.
    pub retries: HashMap<Uuid, u32>,
    /// Of the auth database's tenants.
    pub consent: HashMap<Uuid, ConsentPlace>,
    /// `DB_ENCRYPTION_SECRET` of the old backend.
    pub secret: Option<ColumnSecret>,
}

/// What a row of the original becomes.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Rows of ours.
    pub records: Vec<Record>,
    /// What is to be done about it later.
    pub work: Vec<Work>,
    /// Whether something of it is another than it was.
    pub changes: Vec<Change>,
}

/// What is another here than it was there, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// An incoming amount of 0 meant "any amount".
    ZeroAmountIsOpen,
    /// The quote of an unfinished payment is good for longer, so that the move does not let it expire.
    QuoteExtended,
    /// Old rows do not say what a quote costs without fees.
    FeesComputed,
    /// The end of a payment was not told yet; its event is made here.
    EventMade,
    /// An encrypted text stands in clear.
    Decrypted,
    /// How often the receiver was told is used up; here that is a state.
    DeliveryGivenUp,
    /// Who asks for consent is not kept there; here its address stands for its name.
    ClientNamedByUrl,
    /// Routes of a peer that is older than they are: its address is its only route.
    RouteAdded,
    /// An expired hold stays pending there for ever; here its id is booked as given back.
    HoldGivenBack,
    /// A text is kept as its hash: it stays valid, and cannot be read any more.
    Hashed,
}

impl Change {
    /// In words, with the reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ZeroAmountIsOpen => "incoming amounts of 0 become \"any amount\", which is what they meant",
            Self::QuoteExtended => "quotes of unfinished payments stay good longer, so that the move does not end them",
            Self::FeesComputed => "amounts without fees that old quotes lack are computed from their fee",
            Self::EventMade => "ends of payments that were not told yet get their event now",
            Self::Decrypted => {
                "texts encrypted with DB_ENCRYPTION_SECRET are kept in clear: there is no such secret here"
            }
            Self::DeliveryGivenUp => "deliveries tried as often as allowed get the state EXHAUSTED",
            Self::ClientNamedByUrl => "open questions to owners show the client's address: its name is not kept there",
            Self::RouteAdded => "peers without routes get their own address as route",
            Self::HoldGivenBack => "withdrawals that ran out are booked as given back, so that their ids stay used",
            Self::Hashed => {
                "access tokens, continuation tokens and consent secrets are kept as hashes; they stay valid"
            }
        }
    }
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
        Source::HttpTokens => peers::token(row),
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
        Source::AuthGrants => grants::grant(row),
        Source::AccessTokens => tokens::token(row),
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

    fn with_work(mut self, work: Work) -> Self {
        self.work.push(work);
        self
    }
}
