//! Tenants, peers and routes for the packet path, as one immutable snapshot.
//!
//! The payments service makes a new snapshot after each change in any process, and replaces the whole. So the packet
//! path reads no database and never sees half a change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bounded::Bounded;
use clock::Timestamp;
use ilp_packet::{Address, AddressPrefix, AddressRef};
use payments_model::peer_token::{IncomingToken, TokenDigest};
use payments_model::{PeerId, TenantId};
use stream::{Connection, StreamReceiver};
use url::Url;

use crate::accounts::{PeerAccount, PeerRecord};
use crate::config::ConnectorConfig;
use crate::routing::{RoutingTable, Way};

/// A tenant as the directory lists it.
#[derive(Clone, Debug)]
pub struct TenantRecord {
    /// Its id.
    pub id: TenantId,
    /// Its ILP address. Without one it sends but does not receive.
    pub ilp_address: Option<Address>,
    /// Its rates service; `None` means the operator's.
    pub rates_url: Option<Url>,
}

/// The content of a directory.
#[derive(Clone, Debug, Default)]
pub struct DirectorySnapshot {
    /// Every tenant.
    pub tenants: Vec<TenantRecord>,
    /// Every peer of every tenant.
    pub peers: Vec<PeerRecord>,
}

/// The directory in use.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    tenants: HashMap<TenantId, Tenant>,
    peers: HashMap<PeerId, Arc<PeerAccount>>,
    by_token: HashMap<TokenDigest, (Arc<PeerAccount>, IncomingToken)>,
}

/// How many STREAM connections of a tenant are kept in any case. At most twice as many are kept.
const CONNECTIONS: usize = 2048;

/// A tenant in use.
#[derive(Debug)]
pub(crate) struct Tenant {
    record: TenantRecord,
    receiver: Option<StreamReceiver>,
    routes: RoutingTable,
    /// Connections by their addresses, so that the keys of a connection are derived once.
    connections: Mutex<Bounded<Box<str>, Connection>>,
}

impl Directory {
    /// Makes the directory of `snapshot`, and takes over the connector's data about its peers from `previous`.
    ///
    /// Invalid entries are left out and logged. One bad row must not stop the packets of all others.
    pub(crate) fn build(snapshot: DirectorySnapshot, previous: &Self, config: &ConnectorConfig) -> Self {
        let mut directory = Self::default();
        for record in snapshot.tenants {
            let receiver = record.ilp_address.clone().map(|address| {
                StreamReceiver::new(config.stream_secret.clone(), address).with_reject_style(config.reject_style)
            });
            let (routes, connections) = (RoutingTable::default(), Mutex::new(Bounded::new(CONNECTIONS)));
            directory.tenants.insert(record.id, Tenant { record, receiver, routes, connections });
        }
        for record in snapshot.peers {
            let state = previous.peers.get(&record.id).map(|peer| peer.state.clone()).unwrap_or_default();
            directory.add(Arc::new(PeerAccount { record, state }));
        }
        directory
    }

    fn add(&mut self, peer: Arc<PeerAccount>) {
        let Some(tenant) = self.tenants.get_mut(&peer.tenant()) else {
            tracing::error!(peer.id = %peer.id(), "peer left out: its tenant is not in the directory");
            return;
        };
        let record = peer.record();
        let own = AddressPrefix::from(record.static_address.clone());
        for prefix in std::iter::once(&own).chain(&record.routes) {
            tenant.routes.add(prefix, &peer);
        }
        for token in &record.incoming_tokens {
            if self.by_token.insert(token.digest, (peer.clone(), *token)).is_some() {
                tracing::error!(peer.id = %peer.id(), "two peers have the same incoming token; the later peer is used");
            }
        }
        self.peers.insert(peer.id(), peer);
    }

    /// The peer that authenticates with this token at `now`.
    ///
    /// No outsider can choose a digest, so the time of the look-up reveals nothing.
    pub(crate) fn peer_by_token(&self, token: &TokenDigest, now: Timestamp) -> Option<&Arc<PeerAccount>> {
        let (peer, token) = self.by_token.get(token)?;
        token.is_good(now).then_some(peer)
    }

    /// The peer with this id.
    pub(crate) fn peer(&self, id: PeerId) -> Option<&Arc<PeerAccount>> {
        self.peers.get(&id)
    }

    /// Every peer of every tenant.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Arc<PeerAccount>> {
        self.peers.values()
    }

    /// The tenant with this id.
    pub(crate) fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }
}

impl Tenant {
    pub(crate) fn id(&self) -> TenantId {
        self.record.id
    }

    /// The source of the tenant's rates.
    pub(crate) fn rates_url(&self) -> Option<&Url> {
        self.record.rates_url.as_ref()
    }

    /// The STREAM connection of the address `destination`, if it belongs to the tenant.
    pub(crate) fn connection(&self, destination: AddressRef<'_>) -> Option<Connection> {
        let receiver = self.receiver.as_ref()?;
        // Most packets are for other nodes. They end here without a lookup.
        destination.below(receiver.address().as_str())?;
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = connections.get(destination.as_str()) {
            return Some(known);
        }
        let connection = receiver.connection(destination).ok()?;
        connections.put(destination.as_str().into(), connection.clone());
        Some(connection)
    }

    /// The tenant's next peer towards `destination`.
    pub(crate) fn next_hop(
        &self,
        destination: AddressRef<'_>,
        way: Way<'_>,
        can_take: impl Fn(&PeerAccount) -> bool,
    ) -> Option<&Arc<PeerAccount>> {
        self.routes.next_hop(destination, way, can_take)
    }
}
