//! Grants that this instance holds at other authorization servers.
//!
//! The payments service decides which grant is renewed or requested.

use std::collections::BTreeSet;

use clock::Timestamp;
use database::{Error, WriteTransaction};
use payments_model::GrantId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, OnConflict};
use sea_orm::{QueryOrder, Set};

use crate::convert::{Place, instant, stored_instant};
use crate::rows::{auth_server as server_row, held_grant as grant_row};
use crate::scope::Scope;

/// A grant held at another authorization server.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldGrant {
    /// Its id in this database.
    pub id: GrantId,
    /// The authorization server's grant URL.
    pub auth_server: String,
    /// The type of access; always `incoming-payment` so far.
    pub access_type: String,
    /// The allowed actions, implied actions included.
    pub actions: BTreeSet<String>,
    /// The access token.
    pub access_token: String,
    /// The URL where the token is rotated and revoked, exactly as the server gave it.
    pub management_url: String,
    /// When the token expires; `None` means never.
    pub expires_at: Option<Timestamp>,
    /// When it was granted.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for HeldGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeldGrant")
            .field("id", &self.id)
            .field("auth_server", &self.auth_server)
            .finish_non_exhaustive()
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The newest usable grant at a server that allows all of `actions`.
    pub async fn held_grant(
        &self,
        auth_server: &str,
        access_type: &str,
        actions: &BTreeSet<String>,
    ) -> Result<Option<HeldGrant>, Error> {
        let server = server_row::Entity::find().filter(server_row::Column::Url.eq(auth_server));
        let Some(server) = server.one(self.connection).await? else { return Ok(None) };
        let rows = grant_row::Entity::find()
            .filter(grant_row::Column::AuthServerId.eq(server.id))
            .filter(grant_row::Column::AccessType.eq(access_type))
            .filter(grant_row::Column::DeletedAt.is_null())
            .order_by_desc(grant_row::Column::CreatedAt)
            .all(self.connection)
            .await?;
        for row in rows {
            let held = grant(row, auth_server)?;
            if held.actions.is_superset(actions) {
                return Ok(Some(held));
            }
        }
        Ok(None)
    }
}

impl Scope<'_, WriteTransaction> {
    /// Stores a new grant, and its server if the server is new.
    pub async fn insert_held_grant(&self, held: &HeldGrant, server_id: Uuid) -> Result<(), Error> {
        let server = server_row::ActiveModel {
            id: Set(server_id),
            url: Set(held.auth_server.clone()),
            created_at: Set(held.created_at.as_millis()),
        };
        let once = OnConflict::column(server_row::Column::Url).do_nothing().to_owned();
        server_row::Entity::insert(server).on_conflict(once).exec_without_returning(self.connection).await?;

        let server = server_row::Entity::find().filter(server_row::Column::Url.eq(&held.auth_server));
        let server = server.one(self.connection).await?;
        let server = server.ok_or_else(|| Error::inconsistent("auth_servers", "url", &held.auth_server))?;

        let row = grant_row::ActiveModel {
            id: Set(held.id.as_uuid()),
            auth_server_id: Set(server.id),
            access_type: Set(held.access_type.clone()),
            access_actions: Set(stored_actions(&held.actions)),
            access_token: Set(held.access_token.clone()),
            management_url: Set(held.management_url.clone()),
            continue_uri: Set(None),
            continue_token: Set(None),
            expires_at: Set(stored_instant(held.expires_at)),
            created_at: Set(held.created_at.as_millis()),
            updated_at: Set(held.created_at.as_millis()),
            deleted_at: Set(None),
        };

        grant_row::Entity::insert(row).exec_without_returning(self.connection).await?;
        Ok(())
    }

    /// Replaces `old_token` by the new token of a rotated grant.
    ///
    /// Returns `false` and writes nothing if the grant was renewed or discarded meanwhile.
    pub async fn renew_held_grant(&self, held: &HeldGrant, old_token: &str, now: Timestamp) -> Result<bool, Error> {
        let changed = grant_row::ActiveModel {
            access_token: Set(held.access_token.clone()),
            management_url: Set(held.management_url.clone()),
            expires_at: Set(stored_instant(held.expires_at)),
            updated_at: Set(now.as_millis()),
            ..Default::default()
        };
        let update = grant_row::Entity::update_many().set(changed);
        let done = update.filter(still_with(held.id, old_token)).exec(self.connection).await?;
        Ok(done.rows_affected == 1)
    }

    /// Discards a grant that still has the token of `held`. A repetition changes nothing.
    pub async fn discard_held_grant(&self, held: &HeldGrant, now: Timestamp) -> Result<(), Error> {
        let changed = grant_row::ActiveModel { deleted_at: Set(Some(now.as_millis())), ..Default::default() };
        let update = grant_row::Entity::update_many().set(changed);
        update.filter(still_with(held.id, &held.access_token)).exec(self.connection).await?;
        Ok(())
    }
}

/// The grant with this id if it still has this token. Another process may have renewed it.
fn still_with(id: GrantId, token: &str) -> Condition {
    Condition::all()
        .add(grant_row::Column::Id.eq(id.as_uuid()))
        .add(grant_row::Column::AccessToken.eq(token))
        .add(grant_row::Column::DeletedAt.is_null())
}

fn grant(row: grant_row::Model, auth_server: &str) -> Result<HeldGrant, Error> {
    let place = Place { table: "held_grants", row: row.id };
    Ok(HeldGrant {
        id: row.id.into(),
        auth_server: auth_server.to_owned(),
        access_type: row.access_type,
        actions: place.json("access_actions", &row.access_actions)?,
        access_token: row.access_token,
        management_url: row.management_url,
        expires_at: instant(row.expires_at),
        created_at: Timestamp::from_millis(row.created_at),
    })
}

fn stored_actions(actions: &BTreeSet<String>) -> String {
    serde_json::Value::from(actions.iter().cloned().collect::<Vec<_>>()).to_string()
}
