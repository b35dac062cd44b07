//! Our tables that a move fills, in the order in which their rows can be written.
//! The original's tables are in `carry`.

use crate::version::Side;

/// One of our tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the tables of the stores, by their names")]
pub enum Table {
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
    PeerIncomingTokens,
    KeptPeerTokens,
    Quotes,
    OutgoingPaymentGrants,
    IncomingPayments,
    OutgoingPayments,
    OutgoingPaymentCardDetails,
    OutgoingPaymentGrantSpendings,
    OutgoingPaymentGrantSpent,
    WebhookEvents,
    WebhookDeliveries,
    AuthTenants,
    AuthGrants,
    GrantIdentifiers,
    AccessTokens,
    KeptTokens,
    KeptContinuations,
}

impl Table {
    /// All of them, what others refer to first.
    pub const ALL: [Self; 27] = [
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
        Self::PeerIncomingTokens,
        Self::KeptPeerTokens,
        Self::Quotes,
        Self::OutgoingPaymentGrants,
        Self::IncomingPayments,
        Self::OutgoingPayments,
        Self::OutgoingPaymentCardDetails,
        Self::OutgoingPaymentGrantSpendings,
        Self::OutgoingPaymentGrantSpent,
        Self::WebhookEvents,
        Self::WebhookDeliveries,
        Self::AuthTenants,
        Self::AuthGrants,
        Self::GrantIdentifiers,
        Self::AccessTokens,
        Self::KeptTokens,
        Self::KeptContinuations,
    ];

    /// Its name in its database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenants | Self::AuthTenants => "tenants",
            Self::TenantSettings => "tenant_settings",
            Self::Assets => "assets",
            Self::Fees => "fees",
            Self::WalletAddresses => "wallet_addresses",
            Self::WalletAddressKeys => "wallet_address_keys",
            Self::WalletAddressProperties => "wallet_address_properties",
            Self::AuthServers => "auth_servers",
            Self::HeldGrants => "held_grants",
            Self::Peers => "peers",
            Self::PeerIncomingTokens => "peer_incoming_tokens",
            Self::KeptPeerTokens => "kept_peer_tokens",
            Self::Quotes => "quotes",
            Self::OutgoingPaymentGrants => "outgoing_payment_grants",
            Self::IncomingPayments => "incoming_payments",
            Self::OutgoingPayments => "outgoing_payments",
            Self::OutgoingPaymentCardDetails => "outgoing_payment_card_details",
            Self::OutgoingPaymentGrantSpendings => "outgoing_payment_grant_spendings",
            Self::OutgoingPaymentGrantSpent => "outgoing_payment_grant_spent",
            Self::WebhookEvents => "webhook_events",
            Self::WebhookDeliveries => "webhook_deliveries",
            Self::AuthGrants => "grants",
            Self::GrantIdentifiers => "grant_identifiers",
            Self::AccessTokens => "access_tokens",
            Self::KeptTokens => "kept_tokens",
            Self::KeptContinuations => "kept_continuations",
        }
    }

    /// Its name in reports.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AuthTenants => "auth tenants",
            Self::AuthGrants => "auth grants",
            other => other.name(),
        }
    }

    /// Which database it is in.
    pub const fn side(self) -> Side {
        match self {
            Self::AuthTenants
            | Self::AuthGrants
            | Self::GrantIdentifiers
            | Self::AccessTokens
            | Self::KeptTokens
            | Self::KeptContinuations => Side::Auth,
            _ => Side::Backend,
        }
    }

    /// The columns that identify its rows.
    pub const fn key(self) -> &'static [&'static str] {
        match self {
            Self::TenantSettings => &["tenant_id", "key"],
            Self::PeerIncomingTokens | Self::KeptPeerTokens => &["digest"],
            Self::OutgoingPaymentCardDetails | Self::OutgoingPaymentGrantSpendings => &["outgoing_payment_id"],
            Self::OutgoingPaymentGrantSpent => &["grant_id", "period_start", "side", "asset_code", "asset_scale"],
            Self::GrantIdentifiers => &["identifier", "grant_id"],
            Self::AccessTokens | Self::KeptTokens => &["management_id"],
            Self::KeptContinuations => &["grant_id"],
            _ => &["id"],
        }
    }
}
