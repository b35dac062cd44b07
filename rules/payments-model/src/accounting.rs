//! The ledger accounts of payments, peers and assets, and the legs of each movement.
//!
//! It has no side effects: it builds transfers and reads results, and the caller submits them. The mapping is the
//! reference's TigerBeetle mapping. Expectations of incoming payments are in `expectation`.

use std::num::NonZeroU32;

use ledger::{AccountFlags, AccountId, CreateTransferResult, NewAccount, NewTransfer, TransferId};

use crate::AssetId;

/// The kind of entity that an account belongs to. Its value is the account's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum AccountKind {
    /// Money that was sent directly to a wallet address.
    WebMonetization = 1,
    /// An asset's own liquidity, from which conversions are made.
    Asset = 2,
    /// A peer's liquidity.
    Peer = 3,
    /// An incoming payment.
    Incoming = 4,
    /// An outgoing payment.
    Outgoing = 5,
    /// The amount that an incoming payment may still take.
    Expected = 6,
    /// The outside world of an asset.
    Settlement = 101,
    /// The source and destination of an asset's expectations.
    Expectations = 102,
}

/// Code of a transfer between two liquidity accounts.
pub const TRANSFER: u16 = 1;
/// Code of a deposit from settlement.
pub const DEPOSIT: u16 = 2;
/// Code of a withdrawal to settlement.
pub const WITHDRAWAL: u16 = 3;
/// Code of a transfer that raises, uses up or ends an expectation. It moves no money.
pub const EXPECTATION: u16 = 4;

/// An asset as the ledger knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LedgerAsset {
    /// The asset's id, which is also the id of its liquidity account.
    pub id: AssetId,
    /// The asset's ledger number.
    pub ledger: u32,
}

impl LedgerAsset {
    /// The asset's liquidity account.
    pub fn liquidity_account(&self) -> AccountId {
        self.id.into()
    }

    /// The asset's settlement account: its id is the ledger number.
    pub fn settlement_account(&self) -> AccountId {
        AccountId::from_u128(u128::from(self.ledger))
    }

    /// The account that all expectations of the asset come from.
    pub(crate) fn expectations_account(&self) -> AccountId {
        AccountId::derived_once(self.id.as_uuid(), "expectations")
    }

    /// The asset's own two accounts, created together.
    pub fn own_accounts(&self) -> Vec<NewAccount> {
        let mut liquidity = self.account(self.liquidity_account(), AccountKind::Asset);
        liquidity.flags.linked = true;
        vec![liquidity, self.account(self.settlement_account(), AccountKind::Settlement)]
    }

    /// An account in this asset.
    pub fn account(&self, id: AccountId, kind: AccountKind) -> NewAccount {
        // The debits of these two accounts may exceed their credits. All others can spend only what they have.
        let gives = matches!(kind, AccountKind::Settlement | AccountKind::Expectations);
        NewAccount {
            id,
            ledger: self.ledger,
            code: kind as u16,
            flags: AccountFlags {
                linked: false,
                debits_must_not_exceed_credits: !gives,
                credits_must_not_exceed_debits: gives,
                history: matches!(kind, AccountKind::Asset | AccountKind::Settlement),
            },
            user_data_128: self.id.as_uuid().as_u128(),
            user_data_64: 0,
            user_data_32: 0,
        }
    }

    /// A deposit: money comes from the settlement account into the account.
    pub fn deposit(&self, id: TransferId, to: AccountId, amount: u64) -> NewTransfer {
        NewTransfer::single(id, self.settlement_account(), to, amount.into(), self.ledger, DEPOSIT)
    }

    /// A deposit of zero. It uses up `id`, so that no other deposit with this id can be made. If one was made before,
    /// the ledger answers that `id` exists with another amount.
    pub fn forgone_deposit(&self, id: TransferId, to: AccountId) -> NewTransfer {
        self.deposit(id, to, 0)
    }

    /// A withdrawal that is final at once.
    pub fn withdrawal_at_once(&self, id: TransferId, from: AccountId, amount: u64) -> NewTransfer {
        NewTransfer::single(id, from, self.settlement_account(), amount.into(), self.ledger, WITHDRAWAL)
    }

    /// A withdrawal. With `timeout_seconds` 0 it is final at once. Otherwise it is pending for that time.
    pub fn withdrawal(&self, id: TransferId, from: AccountId, amount: u64, timeout_seconds: u32) -> NewTransfer {
        let transfer = self.withdrawal_at_once(id, from, amount);
        if timeout_seconds == 0 { transfer } else { transfer.into_pending(timeout_seconds) }
    }
}

