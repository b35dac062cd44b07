//! A slow and simple ledger: it stores all transfers and computes everything else again each time.
//!
//! Balances and states of reservations are not stored. They are sums and searches over the whole history. A request is
//! checked against every rule, and the answer is the broken rule that comes first in the order of precedence.

use clock::Timestamp;
use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, NewAccount, NewTransfer, Transfer, TransferId,
    TransferState,
};

/// The whole history.
#[derive(Clone, Debug, Default)]
pub struct Model {
    accounts: Vec<(NewAccount, Timestamp)>,
    transfers: Vec<(NewTransfer, Timestamp)>,
    spent: Vec<TransferId>,
}

/// The sides of an account.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Debit,
    Credit,
}

impl Model {
    /// The expected answer of the engine to these accounts.
    pub fn create_accounts(&mut self, now: Timestamp, batch: &[NewAccount]) -> Vec<CreateAccountResult> {
        use CreateAccountResult as R;
        self.batch(
            batch,
            |a| a.flags.linked,
            |m, a| m.create_account(now, a),
            |_, _, _| {},
            [R::Created, R::LinkedEventFailed, R::LinkedEventChainOpen],
        )
    }

    /// The expected answer of the engine to these transfers.
    pub fn create_transfers(&mut self, now: Timestamp, batch: &[NewTransfer]) -> Vec<CreateTransferResult> {
        use CreateTransferResult as R;
        let spend = |model: &mut Self, transfer: &NewTransfer, result: R| {
            let transient = [
                R::DebitAccountNotFound,
                R::CreditAccountNotFound,
                R::PendingTransferNotFound,
                R::ExceedsCredits,
                R::ExceedsDebits,
            ];
            if transient.contains(&result) {
                model.spent.push(transfer.id);
            }
        };
        self.batch(
            batch,
            |t| t.flags.linked,
            |m, t| m.create_transfer(now, t),
            spend,
            [R::Created, R::LinkedEventFailed, R::LinkedEventChainOpen],
        )
    }

    /// The account as the engine must show it.
    pub fn account(&self, now: Timestamp, id: AccountId) -> Option<Account> {
        let (created, timestamp) = self.accounts.iter().find(|(account, _)| account.id == id)?;
        Some(Account {
            created: *created,
            debits_pending: self.pending(now, id, Side::Debit),
            debits_posted: self.posted(id, Side::Debit),
            credits_pending: self.pending(now, id, Side::Credit),
            credits_posted: self.posted(id, Side::Credit),
            timestamp: *timestamp,
        })
    }

    /// The transfer as the engine must show it.
    pub fn transfer(&self, now: Timestamp, id: TransferId) -> Option<Transfer> {
        let (created, timestamp) = self.made(id)?;
        Some(Transfer { created, state: self.state(now, id), timestamp })
    }

    /// Ids of all accounts.
    pub(crate) fn account_ids(&self) -> Vec<AccountId> {
        self.accounts.iter().map(|(account, _)| account.id).collect()
    }

    /// Ids of all transfers made.
    pub fn transfer_ids(&self) -> Vec<TransferId> {
        self.transfers.iter().map(|(transfer, _)| transfer.id).collect()
    }

    /// Cuts a batch into chains. If a chain fails, it is undone by returning to a copy.
    fn batch<E, R: Copy + PartialEq>(
        &mut self,
        batch: &[E],
        linked: fn(&E) -> bool,
        create: impl Fn(&mut Self, &E) -> R,
        spend: impl Fn(&mut Self, &E, R),
        [created, linked_failed, chain_open]: [R; 3],
    ) -> Vec<R> {
        let mut results = Vec::new();
        let mut rest = batch;
        while !rest.is_empty() {
            let end = rest.iter().position(|event| !linked(event));
            let (chain, after) = rest.split_at(end.map_or(rest.len(), |last| last + 1));
            let complete = if end.is_some() { chain } else { &chain[..chain.len() - 1] };

            let before = self.clone();
            let mut answers: Vec<R> = Vec::new();
            for event in complete {
                let answer = create(self, event);
                answers.push(answer);
                if answer != created {
                    break;
                }
            }

            let failed = answers.last().copied().filter(|answer| *answer != created);
            if failed.is_some() || end.is_none() {
                *self = before;
                let at = answers.len();
                answers = vec![linked_failed; chain.len()];
                if let Some(answer) = failed {
                    answers[at - 1] = answer;
                    spend(self, &chain[at - 1], answer);
                }
                if end.is_none() {
                    answers[chain.len() - 1] = chain_open;
                }
            }

            results.extend(answers);
            rest = after;
        }
        results
    }

