//! The virtual cards and terminals of an institution of the playground, created once and kept in its folder.
//!
//! Only `rafiki tap` uses the chip of a card. The issuer keeps the keys that verify its signatures.

use std::path::{Path, PathBuf};

use card::{Chip, ChipKey, PinKey, PinRule};
use clock::Entropy;
use http_signatures::SigningKey;
use point_of_sale::NewTerminal;
use serde::{Deserialize, Serialize};
use wallet::NewCard;
use wallet::seed::Seed;

use crate::failure::Failure;
use crate::private_file;

/// The file with the cards of an institution of the playground.
pub(crate) const FILE: &str = "cards.json";
/// The file with the counters of the chips.
pub(crate) const COUNTERS_FILE: &str = "card-counters.json";

/// Every PIN of the playground.
pub(crate) const PIN: &str = "1234";
/// Amounts from this one on need the PIN.
const PIN_FROM: u64 = 5000;

/// Cards and terminals.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cards {
    pub(crate) chips: Vec<ChipRecord>,
    pub(crate) terminals: Vec<TerminalRecord>,
}

/// A chip; keys in hexadecimal digits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChipRecord {
    pub(crate) number: String,
    pub(crate) account: String,
    pub(crate) wallet_address: String,
    pub(crate) kind: ChipKind,
    key: String,
    pin_key: String,
}

/// The kind of a chip's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChipKind {
    Cmac,
    Ecdsa,
}

/// A terminal with its private key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TerminalRecord {
    pub(crate) id: String,
    pub(crate) merchant: String,
    name: String,
    seed: String,
}

impl Cards {
    /// The cards and terminals in `folder`, and new ones for accounts that have none.
    pub(crate) fn ensure(folder: &Path, base: &str, seed: &Seed, entropy: &dyn Entropy) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let mut cards = Self::read(&path)?;
        let before = cards.chips.len();

        for (place, account) in seed.accounts.iter().enumerate() {
            let wallet_address = format!("{}/{}", base.trim_end_matches('/'), account.path);
            if cards.chips.iter().any(|chip| chip.wallet_address == wallet_address) {
                continue;
            }

            let kind = if place % 2 == 0 { ChipKind::Cmac } else { ChipKind::Ecdsa };
            let digits = u128::from_be_bytes(entropy.bytes()) % 1_000_000_000_000_000;
            let key = match kind {
                ChipKind::Cmac => hex::encode(entropy.bytes::<16>()),
                // Nearly every number of 32 octets is a key. A high first octet could make it too large.
                ChipKind::Ecdsa => format!("7f{}", hex::encode(entropy.bytes::<31>())),
            };

            cards.chips.push(ChipRecord {
                number: format!("9{digits:015}"),
                account: account.path.clone(),
                wallet_address: wallet_address.clone(),
                kind,
                key,
                pin_key: hex::encode(entropy.bytes::<16>()),
            });
            cards.terminals.push(TerminalRecord {
                id: format!("terminal-{}", account.id),
                merchant: wallet_address,
                name: format!("Terminal of {}", account.name),
                seed: hex::encode(entropy.bytes::<32>()),
            });
        }

        if cards.chips.len() != before {
            let text = serde_json::to_string_pretty(&cards).map_err(|error| Failure::start("the cards", error))?;
            private_file::write(&path, &text)?;
        }
        Ok(cards)
    }

    /// The cards and terminals in a file; none if there is no such file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::io(format!("cannot read {}", path.display()), error)),
        };
        serde_json::from_str(&text).map_err(|error| Failure::start(path.display().to_string(), error))
    }

    /// The cards for the wallet.
    pub(crate) fn issued(&self) -> Result<Vec<NewCard>, Failure> {
        let issue = |record: &ChipRecord| {
            let chip = record.chip()?;
            let pin = PIN.parse().map_err(|error| Failure::start("the cards", error))?;
            let pin = PinRule { pin, key: chip.pin_key, from: PIN_FROM };
            Ok(NewCard { number: chip.number, account: record.account.clone(), key: chip.key.for_issuer(), pin })
        };
        self.chips.iter().map(issue).collect()
    }

    /// The terminals for the point of sale.
    pub(crate) fn registered(&self) -> Result<Vec<NewTerminal>, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::start("the terminals", error);
        let register = |record: &TerminalRecord| {
            Ok(NewTerminal {
                id: record.id.clone(),
                merchant: record.merchant.parse().map_err(|error| failed(&error))?,
                name: record.name.clone(),
                key: record.key()?.public_key().map_err(|error| failed(&error))?,
            })
        };
        self.terminals.iter().map(register).collect()
    }
}

