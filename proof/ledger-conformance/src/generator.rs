//! Requests drawn from a seed: mostly valid, often repeated, sometimes wrong in one field.
//!
//! Ids and accounts come from small pools, so that many requests concern the same ones.

use std::time::Duration;

use clock::{Entropy, SeededEntropy};
use ledger::{AccountFlags, AccountId, NewAccount, NewTransfer, TransferId};

/// The range of a run.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Added to every id, so that runs on one ledger use different ids.
    pub base: u128,
    /// Whether reservations may expire and time may pass; false if the engine has its own clock.
    pub time: bool,
}

/// One step of a run.
#[derive(Clone, Debug)]
pub enum Step {
    /// Create these accounts.
    Accounts(Vec<NewAccount>),
    /// Make these transfers.
    Transfers(Vec<NewTransfer>),
    /// Let time pass.
    Wait(Duration),
    /// Compare everything.
    Look,
    /// Stop the engine and start it again.
    Restart,
}

/// Draws steps.
#[derive(Debug)]
pub struct Generator {
    entropy: SeededEntropy,
    scope: Scope,
    made: Vec<NewTransfer>,
    next: u128,
}

impl Generator {
    /// The steps of this seed.
    pub fn new(seed: u64, scope: Scope) -> Self {
        Self { entropy: SeededEntropy::new(seed), scope, made: Vec::new(), next: 1000 }
    }

    /// A number below `below`.
    fn draw(&self, below: u64) -> u64 {
        let mut octets = [0; 8];
        self.entropy.fill(&mut octets);
        u64::from_le_bytes(octets) % below
    }

    fn chance(&self, percent: u64) -> bool {
        self.draw(100) < percent
    }

    fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        let index = usize::try_from(self.draw(choices.len() as u64)).unwrap_or(0);
        choices[index]
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        match self.draw(100) {
            0..8 => Step::Accounts((0..=self.draw(4)).map(|_| self.account()).collect()),
            8..20 if self.scope.time => Step::Wait(Duration::from_millis(self.draw(2500))),
            20..28 => Step::Look,
            28..30 => Step::Restart,
            _ => {
                let count = if self.chance(5) { 30 } else { 1 + self.draw(6) };
                Step::Transfers((0..count).map(|_| self.transfer()).collect())
            }
        }
    }

    fn account(&self) -> NewAccount {
        let number = 1 + self.draw(10);
        let mut account = self.account_numbered(number);
        match self.draw(20) {
            0 => account.id = self.one_of(&[AccountId::default(), AccountId::from_u128(u128::MAX)]),
            1 => account.ledger = self.one_of(&[0, 1, 2]),
            2 => account.code = self.one_of(&[0, 7]),
            3 => account.flags.credits_must_not_exceed_debits ^= true,
            4 => account.user_data_128 ^= 1,
            5 => account.user_data_64 ^= 1,
            6 => account.user_data_32 ^= 1,
            7..10 => account.flags.linked = true,
            _ => {}
        }
        account
    }

    /// Each number has one valid account: 1 to 7 in ledger 1, others in ledger 2, some with limits.
    fn account_numbered(&self, number: u64) -> NewAccount {
        NewAccount {
            id: AccountId::from_u128(self.scope.base + u128::from(number)),
            ledger: if number <= 7 { 1 } else { 2 },
            code: 1,
            flags: AccountFlags {
                linked: false,
                debits_must_not_exceed_credits: matches!(number, 3 | 4 | 9),
                credits_must_not_exceed_debits: number == 5,
                history: number == 1,
            },
            user_data_128: u128::from(number),
            user_data_64: 0,
            user_data_32: 0,
        }
    }

    fn transfer(&mut self) -> NewTransfer {
        let mut transfer = match self.draw(100) {
            0..15 if !self.made.is_empty() => self.one_of(&self.made),
            15..50 if !self.made.is_empty() => self.settlement(),
            _ => self.movement(),
        };
        transfer.flags.linked = self.chance(12);
        if self.chance(12) {
            self.spoil(&mut transfer);
        }
        self.made.push(transfer);
        if self.made.len() > 40 {
            self.made.remove(0);
        }
        transfer
    }

    fn fresh_id(&mut self) -> TransferId {
        self.next += 1;
        // Spread over the key space, like real ids.
        TransferId::from_u128(self.scope.base + (self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (1 << 40)))
    }

    fn movement(&mut self) -> NewTransfer {
        let id = self.fresh_id();
        let two = self.chance(20);
        let numbers: [u8; 3] = if two { [8, 9, 10] } else { [1, 2, 3] };
        let [debit, credit] = [self.one_of(&numbers), self.one_of(&[2, 3, 4, 5, 6, 9])]
            .map(|number| AccountId::from_u128(self.scope.base + u128::from(number)));
        let amount = match self.draw(40) {
            0 => u128::MAX,
            1 => u128::MAX / 2,
            2 => 0,
            _ => u128::from(self.draw(100)),
        };
        let transfer = NewTransfer::single(id, debit, credit, amount, if two { 2 } else { 1 }, 1);
        if self.chance(50) {
            let timeout = if self.scope.time { u32::try_from(self.draw(6)).unwrap_or(0) } else { 0 };
            transfer.into_pending(timeout)
        } else {
            transfer
        }
    }

    fn settlement(&mut self) -> NewTransfer {
        let id = self.fresh_id();
        let pendings: Vec<_> = self.made.iter().filter(|made| made.flags.pending).copied().collect();
        let pending = if pendings.is_empty() { self.one_of(&self.made) } else { self.one_of(&pendings) };
        let mut settlement =
            if self.chance(60) { NewTransfer::post(id, pending.id) } else { NewTransfer::void(id, pending.id) };
        if self.chance(20) {
            settlement.amount = u128::from(self.draw(100));
        }
        if self.chance(20) {
            settlement.debit_account_id = pending.debit_account_id;
            settlement.ledger = pending.ledger;
        }
        settlement
    }

    /// Changes one field to something that may be wrong.
    fn spoil(&self, transfer: &mut NewTransfer) {
        let account = self.one_of(&[0, 1, 2, 3, 99, u128::MAX]);
        let id = if account == 0 || account == u128::MAX { account } else { self.scope.base + account };
        let other = self.made.last().map(|made| made.id).unwrap_or_default();
        match self.draw(15) {
            0 => transfer.id = TransferId::from_u128(id),
            1 => transfer.debit_account_id = AccountId::from_u128(id),
            2 => transfer.credit_account_id = AccountId::from_u128(id),
            3 => transfer.pending_id = TransferId::from_u128(id),
            4 => transfer.pending_id = transfer.id,
            5 => transfer.pending_id = other,
            6 => transfer.ledger = self.one_of(&[0, 1, 2]),
            7 => transfer.code = self.one_of(&[0, 2]),
            8 => transfer.timeout_seconds = u32::from(self.scope.time),
            9 => transfer.flags.pending ^= true,
            10 => transfer.flags.post_pending_transfer ^= true,
            11 => transfer.flags.void_pending_transfer ^= true,
            12 => transfer.amount = u128::from(self.draw(50)),
            13 => transfer.user_data_128 = u128::from(self.draw(2)),
            _ => (transfer.user_data_64, transfer.user_data_32) = (self.draw(2), 1),
        }
    }
}
