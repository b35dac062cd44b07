//! Which tenants' data a statement may reach.
//!
//! Every query of this crate goes through a scope. The methods for an entity are in that entity's file.

use database::{Error, Write, WriteTransaction};
use payments_model::TenantId;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, ConnectionTrait, QueryTrait};

/// The topic of changes of tenants, settings, assets, fees and peers, for copies kept in memory.
pub(crate) const DIRECTORY: &str = "directory";
/// The topic of changes of a wallet address, its keys and its properties.
pub(crate) const WALLET_ADDRESSES: &str = "wallet_addresses";
/// The topic of every change of the store and of the ledger, for callers that show them.
pub(crate) const CHANGES: &str = "changes";
/// The topic of new wallet addresses, for callers that wait for one.
pub(crate) const NEW_WALLET_ADDRESS: &str = "new_wallet_address";

/// Access to the data of one tenant or of all. It reads with `C = DatabaseConnection`. Within a unit of work, with `C =
/// WriteTransaction`, it also writes.
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

    /// The tenant whose data is reached; `None` means every tenant.
    pub fn tenant_id(&self) -> Option<TenantId> {
        self.tenant
    }

    /// The condition that limits a query to this scope. `column` is the table's tenant column.
    pub(crate) fn within(&self, column: impl ColumnTrait) -> Condition {
        match self.tenant {
            Some(tenant) => Condition::all().add(column.eq(tenant.as_uuid())),
            None => Condition::all(),
        }
    }

    /// Refuses to write data of another tenant. This would be a fault of this program.
    pub(crate) fn must_reach(&self, owner: TenantId) -> Result<(), Error> {
        match self.tenant {
            Some(tenant) if tenant != owner => Err(Error::OutOfRange { what: "another tenant's row" }),
            _ => Ok(()),
        }
    }
}

impl Scope<'_, WriteTransaction> {
    /// Adds a change of `row` to the unit. It is sent with the unit's next query or its commit.
    pub(crate) fn write(&self, table: &'static str, row: impl ToString, change: &impl QueryTrait) {
        self.connection.write(self.change(table, row, change));
    }

    /// As [`Scope::write`], but the whole unit fails if the change meets no row.
    pub(crate) fn write_or_fail(&self, table: &'static str, row: impl ToString, change: &impl QueryTrait) {
        let row = row.to_string();
        let overtaken = format!("row {row} of {table} has changed since it was read");
        self.connection.write(self.change(table, row, change).must(overtaken));
    }

    fn change(&self, table: &'static str, row: impl ToString, change: &impl QueryTrait) -> Write {
        Write::new(table, row, change.build(self.connection.get_database_backend()))
    }

    /// Announces a change of the directory with the commit, so that copies of it are dropped.
    pub(crate) fn directory_changed(&self) {
        self.connection.announce_on_commit(DIRECTORY);
    }

    /// Announces a change of wallet addresses with the commit, so that copies of them are dropped.
    pub(crate) fn wallet_addresses_changed(&self) {
        self.connection.announce_on_commit(WALLET_ADDRESSES);
    }
}

/// An update by id must meet exactly one row. If it does not, its value did not come from the table.
pub(crate) fn must_be_one(rows: u64, table: &'static str, id: impl ToString) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::inconsistent(table, "id", id)) }
}
