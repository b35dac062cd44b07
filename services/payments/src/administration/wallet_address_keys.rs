//! Public keys of wallet addresses. Only keys that can verify signatures are published.
//! Checking a signature is in `http-signatures`.

use http_signatures::PublicKey;
use outside_text::{BadText, check_line};
use payments_model::{WalletAddressId, WalletAddressKey, WalletAddressKeyId};

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// The longest name of a key, in characters.
const KEY_ID_LENGTH_MAX: usize = 255;

/// A key to publish.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The wallet address that the key belongs to.
    pub wallet_address_id: WalletAddressId,
    /// Its name in signatures.
    pub kid: String,
    /// The Ed25519 public key, base64url.
    pub x: String,
}

/// Why a key was not published.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// The caller does not have this wallet address.
    #[error("unknown wallet address")]
    UnknownWalletAddress,
    /// The name is too long or has control characters.
    #[error("jwk.kid {0}")]
    KeyId(#[from] BadText),
    /// The name is blank.
    #[error("jwk.kid must not be blank")]
    BlankKeyId,
    /// The value is not a usable Ed25519 public key.
    #[error("jwk.x must be a 32-byte Ed25519 public key in unpadded base64url")]
    X,
    /// The address already has a key of this name that is not revoked.
    #[error("Key already exists")]
    Duplicate,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeKeyError {
    /// The caller does not have this key.
    #[error("Wallet address key not found")]
    Unknown,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(CreateKeyError, RevokeKeyError);

impl Administration {
    /// Publishes a key of a wallet address.
    pub async fn create_wallet_address_key(
        &self,
        caller: Caller,
        new: NewKey,
    ) -> Result<WalletAddressKey, CreateKeyError> {
        check_line(&new.kid, KEY_ID_LENGTH_MAX)?;
        if new.kid.trim().is_empty() {
            return Err(CreateKeyError::BlankKeyId);
        }

        // Padding is accepted in keys that others publish. We do not publish it.
        let usable = PublicKey::from_base64url(&new.x).is_ok_and(|key| key.to_base64url() == new.x);
        if !usable {
            return Err(CreateKeyError::X);
        }

        let owner = caller.reach(&self.store).wallet_address(new.wallet_address_id).await?;
        let owner = owner.ok_or(CreateKeyError::UnknownWalletAddress)?;

        let key = WalletAddressKey {
            id: WalletAddressKeyId::random(&*self.entropy),
            wallet_address_id: owner.id,
            kid: new.kid,
            x: new.x,
            revoked: false,
            created_at: self.now(),
        };

        let unit = self.store.begin().await?;
        unit.tenant(owner.tenant_id)
            .insert_wallet_address_key(&key)
            .await
            .map_err(|error| if error.is_unique_violation() { CreateKeyError::Duplicate } else { error.into() })?;
        unit.commit().await?;
        Ok(key)
    }

    /// Revokes a key. A repetition changes nothing.
    pub async fn revoke_wallet_address_key(
        &self,
        caller: Caller,
        id: WalletAddressKeyId,
    ) -> Result<WalletAddressKey, RevokeKeyError> {
        let found = caller.reach(&self.store).wallet_address_key(id).await?.ok_or(RevokeKeyError::Unknown)?;
        if found.revoked {
            return Ok(found);
        }
        let unit = self.store.begin().await?;
        unit.every_tenant().revoke_wallet_address_key(id, self.now()).await?;
        unit.commit().await?;
        Ok(WalletAddressKey { revoked: true, ..found })
    }
}
