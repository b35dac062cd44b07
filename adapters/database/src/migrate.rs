//! Runs migrations. Each store has its own list of steps, and its own table of applied steps.
//!
//! Forward only. All steps of a run are one transaction. If two processes start together, one waits for the other.

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, IntoIden};
use sea_orm::{ConnectionTrait, DbBackend, DynIden, Statement};
use sea_orm_migration::migrator::MigratorTraitSelf;
use sea_orm_migration::prelude::{DbErr, MigrationName, MigrationTrait, SchemaManager};

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
        if !pending.is_empty() {
            migrations.up(&transaction, None).await?;
        }
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

#[async_trait]
impl MigratorTraitSelf for Migrations {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        self.steps.iter().map(|step| Box::new(*step) as Box<dyn MigrationTrait>).collect()
    }

    fn migration_table_name(&self) -> DynIden {
        Alias::new(self.book()).into_iden()
    }
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.sql).await.map(|_| ())
    }
}
