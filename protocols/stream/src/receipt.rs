//! STREAM receipts (RFC 39): with them a receiver proves to a third party what it has received.
//! When a receipt is issued is decided in `receiver`.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::crypto;

const VERSION: u8 = 1;
const SIGNED: usize = 26;
const LENGTH: usize = 58;

/// Why octets are not a valid receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The length is not 58 octets.
    #[error("a receipt has 58 octets")]
    Length,
    /// The version is not 1.
    #[error("receipt version {0} is not supported; version 1 is")]
    Version(u8),
    /// Not made with this secret.
    #[error("the receipt was not made with this secret")]
    Mac,
}

/// The contents of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Chosen by the verifier.
    pub nonce: [u8; 16],
    /// The stream that it is about.
    pub stream_id: u8,
    /// The total that the stream has received so far.
    pub total_received: u64,
}

impl Receipt {
    /// The octets of this receipt, authenticated with the secret of the verifier.
    pub fn issue(&self, secret: &[u8; 32]) -> [u8; LENGTH] {
        let mut octets = [0; LENGTH];
        octets[0] = VERSION;
        octets[1..17].copy_from_slice(&self.nonce);
        octets[17] = self.stream_id;
        octets[18..SIGNED].copy_from_slice(&self.total_received.to_be_bytes());
        let mac = mac(secret, &octets[..SIGNED]);
        octets[SIGNED..].copy_from_slice(&mac);
        octets
    }

    /// Reads a receipt without verifying it.
    pub fn parse(octets: &[u8]) -> Result<Self, ReceiptError> {
        let octets: &[u8; LENGTH] = octets.try_into().map_err(|_| ReceiptError::Length)?;
        if octets[0] != VERSION {
            return Err(ReceiptError::Version(octets[0]));
        }
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&octets[1..17]);
        let mut total = [0; 8];
        total.copy_from_slice(&octets[18..SIGNED]);
        Ok(Self { nonce, stream_id: octets[17], total_received: u64::from_be_bytes(total) })
    }

    /// Reads a receipt and checks that it was made with `secret`.
    pub fn verify(octets: &[u8], secret: &[u8; 32]) -> Result<Self, ReceiptError> {
        let receipt = Self::parse(octets)?;
        let genuine: bool = mac(secret, &octets[..SIGNED]).ct_eq(&octets[SIGNED..]).into();
        genuine.then_some(receipt).ok_or(ReceiptError::Mac)
    }
}

fn mac(secret: &[u8; 32], signed: &[u8]) -> [u8; 32] {
    let mut state: Hmac<Sha256> = crypto::hmac(secret);
    state.update(signed);
    state.finalize().into_bytes().into()
}
