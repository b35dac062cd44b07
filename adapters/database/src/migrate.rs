//! The migrations runner: each store brings its own list and keeps its own book of what was applied.
//!
//! Forward only. All steps of a run are one transaction; two processes that start together take turns.

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, IntoIden};
use sea_orm::{ConnectionTrait, DynIden, Statement};
use sea_orm_migration::migrator::MigratorTraitSelf;
use sea_orm_migration::prelude::{DbErr, MigrationName, MigrationTrait, SchemaManager};

use crate::{Database, Dialect, Error};

/// The migrations of one store, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// Names the book of applied steps, `{store}_migrations`; several stores may share a database.
    pub store: &'static str,
    /// The steps, oldest first. A step that was released is never changed.
    pub steps: &'static [Step],
}

/// One migration.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its name, unique in the store, for example `0001_payments`.
    pub name: &'static str,
    /// Statements both dialects understand. SQLite takes any type name, so Postgres's are used: `uuid`, `bigint`,
    /// `text`, `boolean`.
    pub sql: &'static str,
}

impl Database {
    /// Applies the steps of `migrations` that were not applied yet.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<(), Error> {
        let transaction = self.begin().await?;
        if self.dialect() == Dialect::Postgres {
            let lock = "SELECT pg_advisory_xact_lock(hashtext($1))";
            let name = format!("migrate {}", migrations.store);
            let backend = transaction.get_database_backend();
            transaction.execute_raw(Statement::from_sql_and_values(backend, lock, [name.into()])).await?;
        }
        migrations.up(transaction.inner(), None).await?;
        transaction.commit().await
    }
}

#[async_trait]
impl MigratorTraitSelf for Migrations {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        self.steps.iter().map(|step| Box::new(*step) as Box<dyn MigrationTrait>).collect()
    }

    fn migration_table_name(&self) -> DynIden {
        Alias::new(format!("{}_migrations", self.store)).into_iden()
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
