//! The connector's interface: packets in, replies out, and a directory that can be replaced.
//! What happens to a packet is in `pipeline`.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use clock::{Clock, Entropy, Timestamp};
use ilp_packet::{AddressRef, ErrorCode, PrepareBuf};
use ledger::Ledger;
use payments_model::peer_token::TokenDigest;
use payments_model::{PeerId, TenantId};
use rates::Rates;
use shared_cache::SharedCache;
use telemetry::{PACKETS, Probes};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use crate::accounts::{PeerAccount, Source};
use crate::arrived::Arrived;
use crate::balance::Balance;
use crate::breaker::BreakerState;
use crate::config::ConnectorConfig;
use crate::counts::PacketCounts;
use crate::directory::{Directory, DirectorySnapshot};
use crate::in_flight::{InFlight, Leader, Role};
use crate::limits;
use crate::liquidity::LiquidityWatch;
use crate::local_delivery::LocalDelivery;
use crate::outcome::{Outcome, Stop, Transmission};
use crate::peer_state::{PeerFailure, Repeats};
use crate::pipeline::Pipeline;
use crate::ports::{LiquidityAlerts, LocalAccounts, Uplink};
use crate::refusal::Refusal;
use crate::routing::Way;

/// The amount of a packet that is refused before it enters the pipeline.
const NOTHING_MOVED: u64 = 0;

/// The dependencies of the connector.
#[derive(Clone)]
pub struct ConnectorPorts {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The payments service's receivers.
    pub local_accounts: Arc<dyn LocalAccounts>,
    /// Gets reports of low liquidity.
    pub alerts: Arc<dyn LiquidityAlerts>,
    /// Sends packets to peers.
    pub uplink: Arc<dyn Uplink>,
    /// Exchange rates.
    pub rates: Rates,
    /// Running totals for receipts.
    pub cache: SharedCache,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids and nonces.
    pub entropy: Arc<dyn Entropy>,
}

/// The ILP connector. Clones share one connector.
#[derive(Clone)]
pub struct Connector(Arc<Shared>);

struct Shared {
    pipeline: Pipeline,
    directory: ArcSwap<Directory>,
    in_flight: InFlight,
    counts: PacketCounts,
    under_way: TaskTracker,
}

impl Connector {
    /// Makes a connector without peers; see [`Connector::replace_directory`].
    pub fn new(config: ConnectorConfig, ports: ConnectorPorts) -> Self {
        let ConnectorPorts { ledger, local_accounts, alerts, uplink, rates, cache, clock, entropy } = ports;
        let balance = Arc::new(Balance { ledger: ledger.clone(), clock: clock.clone() });
        let liquidity = Arc::new(LiquidityWatch::new(ledger, clock.clone(), alerts));
        let local_delivery = LocalDelivery {
            balance: balance.clone(),
            liquidity: liquidity.clone(),
            local_accounts: local_accounts.clone(),
            cache,
            clock: clock.clone(),
            entropy,
            probes: Probes::of_this_role(),
        };
        let pipeline = Pipeline {
            config,
            balance,
            liquidity,
            local_accounts,
            local_delivery,
            uplink,
            rates,
            clock,
            changes: Notify::new(),
            probes: Probes::of_this_role(),
        };

        Self(Arc::new(Shared {
            pipeline,
            directory: ArcSwap::default(),
            in_flight: InFlight::default(),
            counts: PacketCounts::default(),
            under_way: TaskTracker::new(),
        }))
    }

    /// Replaces all data about tenants, peers and routes by `snapshot`.
    ///
    /// Packets under way continue with the data that they began with.
    pub fn replace_directory(&self, snapshot: DirectorySnapshot) {
        let next = Directory::build(snapshot, &self.0.directory.load(), &self.0.pipeline.config);
        self.0.directory.store(Arc::new(next));
    }

    /// Whether a packet of `tenant` to `destination` has a next peer.
    pub fn has_way(&self, tenant: TenantId, destination: AddressRef<'_>) -> bool {
        let own = Way { from: None, ledger: 0, passed_over: &[] };
        let directory = self.0.directory.load();
        directory.tenant(tenant).is_some_and(|tenant| tenant.next_hop(destination, own, |_| true).is_some())
    }

