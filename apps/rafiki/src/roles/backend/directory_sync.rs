//! Updates the connector's snapshot of tenants, peers and routes from the directory.
//!
//! The snapshot is made at the start, and again after every change in any process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connector::{AccountAsset, Connector, DirectorySnapshot, PeerRecord, TenantRecord};
use directory::{Directory, Facts, KnownPeer, KnownTenant};
use ilp_packet::Address;
use payments_model::peer::Peer;
use payments_model::peer_tls::PeerTls;
use payments_model::peer_token::IncomingToken;
use payments_model::tenant::SettingKey;
use payments_model::{AssetId, TenantId};
use url::Url;

use crate::roles::running::Stop;

/// The shortest time between two snapshots without a change, whatever the configuration says.
const LOOK_AGAIN_MIN: Duration = Duration::from_secs(1);

pub(crate) struct DirectorySync {
    directory: Directory,
    connector: Connector,
    operator: TenantId,
    operator_address: Address,
    operator_rates_url: Option<Url>,
    /// Another program may have changed the database without a notification. So everything is also read at this
    /// interval.
    look_again: Duration,
}

impl DirectorySync {
    pub(crate) fn new(directory: Directory, connector: Connector, config: &config::Backend) -> Self {
        Self {
            directory,
            connector,
            operator: TenantId::from_uuid(config.operator_tenant_id),
            operator_address: config.ilp_address.clone(),
            operator_rates_url: config.payments.exchange_rates_url.clone(),
            look_again: config.local_cache_lifetime.max(LOOK_AGAIN_MIN),
        }
    }

    /// Follows changes until `stop` resolves.
    pub(crate) async fn follow(&self, mut stop: Stop) {
        let mut changes = self.directory.changes();
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = changes.notified() => {}
                () = tokio::time::sleep(self.look_again) => self.directory.forget(),
            }
            if let Err(error) = self.refresh().await {
                tracing::error!(%error, "the connector's directory is not up to date; it will be read again");
            }
        }
    }

    /// Makes a new snapshot.
    pub(crate) async fn refresh(&self) -> Result<(), database::Error> {
        let facts = self.directory.facts().await?;
        let tenants = facts.every_tenant().map(|known| self.tenant(known)).collect();
        self.connector.replace_directory(DirectorySnapshot { tenants, peers: Self::peers(&facts) });
        Ok(())
    }

    fn tenant(&self, known: &KnownTenant) -> TenantRecord {
        let id = known.tenant.id;
        let own_rates = known.setting(SettingKey::ExchangeRatesUrl).and_then(|url| Url::parse(url).ok());
        // The operator's address is that of the instance. Its own setting has no effect.
        let ilp_address = if id == self.operator {
            Some(self.operator_address.clone())
        } else {
            known.setting(SettingKey::IlpAddress).and_then(|address| address.parse().ok())
        };
        TenantRecord { id, ilp_address, rates_url: own_rates.or_else(|| self.operator_rates_url.clone()) }
    }

    fn peers(facts: &Facts) -> Vec<PeerRecord> {
        // One value per asset, shared by its peers.
        let mut assets: HashMap<AssetId, Arc<AccountAsset>> = HashMap::new();
        let mut all: Vec<&KnownPeer> = facts.every_tenant().flat_map(|known| known.peers()).collect();
        // If two routes have the same prefix, the older peer's is used. So the order matters.
        all.sort_unstable_by_key(|known| (known.peer.created_at, known.peer.id));
        let mut records = Vec::new();
        for KnownPeer { peer, incoming_tokens, tls } in all {
            let asset = assets.entry(peer.asset.id).or_insert_with(|| account_asset(peer)).clone();
            if let Some(record) = record(peer, asset, incoming_tokens.clone(), tls.clone()) {
                records.push(record);
            } else {
                tracing::error!(peer.id = %peer.id, "peer left out: its address or endpoint cannot be used");
            }
        }
        records
    }
}

fn account_asset(peer: &Peer) -> Arc<AccountAsset> {
    Arc::new(AccountAsset {
        asset: peer.asset.asset.clone(),
        ledger: peer.asset.in_ledger(),
        liquidity_threshold: peer.asset.liquidity_threshold,
    })
}

fn record(
    peer: &Peer,
    asset: Arc<AccountAsset>,
    incoming_tokens: Vec<IncomingToken>,
    tls: Option<Arc<PeerTls>>,
) -> Option<PeerRecord> {
    let outgoing = peer.outgoing.as_ref()?;
    Some(PeerRecord {
        id: peer.id,
        tenant: peer.tenant_id,
        asset,
        static_address: peer.static_ilp_address.parse().ok()?,
        routes: peer.routes.iter().filter_map(|route| route.parse().ok()).collect(),
        endpoint: outgoing.endpoint.parse().ok()?,
        outgoing_token: outgoing.token.expose().to_owned(),
        history: peer.history.clone(),
        incoming_tokens,
        max_packet_amount: peer.max_packet_amount,
        liquidity_threshold: peer.liquidity_threshold,
        terms: peer.terms.clone(),
        tls,
    })
}
