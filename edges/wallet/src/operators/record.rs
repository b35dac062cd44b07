//! The record of what operators changed: who, when, from where, what it was before and after, and how it ended.
//!
//! Lines are only added. Each has a hash of itself and of the line before, so a line that is changed or missing is seen.

use clock::Timestamp;
use database::{Database, Dialect, Error, WriteTransaction};
use sea_orm::{QueryResult, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::sql::{execute, one, read};

/// What stands for the line before the first one.
const BEGIN: &str = "";

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Another fee for sending.
    Fee,
    /// Liquidity for an asset or a peer.
    Deposit,
    /// No money leaves an account.
    Freeze,
    /// The end of that.
    Thaw,
}

/// How far a change is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The instance is asked next.
    Asked,
    Done,
    /// The instance refused it.
    Refused,
    /// The instance did not answer. The change may have taken effect.
    Unknown,
}

impl Deed {
    const ALL: [Self; 4] = [Self::Fee, Self::Deposit, Self::Freeze, Self::Thaw];

    fn as_str(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::Deposit => "deposit",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
        }
    }
}

impl Stage {
    const ALL: [Self; 4] = [Self::Asked, Self::Done, Self::Refused, Self::Unknown];

    fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acting {
    pub(crate) user: Uuid,
    pub(crate) person: String,
    /// The network address.
    pub(crate) address: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    /// The key of the form. A form that is sent twice is one change.
    pub(crate) id: Uuid,
    pub(crate) by: Acting,
    pub(crate) deed: Deed,
    /// The asset, peer or account.
    pub(crate) target: Uuid,
    /// Its name for people.
    pub(crate) name: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: i64,
    pub(crate) at: Timestamp,
    pub(crate) stage: Stage,
    pub(crate) act: Act,
    /// What the instance said.
    pub(crate) said: String,
    chain: String,
}

/// Notes what is going to be asked. `false` if this change was begun before.
pub(crate) async fn begin(database: &Database, act: &Act, now: Timestamp) -> Result<bool, Error> {
    append(database, act, (Stage::Asked, ""), now).await
}

/// Notes how the change ended.
pub(crate) async fn end(
    database: &Database,
    act: &Act,
    (stage, said): (Stage, &str),
    now: Timestamp,
) -> Result<(), Error> {
    append(database, act, (stage, said), now).await.map(drop)
}

async fn append(database: &Database, act: &Act, (stage, said): (Stage, &str), now: Timestamp) -> Result<bool, Error> {
    let transaction = database.begin().await?;
    let last = last(&transaction).await?;
    let known = "SELECT number FROM wallet_operator_acts WHERE act = $1 AND stage = $2";
    if one(&transaction, known, [act.id.into(), stage.as_str().into()]).await?.is_some() {
        return Ok(false);
    }
    let (number, before) = last.unwrap_or((0, BEGIN.to_owned()));
    let mut line =
        Line { number: number + 1, at: now, stage, act: act.clone(), said: said.to_owned(), chain: String::new() };
    line.chain = line.chained(&before);
    let sql = "INSERT INTO wallet_operator_acts (number, act, stage, made_at, user_id, person, address, deed, target,
            name, before, after, said, chain)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    execute(&transaction, sql, values(line)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Number and hash of the last line. No other line is added before the end of the transaction.
async fn last(transaction: &WriteTransaction) -> Result<Option<(i64, String)>, Error> {
    // SQLite has one writer at a time.
    if transaction.dialect() == Dialect::Postgres {
        execute(transaction, "LOCK TABLE wallet_operator_acts IN SHARE ROW EXCLUSIVE MODE", []).await?;
    }
    let sql = "SELECT number, chain FROM wallet_operator_acts ORDER BY number DESC LIMIT 1";
    let row = one(transaction, sql, []).await?;
    row.map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).transpose()
}

fn values(line: Line) -> [Value; 14] {
    let Line { number, at, stage, act, said, chain } = line;
    [
        number.into(),
        act.id.into(),
        stage.as_str().into(),
        at.as_millis().into(),
        act.by.user.into(),
        act.by.person.into(),
        act.by.address.into(),
        act.deed.as_str().into(),
        act.target.into(),
        act.name.into(),
        act.before.into(),
        act.after.into(),
        said.into(),
        chain.into(),
    ]
}

const LINES: &str = "SELECT number, act, stage, made_at, user_id, person, address, deed, target, name, before, after,
    said, chain FROM wallet_operator_acts";

/// The latest lines, before this number if there is one: the newest first, each with whether it fits the line before.
pub(crate) async fn lines(database: &Database, before: Option<i64>, limit: usize) -> Result<Vec<(Line, bool)>, Error> {
    // One more, which the last one has to fit.
    let sql = format!("{LINES} WHERE number < $1 ORDER BY number DESC LIMIT {}", limit.saturating_add(1));
    let rows = read(database, &sql, [before.unwrap_or(i64::MAX).into()]).await?;
    let found = rows.iter().map(line).collect::<Result<Vec<_>, Error>>()?;
    let fits = |index: usize, line: &Line| match found.get(index + 1) {
        Some(before) => line.fits(before.number, &before.chain),
        None => line.fits(0, BEGIN),
    };
    let lines = found.iter().enumerate().take(limit).map(|(index, line)| (line.clone(), fits(index, line)));
    Ok(lines.collect())
}

/// The latest lines about an asset or a peer, the newest first.
pub(crate) async fn lines_about(database: &Database, target: Uuid, limit: usize) -> Result<Vec<Line>, Error> {
    let sql = format!("{LINES} WHERE target = $1 ORDER BY number DESC LIMIT {limit}");
    read(database, &sql, [target.into()]).await?.iter().map(line).collect()
}

fn line(row: &QueryResult) -> Result<Line, Error> {
    let number: i64 = row.try_get_by_index(0)?;
    let wrong = |column| Error::inconsistent("wallet_operator_acts", column, number);
    let text = |index: usize| row.try_get_by_index::<String>(index);
    let (stage, deed) = (text(2)?, text(7)?);
    let act = Act {
        id: row.try_get_by_index(1)?,
        by: Acting { user: row.try_get_by_index(4)?, person: text(5)?, address: text(6)? },
        deed: Deed::ALL.into_iter().find(|known| known.as_str() == deed).ok_or_else(|| wrong("deed"))?,
        target: row.try_get_by_index(8)?,
        name: text(9)?,
        before: text(10)?,
        after: text(11)?,
    };
    Ok(Line {
        number,
        at: Timestamp::from_millis(row.try_get_by_index(3)?),
        stage: Stage::ALL.into_iter().find(|known| known.as_str() == stage).ok_or_else(|| wrong("stage"))?,
        act,
        said: text(12)?,
        chain: text(13)?,
    })
}

impl Line {
    fn fits(&self, number: i64, chain: &str) -> bool {
        self.number == number + 1 && self.chain == self.chained(chain)
    }

    /// The hash of this line after the line with this hash. Each text is written with its length, so no two lines have
    /// the same octets.
    fn chained(&self, before: &str) -> String {
        let Act { id, by, deed, target, name, before: was, after } = &self.act;
        let (number, id, at) = (self.number.to_string(), id.to_string(), self.at.as_millis().to_string());
        let (user, target) = (by.user.to_string(), target.to_string());
        let texts = [
            before,
            &number,
            &id,
            self.stage.as_str(),
            &at,
            &user,
            &by.person,
            &by.address,
            deed.as_str(),
            &target,
            name,
            was,
            after,
            &self.said,
        ];
        let mut digest = Sha256::new();
        for text in texts {
            digest.update(text.len().to_string());
            digest.update(":");
            digest.update(text);
        }
        hex::encode(digest.finalize())
    }
}
