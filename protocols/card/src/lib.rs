//! What a payment card signs when it is presented, and whether that may pay (EMV data elements, CMAC and ECDSA forms).
//!
//! It does not read cards, and has no network and no storage. The signed octets and the stored state of a card go in, a
//! decision and the new state come out.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

#![warn(missing_docs)]

mod chip;
mod cryptogram;
mod currency;
mod payload;
mod pin;
mod presented;
mod rules;
mod tlv;

pub use chip::{Chip, ChipKey, Tap};
pub use cryptogram::{CardKey, Cryptogram, InvalidKey};
pub use currency::currency_number;
pub use payload::{InvalidPayload, Payload, SignedPayload};
pub use pin::{CardNumber, InvalidCardNumber, InvalidPin, Pin, PinKey};
pub use presented::check_texts;
pub use rules::{Card, Memory, PinRule, Purchase, Refusal, Verdict, judge};
