//! Reads what our instances know of peers beyond Rafiki 2.4: limits, the share of packets, tokens and health.
//!
//! Another instance does not know these fields. Then there is nothing to show, and no error.

use std::collections::HashMap;

use clock::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::client::AdminClient;
use crate::operator::{Listed, found};
use crate::operator_documents as d;
use crate::types::uint64;
use crate::{AdminError, PageRequest};

/// The terms of a peering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerTermsView {
    /// The tokens that it may present, the newest first.
    pub incoming_tokens: Vec<PeerTokenView>,
    /// The tokens that are presented to it, in the order in which they are tried.
    pub outgoing_tokens: Vec<PeerTokenView>,
    /// How many packets per second are taken from it.
    pub packets_per_second: Option<u32>,
    /// How many packets are taken from it at once.
    pub packet_burst: Option<u32>,
    /// How much money is taken from it.
    pub incoming_throughput: Option<ThroughputView>,
    /// How much money is sent to it.
    pub outgoing_throughput: Option<ThroughputView>,
    /// Its share of the connections to a prefix that several peers have.
    pub weight: u32,
    /// How the exchanges with it went; `None` before the first.
    pub health: Option<PeerHealthView>,
    /// The certificates used with it; `None` if none are set.
    #[serde(default)]
    pub tls: Option<PeerTlsView>,
}

/// The certificates used with a peer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerTlsView {
    /// Whose certificate is shown to it; `None` if none is.
    pub subject: Option<String>,
    /// When this certificate ends.
    pub expires_at: Option<Timestamp>,
    /// The only authorities that are believed about it, in PEM.
    pub authorities: Option<String>,
}

/// A token, by the beginning of its digest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerTokenView {
    /// The first digits of its digest.
    pub id: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// An amount per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct ThroughputView {
    /// The amount.
    #[serde(with = "uint64")]
    pub amount: u64,
    /// The period.
    pub seconds: u32,
}

/// How the exchanges with a peer went.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerHealthView {
    /// Whether packets are sent to it.
    pub state: PeerStateView,
    /// When this state began.
    pub since: Timestamp,
    /// When it answered last.
    pub last_success_at: Option<Timestamp>,
    /// When it did not answer last.
    pub last_error_at: Option<Timestamp>,
    /// Why it did not.
    pub last_error: Option<String>,
    /// How often packets to it were stopped.
    #[serde(with = "uint64")]
    pub interruptions: u64,
    /// When the certificate ends that is shown to it; `None` if none is.
    pub certificate_expires_at: Option<Timestamp>,
}

/// Whether packets are sent to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PeerStateView {
    /// They are.
    Up,
    /// It did not answer. They are refused at once.
    Down,
}

#[derive(Deserialize)]
struct PeerHealthOf {
    id: Uuid,
    health: Option<PeerHealthView>,
}

impl AdminClient {
    /// The terms of a peering; `None` if the instance does not know them, or there is no such peer.
    pub async fn peer_terms(&self, id: Uuid) -> Result<Option<PeerTermsView>, AdminError> {
        match found(self.run(d::PEER_TERMS, json!({"id": id}), "/peer").await) {
            Err(AdminError::Refused { .. }) => Ok(None),
            answer => answer,
        }
    }

    /// The health of the peers of a page, of one tenant if one is given, as far as the instance knows it.
    pub async fn peers_health(
        &self,
        page: &PageRequest,
        tenant: Option<Uuid>,
    ) -> Result<HashMap<Uuid, PeerHealthView>, AdminError> {
        let of_tenant = json!({"tenantId": tenant});
        let listed: Result<Listed<PeerHealthOf>, _> = self.listed(d::PEERS_HEALTH, page, of_tenant, "/peers").await;
        match listed {
            Ok(found) => Ok(found.nodes.into_iter().filter_map(|peer| Some((peer.id, peer.health?))).collect()),
            Err(AdminError::Refused { .. }) => Ok(HashMap::new()),
            Err(error) => Err(error),
        }
    }
}
