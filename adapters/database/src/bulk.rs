//! Many rows at once, as JSON objects, for moving whole tables between databases.
//!
//! Single entities are read and written by the stores that own the tables. The database describes its columns and their
//! types. Ids are written as text, octets as hexadecimal.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use crate::{Database, Dialect, Error, WriteTransaction};

/// How the values of a column are written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Uuid,
    Octets,
    /// As they are.
    Plain,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    /// The name of the type in Postgres.
    declared: String,
    kind: Kind,
}

/// A table as its database describes it.
#[derive(Clone, Debug)]
pub struct BulkTable {
    name: String,
    columns: Vec<Column>,
    key: Vec<String>,
    dialect: Dialect,
}

impl Database {
    /// Describes a table whose rows are identified by `key`.
    pub async fn bulk_table(&self, name: &str, key: &[&str]) -> Result<BulkTable, Error> {
        let sql = match self.dialect() {
            Dialect::Sqlite => "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
            Dialect::Postgres => {
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            }
        };
        let rows = self.bulk_query(sql, [name.into()]).await?;
        let mut columns = Vec::with_capacity(rows.len());
        for row in rows {
            let (name, declared): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let kind = match declared.as_str() {
                "uuid" => Kind::Uuid,
                "bytea" => Kind::Octets,
                _ => Kind::Plain,
            };
            columns.push(Column { name, declared, kind });
        }
        if columns.is_empty() {
            return Err(Error::OtherTables(format!("there is no table {name}; run `rafiki migrate` first")));
        }
        let key = key.iter().map(|&column| column.to_owned()).collect();
        Ok(BulkTable { name: name.to_owned(), columns, key, dialect: self.dialect() })
    }

    /// The rows of a query, outside of any transaction.
    pub async fn bulk_query(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, Error> {
        let reader = self.reader();
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        Ok(reader.query_all_raw(statement).await?)
    }

    /// At most `limit` rows of the table as JSON objects, ordered by key, beginning after the key values in `after`.
    pub async fn bulk_page(&self, table: &BulkTable, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
        let (sql, values) = table.page(after, limit);
        let rows = self.bulk_query(&sql, values).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }
}

impl WriteTransaction {
    /// Writes the rows. Rows with a new key are added, the others replaced. Columns that a row does not have become
    /// null.
    pub async fn bulk_upsert(&self, table: &BulkTable, rows: &[String]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let list = format!("[{}]", rows.join(","));
        self.bulk_execute(&table.upsert_sql(), [list.into()]).await.map(drop)
    }

    /// Runs a statement in this transaction. Returns how many rows it changed.
    pub async fn bulk_execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, Error> {
        let statement = Statement::from_sql_and_values(self.get_database_backend(), sql, values);
        Ok(self.execute_raw(statement).await?.rows_affected())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list<'a>(names: impl Iterator<Item = &'a String>, each: impl Fn(&str) -> String) -> String {
    names.map(|name| each(name)).collect::<Vec<_>>().join(", ")
}

impl BulkTable {
    fn upsert_sql(&self) -> String {
        let names = list(self.columns.iter().map(|column| &column.name), quoted);
        let values = self.columns.iter().map(|column| self.value_sql(column)).collect::<Vec<_>>().join(", ");

        let source = match self.dialect {
            Dialect::Sqlite => "json_each($1) AS r WHERE TRUE".to_owned(),
            Dialect::Postgres => {
                let column = |column: &Column| {
                    let declared = if column.kind == Kind::Octets { "text" } else { &column.declared };
                    format!("{} {declared}", quoted(&column.name))
                };
                let columns = self.columns.iter().map(column).collect::<Vec<_>>().join(", ");
                format!("json_to_recordset($1::json) AS r ({columns})")
            }
        };

        let key = list(self.key.iter(), quoted);
        let others: Vec<&String> =
            self.columns.iter().map(|column| &column.name).filter(|name| !self.key.contains(name)).collect();
        let replace = if others.is_empty() {
            "DO NOTHING".to_owned()
        } else {
            let set = list(others.into_iter(), |name| format!("{0} = excluded.{0}", quoted(name)));
            format!("DO UPDATE SET {set}")
        };

        format!(
            "INSERT INTO {} ({names}) SELECT {values} FROM {source} ON CONFLICT ({key}) {replace}",
            quoted(&self.name)
        )
    }

