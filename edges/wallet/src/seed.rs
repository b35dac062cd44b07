//! What an institution begins with: assets, fees, peers, accounts, rates (wallet section B.3, localenv section 4).
//!
//! Data only; `seeding` brings it about.

use money::{Asset, Rate};
use uuid::Uuid;

use crate::fees::FeeRule;

/// An institution's beginning.
#[derive(Clone, Debug, Default)]
pub struct Seed {
    /// Assets with their liquidity and fees.
    pub assets: Vec<SeedAsset>,
    /// Peers.
    pub peers: Vec<SeedPeer>,
    /// Customers.
    pub accounts: Vec<SeedAccount>,
    /// Exchange rates served.
    pub rates: Vec<SeedRate>,
}

/// An asset.
#[derive(Clone, Debug)]
pub struct SeedAsset {
    /// Code and scale.
    pub asset: Asset,
    /// Deposited when the asset is created.
    pub liquidity: u64,
    /// Below this an event tells that liquidity is low.
    pub liquidity_threshold: u64,
    /// The fee on outgoing payments.
    pub sending_fee: Option<FeeRule>,
}

/// A peer.
#[derive(Clone, Debug)]
pub struct SeedPeer {
    /// Its name.
    pub name: String,
    /// What is settled in.
    pub asset: Asset,
    /// Its ILP address.
    pub ilp_address: String,
    /// The URL of its connector.
    pub endpoint: String,
    /// Deposited when the peer is created.
    pub initial_liquidity: u64,
    /// Below this an event tells that liquidity is low.
    pub liquidity_threshold: u64,
    /// Largest packet accepted from it.
    pub max_packet_amount: Option<u64>,
    /// Accepted from it.
    pub incoming_token: String,
    /// Shown to it.
    pub outgoing_token: String,
}

/// A customer.
#[derive(Clone, Debug)]
pub struct SeedAccount {
    /// Account id.
    pub id: Uuid,
    /// The customer's name, public name of the wallet address.
    pub name: String,
    /// Path of the wallet address.
    pub path: String,
    /// What the account holds.
    pub asset: Asset,
    /// Credited once.
    pub initial_balance: u64,
    /// Whether the wallet address exists from the start, or is created when it is asked for.
    pub wallet_address: AddressCreation,
}

/// When a wallet address is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressCreation {
    /// While seeding.
    AtStart,
    /// When somebody asks for it.
    OnDemand,
}

/// What one unit of `base` is worth in `quote`.
#[derive(Clone, Debug)]
pub struct SeedRate {
    /// Code of the base.
    pub base: String,
    /// Code of the other.
    pub quote: String,
    /// Units of `quote` for one of `base`.
    pub rate: Rate,
}

/// The rates every playground institution serves.
pub fn playground_rates() -> Vec<SeedRate> {
    let table = [
        ("EUR", "MXN", "18.78"),
        ("EUR", "USD", "1.10"),
        ("EUR", "JPY", "157.83"),
        ("USD", "MXN", "17.07"),
        ("USD", "EUR", "0.91"),
        ("USD", "JPY", "147.71"),
        ("MXN", "USD", "0.059"),
        ("MXN", "EUR", "0.054"),
        ("MXN", "JPY", "8.65"),
        ("JPY", "USD", "0.007"),
        ("JPY", "EUR", "0.006"),
        ("JPY", "MXN", "0.12"),
    ];
    let rate = |(base, quote, rate): (&str, &str, &str)| {
        Some(SeedRate { base: base.to_owned(), quote: quote.to_owned(), rate: rate.parse().ok()? })
    };
    table.into_iter().filter_map(rate).collect()
}

/// The seed of Cloud Nine Wallet, with Happy Life Bank's connector at `peer_endpoint`.
pub fn cloud_nine(peer_endpoint: &str) -> Seed {
    let assets = [("USD", 2, 10_000_000, 1_000_000), ("EUR", 2, 10_000_000, 1_000_000)];
    let accounts = [
        (0x742a_b7cd_1624_4d2e_af6e_e15a_7163_8669, "Grace Franklin", "gfranklin", "USD", 40_000_000),
        (0xa9ad_be1a_df31_4766_87c9_d2cb_2e63_6a9b, "Bert Hamchest", "bhamchest", "USD", 40_000_000),
        (0x5726_eefe_8737_459d_a36b_0acc_e152_cb90, "World's Best Donut Co", "wbdc", "USD", 20_000_000),
        (0x5a95_366f_8cb4_4925_88d9_ae57_dcb4_44bb, "Broke Account", "broke", "USD", 50),
        (0x63dc_c665_d946_4263_ac27_d0da_1eb0_8a83, "Luca Rossi", "lrossi", "EUR", 50),
    ];
    Seed {
        assets: assets.into_iter().filter_map(seed_asset).collect(),
        peers: usd()
            .into_iter()
            .map(|asset| SeedPeer {
                name: "Happy Life Bank".to_owned(),
                asset,
                ilp_address: "test.happy-life-bank".to_owned(),
                endpoint: peer_endpoint.to_owned(),
                initial_liquidity: 10_000_000,
                liquidity_threshold: 1_000_000,
                max_packet_amount: None,
                incoming_token: "happy-to-cloud-nine".to_owned(),
                outgoing_token: "cloud-nine-to-happy".to_owned(),
            })
            .collect(),
        accounts: accounts.into_iter().filter_map(seed_account).collect(),
        rates: playground_rates(),
    }
}

