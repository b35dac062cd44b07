//! Who asks for a grant: a wallet address whose keys are published, or a bare public key.
//!
//! Fetching the published keys is the business of an adapter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::text::{InvalidUri, ResourceUrl, present};

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
    WalletAddress(ResourceUrl),
    /// Directed identity: the key speaks for itself.
    Jwk(ClientKey),
}

impl Client {
    /// What tells this client from every other: the wallet address, or `jwk:` and the key's thumbprint.
    pub fn identity(&self) -> String {
        match self {
            Self::WalletAddress(url) => url.as_str().to_owned(),
            Self::Jwk(key) => format!("jwk:{}", key.thumbprint()),
        }
    }
}

/// An Ed25519 public key presented by a client itself (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WireJwk", into = "WireJwk")]
pub struct ClientKey {
    kid: Box<str>,
    public: [u8; 32],
}

impl ClientKey {
    /// The key id, which signatures must name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The 32 octets of the public key. Whether they are a usable point is for the verifier to say.
    pub fn public_bytes(&self) -> &[u8; 32] {
        &self.public
    }

    /// The JWK thumbprint (RFC 7638, RFC 8037 section 2): the same for the same key whatever its id.
    pub fn thumbprint(&self) -> String {
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(self.public));
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
    }
}

/// Why a client is not identified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClient {
    /// The wallet address is not one.
    #[error("wallet address {0}")]
    WalletAddress(#[from] InvalidUri),
    /// The key id is blank or too long.
    #[error("jwk.kid must have 1 to {KEY_ID_LENGTH_MAX} characters, not all blank")]
    KeyId,
    /// The public key is not 32 octets in base64url.
    #[error("jwk.x must be 32 octets in base64url")]
    PublicKey,
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

impl TryFrom<WireJwk> for ClientKey {
    type Error = InvalidClient;
    fn try_from(wire: WireJwk) -> Result<Self, Self::Error> {
        if wire.kid.trim().is_empty() || wire.kid.len() > KEY_ID_LENGTH_MAX {
            return Err(InvalidClient::KeyId);
        }
        let octets = URL_SAFE_NO_PAD.decode(&wire.x).map_err(|_| InvalidClient::PublicKey)?;
        let public = octets.try_into().map_err(|_| InvalidClient::PublicKey)?;
        Ok(Self { kid: wire.kid.into(), public })
    }
}

impl From<ClientKey> for WireJwk {
    fn from(key: ClientKey) -> Self {
        Self {
            kid: key.kid.into(),
            alg: Algorithm::EdDsa,
            usage: None,
            kty: KeyType::Okp,
            crv: Curve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(key.public),
        }
    }
}

impl TryFrom<WireClient> for Client {
    type Error = InvalidClient;
    fn try_from(wire: WireClient) -> Result<Self, Self::Error> {
        match wire {
            WireClient::Text(wallet_address) | WireClient::WalletAddress(WireWalletAddress { wallet_address }) => {
                let url: ResourceUrl = wallet_address.parse()?;
                Ok(Self::WalletAddress(url.require_wallet_address()?))
            }
            WireClient::Jwk(holder) => Ok(Self::Jwk(holder.jwk.try_into()?)),
        }
    }
}

impl From<Client> for WireClient {
    fn from(client: Client) -> Self {
        match client {
            Client::WalletAddress(url) => Self::WalletAddress(WireWalletAddress { wallet_address: url.into() }),
            Client::Jwk(key) => Self::Jwk(WireKeyHolder { jwk: key.into() }),
        }
    }
}
