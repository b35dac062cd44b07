//! Rows of access tokens: plain text in the original, hashes here.
//! Their grants are in `grants`.

use auth_model::SecretHash;

use crate::carry::{Carried, Change};
use crate::record::{Record, Value};
use crate::refusal::Refusal;
use crate::row::Row;
use crate::table::Table;

pub(super) fn token(row: &Row<'_>) -> Result<Carried, Refusal> {
    let hash = SecretHash::of(&row.text("value")?);
    let issued = row.instant("createdAt")?;
    let lives = i64::from(row.count("expiresIn")?).saturating_mul(1000);
    let record = Record::new(
        Table::AccessTokens,
        &[
            ("hash", hash.as_bytes().as_slice().into()),
            ("management_id", row.uuid("managementId")?.into()),
            ("grant_id", row.uuid("grantId")?.into()),
            ("issued_at", issued.into()),
            ("expires_at", Value::Integer(issued.as_millis().saturating_add(lives))),
            ("revoked_at", row.optional_instant("revokedAt")?.into()),
        ],
    );
    Ok(Carried::one(record).changed(Change::Hashed))
}