    /// The peer that packets of `tenant`'s own, in the asset of this ledger, go to on their way to `destination`.
    pub fn next_peer(&self, tenant: TenantId, destination: AddressRef<'_>, ledger: u32) -> Option<PeerId> {
        let directory = self.0.directory.load();
        let own = Way { from: None, ledger, passed_over: &[] };
        let peer = directory.tenant(tenant)?.next_hop(destination, own, |peer| self.0.pipeline.can_take(peer))?;
        Some(peer.id())
    }

    /// The peer with this token, unless the token has expired.
    pub fn authenticate(&self, token: &str) -> Option<Arc<PeerAccount>> {
        let now = self.0.pipeline.clock.now();
        self.0.directory.load().peer_by_token(&TokenDigest::of(token), now).cloned()
    }

    /// Handles the Prepare in `octets`. Octets that are not a Prepare are rejected with F01.
    pub async fn handle(&self, source: Source, octets: Bytes, attempt: Transmission) -> Outcome {
        match PrepareBuf::parse(octets) {
            Ok(packet) => self.handle_prepare(source, packet, attempt).await,
            Err(error) => self.0.refuse_early(&source, &Refusal::new(ErrorCode::F01InvalidPacket, error.to_string())),
        }
    }

    /// Handles `packet`.
    ///
    /// The packet is handled to the end even if the caller stops waiting, because the next peer may fulfil it and must
    /// then be paid.
    pub async fn handle_prepare(&self, source: Source, packet: PrepareBuf, attempt: Transmission) -> Outcome {
        if self.0.under_way.is_closed() {
            return match attempt {
                Transmission::First => {
                    self.0.refuse_early(&source, &Refusal::new(ErrorCode::T03ConnectorBusy, "connector is stopping."))
                }
                Transmission::Again => Outcome::Unresolved,
            };
        }
        let arrived = Arrived::with(&source, &packet);
        let leader = match arrived.identity.map(|identity| self.0.in_flight.join(identity.first_transfer_id())) {
            None => None,
            Some(Role::Lead(leader)) => Some(leader),
            Some(Role::Follow(follower)) => return follower.outcome().await,
        };
        let shared = self.0.clone();
        let span = packet_span(&source);
        let answer = async move { shared.answer(&source, arrived, packet, attempt, leader).await };
        let answer = self.0.under_way.spawn(answer.instrument(span));
        answer.await.unwrap_or_else(|error| {
            tracing::error!(%error, "ALERT a packet was not handled to its end");
            Outcome::Unresolved
        })
    }

    /// The Reject of a packet with unknown outcome, for a peer that does not repeat packets.
    pub fn unresolved_reject(&self) -> Bytes {
        let refusal = Refusal::new(ErrorCode::T01PeerUnreachable, "peer is unreachable.");
        refusal.encode(self.0.pipeline.config.operator_address.as_ref())
    }

    /// Accepts no more packets and waits for those under way, at most until the last of them has expired and its result
    /// is written.
    pub async fn stop(&self) {
        self.0.under_way.close();
        let packets = self.0.under_way.len();
        if packets == 0 {
            return;
        }
        let longest = self.0.pipeline.config.longest_stop();
        tracing::info!(packets, at_most = ?longest, "waiting for packets under way; a second signal ends at once");
        if tokio::time::timeout(longest, self.0.under_way.wait()).await.is_err() {
            tracing::error!(
                packets = self.0.under_way.len(),
                "stopped with packets under way; their holds will time out"
            );
        }
    }

    /// How long [`Connector::stop`] may take.
    pub fn longest_stop(&self) -> Duration {
        self.0.pipeline.config.longest_stop()
    }

    /// What this process knows of its exchanges with a peer; `None` if the directory has no such peer.
    pub fn peer_report(&self, id: PeerId) -> Option<PeerReport> {
        let directory = self.0.directory.load();
        Some(PeerReport::of(directory.peer(id)?))
    }

    /// The same of every peer of every tenant.
    pub fn peer_reports(&self) -> Vec<(PeerId, PeerReport)> {
        let directory = self.0.directory.load();
        directory.peers().map(|peer| (peer.id(), PeerReport::of(peer))).collect()
    }

    /// Resolves when a peer has answered for the first time, an exchange has failed, or packets to a peer were stopped or
    /// pass again, since the last call. Only one caller may wait.
    pub async fn peers_changed(&self) {
        self.0.pipeline.changes.notified().await;
    }
}