/// One side of a movement: an account, its asset and an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// The account.
    pub account: AccountId,
    /// Its asset.
    pub asset: LedgerAsset,
    /// The amount that is debited or credited; above zero.
    pub amount: u64,
}

/// A movement between two accounts, possibly of different assets. It has one or two legs, which are made together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The linked legs: either all are made or none.
    pub legs: Vec<NewTransfer>,
    /// The leg that uses the destination asset's liquidity.
    liquidity_leg: Option<usize>,
    /// The leg that uses up the destination's expectation.
    expectation_leg: Option<usize>,
}

/// Why a movement or a deposit or withdrawal was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TransferError {
    /// The pending transfer was posted before.
    #[error("Transfer already posted")]
    AlreadyPosted,
    /// The pending transfer was voided before.
    #[error("Transfer already voided")]
    AlreadyVoided,
    /// The accounts hold different assets.
    #[error("Transfer accounts have different assets")]
    DifferentAssets,
    /// The source account has too little.
    #[error("Insufficient transfer balance")]
    InsufficientBalance,
    /// The withdrawal is larger than the deposits.
    #[error("Insufficient transfer debit balance")]
    InsufficientDebitBalance,
    /// The destination asset's liquidity account has too little.
    #[error("Insufficient transfer liquidity available")]
    InsufficientLiquidity,
    /// The incoming payment takes no more money, or less than this.
    #[error("Incoming payment does not take the amount")]
    NotExpected,
    /// The amount is zero or too large.
    #[error("Invalid transfer amount")]
    InvalidAmount,
    /// The id cannot be used.
    #[error("Invalid transfer id")]
    InvalidId,
    /// The time-out is not usable.
    #[error("Invalid transfer timeout provided")]
    InvalidTimeout,
    /// The source amount is zero.
    #[error("Invalid source account amount")]
    InvalidSourceAmount,
    /// The destination amount is zero.
    #[error("Invalid destination account amount")]
    InvalidDestinationAmount,
    /// Source and destination are one account.
    #[error("Transfer is between the same accounts")]
    SameAccounts,
    /// The id was used before, for this or another transfer.
    #[error("Transfer already exists")]
    TransferExists,
    /// The pending transfer has timed out.
    #[error("Transfer already expired")]
    TransferExpired,
    /// There is no such transfer.
    #[error("Unknown transfer")]
    UnknownTransfer,
    /// There is no such source account.
    #[error("Unknown source account")]
    UnknownSourceAccount,
    /// There is no such destination account.
    #[error("Unknown destination account")]
    UnknownDestinationAccount,
    /// Another result. A caller cannot act on it.
    #[error("Internal server error")]
    UnknownError,
}

/// When a movement becomes final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// When its legs are made.
    AtOnce,
    /// By [`Movement::post`] or [`Movement::void`]; its legs are pending until then.
    Later {
        /// The seconds after which the ledger releases the money; `None` means never.
        timeout: Option<NonZeroU32>,
    },
}

impl Movement {
    /// Makes the legs that debit `source.amount` and credit `destination.amount`.
    ///
    /// Ids are derived from `id`: leg `n` is `derived(id, "leg", n)`.
    pub fn between(id: TransferId, source: Side, destination: Side, settling: Settling) -> Result<Self, TransferError> {
        if source.account == destination.account {
            return Err(TransferError::SameAccounts);
        }
        if source.amount == 0 {
            return Err(TransferError::InvalidSourceAmount);
        }
        if destination.amount == 0 {
            return Err(TransferError::InvalidDestinationAmount);
        }

        let mut legs = Vec::with_capacity(2);
        let mut leg = |from: AccountId, to: AccountId, amount: u64, ledger: u32| {
            let leg_id = leg_id(id, legs.len());
            let transfer = NewTransfer::single(leg_id, from, to, amount.into(), ledger, TRANSFER);
            legs.push(match settling {
                Settling::AtOnce => transfer,
                Settling::Later { timeout } => transfer.into_pending(timeout.map_or(0, NonZeroU32::get)),
            });
        };

        let mut liquidity_leg = None;
        if source.asset.ledger == destination.asset.ledger {
            let ledger = source.asset.ledger;
            let pool = destination.asset.liquidity_account();
            leg(source.account, destination.account, source.amount.min(destination.amount), ledger);
            if destination.amount < source.amount {
                leg(source.account, pool, source.amount - destination.amount, ledger);
            } else if destination.amount > source.amount {
                leg(pool, destination.account, destination.amount - source.amount, ledger);
                liquidity_leg = Some(1);
            }
        } else {
            leg(source.account, source.asset.liquidity_account(), source.amount, source.asset.ledger);
            let pool = destination.asset.liquidity_account();
            leg(pool, destination.account, destination.amount, destination.asset.ledger);
            liquidity_leg = Some(1);
        }
        link(&mut legs);

        Ok(Self { legs, liquidity_leg, expectation_leg: None })
    }

