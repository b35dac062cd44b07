//! What customers have allowed the clients of the provider. The tokens are the provider's; what they may do is kept here,
//! so that customers see it and end it.

use clock::Timestamp;
use database::{Database, Error};
use gnap::AccessItem;
use gnap::oauth::{Authorization, AuthorizationDetail, AuthorizationId};
use sea_orm::QueryResult;
use uuid::Uuid;

use super::provider::Client;
use crate::sql::{read, read_one};

/// How far an agreement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The customer has allowed it. Whether the provider knows this is not known.
    Allowing,
    /// The provider knows it, too.
    Allowed,
    Ended,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Allowing, Self::Allowed, Self::Ended];

    fn as_str(self) -> &'static str {
        match self {
            Self::Allowing => "allowing",
            Self::Allowed => "allowed",
            Self::Ended => "ended",
        }
    }
}

/// An agreement.
#[derive(Clone, Debug)]
pub(crate) struct OAuthAgreement {
    /// The name by which tokens know it.
    pub(crate) id: Uuid,
    pub(crate) client: Client,
    pub(crate) details: Vec<AuthorizationDetail>,
    /// The name under which its payments are counted.
    pub(crate) grant: String,
    pub(crate) stage: Stage,
    pub(crate) decided_at: Timestamp,
}

impl OAuthAgreement {
    /// A new one, of a client of this issuer.
    pub(crate) fn new(
        id: Uuid,
        issuer: &str,
        client: &Client,
        details: Vec<AuthorizationDetail>,
        now: Timestamp,
    ) -> Self {
        let name = id.to_string();
        let authorization = Authorization { issuer, client: &client.client_id, id: AuthorizationId::Named(&name) };
        let (grant, client) = (authorization.grant(), client.clone());
        Self { id, client, details, grant, stage: Stage::Allowing, decided_at: now }
    }

    /// The rights.
    pub(crate) fn items(&self) -> Vec<AccessItem> {
        self.details.iter().map(|detail| detail.access.clone()).collect()
    }
}

/// Stores what a customer is about to allow. What the provider knows already is not changed.
pub(crate) async fn begin(database: &Database, user: Uuid, agreement: &OAuthAgreement) -> Result<(), Error> {
    let only = "WHERE wallet_oauth_agreements.state = 'allowing'";
    store(database, user, agreement, (Stage::Allowing, agreement.decided_at), only).await
}

/// The provider knows it since `now`. Whatever was stored meanwhile, this is what the provider has.
pub(crate) async fn is_allowed(
    database: &Database,
    user: Uuid,
    agreement: &OAuthAgreement,
    now: Timestamp,
) -> Result<(), Error> {
    store(database, user, agreement, (Stage::Allowed, now), "").await
}

async fn store(
    database: &Database,
    user: Uuid,
    agreement: &OAuthAgreement,
    (stage, decided_at): (Stage, Timestamp),
    only: &str,
) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO wallet_oauth_agreements
            (id, user_id, client_id, client_name, client_uri, access, grant_id, state, decided_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE SET access = excluded.access, state = excluded.state,
            decided_at = excluded.decided_at, ended_at = NULL {only}"
    );
    let OAuthAgreement { id, client, details, grant, .. } = agreement;
    let details =
        serde_json::to_string(details).map_err(|_| Error::inconsistent("wallet_oauth_agreements", "access", id))?;
    let values = [
        (*id).into(),
        user.into(),
        client.client_id.as_str().into(),
        client.client_name.as_str().into(),
        client.client_uri.as_str().into(),
        details.into(),
        grant.as_str().into(),
        stage.as_str().into(),
        decided_at.as_millis().into(),
    ];
    database.execute(&sql, values).await.map(drop)
}

/// The provider was told no, so it knows of no such agreement.
pub(crate) async fn is_refused(database: &Database, user: Uuid, id: Uuid) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_oauth_agreements WHERE id = $1 AND user_id = $2 AND state = 'allowing'";
    database.execute(sql, [id.into(), user.into()]).await.map(drop)
}

/// Everything that a customer had allowed a client until `since` has ended.
pub(crate) async fn have_ended(database: &Database, user: Uuid, client: &str, since: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE wallet_oauth_agreements SET state = 'ended', ended_at = $3
        WHERE user_id = $1 AND client_id = $2 AND state <> 'ended' AND decided_at <= $3";
    database.execute(sql, [user.into(), client.into(), since.as_millis().into()]).await.map(drop)
}

const SELECT: &str = "SELECT id, client_id, client_name, client_uri, access, grant_id, state, decided_at
    FROM wallet_oauth_agreements WHERE user_id = $1";

/// All agreements of a customer, the newest first.
pub(crate) async fn of_user(database: &Database, user: Uuid) -> Result<Vec<OAuthAgreement>, Error> {
    let rows = read(database, &format!("{SELECT} ORDER BY decided_at DESC, id"), [user.into()]).await?;
    rows.iter().map(agreement).collect()
}

/// One agreement of a customer.
pub(crate) async fn one(database: &Database, user: Uuid, id: Uuid) -> Result<Option<OAuthAgreement>, Error> {
    let row = read_one(database, &format!("{SELECT} AND id = $2"), [user.into(), id.into()]).await?;
    row.as_ref().map(agreement).transpose()
}

fn agreement(row: &QueryResult) -> Result<OAuthAgreement, Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let wrong = |column| Error::inconsistent("wallet_oauth_agreements", column, id);
    let (details, state): (String, String) = (row.try_get_by_index(4)?, row.try_get_by_index(6)?);
    Ok(OAuthAgreement {
        id,
        client: Client {
            client_id: row.try_get_by_index(1)?,
            client_name: row.try_get_by_index(2)?,
            client_uri: row.try_get_by_index(3)?,
        },
        details: serde_json::from_str(&details).map_err(|_| wrong("access"))?,
        grant: row.try_get_by_index(5)?,
        stage: Stage::ALL.into_iter().find(|stage| stage.as_str() == state).ok_or_else(|| wrong("state"))?,
        decided_at: Timestamp::from_millis(row.try_get_by_index(7)?),
    })
}
