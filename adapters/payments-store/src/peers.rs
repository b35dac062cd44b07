//! Stores peers and their tokens.
//!
//! It does not store their balances: those are in the ledger.

use std::collections::HashMap;

use clock::Timestamp;
use database::{Database, Error, Locked, WriteTransaction};
use payments_model::page::{Page, PageRequest};
use payments_model::peer::{OutgoingHttp, PeerHistory, WantedBy};
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::{IncomingToken, REPLACED_KEPT, TokenDigest, TokenEnds};
use payments_model::{AssetId, Peer, PeerId, Secret, TenantAsset, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, OnConflict, Query};
use sea_orm::{NotSet, QueryOrder, QuerySelect, Set, Statement};
use serde_json::json;

use crate::assets::asset;
use crate::convert::{Place, stored_instant, stored_json, stored_optional};
use crate::embedded::assets_of;
use crate::paging::Paging;
use crate::readable::readable;
use crate::rows::peer::{ActiveModel, Column, Entity, Model};
use crate::rows::{asset as asset_row, peer_incoming_token as token_row};
use crate::scope::{Scope, must_be_one};

const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

/// Reads the tokens that older versions stored in clear text.
const OLD_TOKENS: &str = "SELECT token, peer_id, created_at FROM peer_http_tokens";

const US: &str = "US";
const THEM: &str = "THEM";

fn place(row: &Model) -> Place {
    Place { table: "peers", row: row.id }
}

