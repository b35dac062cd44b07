//! The wallet's double-entry ledger: customers, settlement with the network, fee income and treasury.
//!
//! The id of every movement is derived from its cause, so a repetition moves nothing.

use std::sync::Arc;

use ledger::{
    Account, AccountFlags, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerUnavailable, NewAccount,
    NewTransfer, TransferId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::AccountRow;

const CUSTOMER: u16 = 1;
const SETTLEMENT: u16 = 2;
const FEE_INCOME: u16 = 3;
const TREASURY: u16 = 4;

const TOP_UP: u16 = 1;
const PAYMENT: u16 = 2;
const FEE: u16 = 3;
const RECEIPT: u16 = 4;
const LIQUIDITY: u16 = 5;

const SETTLE_WITHOUT_HOLD: &str = "settle without hold";
const FEE_WITHOUT_HOLD: &str = "fee without hold";

/// Why the ledger refused a movement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    /// The customer's balance less holds is too small.
    #[error("the account has not enough balance")]
    NotEnough,
    /// The ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] LedgerUnavailable),
    /// A refusal that only a fault of this program causes.
    #[error("the ledger refused {step} of {cause}: {result}")]
    Refused { step: &'static str, cause: Uuid, result: String },
}

/// A customer's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Balance {
    /// The balance including held money.
    #[serde(with = "as_text")]
    pub(crate) posted: i128,
    /// Held for payments under way.
    #[serde(with = "as_text")]
    pub(crate) held: u128,
}

/// Sums are decimal strings in JSON, whose numbers are too small for them.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(sum: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(sum)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The wallet's ledger. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Book {
    ledger: Arc<dyn Ledger>,
}

