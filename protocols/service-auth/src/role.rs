//! The roles of this program as clients of a provider: what each may ask for, and which tokens it checks.
//! A provider may of course give them less (RFC 6749 section 3.3).

use std::str::FromStr;

use crate::{Scope, Service};

/// How a certificate names a role (RFC 5280 section 4.2.1.6), before the name of the role.
const URN: &str = "urn:rafiki:role:";

/// The name is none of a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is the name of no role; the names are {names}", names = ServiceRole::ALL.map(ServiceRole::as_str).join(", "))]
pub struct UnknownRole(pub String);

/// A role that has a client at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceRole {
    /// `rafiki backend`.
    Backend,
    /// `rafiki auth`.
    Auth,
    /// `rafiki wallet`.
    Wallet,
    /// `rafiki card-service`.
    CardService,
    /// `rafiki point-of-sale`.
    PointOfSale,
    /// `rafiki rates`.
    Rates,
    /// `rafiki console`, and an operator at a terminal.
    Console,
    /// `rafiki shop`. It calls none of our services, so it has no right.
    Shop,
}

impl ServiceRole {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Backend,
        Self::Auth,
        Self::Wallet,
        Self::CardService,
        Self::PointOfSale,
        Self::Rates,
        Self::Console,
        Self::Shop,
    ];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Auth => "auth",
            Self::Wallet => "wallet",
            Self::CardService => "card-service",
            Self::PointOfSale => "point-of-sale",
            Self::Rates => "rates",
            Self::Console => "console",
            Self::Shop => "shop",
        }
    }

    /// The URI of the role in its certificate, such as `urn:rafiki:role:card-service`.
    pub fn urn(self) -> String {
        format!("{URN}{}", self.as_str())
    }

    /// The role that a URI of a certificate names; `None` if the URI is about something else. A URI that is about a role
    /// but names none of ours is an error, so that it is not taken for silence.
    ///
    /// The case of `urn:rafiki:` does not count (RFC 8141 section 3.1).
    pub fn of_urn(uri: &str) -> Option<Result<Self, UnknownRole>> {
        let (start, name) = uri.split_at_checked(URN.len())?;
        start.eq_ignore_ascii_case(URN).then(|| name.parse())
    }

    /// The services that it calls, and what it does there.
    pub const fn access(self) -> &'static [(Service, &'static [Scope])] {
        match self {
            Self::Backend => &[
                (Service::AuthIntrospection, &[Scope::TokenIntrospect]),
                (Service::AuthService, &[Scope::TenantsRead, Scope::TenantsWrite]),
                (Service::WalletHooks, &[Scope::HooksSend]),
                (Service::CardHooks, &[Scope::HooksSend]),
                (Service::PosHooks, &[Scope::HooksSend]),
                (Service::Rates, &[Scope::RatesRead]),
            ],
            Self::Auth => &[(Service::BackendAdmin, &[Scope::GrantsNotify])],
            Self::Wallet => &[
                (
                    Service::BackendAdmin,
                    &[Scope::PaymentsWrite, Scope::LiquidityWrite, Scope::AddressesWrite, Scope::AssetsWrite],
                ),
                (Service::AuthAdmin, &[Scope::GrantsRead, Scope::GrantsRevoke]),
                (Service::AuthIdp, &[Scope::IdpRead, Scope::IdpDecide]),
                (Service::WalletUsers, &[Scope::UsersRead]),
                (Service::WalletAgreements, &[Scope::AgreementsUse]),
                (Service::WalletAccounts, &[Scope::AccountsUse]),
                (Service::WalletPayments, &[Scope::PaymentsUse]),
            ],
            Self::CardService => &[(Service::BackendAdmin, &[Scope::CardsPay])],
            Self::PointOfSale => &[(Service::BackendAdmin, &[Scope::PosReceive])],
            Self::Rates | Self::Shop => &[],
            Self::Console => &[
                (Service::BackendAdmin, &[Scope::Admin, Scope::Operator]),
                (Service::AuthAdmin, &[Scope::Admin, Scope::GrantsRead, Scope::GrantsRevoke, Scope::Operator]),
            ],
        }
    }

    /// The services that it is. It may ask the provider about their tokens.
    pub const fn serves(self) -> &'static [Service] {
        match self {
            Self::Backend => &[Service::BackendAdmin],
            Self::Auth => &[Service::AuthAdmin, Service::AuthIntrospection, Service::AuthService, Service::AuthIdp],
            Self::Wallet => &[
                Service::WalletHooks,
                Service::Rates,
                Service::WalletUsers,
                Service::WalletAgreements,
                Service::WalletAccounts,
                Service::WalletPayments,
            ],
            Self::CardService => &[Service::CardHooks],
            Self::PointOfSale => &[Service::PosHooks],
            Self::Rates => &[Service::Rates],
            Self::Console | Self::Shop => &[],
        }
    }

    /// Whether its client acts for one tenant.
    pub const fn acts_for_a_tenant(self) -> bool {
        matches!(self, Self::Wallet | Self::CardService | Self::PointOfSale)
    }
}

