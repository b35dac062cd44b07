//! Requests for money: incoming payments of a customer, with a link that any wallet can pay.
//!
//! The instance takes the money, and tells the wallet when the payment has ended; see `effects`.

use std::time::Duration;

use admin_client::{AdminError, Amount, ErrorCode, IncomingPayment, IncomingPaymentState};
use clock::Timestamp;
use database::{Database, Error};
use money::Asset;
use sea_orm::QueryResult;
use serde_json::json;
use uuid::Uuid;

use crate::customers::Customer;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::history::NOTE_MAX;
use crate::sql::{amount, read, read_one, stored};

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

/// Makes a request. A repetition with the same id does nothing.
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
    let database = effects.store.database();
    if one(database, customer.user(), new.id, effects.clock.now()).await?.is_some() {
        return Ok(());
    }

    let now = effects.clock.now();
    let expires_at = now.saturating_add(new.lasts.duration());
    let asked = new.amount.map(|value| Amount::new(value, &held.account.asset));
    let told = (!note.is_empty()).then(|| json!({"description": note}));
    let key = format!("wallet request {}", new.id);
    // Nobody knows the link before it is stored here. If this process dies in between, the payment expires unpaid.
    let made = effects.admin.create_incoming_payment(address, asked.as_ref(), expires_at, told, &key).await;
    let payment = match made {
        Ok(payment) => payment,
        Err(AdminError::Refused { code, message, .. }) if !matches!(code, ErrorCode::Internal | ErrorCode::Timeout) => {
            return Err(RequestError::Refused(message.trim_end_matches('.').to_owned()));
        }
        Err(error) => return Err(EffectError::from(error).into()),
    };
    let sql =
        "INSERT INTO wallet_requests (id, user_id, account_id, payment_id, url, amount, note, made_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
    let values = [
        new.id.into(),
        customer.user().into(),
        new.account.into(),
        payment.id.into(),
        payment.url.into(),
        new.amount.map(stored).into(),
        Some(note.to_owned()).filter(|note| !note.is_empty()).into(),
        now.as_millis().into(),
        expires_at.as_millis().into(),
    ];
    Ok(database.execute(sql, values).await.map(drop)?)
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

const REQUEST: &str = "SELECT r.id, r.account_id, a.name, r.payment_id, r.url, a.asset_code, a.asset_scale, r.amount,
        r.note, r.made_at, r.expires_at, r.closed_at, m.amount
    FROM wallet_requests r JOIN wallet_accounts a ON a.id = r.account_id
    LEFT JOIN wallet_movements m ON m.id = r.payment_id
    WHERE r.user_id = $1";

/// The newest requests of a user.
pub(crate) async fn list(database: &Database, user: Uuid, now: Timestamp, limit: u32) -> Result<Vec<Request>, Error> {
    let sql = format!("{REQUEST} ORDER BY r.made_at DESC, r.id DESC LIMIT {limit}");
    read(database, &sql, [user.into()]).await?.iter().map(|row| request(row, now)).collect()
}

/// How many requests of a user can still be paid.
pub(crate) async fn open_count(database: &Database, user: Uuid, now: Timestamp) -> Result<u64, Error> {
    let sql = "SELECT COUNT(*) FROM wallet_requests r LEFT JOIN wallet_movements m ON m.id = r.payment_id
        WHERE r.user_id = $1 AND r.closed_at IS NULL AND r.expires_at > $2 AND m.id IS NULL";
    let row = read_one(database, sql, [user.into(), now.as_millis().into()]).await?;
    let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// One request of a user.
pub(crate) async fn one(database: &Database, user: Uuid, id: Uuid, now: Timestamp) -> Result<Option<Request>, Error> {
    let sql = format!("{REQUEST} AND r.id = $2");
    read_one(database, &sql, [user.into(), id.into()]).await?.map(|row| request(&row, now)).transpose()
}

fn request(row: &QueryResult, now: Timestamp) -> Result<Request, Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let (code, scale): (String, i64) = (row.try_get_by_index(5)?, row.try_get_by_index(6)?);
    let wrong = |column| Error::inconsistent("wallet_accounts", column, id);
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
            Some(came) if asked.is_none_or(|asked| came >= asked) => State::Paid(came),
            Some(came) => State::InPart(came),
            None if closed.is_some() => State::Closed,
            None if expires_at <= now => State::Expired,
            None => State::Open,
        },
    })
}
