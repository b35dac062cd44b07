//! Requests for money: incoming payments of a customer, with a link that any wallet can pay.
//!
//! The instance takes the money, and tells the wallet when the payment has ended; see `effects`.

use std::collections::BTreeMap;
use std::time::Duration;

use admin_client::{AdminError, Amount, CreatedIncomingPayment, ErrorCode, IncomingPayment, IncomingPaymentState};
use clock::Timestamp;
use database::{Database, Error};
use money::Asset;
use sea_orm::{QueryResult, Value};
use serde_json::json;
use uuid::Uuid;

use crate::customers::Customer;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::history::NOTE_MAX;
use crate::noted;
use crate::sql::{amount, execute, one as row_of, read, read_one, stored};
use crate::store::AccountRow;

/// How long a request can be paid. The instance accepts at most 30 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lasts {
    Hour,
    #[default]
    Day,
    Week,
    FourWeeks,
}

impl Lasts {
    pub(crate) const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::FourWeeks];

    /// The value in a form.
    pub(crate) fn value(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::FourWeeks => "four-weeks",
        }
    }

    pub(crate) fn read(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lasts| lasts.value() == value)
    }

    fn duration(self) -> Duration {
        match self {
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
            Self::Week => Duration::from_hours(7 * 24),
            Self::FourWeeks => Duration::from_hours(28 * 24),
        }
    }
}

/// The most requests of one user that can be paid at the same time.
const OPEN_MAX: u64 = 200;
/// The most payments in one question to the accounts.
const AT_ONCE: usize = 500;
/// The instance knows the key of a request for so long.
const BEGUN_FOR: Duration = Duration::from_hours(24);

/// A request to make.
#[derive(Clone, Debug)]
pub(crate) struct NewRequest {
    /// The key of the form. A repetition makes no second request.
    pub(crate) id: Uuid,
    pub(crate) account: Uuid,
    /// `None` leaves the amount to the payer.
    pub(crate) amount: Option<u64>,
    pub(crate) note: String,
    pub(crate) lasts: Lasts,
}

/// Why no request is made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("Choose one of your accounts.")]
    Account,
    #[error("The note has more than 255 characters.")]
    Note,
    #[error("The amount should be more than zero.")]
    Amount,
    #[error("You have 200 open requests, and more are not possible. Close one first.")]
    TooMany,
    #[error("There is no request with this: {0}.")]
    Refused(String),
    #[error(transparent)]
    Effect(#[from] EffectError),
}

impl From<Error> for RequestError {
    fn from(error: Error) -> Self {
        Self::Effect(error.into())
    }
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It can be paid.
    Open,
    /// Everything that was asked for has come, or something if no amount was.
    Paid(u64),
    /// It has ended with a part.
    InPart(u64),
    /// It has ended without money.
    Expired,
    /// Its owner has ended it without money.
    Closed,
}

impl State {
    /// That of a request for which money has come.
    fn of_money(came: u64, asked: Option<u64>) -> Self {
        if asked.is_none_or(|asked| came >= asked) { Self::Paid(came) } else { Self::InPart(came) }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: Uuid,
    pub(crate) account: Uuid,
    pub(crate) account_name: String,
    /// The id of the incoming payment at the instance, and of the movement when the money has come.
    pub(crate) payment: Uuid,
    pub(crate) url: String,
    pub(crate) asset: Asset,
    pub(crate) amount: Option<u64>,
    pub(crate) note: Option<String>,
    pub(crate) made_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) state: State,
}

/// A request that was begun: what the instance is asked for, also by a repetition.
struct Begun {
    amount: Option<u64>,
    note: Option<String>,
    made_at: Timestamp,
    expires_at: Timestamp,
}