impl FromStr for ServiceRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

impl Service {
    /// The roles that have it.
    pub const fn roles(self) -> &'static [ServiceRole] {
        match self {
            Self::BackendAdmin => &[ServiceRole::Backend],
            Self::AuthAdmin | Self::AuthIntrospection | Self::AuthService | Self::AuthIdp => &[ServiceRole::Auth],
            Self::WalletHooks
            | Self::WalletUsers
            | Self::WalletAgreements
            | Self::WalletAccounts
            | Self::WalletPayments => &[ServiceRole::Wallet],
            Self::CardHooks => &[ServiceRole::CardService],
            Self::PosHooks => &[ServiceRole::PointOfSale],
            // The wallet serves those of its seed.
            Self::Rates => &[ServiceRole::Rates, ServiceRole::Wallet],
        }
    }

    /// Whether institutions run a program of their own for it: the account-servicing entity gets events, and rates may come
    /// from anywhere.
    pub const fn may_be_another_program(self) -> bool {
        matches!(self, Self::WalletHooks | Self::Rates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wanted;

    #[test]
    fn every_role_may_ask_for_what_it_wants() {
        for (role, wanted) in [
            (ServiceRole::Backend, Wanted::INTROSPECTION),
            (ServiceRole::Backend, Wanted::TENANTS),
            (ServiceRole::Backend, Wanted::WALLET_EVENTS),
            (ServiceRole::Backend, Wanted::CARD_EVENTS),
            (ServiceRole::Backend, Wanted::POS_EVENTS),
            (ServiceRole::Backend, Wanted::RATES),
            (ServiceRole::Auth, Wanted::GRANT_EVENTS),
            (ServiceRole::Wallet, Wanted::WALLET),
            (ServiceRole::Wallet, Wanted::WALLET_CONSENT),
            (ServiceRole::Wallet, Wanted::WALLET_USERS),
            (ServiceRole::Wallet, Wanted::WALLET_AGREEMENTS),
            (ServiceRole::Wallet, Wanted::WALLET_ACCOUNTS),
            (ServiceRole::Wallet, Wanted::WALLET_PAYMENTS),
            (ServiceRole::CardService, Wanted::CARD_PAYMENTS),
            (ServiceRole::PointOfSale, Wanted::POS_PAYMENTS),
            (ServiceRole::Console, Wanted::CONSOLE),
            (ServiceRole::Console, Wanted::CONSOLE_GRANTS),
        ] {
            let allowed =
                role.access().iter().find(|(service, _)| *service == wanted.service).map(|(_, scopes)| *scopes);
            assert!(wanted.scopes.iter().all(|scope| allowed.is_some_and(|all| all.contains(scope))), "{wanted:?}");
        }
    }

    #[test]
    fn a_uri_tells_the_role_and_no_other_text_does() {
        for role in ServiceRole::ALL {
            assert_eq!(ServiceRole::of_urn(&role.urn()), Some(Ok(role)));
        }
        assert_eq!(ServiceRole::of_urn("URN:Rafiki:role:auth"), Some(Ok(ServiceRole::Auth)));
        for other in ["", "urn:rafiki:role", "urn:uuid:1", "backend", "https://urn:rafiki:role:backend/"] {
            assert_eq!(ServiceRole::of_urn(other), None, "{other}");
        }
        for unknown in ["", "Backend", "backend.evil.example", "backend ", "*", "backend:auth"] {
            let uri = format!("urn:rafiki:role:{unknown}");
            assert_eq!(ServiceRole::of_urn(&uri), Some(Err(UnknownRole(unknown.to_owned()))), "{uri}");
        }
    }

    #[test]
    fn every_service_is_served_by_somebody() {
        for service in Service::ALL {
            assert!(ServiceRole::ALL.iter().any(|role| role.serves().contains(&service)), "{service}");
        }
    }
}
