//! Checks that new entries follow from the entries before them: each changes two accounts by the same amount, beginning
//! with the states after their last movements.
//!
//! It needs no table of accounts: an entry names the two entries before it, and the reservation that it decides.

use std::collections::{HashMap, HashSet};

use ledger::{AccountId, Balances, Cause, Entry, Event, Movement, NewTransfer, Posting};

use crate::alarm::{Alarm, AlarmKind};
use crate::law::{Change, standing};
use crate::sums::Sums;

/// New entries in order.
pub(crate) struct Movements {
    entries: Vec<Entry>,
}

/// The entries by number: those of the scan, and older ones that they refer to.
struct Journal<'a> {
    new: HashMap<u64, &'a Entry>,
    old: &'a HashMap<u64, Vec<u8>>,
}

impl Movements {
    pub(crate) fn of(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// The older entries that these refer to.
    pub(crate) fn older_entries(&self) -> Vec<u64> {
        let new: HashSet<u64> = self.entries.iter().map(|entry| entry.seq).collect();
        let mut wanted: Vec<u64> = self.movements().flat_map(|(_, movement)| referred_to(movement)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|seq| *seq != 0 && !new.contains(seq));
        wanted
    }

    /// Checks each movement and adds it to the sums.
    pub(crate) fn judge(&self, records: &HashMap<u64, Vec<u8>>, sums: &mut Sums, alarms: &mut Vec<Alarm>) {
        let journal = Journal { new: self.entries.iter().map(|entry| (entry.seq, entry)).collect(), old: records };
        let mut latest = HashMap::new();
        for (entry, movement) in self.movements() {
            let judged = journal.judge(entry, movement, &mut latest);
            match judged {
                Ok(sides) => {
                    for (account, before, after) in sides {
                        sums.moved(account, movement.transfer.ledger, before, after);
                    }
                }
                Err(reason) => {
                    let mut record = Vec::new();
                    entry.encode(&mut record);
                    let reason = format!("entry {} {reason}", entry.seq);
                    alarms.push(Alarm::new(AlarmKind::EntryUnlawful, entry.seq, &[&record], reason));
                }
            }
        }
    }

    fn movements(&self) -> impl Iterator<Item = (&Entry, &Movement)> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Moved(movement) => Some((entry, movement)),
            Event::AccountCreated(_) | Event::IdSpent(_) => None,
        })
    }
}

fn referred_to(movement: &Movement) -> [u64; 3] {
    let pending = match movement.cause {
        Cause::Made => 0,
        Cause::Settled { pending } | Cause::Expired { pending } => pending,
    };
    [movement.debit.previous, movement.credit.previous, pending]
}

type Side = (AccountId, Balances, Balances);

impl Journal<'_> {
    fn entry(&self, seq: u64) -> Option<Entry> {
        match self.new.get(&seq) {
            Some(entry) => Some(**entry),
            None => Entry::decode(seq, self.old.get(&seq)?).ok(),
        }
    }

    /// Both sides with their totals before and after, or the fault of the movement.
    fn judge(
        &self,
        entry: &Entry,
        movement: &Movement,
        latest: &mut HashMap<AccountId, u64>,
    ) -> Result<[Side; 2], String> {
        let Movement { transfer, debit, credit, .. } = movement;
        if transfer.debit_account_id == transfer.credit_account_id {
            return Err("debits and credits one account".to_owned());
        }
        let change = self.change(entry, movement)?;
        let mut side = |account: AccountId, recorded: &Posting, apply: &dyn Fn(Balances) -> Option<Balances>| {
            let before = self.before(entry, account, recorded, latest)?;
            if apply(before) == Some(recorded.balances) {
                Ok((account, before, recorded.balances))
            } else {
                Err(format!("leaves account {account} at other totals than the entry before and its amount lead to"))
            }
        };
        Ok([
            side(transfer.debit_account_id, debit, &|before| change.debit(before))?,
            side(transfer.credit_account_id, credit, &|before| change.credit(before))?,
        ])
    }

    fn change(&self, entry: &Entry, movement: &Movement) -> Result<Change, String> {
        match movement.cause {
            Cause::Made => Ok(Change::made(&movement.transfer)),
            Cause::Settled { pending } | Cause::Expired { pending } => {
                let reserved = self.reservation(entry, pending);
                let reserved =
                    reserved.ok_or_else(|| format!("decides entry {pending}, which is not a reservation"))?;
                Ok(Change::decided(movement.cause, &movement.transfer, &reserved))
            }
        }
    }

    fn reservation(&self, entry: &Entry, pending: u64) -> Option<NewTransfer> {
        match self.entry(pending).filter(|reservation| reservation.seq < entry.seq)?.event {
            Event::Moved(made) if made.cause == Cause::Made && made.transfer.flags.pending => Some(made.transfer),
            _ => None,
        }
    }

    /// The account's totals before the movement, by the entry it names, which must be the account's latest.
    fn before(
        &self,
        entry: &Entry,
        account: AccountId,
        recorded: &Posting,
        latest: &mut HashMap<AccountId, u64>,
    ) -> Result<Balances, String> {
        let skipped = latest.insert(account, entry.seq).filter(|seen| *seen != recorded.previous);
        if let Some(skipped) = skipped {
            return Err(format!("passes over entry {skipped} of account {account}"));
        }
        let previous = self.entry(recorded.previous).filter(|previous| previous.seq < entry.seq);
        match previous.and_then(|previous| standing(&previous, account)) {
            Some((ordinal, balances)) if ordinal + 1 == recorded.ordinal => Ok(balances),
            _ => Err(format!("does not follow from entry {} of account {account}", recorded.previous)),
        }
    }
}
