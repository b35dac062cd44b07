//! Whether a presented card may pay: the issuer's rules, as one ordered list of checks.
//!
//! The account's balance is checked elsewhere. The stored state of a card goes in, the new state comes out.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

use crate::cryptogram::CardKey;
use crate::currency::currency_number;
use crate::payload::SignedPayload;
use crate::pin::{CardNumber, Pin, PinKey};

/// This many wrong PINs in a row block payments that need a PIN.
pub(crate) const WRONG_PINS_MAX: u8 = 3;

/// The issuer's data about a card.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its number.
    pub number: CardNumber,
    /// The paying wallet address.
    pub wallet_address: String,
    /// The key that verifies its cryptograms.
    pub key: CardKey,
    /// Its PIN, and when it is needed.
    pub pin: PinRule,
}

/// When a PIN is needed.
#[derive(Clone, Debug)]
pub struct PinRule {
    /// The PIN.
    pub pin: Pin,
    /// The key that encrypts it.
    pub key: PinKey,
    /// Amounts from this one on need the PIN.
    pub from: u64,
}

/// The state of a card between purchases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The counter of its last purchase; `None` before the first.
    pub counter: Option<u16>,
    /// Wrong PINs since the last correct one.
    pub wrong_pins: u8,
}

/// The purchase that the payee's institution asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase<'a> {
    /// The amount in the smallest unit.
    pub amount: u64,
    /// The code of the currency.
    pub asset_code: &'a str,
    /// Its decimal places.
    pub asset_scale: u8,
    /// The wallet address that is to pay.
    pub wallet_address: &'a str,
    /// The cryptogram that the terminal sent beside the payload.
    pub signature: &'a str,
}

/// Why a card may not pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The card belongs to another wallet address.
    #[error("The card belongs to another wallet address.")]
    OtherWalletAddress,
    /// The cryptogram is wrong.
    #[error("The card's signature is not valid.")]
    Cryptogram,
    /// The purchase was presented before, or is out of order.
    #[error("The card's purchase was presented before; present the card again.")]
    Repeated,
    /// The requested amount or currency is not the signed one.
    #[error("The amount or currency is not what the card signed.")]
    OtherAmount,
    /// The amount needs a PIN.
    #[error("The amount needs a PIN.")]
    PinMissing,
    /// The PIN is wrong.
    #[error("The PIN is wrong.")]
    PinWrong,
    /// Too many wrong PINs.
    #[error("The card is blocked after too many wrong PINs.")]
    PinBlocked,
}

/// The decision about a presented card, with the card's new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pay.
    Accepted(Memory),
    /// It may not pay.
    Refused(Refusal, Memory),
}

/// Decides about a presented card.
///
/// If the cryptogram is wrong, the state does not change. So a stranger can neither use up a card's counter nor block
/// the card.
pub fn judge(card: &Card, memory: Memory, presented: &SignedPayload, purchase: Purchase<'_>) -> Verdict {
    let payload = &presented.payload;
    let unchanged = |refusal| Verdict::Refused(refusal, memory);
    if payload.number != card.number
        || payload.wallet_address != card.wallet_address
        || purchase.wallet_address != card.wallet_address
    {
        return unchanged(Refusal::OtherWalletAddress);
    }
    let is_same = hex::decode(purchase.signature).is_ok_and(|octets| octets == presented.cryptogram.as_bytes());
    if !is_same || !card.key.verifies(presented.signed(), &presented.cryptogram) {
        return unchanged(Refusal::Cryptogram);
    }
    if memory.counter.is_some_and(|last| payload.counter <= last) {
        return unchanged(Refusal::Repeated);
    }

    // The chip took part. From here on its counter is used up, whatever the result is.
    let used = Memory { counter: Some(payload.counter), ..memory };
    let asked = (purchase.amount, currency_number(purchase.asset_code), purchase.asset_scale);
    if asked != (payload.amount, Some(payload.currency), payload.exponent) {
        return Verdict::Refused(Refusal::OtherAmount, used);
    }
    judge_pin(card, used, payload.pin_block, payload.amount)
}

