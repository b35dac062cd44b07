//! The octets of the journal: how an entry is stored, and how entries are chained by hashes.
//!
//! This format is all that writers and verifiers share. Integers are big endian. A *short* integer is one octet
//! with the number of octets that follow (0 to 16), then the value without leading zeros.
//!
//! | event | octets |
//! |---|---|
//! | account created | `1`, instant (8, ms), id (16), flags (1), ledger (4), code (2), user data (short ×3) |
//! | movement | `2`, instant (8), cause (1: 0 made, 1 settled, 2 expired), id (16), debit account (16), credit account (16), previous entry of the debit account (8), of the credit account (8), flags (1), ledger (4), code (2), then short integers: time-out, amount, number of the reservation's entry, pending id, user data ×3, and per side debit then credit: ordinal, debits pending, debits posted, credits pending, credits posted |
//! | id spent | `3`, instant (8), id (16) |
//!
//! | state of an account (stored beside the journal) | id (16), flags (1), ledger (4), code (2), user data (short ×3), instant of creation (8), then short integers: movements, number of its last entry, debits pending, debits posted, credits pending, credits posted |
//!
//! Each record's hash is SHA-256 over the hash before it (32 zero octets before the first), its number (8) and
//! its octets.

use clock::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    Account, AccountFlags, AccountId, AccountState, Balances, Cause, Entry, Event, Movement, NewAccount, NewTransfer,
    Posting, TransferFlags, TransferId,
};

/// The hash of a record and all records before it.
pub type ChainHash = [u8; 32];

/// The hash before the first record.
pub const GENESIS: ChainHash = [0; 32];

/// Octets of a record at which the kinds differ.
const ACCOUNT_CREATED: u8 = 1;
const MOVED: u8 = 2;
const ID_SPENT: u8 = 3;

/// The hash of a record that follows a record with hash `previous`.
pub fn chain_hash(previous: &ChainHash, seq: u64, record: &[u8]) -> ChainHash {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(seq.to_be_bytes());
    hash.update(record);
    hash.finalize().into()
}

/// The octets are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the octets are not a journal record")]
pub struct MalformedRecord;

impl Entry {
    /// Appends the entry's octets; its number is not part of them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.event {
            Event::AccountCreated(account) => {
                out.push(ACCOUNT_CREATED);
                put_instant(out, self.timestamp);
                put_account(out, account);
            }
            Event::Moved(movement) => {
                out.push(MOVED);
                put_instant(out, self.timestamp);
                put_movement(out, movement);
            }
            Event::IdSpent(id) => {
                out.push(ID_SPENT);
                put_instant(out, self.timestamp);
                out.extend(id.as_u128().to_be_bytes());
            }
        }
    }

    /// Reads the octets of entry number `seq`.
    pub fn decode(seq: u64, record: &[u8]) -> Result<Self, MalformedRecord> {
        let mut input = Input(record);
        let kind = input.u8()?;
        let timestamp = Timestamp::from_millis(input.u64()?.cast_signed());
        let event = match kind {
            ACCOUNT_CREATED => Event::AccountCreated(input.account()?),
            MOVED => Event::Moved(input.movement()?),
            ID_SPENT => Event::IdSpent(TransferId::from_u128(input.u128()?)),
            _ => return Err(MalformedRecord),
        };
        if input.0.is_empty() { Ok(Self { seq, timestamp, event }) } else { Err(MalformedRecord) }
    }
}

impl AccountState {
    /// Appends the octets of an account's stored state.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_account(out, &self.account.created);
        put_instant(out, self.account.timestamp);
        put_short(out, self.movements);
        put_short(out, self.last_entry);
        put_balances(out, &self.account.balances());
    }

    /// Reads an account's stored state.
    pub fn decode(octets: &[u8]) -> Result<Self, MalformedRecord> {
        let mut input = Input(octets);
        let created = input.account()?;
        let timestamp = Timestamp::from_millis(input.u64()?.cast_signed());
        let (movements, last_entry) = (input.short()?, input.short()?);
        let Balances { debits_pending, debits_posted, credits_pending, credits_posted } = input.balances()?;
        let account = Account { created, debits_pending, debits_posted, credits_pending, credits_posted, timestamp };
        if input.0.is_empty() { Ok(Self { account, movements, last_entry }) } else { Err(MalformedRecord) }
    }
}

fn put_instant(out: &mut Vec<u8>, instant: Timestamp) {
    out.extend(instant.as_millis().to_be_bytes());
}

fn put_short(out: &mut Vec<u8>, value: impl Into<u128>) {
    let value = value.into();
    let octets = value.to_be_bytes();
    let len = (u128::BITS - value.leading_zeros()).div_ceil(8).to_le_bytes()[0];
    out.push(len);
    out.extend(&octets[16 - usize::from(len)..]);
}

fn put_account(out: &mut Vec<u8>, account: &NewAccount) {
    let flags = account.flags;
    out.extend(account.id.as_u128().to_be_bytes());
    out.push(bits([
        flags.linked,
        flags.debits_must_not_exceed_credits,
        flags.credits_must_not_exceed_debits,
        flags.history,
    ]));
    out.extend(account.ledger.to_be_bytes());
    out.extend(account.code.to_be_bytes());
    put_short(out, account.user_data_128);
    put_short(out, account.user_data_64);
    put_short(out, account.user_data_32);
}

