//! The original's ledger where it is in a TigerBeetle cluster: its accounts and transfers are put into temporary tables
//! of the session, which have the names of the tables that Rafiki 2.4 would fill without TigerBeetle.
//!
//! All queries then find the money there. The rows are made in `rafiki-tables`; the caller reads the cluster.

use sqlx::AssertSqlSafe;

use crate::snapshot::{Old, SourceError, failed};

/// Where the money of the original is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BooksIn {
    /// In tables of its database.
    Tables,
    /// In a TigerBeetle cluster. Its tables are empty.
    Cluster,
}

/// Created before the read-only snapshot begins. Names without a schema mean temporary tables first
/// (<https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SEARCH-PATH>).
pub(crate) const TEMPORARY_BOOKS: &str = r#"
CREATE TEMPORARY TABLE "ledgerAccounts" (
    id uuid PRIMARY KEY, "accountRef" uuid NOT NULL, ledger integer NOT NULL, type text NOT NULL,
    "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL
);
CREATE TEMPORARY TABLE "ledgerTransfers" (
    id uuid PRIMARY KEY, "transferRef" uuid NOT NULL UNIQUE, "debitAccountId" uuid NOT NULL,
    "creditAccountId" uuid NOT NULL, amount numeric NOT NULL, ledger integer NOT NULL, "expiresAt" timestamptz,
    state text NOT NULL, type text, "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL
);"#;

const ACCOUNTS: &str = r#"INSERT INTO pg_temp."ledgerAccounts" SELECT * FROM json_populate_recordset(NULL::pg_temp."ledgerAccounts", $1::json)"#;

const TRANSFERS: &str = r#"INSERT INTO pg_temp."ledgerTransfers" SELECT * FROM json_populate_recordset(NULL::pg_temp."ledgerTransfers", $1::json)"#;

const SETTLED: &str = r#"
UPDATE pg_temp."ledgerTransfers" t
SET state = s.state, amount = coalesce(s.amount, t.amount), "updatedAt" = s."updatedAt"
FROM json_to_recordset($1::json) AS s ("transferRef" uuid, state text, amount numeric, "updatedAt" timestamptz)
WHERE t."transferRef" = s."transferRef""#;

impl Old {
    /// Adds accounts of the cluster, each as a JSON object.
    pub async fn take_accounts(&mut self, rows: &[String]) -> Result<(), SourceError> {
        self.take("ledgerAccounts", ACCOUNTS, rows).await
    }

    /// Adds transfers of the cluster, each as a JSON object.
    pub async fn take_transfers(&mut self, rows: &[String]) -> Result<(), SourceError> {
        self.take("ledgerTransfers", TRANSFERS, rows).await
    }

    /// Settles transfers that were taken before, each as a JSON object with the new state and amount.
    pub async fn settle_transfers(&mut self, rows: &[String]) -> Result<(), SourceError> {
        self.take("ledgerTransfers", SETTLED, rows).await
    }

    async fn take(&mut self, table: &'static str, sql: &'static str, rows: &[String]) -> Result<(), SourceError> {
        if rows.is_empty() {
            return Ok(());
        }
        let list = format!("[{}]", rows.join(","));
        let taken = sqlx::query(AssertSqlSafe(sql)).bind(list).execute(&mut self.connection).await;
        taken.map(drop).map_err(|error| failed(table, &error))
    }

    /// Tells the server's planner how large the taken tables are.
    pub async fn all_taken(&mut self) -> Result<(), SourceError> {
        self.run("ledgerTransfers", r#"ANALYZE pg_temp."ledgerAccounts"; ANALYZE pg_temp."ledgerTransfers""#).await
    }
}
