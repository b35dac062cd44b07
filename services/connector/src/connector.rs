//! The connector as others hold it: packets in, replies out, and a directory that can be replaced.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use clock::{Clock, Entropy};
use ilp_packet::{ErrorCode, PrepareBuf};
use ledger::Ledger;
use rates::Rates;
use shared_cache::SharedCache;
use tokio_util::task::TaskTracker;

use crate::accounts::{PeerAccount, Source};
use crate::balance::Balance;
use crate::config::ConnectorConfig;
use crate::directory::{Directory, DirectorySnapshot};
use crate::liquidity::LiquidityWatch;
use crate::ports::{LiquidityAlerts, LocalAccounts, Uplink};
use crate::refusal::Refusal;
use crate::tokens::{TokenHash, TokenHasher};

/// What the connector needs from others.
#[derive(Clone)]
pub struct ConnectorPorts {
    /// Where the money is.
    pub ledger: Arc<dyn Ledger>,
    /// The payments service's receivers.
    pub local_accounts: Arc<dyn LocalAccounts>,
    /// Who hears of low liquidity.
    pub alerts: Arc<dyn LiquidityAlerts>,
    /// The way to peers.
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

/// The ILP connector. Clones are one connector.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: ConnectorConfig,
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) balance: Balance,
    pub(crate) liquidity: Arc<LiquidityWatch>,
    pub(crate) local_accounts: Arc<dyn LocalAccounts>,
    pub(crate) uplink: Arc<dyn Uplink>,
    pub(crate) rates: Rates,
    pub(crate) cache: SharedCache,
    pub(crate) clock: Arc<dyn Clock>,
    tokens: TokenHasher,
    under_way: TaskTracker,
}

impl Connector {
    /// A connector that knows nobody yet; see [`Connector::replace_directory`].
    pub fn new(config: ConnectorConfig, ports: ConnectorPorts) -> Self {
        let tokens = TokenHasher::new(&config.token_key);
        let ConnectorPorts { ledger, local_accounts, alerts, uplink, rates, cache, clock, entropy } = ports;
        Self(Arc::new(Inner {
            config,
            directory: ArcSwap::default(),
            balance: Balance { ledger: ledger.clone(), clock: clock.clone(), entropy },
            liquidity: Arc::new(LiquidityWatch::new(ledger, clock.clone(), alerts)),
            local_accounts,
            uplink,
            rates,
            cache,
            clock,
            tokens,
            under_way: TaskTracker::new(),
        }))
    }

    /// The keyed hash of a peer's token, for [`crate::PeerRecord::incoming_tokens`].
    pub fn hash_token(&self, token: &str) -> TokenHash {
        self.0.tokens.hash(token)
    }

    /// Puts `snapshot` in the place of all that was known of tenants, peers and routes.
    ///
    /// Packets under way go on with what they began with.
    pub fn replace_directory(&self, snapshot: DirectorySnapshot) {
        let next = Directory::build(snapshot, &self.0.directory.load(), &self.0.config);
        self.0.directory.store(Arc::new(next));
    }

    /// The peer that owns `token`.
    pub fn authenticate(&self, token: &str) -> Option<Arc<PeerAccount>> {
        let hash = self.hash_token(token);
        self.0.directory.load().peer_by_token(&hash).cloned()
    }

    /// The reply to the Prepare in `octets`: a Fulfill or Reject. Octets that are none get F01.
    pub async fn handle(&self, source: Source, octets: Bytes) -> Bytes {
        match PrepareBuf::parse(octets.into()) {
            Ok(packet) => self.handle_prepare(source, packet).await,
            Err(error) => self.0.reject(&Refusal::new(ErrorCode::F01InvalidPacket, error.to_string())),
        }
    }

    /// The reply to `packet`.
    ///
    /// The packet takes its way to the end even if the caller stops waiting: the next peer may fulfil it, and then
    /// somebody has to pay.
    pub async fn handle_prepare(&self, source: Source, packet: PrepareBuf) -> Bytes {
        if self.0.under_way.is_closed() {
            return self.0.reject(&Refusal::new(ErrorCode::T03ConnectorBusy, "connector is stopping."));
        }
        let inner = self.0.clone();
        let reply = self.0.under_way.spawn(async move { inner.answer(&source, packet).await });
        reply.await.unwrap_or_else(|error| {
            tracing::error!(%error, "ALERT a packet was given up in the middle");
            self.0.reject(&Refusal::internal())
        })
    }

    /// Takes no more packets and waits for those under way, at the longest for the maximum hold.
    pub async fn stop(&self) {
        self.0.under_way.close();
        let config = &self.0.config;
        let longest = config.maximum_hold + config.late_reply_grace + config.hold_margin;
        if tokio::time::timeout(longest, self.0.under_way.wait()).await.is_err() {
            tracing::error!(packets = self.0.under_way.len(), "stopped with packets under way; their holds run out");
        }
    }
}

impl Inner {
    async fn answer(&self, source: &Source, packet: PrepareBuf) -> Bytes {
        self.run(source, packet).await.unwrap_or_else(|refusal| {
            tracing::debug!(code = ?refusal.code, message = %refusal.message, "packet refused");
            self.reject(&refusal)
        })
    }

    /// Every Reject made here names the operator's address, whoever's packet it was (ilp section 3).
    fn reject(&self, refusal: &Refusal) -> Bytes {
        refusal.encode(self.config.operator_address.as_ref())
    }
}
