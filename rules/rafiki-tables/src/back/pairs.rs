//! Makes transfers between accounts from the total that each account sent and received.
//!
//! Used for opening transfers, whose counterpart is an account that the original does not have. Every account keeps its
//! totals. No transfer is from an account to itself, because the original makes none.

use std::collections::VecDeque;

use ledger::AccountId;

/// The amount that an account sent, or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The account.
    pub account: AccountId,
    /// The amount; above zero.
    pub amount: u128,
}

/// A transfer that takes the place of opening transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The account that sends.
    pub from: AccountId,
    /// The account that receives.
    pub to: AccountId,
    /// The amount; above zero.
    pub amount: u128,
}

/// Why no transfers can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpaired {
    /// The sums are not equal.
    #[error("the debits of the opening transfers are not equal to their credits")]
    Sums,
    /// One account sent and received more than all others together.
    #[error("there is no counterpart for the opening transfers of account {0}")]
    Alone(AccountId),
}

/// Makes transfers in which each account sends and receives its totals.
pub fn pair(given: &[Share], got: &[Share]) -> Result<Vec<Pair>, Unpaired> {
    let sum = |shares: &[Share]| shares.iter().map(|share| share.amount).sum::<u128>();
    if sum(given) != sum(got) {
        return Err(Unpaired::Sums);
    }
    let (mut pairs, mut to_itself) = (Vec::with_capacity(given.len() + got.len()), Vec::new());
    let mut open: VecDeque<Share> = got.iter().copied().collect();
    for giver in given {
        let mut left = giver.amount;
        while left > 0 {
            // If the account would pay itself, the next account is taken first, if there is another.
            if open.len() > 1 && open.front().is_some_and(|share| share.account == giver.account) {
                open.swap(0, 1);
            }
            let Some(taker) = open.front_mut() else { return Err(Unpaired::Sums) };
            let amount = left.min(taker.amount);
            let made = Pair { from: giver.account, to: taker.account, amount };
            left -= amount;
            taker.amount -= amount;
            if taker.amount == 0 {
                open.pop_front();
            }
            if made.from == made.to { to_itself.push(made) } else { pairs.push(made) }
        }
    }
    for itself in to_itself {
        part(itself, &mut pairs)?;
    }
    Ok(pairs)
}

/// Replaces a transfer of an account to itself. Another transfer is split, and goes through this account.
fn part(itself: Pair, pairs: &mut Vec<Pair>) -> Result<(), Unpaired> {
    let (account, mut left) = (itself.from, itself.amount);
    let mut at = 0;
    while left > 0 {
        let Some(other) = pairs.get(at).copied() else { return Err(Unpaired::Alone(account)) };
        if other.from != account && other.to != account {
            let amount = left.min(other.amount);
            left -= amount;
            pairs[at].amount -= amount;
            pairs.push(Pair { from: other.from, to: account, amount });
            pairs.push(Pair { from: account, to: other.to, amount });
        }
        at += 1;
    }
    pairs.retain(|pair| pair.amount > 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn share(account: u128, amount: u128) -> Share {
        Share { account: AccountId::from_u128(account), amount }
    }

    /// The totals that each account sent and received.
    fn totals(pairs: &[Pair]) -> BTreeMap<u128, (u128, u128)> {
        let mut totals: BTreeMap<u128, (u128, u128)> = BTreeMap::new();
        for pair in pairs {
            assert_ne!(pair.from, pair.to);
            assert!(pair.amount > 0);
            totals.entry(pair.from.as_u128()).or_default().0 += pair.amount;
            totals.entry(pair.to.as_u128()).or_default().1 += pair.amount;
        }
        totals
    }

    #[test]
    fn every_account_keeps_its_totals() {
        let pairs = pair(&[share(1, 60), share(2, 40)], &[share(3, 30), share(4, 70)]).unwrap();
        assert_eq!(totals(&pairs), BTreeMap::from([(1, (60, 0)), (2, (40, 0)), (3, (0, 30)), (4, (0, 70))]));
    }

    #[test]
    fn no_account_pays_itself() {
        let pairs = pair(&[share(1, 50), share(2, 50)], &[share(2, 50), share(1, 50)]).unwrap();
        assert_eq!(totals(&pairs), BTreeMap::from([(1, (50, 50)), (2, (50, 50))]));
        let pairs = pair(&[share(1, 10), share(2, 5)], &[share(3, 10), share(2, 5)]).unwrap();
        assert_eq!(totals(&pairs), BTreeMap::from([(1, (10, 0)), (2, (5, 5)), (3, (0, 10))]));
    }

    /// Histories of random transfers between few accounts: every one of them can be paired.
    #[test]
    fn the_totals_of_any_history_can_be_paired() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..500 {
            let (mut given, mut got) = (BTreeMap::<u64, u128>::new(), BTreeMap::<u64, u128>::new());
            for _ in 0..=random(8) {
                let from = random(4);
                let to = (from + 1 + random(3)) % 4;
                let amount = u128::from(random(20) + 1);
                *given.entry(from).or_default() += amount;
                *got.entry(to).or_default() += amount;
            }
            let shares = |of: &BTreeMap<u64, u128>| -> Vec<Share> {
                of.iter().map(|(account, amount)| share((*account).into(), *amount)).collect()
            };
            let made = totals(&pair(&shares(&given), &shares(&got)).unwrap());
            for account in 0..4_u64 {
                let found = made.get(&u128::from(account)).copied().unwrap_or_default();
                let wanted = (given.get(&account).copied(), got.get(&account).copied());
                assert_eq!(found, (wanted.0.unwrap_or(0), wanted.1.unwrap_or(0)));
            }
        }
    }

    #[test]
    fn unequal_sums_and_a_single_account_are_refused() {
        assert_eq!(pair(&[share(1, 2)], &[share(2, 1)]), Err(Unpaired::Sums));
        assert_eq!(pair(&[share(1, 2)], &[share(1, 2)]), Err(Unpaired::Alone(AccountId::from_u128(1))));
    }
}
