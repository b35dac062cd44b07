//! A customer closes the wallet: only without money, payments, requests and agreements. Then nothing about the person is
//! kept but the accounts' numbers, which the books name.
//!
//! The addresses are switched off first, so that nothing can come while the rest is checked again.

use admin_client::{AdminClient, GrantSelection, Mutation, PageRequest};
use serde_json::json;
use uuid::Uuid;

use crate::customers::{Customer, Held};
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::requests;
use crate::sql::read_one;
use crate::users::Users;

/// The most grants that are looked at for each address and state.
const GRANTS_MAX: u32 = 100;

/// What keeps a wallet open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    Money,
    Payments,
    Requests,
    Agreements,
}

/// What came of closing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Yes,
    No(Vec<Obstacle>),
}

/// What keeps the wallet of this customer open. `grants` is the API that has the agreements.
pub(crate) async fn obstacles(
    effects: &Effects,
    customer: &Customer,
    grants: Option<&AdminClient>,
) -> Result<Vec<Obstacle>, EffectError> {
    let accounts = customer.accounts().await?;
    let mut found = Vec::new();
    if accounts.iter().any(|held| held.balance.posted != 0) {
        found.push(Obstacle::Money);
    }
    if accounts.iter().any(|held| held.balance.held > 0) || is_paying(effects, customer.user()).await? {
        found.push(Obstacle::Payments);
    }
    let (database, now) = (effects.store.database(), effects.clock.now());
    if requests::open_count(database, customer.user(), now).await? > 0 {
        found.push(Obstacle::Requests);
    }
    if let Some(grants) = grants
        && has_agreements(&accounts, grants).await?
    {
        found.push(Obstacle::Agreements);
    }
    Ok(found)
}

async fn is_paying(effects: &Effects, user: Uuid) -> Result<bool, database::Error> {
    let sql = "SELECT 1 FROM wallet_sends WHERE user_id = $1 AND state = 'confirmed'
        UNION ALL SELECT 1 FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
            WHERE a.user_id = $1 AND m.state IN ('starting', 'sending') LIMIT 1";
    Ok(read_one(effects.store.database(), sql, [user.into()]).await?.is_some())
}

/// Whether an application may still do something with one of the accounts.
async fn has_agreements(accounts: &[Held], grants: &AdminClient) -> Result<bool, EffectError> {
    for address in accounts.iter().filter_map(|held| held.account.wallet_address_url.as_ref()) {
        for state in ["APPROVED", "FINALIZED"] {
            let selection =
                GrantSelection { identifier: Some(address.clone()), state: Some(state.to_owned()), reason: None };
            let page = PageRequest { first: Some(GRANTS_MAX), ..PageRequest::default() };
            let listed = grants.grants_page(&page, &selection, None).await?;
            let live = |reason: Option<&str>| matches!(reason, None | Some("ISSUED"));
            if listed.nodes.iter().any(|grant| live(grant.finalization_reason.as_deref())) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Closes the wallet, unless something keeps it open. A repetition goes on where the last one stopped.
pub(crate) async fn leave(
    effects: &Effects,
    users: &Users,
    customer: &Customer,
    grants: Option<&AdminClient>,
    email: &str,
    letter: crate::letters::Text,
) -> Result<Left, EffectError> {
    let found = obstacles(effects, customer, grants).await?;
    if !found.is_empty() {
        return Ok(Left::No(found));
    }
    let accounts = customer.accounts().await?;
    let addresses: Vec<Uuid> = accounts.iter().filter_map(|held| held.account.wallet_address_id).collect();
    switch(effects, &addresses, "INACTIVE").await?;
    // Something may have come before the addresses were switched off. Without them it could not be sent away.
    let found = obstacles(effects, customer, grants).await?;
    if !found.is_empty() {
        switch(effects, &addresses, "ACTIVE").await?;
        return Ok(Left::No(found));
    }
    for address in &addresses {
        revoke_keys(&effects.admin, *address).await?;
    }
    users.close(customer.user(), email, letter).await?;
    Ok(Left::Yes)
}

async fn switch(effects: &Effects, addresses: &[Uuid], status: &str) -> Result<(), EffectError> {
    for address in addresses {
        let input = json!({"id": address, "status": status});
        effects.admin.change(Mutation::UpdateWalletAddress, input).await?;
    }
    Ok(())
}

/// Revokes the keys of an address, so that nothing is signed with it any more.
async fn revoke_keys(admin: &AdminClient, address: Uuid) -> Result<(), EffectError> {
    let Some(view) = admin.wallet_address_view(address).await? else { return Ok(()) };
    for key in view.keys().filter(|key| !key.revoked) {
        admin.change(Mutation::RevokeWalletAddressKey, json!({"id": key.id})).await?;
    }
    Ok(())
}
