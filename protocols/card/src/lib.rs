//! What a payment card signs when it is presented, and whether that may pay (EMV data elements, CMAC and ECDSA forms).
//!
//! No reader, no network, no memory: octets and what is remembered of a card go in, a verdict and what is to be
//! remembered come out.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

#![warn(missing_docs)]

mod chip;
mod cryptogram;
mod currency;
mod payload;
mod pin;
mod rules;
mod tlv;

pub use chip::{Chip, ChipKey, Tap};
pub use cryptogram::{CardKey, Cryptogram, InvalidKey};
pub use currency::currency_number;
pub use payload::{InvalidPayload, Payload, SignedPayload};
pub use pin::{CardNumber, InvalidCardNumber, InvalidPin, Pin, PinKey};
pub use rules::{Card, Memory, PinRule, Purchase, Refusal, Verdict, judge};
