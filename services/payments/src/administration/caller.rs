//! The caller of a use case, and which data it may reach.
//! How a caller is recognised is decided in the edges.

use database::sea_orm::DatabaseConnection;
use payments_model::TenantId;
use payments_store::{Scope, Store};

/// An authenticated tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The tenant.
    pub tenant: TenantId,
    /// Whether it is the operator of the instance. The operator may see the data of every tenant.
    pub is_operator: bool,
}

/// The caller tried to assign something to another tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Assignment to the specified tenant is not permitted")]
pub struct ForeignTenant;

impl Caller {
    /// What the caller may read: the operator everything, a tenant its own data.
    pub fn reach(self, store: &Store) -> Scope<'_, DatabaseConnection> {
        if self.is_operator { store.every_tenant() } else { store.tenant(self.tenant) }
    }

    /// What a list shows. The operator sees the tenant it names, or every tenant. A tenant always sees its own data
    /// only.
    pub fn list(self, store: &Store, named: Option<TenantId>) -> Scope<'_, DatabaseConnection> {
        match named {
            Some(named) if self.is_operator => store.tenant(named),
            _ => self.reach(store),
        }
    }

    /// The tenant that a new entity is assigned to. Only the operator may name another tenant.
    pub(crate) fn assign(self, named: Option<TenantId>) -> Result<TenantId, ForeignTenant> {
        match named {
            Some(named) if named != self.tenant && !self.is_operator => Err(ForeignTenant),
            Some(named) => Ok(named),
            None => Ok(self.tenant),
        }
    }
}
