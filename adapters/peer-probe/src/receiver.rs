//! Where the packets go: a wallet address at the peer, or behind it, that gives STREAM credentials by SPSP (Interledger
//! RFC 9), with receipts (RFC 39).
//!
//! What a receiver says about an amount is encrypted for us, so no connector on the way can change it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::Entropy;
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue};
use ilp_packet::Address;
use money::Asset;
use open_payments::{SPSP_CONTENT_TYPE, SpspCredentials};
use outbound_http::{Outbound, Request, Scheme};
use serde::Deserialize;
use stream::SharedSecret;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_MAX: usize = 64 * 1024;

/// A receiver of packets.
#[derive(Clone)]
pub struct Receiver {
    pub(crate) asset: Asset,
    pub(crate) address: Address,
    pub(crate) secret: SharedSecret,
    /// The nonce and the key of receipts, if the receiver gives them.
    pub(crate) receipts: Option<([u8; 16], [u8; 32])>,
}

/// Why a wallet address gives no receiver.
#[derive(Debug, thiserror::Error)]
pub enum ReadReceiverError {
    /// It does not answer.
    #[error("{0}")]
    Silent(String),
    /// It answers otherwise.
    #[error("{url} is no wallet address that can be paid by SPSP: {reason}")]
    NoReceiver {
        /// The address.
        url: String,
        /// What was found instead.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WalletAddress {
    asset_code: String,
    asset_scale: u8,
}

impl Receiver {
    /// The asset that it receives.
    pub fn asset(&self) -> &Asset {
        &self.asset
    }

    /// Asks a wallet address for its asset and for credentials.
    pub async fn of(
        wallet_address: &Url,
        scheme: Scheme,
        http: &Outbound,
        entropy: &dyn Entropy,
    ) -> Result<Self, ReadReceiverError> {
        let wrong = |reason: String| ReadReceiverError::NoReceiver { url: wallet_address.to_string(), reason };
        let found: WalletAddress = ask(wallet_address, scheme, http, "application/json", &[]).await?;
        let asset = Asset::new(&found.asset_code, found.asset_scale).map_err(|error| wrong(error.to_string()))?;

        let (nonce, key): ([u8; 16], [u8; 32]) = (entropy.bytes(), entropy.bytes());
        let headers =
            [("receipt-nonce", URL_SAFE_NO_PAD.encode(nonce)), ("receipt-secret", URL_SAFE_NO_PAD.encode(key))];
        let credentials: SpspCredentials = ask(wallet_address, scheme, http, SPSP_CONTENT_TYPE, &headers).await?;
        Ok(Self {
            asset,
            address: credentials
                .destination_account
                .parse()
                .map_err(|_| wrong("its ILP address is none".to_owned()))?,
            secret: SharedSecret::from_base64(&credentials.shared_secret).map_err(|error| wrong(error.to_string()))?,
            receipts: credentials.receipts_enabled.then_some((nonce, key)),
        })
    }
}

async fn ask<T: serde::de::DeserializeOwned>(
    wallet_address: &Url,
    scheme: Scheme,
    http: &Outbound,
    accept: &'static str,
    headers: &[(&'static str, String)],
) -> Result<T, ReadReceiverError> {
    let wrong = |reason: String| ReadReceiverError::NoReceiver { url: wallet_address.to_string(), reason };
    let mut url = wallet_address.clone();
    if scheme == Scheme::PlainForDevelopment && url.scheme() == "https" {
        // Both schemes are special, so the change is always possible.
        let _ = url.set_scheme("http");
    }
    let mut request = Request::get(url).configured().deadline(PATIENCE).limit(ANSWER_MAX);
    request = request.header(ACCEPT, HeaderValue::from_static(accept));
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).map_err(|error| wrong(error.to_string()))?;
        request = request.header(HeaderName::from_static(name), value);
    }
    let answer = http.send(request).await.map_err(|error| ReadReceiverError::Silent(error.to_string()))?;
    if !answer.status.is_success() {
        return Err(wrong(format!("it answers {} to {accept}", answer.status)));
    }
    answer.json().map_err(|error| wrong(error.to_string()))
}
