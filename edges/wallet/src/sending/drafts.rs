//! Payments that a customer prepares: stored from the first step, so that no step depends on the browser.
//!
//! A draft is confirmed once, together with the job that makes the payment.

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use money::Asset;
use sea_orm::QueryResult;
use uuid::Uuid;

use super::payee::{Payee, Written};
use crate::sql::{amount, execute, read, read_one, stored};

/// The side of the payment that is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fixed {
    /// The customer pays exactly this.
    Debit,
    /// The payee gets exactly this.
    Receive,
}

impl Fixed {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Receive => "receive",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        [Self::Debit, Self::Receive].into_iter().find(|known| known.as_str() == text)
    }
}

/// The offer of the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The quote, whose id is also that of the payment.
    pub(crate) quote: Uuid,
    /// The incoming payment.
    pub(crate) receiver: String,
    pub(crate) debit: u64,
    pub(crate) receives: u64,
    pub(crate) fee: u64,
    pub(crate) fixed: Fixed,
    pub(crate) note: Option<String>,
    pub(crate) expires_at: Timestamp,
}

/// How far a draft is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Begun,
    Quoted(Offer),
    /// The customer has agreed.
    Confirmed(Offer),
    /// The instance has the payment.
    Made(Offer),
    /// No payment was made.
    Refused {
        offer: Offer,
        reason: String,
    },
}

/// A draft.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) account: Uuid,
    pub(crate) payee: Payee,
    pub(crate) stage: Stage,
}

const COLUMNS: &str = "SELECT id, user_id, account_id, payee, payee_kind, payee_name, payee_code, payee_scale, asked,
    state, quote_id, receiver, debit, receives, fee, fixed, note, expires_at, refusal FROM wallet_sends";

/// Stores a new draft. A repetition with the same id changes nothing.
pub(crate) async fn begin(database: &Database, draft: &Draft, now: Timestamp) -> Result<(), Error> {
    let sql = "INSERT INTO wallet_sends (id, user_id, account_id, payee, payee_kind, payee_name, payee_code,
            payee_scale, asked, state, begun_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'begun', $10) ON CONFLICT (id) DO NOTHING";
    let Payee { written, name, asset, asked } = &draft.payee;
    let kind = match written {
        Written::Address(_) => "address",
        Written::Request(_) => "request",
    };
    let values = [
        draft.id.into(),
        draft.user.into(),
        draft.account.into(),
        written.url().into(),
        kind.into(),
        name.clone().into(),
        asset.code.as_str().into(),
        i64::from(asset.scale).into(),
        asked.map(stored).into(),
        now.as_millis().into(),
    ];
    database.execute(sql, values).await.map(drop)
}

/// Removes drafts that were never confirmed.
pub(crate) async fn forget_old(database: &Database, before: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_sends WHERE state IN ('begun', 'quoted') AND begun_at < $1";
    database.execute(sql, [before.as_millis().into()]).await.map(drop)
}

/// The draft with this offer, for the look at its hold.
pub(crate) async fn of_offer(database: &Database, offer: Uuid) -> Result<Option<Draft>, Error> {
    let sql = format!("{COLUMNS} WHERE quote_id = $1");
    read_one(database, &sql, [offer.into()]).await?.as_ref().map(draft).transpose()
}