impl Book {
    pub(crate) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger }
    }

    /// The asset's own accounts: settlement, fee income, treasury.
    pub(crate) async fn open_asset(&self, ledger: u32) -> Result<(), BookError> {
        let open = [SETTLEMENT, FEE_INCOME, TREASURY];
        let accounts = open.map(|code| account(house(ledger, code), ledger, code, AccountFlags::default()));
        self.create(accounts.to_vec()).await
    }

    /// A customer's account. It can never be overdrawn.
    pub(crate) async fn open_customer(&self, customer: &AccountRow) -> Result<(), BookError> {
        let flags = AccountFlags { debits_must_not_exceed_credits: true, ..AccountFlags::default() };
        self.create(vec![account(customer.id.into(), customer.ledger, CUSTOMER, flags)]).await
    }

    async fn create(&self, accounts: Vec<NewAccount>) -> Result<(), BookError> {
        let causes: Vec<Uuid> = accounts.iter().map(|account| account.id.as_uuid()).collect();
        let results = self.ledger.create_accounts(accounts).await?;
        for (cause, result) in causes.into_iter().zip(results) {
            if !matches!(result, CreateAccountResult::Created | CreateAccountResult::Exists) {
                return Err(BookError::Refused { step: "opening", cause, result: format!("{result:?}") });
            }
        }
        Ok(())
    }

    /// The starting balance of a customer, credited once.
    pub(crate) async fn credit_initial(&self, customer: &AccountRow, amount: u64) -> Result<(), BookError> {
        let id = TransferId::derived_once(customer.id, "initial balance");
        let from = house(customer.ledger, TREASURY);
        self.submit_one(
            "the initial balance",
            customer.id,
            transfer(id, from, customer.id.into(), amount, customer.ledger, TOP_UP),
        )
        .await
    }

    /// Play money for a customer of the playground, credited once for each `cause`.
    pub(crate) async fn top_up(&self, customer: &AccountRow, cause: Uuid, amount: u64) -> Result<(), BookError> {
        let id = TransferId::derived_once(cause, "top-up");
        let from = house(customer.ledger, TREASURY);
        let credit = transfer(id, from, customer.id.into(), amount, customer.ledger, TOP_UP);
        self.submit_one("the top-up", cause, credit).await
    }

    /// Holds the most that a payment may cost. A hold that was released stays released.
    pub(crate) async fn hold(&self, customer: &AccountRow, payment: Uuid, amount: u64) -> Result<(), BookError> {
        let to = house(customer.ledger, SETTLEMENT);
        let hold = transfer(hold_id(payment), customer.id.into(), to, amount, customer.ledger, PAYMENT)
            .into_pending_for_ever();
        self.submit_one("the hold", payment, hold).await?;
        // The same hold may have been made and released before. Then it holds nothing any more.
        let released = self.ledger.transfers(vec![release_id(payment)]).await?;
        if released.iter().any(Option::is_some) { Err(BookError::NotEnough) } else { Ok(()) }
    }

    /// Releases what is still held for a payment. Without a hold, or after its end, nothing happens.
    pub(crate) async fn release(&self, payment: Uuid) -> Result<(), BookError> {
        let found = self.ledger.transfers(vec![hold_id(payment)]).await?;
        if found.iter().all(Option::is_none) {
            return Ok(());
        }
        let void = NewTransfer::void(release_id(payment), hold_id(payment));
        let results = self.submit(vec![void]).await?;
        match results.as_slice() {
            [only] if only.is_ok() => Ok(()),
            [
                CreateTransferResult::PendingTransferAlreadyVoided | CreateTransferResult::PendingTransferAlreadyPosted,
            ] => Ok(()),
            other => Err(refused("the release", payment, other)),
        }
    }

    /// Debits the amount sent and the fee, and releases the rest of the hold, all or nothing.
    ///
    /// If this wallet holds nothing for the payment, the balance is debited.
    pub(crate) async fn settle(
        &self,
        customer: &AccountRow,
        payment: Uuid,
        sent: u64,
        fee: u64,
    ) -> Result<(), BookError> {
        let hold = self.hold_of(payment).await?;
        let results = self.submit(settlement(customer, payment, sent, fee, hold)).await?;
        if !stand(&results) {
            return Err(refused("the settlement", payment, &results));
        }
        // An event that came late may have held money for a payment that was settled without.
        if hold == Hold::Missing { self.release(payment).await } else { Ok(()) }
    }

    /// Whether the payment is settled with a hold. A repetition finds what was done before.
    async fn hold_of(&self, payment: Uuid) -> Result<Hold, BookError> {
        let once = |step| TransferId::derived_once(payment, step);
        let ids =
            [once(SETTLE_WITHOUT_HOLD), once(FEE_WITHOUT_HOLD), once("settle"), release_id(payment), hold_id(payment)];
        let found = self.ledger.transfers(ids.to_vec()).await?;
        let is_there = |index: usize| found.get(index).is_some_and(Option::is_some);
        let settled_without = is_there(0) || is_there(1);
        let (settled_with, released, held) = (is_there(2), is_there(3), is_there(4));
        Ok(if !settled_without && (settled_with || (held && !released)) { Hold::Made } else { Hold::Missing })
    }

    /// Credits a customer. `cause` is the incoming payment, or the event of streamed money.
    pub(crate) async fn receive(&self, customer: &AccountRow, cause: Uuid, amount: u64) -> Result<(), BookError> {
        let id = TransferId::derived_once(cause, "receive");
        let from = house(customer.ledger, SETTLEMENT);
        self.submit_one("the receipt", cause, transfer(id, from, customer.id.into(), amount, customer.ledger, RECEIPT))
            .await
    }

    /// Records liquidity that the wallet gave to the network.
    pub(crate) async fn give_liquidity(&self, ledger: u32, cause: Uuid, amount: u64) -> Result<(), BookError> {
        let id = TransferId::derived_once(cause, "liquidity");
        let (from, to) = (house(ledger, TREASURY), house(ledger, SETTLEMENT));
        self.submit_one("the liquidity", cause, transfer(id, from, to, amount, ledger, LIQUIDITY)).await
    }

    /// What was earned with fees in this ledger.
    pub(crate) async fn fee_income(&self, ledger: u32) -> Result<i128, BookError> {
        let accounts = self.ledger.accounts(vec![house(ledger, FEE_INCOME)]).await?;
        Ok(accounts.into_iter().flatten().next().map_or(0, |account| balance(&account).posted))
    }

    /// Balances in the order of `customers`.
    pub(crate) async fn balances(&self, customers: &[AccountRow]) -> Result<Vec<Balance>, BookError> {
        let ids = customers.iter().map(|customer| customer.id.into()).collect();
        let accounts = self.ledger.accounts(ids).await?;
        Ok(accounts
            .into_iter()
            .map(|account| account.as_ref().map_or(Balance { posted: 0, held: 0 }, balance))
            .collect())
    }

    async fn submit_one(&self, step: &'static str, cause: Uuid, transfer: NewTransfer) -> Result<(), BookError> {
        let results = self.submit(vec![transfer]).await?;
        match results.as_slice() {
            [only] if only.is_ok() => Ok(()),
            // A hold that was refused once stays refused under its id, because the answer was already given.
            [CreateTransferResult::ExceedsCredits | CreateTransferResult::IdAlreadyFailed] => Err(BookError::NotEnough),
            other => Err(refused(step, cause, other)),
        }
    }

    async fn submit(&self, transfers: Vec<NewTransfer>) -> Result<Vec<CreateTransferResult>, BookError> {
        if transfers.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.ledger.submit(transfers).await?)
    }
}

