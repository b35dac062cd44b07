//! Keeps the connector's picture of tenants, peers and routes in line with the database.
//!
//! Painted whole at the start and again after every change, by whichever process made it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connector::{AccountAsset, Connector, DirectorySnapshot, PeerRecord, TenantRecord};
use ilp_packet::Address;
use payments_model::peer::Peer;
use payments_model::tenant::SettingKey;
use payments_model::{AssetId, PeerId, TenantId};
use payments_store::Store;
use url::Url;

use crate::roles::running::Stop;

/// However little the picture may age, it is not painted more often without a change.
const LOOK_AGAIN_MIN: Duration = Duration::from_secs(1);

pub(crate) struct Directory {
    store: Store,
    connector: Connector,
    operator: TenantId,
    operator_address: Address,
    operator_rates_url: Option<Url>,
    /// A change of another process may be missed when its connection breaks, so the picture is also painted now and
    /// then.
    look_again: Duration,
}

impl Directory {
    pub(crate) fn new(store: Store, connector: Connector, config: &config::Backend) -> Self {
        Self {
            store,
            connector,
            operator: TenantId::from_uuid(config.operator_tenant_id),
            operator_address: config.ilp_address.clone(),
            operator_rates_url: config.payments.exchange_rates_url.clone(),
            look_again: config.local_cache_lifetime.max(LOOK_AGAIN_MIN),
        }
    }

    /// Follows changes until told to stop.
    pub(crate) async fn follow(&self, mut stop: Stop) {
        let mut changes = self.store.directory_changes();
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = changes.notified() => {}
                () = tokio::time::sleep(self.look_again) => {}
            }
            if let Err(error) = self.refresh().await {
                tracing::error!(%error, "the connector's directory is not up to date; it is read again");
            }
        }
    }

    /// Paints the picture anew.
    pub(crate) async fn refresh(&self) -> Result<(), database::Error> {
        let snapshot = DirectorySnapshot { tenants: self.tenants().await?, peers: self.peers().await? };
        self.connector.replace_directory(snapshot);
        Ok(())
    }

    async fn tenants(&self) -> Result<Vec<TenantRecord>, database::Error> {
        let all = self.store.every_tenant();
        let addresses: HashMap<TenantId, String> =
            all.setting_of_all(SettingKey::IlpAddress).await?.into_iter().collect();
        let rates: HashMap<TenantId, String> =
            all.setting_of_all(SettingKey::ExchangeRatesUrl).await?.into_iter().collect();
        let live = all.all_tenants().await?.into_iter().filter(|tenant| tenant.deleted_at.is_none());
        Ok(live
            .map(|tenant| {
                let own_rates = rates.get(&tenant.id).and_then(|url| Url::parse(url).ok());
                TenantRecord {
                    id: tenant.id,
                    ilp_address: self.address_of(tenant.id, addresses.get(&tenant.id)),
                    rates_url: own_rates.or_else(|| self.operator_rates_url.clone()),
                }
            })
            .collect())
    }

    /// The operator's address is the instance's, whatever its settings say.
    fn address_of(&self, tenant: TenantId, setting: Option<&String>) -> Option<Address> {
        if tenant == self.operator { Some(self.operator_address.clone()) } else { setting?.parse().ok() }
    }

    async fn peers(&self) -> Result<Vec<PeerRecord>, database::Error> {
        let all = self.store.every_tenant();
        let mut tokens: HashMap<PeerId, Vec<_>> = HashMap::new();
        for (token, peer) in all.all_peer_tokens().await? {
            tokens.entry(peer).or_default().push(self.connector.hash_token(token.expose()));
        }
        // One value per asset, shared by its peers.
        let mut assets: HashMap<AssetId, Arc<AccountAsset>> = HashMap::new();
        let mut records = Vec::new();
        for peer in all.all_peers().await? {
            let asset = assets.entry(peer.asset.id).or_insert_with(|| account_asset(&peer)).clone();
            let incoming = tokens.remove(&peer.id).unwrap_or_default();
            let id = peer.id;
            if let Some(record) = record(peer, asset, incoming) {
                records.push(record);
            } else {
                tracing::error!(peer.id = %id, "peer left out: its address or endpoint cannot be used");
            }
        }
        Ok(records)
    }
}

fn account_asset(peer: &Peer) -> Arc<AccountAsset> {
    Arc::new(AccountAsset {
        asset: peer.asset.asset.clone(),
        ledger: peer.asset.in_ledger(),
        liquidity_threshold: peer.asset.liquidity_threshold,
    })
}

fn record(peer: Peer, asset: Arc<AccountAsset>, incoming_tokens: Vec<connector::TokenHash>) -> Option<PeerRecord> {
    let outgoing = peer.outgoing?;
    Some(PeerRecord {
        id: peer.id,
        tenant: peer.tenant_id,
        asset,
        static_address: peer.static_ilp_address.parse().ok()?,
        routes: peer.routes.iter().filter_map(|route| route.parse().ok()).collect(),
        endpoint: outgoing.endpoint.parse().ok()?,
        outgoing_token: outgoing.token.expose().to_owned(),
        incoming_tokens,
        max_packet_amount: peer.max_packet_amount,
        liquidity_threshold: peer.liquidity_threshold,
    })
}
