//! What happened on a customer's account, in words for the customer. The money itself is in the ledger.
//!
//! A row is written after the ledger has moved the money. A repetition changes nothing, and a later state is never
//! replaced by an earlier one.

use std::collections::{BTreeMap, BTreeSet};

use clock::Timestamp;
use database::{Database, Error};
use money::Asset;
use sea_orm::{QueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::days::DAY_MS;
use crate::modules::{ModuleError, Payments};
use crate::sql::{amount, read, read_one, stored};

/// The longest note, in characters.
pub(crate) const NOTE_MAX: usize = 255;
/// The most ids in one statement.
const AT_ONCE: usize = 500;

/// What kind of movement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Sent,
    Received,
    /// Money that came without an incoming payment.
    Streamed,
    /// Play money, and the balance an account begins with.
    TopUp,
}

/// How far it is. The order is that of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Starting,
    Sending,
    Cancelled,
    Failed,
    Completed,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Sent, Self::Received, Self::Streamed, Self::TopUp];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Streamed => "streamed",
            Self::TopUp => "top-up",
        }
    }
}

impl State {
    const ALL: [Self; 5] = [Self::Starting, Self::Sending, Self::Cancelled, Self::Failed, Self::Completed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Sending => "sending",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }

    /// A row is only changed to a state of a higher rank.
    fn rank(self) -> i64 {
        match self {
            Self::Starting => 1,
            Self::Sending => 2,
            Self::Cancelled | Self::Failed | Self::Completed => 3,
        }
    }

    pub(crate) fn is_final(self) -> bool {
        self.rank() == 3
    }
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Movement {
    /// That of the payment, or derived from the cause.
    pub(crate) id: Uuid,
    pub(crate) account: Uuid,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// What left or reached the account, the fee included.
    pub(crate) amount: u64,
    pub(crate) fee: u64,
    /// The most that a payment may cost.
    pub(crate) most: u64,
    /// What the payee gets.
    pub(crate) receives: Option<(u64, Asset)>,
    /// The incoming payment or wallet address at the other end.
    pub(crate) party: Option<String>,
    /// The name that the payee published, if the customer sent it here.
    pub(crate) payee: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) grant_id: Option<String>,
    pub(crate) made_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

impl Movement {
    /// Money that has come.
    pub(crate) fn credit(id: Uuid, account: Uuid, kind: Kind, amount: u64, at: Timestamp) -> Self {
        Self {
            id,
            account,
            kind,
            state: State::Completed,
            amount,
            fee: 0,
            most: 0,
            receives: None,
            party: None,
            payee: None,
            note: None,
            grant_id: None,
            made_at: at,
            ended_at: Some(at),
        }
    }

    /// Whether it adds to the account.
    pub(crate) fn comes(&self) -> bool {
        self.kind != Kind::Sent
    }
}

/// A movement with the asset of its account, and the payee's name if the customer sent it here: that of a contact, or
/// else the one that the payee publishes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) movement: Movement,
    pub(crate) asset: Asset,
    pub(crate) payee: Option<String>,
}

/// Whether the names that a customer gave to others are known. They are in the payments, which may be another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Names {
    Known,
    /// Others are called by the names that they publish, or by their addresses.
    Missing,
}

/// Movements, the newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Movements {
    pub(crate) rows: Vec<Listed>,
    pub(crate) names: Names,
}

const RECORD: &str = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, receives,
        receives_code, receives_scale, party, note, grant_id, made_at, ended_at, payee_name)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, rank = excluded.rank, amount = excluded.amount,
        fee = excluded.fee, ended_at = excluded.ended_at,
        grant_id = COALESCE(excluded.grant_id, wallet_movements.grant_id),
        payee_name = COALESCE(wallet_movements.payee_name, excluded.payee_name)
    WHERE wallet_movements.rank < excluded.rank";