    /// The same movement, together with `taking`, which uses up the destination's expectation.
    pub fn with_expectation(mut self, taking: NewTransfer) -> Self {
        self.expectation_leg = Some(self.legs.len());
        self.legs.push(taking);
        link(&mut self.legs);
        self
    }

    /// The movement whose legs were found in the ledger.
    pub fn of_recorded(legs: Vec<NewTransfer>) -> Self {
        Self { legs, liquidity_leg: None, expectation_leg: None }
    }

    /// The possible ids of the legs that move money.
    pub fn leg_ids(id: TransferId) -> [TransferId; 2] {
        [leg_id(id, 0), leg_id(id, 1)]
    }

    /// Transfers that post every leg. They may be repeated.
    pub fn post(&self) -> Vec<NewTransfer> {
        self.settle(NewTransfer::post, "post")
    }

    /// Transfers that void every leg. They may be repeated.
    pub fn void(&self) -> Vec<NewTransfer> {
        self.settle(NewTransfer::void, "void")
    }

    fn settle(&self, make: fn(TransferId, TransferId) -> NewTransfer, step: &str) -> Vec<NewTransfer> {
        let mut settled: Vec<_> =
            self.legs.iter().map(|leg| make(TransferId::derived_once(leg.id.as_uuid(), step), leg.id)).collect();
        link(&mut settled);
        settled
    }

    /// Reads the ledger's answer to this movement's legs, or to their post or void.
    ///
    /// The ledger answers a repeated chain with `Exists` once and `LinkedEventFailed` for the rest. All legs are made
    /// together, so `Exists` for the first leg means that every leg exists.
    pub fn outcome(&self, results: &[CreateTransferResult]) -> Result<(), TransferError> {
        if results.first() == Some(&CreateTransferResult::Exists) {
            return Ok(());
        }
        for (index, result) in results.iter().enumerate() {
            match result {
                CreateTransferResult::LinkedEventFailed => {}
                // An earlier attempt that was refused for the same reason may have used up the id of this leg.
                CreateTransferResult::ExceedsCredits | CreateTransferResult::IdAlreadyFailed
                    if self.expectation_leg == Some(index) =>
                {
                    return Err(TransferError::NotExpected);
                }
                CreateTransferResult::ExceedsCredits if self.liquidity_leg == Some(index) => {
                    return Err(TransferError::InsufficientLiquidity);
                }
                other => accepted(*other)?,
            }
        }
        if results.contains(&CreateTransferResult::LinkedEventFailed) {
            Err(TransferError::UnknownError)
        } else {
            Ok(())
        }
    }
}

fn leg_id(movement: TransferId, index: usize) -> TransferId {
    TransferId::derived(movement.as_uuid(), "leg", index as u64)
}

fn link(chain: &mut [NewTransfer]) {
    if let Some((_, all_but_last)) = chain.split_last_mut() {
        for transfer in all_but_last {
            transfer.flags.linked = true;
        }
    }
}