fn put_movement(out: &mut Vec<u8>, movement: &Movement) {
    let Movement { cause, transfer, debit, credit } = movement;
    let (cause, pending) = match *cause {
        Cause::Made => (0, 0),
        Cause::Settled { pending } => (1, pending),
        Cause::Expired { pending } => (2, pending),
    };

    out.push(cause);
    out.extend(transfer.id.as_u128().to_be_bytes());
    out.extend(transfer.debit_account_id.as_u128().to_be_bytes());
    out.extend(transfer.credit_account_id.as_u128().to_be_bytes());
    out.extend(debit.previous.to_be_bytes());
    out.extend(credit.previous.to_be_bytes());
    let flags = transfer.flags;
    out.push(bits([flags.linked, flags.pending, flags.post_pending_transfer, flags.void_pending_transfer]));
    out.extend(transfer.ledger.to_be_bytes());
    out.extend(transfer.code.to_be_bytes());
    put_short(out, transfer.timeout_seconds);
    put_short(out, transfer.amount);

    put_short(out, pending);
    put_short(out, transfer.pending_id.as_u128());
    put_short(out, transfer.user_data_128);
    put_short(out, transfer.user_data_64);
    put_short(out, transfer.user_data_32);
    for side in [debit, credit] {
        put_short(out, side.ordinal);
        put_balances(out, &side.balances);
    }
}

fn put_balances(out: &mut Vec<u8>, balances: &Balances) {
    put_short(out, balances.debits_pending);
    put_short(out, balances.debits_posted);
    put_short(out, balances.credits_pending);
    put_short(out, balances.credits_posted);
}

fn bits(flags: [bool; 4]) -> u8 {
    flags.iter().enumerate().fold(0, |octet, (bit, set)| octet | u8::from(*set) << bit)
}

/// The rest of a record.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], MalformedRecord> {
        let (head, rest) = self.0.split_first_chunk().ok_or(MalformedRecord)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, MalformedRecord> {
        self.take().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, MalformedRecord> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, MalformedRecord> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, MalformedRecord> {
        self.take().map(u64::from_be_bytes)
    }

    fn u128(&mut self) -> Result<u128, MalformedRecord> {
        self.take().map(u128::from_be_bytes)
    }

    fn short<T: TryFrom<u128>>(&mut self) -> Result<T, MalformedRecord> {
        let len = usize::from(self.u8()?);
        let (octets, rest) = self.0.split_at_checked(len).ok_or(MalformedRecord)?;
        self.0 = rest;
        let mut value = [0; 16];
        value.get_mut(16usize.saturating_sub(len)..).ok_or(MalformedRecord)?.copy_from_slice(
            // A leading zero, or more than 16 octets, would give one value two spellings.
            Some(octets).filter(|o| o.len() <= 16 && o.first() != Some(&0)).ok_or(MalformedRecord)?,
        );
        T::try_from(u128::from_be_bytes(value)).map_err(|_| MalformedRecord)
    }

    fn flags(&mut self) -> Result<[bool; 4], MalformedRecord> {
        let octet = self.u8()?;
        if octet < 16 { Ok([0, 1, 2, 3].map(|bit| octet >> bit & 1 == 1)) } else { Err(MalformedRecord) }
    }

    fn account(&mut self) -> Result<NewAccount, MalformedRecord> {
        let id = AccountId::from_u128(self.u128()?);
        let [linked, debits_must_not_exceed_credits, credits_must_not_exceed_debits, history] = self.flags()?;
        Ok(NewAccount {
            id,
            flags: AccountFlags { linked, debits_must_not_exceed_credits, credits_must_not_exceed_debits, history },
            ledger: self.u32()?,
            code: self.u16()?,
            user_data_128: self.short()?,
            user_data_64: self.short()?,
            user_data_32: self.short()?,
        })
    }

    fn movement(&mut self) -> Result<Movement, MalformedRecord> {
        let cause = self.u8()?;
        let id = TransferId::from_u128(self.u128()?);
        let debit_account_id = AccountId::from_u128(self.u128()?);
        let credit_account_id = AccountId::from_u128(self.u128()?);
        let (debit_previous, credit_previous) = (self.u64()?, self.u64()?);
        let [linked, pending, post_pending_transfer, void_pending_transfer] = self.flags()?;
        let flags = TransferFlags { linked, pending, post_pending_transfer, void_pending_transfer };
        let (ledger, code) = (self.u32()?, self.u16()?);
        let (timeout_seconds, amount, reservation) = (self.short()?, self.short()?, self.short()?);
        let cause = match (cause, reservation) {
            (0, 0) => Cause::Made,
            (1, pending @ 1..) => Cause::Settled { pending },
            (2, pending @ 1..) => Cause::Expired { pending },
            _ => return Err(MalformedRecord),
        };

        let transfer = NewTransfer {
            id,
            debit_account_id,
            credit_account_id,
            amount,
            pending_id: TransferId::from_u128(self.short()?),
            ledger,
            code,
            flags,
            timeout_seconds,
            user_data_128: self.short()?,
            user_data_64: self.short()?,
            user_data_32: self.short()?,
        };

        let debit = self.posting(debit_previous)?;
        let credit = self.posting(credit_previous)?;
        Ok(Movement { cause, transfer, debit, credit })
    }

    fn posting(&mut self, previous: u64) -> Result<Posting, MalformedRecord> {
        Ok(Posting { ordinal: self.short()?, previous, balances: self.balances()? })
    }

    fn balances(&mut self) -> Result<Balances, MalformedRecord> {
        Ok(Balances {
            debits_pending: self.short()?,
            debits_posted: self.short()?,
            credits_pending: self.short()?,
            credits_posted: self.short()?,
        })
    }
}
