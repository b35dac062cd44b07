//! Whose data a statement may touch.
//!
//! Every query of this crate goes through a scope; methods for each entity stand in that entity's file.

use database::{Error, Write, WriteTransaction};
use payments_model::TenantId;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, ConnectionTrait, QueryTrait};

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
    /// Makes a change of what belongs to `row` with the unit's next question or its commit.
    pub(crate) fn write(&self, table: &'static str, row: impl ToString, change: &impl QueryTrait) {
        self.connection.write(self.change(table, row, change));
    }

    /// The same for a change without which nothing of the unit happens: the row is to be as the change expects.
    pub(crate) fn write_or_fail(&self, table: &'static str, row: impl ToString, change: &impl QueryTrait) {
        let row = row.to_string();
        let overtaken = Error::Overtaken { what: format!("row {row} of {table} is not as it was read") };
        self.connection.write(self.change(table, row, change).must(overtaken));
    }

    fn change(&self, table: &'static str, row: impl ToString, change: &impl QueryTrait) -> Write {
        Write::new(table, row, change.build(self.connection.get_database_backend()))
    }

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