/// Writes a movement.
pub(crate) async fn record(database: &Database, movement: &Movement) -> Result<(), Error> {
    let receives = movement.receives.as_ref();
    let values = [
        movement.id.into(),
        movement.account.into(),
        movement.kind.as_str().into(),
        movement.state.as_str().into(),
        movement.state.rank().into(),
        stored(movement.amount).into(),
        stored(movement.fee).into(),
        stored(movement.most).into(),
        receives.map(|(value, _)| stored(*value)).into(),
        receives.map(|(_, asset)| asset.code.to_string()).into(),
        receives.map(|(_, asset)| i64::from(asset.scale)).into(),
        movement.party.clone().into(),
        movement.note.clone().into(),
        movement.grant_id.clone().into(),
        movement.made_at.as_millis().into(),
        movement.ended_at.map(Timestamp::as_millis).into(),
        movement.payee.clone().into(),
    ];
    database.execute(RECORD, values).await.map(drop)
}

/// Notes that a payment was not made, if nothing later is known.
pub(crate) async fn was_cancelled(database: &Database, payment: Uuid, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE wallet_movements SET state = $2, rank = $3, ended_at = $4 WHERE id = $1 AND rank < $3";
    let state = State::Cancelled;
    let values = [payment.into(), state.as_str().into(), state.rank().into(), now.as_millis().into()];
    database.execute(sql, values).await.map(drop)
}

const LISTED: &str = "SELECT m.id, m.account_id, m.kind, m.state, m.amount, m.fee, m.most, m.receives,
        m.receives_code, m.receives_scale, m.party, m.note, m.grant_id, m.made_at, m.ended_at, a.asset_code,
        a.asset_scale, m.payee_name
    FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
    WHERE a.user_id = $1";

/// Which way money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// How movements stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    UnderWay,
    Done,
    /// Nothing, or not everything, was sent.
    Failed,
}

impl Standing {
    fn states(self) -> &'static str {
        match self {
            Self::UnderWay => "'starting', 'sending'",
            Self::Done => "'completed'",
            Self::Failed => "'cancelled', 'failed'",
        }
    }
}

/// Which movements of a user are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) account: Option<Uuid>,
    pub(crate) grant: Option<String>,
    pub(crate) way: Option<Way>,
    pub(crate) standing: Option<Standing>,
    /// From this instant on.
    pub(crate) since: Option<Timestamp>,
    /// Before this instant.
    pub(crate) until: Option<Timestamp>,
    /// A part of the other side's address or name, or of the note.
    pub(crate) text: Option<String>,
    /// Only those before this one, by time and id.
    pub(crate) before: Option<(Timestamp, Uuid)>,
}

/// The movements of a user, the newest first, at most `limit`. Without payments, no names of contacts are asked for.
pub(crate) async fn list(
    database: &Database,
    payments: Option<&Payments>,
    user: Uuid,
    wanted: &Wanted,
    limit: u32,
) -> Result<Movements, ModuleError> {
    let called = match (&wanted.text, payments) {
        (Some(text), Some(payments)) => payments.called(user, text).await?,
        _ => Some(Vec::new()),
    };
    // Who did not answer just now is not asked again.
    let payments = payments.filter(|_| called.is_some());
    let called = called.unwrap_or_default();
    // Each list is read in the order of an index, so it ends after `limit` rows, however many there are.
    let places = match (&wanted.grant, wanted.account) {
        (None, None) => {
            let sql = "SELECT id FROM wallet_accounts WHERE user_id = $1";
            let rows = read(database, sql, [user.into()]).await?;
            let accounts = rows.iter().map(|row| Ok(Place::Account(row.try_get_by_index(0)?)));
            accounts.collect::<Result<Vec<_>, Error>>()?
        }
        (None, Some(account)) => vec![Place::Account(account)],
        (Some(grant), _) => vec![Place::Grant(grant)],
    };
    let called = called.as_slice();
    let lists = places.iter().map(|place| async move {
        let Select { sql, values } = select(user, *place, (wanted, called), limit);
        read(database, &sql, values).await?.iter().map(listed).collect::<Result<Vec<_>, Error>>()
    });
    let mut found: Vec<Listed> = futures::future::try_join_all(lists).await?.into_iter().flatten().collect();
    found.sort_by_key(|listed| std::cmp::Reverse((listed.movement.made_at, listed.movement.id)));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    named(payments, user, found).await
}