/// Reads the ledger's answer to one transfer. A transfer that was made now or before is a success, everything else is
/// an error.
///
/// If a repetition is an error for the caller, it checks for `Exists` itself.
pub fn accepted(result: CreateTransferResult) -> Result<(), TransferError> {
    use CreateTransferResult as R;
    Err(match result {
        R::Created | R::Exists => return Ok(()),
        R::ExceedsCredits => TransferError::InsufficientBalance,
        R::ExceedsDebits => TransferError::InsufficientDebitBalance,
        R::PendingTransferAlreadyPosted => TransferError::AlreadyPosted,
        R::PendingTransferAlreadyVoided => TransferError::AlreadyVoided,
        R::PendingTransferExpired => TransferError::TransferExpired,
        R::PendingTransferNotFound | R::PendingTransferNotPending => TransferError::UnknownTransfer,
        R::AccountsMustBeDifferent => TransferError::SameAccounts,
        R::AccountsMustHaveTheSameLedger | R::TransferMustHaveTheSameLedgerAsAccounts => TransferError::DifferentAssets,
        R::DebitAccountNotFound => TransferError::UnknownSourceAccount,
        R::CreditAccountNotFound => TransferError::UnknownDestinationAccount,
        R::IdMustNotBeZero | R::IdMustNotBeIntMax => TransferError::InvalidId,
        R::OverflowsTimeout => TransferError::InvalidTimeout,
        R::IdAlreadyFailed => TransferError::TransferExists,
        taken if taken.is_id_taken() => TransferError::TransferExists,
        _ => TransferError::UnknownError,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn asset(n: u32) -> LedgerAsset {
        LedgerAsset { id: AssetId::from_uuid(Uuid::from_u128(1000 + u128::from(n))), ledger: n }
    }

    fn side(account: u128, ledger: u32, amount: u64) -> Side {
        Side { account: AccountId::from_u128(account), asset: asset(ledger), amount }
    }

    fn held() -> Settling {
        Settling::Later { timeout: NonZeroU32::new(5) }
    }

    fn movement(source: Side, destination: Side) -> Vec<(u128, u128, u128)> {
        let made = Movement::between(TransferId::from_u128(9), source, destination, held()).unwrap();
        made.legs.iter().map(|l| (l.debit_account_id.as_u128(), l.credit_account_id.as_u128(), l.amount)).collect()
    }

    #[test]
    fn equal_amounts_in_one_asset_take_one_leg() {
        assert_eq!(movement(side(1, 1, 50), side(2, 1, 50)), [(1, 2, 50)]);
    }

    #[test]
    fn what_the_destination_does_not_get_goes_to_the_asset() {
        assert_eq!(movement(side(1, 1, 50), side(2, 1, 40)), [(1, 2, 40), (1, 1001, 10)]);
    }

    #[test]
    fn what_the_source_does_not_give_comes_from_the_asset() {
        assert_eq!(movement(side(1, 1, 50), side(2, 1, 60)), [(1, 2, 50), (1001, 2, 10)]);
    }

    #[test]
    fn two_assets_meet_in_their_liquidity_accounts() {
        assert_eq!(movement(side(1, 1, 50), side(2, 2, 40)), [(1, 1001, 50), (1002, 2, 40)]);
    }

    #[test]
    fn a_shortage_names_the_account_that_is_short() {
        let made = Movement::between(TransferId::from_u128(9), side(1, 1, 50), side(2, 2, 40), held()).unwrap();
        use CreateTransferResult as R;
        assert_eq!(made.outcome(&[R::Created, R::Created]), Ok(()));
        assert_eq!(made.outcome(&[R::LinkedEventFailed, R::ExceedsCredits]), Err(TransferError::InsufficientLiquidity));
        assert_eq!(made.outcome(&[R::ExceedsCredits, R::LinkedEventFailed]), Err(TransferError::InsufficientBalance));
    }

    #[test]
    fn a_receiver_that_expects_less_and_a_payer_without_money_are_different_refusals() {
        use CreateTransferResult as R;
        let (expected, control) = (AccountId::from_u128(3), AccountId::from_u128(4));
        let taking = NewTransfer::single(TransferId::from_u128(10), expected, control, 40, 1, EXPECTATION);
        let made =
            Movement::between(TransferId::from_u128(9), side(1, 1, 50), side(2, 1, 40), Settling::AtOnce).unwrap();
        let made = made.with_expectation(taking);
        assert_eq!(made.legs.iter().map(|leg| leg.flags.linked).collect::<Vec<_>>(), [true, true, false]);
        for refused in [R::ExceedsCredits, R::IdAlreadyFailed] {
            let results = [R::LinkedEventFailed, R::LinkedEventFailed, refused];
            assert_eq!(made.outcome(&results), Err(TransferError::NotExpected));
        }
        let results = [R::ExceedsCredits, R::LinkedEventFailed, R::LinkedEventFailed];
        assert_eq!(made.outcome(&results), Err(TransferError::InsufficientBalance));
    }

    #[test]
    fn a_repeated_movement_stands() {
        let made = Movement::between(TransferId::from_u128(9), side(1, 1, 50), side(2, 2, 40), held()).unwrap();
        use CreateTransferResult as R;
        assert_eq!(made.outcome(&[R::Exists, R::LinkedEventFailed]), Ok(()));
        assert_eq!(made.outcome(&[R::LinkedEventFailed, R::LinkedEventFailed]), Err(TransferError::UnknownError));
    }

    #[test]
    fn a_repeated_post_has_the_same_ids() {
        let made = Movement::between(TransferId::from_u128(9), side(1, 1, 50), side(2, 2, 40), held()).unwrap();
        assert_eq!(made.post(), made.post());
        assert_ne!(made.post()[0].id, made.void()[0].id);
    }
}
