//! The meaning of the rows of the original Rafiki's databases: version, tables, accounts.
//!
//! Pure: rows in, rows and transfers out. Every refusal is a value. Reading and writing are in adapters.

pub mod back;
pub mod books;
pub mod carry;
pub mod kept;
pub mod record;
pub mod refusal;
pub mod row;
pub mod sealed;
pub mod table;
pub mod version;
pub mod work;
