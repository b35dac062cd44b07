//! Cards of customers: stored, and checked when they are presented.
//!
//! The rules are in `card`. A decision is stored together with the card's new state in one transaction. A repetition
//! for the same payment gets the same decision.

use std::sync::Arc;

use admin_client::CardFailure;
use card::{
    Card, CardKey, Memory, Pin, PinKey, PinRule, Purchase, Refusal as ChipRefusal, SignedPayload, Verdict, judge,
};
use clock::Clock;
use database::{Database, Dialect, Error, WriteTransaction};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::event::{CardData, EventAmount};
use crate::ids::derived_v4;
use crate::store::AccountRow;

/// A card to store.
#[derive(Clone, Debug)]
pub struct NewCard {
    /// Its number.
    pub number: card::CardNumber,
    /// The account that it pays from, by its path.
    pub account: String,
    /// The key that verifies its cryptograms.
    pub key: CardKey,
    /// Its PIN, and when it is needed.
    pub pin: PinRule,
}

/// Whether card data are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardVerification {
    /// The chip's cryptogram, counter and PIN are checked.
    Required,
    /// Card data are not checked, for playgrounds whose terminals send none.
    Off,
}

/// Whether a card pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CardState {
    Active,
    /// Until the customer thaws it.
    Frozen,
    /// For good.
    Ended,
}

impl CardState {
    const ALL: [Self; 3] = [Self::Active, Self::Frozen, Self::Ended];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Frozen => "frozen",
            Self::Ended => "ended",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// A card, as its owner sees it.
#[derive(Clone, Debug)]
pub(crate) struct OwnCard {
    /// Stands for the number, which is not shown whole.
    pub(crate) id: Uuid,
    pub(crate) number: String,
    pub(crate) account: Uuid,
    pub(crate) state: CardState,
}

/// The number of the card that was presented, which nobody has verified.
pub(crate) fn number_of(presented: &CardData) -> Option<String> {
    SignedPayload::from_hex(&presented.data.payload).ok().map(|payload| payload.payload.number.to_string())
}

/// Why a card was not accepted.
#[derive(Debug)]
pub(crate) enum JudgeError {
    /// The payment is not funded.
    Refused(Refused),
    /// The database did not answer.
    Database(Error),
}

impl From<Error> for JudgeError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// Why a payment by card is not funded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: String,
    pub(crate) failure: CardFailure,
}

impl Refused {
    fn invalid(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), failure: CardFailure::InvalidRequest }
    }
}

impl From<ChipRefusal> for Refused {
    fn from(refusal: ChipRefusal) -> Self {
        let failure = match refusal {
            ChipRefusal::Cryptogram => CardFailure::InvalidSignature,
            ChipRefusal::OtherWalletAddress
            | ChipRefusal::Repeated
            | ChipRefusal::OtherAmount
            | ChipRefusal::PinMissing
            | ChipRefusal::PinWrong
            | ChipRefusal::PinBlocked => CardFailure::InvalidRequest,
        };
        Self { reason: refusal.to_string(), failure }
    }
}

#[derive(Clone)]
pub(crate) struct Cards {
    database: Database,
    clock: Arc<dyn Clock>,
    verification: CardVerification,
}