/// The accounts from which a user has confirmed payments that are not made yet.
pub(crate) async fn confirmed_accounts(database: &Database, user: Uuid) -> Result<Vec<Uuid>, Error> {
    let sql = "SELECT DISTINCT account_id FROM wallet_sends WHERE user_id = $1 AND state = 'confirmed'";
    read(database, sql, [user.into()]).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// A draft of a user.
pub(crate) async fn of_user(database: &Database, user: Uuid, id: Uuid) -> Result<Option<Draft>, Error> {
    let sql = format!("{COLUMNS} WHERE id = $1 AND user_id = $2");
    read_one(database, &sql, [id.into(), user.into()]).await?.as_ref().map(draft).transpose()
}

/// A draft, for the job that makes its payment.
pub(crate) async fn of_job(database: &Database, id: Uuid) -> Result<Option<Draft>, Error> {
    let sql = format!("{COLUMNS} WHERE id = $1");
    read_one(database, &sql, [id.into()]).await?.as_ref().map(draft).transpose()
}

/// Stores an offer, in place of an earlier one. `false` if the draft was confirmed meanwhile.
pub(crate) async fn quote(database: &Database, user: Uuid, id: Uuid, offer: &Offer) -> Result<bool, Error> {
    let sql = "UPDATE wallet_sends SET state = 'quoted', quote_id = $3, receiver = $4, debit = $5, receives = $6,
            fee = $7, fixed = $8, note = $9, expires_at = $10
        WHERE id = $1 AND user_id = $2 AND state IN ('begun', 'quoted')";
    let values = [
        id.into(),
        user.into(),
        offer.quote.into(),
        offer.receiver.as_str().into(),
        stored(offer.debit).into(),
        stored(offer.receives).into(),
        stored(offer.fee).into(),
        offer.fixed.as_str().into(),
        offer.note.clone().into(),
        offer.expires_at.as_millis().into(),
    ];
    Ok(database.execute(sql, values).await? > 0)
}

/// Confirms the draft with this offer. `false` if it was confirmed before, or has another offer.
pub(crate) async fn confirm(transaction: &WriteTransaction, user: Uuid, id: Uuid, offer: Uuid) -> Result<bool, Error> {
    let sql = "UPDATE wallet_sends SET state = 'confirmed'
        WHERE id = $1 AND user_id = $2 AND quote_id = $3 AND state = 'quoted'";
    Ok(execute(transaction, sql, [id.into(), user.into(), offer.into()]).await? > 0)
}

/// Stores what came of a confirmed draft: the payment, or the reason why there is none.
pub(crate) async fn finish(transaction: &WriteTransaction, id: Uuid, refusal: Option<&str>) -> Result<(), Error> {
    let state = if refusal.is_some() { "refused" } else { "made" };
    let sql = "UPDATE wallet_sends SET state = $2, refusal = $3 WHERE id = $1 AND state = 'confirmed'";
    let reason = refusal.map(|text| text.chars().take(500).collect::<String>());
    execute(transaction, sql, [id.into(), state.into(), reason.into()]).await.map(drop)
}

fn draft(row: &QueryResult) -> Result<Draft, Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let wrong = |column| Error::inconsistent("wallet_sends", column, id);
    let (payee, kind): (String, String) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
    let (code, scale): (String, i64) = (row.try_get_by_index(6)?, row.try_get_by_index(7)?);
    let scale = u8::try_from(scale).map_err(|_| wrong("payee_scale"))?;
    let asked: Option<i64> = row.try_get_by_index(8)?;
    let state: String = row.try_get_by_index(9)?;
    let stage = match state.as_str() {
        "begun" => Stage::Begun,
        "quoted" => Stage::Quoted(offer(row, id)?),
        "confirmed" => Stage::Confirmed(offer(row, id)?),
        "made" => Stage::Made(offer(row, id)?),
        "refused" => {
            let reason: Option<String> = row.try_get_by_index(18)?;
            Stage::Refused { offer: offer(row, id)?, reason: reason.unwrap_or_default() }
        }
        _ => return Err(wrong("state")),
    };
    Ok(Draft {
        id,
        user: row.try_get_by_index(1)?,
        account: row.try_get_by_index(2)?,
        payee: Payee {
            written: match kind.as_str() {
                "address" => Written::Address(payee),
                _ => Written::Request(payee),
            },
            name: row.try_get_by_index(5)?,
            asset: Asset::new(&code, scale).map_err(|_| wrong("payee_code"))?,
            asked: asked.map(amount),
        },
        stage,
    })
}

fn offer(row: &QueryResult, id: Uuid) -> Result<Offer, Error> {
    let wrong = |column| Error::inconsistent("wallet_sends", column, id);
    let number = |index: usize, column| -> Result<u64, Error> {
        let value: Option<i64> = row.try_get_by_index(index)?;
        value.map(amount).ok_or_else(|| wrong(column))
    };
    let (quote, receiver): (Option<Uuid>, Option<String>) = (row.try_get_by_index(10)?, row.try_get_by_index(11)?);
    let fixed: Option<String> = row.try_get_by_index(15)?;
    let expires_at: Option<i64> = row.try_get_by_index(17)?;
    Ok(Offer {
        quote: quote.ok_or_else(|| wrong("quote_id"))?,
        receiver: receiver.ok_or_else(|| wrong("receiver"))?,
        debit: number(12, "debit")?,
        receives: number(13, "receives")?,
        fee: number(14, "fee")?,
        fixed: fixed.as_deref().and_then(Fixed::read).ok_or_else(|| wrong("fixed"))?,
        note: row.try_get_by_index(16)?,
        expires_at: Timestamp::from_millis(expires_at.ok_or_else(|| wrong("expires_at"))?),
    })
}