/// The data of this process about its exchanges with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerReport {
    /// Whether the peer recognises a repeated packet.
    pub repeats: Repeats,
    /// The last exchange without an answer.
    pub last_failure: Option<PeerFailure>,
    /// The last exchange with an answer.
    pub last_answer: Option<Timestamp>,
    /// Whether packets are sent to it.
    pub breaker: BreakerState,
}

impl PeerReport {
    fn of(peer: &PeerAccount) -> Self {
        let state = &peer.state;
        Self {
            repeats: state.repeats(),
            last_failure: state.last_failure(),
            last_answer: state.last_answer(),
            breaker: state.breaker.state(),
        }
    }
}

impl Shared {
    async fn answer(
        &self,
        source: &Source,
        arrived: Arrived,
        packet: PrepareBuf,
        attempt: Transmission,
        leader: Option<Leader>,
    ) -> Outcome {
        let (outcome, to_followers) = match self.first_or_again(source, arrived, packet, attempt).await {
            Ok(reply) => same(Outcome::Reply(reply)),
            Err(Stop::Refused(refusal)) => same(self.refuse(&refusal)),
            // Only a sender that never sent the packet before may treat this as a refusal of it.
            Err(Stop::Limited(refusal) | Stop::PassedOver(_, refusal)) if attempt == Transmission::First => {
                (self.refuse(&refusal), Outcome::Unresolved)
            }
            Err(Stop::Limited(_) | Stop::PassedOver(..) | Stop::Unresolved | Stop::Repeated) => {
                same(Outcome::Unresolved)
            }
            Err(Stop::Paid) => same(Outcome::Paid),
        };
        self.counts.answered(source, arrived.amount, &outcome);
        if let Some(leader) = leader {
            leader.publish(to_followers);
        }
        outcome
    }

    /// Looks up the packet in the ledger if it may have been seen before.
    ///
    /// The lookup comes before the rate limit. So a peer that sends too much still learns the outcome of its packets.
    async fn first_or_again(
        &self,
        source: &Source,
        arrived: Arrived,
        mut packet: PrepareBuf,
        attempt: Transmission,
    ) -> Result<Bytes, Stop> {
        let Pipeline { config, clock, balance, .. } = &self.pipeline;
        let directory = self.directory.load_full();
        let _under_way = limits::enter(source, config)?;
        let pace = limits::keep_pace(source, config, clock.now());
        let counted = pace.and_then(|()| limits::take_in(source, config, arrived.amount, &**clock));

        let mut recorded = None;
        if attempt == Transmission::Again || counted.is_err() {
            recorded = balance.recorded(arrived).await?;
        }

        if recorded.is_none() {
            let counted = counted?;
            let mut timer = self.counts.timer();
            let answered = self.pipeline.run(&directory, source, arrived, &mut packet, attempt, &mut timer).await;
            limits::count_moved(counted, &answered);
            match answered {
                Err(Stop::Repeated) => recorded = balance.recorded(arrived).await?,
                answered => return answered,
            }
        }

        let recorded = recorded.ok_or(Stop::Unresolved)?;
        self.pipeline.repeat(&directory, source, arrived, &mut packet, recorded).await
    }

    /// Refuses a packet before it enters the pipeline.
    fn refuse_early(&self, source: &Source, refusal: &Refusal) -> Outcome {
        let outcome = self.refuse(refusal);
        self.counts.answered(source, NOTHING_MOVED, &outcome);
        outcome
    }

    /// Every Reject made here names the operator's address, for packets of every tenant.
    fn refuse(&self, refusal: &Refusal) -> Outcome {
        tracing::debug!(code = ?refusal.code, message = %refusal.message, "packet refused");
        Outcome::Reply(refusal.encode(self.pipeline.config.operator_address.as_ref()))
    }
}

/// The trace span of a packet. The span of a peer's packet began where the peer was authenticated.
fn packet_span(source: &Source) -> Span {
    let of = match source {
        Source::Peer(_) => return Span::current(),
        Source::Payment(_) => "payment",
        Source::Quote(_) => "quote",
    };
    let span = tracing::trace_span!(target: PACKETS, "ilp.packet", source = of);
    // Own payments are known here; there is nothing to check.
    span.in_scope(|| tracing::trace_span!(target: PACKETS, "ilp.auth", source = of).in_scope(|| {}));
    span
}

fn same(outcome: Outcome) -> (Outcome, Outcome) {
    (outcome.clone(), outcome)
}
