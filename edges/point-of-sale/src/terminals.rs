//! The terminals of merchants. Each is registered with a public key, and signs its requests (RFC 9421).
//!
//! A terminal belongs to one merchant.

use clock::Timestamp;
use database::{Database, Error};
use http_kit::SignedMessage;
use http_signatures::{Freshness, Jwk, PublicKey, TargetOrigin};
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde::Serialize;
use web_url::WalletAddressUrl;

/// Which terminals are accepted.
#[derive(Clone, Debug)]
pub enum Terminals {
    /// Those with a valid signature.
    Signed {
        /// The greatest age of a signature.
        freshness: Freshness,
        /// The scheme and host of signed URLs.
        origin: TargetOrigin,
    },
    /// All terminals, as in the original. A signature that is present must still be valid.
    Anybody {
        /// The greatest age of a signature.
        freshness: Freshness,
        /// The scheme and host of signed URLs.
        origin: TargetOrigin,
    },
}

/// A terminal to register.
#[derive(Clone, Debug)]
pub struct NewTerminal {
    /// Its id in signatures (`keyid`).
    pub id: String,
    /// The merchant's wallet address.
    pub merchant: WalletAddressUrl,
    /// A name for people.
    pub name: String,
    /// Its Ed25519 public key.
    pub key: PublicKey,
}

/// A registered terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminalRecord {
    /// Its id in signatures (`keyid`).
    pub id: String,
    /// The merchant's wallet address.
    pub merchant: String,
    /// A name for people.
    pub name: String,
    /// Its public key, base64url.
    #[serde(skip)]
    pub public_key: String,
    /// Whether it was revoked.
    pub is_revoked: bool,
}

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// This terminal of this merchant.
    Terminal { id: String, merchant: String },
    /// A sender without a signature.
    Anybody,
}

impl Caller {
    /// Whether the caller may act for `merchant`, in its normal form.
    pub(crate) fn speaks_for(&self, merchant: &str) -> bool {
        match self {
            Self::Terminal { merchant: own, .. } => own == merchant,
            Self::Anybody => true,
        }
    }

    pub(crate) fn terminal(&self) -> Option<&str> {
        match self {
            Self::Terminal { id, .. } => Some(id),
            Self::Anybody => None,
        }
    }
}

/// Why a terminal is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBelieved {
    #[error(
        "sign the request with the terminal's key (RFC 9421); register terminals with `rafiki terminal add`, or set \
         POS_UNSIGNED_TERMINALS=believed at the point of sale"
    )]
    Unsigned,
    #[error("no terminal of this name is registered")]
    Unknown,
    #[error(transparent)]
    Headers(#[from] http_signatures::HeaderError),
    #[error(transparent)]
    Signature(#[from] http_signatures::VerifyError),
    #[error(transparent)]
    Store(#[from] Error),
}

impl Terminals {
    pub(crate) fn origin(&self) -> &TargetOrigin {
        let (Self::Signed { origin, .. } | Self::Anybody { origin, .. }) = self;
        origin
    }

    /// Finds the sender of `message`.
    pub(crate) async fn caller(
        &self,
        database: &Database,
        message: &SignedMessage,
        now: Timestamp,
    ) -> Result<Caller, NotBelieved> {
        let freshness = match (self, message.has_signature()) {
            (Self::Anybody { .. }, false) => return Ok(Caller::Anybody),
            (Self::Signed { .. }, false) => return Err(NotBelieved::Unsigned),
            (Self::Signed { freshness, .. } | Self::Anybody { freshness, .. }, true) => *freshness,
        };
        let checked = message.check()?;
        let terminal = match checked.key_id() {
            Some(id) => find(database, id).await?.filter(|terminal| !terminal.is_revoked),
            None => None,
        };
        let terminal = terminal.ok_or(NotBelieved::Unknown)?;
        let key = PublicKey::from_base64url(&terminal.public_key).ok();
        let key = key.and_then(|key| Jwk::new(terminal.id.as_str(), key).ok()).ok_or(NotBelieved::Unknown)?;
        checked.verify(&key, freshness, now)?;
        Ok(Caller::Terminal { id: terminal.id, merchant: terminal.merchant })
    }
}

/// Registers a terminal; `false` if its id is registered.
pub(crate) async fn add(database: &Database, new: &NewTerminal, now: Timestamp) -> Result<bool, Error> {
    let sql = "INSERT INTO pos_terminals (id, merchant, name, public_key, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING";
    let values = [
        new.id.as_str().into(),
        new.merchant.as_str().into(),
        new.name.as_str().into(),
        new.key.to_base64url().into(),
        now.as_millis().into(),
    ];
    Ok(database.execute(sql, values).await? > 0)
}

/// Revokes a terminal; `false` if there was none to revoke.
pub(crate) async fn revoke(database: &Database, id: &str, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE pos_terminals SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(database.execute(sql, [id.into(), now.as_millis().into()]).await? > 0)
}

/// Every terminal.
pub(crate) async fn list(database: &Database) -> Result<Vec<TerminalRecord>, Error> {
    let sql = "SELECT id, merchant, name, public_key, revoked_at FROM pos_terminals ORDER BY merchant, id";
    let reader = database.reader();
    let rows = reader.query_all_raw(Statement::from_string(reader.get_database_backend(), sql)).await?;
    rows.iter().map(read).collect()
}

async fn find(database: &Database, id: &str) -> Result<Option<TerminalRecord>, Error> {
    let sql = "SELECT id, merchant, name, public_key, revoked_at FROM pos_terminals WHERE id = $1";
    let reader = database.reader();
    let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, [id.into()]);
    reader.query_one_raw(statement).await?.as_ref().map(read).transpose()
}

fn read(row: &QueryResult) -> Result<TerminalRecord, Error> {
    let revoked_at: Option<i64> = row.try_get_by_index(4)?;
    Ok(TerminalRecord {
        id: row.try_get_by_index(0)?,
        merchant: row.try_get_by_index(1)?,
        name: row.try_get_by_index(2)?,
        public_key: row.try_get_by_index(3)?,
        is_revoked: revoked_at.is_some(),
    })
}