    fn value_sql(&self, column: &Column) -> String {
        let name = &column.name;
        match (self.dialect, column.kind) {
            (Dialect::Sqlite, Kind::Plain) => format!("json_extract(r.value, '$.{name}')"),
            (Dialect::Sqlite, Kind::Octets) => format!("unhex(json_extract(r.value, '$.{name}'))"),
            (Dialect::Sqlite, Kind::Uuid) => format!("unhex(json_extract(r.value, '$.{name}'), '-')"),
            (Dialect::Postgres, Kind::Octets) => format!("decode(r.{}, 'hex')", quoted(name)),
            (Dialect::Postgres, _) => format!("r.{}", quoted(name)),
        }
    }

    /// The statement of a page with its values.
    pub(crate) fn page(&self, after: Option<&str>, limit: u32) -> (String, Vec<Value>) {
        let values = after.map(Value::from).into_iter().chain([i64::from(limit).into()]);
        (self.page_sql(after.is_some()), values.collect())
    }

    /// The key of a row is written as one text, so that the next page can begin after it.
    fn page_sql(&self, after: bool) -> String {
        let written = |column: &Column| {
            let name = quoted(&column.name);
            match (self.dialect, column.kind) {
                (Dialect::Sqlite, Kind::Uuid) => {
                    let hex = format!("lower(hex({name}))");
                    let part = |from: u8, length: u8| format!("substr({hex}, {from}, {length})");
                    let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ");
                    format!("CASE WHEN {name} IS NOT NULL THEN {parts} END")
                }
                (Dialect::Sqlite, Kind::Octets) => format!("lower(hex({name}))"),
                (Dialect::Sqlite, Kind::Plain) if column.declared == "boolean" => {
                    format!("json(CASE WHEN {name} THEN 'true' ELSE 'false' END)")
                }
                (Dialect::Postgres, Kind::Octets) => format!("encode({name}, 'hex')"),
                _ => name,
            }
        };

        let object = self.columns.iter().map(|column| format!("'{}', {}", column.name, written(column)));
        let object = object.collect::<Vec<_>>().join(", ");
        let json = match self.dialect {
            Dialect::Sqlite => format!("json_object({object})"),
            Dialect::Postgres => format!("json_build_object({object})::text"),
        };

        let key: Vec<&Column> =
            self.key.iter().filter_map(|name| self.columns.iter().find(|column| column.name == *name)).collect();
        let order = key.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ");

        let (behind, limit) = if after {
            // The last row is given as its JSON object. Its key is read from there.
            let parts = key.iter().map(|column| self.key_part(column)).collect::<Vec<_>>().join(", ");
            (format!("WHERE ({order}) > ({parts})"), "$2")
        } else {
            (String::new(), "$1")
        };

        format!("SELECT {json} FROM {} {behind} ORDER BY {order} LIMIT {limit}", quoted(&self.name))
    }

    fn key_part(&self, column: &Column) -> String {
        let name = &column.name;
        match (self.dialect, column.kind) {
            (Dialect::Sqlite, Kind::Plain) => format!("json_extract($1, '$.{name}')"),
            (Dialect::Sqlite, Kind::Octets) => format!("unhex(json_extract($1, '$.{name}'))"),
            (Dialect::Sqlite, Kind::Uuid) => format!("unhex(json_extract($1, '$.{name}'), '-')"),
            (Dialect::Postgres, Kind::Octets) => format!("decode($1::json ->> '{name}', 'hex')"),
            (Dialect::Postgres, _) => format!("($1::json ->> '{name}')::{}", column.declared),
        }
    }
}