/// Whether this wallet holds money for a payment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Made,
    Missing,
}

/// The linked transfers that end a payment: the amount sent, then the fee.
fn settlement(customer: &AccountRow, payment: Uuid, sent: u64, fee: u64, hold: Hold) -> Vec<NewTransfer> {
    let ledger = customer.ledger;
    let (settle_step, fee_step) = match hold {
        Hold::Made => ("settle", "fee"),
        Hold::Missing => (SETTLE_WITHOUT_HOLD, FEE_WITHOUT_HOLD),
    };

    let settle_id = TransferId::derived_once(payment, settle_step);
    let mut chain = Vec::with_capacity(2);
    match hold {
        Hold::Made if sent == 0 => chain.push(NewTransfer::void(settle_id, hold_id(payment))),
        Hold::Made => {
            // Posting less than the hold releases the rest.
            chain.push(NewTransfer { amount: sent.into(), ..NewTransfer::post(settle_id, hold_id(payment)) });
        }
        Hold::Missing if sent == 0 => {}
        Hold::Missing => {
            chain.push(transfer(settle_id, customer.id.into(), house(ledger, SETTLEMENT), sent, ledger, PAYMENT));
        }
    }

    if fee > 0 {
        if let Some(first) = chain.last_mut() {
            first.flags.linked = true;
        }
        let fee_id = TransferId::derived_once(payment, fee_step);
        chain.push(transfer(fee_id, customer.id.into(), house(ledger, FEE_INCOME), fee, ledger, FEE));
    }
    chain
}

/// Whether every transfer of a chain exists: all made now, or all made before (then the ledger stops at the first).
fn stand(results: &[CreateTransferResult]) -> bool {
    use CreateTransferResult::{Exists, LinkedEventFailed};
    match results {
        [Exists, rest @ ..] => rest.iter().all(|result| result.is_ok() || *result == LinkedEventFailed),
        all => all.iter().all(|result| result.is_ok()),
    }
}

fn refused(step: &'static str, cause: Uuid, results: &[CreateTransferResult]) -> BookError {
    BookError::Refused { step, cause, result: format!("{results:?}") }
}

fn balance(account: &Account) -> Balance {
    let signed = |amount: u128| i128::try_from(amount).unwrap_or(i128::MAX);
    Balance {
        posted: signed(account.credits_posted).saturating_sub(signed(account.debits_posted)),
        held: account.debits_pending,
    }
}

fn hold_id(payment: Uuid) -> TransferId {
    TransferId::derived_once(payment, "hold")
}

fn release_id(payment: Uuid) -> TransferId {
    TransferId::derived_once(payment, "release")
}

/// An account of the wallet itself. Its id is derived from ledger and kind.
fn house(ledger: u32, code: u16) -> AccountId {
    AccountId::from_u128((u128::from(ledger) << 16) | u128::from(code))
}

fn account(id: AccountId, ledger: u32, code: u16, flags: AccountFlags) -> NewAccount {
    NewAccount { id, ledger, code, flags, user_data_128: 0, user_data_64: 0, user_data_32: 0 }
}

