//! The wallet's double entry: customers, settlement with the network, fee income and treasury (wallet section F.5).
//!
//! Every movement has an id derived from what caused it, so a repetition moves nothing.

use std::sync::Arc;

use ledger::{
    Account, AccountFlags, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerUnavailable, NewAccount,
    NewTransfer, TransferId,
};
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

/// Why the book refused a movement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    /// The customer has too little, holds counted.
    #[error("the account has not enough balance")]
    NotEnough,
    /// The ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] LedgerUnavailable),
    /// An answer that only a fault of this program explains.
    #[error("the ledger refused {step} of {cause}: {result}")]
    Refused { step: &'static str, cause: Uuid, result: String },
}

/// What a customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Balance {
    /// Without holds.
    pub(crate) posted: i128,
    /// Reserved for payments under way.
    pub(crate) held: u128,
}

/// The wallet's ledger. Cheap to clone.
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

    /// A customer's account; it can never owe.
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

    /// What the house gives a customer to begin with, once for all time.
    pub(crate) async fn credit_initial(&self, customer: &AccountRow, amount: u64) -> Result<(), BookError> {
        let id = TransferId::derived(customer.id, "initial balance", 0);
        let from = house(customer.ledger, TREASURY);
        self.submit_one(
            "the initial balance",
            customer.id,
            transfer(id, from, customer.id.into(), amount, customer.ledger, TOP_UP),
        )
        .await
    }

    /// Reserves what a payment may cost.
    pub(crate) async fn hold(&self, customer: &AccountRow, payment: Uuid, amount: u64) -> Result<(), BookError> {
        let to = house(customer.ledger, SETTLEMENT);
        let hold = transfer(hold_id(payment), customer.id.into(), to, amount, customer.ledger, PAYMENT).into_pending(0);
        self.submit_one("the hold", payment, hold).await
    }

    /// Gives back what a payment that will not be made had reserved. Nothing was reserved: nothing happens.
    pub(crate) async fn release(&self, payment: Uuid) -> Result<(), BookError> {
        let void = NewTransfer::void(TransferId::derived(payment, "release", 0), hold_id(payment));
        let result = self.submit(vec![void]).await?;
        match result.as_slice() {
            [only] if only.is_ok() => Ok(()),
            [CreateTransferResult::PendingTransferNotFound | CreateTransferResult::PendingTransferAlreadyVoided] => {
                Ok(())
            }
            other => Err(refused("the release", payment, other)),
        }
    }

    /// Takes what was sent and the fee, and releases the rest of the reservation, all or nothing.
    ///
    /// A payment whose reservation this wallet never made is taken from the balance as it is.
    pub(crate) async fn settle(
        &self,
        customer: &AccountRow,
        payment: Uuid,
        sent: u64,
        fee: u64,
    ) -> Result<(), BookError> {
        let results = self.submit(self.settlement(customer, payment, sent, fee, true)).await?;
        if results.iter().all(|result| result.is_ok()) {
            return Ok(());
        }
        if results.contains(&CreateTransferResult::PendingTransferNotFound) {
            let direct = self.submit(self.settlement(customer, payment, sent, fee, false)).await?;
            return if direct.iter().all(|result| result.is_ok()) {
                Ok(())
            } else {
                Err(refused("the settlement", payment, &direct))
            };
        }
        Err(refused("the settlement", payment, &results))
    }

    fn settlement(&self, customer: &AccountRow, payment: Uuid, sent: u64, fee: u64, held: bool) -> Vec<NewTransfer> {
        let ledger = customer.ledger;
        let mut chain = Vec::with_capacity(2);
        let id = TransferId::derived(payment, if held { "settle" } else { "settle without hold" }, 0);
        match (held, sent) {
            (true, 0) => chain.push(NewTransfer::void(id, hold_id(payment))),
            (true, _) => {
                let mut post = NewTransfer::post(id, hold_id(payment));
                post.amount = sent.into();
                chain.push(post);
            }
            (false, 0) => {}
            (false, _) => {
                chain.push(transfer(id, customer.id.into(), house(ledger, SETTLEMENT), sent, ledger, PAYMENT));
            }
        }
        if fee > 0 {
            let id = TransferId::derived(payment, if held { "fee" } else { "fee without hold" }, 0);
            if let Some(first) = chain.last_mut() {
                first.flags.linked = true;
            }
            chain.push(transfer(id, customer.id.into(), house(ledger, FEE_INCOME), fee, ledger, FEE));
        }
        chain
    }

    /// Gives a customer what arrived; `cause` is the incoming payment, or the event of streamed money.
    pub(crate) async fn receive(&self, customer: &AccountRow, cause: Uuid, amount: u64) -> Result<(), BookError> {
        let id = TransferId::derived(cause, "receive", 0);
        let from = house(customer.ledger, SETTLEMENT);
        self.submit_one("the receipt", cause, transfer(id, from, customer.id.into(), amount, customer.ledger, RECEIPT))
            .await
    }

    /// Records liquidity the house gave to the network.
    pub(crate) async fn give_liquidity(&self, ledger: u32, cause: Uuid, amount: u64) -> Result<(), BookError> {
        let id = TransferId::derived(cause, "liquidity", 0);
        let (from, to) = (house(ledger, TREASURY), house(ledger, SETTLEMENT));
        self.submit_one("the liquidity", cause, transfer(id, from, to, amount, ledger, LIQUIDITY)).await
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

    /// What the house earned by fees in this ledger.
    #[cfg(test)]
    pub(crate) async fn fee_income(&self, ledger: u32) -> Result<i128, BookError> {
        let accounts = self.ledger.accounts(vec![house(ledger, FEE_INCOME)]).await?;
        Ok(accounts.into_iter().flatten().map(|account| balance(&account).posted).sum())
    }

    async fn submit_one(&self, step: &'static str, cause: Uuid, transfer: NewTransfer) -> Result<(), BookError> {
        let results = self.submit(vec![transfer]).await?;
        match results.as_slice() {
            [only] if only.is_ok() => Ok(()),
            // A reservation refused once stays refused under its id: the answer was given already.
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
    TransferId::derived(payment, "hold", 0)
}

/// An account of the house: its id is told by ledger and kind alone.
fn house(ledger: u32, code: u16) -> AccountId {
    AccountId::from_u128((u128::from(ledger) << 16) | u128::from(code))
}

fn account(id: AccountId, ledger: u32, code: u16, flags: AccountFlags) -> NewAccount {
    NewAccount { id, ledger, code, flags, user_data_128: 0, user_data_64: 0, user_data_32: 0 }
}

fn transfer(id: TransferId, from: AccountId, to: AccountId, amount: u64, ledger: u32, code: u16) -> NewTransfer {
    NewTransfer::single(id, from, to, amount.into(), ledger, code)
}