/// Makes a request. A repetition with the same id does nothing.
///
/// What is asked for is stored first, because under one key the instance makes one thing only. If the process dies in
/// between, a repetition asks for the same, or the payment expires unpaid: nobody knows its link.
pub(crate) async fn make(effects: &Effects, customer: &Customer, new: &NewRequest) -> Result<(), RequestError> {
    let note = new.note.trim();
    if note.chars().count() > NOTE_MAX || note.contains('\0') {
        return Err(RequestError::Note);
    }
    if new.amount == Some(0) {
        return Err(RequestError::Amount);
    }
    let held = customer.account(new.account).await?.ok_or(RequestError::Account)?;
    let address = held.account.wallet_address_id.ok_or(RequestError::Account)?;
    let (database, now) = (effects.store.database(), effects.clock.now());
    if one(effects, customer.user(), new.id).await?.is_some() {
        return Ok(());
    }

    let wanted = Begun {
        amount: new.amount,
        note: Some(note.to_owned()).filter(|note| !note.is_empty()),
        made_at: now,
        expires_at: now.saturating_add(new.lasts.duration()),
    };
    if !effects.modules.users.is_active(customer.user()).await.map_err(EffectError::from)? {
        return Err(RequestError::Account);
    }
    let begun = begin(database, customer.user(), new, &wanted).await?;
    let asked = begun.amount.map(|value| Amount::new(value, &held.account.asset));
    let told = begun.note.as_ref().map(|note| json!({"description": note}));
    let key = format!("wallet request {}", new.id);
    let made = effects.admin.create_incoming_payment(address, asked.as_ref(), begun.expires_at, told, &key).await;
    match made {
        Ok(payment) => Ok(finish(database, customer.user(), (new, &held.account), &begun, &payment).await?),
        Err(AdminError::Refused { code, message, .. }) if !matches!(code, ErrorCode::Internal | ErrorCode::Timeout) => {
            // Nothing was made, so the same form may ask for something else.
            let sql = "DELETE FROM wallet_begun_requests WHERE id = $1";
            database.execute(sql, [new.id.into()]).await?;
            Err(RequestError::Refused(message.trim_end_matches('.').to_owned()))
        }
        Err(error) => Err(EffectError::from(error).into()),
    }
}

/// Stores what is asked for, unless it was stored before. Returns what is stored.
async fn begin(database: &Database, user: Uuid, new: &NewRequest, wanted: &Begun) -> Result<Begun, RequestError> {
    let (now, transaction) = (wanted.made_at, database.begin().await?);
    // One at a time for each user, so that the count below is right: the row is locked until the end.
    let own = "INSERT INTO wallet_requesters (user_id) VALUES ($1)
        ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id";
    execute(&transaction, own, [user.into()]).await?;
    // The instance knows the key no longer, and nobody has the form any more.
    let old = "DELETE FROM wallet_begun_requests WHERE user_id = $1 AND made_at < $2";
    execute(&transaction, old, [user.into(), now.saturating_sub(BEGUN_FOR).as_millis().into()]).await?;
    let sql = "INSERT INTO wallet_begun_requests (id, user_id, account_id, amount, note, made_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    let values = [
        new.id.into(),
        user.into(),
        new.account.into(),
        wanted.amount.map(stored).into(),
        wanted.note.clone().into(),
        now.as_millis().into(),
        wanted.expires_at.as_millis().into(),
    ];
    if execute(&transaction, sql, values).await? > 0 {
        let others = "SELECT COUNT(*) FROM wallet_begun_requests b WHERE b.user_id = $1
            AND NOT EXISTS (SELECT 1 FROM wallet_requests r WHERE r.id = b.id)";
        let others = count(row_of(&transaction, others, [user.into()]).await?)?;
        let open = count(row_of(&transaction, &open_count_sql(), open_since(user, now)).await?)?;
        if open.saturating_add(others) > OPEN_MAX {
            return Err(RequestError::TooMany);
        }
    }
    let sql = "SELECT amount, note, made_at, expires_at FROM wallet_begun_requests
        WHERE id = $1 AND user_id = $2 AND account_id = $3";
    let row = row_of(&transaction, sql, [new.id.into(), user.into(), new.account.into()]).await?;
    // The same form was sent before for another account.
    let row = row.ok_or(RequestError::Account)?;
    let read = |index: usize| row.try_get_by_index::<i64>(index).map(Timestamp::from_millis).map_err(Error::from);
    let amount_of = row.try_get_by_index::<Option<i64>>(0).map_err(Error::from)?;
    let note = row.try_get_by_index(1).map_err(Error::from)?;
    let begun = Begun { amount: amount_of.map(amount), note, made_at: read(2)?, expires_at: read(3)? };
    transaction.commit().await?;
    Ok(begun)
}

