//! The initial data of an institution: assets, fees, peers, accounts, rates.
//!
//! Data only: `seed_file` reads it, `seeding` applies it.

use money::Asset;
use rates_service::RateBook;
use url::Url;
use uuid::Uuid;

use crate::cards::NewCard;
use crate::fees::FeeRule;

/// The initial data of an institution.
#[derive(Clone, Debug, Default)]
pub struct Seed {
    /// Assets with their liquidity and fees.
    pub assets: Vec<SeedAsset>,
    /// Peers.
    pub peers: Vec<SeedPeer>,
    /// Customers.
    pub accounts: Vec<SeedAccount>,
    /// People who can sign in.
    pub users: Vec<SeedUser>,
    /// Cards of customers.
    pub cards: Vec<NewCard>,
    /// Exchange rates served.
    pub rates: RateBook,
    /// The tenant for which a wallet acts that is one of a tenant.
    pub tenant: Option<SeedTenant>,
}

/// The tenant of an instance that belongs to somebody else.
#[derive(Clone)]
pub struct SeedTenant {
    /// Its id. The wallet finds it again by this.
    pub id: Uuid,
    /// Signs what the wallet asks the instance for.
    pub api_secret: String,
    /// Its name for people.
    pub public_name: Option<String>,
    /// Where its customers give consent.
    pub idp_consent_url: Option<String>,
    /// What the wallet shows the authorization server then.
    pub idp_secret: Option<String>,
    /// The beginning of its wallet addresses.
    pub wallet_address_prefix: Url,
    /// Where its events are sent.
    pub webhook_url: Url,
}

impl std::fmt::Debug for SeedTenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedTenant").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An asset.
#[derive(Clone, Debug)]
pub struct SeedAsset {
    /// Code and scale.
    pub asset: Asset,
    /// Deposited when the asset is created.
    pub liquidity: u64,
    /// An event is sent when the liquidity is below this.
    pub liquidity_threshold: u64,
    /// The fee on outgoing payments.
    pub sending_fee: Option<FeeRule>,
}

/// A peer.
#[derive(Clone, Debug)]
pub struct SeedPeer {
    /// Its name.
    pub name: String,
    /// The asset of the exchange.
    pub asset: Asset,
    /// Its ILP address.
    pub ilp_address: String,
    /// The URL of its connector.
    pub endpoint: String,
    /// Deposited when the peer is created.
    pub initial_liquidity: u64,
    /// An event is sent when the liquidity is below this.
    pub liquidity_threshold: u64,
    /// Largest packet accepted from it.
    pub max_packet_amount: Option<u64>,
    /// Tokens that it may present.
    pub incoming_tokens: Vec<String>,
    /// The token presented to it.
    pub outgoing_token: String,
    /// Address prefixes routed to it, besides its own address.
    pub routes: Vec<String>,
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
    /// The asset of the account.
    pub asset: Asset,
    /// Credited once.
    pub initial_balance: u64,
    /// When its wallet address is created.
    pub wallet_address: AddressCreation,
}

/// A person who can sign in.
#[derive(Clone)]
pub struct SeedUser {
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The password at the beginning.
    pub password: String,
    /// The accounts, by their paths. An account that has a user keeps it.
    pub accounts: Vec<String>,
}

impl std::fmt::Debug for SeedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedUser").field("email", &self.email).finish_non_exhaustive()
    }
}

/// When a wallet address is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressCreation {
    /// While seeding.
    AtStart,
    /// When the first request for it arrives.
    OnDemand,
}

/// The seed of Cloud Nine Wallet in the playground.
pub const CLOUD_NINE: &str = include_str!("../seeds/cloud-nine.yml");

/// The seed of Cloud Ten Wallet, a tenant of Cloud Nine, in the playground. `{…}` stand for what differs from start to
/// start.
pub const CLOUD_TEN: &str = include_str!("../seeds/cloud-ten.yml");

/// The seed of Happy Life Bank in the playground.
pub const HAPPY_LIFE: &str = include_str!("../seeds/happy-life.yml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_playground_is_complete() {
        let [nine, happy] = [CLOUD_NINE, HAPPY_LIFE].map(|text| Seed::from_yaml(text).unwrap());
        assert_eq!((nine.assets.len(), nine.peers.len(), nine.accounts.len()), (2, 1, 5));
        assert_eq!((happy.assets.len(), happy.peers.len(), happy.accounts.len()), (4, 1, 5));
        assert_eq!(nine.accounts[0].id.to_string(), "742ab7cd-1624-4d2e-af6e-e15a71638669");
        assert_eq!(happy.assets[3].sending_fee, Some(FeeRule { fixed: 1, basis_points: 200 }));
        assert_eq!([&nine.peers[0].outgoing_token], *happy.peers[0].incoming_tokens.iter().collect::<Vec<_>>());
        assert_eq!([&happy.peers[0].outgoing_token], *nine.peers[0].incoming_tokens.iter().collect::<Vec<_>>());
        assert_eq!(happy.accounts[2].wallet_address, AddressCreation::OnDemand);
        for seed in [nine, happy] {
            assert_ne!(seed.rates, RateBook::default(), "payments between currencies work");
            assert!(
                seed.assets.iter().all(|asset| asset.liquidity_threshold < asset.liquidity),
                "a first payment alarms"
            );
        }
    }
}
