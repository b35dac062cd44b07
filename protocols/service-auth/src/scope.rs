//! The rights that a token may grant its service: the scopes of RFC 6749 section 3.3.
//! Which right a route needs is declared where the route is.

use std::fmt;
use std::str::FromStr;

/// A right of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Look up what a client's token allows.
    TokenIntrospect,
    /// Read mirrored tenants.
    TenantsRead,
    /// Create, change and delete mirrored tenants.
    TenantsWrite,
    /// Report changes of grants.
    GrantsNotify,
    /// Read grants.
    GrantsRead,
    /// Revoke grants.
    GrantsRevoke,
    /// Read what an owner is asked.
    IdpRead,
    /// Tell what an owner has decided.
    IdpDecide,
    /// Send events.
    HooksSend,
    /// Read exchange rates.
    RatesRead,
    /// Make card payments of customers.
    CardsPay,
    /// Receive card payments for merchants.
    PosReceive,
    /// Read payments.
    PaymentsRead,
    /// Make, approve and cancel payments, and read them.
    PaymentsWrite,
    /// Deposit and withdraw money.
    LiquidityWrite,
    /// Create and change wallet addresses and their keys.
    AddressesWrite,
    /// Read assets and peers.
    AssetsRead,
    /// Create and change assets, fees and peers.
    AssetsWrite,
    /// Ask who is signed in at a wallet, and what was proved.
    UsersRead,
    /// Use the agreements of a wallet's customers.
    AgreementsUse,
    /// Use the accounts of a wallet's customers.
    AccountsUse,
    /// Use the payments of a wallet's customers.
    PaymentsUse,
    /// Everything that an Admin API offers a tenant.
    Admin,
    /// Act for every tenant.
    Operator,
}

/// The text is none of a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope of a service")]
pub struct UnknownScope(pub String);

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 24] = [
        Self::TokenIntrospect,
        Self::TenantsRead,
        Self::TenantsWrite,
        Self::GrantsNotify,
        Self::GrantsRead,
        Self::GrantsRevoke,
        Self::IdpRead,
        Self::IdpDecide,
        Self::HooksSend,
        Self::RatesRead,
        Self::CardsPay,
        Self::PosReceive,
        Self::PaymentsRead,
        Self::PaymentsWrite,
        Self::LiquidityWrite,
        Self::AddressesWrite,
        Self::AssetsRead,
        Self::AssetsWrite,
        Self::UsersRead,
        Self::AgreementsUse,
        Self::AccountsUse,
        Self::PaymentsUse,
        Self::Admin,
        Self::Operator,
    ];

    /// Its text in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenIntrospect => "token:introspect",
            Self::TenantsRead => "tenants:read",
            Self::TenantsWrite => "tenants:write",
            Self::GrantsNotify => "grants:notify",
            Self::GrantsRead => "grants:read",
            Self::GrantsRevoke => "grants:revoke",
            Self::IdpRead => "idp:read",
            Self::IdpDecide => "idp:decide",
            Self::HooksSend => "hooks:send",
            Self::RatesRead => "rates:read",
            Self::CardsPay => "cards:pay",
            Self::PosReceive => "pos:receive",
            Self::PaymentsRead => "payments:read",
            Self::PaymentsWrite => "payments:write",
            Self::LiquidityWrite => "liquidity:write",
            Self::AddressesWrite => "addresses:write",
            Self::AssetsRead => "assets:read",
            Self::AssetsWrite => "assets:write",
            Self::UsersRead => "users:read",
            Self::AgreementsUse => "agreements:use",
            Self::AccountsUse => "accounts:use",
            Self::PaymentsUse => "payments:use",
            Self::Admin => "admin:*",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_found_by_its_text() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("admin".parse::<Scope>().is_err());
    }
}
