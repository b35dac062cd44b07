//! Stores the certificates used with peers.
//! It does not encrypt: the private key comes sealed and goes sealed.

use database::{Error, Locked, WriteTransaction};
use payments_model::peer_tls::{ClientIdentity, PeerTls};
use payments_model::{Peer, PeerId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ConnectionTrait, Set};

use crate::readable::readable;
use crate::rows::peer as peer_row;
use crate::rows::peer_tls::{ActiveModel, Column, Entity, Model};
use crate::scope::Scope;

fn peer_tls(row: Model) -> PeerTls {
    let identity = row.certificate.zip(row.sealed_key);
    PeerTls {
        identity: identity.map(|(certificate, sealed_key)| ClientIdentity { certificate, sealed_key }),
        authorities: row.authorities,
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The certificates used with a peer.
    pub async fn peer_tls(&self, id: PeerId) -> Result<Option<PeerTls>, Error> {
        let rows = self.peer_tls_rows().filter(Column::PeerId.eq(id.as_uuid()));
        Ok(rows.one(self.connection).await?.map(peer_tls))
    }

    /// The certificates of every peer that has some; for the connector's directory.
    pub async fn all_peer_tls(&self) -> Result<Vec<(PeerId, PeerTls)>, Error> {
        let read = |row: Model| Ok((PeerId::from_uuid(row.peer_id), peer_tls(row)));
        readable(self.connection, &self.peer_tls_rows(), read).await
    }

    fn peer_tls_rows(&self) -> Select<Entity> {
        Entity::find().filter(Column::PeerId.in_subquery(self.own_peers()))
    }

    fn own_peers(&self) -> SelectStatement {
        let mut ids = Query::select();
        ids.column(peer_row::Column::Id).from(peer_row::Entity).cond_where(self.within(peer_row::Column::TenantId));
        ids
    }
}

impl Scope<'_, WriteTransaction> {
    /// Removes the certificates used with all peers of this scope.
    pub async fn delete_every_peer_tls(&self) -> Result<(), Error> {
        let delete = Entity::delete_many().filter(Column::PeerId.in_subquery(self.own_peers()));
        delete.exec(self.connection).await?;
        self.directory_changed();
        Ok(())
    }

    /// Replaces the certificates used with a locked peer; `None` removes them.
    pub async fn replace_peer_tls(&self, peer: &Locked<'_, Peer>, tls: Option<&PeerTls>) -> Result<(), Error> {
        let old = Entity::delete_many().filter(Column::PeerId.eq(peer.row()));
        old.exec(self.connection).await?;
        if let Some(tls) = tls {
            let identity = tls.identity.as_ref();
            let row = ActiveModel {
                peer_id: Set(peer.row()),
                certificate: Set(identity.map(|identity| identity.certificate.clone())),
                sealed_key: Set(identity.map(|identity| identity.sealed_key.clone())),
                authorities: Set(tls.authorities.clone()),
            };
            Entity::insert(row).exec_without_returning(self.connection).await?;
        }
        self.directory_changed();
        Ok(())
    }
}
