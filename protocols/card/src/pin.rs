//! Card numbers, PINs, and the encrypted PIN block (ISO 9564-1 format 4).
//!
//! A PIN is never shown. A block reveals nothing without the card's PIN key.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

use std::fmt;
use std::str::FromStr;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

const BLOCK: usize = 16;

/// The number of a card: 12 to 19 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CardNumber(Box<str>);

/// The text is not a card number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a card number has 12 to 19 digits and nothing else")]
pub struct InvalidCardNumber;

impl CardNumber {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Two digits per octet, padded with `F` on the right.
    pub(crate) fn to_octets(&self) -> Vec<u8> {
        let digits: Vec<u8> = self.0.bytes().map(|digit| digit - b'0').collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0xf)).collect()
    }

    pub(crate) fn from_octets(octets: &[u8]) -> Result<Self, InvalidCardNumber> {
        let mut digits = hex::encode(octets);
        if digits.ends_with('f') {
            digits.pop();
        }
        digits.parse()
    }
}

impl FromStr for CardNumber {
    type Err = InvalidCardNumber;

    fn from_str(text: &str) -> Result<Self, InvalidCardNumber> {
        let digits = (12..=19).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
        if digits { Ok(Self(text.into())) } else { Err(InvalidCardNumber) }
    }
}

impl fmt::Display for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A PIN: 4 to 12 digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Box<str>);

/// The text is not a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has 4 to 12 digits and nothing else")]
pub struct InvalidPin;

impl Pin {
    /// The digits, for storing them.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let digits = (4..=12).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
        if digits { Ok(Self(text.into())) } else { Err(InvalidPin) }
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// The AES-128 key that encrypts a card's PIN.
#[derive(Clone, PartialEq, Eq)]
pub struct PinKey([u8; BLOCK]);

impl PinKey {
    /// The key made of these octets.
    pub const fn new(octets: [u8; BLOCK]) -> Self {
        Self(octets)
    }

    /// The octets, for storing them.
    pub const fn expose(&self) -> &[u8; BLOCK] {
        &self.0
    }

    /// The block for `pin` of the card `number`. The random octets of `filling` make two blocks of the same PIN differ.
    pub fn encipher(&self, pin: &Pin, number: &CardNumber, filling: [u8; 8]) -> [u8; BLOCK] {
        let cipher = Aes128::new(&Array(self.0));
        let mut block = Array(pin_field(pin, filling));
        cipher.encrypt_block(&mut block);
        add(&mut block.0, number_field(number));
        cipher.encrypt_block(&mut block);
        block.0
    }

    /// Whether `block` contains `pin` for the card `number`. The comparison takes constant time.
    pub fn holds(&self, block: [u8; BLOCK], pin: &Pin, number: &CardNumber) -> bool {
        let cipher = Aes128::new(&Array(self.0));
        let mut field = Array(block);
        cipher.decrypt_block(&mut field);
        add(&mut field.0, number_field(number));
        cipher.decrypt_block(&mut field);
        let mut filling = [0; 8];
        filling.copy_from_slice(&field.0[8..]);
        let expected = pin_field(pin, filling);
        expected.iter().zip(&field.0).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }
}

impl fmt::Debug for PinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinKey(..)")
    }
}

/// Control `4`, the number of digits, the digits, `A` up to eight octets, then random octets.
fn pin_field(pin: &Pin, filling: [u8; 8]) -> [u8; BLOCK] {
    let mut nibbles = [0xa; BLOCK];
    nibbles[0] = 4;
    nibbles[1] = u8::try_from(pin.0.len()).unwrap_or(12);
    for (nibble, digit) in nibbles[2..].iter_mut().zip(pin.0.bytes()) {
        *nibble = digit - b'0';
    }
    let mut field = [0; BLOCK];
    for (octet, pair) in field[..8].iter_mut().zip(nibbles.chunks(2)) {
        *octet = pair[0] << 4 | pair[1];
    }
    field[8..].copy_from_slice(&filling);
    field
}

/// The number of digits beyond twelve, the digits, zeros.
fn number_field(number: &CardNumber) -> [u8; BLOCK] {
    let mut nibbles = [0; BLOCK * 2];
    nibbles[0] = u8::try_from(number.0.len().saturating_sub(12)).unwrap_or(0);
    for (nibble, digit) in nibbles[1..].iter_mut().zip(number.0.bytes()) {
        *nibble = digit - b'0';
    }
    let mut field = [0; BLOCK];
    for (octet, pair) in field.iter_mut().zip(nibbles.chunks(2)) {
        *octet = pair[0] << 4 | pair[1];
    }
    field
}

fn add(block: &mut [u8; BLOCK], other: [u8; BLOCK]) {
    for (octet, other) in block.iter_mut().zip(other) {
        *octet ^= other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_block_are_those_of_the_standard() {
        let field = pin_field(&"1234".parse().unwrap(), [0xff; 8]);
        assert_eq!(hex::encode(field), "441234aaaaaaaaaaffffffffffffffff");
        let number: CardNumber = "432198765432109870".parse().unwrap();
        assert_eq!(hex::encode(number_field(&number)), "64321987654321098700000000000000");
        // The published example of a card number of twelve digits.
        assert_eq!(hex::encode(number_field(&"123456789012".parse().unwrap())), "01234567890120000000000000000000");
    }

    #[test]
    fn a_block_holds_its_pin_for_its_card_and_no_other() {
        let (key, other_key) = (PinKey::new([7; 16]), PinKey::new([8; 16]));
        let (pin, number): (Pin, CardNumber) = ("12345".parse().unwrap(), "4000123412341234".parse().unwrap());
        let block = key.encipher(&pin, &number, [1; 8]);
        assert!(key.holds(block, &pin, &number));
        assert!(!key.holds(block, &"12346".parse().unwrap(), &number));
        assert!(!key.holds(block, &"1234".parse().unwrap(), &number));
        assert!(!key.holds(block, &pin, &"4000123412341235".parse().unwrap()));
        assert!(!other_key.holds(block, &pin, &number));
        assert_ne!(block, key.encipher(&pin, &number, [2; 8]), "one PIN, two blocks");
    }

    #[test]
    fn a_number_keeps_its_digits_on_the_card() {
        for digits in ["123456789012", "4000123412341234", "1234567890123456789"] {
            let number: CardNumber = digits.parse().unwrap();
            assert_eq!(CardNumber::from_octets(&number.to_octets()).unwrap(), number);
        }
        for wrong in ["", "12345678901", "12345678901234567890", "40001234x2341234", "-400012341234"] {
            assert_eq!(wrong.parse::<CardNumber>(), Err(InvalidCardNumber), "{wrong}");
        }
        assert!("123".parse::<Pin>().is_err() && "12345678901234".parse::<Pin>().is_err());
    }
}
