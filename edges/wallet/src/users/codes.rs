//! Second factors: codes of an authenticator app (RFC 6238), and recovery codes for those who lost it, or their passkeys.
//!
//! A code counts once. This is decided in the database. When a code is asked for is decided in `proofs`.

use database::{Database, Error, WriteTransaction};
use sea_orm::QueryResult;
use sealed_text::{Place, Sealer};
use totp_rs::{Builder, Secret, Totp};
use uuid::Uuid;

use super::sessions::hash_of;
use crate::sql::{execute, one, read_one};

/// The codes for an account whose app was lost.
const RECOVERY_CODES: usize = 10;

/// Whether somebody has a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecondFactor {
    None,
    Active(Means),
}

/// With what somebody proves the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Means {
    pub(crate) has_app: bool,
    pub(crate) passkeys: u64,
    /// Those that are left.
    pub(crate) recovery_codes: u64,
}

/// A secret for an app, not yet in use.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// As it is typed into an app.
    pub(crate) secret: String,
}

/// What a person wrote.
enum Written {
    OfApp(String),
    Recovery(String),
}

/// Codes are shown in groups, so spaces and hyphens have no meaning.
fn read_code(written: &str) -> Option<Written> {
    let plain: String = written.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let of_app = plain.len() == 6 && plain.chars().all(|c| c.is_ascii_digit());
    let recovery = plain.len() == 16 && plain.chars().all(|c| c.is_ascii_alphanumeric());
    match (of_app, recovery) {
        (true, _) => Some(Written::OfApp(plain)),
        (_, true) => Some(Written::Recovery(plain.to_ascii_uppercase())),
        _ => None,
    }
}

/// The state of somebody's second factor.
pub(crate) async fn state(database: &Database, user: Uuid) -> Result<SecondFactor, Error> {
    read_one(database, STATE, [user.into()]).await?.map_or(Ok(SecondFactor::None), |row| state_of(&row))
}

/// The same within a transaction.
pub(super) async fn state_in(transaction: &WriteTransaction, user: Uuid) -> Result<SecondFactor, Error> {
    one(transaction, STATE, [user.into()]).await?.map_or(Ok(SecondFactor::None), |row| state_of(&row))
}

const STATE: &str = "SELECT
    (SELECT COUNT(*) FROM wallet_second_factors WHERE user_id = $1 AND state = 'active'),
    (SELECT COUNT(*) FROM wallet_passkeys WHERE user_id = $1),
    (SELECT COUNT(*) FROM wallet_recovery_codes WHERE user_id = $1 AND used_at IS NULL)";

fn state_of(row: &QueryResult) -> Result<SecondFactor, Error> {
    let count = |index: usize| -> Result<u64, Error> {
        let count: i64 = row.try_get_by_index(index)?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    let means = Means { has_app: count(0)? > 0, passkeys: count(1)?, recovery_codes: count(2)? };
    Ok(if means.has_app || means.passkeys > 0 { SecondFactor::Active(means) } else { SecondFactor::None })
}

/// Offers a secret, in place of one that was offered before. `None` if a factor is in use.
pub(super) async fn offer(
    transaction: &WriteTransaction,
    user: Uuid,
    sealed: &str,
    now: i64,
) -> Result<Option<()>, Error> {
    let sql = "INSERT INTO wallet_second_factors (user_id, secret, state, last_step, made_at)
        VALUES ($1, $2, 'offered', 0, $3)
        ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, made_at = excluded.made_at
        WHERE wallet_second_factors.state = 'offered'";
    let offered = execute(transaction, sql, [user.into(), sealed.into(), now.into()]).await?;
    Ok((offered > 0).then_some(()))
}

/// A stored secret.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) sealed: String,
    pub(super) is_active: bool,
}

pub(super) async fn stored(database: &Database, user: Uuid) -> Result<Option<Stored>, Error> {
    let sql = "SELECT secret, state FROM wallet_second_factors WHERE user_id = $1";
    let read = |row: QueryResult| -> Result<Stored, Error> {
        let state: String = row.try_get_by_index(1)?;
        Ok(Stored { sealed: row.try_get_by_index(0)?, is_active: state == "active" })
    };
    read_one(database, sql, [user.into()]).await?.map(read).transpose()
}

/// The secret in the form in which it is typed.
pub(super) fn open(sealer: &Sealer, user: Uuid, stored: &Stored) -> Result<String, Error> {
    sealer.open(&stored.sealed, Place::SecondFactor(user)).map_err(|error| {
        tracing::error!(%error, "the secret of a second factor cannot be opened");
        Error::inconsistent("wallet_second_factors", "secret", user)
    })
}

/// The step of a code of the app, if it is one of now or of the step before or after.
fn step_of(secret: &str, code: &str, now_seconds: i64) -> Option<i64> {
    let totp = totp(secret)?;
    i64::try_from(totp.check(code, u64::try_from(now_seconds).ok()?)?).ok()
}

