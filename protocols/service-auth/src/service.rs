//! The services that are called with a token (the audiences of RFC 9068 section 3), and what each caller asks for.
//! The rights themselves are in `scope`.

use std::fmt;
use std::str::FromStr;

use crate::Scope;

/// A service that may be called with a token. Its name is the audience of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// The Admin listener of the backend.
    BackendAdmin,
    /// The Admin listener of the authorization server.
    AuthAdmin,
    /// Introspection of clients' tokens, at the authorization server.
    AuthIntrospection,
    /// The tenants of the authorization server.
    AuthService,
    /// The decisions of owners, at the authorization server.
    AuthIdp,
    /// The webhook receiver of the account-servicing entity.
    WalletHooks,
    /// The webhook receiver of the card service.
    CardHooks,
    /// The webhook receiver of the point of sale.
    PosHooks,
    /// Exchange rates.
    Rates,
    /// The users of a wallet whose modules run as processes of their own.
    WalletUsers,
    /// The agreements of such a wallet.
    WalletAgreements,
    /// The accounts of such a wallet.
    WalletAccounts,
    /// The payments of such a wallet.
    WalletPayments,
}

/// The name is none of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is the name of no service; the names are {names}", names = names())]
pub struct UnknownService(pub String);

fn names() -> String {
    Service::ALL.map(Service::as_str).join(", ")
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 13] = [
        Self::BackendAdmin,
        Self::AuthAdmin,
        Self::AuthIntrospection,
        Self::AuthService,
        Self::AuthIdp,
        Self::WalletHooks,
        Self::CardHooks,
        Self::PosHooks,
        Self::Rates,
        Self::WalletUsers,
        Self::WalletAgreements,
        Self::WalletAccounts,
        Self::WalletPayments,
    ];

    /// Its name, which is the audience of its tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackendAdmin => "backend-admin",
            Self::AuthAdmin => "auth-admin",
            Self::AuthIntrospection => "auth-introspection",
            Self::AuthService => "auth-service",
            Self::AuthIdp => "auth-idp",
            Self::WalletHooks => "wallet-hooks",
            Self::CardHooks => "card-hooks",
            Self::PosHooks => "pos-hooks",
            Self::Rates => "rates",
            Self::WalletUsers => "wallet-users",
            Self::WalletAgreements => "wallet-agreements",
            Self::WalletAccounts => "wallet-accounts",
            Self::WalletPayments => "wallet-payments",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(text: &str) -> Result<Self, UnknownService> {
        Self::ALL.into_iter().find(|service| service.as_str() == text).ok_or_else(|| UnknownService(text.to_owned()))
    }
}

/// The token that a caller needs for a service. It asks for no more than it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The service to call.
    pub service: Service,
    /// The rights to ask for.
    pub scopes: &'static [Scope],
}

impl Wanted {
    /// The backend introspects tokens.
    pub const INTROSPECTION: Self = Self { service: Service::AuthIntrospection, scopes: &[Scope::TokenIntrospect] };
    /// The backend mirrors tenants.
    pub const TENANTS: Self =
        Self { service: Service::AuthService, scopes: &[Scope::TenantsRead, Scope::TenantsWrite] };
    /// The authorization server reports changes of grants.
    pub const GRANT_EVENTS: Self = Self { service: Service::BackendAdmin, scopes: &[Scope::GrantsNotify] };
    /// The card service pays.
    pub const CARD_PAYMENTS: Self = Self { service: Service::BackendAdmin, scopes: &[Scope::CardsPay] };
    /// The point of sale receives.
    pub const POS_PAYMENTS: Self = Self { service: Service::BackendAdmin, scopes: &[Scope::PosReceive] };
    /// The wallet administers its accounts.
    pub const WALLET: Self = Self {
        service: Service::BackendAdmin,
        scopes: &[Scope::PaymentsWrite, Scope::LiquidityWrite, Scope::AddressesWrite, Scope::AssetsWrite],
    };
    /// The backend sends events to the wallet.
    pub const WALLET_EVENTS: Self = Self { service: Service::WalletHooks, scopes: &[Scope::HooksSend] };
    /// The wallet shows and revokes the grants of its customers.
    pub const WALLET_GRANTS: Self =
        Self { service: Service::AuthAdmin, scopes: &[Scope::GrantsRead, Scope::GrantsRevoke] };
    /// The wallet reads what its customers are asked, and tells what they have decided.
    pub const WALLET_CONSENT: Self = Self { service: Service::AuthIdp, scopes: &[Scope::IdpRead, Scope::IdpDecide] };
    /// A module of the wallet asks who is signed in.
    pub const WALLET_USERS: Self = Self { service: Service::WalletUsers, scopes: &[Scope::UsersRead] };
    /// A module of the wallet asks whether an agreement lets a payment through.
    pub const WALLET_AGREEMENTS: Self = Self { service: Service::WalletAgreements, scopes: &[Scope::AgreementsUse] };
    /// A module of the wallet asks about the accounts of a user.
    pub const WALLET_ACCOUNTS: Self = Self { service: Service::WalletAccounts, scopes: &[Scope::AccountsUse] };
    /// A module of the wallet asks about contacts, requests, cards and events.
    pub const WALLET_PAYMENTS: Self = Self { service: Service::WalletPayments, scopes: &[Scope::PaymentsUse] };
    /// The backend sends events to the card service.
    pub const CARD_EVENTS: Self = Self { service: Service::CardHooks, scopes: &[Scope::HooksSend] };
    /// The backend sends events to the point of sale.
    pub const POS_EVENTS: Self = Self { service: Service::PosHooks, scopes: &[Scope::HooksSend] };
    /// The console, and an operator at a terminal, do everything that the Admin API of the backend offers.
    pub const CONSOLE: Self = Self { service: Service::BackendAdmin, scopes: &[Scope::Admin, Scope::Operator] };
    /// The console reads and revokes grants.
    pub const CONSOLE_GRANTS: Self = Self {
        service: Service::AuthAdmin,
        scopes: &[Scope::Admin, Scope::GrantsRead, Scope::GrantsRevoke, Scope::Operator],
    };
    /// The backend reads exchange rates.
    pub const RATES: Self = Self { service: Service::Rates, scopes: &[Scope::RatesRead] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_name_and_no_other_name_is_one() {
        for service in Service::ALL {
            assert_eq!(service.as_str().parse(), Ok(service));
        }
        let unknown = "backend".parse::<Service>().unwrap_err().to_string();
        assert!(unknown.contains("backend-admin") && unknown.contains("rates"), "{unknown}");
    }
}