/// Names the payees as their payer calls them.
async fn named(payments: Option<&Payments>, user: Uuid, mut rows: Vec<Listed>) -> Result<Movements, ModuleError> {
    let sent = |listed: &&mut Listed| listed.movement.kind == Kind::Sent;
    let parties: BTreeSet<String> =
        rows.iter_mut().filter(sent).filter_map(|listed| listed.movement.party.clone()).collect();
    let names = match payments {
        Some(payments) => payments.names(user, parties.into_iter().collect()).await?,
        None => None,
    };
    let Some(names) = names else { return Ok(Movements { rows, names: Names::Missing }) };
    for listed in rows.iter_mut().filter(sent) {
        if let Some(name) = listed.movement.party.as_ref().and_then(|party| names.get(party)) {
            listed.payee = Some(name.clone());
        }
    }
    Ok(Movements { rows, names: Names::Known })
}

/// Where movements are read.
#[derive(Clone, Copy)]
enum Place<'a> {
    Account(Uuid),
    Grant(&'a str),
}

/// A statement to which conditions are added. What is not a value is one of a few texts of this file.
struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    /// A condition with a `?` for each of these values.
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql += " AND ";
        let mut parts = condition.split('?');
        self.sql.extend(parts.next());
        for (value, part) in values.into_iter().zip(parts) {
            self.values.push(value);
            self.sql += "$";
            self.sql += &self.values.len().to_string();
            self.sql += part;
        }
    }
}

/// The movements of one place. There are no conditions about what is not wanted, because those could use no index.
fn select(user: Uuid, place: Place<'_>, (wanted, called): (&Wanted, &[String]), limit: u32) -> Select {
    let mut select = Select { sql: LISTED.to_owned(), values: vec![user.into()] };
    let account = match place {
        Place::Account(account) => Some(account),
        Place::Grant(grant) => {
            select.and("m.grant_id = ?", [grant.into()]);
            wanted.account
        }
    };
    if let Some(account) = account {
        select.and("m.account_id = ?", [account.into()]);
    }
    if let Some((at, id)) = wanted.before {
        select.and("(m.made_at, m.id) < (?, ?)", [at.as_millis().into(), id.into()]);
    }
    if let Some(since) = wanted.since {
        select.and("m.made_at >= ?", [since.as_millis().into()]);
    }
    if let Some(until) = wanted.until {
        select.and("m.made_at < ?", [until.as_millis().into()]);
    }
    match wanted.way {
        None => {}
        Some(Way::In) => select.and("m.kind <> 'sent'", []),
        Some(Way::Out) => select.and("m.kind = 'sent'", []),
    }
    if let Some(standing) = wanted.standing {
        select.and(&format!("m.state IN ({})", standing.states()), []);
    }
    if let Some(text) = wanted.text.as_deref().map(pattern) {
        let mut texts = ["m.party", "m.note", "m.payee_name"]
            .map(|column| format!("LOWER(COALESCE({column}, '')) LIKE ? ESCAPE '!'"))
            .to_vec();
        let mut values = vec![Value::from(text); texts.len()];
        if !called.is_empty() {
            texts.push(format!("m.party IN ({})", vec!["?"; called.len()].join(", ")));
            values.extend(called.iter().map(|address| Value::from(address.as_str())));
        }
        select.and(&format!("({})", texts.join(" OR ")), values);
    }
    select.sql += " ORDER BY m.made_at DESC, m.id DESC LIMIT ";
    select.sql += &limit.to_string();
    select
}

/// A pattern that finds this text anywhere.
pub(crate) fn pattern(text: &str) -> String {
    let plain = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{plain}%")
}

/// What payments under a grant count for a limit on its debited or received amounts.
#[derive(Clone, Debug)]
pub(crate) struct Spending<'a> {
    pub(crate) grant: &'a str,
    /// Only payments from this account.
    pub(crate) account: Option<Uuid>,
    pub(crate) side: Side,
    /// From this instant on, and before that one.
    pub(crate) period: Option<(Timestamp, Timestamp)>,
}

/// Which amount of a payment is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Debit,
    Receive,
}

