//! The original's ledger where it is in a TigerBeetle cluster: its accounts and transfers are put into temporary tables
//! of the session, which have the names of the tables that Rafiki 2.4 would fill without TigerBeetle.
//!
//! All queries then find the money there. The rows are made in `rafiki-tables`; the caller reads the cluster.

use sqlx::AssertSqlSafe;

use crate::snapshot::{Old, SourceError, failed};

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
