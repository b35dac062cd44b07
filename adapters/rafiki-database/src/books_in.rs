//! Where the original keeps its money, and the temporary tables that stand for a cluster.
//! Filling them is in `cluster`.

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
