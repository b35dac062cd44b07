//! What the rows of the original Rafiki's databases mean here: its version, its tables, its accounts.
//!
//! Pure: rows in, rows and transfers out, every reason against a row as a value. Reading and writing are an adapter's.

pub mod books;
pub mod carry;
pub mod record;
pub mod refusal;
pub mod row;
pub mod sealed;
pub mod table;
pub mod version;
pub mod work;
