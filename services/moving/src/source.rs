//! The original installation: its two databases, each read at one instant, and the values that apply to all rows.
//! Our databases are in `target`.

use std::collections::HashMap;
use std::time::Duration;

use clock::Timestamp;
use futures::TryStreamExt;
use ledger::LedgerJournal;
use rafiki_database::{BooksIn, Old, UnknownAllowed};
use rafiki_tables::carry::{ConsentPlace, Context, Source};
use rafiki_tables::kept::Keeping;
use rafiki_tables::row::Row;
use rafiki_tables::sealed::ColumnSecret;
use rafiki_tables::version::Side;

use crate::cluster::take_money;
use crate::error::MoveError;

/// Settings of a move.
#[derive(Clone, Debug)]
pub struct MoveSettings {
    /// `DB_ENCRYPTION_SECRET` of the old backend.
    pub secret: Option<ColumnSecret>,
    /// `WEBHOOK_MAX_RETRY` of the old backend.
    pub webhook_retries: u32,
    /// How long quotes of unfinished payments stay valid at least.
    pub grace: Duration,
    /// Whether the clear values of tokens are kept for the way back.
    pub keep: Option<Keeping>,
    /// Whether old transfers are replayed.
    pub history: History,
    /// Whether a database with unknown migrations is accepted.
    pub unknown: UnknownAllowed,
}

/// How the money is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// As totals of each account. Deposits and withdrawals keep their ids.
    Totals,
    /// Every transfer, in order.
    Replayed,
}

/// Where the money of the original is recorded.
#[derive(Clone, Copy)]
pub enum Money<'a> {
    /// In its backend database.
    Tables,
    /// In this TigerBeetle cluster.
    Cluster(&'a dyn LedgerJournal),
}

impl Money<'_> {
    fn place(self) -> BooksIn {
        match self {
            Self::Tables => BooksIn::Tables,
            Self::Cluster(_) => BooksIn::Cluster,
        }
    }
}

impl std::fmt::Debug for Money<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.place().fmt(f)
    }
}

/// The original installation, as of one instant.
#[derive(Debug)]
pub struct OldInstallation {
    pub(crate) backend: Old,
    pub(crate) auth: Old,
    pub(crate) context: Context,
    pub(crate) history: History,
    /// Identifies the installation.
    pub(crate) fingerprint: String,
}

/// The times of the migrations distinguish two installations that were made in the same minute.
const FINGERPRINT: &str =
    "SELECT md5(string_agg(name || extract(epoch FROM migration_time)::text, ',' ORDER BY id)) FROM knex_migrations";

impl OldInstallation {
    /// Opens both databases. The backend's comes first, so the auth database has every grant that it refers to.
    pub async fn open(backend: &str, auth: &str, money: Money<'_>, settings: MoveSettings) -> Result<Self, MoveError> {
        let mut backend = Old::open(Side::Backend, backend, settings.unknown, money.place()).await?;
        let mut auth = Old::open(Side::Auth, auth, settings.unknown, BooksIn::Tables).await?;
        if let Money::Cluster(cluster) = money {
            take_money(&mut backend, cluster).await?;
        }
        let retries = retries(&mut backend).await?;
        let consent = consent_places(&mut auth).await?;
        let fingerprint = backend.value("the migrations", FINGERPRINT).await?.unwrap_or_default();
        let at = backend.at();
        let (grace, default_retries, secret, keep) =
            (settings.grace, settings.webhook_retries, settings.secret, settings.keep);
        let context = Context { at, grace, default_retries, retries, consent, secret, keep };
        Ok(Self { backend, auth, context, history: settings.history, fingerprint })
    }

    /// The time of the snapshots.
    pub fn at(&self) -> Timestamp {
        self.context.at
    }

    /// Ends both snapshots.
    pub async fn close(self) {
        self.backend.close().await;
        self.auth.close().await;
    }

    pub(crate) fn of(&mut self, side: Side) -> (&mut Old, &Context) {
        match side {
            Side::Backend => (&mut self.backend, &self.context),
            Side::Auth => (&mut self.auth, &self.context),
        }
    }
}

async fn retries(backend: &mut Old) -> Result<HashMap<uuid::Uuid, u32>, MoveError> {
    let mut retries = HashMap::new();
    let mut rows = backend.rows(Source::TenantSettings, None);
    while let Some(json) = rows.try_next().await? {
        let setting = || {
            let row = Row::read("tenantSettings", &json).ok()?;
            let of_retries = row.text("key").ok()? == "WEBHOOK_MAX_RETRY";
            of_retries.then_some((row.uuid("tenantId").ok()?, row.text("value").ok()?.parse().ok()?))
        };
        // An invalid number is refused when the setting is moved, or the default applies.
        retries.extend(setting());
    }
    Ok(retries)
}

async fn consent_places(auth: &mut Old) -> Result<HashMap<uuid::Uuid, ConsentPlace>, MoveError> {
    let mut places = HashMap::new();
    let mut rows = auth.rows(Source::AuthTenants, None);
    while let Some(json) = rows.try_next().await? {
        let place = || {
            let row = Row::read("tenants", &json).ok()?;
            let (url, secret) = (row.optional_text("idpConsentUrl").ok()?, row.optional_text("idpSecret").ok()?);
            Some((row.uuid("id").ok()?, ConsentPlace { url, secret }))
        };
        places.extend(place());
    }
    Ok(places)
}
