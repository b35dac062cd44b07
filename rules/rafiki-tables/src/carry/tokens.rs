//! Rows of access tokens: plain text in the original, hashes here.
//! Their grants are in `grants`.

use auth_model::SecretHash;

use crate::carry::{Carried, Change, Context};
use crate::kept::{self, KeptKind};
use crate::record::{Record, Value};
use crate::refusal::Refusal;
use crate::row::Row;
use crate::table::Table;

pub(super) fn token(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let value = row.text("value")?;
    let (hash, management_id) = (SecretHash::of(&value), row.uuid("managementId")?);
    let issued = row.instant("createdAt")?;
    let lives = i64::from(row.count("expiresIn")?).saturating_mul(1000);
    let record = Record::new(
        Table::AccessTokens,
        &[
            ("hash", hash.as_bytes().as_slice().into()),
            ("management_id", management_id.into()),
            ("grant_id", row.uuid("grantId")?.into()),
            ("issued_at", issued.into()),
            ("expires_at", Value::Integer(issued.as_millis().saturating_add(lives))),
            ("revoked_at", row.optional_instant("revokedAt")?.into()),
        ],
    );
    let mut carried = Carried::one(record).changed(Change::Hashed);
    if let Some(keeping) = &context.keep {
        let sealed = kept::seal(KeptKind::AccessToken, management_id, &value, &keeping.key);
        let values = [
            ("management_id", management_id.into()),
            ("sealed", sealed.as_slice().into()),
            ("keep_until", keeping.until.into()),
        ];
        carried.records.push(Record::new(Table::KeptTokens, &values));
        carried = carried.changed(Change::Kept);
    }
    Ok(carried)
}