/// Stores the payment of a request that was begun. What was begun stays for its time, so that the same form, sent twice
/// at the same time, asks for the same.
async fn finish(
    database: &Database,
    user: Uuid,
    (new, account): (&NewRequest, &AccountRow),
    begun: &Begun,
    payment: &CreatedIncomingPayment,
) -> Result<(), Error> {
    let sql =
        "INSERT INTO wallet_requests (id, user_id, account_id, payment_id, url, amount, note, made_at, expires_at,
            account_name, asset_code, asset_scale)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING";
    let values = [
        new.id.into(),
        user.into(),
        new.account.into(),
        payment.id.into(),
        payment.url.as_str().into(),
        begun.amount.map(stored).into(),
        begun.note.clone().into(),
        begun.made_at.as_millis().into(),
        begun.expires_at.as_millis().into(),
        account.name.as_str().into(),
        account.asset.code.as_str().into(),
        i64::from(account.asset.scale).into(),
    ];
    database.execute(sql, values).await.map(drop)
}

/// Asks the accounts for what was credited for these payments of requests, and notes it. It is not noted if the money
/// came before the request was stored, or if the process ended in between.
async fn credited(effects: &Effects, payments: &[Uuid]) -> Result<BTreeMap<Uuid, u64>, EffectError> {
    let mut all = BTreeMap::new();
    for some in payments.chunks(AT_ONCE) {
        let credited = effects.modules.accounts.came(some.to_vec()).await?;
        for (payment, amount) in &credited {
            noted::came(effects.store.database(), *payment, *amount).await?;
        }
        all.extend(credited);
    }
    Ok(all)
}

/// Ends a request of this customer, so that it takes no more money.
pub(crate) async fn close(effects: &Effects, customer: &Customer, request: &Request) -> Result<(), EffectError> {
    match effects.admin.complete_receiver(&request.url).await {
        Ok(_) => {}
        Err(error) => {
            // It may have ended meanwhile, by itself or by this form.
            let now = effects.admin.incoming_payment(request.payment).await?;
            if is_open(&now) {
                return Err(error.into());
            }
        }
    }
    let sql = "UPDATE wallet_requests SET closed_at = $3 WHERE id = $1 AND user_id = $2 AND closed_at IS NULL";
    let values = [request.id.into(), customer.user().into(), effects.clock.now().as_millis().into()];
    Ok(effects.store.database().execute(sql, values).await.map(drop)?)
}

/// Whether it still takes money.
pub(crate) fn is_open(payment: &IncomingPayment) -> bool {
    matches!(payment.state, IncomingPaymentState::Pending | IncomingPaymentState::Processing)
}

const REQUEST: &str = "SELECT r.id, r.account_id, r.account_name, r.payment_id, r.url, r.asset_code, r.asset_scale,
        r.amount, r.note, r.made_at, r.expires_at, r.closed_at, r.came
    FROM wallet_requests r WHERE r.user_id = $1";

/// The newest requests of a user.
pub(crate) async fn list(effects: &Effects, user: Uuid, limit: u32) -> Result<Vec<Request>, EffectError> {
    let sql = format!("{REQUEST} ORDER BY r.made_at DESC, r.id DESC LIMIT {limit}");
    asked_about(effects, &read(effects.store.database(), &sql, [user.into()]).await?).await
}

/// The requests of these rows. Without a note of money the accounts are asked.
async fn asked_about(effects: &Effects, rows: &[QueryResult]) -> Result<Vec<Request>, EffectError> {
    let now = effects.clock.now();
    let mut requests = rows.iter().map(|row| request(row, now)).collect::<Result<Vec<_>, Error>>()?;
    let without = requests.iter().filter(|request| !matches!(request.state, State::Paid(_) | State::InPart(_)));
    let without: Vec<Uuid> = without.map(|request| request.payment).collect();
    let came = credited(effects, &without).await?;
    for request in &mut requests {
        if let Some(came) = came.get(&request.payment) {
            request.state = State::of_money(*came, request.amount);
        }
    }
    Ok(requests)
}

/// No request is open for longer, so older rows are not read.
const OPEN: &str = "FROM wallet_requests r
    WHERE r.user_id = $1 AND r.made_at > $3 AND r.closed_at IS NULL AND r.expires_at > $2 AND r.came IS NULL";

fn open_count_sql() -> String {
    format!("SELECT COUNT(*) {OPEN}")
}

fn open_since(user: Uuid, now: Timestamp) -> [Value; 3] {
    let longest = Lasts::FourWeeks.duration();
    [user.into(), now.as_millis().into(), now.saturating_sub(longest).as_millis().into()]
}

