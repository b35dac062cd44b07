//! The ports of the playground's listeners.
//!
//! The order of a port base is the order of the fields.

use std::net::{IpAddr, Ipv4Addr};

use tokio::net::TcpListener;

use crate::cli::InstitutionName;
use crate::failure::Failure;
use crate::roles::shared_deps::bind;

/// The ports of one institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) open_payments: u16,
    pub(crate) admin: u16,
    pub(crate) connector: u16,
    pub(crate) auth_admin: u16,
    pub(crate) auth: u16,
    pub(crate) introspection: u16,
    pub(crate) interaction: u16,
    pub(crate) service: u16,
    pub(crate) wallet: u16,
    pub(crate) card_service: u16,
    pub(crate) point_of_sale: u16,
    pub(crate) console: u16,
    pub(crate) auto_peering: u16,
    pub(crate) shop: u16,
}

/// The distance between the ports of the two institutions.
const STRIDE: u16 = 20;

/// The port of the wallet of Cloud Nine's tenant, in the reference's playground or after this base.
pub(crate) fn of_tenant(base: Option<u16>) -> u16 {
    base.map_or(5030, |base| base.saturating_add(14))
}

impl Ports {
    /// The ports of the reference's playground.
    pub(crate) const fn localenv(institution: InstitutionName) -> Self {
        let (base, wallet) = match institution {
            InstitutionName::CloudNine => (3000, 3030),
            InstitutionName::HappyLife => (4000, 3031),
        };
        Self {
            open_payments: base,
            admin: base + 1,
            connector: base + 2,
            auth_admin: base + 3,
            auth: base + 6,
            introspection: base + 7,
            interaction: base + 9,
            service: base + 11,
            wallet,
            card_service: base + 12,
            point_of_sale: base + 8,
            console: base + 10,
            auto_peering: base + 5,
            shop: base + 14,
        }
    }

    /// Consecutive ports from `base`. Those of the second institution begin 20 later.
    pub(crate) fn from_base(base: u16, institution: InstitutionName) -> Result<Self, Failure> {
        let offset = match institution {
            InstitutionName::CloudNine => 0,
            InstitutionName::HappyLife => STRIDE,
        };

        let port = |n: u16| {
            let port = base.checked_add(offset).and_then(|first| first.checked_add(n));
            port.ok_or_else(|| {
                Failure::start("the playground", format!("port base {base} leaves no room for 40 ports"))
            })
        };

        Ok(Self {
            open_payments: port(0)?,
            admin: port(1)?,
            connector: port(2)?,
            auth_admin: port(3)?,
            auth: port(4)?,
            introspection: port(5)?,
            interaction: port(6)?,
            service: port(7)?,
            wallet: port(8)?,
            card_service: port(9)?,
            point_of_sale: port(10)?,
            console: port(11)?,
            auto_peering: port(12)?,
            shop: port(13)?,
        })
    }

    /// Any free ports.
    pub(crate) const ANY: Self = Self {
        open_payments: 0,
        admin: 0,
        connector: 0,
        auth_admin: 0,
        auth: 0,
        introspection: 0,
        interaction: 0,
        service: 0,
        wallet: 0,
        card_service: 0,
        point_of_sale: 0,
        console: 0,
        auto_peering: 0,
        shop: 0,
    };
}

/// The bound listeners of one institution. They are bound before anything else, so that a port in use is found at once.
pub(crate) struct Listeners {
    pub(crate) open_payments: TcpListener,
    pub(crate) admin: TcpListener,
    pub(crate) connector: TcpListener,
    pub(crate) auth_admin: TcpListener,
    pub(crate) auth: TcpListener,
    pub(crate) introspection: TcpListener,
    pub(crate) interaction: TcpListener,
    pub(crate) service: TcpListener,
    pub(crate) wallet: TcpListener,
    pub(crate) card_service: TcpListener,
    pub(crate) point_of_sale: TcpListener,
    pub(crate) console: TcpListener,
    pub(crate) auto_peering: TcpListener,
    pub(crate) shop: TcpListener,
}

impl Listeners {
    pub(crate) async fn bind(ports: &Ports) -> Result<Self, Failure> {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Ok(Self {
            open_payments: bind("Open Payments", here, ports.open_payments).await?,
            admin: bind("the Admin API", here, ports.admin).await?,
            connector: bind("the connector", here, ports.connector).await?,
            auth_admin: bind("the auth Admin API", here, ports.auth_admin).await?,
            auth: bind("the authorization server", here, ports.auth).await?,
            introspection: bind("introspection", here, ports.introspection).await?,
            interaction: bind("the interaction API", here, ports.interaction).await?,
            service: bind("the auth service API", here, ports.service).await?,
            wallet: bind("the wallet", here, ports.wallet).await?,
            card_service: bind("the card service", here, ports.card_service).await?,
            point_of_sale: bind("the point of sale", here, ports.point_of_sale).await?,
            console: bind("the console", here, ports.console).await?,
            auto_peering: bind("auto-peering", here, ports.auto_peering).await?,
            shop: bind("the shop", here, ports.shop).await?,
        })
    }

    /// Their actual ports.
    pub(crate) fn ports(&self) -> Result<Ports, Failure> {
        let port = |listener: &TcpListener| {
            listener.local_addr().map(|address| address.port()).map_err(|e| Failure::start("a listener", e))
        };
        Ok(Ports {
            open_payments: port(&self.open_payments)?,
            admin: port(&self.admin)?,
            connector: port(&self.connector)?,
            auth_admin: port(&self.auth_admin)?,
            auth: port(&self.auth)?,
            introspection: port(&self.introspection)?,
            interaction: port(&self.interaction)?,
            service: port(&self.service)?,
            wallet: port(&self.wallet)?,
            card_service: port(&self.card_service)?,
            point_of_sale: port(&self.point_of_sale)?,
            console: port(&self.console)?,
            auto_peering: port(&self.auto_peering)?,
            shop: port(&self.shop)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_base_is_used_in_order_and_must_leave_room() {
        let nine = Ports::from_base(10_000, InstitutionName::CloudNine).unwrap();
        let happy = Ports::from_base(10_000, InstitutionName::HappyLife).unwrap();
        assert_eq!(
            (nine.open_payments, nine.wallet, happy.open_payments, happy.wallet),
            (10_000, 10_008, 10_020, 10_028)
        );
        assert!(Ports::from_base(65_520, InstitutionName::HappyLife).is_err());
    }
}
