//! How often SQLite prepares a statement. It depends on the flags that SQLite is compiled with, in `.cargo/config.toml`.
//! The plans of lists are looked at where the lists are read.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use rusqlite::{Connection, StatementStatus, ToSql};

/// How often SQLite prepared `sql` anew while it ran with these values.
fn prepared_anew<V: ToSql>(connection: &Connection, sql: &str, values: [V; 3]) -> i32 {
    let mut statement = connection.prepare(sql).unwrap();
    for value in values {
        statement.query([value]).unwrap().next().unwrap();
    }
    statement.get_status(StatementStatus::RePrepare)
}

#[test]
fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
    let connection = Connection::open_in_memory().unwrap();
    let tables = "CREATE TABLE notes (id bigint PRIMARY KEY, state text NOT NULL);
        CREATE INDEX notes_open ON notes (id) WHERE state <> 'DONE'; INSERT INTO notes VALUES (1, 'OPEN'), (2, 'DONE');";
    connection.execute_batch(tables).unwrap();
    assert_eq!(prepared_anew(&connection, "SELECT id FROM notes ORDER BY id LIMIT $1", [1, 2, 3]), 0);
    assert_eq!(prepared_anew(&connection, "SELECT id FROM notes WHERE state = $1", ["OPEN", "DONE", "OPEN"]), 0);
}
