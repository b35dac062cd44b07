//! A chip that signs purchases, for virtual cards and for tests.
//!
//! It does not store its counter: the caller does.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

use std::fmt;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};

use crate::cryptogram::{CardKey, Cryptogram, ECDSA_LENGTH, InvalidKey, cmac};
use crate::payload::{InvalidPayload, Payload, SignedPayload};
use crate::pin::{CardNumber, Pin, PinKey};
use crate::rules::WRONG_PINS_MAX;

/// What a chip signs with.
#[derive(Clone)]
pub enum ChipKey {
    /// The AES-128 key it shares with its issuer.
    Cmac([u8; 16]),
    /// A P-256 key of its own.
    Ecdsa(Box<SigningKey>),
}

impl ChipKey {
    /// The P-256 key with this scalar of 32 octets.
    pub fn ecdsa(scalar: &[u8]) -> Result<Self, InvalidKey> {
        SigningKey::from_slice(scalar).map(|key| Self::Ecdsa(Box::new(key))).map_err(|_| InvalidKey)
    }

    /// The key with which its issuer verifies.
    pub fn for_issuer(&self) -> CardKey {
        match self {
            Self::Cmac(key) => CardKey::Cmac(*key),
            Self::Ecdsa(key) => CardKey::Ecdsa(Box::new(*key.verifying_key())),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Cmac(_) => 0x80,
            Self::Ecdsa(_) => 0xc1,
        }
    }

    fn sign(&self, octets: &[u8]) -> Cryptogram {
        match self {
            Self::Cmac(key) => Cryptogram::Cmac(cmac(key, octets)),
            Self::Ecdsa(key) => {
                let signature: Signature = key.sign(octets);
                let der = signature.to_der();
                let mut shown = [0; ECDSA_LENGTH];
                shown[..der.as_bytes().len()].copy_from_slice(der.as_bytes());
                Cryptogram::Ecdsa(shown)
            }
        }
    }
}

impl fmt::Debug for ChipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChipKey(..)")
    }
}

/// A chip.
#[derive(Clone, Debug)]
pub struct Chip {
    /// The card's number.
    pub number: CardNumber,
    /// The wallet address that pays.
    pub wallet_address: String,
    /// The key with which it signs.
    pub key: ChipKey,
    /// The key that encrypts PINs.
    pub pin_key: PinKey,
}

/// The data that a terminal sends to a chip for signing.
#[derive(Clone, Debug)]
pub struct Tap<'a> {
    /// The amount in the smallest unit.
    pub amount: u64,
    /// The currency's number.
    pub currency: u16,
    /// Decimal places of the currency.
    pub exponent: u8,
    /// The terminal's random number.
    pub unpredictable: [u8; 4],
    /// The chip's counter for this purchase. It is larger than that of the last purchase.
    pub counter: u16,
    /// The PIN that was entered, with random octets for its encryption.
    pub pin: Option<(&'a Pin, [u8; 8])>,
}

impl Chip {
    /// The signed payload.
    pub fn sign(&self, tap: &Tap<'_>) -> Result<SignedPayload, InvalidPayload> {
        let payload = Payload {
            number: self.number.clone(),
            wallet_address: self.wallet_address.clone(),
            amount: tap.amount,
            currency: tap.currency,
            exponent: tap.exponent,
            unpredictable: tap.unpredictable,
            counter: tap.counter,
            pin_tries_left: WRONG_PINS_MAX,
            pin_block: tap.pin.map(|(pin, filling)| self.pin_key.encipher(pin, &self.number, filling)),
        };
        let octets = payload.to_signed_octets(self.key.kind())?;
        let cryptogram = self.key.sign(&octets);
        Ok(SignedPayload::new(payload, octets, cryptogram))
    }
}