/// What a user's payments have used, as the instance counts: a payment with what it may cost and deliver from its
/// beginning on, and after its end with what the instance said then. If the instance does not tell that, a payment that
/// has failed counts what was sent, and whole on the side of the receiver, unless nothing was sent.
pub(crate) async fn used(database: &Database, user: Uuid, spending: &Spending<'_>) -> Result<u64, Error> {
    let Select { sql, values } = sum(user, spending);
    let Some(row) = read_one(database, &sql, values).await? else { return Ok(0) };
    let (millions, rest): (Option<i64>, Option<i64>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let [millions, rest] = [millions, rest].map(|part| amount(part.unwrap_or(0)));
    Ok(millions.saturating_mul(MILLION).saturating_add(rest))
}

/// Stores what the instance counts of a payment that has ended.
pub(crate) async fn counts(
    database: &Database,
    payment: Uuid,
    debit: Option<u64>,
    receive: Option<u64>,
) -> Result<(), Error> {
    let sql = "UPDATE wallet_movements SET counted_debit = $2, counted_receive = $3 WHERE id = $1";
    database.execute(sql, [payment.into(), debit.map(stored).into(), receive.map(stored).into()]).await.map(drop)
}

/// Amounts are added up in two parts, because the sum of large ones would not fit a column.
const MILLION: u64 = 1_000_000;

fn sum(user: Uuid, spending: &Spending<'_>) -> Select {
    let column = match spending.side {
        Side::Debit => "COALESCE(m.counted_debit, CASE m.state WHEN 'failed' THEN m.amount ELSE m.most END)",
        Side::Receive => "COALESCE(m.counted_receive, m.receives, 0)",
    };
    let sql = format!(
        "SELECT CAST(SUM(({column}) / {MILLION}) AS bigint), CAST(SUM(({column}) % {MILLION}) AS bigint)
        FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
        WHERE a.user_id = $1 AND m.state <> 'cancelled' AND NOT (m.state = 'failed' AND m.amount = 0)"
    );
    let mut select = Select { sql, values: vec![user.into()] };
    select.and("m.grant_id = ?", [spending.grant.into()]);
    if let Some(account) = spending.account {
        select.and("m.account_id = ?", [account.into()]);
    }
    if let Some((from, until)) = spending.period {
        select.and("m.made_at >= ? AND m.made_at < ?", [from.as_millis().into(), until.as_millis().into()]);
    }
    select
}

/// What was streamed to an account on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamedDay {
    pub(crate) day: Timestamp,
    /// How often the instance told of money.
    pub(crate) times: u64,
    pub(crate) sum: u64,
}

/// The days since an instant on which money was streamed to an account of a user, the newest first.
pub(crate) async fn streamed(
    database: &Database,
    user: Uuid,
    account: Uuid,
    since: Timestamp,
) -> Result<Vec<StreamedDay>, Error> {
    let sql = format!(
        "SELECT m.made_at / {DAY_MS}, COUNT(*), CAST(SUM(m.amount / {MILLION}) AS bigint),
            CAST(SUM(m.amount % {MILLION}) AS bigint)
        FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
        WHERE a.user_id = $1 AND m.account_id = $2 AND m.made_at >= $3 AND m.kind = 'streamed'
        GROUP BY 1 ORDER BY 1 DESC"
    );
    let rows = read(database, &sql, [user.into(), account.into(), since.as_millis().into()]).await?;
    let day = |row: &QueryResult| {
        let number = |index: usize| row.try_get_by_index::<i64>(index);
        Ok(StreamedDay {
            day: Timestamp::from_millis(number(0)?.saturating_mul(DAY_MS)),
            times: amount(number(1)?),
            sum: amount(number(2)?).saturating_mul(MILLION).saturating_add(amount(number(3)?)),
        })
    };
    rows.iter().map(day).collect()
}

/// One movement of a user, as a list of at most one.
pub(crate) async fn one(
    database: &Database,
    payments: &Payments,
    user: Uuid,
    id: Uuid,
) -> Result<Movements, ModuleError> {
    let sql = format!("{LISTED} AND m.id = $2");
    let found = read_one(database, &sql, [user.into(), id.into()]).await?;
    let found = found.as_ref().map(listed).transpose()?;
    named(Some(payments), user, found.into_iter().collect()).await
}

/// What was credited for these incoming payments.
pub(crate) async fn came(database: &Database, payments: &[Uuid]) -> Result<BTreeMap<Uuid, u64>, Error> {
    let mut came = BTreeMap::new();
    for some in payments.chunks(AT_ONCE) {
        let places: Vec<String> = (1..=some.len()).map(|number| format!("${number}")).collect();
        let sql = format!("SELECT id, amount FROM wallet_movements WHERE id IN ({})", places.join(", "));
        for row in read(database, &sql, some.iter().map(|id| (*id).into())).await? {
            came.insert(row.try_get_by_index(0)?, amount(row.try_get_by_index(1)?));
        }
    }
    Ok(came)
}