fn totp(secret: &str) -> Option<Totp> {
    Builder::new().with_secret(Secret::try_from_base32(secret).ok()?).build().ok()
}

/// A secret in the form in which it is typed.
pub(super) fn typed(octets: [u8; 20]) -> String {
    Secret::new_stack(octets).to_base32()
}

/// Uses a code of the app that was read as `found`, which has this secret, or a recovery code. `false` if the code is
/// wrong or was used before, or if the app is another one by now. An app that is only offered needs a code of its own.
pub(super) async fn use_code(
    transaction: &WriteTransaction,
    user: Uuid,
    app: Option<(&Stored, &str)>,
    written: &str,
    (now, now_seconds): (i64, i64),
) -> Result<bool, Error> {
    match read_code(written) {
        None => Ok(false),
        Some(Written::OfApp(code)) => {
            let Some((found, secret)) = app else { return Ok(false) };
            let Some(step) = step_of(secret, &code, now_seconds) else { return Ok(false) };
            let sql = "UPDATE wallet_second_factors SET last_step = $2
                WHERE user_id = $1 AND last_step < $2 AND secret = $3";
            Ok(execute(transaction, sql, [user.into(), step.into(), found.sealed.as_str().into()]).await? > 0)
        }
        Some(Written::Recovery(_)) if app.is_some_and(|(found, _)| !found.is_active) => Ok(false),
        Some(Written::Recovery(code)) => {
            let sql = "UPDATE wallet_recovery_codes SET used_at = $3
                WHERE user_id = $1 AND code = $2 AND used_at IS NULL";
            Ok(execute(transaction, sql, [user.into(), hash_of(&code).into(), now.into()]).await? > 0)
        }
    }
}

/// Activates an offered factor.
pub(super) async fn activate(transaction: &WriteTransaction, user: Uuid) -> Result<(), Error> {
    let sql = "UPDATE wallet_second_factors SET state = 'active' WHERE user_id = $1";
    execute(transaction, sql, [user.into()]).await.map(drop)
}

/// Stores new recovery codes in place of all earlier ones. Returns them in groups, as they are shown once.
pub(super) async fn renew_recovery_codes(
    transaction: &WriteTransaction,
    user: Uuid,
    random: impl Fn() -> [u8; 10],
) -> Result<Vec<String>, Error> {
    execute(transaction, "DELETE FROM wallet_recovery_codes WHERE user_id = $1", [user.into()]).await?;
    let mut shown = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let code = Secret::new(Box::new(random())).to_base32();
        let sql = "INSERT INTO wallet_recovery_codes (code, user_id) VALUES ($1, $2)";
        execute(transaction, sql, [hash_of(&code).into(), user.into()]).await?;
        let groups: Vec<&str> = code.as_bytes().chunks(4).filter_map(|part| std::str::from_utf8(part).ok()).collect();
        shown.push(groups.join("-"));
    }
    Ok(shown)
}

/// Removes the app, and the recovery codes if there are no passkeys. `false` if there was no app in use.
pub(super) async fn remove(transaction: &WriteTransaction, user: Uuid) -> Result<bool, Error> {
    let sql = "DELETE FROM wallet_second_factors WHERE user_id = $1 RETURNING state";
    let row = one(transaction, sql, [user.into()]).await?;
    forget_unused_recovery_codes(transaction, user).await?;
    let state: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(state.as_deref() == Some("active"))
}

/// Removes the recovery codes of somebody who has no second factor any more.
pub(super) async fn forget_unused_recovery_codes(transaction: &WriteTransaction, user: Uuid) -> Result<(), Error> {
    if state_in(transaction, user).await? == SecondFactor::None {
        execute(transaction, "DELETE FROM wallet_recovery_codes WHERE user_id = $1", [user.into()]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_published_example_is_right_at_its_time_and_one_step_around_it() {
        // RFC 6238, appendix B: the last six digits of 94287082 at second 59.
        let secret = Secret::new_stack(*b"12345678901234567890").to_base32();
        assert_eq!(step_of(&secret, "287082", 59), Some(1));
        assert_eq!(step_of(&secret, "287082", 89), Some(1));
        assert_eq!(step_of(&secret, "287082", 121), None);
        assert_eq!(step_of(&secret, "287083", 59), None);
    }

    #[test]
    fn codes_are_read_however_they_are_grouped() {
        assert!(matches!(read_code(" 287 082 "), Some(Written::OfApp(code)) if code == "287082"));
        let recovery = read_code("abcd-efgh-2345-klmn");
        assert!(matches!(recovery, Some(Written::Recovery(code)) if code == "ABCDEFGH2345KLMN"));
        for wrong in ["", "28708", "2870822", "28708x", "abcd-efgh"] {
            assert!(read_code(wrong).is_none(), "{wrong}");
        }
    }
}
