//! What the world sees of an own wallet address: the name that payers read, and whether it can be paid at all.
//!
//! The instance has both. Here is noted only what was switched off by the customer, or because the customer leaves. What
//! was off before, because the operator switched it off, is not noted and stays off.

use admin_client::{Mutation, WalletAddressView};
use outside_text::check_line;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::sql::read;

const NAME_MAX: usize = 100;
/// An address with this property stays off once it is off, whoever switched it off. The instance does not say who did.
const KEPT_OFF: &str = "keptOff";

/// Whether an address can be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    On,
    /// The customer can switch it on again.
    OffByCustomer,
    OffByOperator,
}

/// Because of what an address is switched off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause {
    Customer,
    /// The wish to leave with this id.
    Leaving(Uuid),
    /// The wish with this id to close the account.
    Closing(Uuid),
}

impl Cause {
    /// Where it is noted.
    fn table(self) -> &'static str {
        match self {
            Self::Customer => "wallet_own_switched_off",
            Self::Leaving(_) => "wallet_switched_off",
            Self::Closing(_) => "wallet_closing_switched_off",
        }
    }

    /// What the instance is asked for. It does what is asked under one key once. So a request of a process that has lost
    /// its job may arrive at any time.
    fn input(self, address: Uuid, status: &str) -> Value {
        match self {
            Self::Customer => json!({"id": address, "status": status}),
            Self::Leaving(wish) => Self::once(address, status, &format!("wallet leaving {wish} {address} {status}")),
            Self::Closing(wish) => Self::once(address, status, &format!("account closing {wish} {address} {status}")),
        }
    }
}

impl Cause {
    fn once(address: Uuid, status: &str, key: &str) -> Value {
        json!({"id": address, "status": status, "idempotencyKey": key})
    }
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
    } else if !is_kept_off(&view) && noted(effects, user, Cause::Customer).await?.contains(&address) {
        Reach::OffByCustomer
    } else {
        Reach::OffByOperator
    };
    Ok(Some(Seen { name: view.public_name.unwrap_or_default(), reach }))
}

fn is_on(view: &WalletAddressView) -> bool {
    view.status == "ACTIVE"
}

fn is_kept_off(view: &WalletAddressView) -> bool {
    view.additional_properties.iter().flatten().any(|property| property.key == KEPT_OFF)
}

/// The addresses of a user that were switched off, and not on again, because of this.
pub(crate) async fn noted(effects: &Effects, user: Uuid, cause: Cause) -> Result<Vec<Uuid>, database::Error> {
    let sql = format!("SELECT address_id FROM {} WHERE user_id = $1", cause.table());
    let rows = read(effects.store.database(), &sql, [user.into()]).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Switches an address off, unless it is. The cause is noted before, so that a repetition can go on.
pub(crate) async fn switch_off(effects: &Effects, user: Uuid, address: Uuid, cause: Cause) -> Result<(), EffectError> {
    if effects.admin.wallet_address_view(address).await?.as_ref().is_none_or(|view| !is_on(view)) {
        return Ok(());
    }
    let sql = format!("INSERT INTO {} (address_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", cause.table());
    effects.store.database().execute(&sql, [address.into(), user.into()]).await?;
    change(effects, cause.input(address, "INACTIVE")).await
}

/// Switches an address on that was switched off because of this, unless the operator keeps it off. Returns whether that
/// was so.
pub(crate) async fn switch_on(effects: &Effects, user: Uuid, address: Uuid, cause: Cause) -> Result<bool, EffectError> {
    if !noted(effects, user, cause).await?.contains(&address) {
        return Ok(false);
    }
    if effects.admin.wallet_address_view(address).await?.as_ref().is_none_or(is_kept_off) {
        return Ok(false);
    }
    change(effects, cause.input(address, "ACTIVE")).await?;
    let sql = format!("DELETE FROM {} WHERE address_id = $1 AND user_id = $2", cause.table());
    effects.store.database().execute(&sql, [address.into(), user.into()]).await?;
    Ok(true)
}

/// Changes the name that payers read. `false` if it is none.
pub(crate) async fn rename(effects: &Effects, address: Uuid, written: &str) -> Result<bool, EffectError> {
    let name = written.trim();
    if name.is_empty() || check_line(name, NAME_MAX).is_err() {
        return Ok(false);
    }
    change(effects, json!({"id": address, "publicName": name})).await?;
    Ok(true)
}

/// Revokes the keys of an address, so that nothing is signed with it any more.
pub(crate) async fn revoke_keys(effects: &Effects, address: Uuid) -> Result<(), EffectError> {
    let Some(view) = effects.admin.wallet_address_view(address).await? else { return Ok(()) };
    for key in view.keys().filter(|key| !key.revoked) {
        effects.admin.change(Mutation::RevokeWalletAddressKey, json!({"id": key.id})).await?;
    }
    Ok(())
}

async fn change(effects: &Effects, input: Value) -> Result<(), EffectError> {
    Ok(effects.admin.change(Mutation::UpdateWalletAddress, input).await.map(drop)?)
}