    fn create_account(&mut self, now: Timestamp, new: &NewAccount) -> CreateAccountResult {
        use CreateAccountResult as R;
        let mut broken = vec![R::Created];

        if let Some((old, _)) = self.accounts.iter().find(|(account, _)| account.id == new.id) {
            broken = [
                (new.flags != old.flags, R::ExistsWithDifferentFlags),
                (new.user_data_128 != old.user_data_128, R::ExistsWithDifferentUserData128),
                (new.user_data_64 != old.user_data_64, R::ExistsWithDifferentUserData64),
                (new.user_data_32 != old.user_data_32, R::ExistsWithDifferentUserData32),
                (new.ledger != old.ledger, R::ExistsWithDifferentLedger),
                (new.code != old.code, R::ExistsWithDifferentCode),
                (true, R::Exists),
            ]
            .into_iter()
            .filter_map(|(differs, result)| differs.then_some(result))
            .collect();
        } else {
            let both = new.flags.debits_must_not_exceed_credits && new.flags.credits_must_not_exceed_debits;
            let rules = [
                (new.id.as_u128() == 0, R::IdMustNotBeZero),
                (new.id.as_u128() == u128::MAX, R::IdMustNotBeIntMax),
                (both, R::FlagsAreMutuallyExclusive),
                (new.ledger == 0, R::LedgerMustNotBeZero),
                (new.code == 0, R::CodeMustNotBeZero),
            ];
            if let Some((_, first)) = rules.into_iter().find(|(breaks, _)| *breaks) {
                broken = vec![first];
            }
        }

        if broken[0] == R::Created {
            self.accounts.push((*new, now));
        }
        broken[0]
    }

    fn create_transfer(&mut self, now: Timestamp, new: &NewTransfer) -> CreateTransferResult {
        let mut broken = self.broken_rules(now, new);
        // The results are declared in their order of precedence.
        broken.sort_by_key(|result| *result as u8);
        if let Some(first) = broken.first() {
            return *first;
        }
        let mut made = *new;
        if let Some((pending, _)) = self.made(new.pending_id) {
            made = filled(new, &pending);
        }
        self.transfers.push((made, now));
        CreateTransferResult::Created
    }

    fn broken_rules(&self, now: Timestamp, new: &NewTransfer) -> Vec<CreateTransferResult> {
        use CreateTransferResult as R;
        let mut rules = vec![
            (new.id.as_u128() == 0, R::IdMustNotBeZero),
            (new.id.as_u128() == u128::MAX, R::IdMustNotBeIntMax),
            (self.spent.contains(&new.id), R::IdAlreadyFailed),
        ];
        if let Some((old, _)) = self.made(new.id) {
            return vec![self.difference(new, &old)];
        }
        if new.flags.post_pending_transfer || new.flags.void_pending_transfer {
            rules.extend(self.settlement_rules(now, new));
        } else {
            rules.extend(self.movement_rules(now, new));
        }
        rules.into_iter().filter_map(|(breaks, result)| breaks.then_some(result)).collect()
    }

