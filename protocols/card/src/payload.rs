//! The data that a chip signs: a hex text of a template (tag 77) of EMV data elements, the cryptogram last.
//!
//! This file only parses it. `rules` decides whether it is genuine.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

use crate::cryptogram::Cryptogram;
use crate::pin::CardNumber;
use crate::tlv::{self, Element};

const TEMPLATE: u16 = 0x77;
const NUMBER: u16 = 0x5a;
const ISSUER_URL: u16 = 0x5f50;
const AMOUNT: u16 = 0x9f02;
const CURRENCY: u16 = 0x5f2a;
const EXPONENT: u16 = 0x5f36;
const UNPREDICTABLE: u16 = 0x9f37;
const COUNTER: u16 = 0x9f36;
const PIN_TRIES_LEFT: u16 = 0x9f17;
const PIN_BLOCK: u16 = 0x99;
const KIND: u16 = 0x9f27;
const CRYPTOGRAM: u16 = 0x9f26;

/// The longest payload in octets.
pub(crate) const OCTETS_MAX: usize = 4096;
/// The largest amount in twelve digits.
const AMOUNT_MAX: u64 = 999_999_999_999;

/// The content of a purchase, as the chip signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The card.
    pub number: CardNumber,
    /// The paying wallet address, as its issuer wrote it on the card.
    pub wallet_address: String,
    /// The amount in the smallest unit of the currency.
    pub amount: u64,
    /// The currency's number (ISO 4217).
    pub currency: u16,
    /// Decimal places of the currency.
    pub exponent: u8,
    /// The terminal's random number.
    pub unpredictable: [u8; 4],
    /// How many purchases the chip has signed, including this one.
    pub counter: u16,
    /// How many more wrong PINs the chip allows.
    pub pin_tries_left: u8,
    /// The PIN that was entered, encrypted.
    pub pin_block: Option<[u8; 16]>,
}

/// A payload with the cryptogram over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPayload {
    /// The signed data.
    pub payload: Payload,
    /// The cryptogram over it.
    pub cryptogram: Cryptogram,
    signed: Vec<u8>,
}

/// Why a text is not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    /// It is not hexadecimal, or longer than allowed.
    #[error("the payload must be at most 4096 octets in hexadecimal digits")]
    NoHex,
    /// It is not a template of data elements.
    #[error("the payload must be a template 77 of data elements")]
    NoTemplate,
    /// An element is missing, occurs twice, or is malformed.
    #[error("the data element {0:04X} is missing, repeated or malformed")]
    Element(u16),
    /// The amount has more than twelve digits.
    #[error("a card signs amounts of at most twelve digits")]
    Amount,
}

impl Payload {
    /// The elements that are signed, including the cryptogram's type.
    pub(crate) fn to_signed_octets(&self, kind: u8) -> Result<Vec<u8>, InvalidPayload> {
        if self.amount > AMOUNT_MAX {
            return Err(InvalidPayload::Amount);
        }
        let mut out = Vec::with_capacity(160);
        tlv::write(&mut out, NUMBER, &self.number.to_octets());
        tlv::write(&mut out, ISSUER_URL, self.wallet_address.as_bytes());
        tlv::write(&mut out, AMOUNT, &decimal::<6>(self.amount));
        tlv::write(&mut out, CURRENCY, &decimal::<2>(self.currency.into()));
        tlv::write(&mut out, EXPONENT, &[self.exponent]);
        tlv::write(&mut out, UNPREDICTABLE, &self.unpredictable);
        tlv::write(&mut out, COUNTER, &self.counter.to_be_bytes());
        tlv::write(&mut out, PIN_TRIES_LEFT, &[self.pin_tries_left]);
        if let Some(block) = &self.pin_block {
            tlv::write(&mut out, PIN_BLOCK, block);
        }
        tlv::write(&mut out, KIND, &[kind]);
        Ok(out)
    }
}

impl SignedPayload {
    pub(crate) fn new(payload: Payload, signed: Vec<u8>, cryptogram: Cryptogram) -> Self {
        Self { payload, cryptogram, signed }
    }

