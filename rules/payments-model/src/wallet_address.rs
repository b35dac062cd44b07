//! A wallet address: the address at which a person is paid, with its keys and public properties.
//!
//! It does not resolve URLs from requests.

use clock::Timestamp;

use crate::asset::TenantAsset;
use crate::{TenantId, WalletAddressId, WalletAddressKeyId};

/// A wallet address.
#[derive(Clone, Debug, PartialEq)]
pub struct WalletAddress {
    /// Its id.
    pub id: WalletAddressId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The URL, in lower case, unique in the instance.
    pub address: String,
    /// Its display name.
    pub public_name: Option<String>,
    /// Its asset, which never changes.
    pub asset: TenantAsset,
    /// Sum of the amounts announced by web-monetization events.
    pub total_events_amount: u64,
    /// The time of the next check of web-monetization money.
    pub process_at: Option<Timestamp>,
    /// The time from which it takes no payments.
    pub deactivated_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl WalletAddress {
    /// Whether payments can be made with it.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.deactivated_at.is_none_or(|at| at > now)
    }
}

/// A public key of a wallet address, Ed25519.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletAddressKey {
    /// Its id.
    pub id: WalletAddressKeyId,
    /// The wallet address that it belongs to.
    pub wallet_address_id: WalletAddressId,
    /// Its name in signatures; unique among the address's unrevoked keys.
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
    /// Whether it is revoked.
    pub revoked: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A property of a wallet address beyond the standard ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalProperty {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether it is public.
    pub visible_in_open_payments: bool,
}
