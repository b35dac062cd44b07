//! Who asks, and what they may reach.

use database::sea_orm::DatabaseConnection;
use payments_model::TenantId;
use payments_store::{Scope, Store};

/// An authenticated tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Which tenant it is.
    pub tenant: TenantId,
    /// Whether it is the operator of the instance, who may see every tenant's data.
    pub is_operator: bool,
}

/// Something was to be assigned to a tenant that the caller is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Assignment to the specified tenant is not permitted")]
pub struct ForeignTenant;

impl Caller {
    /// What the caller may read: everything for the operator, its own for a tenant.
    pub fn reach(self, store: &Store) -> Scope<'_, DatabaseConnection> {
        if self.is_operator { store.every_tenant() } else { store.tenant(self.tenant) }
    }

    /// What a list shows: for the operator the tenant it names, or every tenant; for a tenant always its own.
    pub fn list(self, store: &Store, named: Option<TenantId>) -> Scope<'_, DatabaseConnection> {
        match named {
            Some(named) if self.is_operator => store.tenant(named),
            _ => self.reach(store),
        }
    }

    /// The tenant a new entity is assigned to: the named one, which only the operator may choose freely.
    pub(crate) fn assign(self, named: Option<TenantId>) -> Result<TenantId, ForeignTenant> {
        match named {
            Some(named) if named != self.tenant && !self.is_operator => Err(ForeignTenant),
            Some(named) => Ok(named),
            None => Ok(self.tenant),
        }
    }
}