fn count(row: Option<QueryResult>) -> Result<u64, Error> {
    let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The accounts of a user for which requests can still be paid.
pub(crate) async fn open_accounts(effects: &Effects, user: Uuid) -> Result<Vec<Uuid>, EffectError> {
    let sql = format!("SELECT r.payment_id, r.account_id {OPEN}");
    let rows = read(effects.store.database(), &sql, open_since(user, effects.clock.now())).await?;
    let open = rows.iter().map(payment_and_account).collect::<Result<Vec<_>, Error>>()?;
    let payments: Vec<Uuid> = open.iter().map(|(payment, _)| *payment).collect();
    let came = credited(effects, &payments).await?;
    Ok(open.into_iter().filter(|(payment, _)| !came.contains_key(payment)).map(|(_, account)| account).collect())
}

fn payment_and_account(row: &QueryResult) -> Result<(Uuid, Uuid), Error> {
    Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))
}

/// How many requests of a user can still be paid.
pub(crate) async fn open_count(database: &Database, user: Uuid, now: Timestamp) -> Result<u64, Error> {
    count(read_one(database, &open_count_sql(), open_since(user, now)).await?)
}

/// What the instance says about requests that have ended here without money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// One can still be paid.
    Open,
    /// One has ended with money, and its event is on its way.
    Arriving,
}

/// A request lasts four weeks at most. So long after it was made its money may be on its way.
const LATE_FOR: Duration = Duration::from_hours(29 * 24);

/// Asks the instance about requests without money of a user, for these accounts. What has ended without any is not asked
/// about again.
pub(crate) async fn late(
    effects: &Effects,
    user: Uuid,
    is_asked_about: impl Fn(Uuid) -> bool + Send,
) -> Result<Option<Late>, EffectError> {
    let (database, now) = (effects.store.database(), effects.clock.now());
    let sql = "SELECT r.payment_id, r.account_id FROM wallet_requests r
        WHERE r.user_id = $1 AND r.made_at > $2 AND r.empty_at IS NULL AND r.came IS NULL";
    let rows = read(database, sql, [user.into(), now.saturating_sub(LATE_FOR).as_millis().into()]).await?;
    let mut without = rows.iter().map(payment_and_account).collect::<Result<Vec<_>, Error>>()?;
    without.retain(|(_, account)| is_asked_about(*account));
    let payments: Vec<Uuid> = without.iter().map(|(payment, _)| *payment).collect();
    let came = credited(effects, &payments).await?;
    for (id, _) in without.into_iter().filter(|(payment, _)| !came.contains_key(payment)) {
        match effects.admin.incoming_payment(id).await {
            Ok(payment) if is_open(&payment) => return Ok(Some(Late::Open)),
            Ok(payment) if payment.received_amount.value > 0 => return Ok(Some(Late::Arriving)),
            Ok(_) => {}
            Err(error) if error.is(&ErrorCode::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let empty = "UPDATE wallet_requests SET empty_at = $2 WHERE payment_id = $1";
        database.execute(empty, [id.into(), now.as_millis().into()]).await?;
    }
    Ok(None)
}

/// One request of a user.
pub(crate) async fn one(effects: &Effects, user: Uuid, id: Uuid) -> Result<Option<Request>, EffectError> {
    let sql = format!("{REQUEST} AND r.id = $2");
    let rows = read(effects.store.database(), &sql, [user.into(), id.into()]).await?;
    Ok(asked_about(effects, &rows).await?.pop())
}

fn request(row: &QueryResult, now: Timestamp) -> Result<Request, Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let (code, scale): (String, i64) = (row.try_get_by_index(5)?, row.try_get_by_index(6)?);
    let wrong = |column| Error::inconsistent("wallet_requests", column, id);
    let scale = u8::try_from(scale).map_err(|_| wrong("asset_scale"))?;
    let asked: Option<i64> = row.try_get_by_index(7)?;
    let (closed, came): (Option<i64>, Option<i64>) = (row.try_get_by_index(11)?, row.try_get_by_index(12)?);
    let asked = asked.map(amount);
    let expires_at = Timestamp::from_millis(row.try_get_by_index(10)?);
    Ok(Request {
        id,
        account: row.try_get_by_index(1)?,
        account_name: row.try_get_by_index(2)?,
        payment: row.try_get_by_index(3)?,
        url: row.try_get_by_index(4)?,
        asset: Asset::new(&code, scale).map_err(|_| wrong("asset_code"))?,
        amount: asked,
        note: row.try_get_by_index(8)?,
        made_at: Timestamp::from_millis(row.try_get_by_index(9)?),
        expires_at,
        state: match came.map(amount) {
            Some(came) => State::of_money(came, asked),
            None if closed.is_some() => State::Closed,
            None if expires_at <= now => State::Expired,
            None => State::Open,
        },
    })
}
