//! Runs migrations. Each store has its own list of steps, and its own table of applied steps.
//!
//! Forward only. All steps of a run are one transaction. If two processes start together, one waits for the other.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{Database, Dialect, Error};

/// The migrations of one store, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// Names the table of applied steps, `{store}_migrations`. Several stores may share a database.
    pub store: &'static str,
    /// The steps, oldest first. A released step never changes.
    pub steps: &'static [Step],
}

/// One migration.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its name, unique in the store, for example `0001_payments`.
    pub name: &'static str,
    /// Statements for both dialects. SQLite accepts any type name, so those of Postgres are used: `uuid`, `bigint`,
    /// `text`, `boolean`.
    pub sql: &'static str,
}

impl Database {
    /// Applies the steps of `migrations` that are missing, and returns their names.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<Vec<&'static str>, Error> {
        let transaction = self.begin_plain().await?;
        if self.dialect() == Dialect::Postgres {
            let lock = "SELECT pg_advisory_xact_lock(hashtext($1))";
            let name = format!("migrate {}", migrations.store);
            let backend = transaction.get_database_backend();
            transaction.execute_raw(Statement::from_sql_and_values(backend, lock, [name.into()])).await?;
        }
        let pending = migrations.pending(&transaction).await?;
        migrations.apply(&transaction, &pending).await?;
        transaction.commit().await?;
        Ok(pending)
    }

    /// The steps of `migrations` that are missing. Changes nothing.
    pub async fn pending(&self, migrations: &Migrations) -> Result<Vec<&'static str>, Error> {
        migrations.pending(self.reader()).await
    }

    /// Fails with the names of the missing steps, for an operator who applies them by hand.
    pub async fn require_migrated(&self, migrations: &Migrations) -> Result<(), Error> {
        let pending = self.pending(migrations).await?;
        if pending.is_empty() {
            return Ok(());
        }
        let steps = pending.join(", ");
        Err(Error::OtherTables(format!("its tables are not up to date ({steps}); run `rafiki migrate` first")))
    }
}

impl Migrations {
    fn book(&self) -> String {
        format!("{}_migrations", self.store)
    }

    /// The steps that are missing. An applied step that this program does not know is an error, because the tables are
    /// those of a later version.
    async fn pending(&self, connection: &impl ConnectionTrait) -> Result<Vec<&'static str>, Error> {
        let backend = connection.get_database_backend();
        let mut steps: Vec<&'static str> = self.steps.iter().map(|step| step.name).collect();
        if !self.has_book(connection).await? {
            return Ok(steps);
        }
        let sql = format!("SELECT version FROM {} ORDER BY version", self.book());
        for row in connection.query_all_raw(Statement::from_string(backend, sql)).await? {
            let version: String = row.try_get_by_index(0)?;
            let known = steps.iter().position(|step| *step == version);
            let known = known.ok_or_else(|| {
                Error::OtherTables(format!(
                    "its tables were made by a later version of this program (step {version}); use that version. \
                     Nothing was changed"
                ))
            })?;
            steps.remove(known);
        }
        Ok(steps)
    }

    /// Applies the steps with these names, and writes each of them to the table of applied steps.
    async fn apply(&self, connection: &impl ConnectionTrait, names: &[&'static str]) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        let backend = connection.get_database_backend();
        let table = self.book();
        let now = match backend {
            DbBackend::Sqlite => "CAST(strftime('%s', 'now') AS INTEGER)",
            _ => "CAST(extract(epoch FROM now()) AS bigint)",
        };
        let columns = "version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL";
        connection.execute_unprepared(&format!("CREATE TABLE IF NOT EXISTS {table} ({columns})")).await?;

        let applied = format!("INSERT INTO {table} (version, applied_at) VALUES ($1, {now})");
        for step in self.steps.iter().filter(|step| names.contains(&step.name)) {
            connection.execute_unprepared(step.sql).await?;
            connection.execute_raw(Statement::from_sql_and_values(backend, &applied, [step.name.into()])).await?;
        }
        Ok(())
    }

    async fn has_book(&self, connection: &impl ConnectionTrait) -> Result<bool, Error> {
        let backend = connection.get_database_backend();
        let sql = match backend {
            DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
            _ => "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
        };
        let found = Statement::from_sql_and_values(backend, sql, [self.book().into()]);
        Ok(connection.query_one_raw(found).await?.is_some())
    }
}
