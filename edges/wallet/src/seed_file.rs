//! The seed file (YAML) of an operator, parsed and checked as a whole.
//!
//! Unknown keys are ignored, because files of the reference have more than is used here.

use card::{CardKey, PinKey, PinRule};
use money::Asset;
use rates_service::{RateBook, RatesFileError, Rows};
use serde::Deserialize;
use serde::de::Error as _;
use uuid::Uuid;

use crate::cards::NewCard;
use crate::fees::FeeRule;
use crate::seed::{AddressCreation, Seed, SeedAccount, SeedAsset, SeedPeer, SeedTenant, SeedUser};

/// Why a seed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedFileError {
    /// Not YAML, or not of this shape.
    #[error("{0}")]
    Unreadable(String),
    /// An invalid asset code or scale.
    #[error("assets: {code:?} with scale {scale} is not an asset")]
    NoAsset {
        /// As written.
        code: String,
        /// As written.
        scale: u8,
    },
    /// An asset that is not listed, or listed with several scales.
    #[error("{place}: name one of the listed assets; {found} of them have the code {code:?}")]
    UnknownAsset {
        /// The section.
        place: &'static str,
        /// As written.
        code: String,
        /// How many assets have the code.
        found: usize,
    },
    /// A card without a required value.
    #[error("cards: {number:?} needs {what}")]
    NoCard {
        /// As written.
        number: String,
        /// The missing value.
        what: &'static str,
    },
    /// A tenant that cannot be used.
    #[error("tenants: the first one needs {0}")]
    NoTenant(&'static str),
    /// Rates that cannot be served.
    #[error("{0}")]
    NoRates(RatesFileError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeedFile {
    #[serde(default)]
    assets: Vec<AssetEntry>,
    peering_asset: Option<String>,
    #[serde(default)]
    peers: Vec<PeerEntry>,
    #[serde(default)]
    accounts: Vec<AccountEntry>,
    #[serde(default)]
    fees: Vec<FeeEntry>,
    #[serde(default)]
    users: Vec<UserEntry>,
    #[serde(default)]
    cards: Vec<CardEntry>,
    #[serde(default)]
    rates: Rows,
    #[serde(default)]
    tenants: Vec<TenantEntry>,
}

/// A tenant. Files that are not of a tenant's wallet may name others, which are not used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TenantEntry {
    id: Option<Uuid>,
    api_secret: Option<String>,
    public_name: Option<String>,
    idp_consent_url: Option<String>,
    idp_secret: Option<String>,
    wallet_address_prefix: Option<String>,
    webhook_url: Option<String>,
}

impl TenantEntry {
    fn read(self) -> Result<SeedTenant, SeedFileError> {
        let needed = SeedFileError::NoTenant;
        let url = |text: Option<String>, what| text.and_then(|text| text.parse().ok()).ok_or(needed(what));
        Ok(SeedTenant {
            id: self.id.ok_or(needed("an id, by which it is found again"))?,
            api_secret: self.api_secret.filter(|secret| !secret.is_empty()).ok_or(needed("an apiSecret"))?,
            public_name: self.public_name,
            idp_consent_url: self.idp_consent_url,
            idp_secret: self.idp_secret,
            wallet_address_prefix: url(self.wallet_address_prefix, "a walletAddressPrefix, which is a URL")?,
            webhook_url: url(self.webhook_url, "a webhookUrl")?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetEntry {
    code: String,
    scale: u8,
    #[serde(default, deserialize_with = "amount")]
    liquidity: u64,
    #[serde(default, deserialize_with = "amount")]
    liquidity_threshold: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PeerEntry {
    peer_ilp_address: String,
    peer_url: String,
    name: Option<String>,
    #[serde(default, deserialize_with = "amount")]
    initial_liquidity: u64,
    #[serde(default, deserialize_with = "amount")]
    liquidity_threshold: u64,
    #[serde(default, deserialize_with = "some_amount")]
    max_packet_amount: Option<u64>,
    tokens: Tokens,
    #[serde(default)]
    routes: Vec<String>,
}

#[derive(Deserialize)]
struct Tokens {
    incoming: Vec<String>,
    outgoing: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountEntry {
    id: Uuid,
    name: String,
    path: String,
    #[serde(default, deserialize_with = "amount")]
    initial_balance: u64,
    asset_code: String,
    asset_scale: Option<u8>,
    #[serde(default)]
    skip_wallet_address_creation: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeEntry {
    asset: String,
    scale: u8,
    #[serde(default, deserialize_with = "amount")]
    fixed: u64,
    #[serde(default)]
    basis_points: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserEntry {
    email: String,
    display_name: String,
    password: String,
    #[serde(default)]
    accounts: Vec<String>,
}

impl From<UserEntry> for SeedUser {
    fn from(entry: UserEntry) -> Self {
        let UserEntry { email, display_name, password, accounts } = entry;
        Self { email, name: display_name, password, accounts }
    }
}

/// A card. Keys are written in hexadecimal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CardEntry {
    number: String,
    /// The account that it pays from, by its path.
    account: String,
    /// The AES-128 key shared with the card.
    cmac_key: Option<String>,
    /// Or the public half of its P-256 key, in SEC 1 form.
    public_key: Option<String>,
    pin: String,
    pin_key: String,
    /// Amounts from this one on need the PIN.
    #[serde(default, deserialize_with = "amount")]
    pin_from: u64,
}

impl CardEntry {
    fn read(self) -> Result<NewCard, SeedFileError> {
        let number = self.number.clone();
        let wrong = |what: &'static str| SeedFileError::NoCard { number: number.clone(), what };
        let octets = |text: &str| hex::decode(text).ok();
        let key = match (&self.cmac_key, &self.public_key) {
            (Some(key), None) => octets(key).and_then(|key| key.try_into().ok()).map(CardKey::Cmac),
            (None, Some(key)) => octets(key).and_then(|key| CardKey::ecdsa(&key).ok()),
            _ => None,
        };
        let key = key.ok_or_else(|| wrong("either a cmacKey of 32 digits or a publicKey"))?;
        let pin_key = octets(&self.pin_key).and_then(|key| key.try_into().ok()).map(PinKey::new);
        Ok(NewCard {
            number: self.number.parse().map_err(|_| wrong("a number of 12 to 19 digits"))?,
            account: self.account,
            key,
            pin: PinRule {
                pin: self.pin.parse().map_err(|_| wrong("a pin of 4 to 12 digits"))?,
                key: pin_key.ok_or_else(|| wrong("a pinKey of 32 digits"))?,
                from: self.pin_from,
            },
        })
    }
}

/// A number or its text. Both are read digit by digit.
fn amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.replace('_', "").parse().map_err(|_| D::Error::custom(format!("{text:?} is not an amount in smallest units")))
}

fn some_amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    amount(deserializer).map(Some)
}

impl Seed {
    /// The seed in `text`. Money in an asset that is not listed is refused. Fees and rates are not checked for this.
    pub fn from_yaml(text: &str) -> Result<Self, SeedFileError> {
        let file: SeedFile =
            serde_saphyr::from_str(text).map_err(|error| SeedFileError::Unreadable(error.to_string()))?;
        let assets = file.assets.iter().map(|entry| entry.read(&file.fees)).collect::<Result<Vec<_>, _>>()?;

        let asset = |place: &'static str, code: &str, scale: Option<u8>| {
            let mut fitting = assets
                .iter()
                .map(|seeded| &seeded.asset)
                .filter(|asset| asset.code.as_str() == code && scale.is_none_or(|scale| scale == asset.scale));
            match (fitting.next(), fitting.count()) {
                (Some(asset), 0) => Ok(asset.clone()),
                (first, more) => Err(SeedFileError::UnknownAsset {
                    place,
                    code: code.to_owned(),
                    found: usize::from(first.is_some()) + more,
                }),
            }
        };

        let peering = file.peering_asset.as_deref().unwrap_or_default();
        let peers = file.peers.into_iter().map(|peer| Ok(peer.read(asset("peers", peering, None)?)));
        let accounts = file.accounts.into_iter().map(|account| {
            let asset = asset("accounts", &account.asset_code, account.asset_scale)?;
            Ok(account.read(asset))
        });

        Ok(Self {
            peers: peers.collect::<Result<_, _>>()?,
            accounts: accounts.collect::<Result<_, _>>()?,
            users: file.users.into_iter().map(SeedUser::from).collect(),
            cards: file.cards.into_iter().map(CardEntry::read).collect::<Result<_, _>>()?,
            rates: RateBook::of(file.rates).map_err(SeedFileError::NoRates)?,
            assets,
            tenant: None,
        })
    }

    /// The seed of a tenant's wallet in `text`: it names its tenant.
    pub fn of_tenant(text: &str) -> Result<Self, SeedFileError> {
        let file: SeedFile =
            serde_saphyr::from_str(text).map_err(|error| SeedFileError::Unreadable(error.to_string()))?;
        let first = file.tenants.into_iter().next().ok_or(SeedFileError::NoTenant("to be there"))?;
        Ok(Self { tenant: Some(first.read()?), ..Self::from_yaml(text)? })
    }
}

impl AssetEntry {
    fn read(&self, fees: &[FeeEntry]) -> Result<SeedAsset, SeedFileError> {
        let asset = Asset::new(&self.code, self.scale)
            .map_err(|_| SeedFileError::NoAsset { code: self.code.clone(), scale: self.scale })?;
        let fee = fees.iter().find(|fee| fee.asset == self.code && fee.scale == self.scale);
        Ok(SeedAsset {
            asset,
            liquidity: self.liquidity,
            liquidity_threshold: self.liquidity_threshold,
            sending_fee: fee.map(|fee| FeeRule { fixed: fee.fixed, basis_points: fee.basis_points }),
        })
    }
}

impl PeerEntry {
    fn read(self, asset: Asset) -> SeedPeer {
        SeedPeer {
            name: self.name.unwrap_or_else(|| self.peer_ilp_address.clone()),
            asset,
            ilp_address: self.peer_ilp_address,
            endpoint: self.peer_url,
            initial_liquidity: self.initial_liquidity,
            liquidity_threshold: self.liquidity_threshold,
            max_packet_amount: self.max_packet_amount,
            incoming_tokens: self.tokens.incoming,
            outgoing_token: self.tokens.outgoing,
            routes: self.routes,
        }
    }
}

impl AccountEntry {
    fn read(self, asset: Asset) -> SeedAccount {
        let wallet_address =
            if self.skip_wallet_address_creation { AddressCreation::OnDemand } else { AddressCreation::AtStart };
        SeedAccount {
            id: self.id,
            name: self.name,
            path: self.path,
            asset,
            initial_balance: self.initial_balance,
            wallet_address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "
assets: [{code: USD, scale: 2, liquidity: '1000', liquidityThreshold: 10}]
peeringAsset: USD
peers:
  - peerIlpAddress: test.other
    peerUrl: http://other:3002
    tokens: {incoming: [a, b], outgoing: c}
    routes: [test.third]
accounts:
  - {id: 742ab7cd-1624-4d2e-af6e-e15a71638669, name: A, path: accounts/a, assetCode: USD, initialBalance: 5, brunoEnvVar: x}
fees: [{asset: USD, scale: 2, fixed: 100, basisPoints: 200}, {asset: EUR, scale: 2, fixed: 1, basisPoints: 1}]
rates: {USD: {EUR: 0.10}}
tenants: [{publicName: someone}]
";

    #[test]
    fn numbers_may_be_texts_and_unknown_keys_are_passed_over() {
        let seed = Seed::from_yaml(SMALL).unwrap();
        assert_eq!(seed.assets[0].liquidity, 1000);
        assert_eq!(seed.assets[0].sending_fee, Some(FeeRule { fixed: 100, basis_points: 200 }));
        assert_eq!(seed.peers[0].incoming_tokens, ["a", "b"]);
        assert_eq!((seed.peers[0].max_packet_amount, seed.peers[0].routes.len()), (None, 1));
        assert_eq!(seed.rates, RateBook::from_yaml("rates: {USD: {EUR: 0.1}}\n").unwrap());
        assert_eq!(seed.accounts[0].wallet_address, AddressCreation::AtStart);
    }

    #[test]
    fn the_seed_of_a_tenants_wallet_names_the_tenant_whole() {
        let whole = "tenants: [{id: bc293b79-8609-47bd-b914-6438b470aff8, apiSecret: s, publicName: Ten,
            walletAddressPrefix: 'https://nine.example/ten', webhookUrl: 'http://ten/webhooks'}, {publicName: other}]";
        let text = SMALL.replace("tenants: [{publicName: someone}]", whole);
        let tenant = Seed::of_tenant(&text).unwrap().tenant.unwrap();
        assert_eq!(tenant.wallet_address_prefix.as_str(), "https://nine.example/ten");
        assert_eq!(tenant.public_name.as_deref(), Some("Ten"));
        assert!(Seed::from_yaml(&text).unwrap().tenant.is_none(), "another wallet does not use it");
        let refused = |text: &str| Seed::of_tenant(text).unwrap_err().to_string();
        assert_eq!(refused(SMALL), "tenants: the first one needs an id, by which it is found again");
        assert!(refused(&text.replace("apiSecret: s, ", "")).contains("an apiSecret"));
        assert!(refused(&text.replace("'http://ten/webhooks'", "nowhere")).contains("a webhookUrl"));
        assert!(refused(&SMALL.replace("tenants: [{publicName: someone}]", "")).contains("to be there"));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused = |from: &str, to: &str| {
            assert!(SMALL.contains(from));
            Seed::from_yaml(&SMALL.replace(from, to)).unwrap_err().to_string()
        };
        assert_eq!(
            refused("assetCode: USD", "assetCode: EUR"),
            "accounts: name one of the listed assets; 0 of them have the code \"EUR\""
        );
        assert_eq!(
            refused("peeringAsset: USD", ""),
            "peers: name one of the listed assets; 0 of them have the code \"\""
        );
        assert!(refused("EUR: 0.10", "EUR: much").contains("\"much\" for one USD in EUR cannot be a rate"));
        assert!(refused("initialBalance: 5", "initialBalance: -5").contains("not an amount in smallest units"));
        assert!(refused("initialBalance: 5", "initialBalance: 0.5").contains("not an amount in smallest units"));
        assert!(refused("scale: 2, liq", "scale: 256, liq").contains("scale"), "a scale is below 256");
    }
}