impl Cards {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>, verification: CardVerification) -> Self {
        Self { database, clock, verification }
    }

    /// Stores a card unless its number is stored. A card whose account has no address yet is stored at the next run.
    pub(crate) async fn ensure(&self, new: &NewCard, account: &AccountRow) -> Result<(), Error> {
        let Some(address) = &account.wallet_address_url else { return Ok(()) };
        let kind = match new.key {
            CardKey::Cmac(_) => "cmac",
            CardKey::Ecdsa(_) => "ecdsa",
        };
        let sql = "INSERT INTO wallet_cards
                (number, account_id, wallet_address, kind, card_key, pin_key, pin, pin_from, state, wrong_pins)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'active', 0) ON CONFLICT (number) DO NOTHING";
        let values: [Value; 8] = [
            new.number.as_str().into(),
            account.id.into(),
            address.as_str().into(),
            kind.into(),
            hex(&new.key.to_bytes()).into(),
            hex(new.pin.key.expose()).into(),
            new.pin.pin.expose().into(),
            i64::try_from(new.pin.from).unwrap_or(i64::MAX).into(),
        ];
        self.database.execute(sql, values).await.map(drop)
    }

    /// The cards of these accounts.
    pub(crate) async fn of_accounts(&self, accounts: &[Uuid]) -> Result<Vec<OwnCard>, Error> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT number, account_id, state FROM wallet_cards WHERE account_id IN ({}) ORDER BY number",
            places(1, accounts)
        );
        let rows = crate::sql::read(&self.database, &sql, accounts.iter().map(|id| (*id).into())).await?;
        let card = |row: &QueryResult| {
            let (number, account): (String, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let (id, state) = (derived_v4(account, &number), row.try_get_by_index::<String>(2)?);
            let state = CardState::read(&state).ok_or_else(|| Error::inconsistent("wallet_cards", "state", id))?;
            Ok(OwnCard { id, number, account, state })
        };
        rows.iter().map(card).collect()
    }

    /// Changes whether a card of these accounts pays. A card that has ended stays so. It waits for a decision about the
    /// card that is being made.
    pub(crate) async fn stand(&self, accounts: &[Uuid], number: &str, state: CardState) -> Result<(), Error> {
        if accounts.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "UPDATE wallet_cards SET state = $2 WHERE number = $1 AND state <> 'ended' AND account_id IN ({})",
            places(3, accounts)
        );
        let values = [number.into(), state.as_str().into()];
        let values = values.into_iter().chain(accounts.iter().map(|id| (*id).into()));
        self.database.execute(&sql, values).await.map(drop)
    }

    /// Ends the cards of an account for good.
    pub(crate) async fn end_all(&self, account: Uuid) -> Result<(), Error> {
        let sql = "UPDATE wallet_cards SET state = 'ended' WHERE account_id = $1";
        self.database.execute(sql, [account.into()]).await.map(drop)
    }

    /// Decides about the card presented for a payment from the wallet address of `account`.
    pub(crate) async fn judge(
        &self,
        payment: Uuid,
        account: Uuid,
        presented: &CardData,
        amount: &EventAmount,
    ) -> Result<(), JudgeError> {
        if self.verification == CardVerification::Off {
            return Ok(());
        }
        let payload = SignedPayload::from_hex(&presented.data.payload)
            .map_err(|error| JudgeError::Refused(Refused::invalid(error.to_string())))?;

        let transaction = self.database.begin().await?;
        let number = payload.payload.number.to_string();
        let Some(kept) = locked_card(&transaction, &number, account).await? else {
            return Err(JudgeError::Refused(Refused::invalid("No active card found")));
        };
        if let Some(before) = verdict_before(&transaction, payment).await? {
            return before.map_err(JudgeError::Refused);
        }
        if kept.state != "active" {
            return Err(JudgeError::Refused(Refused::invalid("No active card found")));
        }

        let verdict = judge(
            &kept.card,
            kept.memory,
            &payload,
            Purchase {
                amount: amount.value,
                asset_code: &amount.asset_code,
                asset_scale: amount.asset_scale,
                wallet_address: &kept.card.wallet_address,
                signature: &presented.data.signature,
            },
        );
        let (mut result, memory) = match verdict {
            Verdict::Accepted(memory) => (Ok(()), memory),
            Verdict::Refused(refusal, memory) => (Err(refusal), memory),
        };
        let unpredictable = hex(&payload.payload.unpredictable);
        if result.is_ok() && was_used(&transaction, &number, &unpredictable).await? {
            result = Err(ChipRefusal::Repeated);
        }

        remember(&transaction, &number, memory).await?;
        // The number of a refused presentation is not used up, because an unknown sender could have sent it.
        let used = result.is_ok().then_some(unpredictable);
        note_use(&transaction, payment, &number, used, result.err(), self.clock.now().as_millis()).await?;
        transaction.commit().await?;
        result.map_err(|refusal| JudgeError::Refused(refusal.into()))
    }
}

/// The places of these values in a statement.
fn places(first: usize, accounts: &[Uuid]) -> String {
    let places: Vec<String> = (first..first + accounts.len()).map(|number| format!("${number}")).collect();
    places.join(", ")
}

/// A card with its state.
struct StoredCard {
    card: Card,
    memory: Memory,
    state: String,
}

/// The account's card of this number, locked until the transaction ends.
async fn locked_card(transaction: &WriteTransaction, number: &str, account: Uuid) -> Result<Option<StoredCard>, Error> {
    let lock = if transaction.dialect() == Dialect::Postgres { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT wallet_address, kind, card_key, pin_key, pin, pin_from, state, counter, wrong_pins FROM wallet_cards
         WHERE number = $1 AND account_id = $2{lock}"
    );
    let row = one(transaction, &sql, [number.into(), account.into()]).await?;
    row.map(|row| read(&row, number)).transpose()
}

