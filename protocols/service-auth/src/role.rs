//! The roles of this program as clients of a provider: what each may ask for, and which tokens it checks.
//! A provider may of course give them less (RFC 6749 section 3.3).

use crate::{Scope, Service};

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
}

impl ServiceRole {
    /// Every role.
    pub const ALL: [Self; 7] =
        [Self::Backend, Self::Auth, Self::Wallet, Self::CardService, Self::PointOfSale, Self::Rates, Self::Console];

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
        }
    }

    /// The role that a host name of a certificate is of: its first part is the name of the role, as in
    /// `card-service.bank.internal`.
    pub fn of_host(name: &str) -> Option<Self> {
        let first = name.split('.').next()?;
        Self::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(first))
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
            ],
            Self::CardService => &[(Service::BackendAdmin, &[Scope::CardsPay])],
            Self::PointOfSale => &[(Service::BackendAdmin, &[Scope::PosReceive])],
            Self::Rates => &[],
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
            Self::Wallet => &[Service::WalletHooks, Service::Rates],
            Self::CardService => &[Service::CardHooks],
            Self::PointOfSale => &[Service::PosHooks],
            Self::Rates => &[Service::Rates],
            Self::Console => &[],
        }
    }

    /// Whether its client acts for one tenant.
    pub const fn acts_for_a_tenant(self) -> bool {
        matches!(self, Self::Wallet | Self::CardService | Self::PointOfSale)
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
    fn the_host_name_of_a_certificate_tells_the_role() {
        for (name, role) in [
            ("backend", Some(ServiceRole::Backend)),
            ("Card-Service.bank.internal", Some(ServiceRole::CardService)),
            ("auth.", Some(ServiceRole::Auth)),
            ("bank.auth", None),
            ("authority", None),
            ("*.backend", None),
            ("", None),
        ] {
            assert_eq!(ServiceRole::of_host(name), role, "{name}");
        }
    }

    #[test]
    fn every_service_is_served_by_somebody() {
        for service in Service::ALL {
            assert!(ServiceRole::ALL.iter().any(|role| role.serves().contains(&service)), "{service}");
        }
    }
}
