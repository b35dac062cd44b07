//! What a customer decides about an agreement besides its grant: a pause, an end, and limits for each payment and each
//! day. Every payment of an application is judged by it before money is held for it. A card has such limits, too.
//!
//! The limits of the grant itself are the instance's. What is decided about a payment is stored under the lock of the
//! agreement's row. So a repetition, and another process, decide alike.

use clock::Timestamp;
use database::{Database, Dialect, Error, WriteTransaction};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account_state::Shut;
use crate::agreement_accounts;
use crate::days;
use crate::sql::{amount, execute, one, read_one, stored};

/// Amounts are added up in two parts, because the sum of large ones would not fit a column.
const MILLION: u64 = 1_000_000;

/// Whether payments are let through at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    #[default]
    Active,
    Paused,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
        }
    }
}

/// A customer's own limits of an agreement, for one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnLimits {
    /// The most that one payment may cost.
    pub(crate) payment: Option<u64>,
    /// The most that the payments of one day (UTC) may cost.
    pub(crate) day: Option<u64>,
    /// From this instant on no payment is let through.
    pub(crate) ends_at: Option<Timestamp>,
}

/// What is stored about an agreement, for one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Own {
    pub(crate) standing: Standing,
    pub(crate) limits: OwnLimits,
}

/// A payment under an agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Use {
    pub(crate) payment: Uuid,
    /// The grant, or what stands for a card or for own use.
    pub(crate) grant: String,
    pub(crate) account: Uuid,
    pub(crate) debit: u64,
    pub(crate) made_at: Timestamp,
}

/// The agreement of an account to which the customer's own payments belong. No grant has such an id.
pub(crate) const OWN_USE: &str = "own use";

/// What begins the name of a card.
const CARD: &str = "card ";

/// To which agreement a payment belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Agreement {
    OwnUse,
    Card,
    /// The grant of an application.
    Grant(String),
}

/// The agreement of a payment; `None` if it has none yet.
pub(crate) async fn agreement_of(database: &Database, payment: Uuid) -> Result<Option<Agreement>, Error> {
    let sql = "SELECT grant_id FROM wallet_agreement_uses WHERE payment_id = $1";
    let Some(row) = read_one(database, sql, [payment.into()]).await? else { return Ok(None) };
    let name: String = row.try_get_by_index(0)?;
    Ok(Some(match name.as_str() {
        OWN_USE => Agreement::OwnUse,
        card if card.starts_with(CARD) => Agreement::Card,
        _ => Agreement::Grant(name),
    }))
}

/// The name under which the limits of a card are kept. No grant has such an id.
pub(crate) fn of_card(number: &str) -> String {
    format!("{CARD}{number}")
}

/// Why the customer's own limits refuse a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// No money leaves the account, whatever the agreement is.
    Frozen,
    Closed,
    /// The agreement pays from other accounts. The instance should have refused it, so the operators are told.
    Account,
    Paused,
    Ended,
    Payment,
    Day,
}

impl Refusal {
    const ALL: [Self; 7] =
        [Self::Frozen, Self::Closed, Self::Account, Self::Paused, Self::Ended, Self::Payment, Self::Day];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Closed => "closed",
            Self::Account => "account",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Payment => "payment",
            Self::Day => "day",
        }
    }

    /// For the instance, whose operators read it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Frozen => "The account is frozen.",
            Self::Closed => "The account is closed.",
            Self::Account => "The customer allowed this agreement for another account.",
            Self::Paused => "The customer has paused this agreement.",
            Self::Ended => "The customer's own last day of this agreement is over.",
            Self::Payment => "It is more than the customer's own limit for a payment.",
            Self::Day => "It is more than is left of the customer's own limit for a day.",
        }
    }

    /// For the customer.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Frozen => "The account is frozen. No money leaves it.",
            Self::Closed => "The account is closed, or is being closed.",
            Self::Account => "It named an agreement that does not pay from this account. Your institution was told.",
            Self::Paused => "The application wanted to pay while you had paused its agreement.",
            Self::Ended => "It was after the last day that you chose.",
            Self::Payment => "It was more than your own limit for one payment.",
            Self::Day => "It was more than was left of your own limit for a day.",
        }
    }
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Frozen => Self::Frozen,
            Shut::Closed => Self::Closed,
        }
    }
}

