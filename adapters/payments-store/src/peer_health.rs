//! Stores how the exchanges with peers went, for display.
//!
//! Several processes write one row. Of each fact the newest is kept, and interruptions are added.

use std::collections::{BTreeSet, HashMap};

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use payments_model::PeerId;
use payments_model::peer_health::{PeerError, PeerHealth, PeerState};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, Statement};

use crate::convert::{Place, instant, stored_amount, stored_instant};
use crate::rows::peer_health::{Column, Entity, Model};
use crate::scope::Scope;

/// The row is written only if the peer still exists.
const NOTE: &str = "\
INSERT INTO peer_health (peer_id, state, since, last_success_at, last_error_at, last_error, interruptions) \
SELECT id, $2, $3, $4, $5, $6, $7 FROM peers WHERE id = $1 \
ON CONFLICT (peer_id) DO UPDATE SET \
state = CASE WHEN excluded.since >= peer_health.since THEN excluded.state ELSE peer_health.state END, \
since = CASE WHEN excluded.since >= peer_health.since THEN excluded.since ELSE peer_health.since END, \
last_success_at = CASE WHEN excluded.last_success_at > COALESCE(peer_health.last_success_at, 0) \
THEN excluded.last_success_at ELSE peer_health.last_success_at END, \
last_error = CASE WHEN excluded.last_error_at > COALESCE(peer_health.last_error_at, 0) \
THEN excluded.last_error ELSE peer_health.last_error END, \
last_error_at = CASE WHEN excluded.last_error_at > COALESCE(peer_health.last_error_at, 0) \
THEN excluded.last_error_at ELSE peer_health.last_error_at END, \
interruptions = peer_health.interruptions + excluded.interruptions";

const UP: &str = "UP";
const DOWN: &str = "DOWN";

fn health(row: Model) -> Result<PeerHealth, Error> {
    let place = Place { table: "peer_health", row: row.peer_id };
    Ok(PeerHealth {
        state: match row.state.as_str() {
            UP => PeerState::Up,
            DOWN => PeerState::Down,
            _ => return Err(place.inconsistent("state")),
        },
        since: Timestamp::from_millis(row.since),
        last_success: instant(row.last_success_at),
        last_error: instant(row.last_error_at).zip(row.last_error).map(|(at, reason)| PeerError { at, reason }),
        interruptions: place.amount("interruptions", row.interruptions)?,
    })
}

/// How the exchanges with these peers went, in their order. One statement, however many there are.
pub(crate) async fn of_ids(database: Database, ids: Vec<PeerId>) -> Result<Vec<Option<PeerHealth>>, Error> {
    let wanted: BTreeSet<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = Entity::find().filter(Column::PeerId.is_in(wanted)).all(database.reader()).await?;
    let found = rows.into_iter().map(|row| Ok((PeerId::from_uuid(row.peer_id), health(row)?)));
    let found: HashMap<PeerId, PeerHealth> = found.collect::<Result<_, Error>>()?;
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

impl Scope<'_, WriteTransaction> {
    /// Notes what a process knows of a peer. `interruptions` are those since its last note. A deleted peer is left out.
    pub async fn note_peer_health(&self, id: PeerId, noted: &PeerHealth) -> Result<(), Error> {
        let state = match noted.state {
            PeerState::Up => UP,
            PeerState::Down => DOWN,
        };
        let error = noted.last_error.as_ref();
        let values: [Value; 7] = [
            id.as_uuid().into(),
            state.into(),
            noted.since.as_millis().into(),
            stored_instant(noted.last_success).into(),
            stored_instant(error.map(|error| error.at)).into(),
            error.map(|error| error.reason.clone()).into(),
            stored_amount("the interruptions of a peer", noted.interruptions)?.into(),
        ];
        let backend = self.connection.get_database_backend();
        self.connection.execute_raw(Statement::from_sql_and_values(backend, NOTE, values)).await?;
        Ok(())
    }
}