fn read(row: &QueryResult, number: &str) -> Result<StoredCard, Error> {
    let wrong = |column| Error::inconsistent("wallet_cards", column, number);
    let (kind, key): (String, String) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    let (pin_key, pin): (String, String) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
    let (pin_from, counter, wrong_pins): (i64, Option<i64>, i64) =
        (row.try_get_by_index(5)?, row.try_get_by_index(7)?, row.try_get_by_index(8)?);

    let octets = unhex(&key).ok_or_else(|| wrong("card_key"))?;
    let key = match kind.as_str() {
        "cmac" => octets.try_into().ok().map(CardKey::Cmac),
        _ => CardKey::ecdsa(&octets).ok(),
    };
    let pin_key = unhex(&pin_key).and_then(|octets| octets.try_into().ok()).map(PinKey::new);

    let card = Card {
        number: number.parse().map_err(|_| wrong("number"))?,
        wallet_address: row.try_get_by_index(0)?,
        key: key.ok_or_else(|| wrong("card_key"))?,
        pin: PinRule {
            pin: pin.parse::<Pin>().map_err(|_| wrong("pin"))?,
            key: pin_key.ok_or_else(|| wrong("pin_key"))?,
            from: u64::try_from(pin_from).map_err(|_| wrong("pin_from"))?,
        },
    };

    let memory = Memory {
        counter: counter.map(|counter| u16::try_from(counter).map_err(|_| wrong("counter"))).transpose()?,
        wrong_pins: u8::try_from(wrong_pins).map_err(|_| wrong("wrong_pins"))?,
    };
    Ok(StoredCard { card, memory, state: row.try_get_by_index(6)? })
}

/// The earlier decision about this payment's card.
async fn verdict_before(transaction: &WriteTransaction, payment: Uuid) -> Result<Option<Result<(), Refused>>, Error> {
    let sql = "SELECT refusal FROM wallet_card_uses WHERE payment_id = $1";
    let Some(row) = one(transaction, sql, [payment.into()]).await? else { return Ok(None) };
    let refusal: Option<String> = row.try_get_by_index(0)?;
    Ok(Some(refusal.map_or(Ok(()), |reason| {
        let is_signature = reason == ChipRefusal::Cryptogram.to_string();
        let failure = if is_signature { CardFailure::InvalidSignature } else { CardFailure::InvalidRequest };
        Err(Refused { reason, failure })
    })))
}

async fn was_used(transaction: &WriteTransaction, number: &str, unpredictable: &str) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM wallet_card_uses WHERE number = $1 AND unpredictable = $2";
    Ok(one(transaction, sql, [number.into(), unpredictable.into()]).await?.is_some())
}

async fn remember(transaction: &WriteTransaction, number: &str, memory: Memory) -> Result<(), Error> {
    let sql = "UPDATE wallet_cards SET counter = $2, wrong_pins = $3 WHERE number = $1";
    let counter = memory.counter.map(i64::from);
    execute(transaction, sql, [number.into(), counter.into(), i64::from(memory.wrong_pins).into()]).await
}

async fn note_use(
    transaction: &WriteTransaction,
    payment: Uuid,
    number: &str,
    unpredictable: Option<String>,
    refusal: Option<ChipRefusal>,
    now_ms: i64,
) -> Result<(), Error> {
    let sql = "INSERT INTO wallet_card_uses (payment_id, number, unpredictable, refusal, used_at)
        VALUES ($1, $2, $3, $4, $5)";
    let refusal = refusal.map(|refusal| refusal.to_string());
    let values = [payment.into(), number.into(), unpredictable.into(), refusal.into(), now_ms.into()];
    execute(transaction, sql, values).await
}

async fn execute<const N: usize>(transaction: &WriteTransaction, sql: &str, values: [Value; N]) -> Result<(), Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    transaction.execute_raw(statement).await?;
    Ok(())
}

async fn one<const N: usize>(
    transaction: &WriteTransaction,
    sql: &str,
    values: [Value; N],
) -> Result<Option<QueryResult>, Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    Ok(transaction.query_one_raw(statement).await?)
}

fn hex(octets: &[u8]) -> String {
    ::hex::encode(octets)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    ::hex::decode(text).ok()
}