impl Own {
    fn refuses(&self, debit: u64, spent: u64, now: Timestamp) -> Option<Refusal> {
        let Self { standing, limits } = self;
        if *standing == Standing::Paused {
            return Some(Refusal::Paused);
        }
        if limits.ends_at.is_some_and(|end| now >= end) {
            return Some(Refusal::Ended);
        }
        if limits.payment.is_some_and(|most| debit > most) {
            return Some(Refusal::Payment);
        }
        limits.day.filter(|most| spent.saturating_add(debit) > *most).map(|_| Refusal::Day)
    }
}

/// Asks the agreement whether a payment may have its money. The answer is stored, so the same payment always gets the
/// same one, whatever the customer decides later. `shut` says why no money leaves the account, as far as is known before
/// its row is locked.
pub(crate) async fn ask(
    database: &Database,
    wanted: &Use,
    shut: Option<Shut>,
    now: Timestamp,
) -> Result<Option<Refusal>, Error> {
    let Use { payment, ref grant, account, debit, made_at } = *wanted;
    let transaction = database.begin().await?;
    let own = locked(&transaction, grant, account).await?;
    if let Some(answer) = stored_answer(&transaction, payment).await? {
        return Ok(answer);
    }
    let (from, until) = day_of(made_at);
    let values = [grant.as_str().into(), account.into(), from.as_millis().into(), until.as_millis().into()];
    let spent = sum(one(&transaction, &spent_sql(), values).await?.as_ref())?;
    let foreign = agreement_accounts::is_foreign(&transaction, grant, account).await?.then_some(Refusal::Account);
    // What operators have to hear of comes first.
    let refusal = foreign.or(shut.map(Refusal::from)).or_else(|| own.refuses(debit, spent, now));
    let sql = "INSERT INTO wallet_agreement_uses (payment_id, grant_id, account_id, counts, refusal, made_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (payment_id) DO NOTHING";
    let values = [
        payment.into(),
        grant.as_str().into(),
        account.into(),
        stored(if refusal.is_some() { 0 } else { debit }).into(),
        refusal.map(Refusal::as_str).into(),
        made_at.as_millis().into(),
    ];
    if execute(&transaction, sql, values).await? == 0 {
        // Another process has noted the end of the payment meanwhile.
        return Ok(stored_answer(&transaction, payment).await?.flatten());
    }
    transaction.commit().await?;
    if foreign.is_some() {
        tracing::error!(
            payment.id = %payment, grant, account = %account,
            "ALARM: a payment named an agreement that does not pay from its account, and gets no money. The instance \
             should have refused it"
        );
    }
    Ok(refusal)
}

/// The answer that a payment got, if it is known.
async fn stored_answer(transaction: &WriteTransaction, payment: Uuid) -> Result<Option<Option<Refusal>>, Error> {
    let sql = "SELECT refusal FROM wallet_agreement_uses WHERE payment_id = $1";
    let Some(row) = one(transaction, sql, [payment.into()]).await? else { return Ok(None) };
    let refusal: Option<String> = row.try_get_by_index(0)?;
    Ok(Some(refusal.map(|text| parsed(payment, &text)).transpose()?))
}