impl ChipRecord {
    /// The chip itself.
    pub(crate) fn chip(&self) -> Result<Chip, Failure> {
        let broken = || Failure::start("the cards", format!("{FILE} is damaged; remove it to get new cards"));
        let key = hex::decode(&self.key).ok().ok_or_else(broken)?;
        let key = match self.kind {
            ChipKind::Cmac => key.try_into().ok().map(ChipKey::Cmac),
            ChipKind::Ecdsa => ChipKey::ecdsa(&key).ok(),
        };
        let pin_key = hex::decode(&self.pin_key).ok().and_then(|key| key.try_into().ok()).map(PinKey::new);
        Ok(Chip {
            number: self.number.parse().map_err(|_| broken())?,
            wallet_address: self.wallet_address.clone(),
            key: key.ok_or_else(broken)?,
            pin_key: pin_key.ok_or_else(broken)?,
        })
    }
}

impl TerminalRecord {
    /// The key it signs with.
    pub(crate) fn key(&self) -> Result<SigningKey, Failure> {
        let seed = hex::decode(&self.seed).ok().and_then(|seed| seed.try_into().ok());
        let broken = || Failure::start("the terminals", format!("{FILE} is damaged; remove it to get new terminals"));
        Ok(SigningKey::from_seed(&seed.ok_or_else(broken)?))
    }
}

/// The next counter of a chip. It is stored before its use, so no two taps have the same.
pub(crate) fn next_count(folder: &Path, number: &str) -> Result<u16, Failure> {
    let path = folder.join(COUNTERS_FILE);
    let failed = |error| Failure::io(format!("cannot count in {}", path.display()), error);
    let mut file = open(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut file, &mut text).map_err(failed)?;
    let mut counts: std::collections::BTreeMap<String, u16> = serde_json::from_str(&text).unwrap_or_default();
    let count = counts.entry(number.to_owned()).or_default();
    *count = count.checked_add(1).ok_or_else(|| Failure::start("the card", "is worn out after 65535 taps"))?;
    let count = *count;
    let text = serde_json::to_string_pretty(&counts).map_err(|error| failed(error.into()))?;
    file.set_len(0).map_err(failed)?;
    std::io::Seek::rewind(&mut file).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    Ok(count)
}

fn open(path: &PathBuf) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::institution::CLOUD_NINE;

    #[test]
    fn cards_are_made_once_and_every_tap_has_a_count_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let seed = CLOUD_NINE.seed(1).unwrap();
        let entropy = clock::SeededEntropy::new(1);
        let made = Cards::ensure(folder.path(), "https://localhost:3000", &seed, &entropy).unwrap();
        let again = Cards::ensure(folder.path(), "https://localhost:3000/", &seed, &entropy).unwrap();
        assert_eq!(made.chips.len(), seed.accounts.len());
        assert_eq!(made.issued().unwrap().len(), again.issued().unwrap().len());
        assert_eq!(made.chips[1].number, again.chips[1].number);
        assert_eq!(made.registered().unwrap()[0].merchant.as_str(), "https://localhost:3000/accounts/gfranklin");
        let counts: Vec<u16> = (0..3).map(|_| next_count(folder.path(), "9").unwrap()).collect();
        assert_eq!(counts, [1, 2, 3]);
    }
}
