//! What the world sees of an own wallet address: the name that payers read, and whether it can be paid at all.
//!
//! The instance has both. Here is noted only what the customer switched off, because what the operator switched off
//! stays off. Addresses of a wallet that is closed are in `leaving`.

use admin_client::{Mutation, WalletAddressView};
use serde_json::json;
use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::sql::read_one;

const NAME_MAX: usize = 100;

/// Whether an address can be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    On,
    /// The customer can switch it on again.
    OffByCustomer,
    OffByOperator,
}

/// An address, as the world sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) reach: Reach,
}

/// What the world sees of an address of a user. `None` if the instance does not have it.
pub(crate) async fn seen(effects: &Effects, user: Uuid, address: Uuid) -> Result<Option<Seen>, EffectError> {
    let Some(view) = effects.admin.wallet_address_view(address).await? else { return Ok(None) };
    let reach = if is_on(&view) {
        Reach::On
    } else if is_own(effects, user, address).await? {
        Reach::OffByCustomer
    } else {
        Reach::OffByOperator
    };
    Ok(Some(Seen { name: view.public_name.unwrap_or_default(), reach }))
}

fn is_on(view: &WalletAddressView) -> bool {
    view.status == "ACTIVE"
}

async fn is_own(effects: &Effects, user: Uuid, address: Uuid) -> Result<bool, database::Error> {
    let sql = "SELECT 1 FROM wallet_own_switched_off WHERE address_id = $1 AND user_id = $2";
    Ok(read_one(effects.store.database(), sql, [address.into(), user.into()]).await?.is_some())
}

/// Switches an address off, unless it is. That the customer wants it is stored before, so that a repetition can go on.
pub(crate) async fn switch_off(effects: &Effects, user: Uuid, address: Uuid) -> Result<(), EffectError> {
    if effects.admin.wallet_address_view(address).await?.as_ref().is_none_or(|view| !is_on(view)) {
        return Ok(());
    }
    let sql = "INSERT INTO wallet_own_switched_off (address_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    effects.store.database().execute(sql, [address.into(), user.into()]).await?;
    change(effects, json!({"id": address, "status": "INACTIVE"})).await
}

/// Switches an address on that the customer switched off. Returns whether that was so.
pub(crate) async fn switch_on(effects: &Effects, user: Uuid, address: Uuid) -> Result<bool, EffectError> {
    if !is_own(effects, user, address).await? {
        return Ok(false);
    }
    change(effects, json!({"id": address, "status": "ACTIVE"})).await?;
    let sql = "DELETE FROM wallet_own_switched_off WHERE address_id = $1 AND user_id = $2";
    effects.store.database().execute(sql, [address.into(), user.into()]).await?;
    Ok(true)
}

/// Changes the name that payers read. `false` if it is none.
pub(crate) async fn rename(effects: &Effects, address: Uuid, written: &str) -> Result<bool, EffectError> {
    let name = written.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(char::is_control) {
        return Ok(false);
    }
    change(effects, json!({"id": address, "publicName": name})).await?;
    Ok(true)
}

async fn change(effects: &Effects, input: serde_json::Value) -> Result<(), EffectError> {
    Ok(effects.admin.change(Mutation::UpdateWalletAddress, input).await.map(drop)?)
}
