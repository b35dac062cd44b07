//! Opening and closing an incoming payment's expectation in the ledger.
//!
//! The credits are linked chains of the packet path and of local payments. Every function here may be repeated, and
//! several processes may call it at once: all ids are derived from the payment.

use ledger::{CreateAccountResult, CreateTransferResult, Ledger, NewTransfer};
use payments_model::accounting::TransferError;
use payments_model::{Expectation, IncomingPayment, IncomingPaymentId};

use crate::administration::accounts_stand;
use crate::ledger_totals::amount_of;
use crate::unavailable::Unavailable;

/// An incoming payment as the ledger has it: both accounts at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InLedger {
    /// The posted total.
    pub(crate) received: u64,
    /// What it may still take; `None` if the expectation was never opened.
    pub(crate) left: Option<u64>,
}

impl InLedger {
    /// Whether the ledger refuses every further credit.
    pub(crate) fn is_closed(&self) -> bool {
        self.left == Some(0)
    }
}

/// Reads the payment's accounts from the ledger.
pub(crate) async fn look(ledger: &dyn Ledger, id: IncomingPaymentId) -> Result<InLedger, Unavailable> {
    let found = ledger.accounts(vec![id.into(), Expectation::account_of(id)]).await?;
    let mut found = found.into_iter();
    let received = found.next().flatten().map_or(0, |account| amount_of(account.credits_posted));
    let expected = found.next().flatten().filter(|account| account.credits_posted > 0);
    Ok(InLedger { received, left: expected.map(|account| amount_of(account.credit_balance())) })
}

/// Opens the expectation of `payment` if needed, and returns what it may still take.
///
/// A payment of a version without expectations may have received something already. Its expectation is the rest.
pub(crate) async fn open(ledger: &dyn Ledger, payment: &IncomingPayment) -> Result<InLedger, Unavailable> {
    let found = look(ledger, payment.id).await?;
    if found.left.is_some() {
        return Ok(found);
    }
    let expectation = payment.expectation();
    accounts_stand(&ledger.create_accounts(expectation.accounts()).await?, "the accounts of an incoming payment")?;
    let opening = expectation.open(payment.incoming_amount, found.received);
    match fill(ledger, opening).await? {
        Filled::Now => Ok(InLedger { left: Some(amount_of(opening.amount)), ..found }),
        Filled::Otherwise => {
            let found = look(ledger, payment.id).await?;
            // An expectation filled with zero means that the payment ended before it was opened.
            Ok(InLedger { left: Some(found.left.unwrap_or(0)), ..found })
        }
    }
}

/// As [`open`], for a new payment: accounts are read only if another call has opened it.
pub(crate) async fn open_new(ledger: &dyn Ledger, payment: &IncomingPayment) -> Result<InLedger, Unavailable> {
    let expectation = payment.expectation();
    let nothing = 0;
    let opening = expectation.open(payment.incoming_amount, nothing);
    // Both requests are sent together, so the ledger commits once.
    let (accounts, filled) = tokio::join!(ledger.create_accounts(expectation.accounts()), ledger.submit(vec![opening]));
    accounts_stand(&accounts?, "the accounts of an incoming payment")?;
    match filled?.first() {
        Some(CreateTransferResult::Created) => Ok(InLedger { received: 0, left: Some(amount_of(opening.amount)) }),
        _ => open(ledger, payment).await,
    }
}

/// A payment whose accounts exist and that is about to be credited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// The most that it takes.
    pub(crate) left: u64,
    /// A transfer to make before the credit, in the same request. After it the expectation exists, whatever its result.
    pub(crate) opening: Option<NewTransfer>,
}

/// Creates the accounts of `payment`. Accounts of a payment without any credit are not read.
pub(crate) async fn prepare(ledger: &dyn Ledger, payment: &IncomingPayment) -> Result<Ready, Unavailable> {
    let expectation = payment.expectation();
    let accounts = ledger.create_accounts(expectation.accounts()).await?;
    accounts_stand(&accounts, "the accounts of an incoming payment")?;
    let found = match accounts.last() {
        Some(CreateAccountResult::Created) => InLedger { received: 0, left: None },
        _ => look(ledger, payment.id).await?,
    };
    if let Some(left) = found.left {
        return Ok(Ready { left, opening: None });
    }
    let opening = expectation.open(payment.incoming_amount, found.received);
    Ok(Ready { left: amount_of(opening.amount), opening: Some(opening) })
}

/// Closes `payment` so that nothing more can be credited, and returns the total that it received.
pub(crate) async fn close(ledger: &dyn Ledger, payment: &IncomingPayment) -> Result<u64, Unavailable> {
    let expectation = payment.expectation();
    let mut attempt = 0;
    loop {
        let found = look(ledger, payment.id).await?;
        match found.left {
            Some(0) => return Ok(found.received),
            Some(left) => {
                ledger.submit(expectation.close(left, attempt)).await?;
                attempt += 1;
            }
            None => {
                let accounts = ledger.create_accounts(expectation.accounts()).await?;
                accounts_stand(&accounts, "the accounts of an incoming payment")?;
                if fill(ledger, expectation.never_open()).await? == Filled::Now {
                    return Ok(found.received);
                }
            }
        }
    }
}

/// How an expectation was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// With the requested amount, now or before.
    Now,
    /// With another amount, before.
    Otherwise,
}

async fn fill(ledger: &dyn Ledger, opening: NewTransfer) -> Result<Filled, Unavailable> {
    use CreateTransferResult as R;
    match ledger.submit(vec![opening]).await?.first() {
        Some(R::Created) => Ok(Filled::Now),
        // An expectation opened with this amount may be used up by now. One opened with zero stays zero.
        Some(R::Exists) if opening.amount == 0 => Ok(Filled::Now),
        Some(R::Exists | R::ExistsWithDifferentAmount) => Ok(Filled::Otherwise),
        other => {
            tracing::error!(result = ?other, "the ledger refused an expectation");
            Err(Unavailable::Refused {
                what: "the expectation of an incoming payment",
                error: TransferError::UnknownError,
            })
        }
    }
}
