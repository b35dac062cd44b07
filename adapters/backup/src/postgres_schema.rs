//! The tables of a Postgres database as statements that make them again, read from its catalogue.
//!
//! So a backup needs no program beside this one, and is restored with the tables that it was taken from. Objects that
//! this program never makes are named, not described.

use sqlx::postgres::PgConnection;
use sqlx::{Executor, Row};

/// The tables of a database.
pub(crate) struct Described {
    pub(crate) tables: Vec<Description>,
    /// Keys and indexes, then references between tables.
    pub(crate) finish: Vec<String>,
    /// Objects that cannot be described.
    pub(crate) strangers: Vec<String>,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) create: String,
}

/// Ordinary tables of this user's schemas. Tables of extensions and of sessions are left out.
const OWN: &str = "c.relpersistence <> 't' AND pg_table_is_visible(c.oid)
AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";

fn tables() -> String {
    format!(
        "SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum), format('CREATE TABLE %I (%s)%s', c.relname,
            string_agg(format('%I %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attcollation <> t.typcollation THEN format(' COLLATE %I', o.collname) END,
                ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attnotnull THEN ' NOT NULL' END),
                ', ' ORDER BY a.attnum),
            ' WITH (' || array_to_string(c.reloptions, ', ') || ')')
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation o ON o.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind = 'r' AND {OWN} GROUP BY c.oid, c.relname, c.reloptions ORDER BY c.relname"
    )
}

fn constraints() -> String {
    format!(
        "SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype IN ('p', 'u', 'c', 'x', 'f') AND c.relkind = 'r' AND {OWN}
        ORDER BY k.contype = 'f', c.relname, k.conname"
    )
}

fn indexes() -> String {
    format!(
        "SELECT pg_get_indexdef(x.indexrelid, 0, true) FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
        JOIN pg_class i ON i.oid = x.indexrelid
        WHERE c.relkind = 'r' AND {OWN} AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid
            AND k.conrelid = x.indrelid)
        ORDER BY c.relname, i.relname"
    )
}

fn strangers() -> String {
    format!(
        "SELECT CASE c.relkind WHEN 'S' THEN 'a sequence ' WHEN 'v' THEN 'a view ' WHEN 'm' THEN 'a materialized view '
            WHEN 'p' THEN 'a partitioned table ' ELSE 'a foreign table ' END || c.relname
        FROM pg_class c WHERE c.relkind IN ('S', 'v', 'm', 'p', 'f') AND {OWN}
        UNION ALL SELECT 'a trigger ' || g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
        WHERE NOT g.tgisinternal AND {OWN}
        UNION ALL SELECT 'a computed column ' || c.relname || '.' || a.attname FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid WHERE a.attgenerated <> '' AND NOT a.attisdropped AND {OWN}
        ORDER BY 1"
    )
}

/// Describes all tables as the transaction sees them.
pub(crate) async fn describe(connection: &mut PgConnection) -> Result<Described, sqlx::Error> {
    let mut described = Vec::new();
    for row in connection.fetch_all(sqlx::AssertSqlSafe(tables())).await? {
        described.push(Description { name: row.try_get(0)?, columns: row.try_get(1)?, create: row.try_get(2)? });
    }

    let mut finish = Vec::new();
    let mut references = Vec::new();
    for statement in texts(connection, constraints()).await? {
        let list = if statement.contains(" FOREIGN KEY ") { &mut references } else { &mut finish };
        list.push(statement);
    }
    finish.extend(texts(connection, indexes()).await?);
    finish.append(&mut references);
    let strangers = texts(connection, strangers()).await?;
    Ok(Described { tables: described, finish, strangers })
}

async fn texts(connection: &mut PgConnection, sql: String) -> Result<Vec<String>, sqlx::Error> {
    let rows = connection.fetch_all(sqlx::AssertSqlSafe(sql)).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// A name as an identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