fn transfer(id: TransferId, from: AccountId, to: AccountId, amount: u64, ledger: u32, code: u16) -> NewTransfer {
    NewTransfer::single(id, from, to, amount.into(), ledger, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::MemoryLedger;
    use money::Asset;

    fn customer() -> AccountRow {
        AccountRow {
            id: Uuid::from_u128(7 << 64),
            name: "Grace".to_owned(),
            path: "accounts/grace".to_owned(),
            asset: Asset::new("USD", 2).unwrap(),
            ledger: 1,
            wallet_address_id: None,
            wallet_address_url: None,
        }
    }

    async fn book_with(balance: u64) -> (Book, AccountRow) {
        let book = Book::new(Arc::new(MemoryLedger::new(testkit::manual_clock())));
        let customer = customer();
        book.open_asset(1).await.unwrap();
        book.open_customer(&customer).await.unwrap();
        book.credit_initial(&customer, balance).await.unwrap();
        book.credit_initial(&customer, balance).await.unwrap();
        (book, customer)
    }

    async fn balance_of(book: &Book, customer: &AccountRow) -> (i128, u128) {
        let balance = book.balances(std::slice::from_ref(customer)).await.unwrap()[0];
        (balance.posted, balance.held)
    }

    async fn earned(book: &Book) -> i128 {
        book.fee_income(1).await.unwrap()
    }

    const PAYMENT_ID: Uuid = Uuid::from_u128(42);

    #[tokio::test]
    async fn a_settled_payment_takes_what_was_sent_and_the_fee_and_releases_the_rest() {
        let (book, customer) = book_with(1_000).await;
        book.hold(&customer, PAYMENT_ID, 617).await.unwrap();
        assert_eq!(balance_of(&book, &customer).await, (1_000, 617));
        for _ in 0..2 {
            book.settle(&customer, PAYMENT_ID, 500, 111).await.unwrap();
            assert_eq!(balance_of(&book, &customer).await, (389, 0));
            assert_eq!(earned(&book).await, 111);
        }
    }

    #[tokio::test]
    async fn holds_together_never_exceed_the_balance_and_a_refused_hold_stays_refused() {
        let (book, customer) = book_with(1_000).await;
        book.hold(&customer, Uuid::from_u128(1), 600).await.unwrap();
        for _ in 0..2 {
            assert!(matches!(book.hold(&customer, Uuid::from_u128(2), 600).await, Err(BookError::NotEnough)));
        }
        book.hold(&customer, Uuid::from_u128(1), 600).await.unwrap();
        assert_eq!(balance_of(&book, &customer).await, (1_000, 600));
    }

    #[tokio::test]
    async fn a_payment_that_sent_nothing_gives_everything_back() {
        let (book, customer) = book_with(1_000).await;
        book.hold(&customer, PAYMENT_ID, 617).await.unwrap();
        for _ in 0..2 {
            book.settle(&customer, PAYMENT_ID, 0, 0).await.unwrap();
            assert_eq!(balance_of(&book, &customer).await, (1_000, 0));
        }
    }

    #[tokio::test]
    async fn an_end_event_before_the_first_event_is_settled_without_a_hold() {
        let (book, customer) = book_with(1_000).await;
        for _ in 0..2 {
            book.settle(&customer, PAYMENT_ID, 500, 111).await.unwrap();
            assert_eq!(balance_of(&book, &customer).await, (389, 0));
        }
    }

    #[tokio::test]
    async fn a_hold_made_after_the_settlement_is_released_and_costs_nothing() {
        let (book, customer) = book_with(1_000).await;
        book.settle(&customer, PAYMENT_ID, 500, 111).await.unwrap();
        book.hold(&customer, PAYMENT_ID, 300).await.unwrap();
        for _ in 0..2 {
            book.settle(&customer, PAYMENT_ID, 500, 111).await.unwrap();
            book.release(PAYMENT_ID).await.unwrap();
            assert_eq!(balance_of(&book, &customer).await, (389, 0));
        }
    }

    #[tokio::test]
    async fn what_the_instance_sent_is_debited_although_the_hold_was_released() {
        let (book, customer) = book_with(1_000).await;
        book.hold(&customer, PAYMENT_ID, 617).await.unwrap();
        book.release(PAYMENT_ID).await.unwrap();
        for _ in 0..2 {
            book.settle(&customer, PAYMENT_ID, 500, 111).await.unwrap();
            assert_eq!(balance_of(&book, &customer).await, (389, 0));
        }
    }

    #[tokio::test]
    async fn releasing_a_settled_payment_changes_nothing() {
        let (book, customer) = book_with(1_000).await;
        book.hold(&customer, PAYMENT_ID, 617).await.unwrap();
        book.settle(&customer, PAYMENT_ID, 500, 111).await.unwrap();
        book.release(PAYMENT_ID).await.unwrap();
        assert_eq!(balance_of(&book, &customer).await, (389, 0));
    }

    #[tokio::test]
    async fn releasing_what_was_never_held_or_released_before_changes_nothing() {
        let (book, customer) = book_with(1_000).await;
        book.release(PAYMENT_ID).await.unwrap();
        book.hold(&customer, PAYMENT_ID, 617).await.unwrap();
        for _ in 0..2 {
            book.release(PAYMENT_ID).await.unwrap();
            assert_eq!(balance_of(&book, &customer).await, (1_000, 0));
        }
    }

    #[tokio::test]
    async fn a_released_hold_cannot_be_made_again() {
        let (book, customer) = book_with(1_000).await;
        book.hold(&customer, PAYMENT_ID, 617).await.unwrap();
        book.release(PAYMENT_ID).await.unwrap();
        for _ in 0..2 {
            assert!(matches!(book.hold(&customer, PAYMENT_ID, 617).await, Err(BookError::NotEnough)));
            assert_eq!(balance_of(&book, &customer).await, (1_000, 0));
        }
    }

    #[tokio::test]
    async fn what_arrived_is_credited_once() {
        let (book, customer) = book_with(1_000).await;
        for _ in 0..2 {
            book.receive(&customer, PAYMENT_ID, 250).await.unwrap();
            assert_eq!(balance_of(&book, &customer).await, (1_250, 0));
        }
    }
}