fn judge_pin(card: &Card, memory: Memory, block: Option<[u8; 16]>, amount: u64) -> Verdict {
    let rule = &card.pin;
    let Some(block) = block else {
        return if amount < rule.from {
            Verdict::Accepted(memory)
        } else {
            Verdict::Refused(Refusal::PinMissing, memory)
        };
    };
    if memory.wrong_pins >= WRONG_PINS_MAX {
        return Verdict::Refused(Refusal::PinBlocked, memory);
    }
    if rule.key.holds(block, &rule.pin, &card.number) {
        return Verdict::Accepted(Memory { wrong_pins: 0, ..memory });
    }
    Verdict::Refused(Refusal::PinWrong, Memory { wrong_pins: memory.wrong_pins + 1, ..memory })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, ChipKey, Tap};
    use crate::payload::InvalidPayload;

    const ADDRESS: &str = "https://cloud.example/accounts/gfranklin";

    fn chips() -> [Chip; 2] {
        [ChipKey::Cmac([3; 16]), ChipKey::ecdsa(&[9; 32]).unwrap()].map(|key| Chip {
            number: "4000123412341234".parse().unwrap(),
            wallet_address: ADDRESS.to_owned(),
            key,
            pin_key: PinKey::new([5; 16]),
        })
    }

    fn card(chip: &Chip) -> Card {
        Card {
            number: chip.number.clone(),
            wallet_address: chip.wallet_address.clone(),
            key: chip.key.for_issuer(),
            pin: PinRule { pin: "1234".parse().unwrap(), key: chip.pin_key.clone(), from: 5000 },
        }
    }

    fn tap(amount: u64, counter: u16) -> Tap<'static> {
        Tap { amount, currency: 840, exponent: 2, unpredictable: [1, 2, 3, 4], counter, pin: None }
    }

    fn verdict(chip: &Chip, memory: Memory, tap: &Tap<'_>, change: impl FnOnce(&mut Purchase<'_>)) -> Verdict {
        let presented = SignedPayload::from_hex(&chip.sign(tap).unwrap().to_hex()).unwrap();
        let signature = hex::encode(presented.cryptogram.as_bytes());
        let mut purchase = Purchase {
            amount: tap.amount,
            asset_code: "USD",
            asset_scale: 2,
            wallet_address: ADDRESS,
            signature: &signature,
        };
        change(&mut purchase);
        judge(&card(chip), memory, &presented, purchase)
    }

    #[test]
    fn both_kinds_of_chip_pay_once_for_each_purchase() {
        for chip in chips() {
            let remembered = Memory { counter: Some(7), wrong_pins: 0 };
            assert_eq!(verdict(&chip, Memory::default(), &tap(500, 7), |_| {}), Verdict::Accepted(remembered));
            for counter in [6, 7] {
                let again = verdict(&chip, remembered, &tap(500, counter), |_| {});
                assert_eq!(again, Verdict::Refused(Refusal::Repeated, remembered));
            }
        }
    }

    #[test]
    fn what_the_chip_did_not_sign_is_refused_and_uses_nothing_up() {
        for chip in chips() {
            let memory = Memory { counter: Some(1), wrong_pins: 1 };
            let foreign = verdict(&chip, memory, &tap(500, 9), |p| p.wallet_address = "https://cloud.example/other");
            assert_eq!(foreign, Verdict::Refused(Refusal::OtherWalletAddress, memory));
            let differing = verdict(&chip, memory, &tap(500, 9), |p| p.signature = "00");
            assert_eq!(differing, Verdict::Refused(Refusal::Cryptogram, memory));

            let lying = Chip { key: ChipKey::Cmac([4; 16]), ..chip.clone() };
            let presented = lying.sign(&tap(500, 9)).unwrap();
            let signature = hex::encode(presented.cryptogram.as_bytes());
            let purchase = Purchase {
                amount: 500,
                asset_code: "USD",
                asset_scale: 2,
                wallet_address: ADDRESS,
                signature: &signature,
            };
            let judged = judge(&card(&chip), memory, &presented, purchase);
            assert_eq!(judged, Verdict::Refused(Refusal::Cryptogram, memory));
        }
    }

    #[test]
    fn another_amount_or_currency_than_signed_is_refused() {
        let [chip, _] = chips();
        let used = Memory { counter: Some(2), wrong_pins: 0 };
        let refused = Verdict::Refused(Refusal::OtherAmount, used);
        assert_eq!(verdict(&chip, Memory::default(), &tap(500, 2), |p| p.amount = 501), refused);
        assert_eq!(verdict(&chip, Memory::default(), &tap(500, 2), |p| p.asset_code = "EUR"), refused);
        assert_eq!(verdict(&chip, Memory::default(), &tap(500, 2), |p| p.asset_code = "XXX"), refused);
        assert_eq!(verdict(&chip, Memory::default(), &tap(500, 2), |p| p.asset_scale = 3), refused);
    }

    #[test]
    fn large_amounts_need_the_pin_and_three_wrong_ones_block_it() {
        let [chip, _] = chips();
        let (right, wrong): (Pin, Pin) = ("1234".parse().unwrap(), "4321".parse().unwrap());
        let mut memory = Memory::default();
        assert!(matches!(verdict(&chip, memory, &tap(4999, 1), |_| {}), Verdict::Accepted(_)));
        assert!(matches!(verdict(&chip, memory, &tap(5000, 1), |_| {}), Verdict::Refused(Refusal::PinMissing, _)));
        let with = |pin, counter| Tap { pin: Some((pin, [6; 8])), ..tap(5000, counter) };
        assert!(matches!(verdict(&chip, memory, &with(&right, 1), |_| {}), Verdict::Accepted(_)));
        for counter in 1..=3 {
            let Verdict::Refused(Refusal::PinWrong, after) = verdict(&chip, memory, &with(&wrong, counter), |_| {})
            else {
                panic!("attempt {counter}")
            };
            memory = after;
        }
        let blocked = verdict(&chip, memory, &with(&right, 4), |_| {});
        assert!(matches!(blocked, Verdict::Refused(Refusal::PinBlocked, _)), "{blocked:?}");
        assert!(matches!(verdict(&chip, memory, &tap(100, 5), |_| {}), Verdict::Accepted(_)), "small ones go on");
    }

    #[test]
    fn a_payload_is_read_back_and_a_broken_one_refused() {
        for chip in chips() {
            let signed = chip.sign(&tap(999_999_999_999, 0xfffe)).unwrap();
            let text = signed.to_hex();
            assert!(text.starts_with("77"), "{text}");
            assert_eq!(SignedPayload::from_hex(&text).unwrap(), signed);
            assert_eq!(SignedPayload::from_hex(&text[..text.len() - 2]), Err(InvalidPayload::NoTemplate));
            assert_eq!(SignedPayload::from_hex(&format!("{text}00")).unwrap_err(), InvalidPayload::NoTemplate);
            assert_eq!(chip.sign(&tap(1_000_000_000_000, 1)).unwrap_err(), InvalidPayload::Amount);
        }
        assert_eq!(SignedPayload::from_hex("signature"), Err(InvalidPayload::NoHex));
        assert_eq!(SignedPayload::from_hex("7700"), Err(InvalidPayload::Element(0x9f26)));
    }

    #[test]
    fn nothing_may_stand_twice_or_behind_the_cryptogram() {
        let [chip, _] = chips();
        let signed = chip.sign(&tap(5, 1)).unwrap();
        let mut inside = signed.signed().to_vec();
        crate::tlv::write(&mut inside, 0x9f36, &[0, 9]);
        crate::tlv::write(&mut inside, 0x9f26, signed.cryptogram.as_bytes());
        let template = |inside: &[u8]| {
            let mut template = Vec::new();
            crate::tlv::write(&mut template, 0x77, inside);
            hex::encode(template)
        };
        assert_eq!(SignedPayload::from_hex(&template(&inside)), Err(InvalidPayload::Element(0x9f36)));
        let mut inside = signed.signed().to_vec();
        crate::tlv::write(&mut inside, 0x9f26, signed.cryptogram.as_bytes());
        crate::tlv::write(&mut inside, 0x9f41, &[0]);
        assert_eq!(SignedPayload::from_hex(&template(&inside)), Err(InvalidPayload::Element(0x9f26)));
    }
}
