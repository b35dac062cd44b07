//! The wallet's own rows: accounts, their wallet addresses, and the events it received.
//!
//! Balances are in the ledger. Customers' own tables are in folders of their own.

use std::collections::BTreeSet;

use clock::Timestamp;
use database::{Database, Error, Migrations, Step, WriteTransaction};
use money::Asset;
use sea_orm::{QueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sql::{execute, one, read, read_one};

/// The tables of the wallet.
pub const MIGRATIONS: Migrations = Migrations {
    store: "wallet",
    steps: &[
        Step { name: "0001_wallet", sql: include_str!("migrations/0001_wallet.sql") },
        Step { name: "0002_cards", sql: include_str!("migrations/0002_cards.sql") },
        Step { name: "0003_users", sql: include_str!("migrations/0003_users.sql") },
        Step { name: "0004_holds", sql: include_str!("migrations/0004_holds.sql") },
        Step { name: "0010_letters", sql: include_str!("migrations/0010_letters.sql") },
        Step { name: "0011_second_factors", sql: include_str!("migrations/0011_second_factors.sql") },
        Step { name: "0012_requests", sql: include_str!("migrations/0012_requests.sql") },
        Step { name: "0013_contacts", sql: include_str!("migrations/0013_contacts.sql") },
        Step { name: "0014_lists", sql: include_str!("migrations/0014_lists.sql") },
        Step { name: "0015_begun_requests", sql: include_str!("migrations/0015_begun_requests.sql") },
        Step { name: "0016_leaving", sql: include_str!("migrations/0016_leaving.sql") },
        Step { name: "0017_own_limits", sql: include_str!("migrations/0017_own_limits.sql") },
        Step { name: "0018_own_switch", sql: include_str!("migrations/0018_own_switch.sql") },
        Step { name: "0019_passkeys", sql: include_str!("migrations/0019_passkeys.sql") },
        Step { name: "0020_operators", sql: include_str!("migrations/0020_operators.sql") },
        Step { name: "0021_own_use", sql: include_str!("migrations/0021_own_use.sql") },
        Step { name: "0022_account_state", sql: include_str!("migrations/0022_account_state.sql") },
        Step { name: "0023_counted", sql: include_str!("migrations/0023_counted.sql") },
        Step { name: "0030_challenges", sql: include_str!("migrations/0030_challenges.sql") },
        Step { name: "0031_modules", sql: include_str!("migrations/0031_modules.sql") },
        Step { name: "0032_payments", sql: include_str!("migrations/0032_payments.sql") },
        Step { name: "0033_payers", sql: include_str!("migrations/0033_payers.sql") },
    ],
};

/// A customer's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Path of its wallet address below the institution's base, for example `accounts/gfranklin`.
    pub(crate) path: String,
    pub(crate) asset: Asset,
    /// The number of the asset's ledger.
    pub(crate) ledger: u32,
    pub(crate) wallet_address_id: Option<Uuid>,
    pub(crate) wallet_address_url: Option<String>,
}

/// An event as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) body: String,
}

