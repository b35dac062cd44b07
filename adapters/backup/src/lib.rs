//! Backups of several databases, all of one instant and taken while they are in use, and the way back into empty ones.
//!
//! What the tables mean is not known here, and nothing in them is decrypted.

mod checking;
mod copied;
mod draft;
mod error;
mod file_target;
mod instant;
mod manifest;
mod place;
mod postgres;
mod postgres_schema;
mod restoring;
mod server_target;
mod sqlite;
mod sums;
mod taking;
mod visible;

pub use checking::{Checked, Known, check};
pub use error::{BackupError, Damage, RestoreError};
pub use manifest::{Contained, Engine, MANIFEST, Manifest, Store, Table};
pub use place::Place;
pub use restoring::restore;
pub use taking::{About, Taken, take};
