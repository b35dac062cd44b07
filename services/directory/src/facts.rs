//! Tenants with their settings, assets, fees, peers and webhook endpoints, as one immutable snapshot.
//!
//! The data of a tenant is found by the tenant's id only. Deleted tenants, settings and assets are not in it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use clock::Timestamp;
use database::Error;
use payments_model::peer::Peer;
use payments_model::peer_tls::PeerTls;
use payments_model::peer_token::IncomingToken;
use payments_model::tenant::SettingKey;
use payments_model::{AssetId, Fee, FeeKind, PeerId, Secret, Tenant, TenantAsset, TenantId, WebhookEndpoint};
use payments_store::{OldSecret, Store};

/// The data of all tenants.
#[derive(Debug, Default)]
pub struct Facts {
    tenants: HashMap<TenantId, Arc<KnownTenant>>,
}

/// A fee of the asset cannot be read, so the cost of a payment is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableFee;

/// The data of one tenant.
#[derive(Debug)]
pub struct KnownTenant {
    /// The tenant.
    pub tenant: Tenant,
    old_secret: Option<OldSecret>,
    settings: BTreeMap<SettingKey, String>,
    assets: BTreeMap<u32, TenantAsset>,
    fees: HashMap<(AssetId, FeeKind), Fee>,
    /// Assets with a fee that cannot be read.
    unreadable_fees: HashSet<AssetId>,
    peers: HashMap<PeerId, KnownPeer>,
    webhook_endpoints: Vec<WebhookEndpoint>,
}

/// A peer with its tokens.
#[derive(Clone, Debug)]
pub struct KnownPeer {
    /// The peer.
    pub peer: Peer,
    /// The tokens that it may present.
    pub incoming_tokens: Vec<IncomingToken>,
    /// The certificates used with it.
    pub tls: Option<Arc<PeerTls>>,
}

impl Facts {
    /// The tenant with this id, unless it was deleted.
    pub fn tenant(&self, id: TenantId) -> Option<&Arc<KnownTenant>> {
        self.tenants.get(&id)
    }

    /// Every tenant: for the operator and the instance's own workers.
    pub fn every_tenant(&self) -> impl Iterator<Item = &Arc<KnownTenant>> {
        self.tenants.values()
    }

    pub(crate) async fn read(store: &Store) -> Result<Self, Error> {
        let all = store.every_tenant();
        let mut tenants: HashMap<TenantId, KnownTenant> =
            all.all_tenants().await?.into_iter().map(|tenant| (tenant.id, KnownTenant::new(tenant))).collect();
        for (tenant, setting) in all.all_settings().await? {
            if let Some(known) = tenants.get_mut(&tenant) {
                known.settings.insert(setting.key, setting.value);
            }
        }

        for (tenant, old) in all.all_old_secrets().await? {
            if let Some(known) = tenants.get_mut(&tenant) {
                known.old_secret = Some(old);
            }
        }

        let mut owners = HashMap::new();
        for asset in all.all_assets().await? {
            if let Some(known) = tenants.get_mut(&asset.tenant_id) {
                owners.insert(asset.id, asset.tenant_id);
                known.assets.insert(asset.ledger, asset);
            }
        }
        for (asset, fee) in all.all_newest_fees().await? {
            let Some(known) = owners.get(&asset).and_then(|owner| tenants.get_mut(owner)) else { continue };
            match fee {
                Some(fee) => drop(known.fees.insert((asset, fee.kind), fee)),
                None => drop(known.unreadable_fees.insert(asset)),
            }
        }

        let mut tokens: HashMap<PeerId, Vec<IncomingToken>> = HashMap::new();
        for (token, peer) in all.all_peer_tokens().await? {
            tokens.entry(peer).or_default().push(token);
        }
        let tls = all.all_peer_tls().await?.into_iter().map(|(peer, tls)| (peer, Arc::new(tls)));
        let mut tls: HashMap<PeerId, Arc<PeerTls>> = tls.collect();
        for peer in all.all_peers().await? {
            let incoming_tokens = tokens.remove(&peer.id).unwrap_or_default();
            let tls = tls.remove(&peer.id);
            if let Some(known) = tenants.get_mut(&peer.tenant_id) {
                known.peers.insert(peer.id, KnownPeer { peer, incoming_tokens, tls });
            }
        }
        for endpoint in all.webhook_endpoints().await? {
            if let Some(known) = tenants.get_mut(&endpoint.tenant_id) {
                known.webhook_endpoints.push(endpoint);
            }
        }
        Ok(Self { tenants: tenants.into_iter().map(|(id, known)| (id, Arc::new(known))).collect() })
    }
}

impl KnownTenant {
    fn new(tenant: Tenant) -> Self {
        Self {
            tenant,
            old_secret: None,
            settings: BTreeMap::new(),
            assets: BTreeMap::new(),
            fees: HashMap::new(),
            unreadable_fees: HashSet::new(),
            peers: HashMap::new(),
            webhook_endpoints: Vec::new(),
        }
    }

    /// The secrets that it may sign with now: its own, and for a while the previous one.
    pub fn api_secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let before = self.old_secret.iter().filter(move |old| now < old.until).map(|old| &old.secret);
        std::iter::once(&self.tenant.api_secret).chain(before)
    }

    /// The tenant's own value of a setting.
    pub fn setting(&self, key: SettingKey) -> Option<&str> {
        self.settings.get(&key).map(String::as_str)
    }

    /// The asset with this id.
    pub fn asset(&self, id: AssetId) -> Option<&TenantAsset> {
        self.assets.values().find(|asset| asset.id == id)
    }

    /// Every asset, oldest first.
    pub fn assets(&self) -> impl Iterator<Item = &TenantAsset> {
        self.assets.values()
    }

    /// The fee that applies.
    pub fn fee(&self, asset: AssetId, kind: FeeKind) -> Result<Option<&Fee>, UnreadableFee> {
        if self.unreadable_fees.contains(&asset) { Err(UnreadableFee) } else { Ok(self.fees.get(&(asset, kind))) }
    }

    /// The peer with this id.
    pub fn peer(&self, id: PeerId) -> Option<&KnownPeer> {
        self.peers.get(&id)
    }

    /// Its webhook endpoints, the oldest first. The default endpoint is among them only if it was changed.
    pub fn webhook_endpoints(&self) -> &[WebhookEndpoint] {
        &self.webhook_endpoints
    }

    /// Every peer.
    pub fn peers(&self) -> impl Iterator<Item = &KnownPeer> {
        self.peers.values()
    }
}
