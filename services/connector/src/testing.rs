//! Sample values for this crate's tests.
//!
//! It is not compiled into the product.

use std::sync::Arc;

use money::Asset;
use payments_model::accounting::LedgerAsset;
use payments_model::peer::PeerHistory;
use payments_model::peer_terms::PeerTerms;
use payments_model::{AssetId, PeerId, TenantId};
use uuid::Uuid;

use crate::accounts::{AccountAsset, PeerAccount, PeerRecord};

fn asset(code: &str, ledger: u32) -> Arc<AccountAsset> {
    let id = AssetId::from_uuid(Uuid::from_u128(100 + u128::from(ledger)));
    let ledger = LedgerAsset { id, ledger };
    Arc::new(AccountAsset { asset: Asset::new(code, 2).unwrap(), ledger, liquidity_threshold: None })
}

pub(crate) fn usd() -> Arc<AccountAsset> {
    asset("USD", 1)
}

pub(crate) fn eur() -> Arc<AccountAsset> {
    asset("EUR", 2)
}

pub(crate) fn peer(number: u128, asset: Arc<AccountAsset>) -> Arc<PeerAccount> {
    let record = PeerRecord {
        id: PeerId::from_uuid(Uuid::from_u128(1000 + number)),
        tenant: TenantId::from_uuid(Uuid::from_u128(1)),
        asset,
        static_address: format!("test.peer{number}").parse().unwrap(),
        routes: Vec::new(),
        endpoint: "http://peer.test".parse().unwrap(),
        outgoing_token: "secret".into(),
        history: PeerHistory::default(),
        incoming_tokens: Vec::new(),
        max_packet_amount: None,
        liquidity_threshold: None,
        terms: PeerTerms::default(),
        tls: None,
    };
    Arc::new(PeerAccount { record, state: Arc::default() })
}