fn listed(row: &QueryResult) -> Result<Listed, Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let wrong = |column| Error::inconsistent("wallet_movements", column, id);
    let (kind, state): (String, String) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    let asset = |code: &str, scale: i64| Asset::new(code, u8::try_from(scale).ok()?).ok();
    let (receives, code, scale): (Option<i64>, Option<String>, Option<i64>) =
        (row.try_get_by_index(7)?, row.try_get_by_index(8)?, row.try_get_by_index(9)?);
    let receives = match (receives, code, scale) {
        (Some(value), Some(code), Some(scale)) => asset(&code, scale).map(|asset| (amount(value), asset)),
        _ => None,
    };
    let (code, scale): (String, i64) = (row.try_get_by_index(15)?, row.try_get_by_index(16)?);
    let ended_at: Option<i64> = row.try_get_by_index(14)?;
    let payee: Option<String> = row.try_get_by_index(17)?;
    Ok(Listed {
        movement: Movement {
            id,
            account: row.try_get_by_index(1)?,
            kind: Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(|| wrong("kind"))?,
            state: State::ALL.into_iter().find(|known| known.as_str() == state).ok_or_else(|| wrong("state"))?,
            amount: amount(row.try_get_by_index(4)?),
            fee: amount(row.try_get_by_index(5)?),
            most: amount(row.try_get_by_index(6)?),
            receives,
            party: row.try_get_by_index(10)?,
            payee: payee.clone(),
            note: row.try_get_by_index(11)?,
            grant_id: row.try_get_by_index(12)?,
            made_at: Timestamp::from_millis(row.try_get_by_index(13)?),
            ended_at: ended_at.map(Timestamp::from_millis),
        },
        asset: asset(&code, scale).ok_or_else(|| wrong("asset_code"))?,
        payee,
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Statement};
    use testkit::TestDatabase;

    use super::*;
    use crate::Wallet;

    async fn plan(database: &TestDatabase, select: Select) -> String {
        let backend = database.reader().get_database_backend();
        let sql = format!("EXPLAIN QUERY PLAN {}", select.sql);
        let rows = database.reader().query_all_raw(Statement::from_sql_and_values(backend, sql, select.values)).await;
        rows.unwrap().iter().map(|row| row.try_get::<String>("", "detail").unwrap() + "\n").collect()
    }

    #[tokio::test]
    async fn the_movements_of_a_page_are_read_in_the_order_of_an_index_and_no_others() {
        let database = TestDatabase::sqlite().await;
        Wallet::migrate(&database).await.unwrap();
        let (user, account, grant) = (Uuid::from_u128(1), Uuid::from_u128(2), "g");
        let called = ["https://b.example/bob".to_owned()];
        let later = Wanted { before: Some((Timestamp::from_millis(9), Uuid::from_u128(3))), ..Wanted::default() };
        let some = Wanted {
            way: Some(Way::Out),
            standing: Some(Standing::Done),
            since: Some(Timestamp::from_millis(1)),
            until: Some(Timestamp::from_millis(8)),
            text: Some("x".to_owned()),
            ..later.clone()
        };
        let period = Some((Timestamp::from_millis(1), Timestamp::from_millis(8)));
        let spending = Spending { grant, account: Some(account), side: Side::Debit, period };
        let (of_account, of_grant) = ("wallet_movements_account (account_id=?", "wallet_movements_grant (grant_id=?");
        for (index, select) in [
            (of_account, select(user, Place::Account(account), (&Wanted::default(), &called), 10)),
            (of_account, select(user, Place::Account(account), (&later, &called), 10)),
            (of_account, select(user, Place::Account(account), (&some, &called), 10)),
            (of_grant, select(user, Place::Grant(grant), (&Wanted::default(), &called), 10)),
            (of_grant, sum(user, &spending)),
        ] {
            let sql = select.sql.clone();
            let plan = plan(&database, select).await;
            assert!(plan.contains(&format!("SEARCH m USING INDEX {index}")), "{sql}: {plan}");
            assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{sql}: {plan}");
        }
    }
}
