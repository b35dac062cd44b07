//! What an account-servicing entity administers: assets, fees, peers, wallet addresses, and the liquidity of each.
//!
//! This module has no payments. Every use case takes a [`Caller`], and reaches only the data of that caller.

mod assets;
mod balances;
mod caller;
mod fees;
mod liquidity;
mod payment_withdrawals;
mod peer_tls;
mod peer_tokens;
mod peers;
mod settlement;
mod tenant_life;
mod tenant_mirror;
mod tenants;
mod transfers;
mod wallet_address_keys;
mod wallet_address_url;
mod wallet_addresses;

use std::sync::Arc;
use std::time::Duration;

use auth_service::TenantMirror;
use clock::{Clock, Entropy, Timestamp};
use ilp_packet::Address;
use ledger::{AccountId, Ledger};
use payments_model::TenantId;
use payments_store::Store;
use sealed_text::Sealer;
use url::Url;
use web_url::{InvalidUrl, WalletAddressUrl, WebUrl};

pub use assets::{CreateAssetError, DeleteAssetError, NewAsset, Thresholds, UpdateAssetError, accounts_stand};
pub use caller::{Caller, ForeignTenant};
pub use fees::SetFeeError;
pub use liquidity::{Holder, LiquidityError};
pub use payment_withdrawals::PaymentToWithdraw;
pub use peer_tls::{EndingCertificate, NewPeerIdentity, NewPeerTls, SetPeerTlsError};
pub use peer_tokens::{NewIncomingToken, PeerTokenError, RemovePeerTokenError};
pub use peers::{CreatePeerError, DeletePeerError, NewPeer, PeerChange, PeerTermsChange, UpdatePeerError};
pub use settlement::SettleError;
pub use tenant_life::{CreateTenantError, DeleteTenantError, NewTenant, TenantChange, UnfitTenant, UpdateTenantError};
pub use tenants::PutSettingsError;
pub use transfers::{AccountTransfers, AccountTransfersError, LatestTransfersError};
pub use wallet_address_keys::{CreateKeyError, NewKey, RevokeKeyError};
pub use wallet_address_url::{InvalidWalletAddressUrl, resolve as resolve_wallet_address_url};
pub use wallet_addresses::{
    CreateWalletAddressError, NewWalletAddress, UpdateWalletAddressError, WalletAddressChange, WalletAddressStatus,
};

use crate::unavailable::Unavailable;

/// Settings that apply to the whole instance.
#[derive(Clone, Debug)]
pub struct AdministrationSettings {
    /// The base of the operator's wallet addresses if the operator has no setting of its own.
    pub open_payments_url: Url,
    /// `WALLET_ADDRESS_DEACTIVATION_PAYMENT_GRACE_PERIOD_MS`: after a wallet address is deactivated, payments to it
    /// that are under way may still arrive for this long.
    pub deactivation_grace: Duration,
    /// `WALLET_ADDRESS_URL`: the URL with which the instance identifies itself as a client. It cannot become a wallet
    /// address.
    pub own_wallet_address: Url,
    /// `OPERATOR_TENANT_ID`.
    pub operator: TenantId,
    /// `ILP_ADDRESS`: the addresses of tenants are below it.
    pub ilp_address: Address,
    /// `TENANT_SECRET_OVERLAP_SECONDS`: how long a secret that was replaced is accepted beside its successor.
    pub secret_overlap: Duration,
    /// Encrypts the private keys used with peers.
    pub sealer: Sealer,
}

impl AdministrationSettings {
    /// The base of the operator's wallet addresses if the operator has no setting of its own.
    fn operator_base(&self) -> Result<WalletAddressUrl, InvalidUrl> {
        WebUrl::try_from(&self.open_payments_url)?.try_into()
    }

    fn is_own_identity(&self, url: &WalletAddressUrl) -> bool {
        let own = WebUrl::try_from(&self.own_wallet_address).and_then(WalletAddressUrl::try_from);
        own.is_ok_and(|own| own == *url)
    }
}

/// The administration of one instance. It is cheap to clone.
#[derive(Clone)]
pub struct Administration {
    store: Store,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<AdministrationSettings>,
    mirror: Arc<dyn TenantMirror>,
}

impl Administration {
    /// Makes the administration of the data in `store` and `ledger`.
    pub fn new(
        store: Store,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: AdministrationSettings,
        mirror: Arc<dyn TenantMirror>,
    ) -> Self {
        Self { store, ledger, clock, entropy, settings: Arc::new(settings), mirror }
    }

    /// The store, for reading within a caller's reach ([`Caller::reach`]).
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Checks that database and ledger answer.
    pub async fn ping(&self, operator: TenantId) -> Result<(), Unavailable> {
        self.store.tenant(operator).find_tenant(operator).await?;
        // Any account id will do. It does not matter whether the account exists.
        self.ledger.accounts(vec![AccountId::from_u128(1)]).await?;
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
