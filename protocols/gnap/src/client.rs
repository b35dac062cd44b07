//! The client of a grant: a wallet address whose keys are published, or a bare public key (RFC 9635 section 2.3).
//!
//! It does not fetch the published keys: an adapter does.

use http_signatures::{InvalidJwk, Jwk, PublicKey};
use serde::{Deserialize, Serialize};
use web_url::{InvalidUrl, WebUrl};

use crate::parse::present;

/// The longest key id accepted, in octets.
pub const KEY_ID_LENGTH_MAX: usize = 255;

/// The identity of a client instance.
///
/// Read from a URL string (the older form), `{"walletAddress": …}` or `{"jwk": …}`, which may have no
/// other member; written in the object form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WireClient", into = "WireClient")]
pub enum Client {
    /// Keys are found at this wallet address + `/jwks.json`.
    WalletAddress(WebUrl),
    /// Directed identity: the key itself is the identity.
    Jwk(Box<Jwk>),
}

impl Client {
    /// The unique name of this client: the wallet address, or `jwk:` and the key's thumbprint.
    pub fn identity(&self) -> String {
        match self {
            Self::WalletAddress(url) => url.as_str().to_owned(),
            Self::Jwk(key) => format!("jwk:{}", key.thumbprint()),
        }
    }
}

/// Why a client is not identified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClient {
    /// The URL is not a wallet address.
    #[error("wallet address {0}")]
    WalletAddress(#[from] InvalidUrl),
    /// The key id is too long.
    #[error("jwk.kid must not have more than {KEY_ID_LENGTH_MAX} characters")]
    KeyId,
    /// The key is not usable.
    #[error("jwk {0}")]
    Key(#[from] InvalidJwk),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be a wallet address, or an object with only walletAddress or only jwk")]
enum WireClient {
    Text(String),
    WalletAddress(WireWalletAddress),
    Jwk(WireKeyHolder),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireWalletAddress {
    wallet_address: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKeyHolder {
    jwk: WireJwk,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireJwk {
    kid: String,
    alg: Algorithm,
    #[serde(rename = "use", default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    kty: KeyType,
    crv: Curve,
    x: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Algorithm {
    #[serde(rename = "EdDSA")]
    EdDsa,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Usage {
    #[serde(rename = "sig")]
    Signature,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum KeyType {
    #[serde(rename = "OKP")]
    Okp,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Curve {
    Ed25519,
}

impl TryFrom<WireJwk> for Jwk {
    type Error = InvalidClient;
    fn try_from(wire: WireJwk) -> Result<Self, Self::Error> {
        if wire.kid.len() > KEY_ID_LENGTH_MAX {
            return Err(InvalidClient::KeyId);
        }
        Ok(Self::new(wire.kid, PublicKey::from_base64url(&wire.x)?)?)
    }
}

impl From<Jwk> for WireJwk {
    fn from(key: Jwk) -> Self {
        Self {
            kid: key.kid().to_owned(),
            alg: Algorithm::EdDsa,
            usage: None,
            kty: KeyType::Okp,
            crv: Curve::Ed25519,
            x: key.key().to_base64url(),
        }
    }
}

impl TryFrom<WireClient> for Client {
    type Error = InvalidClient;
    fn try_from(wire: WireClient) -> Result<Self, Self::Error> {
        match wire {
            WireClient::Text(wallet_address) | WireClient::WalletAddress(WireWalletAddress { wallet_address }) => {
                Ok(Self::WalletAddress(wallet_address.parse()?))
            }
            WireClient::Jwk(holder) => Ok(Self::Jwk(Box::new(holder.jwk.try_into()?))),
        }
    }
}

impl From<Client> for WireClient {
    fn from(client: Client) -> Self {
        match client {
            Client::WalletAddress(url) => Self::WalletAddress(WireWalletAddress { wallet_address: url.into() }),
            Client::Jwk(key) => Self::Jwk(WireKeyHolder { jwk: (*key).into() }),
        }
    }
}