fn peer(row: Model, asset: TenantAsset) -> Result<Peer, Error> {
    let place = place(&row);
    let outgoing = row
        .outgoing_endpoint
        .zip(row.outgoing_token)
        .map(|(endpoint, token)| OutgoingHttp { endpoint, token: Secret::new(token) });

    Ok(Peer {
        id: PeerId::from_uuid(row.id),
        tenant_id: TenantId::from_uuid(row.tenant_id),
        asset,
        static_ilp_address: row.static_ilp_address,
        outgoing,
        history: PeerHistory {
            former_outgoing: place.json("former_outgoing_tokens", &row.former_outgoing_tokens)?,
            peering_url: row.peering_url,
            wanted_by: match row.wanted_by.as_str() {
                US => WantedBy::Us,
                THEM => WantedBy::Them,
                _ => return Err(place.inconsistent("wanted_by")),
            },
        },
        max_packet_amount: place.optional_amount("max_packet_amount", row.max_packet_amount)?,
        name: row.name,
        liquidity_threshold: place.optional_amount("liquidity_threshold", row.liquidity_threshold)?,
        routes: place.json("routes", &row.routes)?,
        terms: row.terms.map(|terms| place.json("terms", &terms)).transpose()?.unwrap_or_default(),
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

fn incoming_token(row: &token_row::Model) -> Result<IncomingToken, Error> {
    let place = Place { table: "peer_incoming_tokens", row: row.peer_id };
    Ok(IncomingToken {
        digest: row.digest.parse().map_err(|_| place.inconsistent("digest"))?,
        expires_at: row.expires_at.map(Timestamp::from_millis),
    })
}

fn joined((row, of): (Model, Option<asset_row::Model>)) -> Result<Peer, Error> {
    let of = of.ok_or_else(|| place(&row).inconsistent("asset_id"))?;
    peer(row, asset(of)?)
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The peer with this id.
    pub async fn peer(&self, id: PeerId) -> Result<Option<Peer>, Error> {
        let select = self.peer_rows().filter(Column::Id.eq(id.as_uuid())).find_also_related(asset_row::Entity);
        select.one(self.connection).await?.map(joined).transpose()
    }

    /// A page of the peers.
    pub async fn peers(&self, request: PageRequest) -> Result<Page<Peer>, Error> {
        let page = PAGING.page(self.connection, self.peer_rows(), request).await?;
        let assets = assets_of(self.connection, page.items.iter().map(|row| row.asset_id)).await?;
        page.try_map(|row| {
            let of = assets.get(&row.asset_id).cloned();
            joined((row, of))
        })
    }

    /// Every peer, oldest first, for the connector's directory.
    pub async fn all_peers(&self) -> Result<Vec<Peer>, Error> {
        let of_peers = Query::select().column(Column::AssetId).from(Entity).to_owned();
        let assets = asset_row::Entity::find().filter(asset_row::Column::Id.in_subquery(of_peers));
        let assets = readable(self.connection, &assets, asset).await?;
        let assets: HashMap<Uuid, TenantAsset> = assets.into_iter().map(|asset| (asset.id.as_uuid(), asset)).collect();
        let select = self.peer_rows().order_by_asc(Column::CreatedAt).order_by_asc(Column::Id);
        let read = |row: Model| {
            let of = assets.get(&row.asset_id).ok_or_else(|| place(&row).inconsistent("asset_id"))?.clone();
            peer(row, of)
        };
        readable(self.connection, &select, read).await
    }

    /// Every token a peer may present, with its peer; for the connector's directory.
    pub async fn all_peer_tokens(&self) -> Result<Vec<(IncomingToken, PeerId)>, Error> {
        let read = |row: token_row::Model| Ok((incoming_token(&row)?, PeerId::from_uuid(row.peer_id)));
        readable(self.connection, &self.token_rows(), read).await
    }

    /// The tokens a peer may present, the newest first.
    pub async fn peer_tokens(&self, id: PeerId) -> Result<Vec<IncomingToken>, Error> {
        let rows = self.token_rows().filter(token_row::Column::PeerId.eq(id.as_uuid()));
        let rows = rows.order_by_desc(token_row::Column::CreatedAt).order_by_asc(token_row::Column::Digest);
        rows.all(self.connection).await?.iter().map(incoming_token).collect()
    }

    /// Whether any peer is in this asset.
    pub async fn has_peer_in(&self, asset: AssetId) -> Result<bool, Error> {
        let some = self.peer_rows().filter(Column::AssetId.eq(asset.as_uuid()));
        Ok(some.one(self.connection).await?.is_some())
    }

    fn token_rows(&self) -> Select<token_row::Entity> {
        let own = Query::select().column(Column::Id).from(Entity).cond_where(self.within(Column::TenantId)).to_owned();
        token_row::Entity::find().filter(token_row::Column::PeerId.in_subquery(own))
    }

    fn peer_rows(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId))
    }
}

impl<'t> Scope<'t, WriteTransaction> {
    /// The peer with this id, locked until this unit ends.
    pub async fn locked_peer(&self, id: PeerId) -> Result<Option<Locked<'t, Peer>>, Error> {
        let select = self.peer_rows().filter(Column::Id.eq(id.as_uuid())).lock_exclusive();
        let Some(row) = select.one(self.connection).await? else { return Ok(None) };
        let of = asset_row::Entity::find_by_id(row.asset_id).one(self.connection).await?;
        Ok(Some(Locked::read_under_lock(self.connection, id.as_uuid(), joined((row, of))?)))
    }

    /// Stores a new peer. A second peer of the same asset and address is a unique violation.
    pub async fn insert_peer(&self, new: &Peer) -> Result<(), Error> {
        self.must_reach(new.tenant_id)?;
        Entity::insert(active(new)?).exec_without_returning(self.connection).await?;
        self.directory_changed();
        Ok(())
    }

    /// Stores changes of a peer. Asset and tenant never change.
    pub async fn update_peer(&self, changed: &Locked<'_, Peer>) -> Result<(), Error> {
        let row =
            ActiveModel { id: NotSet, tenant_id: NotSet, asset_id: NotSet, created_at: NotSet, ..active(changed)? };
        let update = Entity::update_many().set(row).filter(self.within(Column::TenantId));
        let done = update.filter(Column::Id.eq(changed.row())).exec(self.connection).await?;
        self.directory_changed();
        must_be_one(done.rows_affected, "peers", changed.row())
    }

    /// Deletes a peer with its tokens and events. Returns whether it existed.
    pub async fn delete_peer(&self, id: PeerId) -> Result<bool, Error> {
        let delete = Entity::delete_many().filter(self.within(Column::TenantId));
        let done = delete.filter(Column::Id.eq(id.as_uuid())).exec(self.connection).await?;
        self.directory_changed();
        Ok(done.rows_affected > 0)
    }

    /// Removes the tokens of all peers of this scope.
    pub async fn delete_every_peer_token(&self) -> Result<(), Error> {
        let own = Query::select().column(Column::Id).from(Entity).cond_where(self.within(Column::TenantId)).to_owned();
        let delete = token_row::Entity::delete_many().filter(token_row::Column::PeerId.in_subquery(own));
        delete.exec(self.connection).await?;
        self.directory_changed();
        Ok(())
    }

    /// Replaces the tokens of a peer in this scope. A token of another peer of any tenant is a unique violation.
    pub async fn replace_peer_tokens(&self, id: PeerId, tokens: &[Secret], now: Timestamp) -> Result<(), Error> {
        // Under the peer's lock, so that two replacements at once do not mix.
        self.locked_peer(id).await?.ok_or_else(|| Error::inconsistent("peers", "id", id))?;
        let old = token_row::Entity::delete_many().filter(token_row::Column::PeerId.eq(id.as_uuid()));
        old.exec(self.connection).await?;
        if !tokens.is_empty() {
            let rows = tokens.iter().map(|token| token_of(id, TokenDigest::of(token.expose()), now));
            token_row::Entity::insert_many(rows).exec_without_returning(self.connection).await?;
        }
        self.directory_changed();
        Ok(())
    }

    /// Adds a token to those that a locked peer may present. A token that any other peer has is a unique violation. Of
    /// those before, the newest are kept, with a limited number.
    pub async fn add_peer_token(
        &self,
        peer: &Locked<'_, Peer>,
        token: &Secret,
        ends: TokenEnds,
        now: Timestamp,
    ) -> Result<(), Error> {
        let tokens = || token_row::Entity::update_many().filter(token_row::Column::PeerId.eq(peer.row()));
        if let Some(others_end) = ends.others {
            let later = Condition::any()
                .add(token_row::Column::ExpiresAt.is_null())
                .add(token_row::Column::ExpiresAt.gt(others_end.as_millis()));
            let ending = token_row::ActiveModel { expires_at: Set(Some(others_end.as_millis())), ..Default::default() };
            tokens().set(ending).filter(later).exec(self.connection).await?;
        }

        let digest = TokenDigest::of(token.expose());
        let (same, others) =
            self.peer_tokens(peer.id).await?.into_iter().partition::<Vec<_>, _>(|t| t.digest == digest);
        let (good, ended) = others.into_iter().partition::<Vec<_>, _>(|token| token.is_good(now));
        let useless = good.iter().skip(REPLACED_KEPT - 1).chain(&ended).map(|token| token.digest.to_string());
        let useless = token_row::Entity::delete_many().filter(token_row::Column::Digest.is_in(useless));
        useless.exec(self.connection).await?;

        if !same.is_empty() {
            // The request was repeated with the same token, so it ends as it says now.
            let same = tokens().filter(token_row::Column::Digest.eq(digest.to_string()));
            let end = token_row::ActiveModel { expires_at: Set(stored_instant(ends.own)), ..Default::default() };
            same.set(end).exec(self.connection).await?;
            self.directory_changed();
            return Ok(());
        }
        let row =
            token_row::ActiveModel { expires_at: Set(stored_instant(ends.own)), ..token_of(peer.id, digest, now) };
        token_row::Entity::insert(row).exec_without_returning(self.connection).await?;
        self.directory_changed();
        Ok(())
    }

    /// Removes a token of a locked peer.
    pub async fn remove_peer_token(&self, peer: &Locked<'_, Peer>, digest: TokenDigest) -> Result<(), Error> {
        let delete = token_row::Entity::delete_many().filter(token_row::Column::PeerId.eq(peer.row()));
        delete.filter(token_row::Column::Digest.eq(digest.to_string())).exec(self.connection).await?;
        self.directory_changed();
        Ok(())
    }
}