    fn movement_rules(&self, now: Timestamp, new: &NewTransfer) -> Vec<(bool, CreateTransferResult)> {
        use CreateTransferResult as R;
        let [debit, credit] = [new.debit_account_id, new.credit_account_id];
        let [dr, cr] = [debit, credit].map(|id| self.account(now, id));

        let mut rules = vec![
            (debit.as_u128() == 0, R::DebitAccountIdMustNotBeZero),
            (debit.as_u128() == u128::MAX, R::DebitAccountIdMustNotBeIntMax),
            (credit.as_u128() == 0, R::CreditAccountIdMustNotBeZero),
            (credit.as_u128() == u128::MAX, R::CreditAccountIdMustNotBeIntMax),
            (debit == credit, R::AccountsMustBeDifferent),
            (new.pending_id.as_u128() != 0, R::PendingIdMustBeZero),
            (!new.flags.pending && new.timeout_seconds != 0, R::TimeoutReservedForPendingTransfer),
            (new.ledger == 0, R::LedgerMustNotBeZero),
            (new.code == 0, R::CodeMustNotBeZero),
            (dr.is_none(), R::DebitAccountNotFound),
            (cr.is_none(), R::CreditAccountNotFound),
            (now.as_millis().checked_add(i64::from(new.timeout_seconds) * 1000).is_none(), R::OverflowsTimeout),
        ];

        let (Some(dr), Some(cr)) = (dr, cr) else { return rules };
        let over = |parts: &[u128]| parts.iter().try_fold(new.amount, |sum, part| sum.checked_add(*part)).is_none();
        let above = |parts: &[u128], limit: u128| {
            parts.iter().try_fold(new.amount, |sum, part| sum.checked_add(*part)).is_none_or(|sum| sum > limit)
        };

        rules.extend([
            (dr.created.ledger != cr.created.ledger, R::AccountsMustHaveTheSameLedger),
            (new.ledger != dr.created.ledger, R::TransferMustHaveTheSameLedgerAsAccounts),
            (new.flags.pending && over(&[dr.debits_pending]), R::OverflowsDebitsPending),
            (new.flags.pending && over(&[cr.credits_pending]), R::OverflowsCreditsPending),
            (over(&[dr.debits_posted]), R::OverflowsDebitsPosted),
            (over(&[cr.credits_posted]), R::OverflowsCreditsPosted),
            (over(&[dr.debits_pending, dr.debits_posted]), R::OverflowsDebits),
            (over(&[cr.credits_pending, cr.credits_posted]), R::OverflowsCredits),
            (
                dr.created.flags.debits_must_not_exceed_credits
                    && above(&[dr.debits_pending, dr.debits_posted], dr.credits_posted),
                R::ExceedsCredits,
            ),
            (
                cr.created.flags.credits_must_not_exceed_debits
                    && above(&[cr.credits_pending, cr.credits_posted], cr.debits_posted),
                R::ExceedsDebits,
            ),
        ]);
        rules
    }

    fn settlement_rules(&self, now: Timestamp, new: &NewTransfer) -> Vec<(bool, CreateTransferResult)> {
        use CreateTransferResult as R;
        let flags = new.flags;
        let kinds = [flags.pending, flags.post_pending_transfer, flags.void_pending_transfer];

        let mut rules = vec![
            (kinds.iter().filter(|kind| **kind).count() > 1, R::FlagsAreMutuallyExclusive),
            (new.pending_id.as_u128() == 0, R::PendingIdMustNotBeZero),
            (new.pending_id.as_u128() == u128::MAX, R::PendingIdMustNotBeIntMax),
            (new.pending_id == new.id, R::PendingIdMustBeDifferent),
            (new.timeout_seconds != 0, R::TimeoutReservedForPendingTransfer),
        ];

        let Some((pending, _)) = self.made(new.pending_id) else {
            rules.push((true, R::PendingTransferNotFound));
            return rules;
        };
        let amount = filled(new, &pending).amount;
        let state = self.state(now, pending.id);

        rules.extend([
            (!pending.flags.pending, R::PendingTransferNotPending),
            (
                ![AccountId::default(), pending.debit_account_id].contains(&new.debit_account_id),
                R::PendingTransferHasDifferentDebitAccountId,
            ),
            (
                ![AccountId::default(), pending.credit_account_id].contains(&new.credit_account_id),
                R::PendingTransferHasDifferentCreditAccountId,
            ),
            (![0, pending.ledger].contains(&new.ledger), R::PendingTransferHasDifferentLedger),
            (![0, pending.code].contains(&new.code), R::PendingTransferHasDifferentCode),
            (amount > pending.amount, R::ExceedsPendingTransferAmount),
            (flags.void_pending_transfer && amount != pending.amount, R::PendingTransferHasDifferentAmount),
            (state == TransferState::Posted, R::PendingTransferAlreadyPosted),
            (state == TransferState::Voided, R::PendingTransferAlreadyVoided),
            (state == TransferState::Expired, R::PendingTransferExpired),
        ]);
        rules
    }

