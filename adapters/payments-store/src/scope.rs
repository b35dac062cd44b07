//! Whose data a statement may touch.
//!
//! Every query of this crate goes through a scope; methods for each entity stand in that entity's file.

use database::{Error, WriteTransaction};
use payments_model::TenantId;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, ConnectionTrait};

/// The topic of tenants, their settings, assets, fees and peers: who keeps copies of them watches it.
pub(crate) const DIRECTORY: &str = "directory";
/// The topic of changes of a wallet address, its keys and its properties.
pub(crate) const WALLET_ADDRESSES: &str = "wallet_addresses";
/// The topic woken when there is another wallet address: who waits for one looks for it.
pub(crate) const NEW_WALLET_ADDRESS: &str = "new_wallet_address";

/// A way to the data of one tenant or of all, over a reader (`C = DatabaseConnection`) or within a unit of work
/// (`C = WriteTransaction`), where it can also write.
#[derive(Debug)]
pub struct Scope<'c, C> {
    pub(crate) connection: &'c C,
    tenant: Option<TenantId>,
}

impl<'c, C: ConnectionTrait> Scope<'c, C> {
    pub(crate) fn of_tenant(connection: &'c C, tenant: TenantId) -> Self {
        Self { connection, tenant: Some(tenant) }
    }

    pub(crate) fn of_every_tenant(connection: &'c C) -> Self {
        Self { connection, tenant: None }
    }

    /// The tenant whose data is reached; `None` for every tenant.
    pub fn tenant_id(&self) -> Option<TenantId> {
        self.tenant
    }

    /// The condition that keeps a query inside: `column` is the table's tenant column.
    pub(crate) fn within(&self, column: impl ColumnTrait) -> Condition {
        match self.tenant {
            Some(tenant) => Condition::all().add(column.eq(tenant.as_uuid())),
            None => Condition::all(),
        }
    }

    /// Refuses to write what belongs to somebody else. A fault of the caller, not of its caller.
    pub(crate) fn must_reach(&self, owner: TenantId) -> Result<(), Error> {
        match self.tenant {
            Some(tenant) if tenant != owner => Err(Error::OutOfRange { what: "another tenant's row" }),
            _ => Ok(()),
        }
    }
}

impl Scope<'_, WriteTransaction> {
    /// Those who keep copies of the directory learn of the change with its commit.
    pub(crate) fn directory_changed(&self) {
        self.connection.announce_on_commit(DIRECTORY);
    }

    /// Those who keep copies of wallet addresses learn of the change with its commit.
    pub(crate) fn wallet_addresses_changed(&self) {
        self.connection.announce_on_commit(WALLET_ADDRESSES);
    }
}

/// An update by id that met no row, or several, was made of a value that is not in the table.
pub(crate) fn must_be_one(rows: u64, table: &'static str, id: impl ToString) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::inconsistent(table, "id", id)) }
}