fn token_of(peer: PeerId, digest: TokenDigest, now: Timestamp) -> token_row::ActiveModel {
    token_row::ActiveModel {
        digest: Set(digest.to_string()),
        peer_id: Set(peer.as_uuid()),
        expires_at: Set(None),
        created_at: Set(now.as_millis()),
    }
}

/// Replaces the tokens that an older version stored in clear text by their digests.
pub(crate) async fn digest_old_tokens(database: &Database) -> Result<(), Error> {
    let backend = database.reader().get_database_backend();
    let old = || Statement::from_string(backend, OLD_TOKENS);
    if database.reader().query_one_raw(old()).await?.is_none() {
        return Ok(());
    }
    let transaction = database.begin().await?;
    for row in transaction.query_all_raw(old()).await? {
        let (token, peer): (String, Uuid) = (row.try_get("", "token")?, row.try_get("", "peer_id")?);
        let created_at: i64 = row.try_get("", "created_at")?;
        let digested = token_of(PeerId::from_uuid(peer), TokenDigest::of(&token), Timestamp::from_millis(created_at));
        // Another process may do this at the same time.
        let there = OnConflict::column(token_row::Column::Digest).do_nothing().to_owned();
        token_row::Entity::insert(digested).on_conflict(there).exec_without_returning(&transaction).await?;
    }
    transaction.execute_raw(Statement::from_string(backend, "DELETE FROM peer_http_tokens")).await?;
    transaction.commit().await
}

