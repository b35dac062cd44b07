//! The balance of one account, now or at an instant of the past.
//! Where the ledger is comes from `options`.

use std::fmt;
use std::time::Duration;

use clock::{Clock as _, SystemClock, Timestamp};
use ledger::{Account, AccountId, Balances, Ledger as _, LedgerQueries as _};
use ledger_sql::Journal;
use payments_model::accounting::AccountKind;
use serde::{Serialize, Serializer};

use super::options::BalanceOptions;
use super::{place, unreadable};
use crate::failure::Failure;
use crate::ledger_place::LedgerPlace;
use crate::output::{Table, say};

/// How long a cluster may take for both queries.
const ANSWER: Duration = Duration::from_secs(20);

/// The balance of an account; decimal, as JSON has no integers of 128 bits.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    account: String,
    kind: &'static str,
    ledger: u32,
    created_at: Timestamp,
    at: Timestamp,
    #[serde(serialize_with = "decimal")]
    debits_pending: u128,
    #[serde(serialize_with = "decimal")]
    debits_posted: u128,
    #[serde(serialize_with = "decimal")]
    credits_pending: u128,
    #[serde(serialize_with = "decimal")]
    credits_posted: u128,
    /// Posted credits less posted debits.
    balance: String,
}

fn decimal<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) async fn balance(options: &BalanceOptions) -> Result<(), Failure> {
    let now = SystemClock.now();
    let at = options.at.map_or(now, Timestamp::from_jiff);
    if at > now {
        return Err(Failure::Check("--at is in the future; name an instant of the past, or leave it out".to_owned()));
    }
    let found = match place(options.ledger.as_ref())? {
        LedgerPlace::Database(url) => of_database(&url, options.account, at).await?,
        LedgerPlace::Cluster(cluster) => {
            let reading = async {
                let ledger = cluster.join().await.map_err(unreadable)?;
                let account = ledger.accounts(vec![options.account]).await.map_err(unreadable)?.into_iter().next();
                let Some(account) = account.flatten() else { return Ok::<_, Failure>(None) };
                let balances = ledger.balances_at(options.account, at).await.map_err(unreadable)?;
                Ok(Some((account, balances)))
            };
            let late = |_| unreadable(format!("the cluster did not answer within {} s", ANSWER.as_secs()));
            tokio::time::timeout(ANSWER, reading).await.map_err(late)??
        }
    };

    let Some((account, balances)) = found else {
        return Err(Failure::Check(format!("there is no account {} in this ledger", named(options.account))));
    };
    let created = account.timestamp;
    let Some(balances) = balances else {
        return Err(Failure::Check(format!("the account was created later, at {created}")));
    };
    let balance = Balance::of(&account, balances, at);
    say(&if options.json {
        format!("{}\n", serde_json::to_string(&balance).unwrap_or_default())
    } else {
        balance.to_string()
    });
    Ok(())
}

async fn of_database(
    url: &str,
    account: AccountId,
    at: Timestamp,
) -> Result<Option<(Account, Option<Balances>)>, Failure> {
    let mut journal = Journal::open(url).await.map_err(unreadable)?;
    let Some(state) = journal.accounts(&[account]).await.map_err(unreadable)?.into_iter().next() else {
        return Ok(None);
    };
    let balances = journal.balances_at(&state, at).await.map_err(unreadable)?;
    Ok(Some((state.account, balances)))
}

/// The id as entities have it; a settlement account has the number of its ledger.
pub(super) fn named(account: AccountId) -> String {
    match u32::try_from(account.as_u128()) {
        Ok(number) => number.to_string(),
        Err(_) => account.as_uuid().to_string(),
    }
}

/// What an account is, by its code.
pub(super) fn kind(code: u16) -> &'static str {
    const KINDS: [(AccountKind, &str); 8] = [
        (AccountKind::WebMonetization, "wallet address"),
        (AccountKind::Asset, "asset"),
        (AccountKind::Peer, "peer"),
        (AccountKind::Incoming, "incoming payment"),
        (AccountKind::Outgoing, "outgoing payment"),
        (AccountKind::Expected, "expected"),
        (AccountKind::Settlement, "settlement"),
        (AccountKind::Expectations, "expectations"),
    ];
    KINDS.iter().find(|(kind, _)| *kind as u16 == code).map_or("unknown", |(_, name)| name)
}

impl Balance {
    fn of(account: &Account, balances: Balances, at: Timestamp) -> Self {
        let Balances { debits_pending, debits_posted, credits_pending, credits_posted } = balances;
        // The totals of an account fit into 127 bits by far; if not, the text says so.
        let balance = match credits_posted.checked_sub(debits_posted) {
            Some(credit) => credit.to_string(),
            None => format!("-{}", debits_posted - credits_posted),
        };
        Self {
            account: named(account.created.id),
            kind: kind(account.created.code),
            ledger: account.created.ledger,
            created_at: account.timestamp,
            at,
            debits_pending,
            debits_posted,
            credits_pending,
            credits_posted,
            balance,
        }
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} in ledger {}, at {}", self.kind, self.account, self.ledger, self.at)?;
        let mut table = Table::new().align_right(&[1, 2]);
        table.row(["", "debits", "credits"]);
        table.row(["posted".to_owned(), self.debits_posted.to_string(), self.credits_posted.to_string()]);
        table.row(["pending".to_owned(), self.debits_pending.to_string(), self.credits_pending.to_string()]);
        f.write_str(&table.render_indented())?;
        writeln!(f, "balance {}, in the smallest unit of its asset", self.balance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_below_zero_is_written_with_its_sign() {
        let account = Account {
            created: ledger::NewAccount {
                id: AccountId::from_u128(1),
                ledger: 1,
                code: AccountKind::Settlement as u16,
                flags: ledger::AccountFlags::default(),
                user_data_128: 0,
                user_data_64: 0,
                user_data_32: 0,
            },
            debits_pending: 0,
            debits_posted: 12,
            credits_pending: 0,
            credits_posted: 2,
            timestamp: Timestamp::from_millis(0),
        };
        let balance = Balance::of(&account, account.balances(), Timestamp::from_millis(0));
        assert_eq!((balance.balance.as_str(), balance.kind, balance.account.as_str()), ("-10", "settlement", "1"));
    }
}
