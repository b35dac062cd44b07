//! The backend database: its tables, and typed units of work on them.
//!
//! Not the rules: values of `payments-model` go in and come out, rows stay here. Data of a tenant is reached through
//! [`Store::tenant`] or [`Unit::tenant`]; `every_tenant` is for the operator and for the instance's own workers.

mod assets;
mod convert;
mod fees;
mod paging;
#[expect(unreachable_pub, reason = "SeaORM's derive builds public items on them")]
mod rows;
mod scope;
mod store;
mod tenants;

pub use database::Error;
pub use scope::Scope;
pub use store::{DIRECTORY, Store, Unit};