fn active(of: &Peer) -> Result<ActiveModel, Error> {
    Ok(ActiveModel {
        id: Set(of.id.as_uuid()),
        tenant_id: Set(of.tenant_id.as_uuid()),
        asset_id: Set(of.asset.id.as_uuid()),
        static_ilp_address: Set(of.static_ilp_address.clone()),
        outgoing_token: Set(of.outgoing.as_ref().map(|http| http.token.expose().to_owned())),
        outgoing_endpoint: Set(of.outgoing.as_ref().map(|http| http.endpoint.clone())),
        max_packet_amount: Set(stored_optional("the largest packet", of.max_packet_amount)?),
        name: Set(of.name.clone()),
        liquidity_threshold: Set(stored_optional("the liquidity threshold", of.liquidity_threshold)?),
        routes: Set(stored_json(&json!(of.routes))),
        created_at: Set(of.created_at.as_millis()),
        updated_at: Set(of.updated_at.as_millis()),
        former_outgoing_tokens: Set(stored_json(&json!(of.history.former_outgoing))),
        peering_url: Set(of.history.peering_url.clone()),
        wanted_by: Set(match of.history.wanted_by {
            WantedBy::Us => US.to_owned(),
            WantedBy::Them => THEM.to_owned(),
        }),
        terms: Set((of.terms != PeerTerms::default()).then(|| stored_json(&json!(of.terms)))),
    })
}

/// The name and the endpoint of peers that packets are sent to, at most this many.
const ENDPOINTS: &str = "
SELECT coalesce(name, static_ilp_address), outgoing_endpoint FROM peers WHERE outgoing_endpoint IS NOT NULL
ORDER BY created_at, id LIMIT 50";

/// The first peers with their endpoints, for an operator's checks. It only reads, and needs no store.
pub async fn peer_endpoints(database: &Database) -> Result<Vec<(String, String)>, Error> {
    let rows = database.bulk_query(ENDPOINTS, []).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