    /// The octets that the cryptogram covers.
    pub(crate) fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The text that a terminal sends on.
    pub fn to_hex(&self) -> String {
        let mut inside = self.signed.clone();
        tlv::write(&mut inside, CRYPTOGRAM, self.cryptogram.as_bytes());
        let mut template = Vec::with_capacity(inside.len() + 4);
        tlv::write(&mut template, TEMPLATE, &inside);
        hex::encode_upper(template)
    }

    /// Parses such a text.
    pub fn from_hex(text: &str) -> Result<Self, InvalidPayload> {
        if text.len() > OCTETS_MAX * 2 {
            return Err(InvalidPayload::NoHex);
        }
        let octets = hex::decode(text).map_err(|_| InvalidPayload::NoHex)?;
        let no_template = |_| InvalidPayload::NoTemplate;
        let outside = tlv::read(&octets).map_err(no_template)?;
        let [Element { tag: TEMPLATE, value: inside, .. }] = outside.as_slice() else {
            return Err(InvalidPayload::NoTemplate);
        };
        let elements = tlv::read(inside).map_err(no_template)?;
        // Everything before the cryptogram is signed, so nothing may follow it.
        let Some((last, before)) = elements.split_last().filter(|(last, _)| last.tag == CRYPTOGRAM) else {
            return Err(InvalidPayload::Element(CRYPTOGRAM));
        };
        let signed = inside[..inside.len() - last.whole.len()].to_vec();
        let [kind] = fixed(before, KIND)?;
        let cryptogram = Cryptogram::read(kind, last.value).ok_or(InvalidPayload::Element(CRYPTOGRAM))?;
        Ok(Self { payload: read(before)?, cryptogram, signed })
    }
}

fn read(elements: &[Element<'_>]) -> Result<Payload, InvalidPayload> {
    let number = one(elements, NUMBER)?;
    let address = one(elements, ISSUER_URL)?;
    let [exponent] = fixed(elements, EXPONENT)?;
    let [pin_tries_left] = fixed(elements, PIN_TRIES_LEFT)?;
    let has_pin = elements.iter().any(|element| element.tag == PIN_BLOCK);
    let currency = number_of(&fixed::<2>(elements, CURRENCY)?).and_then(|number| u16::try_from(number).ok());
    Ok(Payload {
        number: CardNumber::from_octets(number).map_err(|_| InvalidPayload::Element(NUMBER))?,
        wallet_address: String::from_utf8(address.to_vec()).map_err(|_| InvalidPayload::Element(ISSUER_URL))?,
        amount: number_of(&fixed::<6>(elements, AMOUNT)?).ok_or(InvalidPayload::Element(AMOUNT))?,
        currency: currency.ok_or(InvalidPayload::Element(CURRENCY))?,
        exponent,
        unpredictable: fixed(elements, UNPREDICTABLE)?,
        counter: u16::from_be_bytes(fixed(elements, COUNTER)?),
        pin_tries_left,
        pin_block: if has_pin { Some(fixed(elements, PIN_BLOCK)?) } else { None },
    })
}

fn one<'a>(elements: &[Element<'a>], tag: u16) -> Result<&'a [u8], InvalidPayload> {
    let mut found = elements.iter().filter(|element| element.tag == tag);
    match (found.next(), found.next()) {
        (Some(element), None) => Ok(element.value),
        _ => Err(InvalidPayload::Element(tag)),
    }
}

fn fixed<const N: usize>(elements: &[Element<'_>], tag: u16) -> Result<[u8; N], InvalidPayload> {
    one(elements, tag)?.try_into().map_err(|_| InvalidPayload::Element(tag))
}

/// Two decimal digits per octet.
fn decimal<const N: usize>(mut number: u64) -> [u8; N] {
    let mut octets = [0; N];
    for octet in octets.iter_mut().rev() {
        let pair = u8::try_from(number % 100).unwrap_or(0);
        *octet = ((pair / 10) << 4) | (pair % 10);
        number /= 100;
    }
    octets
}

fn number_of(octets: &[u8]) -> Option<u64> {
    octets.iter().try_fold(0, |number: u64, octet| {
        let (high, low) = (u64::from(octet >> 4), u64::from(octet & 0xf));
        (high < 10 && low < 10).then_some(number * 100 + high * 10 + low)
    })
}