/// The seed of Happy Life Bank, with Cloud Nine Wallet's connector at `peer_endpoint`.
pub fn happy_life(peer_endpoint: &str) -> Seed {
    let assets = [
        ("USD", 2, 2_000_000_000_000, 10_000_000),
        ("EUR", 2, 100_000_000, 10_000_000),
        ("MXN", 2, 100_000_000, 10_000_000),
        ("JPY", 0, 1_000_000, 100_000),
    ];
    let accounts = [
        (0x97a3_a431_8ee1_48fc_ac85_70e2_f5eb_a8e5, "Philip Fry", "pfry", "USD", 1),
        (0xa455_cc54_b583_455b_836a_e527_5c5c_05b7, "PlanEx Corp", "planex", "USD", 2_000_000),
        (0xf47a_c10b_58cc_4372_a567_0e02_b2c3_d479, "Alice Smith", "asmith", "USD", 5_000_000),
        (0xfd4e_cbc9_205d_4ecd_a030_507d_6ce2_bde6, "Lars", "lars", "EUR", 50_000_000),
        (0x6025_7507_3191_4507_9d77_9071_fd6b_3c30, "David", "david", "MXN", 1_500_000_000),
    ];
    Seed {
        assets: assets.into_iter().filter_map(seed_asset).collect(),
        peers: usd()
            .into_iter()
            .map(|asset| SeedPeer {
                name: "Cloud Nine Wallet".to_owned(),
                asset,
                ilp_address: "test.cloud-nine-wallet".to_owned(),
                endpoint: peer_endpoint.to_owned(),
                initial_liquidity: 100_000_000_000_000,
                liquidity_threshold: 1_000_000,
                max_packet_amount: Some(10_000),
                incoming_token: "cloud-nine-to-happy".to_owned(),
                outgoing_token: "happy-to-cloud-nine".to_owned(),
            })
            .collect(),
        accounts: accounts.into_iter().filter_map(seed_account).collect(),
        rates: playground_rates(),
    }
}

fn usd() -> Option<Asset> {
    Asset::new("USD", 2).ok()
}

fn seed_asset((code, scale, liquidity, liquidity_threshold): (&str, u8, u64, u64)) -> Option<SeedAsset> {
    let fixed = if scale == 0 { 1 } else { 100 };
    let asset = Asset::new(code, scale).ok()?;
    Some(SeedAsset { asset, liquidity, liquidity_threshold, sending_fee: Some(FeeRule { fixed, basis_points: 200 }) })
}

fn seed_account((id, name, slug, code, initial_balance): (u128, &str, &str, &str, u64)) -> Option<SeedAccount> {
    let on_demand = slug == "asmith";
    Some(SeedAccount {
        id: Uuid::from_u128(id),
        name: name.to_owned(),
        path: format!("accounts/{slug}"),
        asset: Asset::new(code, 2).ok()?,
        initial_balance,
        wallet_address: if on_demand { AddressCreation::OnDemand } else { AddressCreation::AtStart },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_playground_is_complete() {
        let (nine, happy) = (cloud_nine("http://h:1"), happy_life("http://h:2"));
        assert_eq!((nine.assets.len(), nine.peers.len(), nine.accounts.len(), nine.rates.len()), (2, 1, 5, 12));
        assert_eq!((happy.assets.len(), happy.peers.len(), happy.accounts.len(), happy.rates.len()), (4, 1, 5, 12));
        assert_eq!(nine.accounts[0].id.to_string(), "742ab7cd-1624-4d2e-af6e-e15a71638669");
        assert_eq!(happy.assets[3].sending_fee, Some(FeeRule { fixed: 1, basis_points: 200 }));
        assert_eq!(nine.peers[0].outgoing_token, happy.peers[0].incoming_token);
        assert_eq!(happy.peers[0].outgoing_token, nine.peers[0].incoming_token);
    }

    #[test]
    fn every_account_is_in_a_seeded_asset() {
        for seed in [cloud_nine("http://h:1"), happy_life("http://h:2")] {
            for account in &seed.accounts {
                assert!(seed.assets.iter().any(|asset| asset.asset == account.asset), "{}", account.name);
            }
        }
    }
}