/// Stores what a payment counts after its end. A payment that has cost something is never counted as one that has not.
pub(crate) async fn ended(database: &Database, done: &Use, counts: u64, now: Timestamp) -> Result<(), Error> {
    let sql = "INSERT INTO wallet_agreement_uses (payment_id, grant_id, account_id, counts, made_at, ended_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (payment_id) DO UPDATE SET counts = excluded.counts, ended_at = excluded.ended_at
        WHERE wallet_agreement_uses.ended_at IS NULL OR wallet_agreement_uses.counts < excluded.counts";
    let values = [
        done.payment.into(),
        done.grant.as_str().into(),
        done.account.into(),
        stored(counts).into(),
        done.made_at.as_millis().into(),
        now.as_millis().into(),
    ];
    database.execute(sql, values).await.map(drop)
}

/// Stores why a payment that was let through gets no money after all.
pub(crate) async fn refused_after_all(database: &Database, payment: Uuid, refusal: Refusal) -> Result<(), Error> {
    let sql = "UPDATE wallet_agreement_uses SET counts = 0, refusal = $2
        WHERE payment_id = $1 AND ended_at IS NULL AND refusal IS NULL";
    database.execute(sql, [payment.into(), refusal.as_str().into()]).await.map(drop)
}

/// A payment that was counted and is never made counts nothing.
pub(crate) async fn was_not_made(database: &Database, payment: Uuid, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE wallet_agreement_uses SET counts = 0, ended_at = $2 WHERE payment_id = $1 AND ended_at IS NULL";
    database.execute(sql, [payment.into(), now.as_millis().into()]).await.map(drop)
}

/// The row of an agreement, locked until the end of the transaction. It is made if there is none, so that there is
/// something to lock.
async fn locked(transaction: &WriteTransaction, grant: &str, account: Uuid) -> Result<Own, Error> {
    let make = "INSERT INTO wallet_agreements (grant_id, account_id, state) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    execute(transaction, make, [grant.into(), account.into(), Standing::Active.as_str().into()]).await?;
    // SQLite has one writer at a time.
    let lock = if transaction.dialect() == Dialect::Postgres { " FOR UPDATE" } else { "" };
    let row = one(transaction, &format!("{OWN}{lock}"), [grant.into(), account.into()]).await?;
    Ok(row.as_ref().map(own).transpose()?.unwrap_or_default())
}

const OWN: &str = "SELECT state, payment_max, day_max, ends_at FROM wallet_agreements
    WHERE grant_id = $1 AND account_id = $2";

/// What a customer decided about an agreement.
pub(crate) async fn of(database: &Database, grant: &str, account: Uuid) -> Result<Own, Error> {
    let row = read_one(database, OWN, [grant.into(), account.into()]).await?;
    Ok(row.as_ref().map(own).transpose()?.unwrap_or_default())
}

/// What the payments of the day of `now` count.
pub(crate) async fn spent(database: &Database, grant: &str, account: Uuid, now: Timestamp) -> Result<u64, Error> {
    let (from, until) = day_of(now);
    let values = [grant.into(), account.into(), from.as_millis().into(), until.as_millis().into()];
    sum(read_one(database, &spent_sql(), values).await?.as_ref())
}

/// Why a payment was refused, if it was.
pub(crate) async fn refusal_of(database: &Database, payment: Uuid) -> Result<Option<Refusal>, Error> {
    let sql = "SELECT refusal FROM wallet_agreement_uses WHERE payment_id = $1 AND refusal IS NOT NULL";
    let row = read_one(database, sql, [payment.into()]).await?;
    row.map(|row| parsed(payment, &row.try_get_by_index::<String>(0)?)).transpose()
}

/// Lets payments through, or not, from this account. The caller has checked whose it is.
pub(crate) async fn stand(
    database: &Database,
    (grant, account): (&str, Uuid),
    standing: Standing,
) -> Result<(), Error> {
    let sql = "INSERT INTO wallet_agreements (grant_id, account_id, state) VALUES ($1, $2, $3)
        ON CONFLICT (grant_id, account_id) DO UPDATE SET state = excluded.state";
    let values = [grant.into(), account.into(), standing.as_str().into()];
    database.execute(sql, values).await.map(drop)
}

