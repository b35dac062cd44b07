//! The statements that a Postgres server received, from its own log.
//!
//! The programs that send them do not count.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testkit::PostgresServer;

use crate::Outcome;

/// The settings of a server with a log in the expected form.
const LINE: &str = "log_line_prefix='%d|%v|'";

/// The statements of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Number of statements, without those that begin and end transactions.
    pub statements: usize,
    /// Transactions that were begun and committed, and changing statements outside a transaction.
    pub transactions: usize,
    /// The text of each statement, with its count.
    pub texts: BTreeMap<String, usize>,
}

impl Counted {
    /// Statements and transactions of one of `payments`.
    #[expect(clippy::cast_precision_loss, reason = "a report, not money")]
    pub fn per_payment(&self, payments: u32) -> (f64, f64) {
        let payments = f64::from(payments);
        (self.statements as f64 / payments, self.transactions as f64 / payments)
    }
}

/// The log of a server while it writes down every statement.
#[derive(Debug)]
pub struct StatementLog {
    url: String,
    file: PathBuf,
    from: u64,
}

impl StatementLog {
    /// Makes `server` log every statement from now on.
    pub async fn start(server: &PostgresServer) -> Outcome<Self> {
        let log = Self { url: server.url(), file: server.log_file(), from: 0 };
        log.configure(&["ALTER SYSTEM SET log_statement = 'all'", &format!("ALTER SYSTEM SET {LINE}")]).await?;
        let from = std::fs::metadata(&log.file)?.len();
        Ok(Self { from, ..log })
    }

    /// The statements since the start, by database. From now on the server does not log them.
    pub async fn stop(self) -> Outcome<HashMap<String, Counted>> {
        self.configure(&["ALTER SYSTEM SET log_statement = 'none'"]).await?;
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(count(&text))
    }

    /// Changes settings and waits until a session begun afterwards has them; older ones follow at their next statement.
    async fn configure(&self, statements: &[&str]) -> Outcome<()> {
        let mut connection = PgConnection::connect(&self.url).await?;
        for statement in statements.iter().chain(&["SELECT pg_reload_conf()", "SELECT pg_sleep(0.3)"]) {
            sqlx::raw_sql(AssertSqlSafe(*statement)).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }
}

/// The known state of a transaction in the log.
#[derive(Default)]
struct Transaction {
    begun: bool,
    committed: bool,
    changes: bool,
}

fn count(log: &str) -> HashMap<String, Counted> {
    let mut counted: HashMap<String, Counted> = HashMap::new();
    let mut transactions: HashMap<(&str, &str), Transaction> = HashMap::new();

    for line in log.lines() {
        let mut parts = line.splitn(3, '|');
        let (Some(database), Some(transaction), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let Some(statement) = statement(rest) else { continue };
        let verb = statement.split_whitespace().next().unwrap_or_default().to_uppercase();

        let of_database = counted.entry(database.to_owned()).or_default();
        let transaction = transactions.entry((database, transaction)).or_default();
        match verb.as_str() {
            "BEGIN" => transaction.begun = true,
            "COMMIT" => transaction.committed = true,
            "ROLLBACK" => {}
            _ => {
                of_database.statements += 1;
                *of_database.texts.entry(statement.to_owned()).or_default() += 1;
                transaction.changes |= matches!(verb.as_str(), "INSERT" | "UPDATE" | "DELETE" | "WITH");
            }
        }
    }

    for ((database, _), transaction) in transactions {
        if transaction.committed || (transaction.changes && !transaction.begun) {
            counted.entry(database.to_owned()).or_default().transactions += 1;
        }
    }
    counted
}

/// The statement of a log line, if it has one.
fn statement(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix("LOG:")?.trim_start();
    line.strip_prefix("statement: ").or_else(|| line.strip_prefix("execute ")?.split_once(": ").map(|(_, text)| text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_statements_and_transactions_by_database() {
        let log = "\
bank|3/1|LOG:  execute sqlx_s_1: SELECT 1
bank|3/2|LOG:  statement: BEGIN
bank|3/2|LOG:  execute sqlx_s_2: UPDATE x SET
\ty = 1
bank|3/2|DETAIL:  parameters: $1 = '1'
bank|3/2|LOG:  execute sqlx_s_1: SELECT 1
bank|3/2|LOG:  statement: COMMIT
bank|4/1|LOG:  execute sqlx_s_3: INSERT INTO x VALUES ($1)
other|5/1|LOG:  statement: BEGIN
other|5/1|LOG:  statement: ROLLBACK
";
        let counted = count(log);
        assert_eq!((counted["bank"].statements, counted["bank"].transactions), (4, 2));
        assert_eq!(counted["bank"].texts["SELECT 1"], 2);
        assert_eq!((counted["other"].statements, counted["other"].transactions), (0, 0));
    }
}
