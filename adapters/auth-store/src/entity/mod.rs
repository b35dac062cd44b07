//! Rows, and their translation to and from what the rules know.
//! Queries are in the files beside this folder, one per entity.

pub(crate) mod access_tokens;
pub(crate) mod grant_events;
pub(crate) mod grant_identifiers;
pub(crate) mod grants;
pub(crate) mod kept_answers;
pub(crate) mod service_tokens;
pub(crate) mod tenants;

use auth_model::SecretHash;
use database::Error;

/// A stored hash. If its length is not 32 octets, the row is damaged.
fn hash(bytes: &[u8], table: &'static str, column: &'static str, row: impl ToString) -> Result<SecretHash, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::inconsistent(table, column, row))?;
    Ok(SecretHash::from_bytes(bytes))
}
