//! The meaning of the rows of the original Rafiki's databases: version, tables, accounts.
//!
//! The crate is pure: rows go in, and rows and transfers come out. Every refusal is a value. Adapters read and write.

pub mod back;
pub mod books;
pub mod carry;
pub mod cluster;
pub mod kept;
pub mod record;
pub mod refusal;
pub mod row;
pub mod sealed;
pub mod table;
pub mod version;
pub mod work;
