//! Applies the seed step by step. Each step first compares.
//!
//! It may run any number of times and stop anywhere. Existing data are not changed.

use std::time::Duration;

use admin_client::{AdminClient, AssetRecord, ErrorCode, FeeRecord, NewPeer, PeerChange};

use crate::cards::NewCard;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::history::{self, Kind, Movement};
use crate::ids::derived_v4;
use crate::modules::Runs;
use crate::seed::{AddressCreation, Seed, SeedAccount, SeedAsset, SeedPeer, SeedUser};
use crate::store::AccountRow;
use crate::users::{NewUser, Users};

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(30);

/// Repeats seeding until it succeeds. The backend may start later than the wallet.
pub(crate) async fn seed_until_done(effects: &Effects, seed: &Seed, users: Option<&Users>, runs: Runs) {
    let mut pause = PAUSE_MIN;
    while let Err(error) = run(effects, seed, users, runs).await {
        tracing::warn!(%error, "seeding failed and will be repeated");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Applies the parts of the seed that belong to the modules of this process.
pub(crate) async fn run(effects: &Effects, seed: &Seed, users: Option<&Users>, runs: Runs) -> Result<(), EffectError> {
    if runs.accounts {
        ensure_books(effects, seed).await?;
    }
    if runs.payments {
        ensure_cards(effects, seed, runs).await?;
    }
    if let Some(users) = users.filter(|_| runs.users) {
        for user in &seed.users {
            ensure_user(effects, users, user, runs).await?;
        }
    }
    Ok(())
}

async fn ensure_books(effects: &Effects, seed: &Seed) -> Result<(), EffectError> {
    let mut assets = Vec::with_capacity(seed.assets.len());
    for asset in &seed.assets {
        assets.push(ensure_asset(effects, asset).await?);
    }
    for peer in &seed.peers {
        let asset = assets.iter().find(|asset| is(asset, &peer.asset));
        if let Some(asset) = asset {
            ensure_peer(&effects.admin, asset, peer).await?;
        }
    }
    for account in &seed.accounts {
        ensure_account(effects, account).await?;
    }
    Ok(())
}

fn is_made_at_start(seed: &Seed, card: &NewCard) -> bool {
    let at_start = |account: &SeedAccount| account.wallet_address == AddressCreation::AtStart;
    seed.accounts.iter().any(|account| account.path == card.account && at_start(account))
}

async fn ensure_cards(effects: &Effects, seed: &Seed, runs: Runs) -> Result<(), EffectError> {
    for card in &seed.cards {
        match effects.modules.accounts.with_path(&card.account).await? {
            // The other process makes its address at the start, and has not yet.
            Some(account) if !runs.accounts && account.wallet_address_url.is_none() && is_made_at_start(seed, card) => {
                return Err(EffectError::NoSeededAccount(card.account.clone()));
            }
            Some(account) => effects.cards.ensure(card, &account).await?,
            None if runs.accounts => {}
            // The other process makes it, or its seed is another one.
            None => return Err(EffectError::NoSeededAccount(card.account.clone())),
        }
    }
    Ok(())
}

async fn ensure_user(effects: &Effects, users: &Users, seed: &SeedUser, runs: Runs) -> Result<(), EffectError> {
    let new = NewUser { email: seed.email.clone(), name: seed.name.clone(), password: seed.password.clone() };
    let Some(user) = users.ensure(&new).await? else {
        tracing::warn!(email = seed.email, "a user of the seed was not added; check the e-mail address");
        return Ok(());
    };
    for path in &seed.accounts {
        let is_there = effects.modules.accounts.give(path, user).await?;
        if !is_there && !runs.accounts {
            // The other process makes it, or its seed is another one.
            return Err(EffectError::NoSeededAccount(path.clone()));
        }
    }
    Ok(())
}

fn is(record: &AssetRecord, asset: &money::Asset) -> bool {
    record.code == asset.code.as_str() && record.scale == asset.scale
}

async fn ensure_asset(effects: &Effects, seed: &SeedAsset) -> Result<AssetRecord, EffectError> {
    let admin = &effects.admin;
    let ledger = effects.store.ensure_asset(&seed.asset).await?;
    effects.book.open_asset(ledger).await?;
    let (code, scale) = (seed.asset.code.as_str(), seed.asset.scale);
    let record = match admin.asset_by_code_and_scale(code, scale).await? {
        Some(record) => record,
        None => admin.create_asset(code, scale, Some(seed.liquidity_threshold)).await?,
    };
    // The deposit's id is the asset's own, so it is made once.
    if record.liquidity.unwrap_or(0) == 0 && seed.liquidity > 0 {
        let id = derived_v4(record.id, "seed");
        done_or_done_before(admin.deposit_asset_liquidity(record.id, seed.liquidity, id).await)?;
        effects.book.give_liquidity(ledger, id, seed.liquidity).await?;
    }
    let wanted = seed.sending_fee.map(|fee| FeeRecord { fixed: fee.fixed, basis_points: fee.basis_points });
    if let Some(fee) = wanted
        && record.sending_fee != wanted
    {
        admin.set_sending_fee(record.id, fee).await?;
    }
    Ok(record)
}

async fn ensure_peer(admin: &AdminClient, asset: &AssetRecord, seed: &SeedPeer) -> Result<(), EffectError> {
    let found = admin.peer_by_address_and_asset(&seed.ilp_address, asset.id).await?;
    // The query searches by route, so a peer with a shorter address may be the result.
    let found = found.filter(|peer| peer.static_ilp_address == seed.ilp_address);

    let peer = if let Some(peer) = found {
        if peer.http.outgoing.endpoint != seed.endpoint || peer.name.as_deref() != Some(&seed.name) {
            let change = PeerChange {
                id: peer.id,
                static_ilp_address: seed.ilp_address.clone(),
                name: Some(seed.name.clone()),
                endpoint: seed.endpoint.clone(),
                outgoing_token: seed.outgoing_token.clone(),
                incoming_tokens: seed.incoming_tokens.clone(),
                routes: seed.routes.clone(),
            };
            admin.update_peer(&change).await?;
        }
        peer
    } else {
        let new = NewPeer {
            asset_id: asset.id,
            static_ilp_address: seed.ilp_address.clone(),
            name: Some(seed.name.clone()),
            endpoint: seed.endpoint.clone(),
            outgoing_token: seed.outgoing_token.clone(),
            incoming_tokens: seed.incoming_tokens.clone(),
            max_packet_amount: seed.max_packet_amount,
            liquidity_threshold: Some(seed.liquidity_threshold),
            routes: seed.routes.clone(),
        };
        admin.create_peer(&new).await?
    };

    if peer.liquidity.unwrap_or(0) == 0 && seed.initial_liquidity > 0 {
        let id = derived_v4(peer.id, "seed");
        done_or_done_before(admin.deposit_peer_liquidity(peer.id, seed.initial_liquidity, id).await)?;
    }
    Ok(())
}

async fn ensure_account(effects: &Effects, seed: &SeedAccount) -> Result<(), EffectError> {
    let ledger = effects.store.ensure_asset(&seed.asset).await?;
    let wanted = AccountRow {
        id: seed.id,
        name: seed.name.clone(),
        path: seed.path.clone(),
        asset: seed.asset.clone(),
        ledger,
        wallet_address_id: None,
        wallet_address_url: None,
    };
    effects.store.ensure_account(&wanted).await?;
    effects.book.open_customer(&wanted).await?;
    if seed.initial_balance > 0 {
        effects.book.credit_initial(&wanted, seed.initial_balance).await?;
        let id = derived_v4(seed.id, "initial balance");
        let credit = Movement::credit(id, seed.id, Kind::TopUp, seed.initial_balance, effects.clock.now());
        history::record(effects.store.database(), &credit).await?;
    }
    if seed.wallet_address == AddressCreation::AtStart {
        let stored = effects.store.account_by_path(&seed.path).await?.unwrap_or(wanted);
        effects.addresses.ensure(&effects.store, &effects.admin, &stored).await?;
    }
    Ok(())
}

fn done_or_done_before(result: Result<(), admin_client::AdminError>) -> Result<(), EffectError> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.is(&ErrorCode::Duplicate) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
