//! What happened on a customer's account, in words for the customer. The money itself is in the ledger.
//!
//! A row is written after the ledger has moved the money. A repetition changes nothing, and a later state is never
//! replaced by an earlier one.

use clock::Timestamp;
use database::{Database, Error};
use money::Asset;
use sea_orm::QueryResult;
use uuid::Uuid;

use crate::sql::{amount, read, stored};

/// The longest note, in characters.
pub(crate) const NOTE_MAX: usize = 255;

/// What kind of movement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sent,
    Received,
    /// Money that came without an incoming payment.
    Streamed,
    /// Play money, and the balance an account begins with.
    TopUp,
}

/// How far it is. The order is that of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) movement: Movement,
    pub(crate) asset: Asset,
    pub(crate) payee: Option<String>,
}

const RECORD: &str = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, receives,
        receives_code, receives_scale, party, note, grant_id, made_at, ended_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, rank = excluded.rank, amount = excluded.amount,
        fee = excluded.fee, ended_at = excluded.ended_at,
        grant_id = COALESCE(excluded.grant_id, wallet_movements.grant_id)
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
        a.asset_scale, CASE WHEN m.kind = 'sent' THEN COALESCE(c.name, s.payee_name) END
    FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
    LEFT JOIN wallet_sends s ON s.quote_id = m.id AND s.user_id = a.user_id
    LEFT JOIN wallet_contacts c ON c.user_id = a.user_id AND c.url = m.party
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

/// The movements of a user, the newest first, at most `limit`.
pub(crate) async fn list(database: &Database, user: Uuid, wanted: &Wanted, limit: u32) -> Result<Vec<Listed>, Error> {
    let (at, id) = wanted.before.unwrap_or((Timestamp::from_millis(i64::MAX), Uuid::max()));
    // What is not a parameter is one of a few texts of this file.
    let way = match wanted.way {
        None => "",
        Some(Way::In) => "AND m.kind <> 'sent'",
        Some(Way::Out) => "AND m.kind = 'sent'",
    };
    let standing = wanted.standing.map(|standing| format!("AND m.state IN ({})", standing.states()));
    // Without the casts Postgres does not know the type of a parameter that is null.
    let sql = format!(
        "{LISTED} AND (CAST($2 AS uuid) IS NULL OR m.account_id = $2)
            AND (CAST($3 AS text) IS NULL OR m.grant_id = $3)
            AND (m.made_at < $4 OR (m.made_at = $4 AND m.id < $5))
            AND m.made_at >= $6 AND m.made_at < $7
            AND (CAST($8 AS text) IS NULL OR LOWER(COALESCE(m.party, '')) LIKE $8 ESCAPE '!'
                OR LOWER(COALESCE(m.note, '')) LIKE $8 ESCAPE '!' OR LOWER(COALESCE(s.payee_name, '')) LIKE $8 ESCAPE '!'
                OR LOWER(COALESCE(c.name, '')) LIKE $8 ESCAPE '!')
            {way} {}
        ORDER BY m.made_at DESC, m.id DESC LIMIT {limit}",
        standing.unwrap_or_default()
    );
    let sql = match database.dialect() {
        // SQLite would change a uuid into a number.
        database::Dialect::Sqlite => sql.replace("CAST($2 AS uuid)", "$2"),
        database::Dialect::Postgres => sql,
    };
    let values = [
        user.into(),
        wanted.account.into(),
        wanted.grant.clone().into(),
        at.as_millis().into(),
        id.into(),
        wanted.since.map_or(i64::MIN, Timestamp::as_millis).into(),
        wanted.until.map_or(i64::MAX, Timestamp::as_millis).into(),
        wanted.text.as_deref().map(pattern).into(),
    ];
    read(database, &sql, values).await?.iter().map(listed).collect()
}

/// A pattern that finds this text anywhere.
fn pattern(text: &str) -> String {
    let plain = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{plain}%")
}

/// One movement of a user.
pub(crate) async fn one(database: &Database, user: Uuid, id: Uuid) -> Result<Option<Listed>, Error> {
    let sql = format!("{LISTED} AND m.id = $2");
    read(database, &sql, [user.into(), id.into()]).await?.first().map(listed).transpose()
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
            note: row.try_get_by_index(11)?,
            grant_id: row.try_get_by_index(12)?,
            made_at: Timestamp::from_millis(row.try_get_by_index(13)?),
            ended_at: ended_at.map(Timestamp::from_millis),
        },
        asset: asset(&code, scale).ok_or_else(|| wrong("asset_code"))?,
        payee: row.try_get_by_index(17)?,
    })
}
