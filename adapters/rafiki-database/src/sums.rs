//! The original's ledger: totals of each account, computed once for a snapshot, and its transfers.
//! Rows of other tables are read in `queries`.

use clock::Timestamp;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::AssertSqlSafe;

use crate::snapshot::{Old, SourceError, dated, failed};

/// `$1` is the time of the snapshot.
const FILL: &str = r#"
INSERT INTO pg_temp.moving_sums
SELECT a.id, a."accountRef", a.ledger, a.type, coalesce(d.posted, 0), coalesce(c.posted, 0), coalesce(d.held, 0),
    coalesce(c.held, 0), coalesce(d.sent, 0)
FROM "ledgerAccounts" a
LEFT JOIN (
    SELECT "debitAccountId" AS id, sum(amount) FILTER (WHERE state = 'POSTED') AS posted,
        sum(amount) FILTER (WHERE state = 'PENDING' AND type IS NOT NULL AND "expiresAt" > $1) AS held,
        sum(amount) FILTER (WHERE state = 'POSTED' AND type IS NULL) AS sent
    FROM "ledgerTransfers" GROUP BY 1
) d ON d.id = a.id
LEFT JOIN (
    SELECT "creditAccountId" AS id, sum(amount) FILTER (WHERE state = 'POSTED') AS posted,
        sum(amount) FILTER (WHERE state = 'PENDING' AND type IS NOT NULL AND "expiresAt" > $1) AS held
    FROM "ledgerTransfers" GROUP BY 1
) c ON c.id = a.id"#;

const ACCOUNTS: &str = r#"
SELECT row_to_json(r)::text FROM (
    SELECT s.id, s.ref AS "accountRef", s.type, s.ledger, s.debits, s.credits, s.held_debits AS "heldDebits",
        s.held_credits AS "heldCredits", a.id AS "assetId"
    FROM pg_temp.moving_sums s LEFT JOIN assets a ON a.ledger = s.ledger ORDER BY s.ledger, s.type, s.ref
) r"#;

/// Which transfers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfers {
    /// Deposits and withdrawals, whose ids clients know.
    Named,
    /// All that count, in the order in which they were made.
    All,
}

impl Old {
    /// Computes the totals of all accounts. Called once, before payments and accounts are read.
    pub async fn add_up(&mut self) -> Result<(), SourceError> {
        let filled = dated(FILL, Some(self.at()));
        let done = sqlx::query(AssertSqlSafe(filled)).execute(&mut self.connection).await;
        done.map_err(|error| failed("ledgerTransfers", &error))?;
        self.run("ledgerTransfers", "ANALYZE pg_temp.moving_sums").await
    }

    /// The accounts with their totals, each as a JSON object.
    pub fn accounts(&mut self) -> BoxStream<'_, Result<String, SourceError>> {
        sqlx::query_scalar::<_, String>(ACCOUNTS)
            .fetch(&mut self.connection)
            .map_err(|error| failed("ledgerAccounts", &error))
            .boxed()
    }

    /// The transfers as JSON objects: those that changed since a time, or all. Transfers that were never posted and
    /// have no id known to clients are left out.
    pub fn transfers(
        &mut self,
        which: Transfers,
        since: Option<Timestamp>,
    ) -> BoxStream<'_, Result<String, SourceError>> {
        let wanted = match which {
            Transfers::Named => "t.type IS NOT NULL",
            Transfers::All => "(t.type IS NOT NULL OR t.state = 'POSTED')",
        };

        // Incoming money is booked before outgoing money of the same microsecond.
        let sql = format!(
            r#"SELECT row_to_json(r)::text FROM (
                SELECT t.*, d.type AS "debitType", d."accountRef" AS "debitRef", c.type AS "creditType",
                    c."accountRef" AS "creditRef"
                FROM "ledgerTransfers" t
                JOIN "ledgerAccounts" d ON d.id = t."debitAccountId"
                JOIN "ledgerAccounts" c ON c.id = t."creditAccountId"
                WHERE {wanted} AND ($1::timestamptz IS NULL OR t."updatedAt" >= $1)
                ORDER BY t."createdAt", CASE t.type WHEN 'DEPOSIT' THEN 0 WHEN 'WITHDRAWAL' THEN 2 ELSE 1 END, t.id
            ) r"#
        );

        sqlx::query_scalar::<_, String>(AssertSqlSafe(dated(&sql, since)))
            .fetch(&mut self.connection)
            .map_err(|error| failed("ledgerTransfers", &error))
            .boxed()
    }

    /// Ended incoming payments whose event was not sent yet, with the amount that the event will announce.
    pub async fn unannounced_ends(&mut self) -> Result<Vec<(uuid::Uuid, i128)>, SourceError> {
        let sql = r#"SELECT t.id, (coalesce(s.credits, 0) - coalesce(e.announced, 0))::text FROM "incomingPayments" t
            LEFT JOIN pg_temp.moving_sums s ON s.ref = t.id AND s.type = 'LIQUIDITY_INCOMING'
            LEFT JOIN (
                SELECT "incomingPaymentId", sum("withdrawalAmount") AS announced FROM "webhookEvents"
                WHERE type IN ('incoming_payment.completed', 'incoming_payment.expired') GROUP BY 1
            ) e ON e."incomingPaymentId" = t.id
            WHERE t.state IN ('COMPLETED', 'EXPIRED') AND t."processAt" IS NOT NULL
                AND coalesce(s.credits, 0) > coalesce(e.announced, 0)"#;
        let rows: Vec<(uuid::Uuid, String)> = sqlx::query_as(sql)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| failed("incomingPayments", &error))?;
        Ok(rows.into_iter().map(|(id, amount)| (id, amount.parse().unwrap_or(0))).collect())
    }

    /// How many packets are under way. If there are any, the original is running. They are not moved, and end within
    /// seconds.
    pub async fn packets_under_way(&mut self) -> Result<u64, SourceError> {
        let sql =
            r#"SELECT count(*) FROM "ledgerTransfers" WHERE state = 'PENDING' AND type IS NULL AND "expiresAt" > $1"#;
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(dated(sql, Some(self.at()))))
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| failed("ledgerTransfers", &error))?;
        Ok(count.unsigned_abs())
    }
}