/// Sets the limits for this account. The caller has checked whose it is.
pub(crate) async fn limit(
    database: &Database,
    (grant, account): (&str, Uuid),
    limits: &OwnLimits,
) -> Result<(), Error> {
    let sql = "INSERT INTO wallet_agreements (grant_id, account_id, state, payment_max, day_max, ends_at)
        VALUES ($1, $2, 'active', $3, $4, $5)
        ON CONFLICT (grant_id, account_id) DO UPDATE SET payment_max = excluded.payment_max,
            day_max = excluded.day_max, ends_at = excluded.ends_at";
    let values = [
        grant.into(),
        account.into(),
        limits.payment.map(stored).into(),
        limits.day.map(stored).into(),
        limits.ends_at.map(Timestamp::as_millis).into(),
    ];
    database.execute(sql, values).await.map(drop)
}

fn own(row: &QueryResult) -> Result<Own, Error> {
    let state: String = row.try_get_by_index(0)?;
    let most = |index: usize| row.try_get_by_index::<Option<i64>>(index).map(|stored| stored.map(amount));
    let ends_at: Option<i64> = row.try_get_by_index(3)?;
    Ok(Own {
        standing: if state == Standing::Paused.as_str() { Standing::Paused } else { Standing::Active },
        limits: OwnLimits { payment: most(1)?, day: most(2)?, ends_at: ends_at.map(Timestamp::from_millis) },
    })
}

fn parsed(payment: Uuid, text: &str) -> Result<Refusal, Error> {
    let known = Refusal::ALL.into_iter().find(|known| known.as_str() == text);
    known.ok_or_else(|| Error::inconsistent("wallet_agreement_uses", "refusal", payment))
}

fn spent_sql() -> String {
    format!(
        "SELECT CAST(SUM(counts / {MILLION}) AS bigint), CAST(SUM(counts % {MILLION}) AS bigint)
        FROM wallet_agreement_uses WHERE grant_id = $1 AND account_id = $2 AND made_at >= $3 AND made_at < $4"
    )
}

fn sum(row: Option<&QueryResult>) -> Result<u64, Error> {
    let Some(row) = row else { return Ok(0) };
    let (millions, rest): (Option<i64>, Option<i64>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let [millions, rest] = [millions, rest].map(|part| amount(part.unwrap_or(0)));
    Ok(millions.saturating_mul(MILLION).saturating_add(rest))
}

/// The day of an instant (UTC): its beginning and its end.
fn day_of(at: Timestamp) -> (Timestamp, Timestamp) {
    let from = days::beginning_of(at);
    (from, from.saturating_add(days::DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_lets_through_what_just_fits() {
        let limits = OwnLimits { payment: Some(100), day: Some(150), ends_at: Some(Timestamp::from_millis(1_000)) };
        let own = Own { standing: Standing::Active, limits };
        let at = Timestamp::from_millis;
        assert_eq!(own.refuses(100, 50, at(999)), None);
        assert_eq!(own.refuses(101, 0, at(999)), Some(Refusal::Payment));
        assert_eq!(own.refuses(100, 51, at(999)), Some(Refusal::Day));
        assert_eq!(own.refuses(u64::MAX, u64::MAX, at(0)), Some(Refusal::Payment));
        assert_eq!(own.refuses(1, 0, at(1_000)), Some(Refusal::Ended));
        assert_eq!(Own { standing: Standing::Paused, limits }.refuses(1, 0, at(0)), Some(Refusal::Paused));
        assert_eq!(Own::default().refuses(u64::MAX, u64::MAX, at(i64::MAX)), None);
    }

    #[test]
    fn a_day_begins_at_midnight_and_ends_before_the_next_one() {
        let (from, until) = day_of("2026-03-01T23:59:59.999Z".parse().unwrap());
        assert_eq!(
            (from.to_string(), until.to_string()),
            ("2026-03-01T00:00:00.000Z".to_owned(), "2026-03-02T00:00:00.000Z".to_owned())
        );
        assert_eq!(day_of(from), (from, until));
    }
}