/// The state of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventState {
    Done,
    /// Events of this type have no effects.
    Ignored,
    /// Given up. A person has to decide.
    Dead {
        error: String,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

/// The columns that [`account`] reads.
pub(crate) const ACCOUNT: &str = "SELECT a.id, a.name, a.path, a.asset_code, a.asset_scale, a.wallet_address_id,
    a.wallet_address_url, s.ledger
    FROM wallet_accounts a JOIN wallet_assets s ON s.code = a.asset_code AND s.scale = a.asset_scale";

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The ledger number of an asset, assigned at its first use.
    pub(crate) async fn ensure_asset(&self, asset: &Asset) -> Result<u32, Error> {
        let transaction = self.database.begin().await?;
        let (code, scale) = (asset.code.as_str(), i64::from(asset.scale));
        // Without the condition SQLite would read `ON` as that of a join.
        let give = "INSERT INTO wallet_assets (code, scale, ledger)
            SELECT CAST($1 AS text), CAST($2 AS bigint), COALESCE(MAX(ledger), 0) + 1 FROM wallet_assets WHERE true
            ON CONFLICT (code, scale) DO NOTHING";
        execute(&transaction, give, [code.into(), scale.into()]).await?;
        let ask = "SELECT ledger FROM wallet_assets WHERE code = $1 AND scale = $2";
        let row = one(&transaction, ask, [code.into(), scale.into()]).await?;
        let ledger: i64 = match row {
            Some(row) => row.try_get_by_index(0)?,
            None => return Err(Error::inconsistent("wallet_assets", "code", asset)),
        };
        transaction.commit().await?;
        u32::try_from(ledger).map_err(|_| Error::inconsistent("wallet_assets", "ledger", asset))
    }

    /// The assets that the wallet has accounts in, each with the number of its ledger.
    pub(crate) async fn assets(&self) -> Result<Vec<(Asset, u32)>, Error> {
        let rows =
            read(&self.database, "SELECT code, scale, ledger FROM wallet_assets ORDER BY code, scale", []).await?;
        let asset = |row: &QueryResult| {
            let (code, scale, ledger): (String, i64, i64) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            let wrong = |column| Error::inconsistent("wallet_assets", column, &code);
            let scale = u8::try_from(scale).map_err(|_| wrong("scale"))?;
            let asset = Asset::new(&code, scale).map_err(|_| wrong("code"))?;
            Ok((asset, u32::try_from(ledger).map_err(|_| wrong("ledger"))?))
        };
        rows.iter().map(asset).collect()
    }

    /// Creates the account if its id does not exist.
    pub(crate) async fn ensure_account(&self, account: &AccountRow) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let sql = "INSERT INTO wallet_accounts (id, name, path, asset_code, asset_scale) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (id) DO NOTHING";
        let values = [
            account.id.into(),
            account.name.as_str().into(),
            account.path.as_str().into(),
            account.asset.code.as_str().into(),
            i64::from(account.asset.scale).into(),
        ];
        execute(&transaction, sql, values).await?;
        transaction.commit().await
    }

    /// Gives an account without a user to this user. Returns whether there is such an account.
    pub(crate) async fn give_account(&self, path: &str, user: Uuid) -> Result<bool, Error> {
        let sql = "UPDATE wallet_accounts SET user_id = $2 WHERE path = $1 AND user_id IS NULL";
        self.database.execute(sql, [path.into(), user.into()]).await?;
        Ok(self.account_by_path(path).await?.is_some())
    }

    /// Stores the account's wallet address.
    pub(crate) async fn link_wallet_address(&self, account: Uuid, id: Uuid, url: &str) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let sql = "UPDATE wallet_accounts SET wallet_address_id = $2, wallet_address_url = $3 WHERE id = $1";
        execute(&transaction, sql, [account.into(), id.into(), url.into()]).await?;
        transaction.commit().await
    }

    pub(crate) async fn accounts(&self) -> Result<Vec<AccountRow>, Error> {
        let sql = format!("{ACCOUNT} ORDER BY a.path");
        let rows = read(&self.database, &sql, []).await?;
        rows.iter().map(account).collect()
    }

    pub(crate) async fn account(&self, id: Uuid) -> Result<Option<AccountRow>, Error> {
        self.account_where("a.id = $1", id.into()).await
    }

    pub(crate) async fn account_by_path(&self, path: &str) -> Result<Option<AccountRow>, Error> {
        self.account_where("a.path = $1", path.into()).await
    }

    pub(crate) async fn account_by_wallet_address(&self, id: Uuid) -> Result<Option<AccountRow>, Error> {
        self.account_where("a.wallet_address_id = $1", id.into()).await
    }

    async fn account_where(&self, condition: &str, value: Value) -> Result<Option<AccountRow>, Error> {
        let sql = format!("{ACCOUNT} WHERE {condition}");
        let row = read_one(&self.database, &sql, [value]).await?;
        row.as_ref().map(account).transpose()
    }

    pub(crate) async fn event(&self, id: Uuid) -> Result<Option<EventRow>, Error> {
        let sql = "SELECT id, type, body FROM wallet_inbox WHERE id = $1 AND state = 'new'";
        let row = read_one(&self.database, sql, [id.into()]).await?;
        row.map(|row| {
            Ok(EventRow {
                id: row.try_get_by_index(0)?,
                kind: row.try_get_by_index(1)?,
                body: row.try_get_by_index(2)?,
            })
        })
        .transpose()
    }

    /// Which of these events were received.
    pub(crate) async fn known_events(&self, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let places: Vec<String> = (1..=ids.len()).map(|number| format!("${number}")).collect();
        let sql = format!("SELECT id FROM wallet_inbox WHERE id IN ({})", places.join(", "));
        let rows = read(&self.database, &sql, ids.iter().map(|id| (*id).into())).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    /// How many events were given up.
    pub(crate) async fn dead_events(&self) -> Result<u64, Error> {
        let sql = "SELECT COUNT(*) FROM wallet_inbox WHERE state = 'dead'";
        let row = read_one(&self.database, sql, []).await?;
        let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Stores an event; `false` if it was stored before.
pub(crate) async fn receive_event(
    transaction: &WriteTransaction,
    event: &EventRow,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "INSERT INTO wallet_inbox (id, type, body, received_at, state) VALUES ($1, $2, $3, $4, 'new')
        ON CONFLICT (id) DO NOTHING";
    let values = [event.id.into(), event.kind.as_str().into(), event.body.as_str().into(), now.as_millis().into()];
    Ok(execute(transaction, sql, values).await? > 0)
}

/// Stores the state of an event, in the transaction that ends its job.
pub(crate) async fn settle_event(
    transaction: &WriteTransaction,
    id: Uuid,
    state: &EventState,
    now: Timestamp,
) -> Result<(), Error> {
    let (state, error) = match state {
        EventState::Done => ("done", None),
        EventState::Ignored => ("ignored", None),
        EventState::Dead { error } => ("dead", Some(error.as_str())),
    };
    let sql = "UPDATE wallet_inbox SET state = $2, settled_at = $3, error = $4 WHERE id = $1";
    execute(transaction, sql, [id.into(), state.into(), now.as_millis().into(), error.into()]).await.map(drop)
}

/// An account, from the columns of [`ACCOUNT`].
pub(crate) fn account(row: &QueryResult) -> Result<AccountRow, Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let (code, scale): (String, i64) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
    let ledger: i64 = row.try_get_by_index(7)?;
    let wrong = |column| Error::inconsistent("wallet_accounts", column, id);
    let scale = u8::try_from(scale).map_err(|_| wrong("asset_scale"))?;
    Ok(AccountRow {
        id,
        name: row.try_get_by_index(1)?,
        path: row.try_get_by_index(2)?,
        asset: Asset::new(&code, scale).map_err(|_| wrong("asset_code"))?,
        ledger: u32::try_from(ledger).map_err(|_| wrong("ledger"))?,
        wallet_address_id: row.try_get_by_index(5)?,
        wallet_address_url: row.try_get_by_index(6)?,
    })
}
