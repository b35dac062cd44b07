//! Our installation as of one instant: both databases and the journal of the ledger.
//! Its rows are read in `filling`.

use std::collections::HashMap;
use std::time::Duration;

use clock::{Clock, Timestamp};
use database::sea_orm::QueryResult;
use database::{BulkTable, Database, Dialect, Error, Snapshot};
use ledger::{Account, AccountId};
use payments_model::tenant::SettingKey;
use rafiki_tables::back::{Context, Unfinished};
use rafiki_tables::carry::ConsentPlace;
use rafiki_tables::sealed::ColumnSecret;
use rafiki_tables::table::Table;
use rafiki_tables::version::Side;
use uuid::Uuid;

use crate::back::ExportError;
use crate::back::money::{Money, MoneyPlace, OurLedger};
use crate::comparison::{Ours, number};
use crate::error::MoveError;
use crate::progress;

/// The number of attempts to open the databases while the ledger does not change.
const TRIES: u32 = 20;

/// Settings of an export.
#[derive(Clone, Debug)]
pub struct BackSettings {
    /// The operator's tenant.
    pub operator: Uuid,
    /// `DB_ENCRYPTION_SECRET` of the old backend.
    pub secret: Option<ColumnSecret>,
    /// The key of the clear values that the import kept.
    pub key: Option<ColumnSecret>,
    /// `WEBHOOK_MAX_RETRY` of the old backend.
    pub webhook_retries: u32,
    /// How long quotes of unfinished payments stay valid at least.
    pub grace: Duration,
    /// Where the original finds its money. `SameCluster` needs a ledger of ours in a cluster.
    pub money: MoneyPlace,
}

/// Our installation as of one instant.
#[derive(Debug)]
pub struct Installation {
    pub(crate) backend: Snapshot,
    pub(crate) auth: Snapshot,
    pub(crate) money: Money,
    pub(crate) money_place: MoneyPlace,
    pub(crate) tables: HashMap<Table, BulkTable>,
    pub(crate) context: Context,
    /// Reservations that have timed out and are still counted as pending.
    pub(crate) timed_out: std::collections::BTreeMap<AccountId, (u128, u128)>,
}

impl Installation {
    /// Opens everything as of one instant: the ledger did not change while both databases were opened.
    pub async fn open(
        backend: &Database,
        auth: &Database,
        ledger: &OurLedger,
        settings: BackSettings,
        clock: &dyn Clock,
    ) -> Result<Self, ExportError> {
        if progress::mark_of(backend).await?.is_some_and(|mark| mark.complete_at.is_none()) {
            return Err(ExportError::Incomplete);
        }
        let mut tables = HashMap::new();
        for table in Table::ALL {
            let database = if table.side() == Side::Backend { backend } else { auth };
            tables.insert(table, database.bulk_table(table.name(), table.key()).await?);
        }
        for _ in 0..TRIES {
            let mut money = Money::open(ledger).await?;
            let (ours, grants) = (backend.snapshot().await?, auth.snapshot().await?);
            let at = clock.now();
            if money.is_unchanged(ledger).await? {
                let money_place = settings.money;
                let context = context(&ours, at, settings).await?;
                let timed_out = std::collections::BTreeMap::new();
                return Ok(Self { backend: ours, auth: grants, money, money_place, tables, context, timed_out });
            }
            ours.close().await?;
            grants.close().await?;
        }
        Err(ExportError::LedgerChanges)
    }

    /// The instant.
    pub fn at(&self) -> Timestamp {
        self.context.at
    }

    pub(crate) fn of(&self, side: Side) -> &Snapshot {
        match side {
            Side::Backend => &self.backend,
            Side::Auth => &self.auth,
        }
    }

    /// The last ledger number that was given to an asset.
    pub(crate) async fn last_ledger_number(&mut self) -> Result<i64, ExportError> {
        let sql = "SELECT max(next) - 1 FROM ledger_numbers";
        Ok(i64::try_from(number(self, Side::Backend, sql).await?).unwrap_or(0))
    }

    /// Ends the snapshots.
    pub async fn close(self) -> Result<(), ExportError> {
        self.backend.close().await?;
        Ok(self.auth.close().await?)
    }
}

async fn context(ours: &Snapshot, at: Timestamp, settings: BackSettings) -> Result<Context, Error> {
    let mut context = Context {
        at,
        grace: settings.grace,
        operator: settings.operator,
        default_retries: settings.webhook_retries,
        retries: HashMap::new(),
        consent: HashMap::new(),
        unfinished: HashMap::new(),
        secret: settings.secret,
        key: settings.key,
    };
    let sql = "SELECT tenant_id, value FROM tenant_settings WHERE key = $1";
    for row in ours.bulk_query(sql, [SettingKey::WebhookMaxRetry.as_str().into()]).await? {
        let (tenant, value): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        context.retries.extend(value.parse().ok().map(|value| (tenant, value)));
    }
    for row in ours.bulk_query("SELECT id, idp_consent_url, idp_secret FROM tenants", []).await? {
        let place = ConsentPlace { url: row.try_get_by_index(1)?, secret: row.try_get_by_index(2)? };
        context.consent.insert(row.try_get_by_index(0)?, place);
    }
    let sql = "SELECT id, state FROM outgoing_payments WHERE state IN ('FUNDING', 'SENDING')";
    for row in ours.bulk_query(sql, []).await? {
        let state: String = row.try_get_by_index(1)?;
        let state = if state == "FUNDING" { Unfinished::Funding } else { Unfinished::Sending };
        context.unfinished.insert(row.try_get_by_index(0)?, state);
    }
    Ok(context)
}

impl Ours for Installation {
    async fn query(&mut self, side: Side, sql: &str) -> Result<Vec<QueryResult>, MoveError> {
        Ok(self.of(side).bulk_query(sql, []).await?)
    }

    async fn accounts(&mut self, ids: Vec<AccountId>) -> Result<Vec<Option<Account>>, MoveError> {
        let found = self.money.accounts(&ids).await?;
        let found: HashMap<AccountId, Account> =
            found.into_iter().map(|account| (account.created.id, account)).collect();
        let account = |id: AccountId| {
            let mut account = *found.get(&id)?;
            // In the original, reservations that have timed out count as released.
            if let Some((debits, credits)) = self.timed_out.get(&id) {
                account.debits_pending = account.debits_pending.saturating_sub(*debits);
                account.credits_pending = account.credits_pending.saturating_sub(*credits);
            }
            Some(account)
        };
        Ok(ids.into_iter().map(account).collect())
    }
}

/// A list of ids in one text parameter, as values of the column type of ids.
pub(crate) fn ids_of(dialect: Dialect, parameter: &str) -> String {
    let these = progress::texts_of(dialect, parameter);
    match dialect {
        Dialect::Sqlite => format!("SELECT unhex(replace(value, '-', '')) FROM ({these})"),
        Dialect::Postgres => format!("SELECT t::uuid FROM ({these}) AS x (t)"),
    }
}