    /// The difference between a repetition and the stored transfer; `Exists` if there is none.
    fn difference(&self, new: &NewTransfer, old: &NewTransfer) -> CreateTransferResult {
        use CreateTransferResult as R;
        let same_pending = new.flags == old.flags && new.pending_id == old.pending_id;
        let new = match self.made(new.pending_id) {
            Some((pending, _)) if same_pending => filled(new, &pending),
            _ => *new,
        };
        let differences = [
            (new.flags != old.flags, R::ExistsWithDifferentFlags),
            (new.pending_id != old.pending_id, R::ExistsWithDifferentPendingId),
            (new.timeout_seconds != old.timeout_seconds, R::ExistsWithDifferentTimeout),
            (new.debit_account_id != old.debit_account_id, R::ExistsWithDifferentDebitAccountId),
            (new.credit_account_id != old.credit_account_id, R::ExistsWithDifferentCreditAccountId),
            (new.amount != old.amount, R::ExistsWithDifferentAmount),
            (new.user_data_128 != old.user_data_128, R::ExistsWithDifferentUserData128),
            (new.user_data_64 != old.user_data_64, R::ExistsWithDifferentUserData64),
            (new.user_data_32 != old.user_data_32, R::ExistsWithDifferentUserData32),
            (new.ledger != old.ledger, R::ExistsWithDifferentLedger),
            (new.code != old.code, R::ExistsWithDifferentCode),
        ];
        differences.into_iter().find(|(differs, _)| *differs).map_or(R::Exists, |(_, result)| result)
    }

    fn made(&self, id: TransferId) -> Option<(NewTransfer, Timestamp)> {
        self.transfers.iter().find(|(transfer, _)| transfer.id == id).copied()
    }

    /// The state of a transfer. It follows from later transfers and the time.
    fn state(&self, now: Timestamp, id: TransferId) -> TransferState {
        let Some((transfer, at)) = self.made(id) else { return TransferState::Single };
        if !transfer.flags.pending {
            return TransferState::Single;
        }
        match self.transfers.iter().find(|(settlement, _)| settlement.pending_id == id) {
            Some((settlement, _)) if settlement.flags.post_pending_transfer => TransferState::Posted,
            Some(_) => TransferState::Voided,
            None => {
                let lifetime = i64::from(transfer.timeout_seconds) * 1000;
                let expired = lifetime > 0 && now.as_millis() - at.as_millis() >= lifetime;
                if expired { TransferState::Expired } else { TransferState::Pending }
            }
        }
    }

    fn pending(&self, now: Timestamp, account: AccountId, side: Side) -> u128 {
        self.sum(account, side, |transfer| {
            transfer.flags.pending && self.state(now, transfer.id) == TransferState::Pending
        })
    }

    fn posted(&self, account: AccountId, side: Side) -> u128 {
        self.sum(account, side, |transfer| !transfer.flags.pending && !transfer.flags.void_pending_transfer)
    }

    fn sum(&self, account: AccountId, side: Side, counts: impl Fn(&NewTransfer) -> bool) -> u128 {
        let on_side = |transfer: &NewTransfer| match side {
            Side::Debit => transfer.debit_account_id == account,
            Side::Credit => transfer.credit_account_id == account,
        };
        self.transfers.iter().map(|(transfer, _)| transfer).filter(|t| on_side(t) && counts(t)).map(|t| t.amount).sum()
    }
}

/// A settlement whose missing fields are taken from its reservation.
fn filled(new: &NewTransfer, pending: &NewTransfer) -> NewTransfer {
    let mut filled = *new;
    if filled.debit_account_id == AccountId::default() {
        filled.debit_account_id = pending.debit_account_id;
    }
    if filled.credit_account_id == AccountId::default() {
        filled.credit_account_id = pending.credit_account_id;
    }

    if new.flags.void_pending_transfer && new.amount == 0 || !new.flags.void_pending_transfer && new.amount == u128::MAX
    {
        filled.amount = pending.amount;
    }

    if filled.ledger == 0 {
        filled.ledger = pending.ledger;
    }
    if filled.code == 0 {
        filled.code = pending.code;
    }

    if filled.user_data_128 == 0 {
        filled.user_data_128 = pending.user_data_128;
    }
    if filled.user_data_64 == 0 {
        filled.user_data_64 = pending.user_data_64;
    }
    if filled.user_data_32 == 0 {
        filled.user_data_32 = pending.user_data_32;
    }
    filled
}
