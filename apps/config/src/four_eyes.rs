//! `CONSOLE_FOUR_EYES_ABOVE`: how much one person may move alone in the console.
//!
//! What is compared with these limits is in the console.

use std::str::FromStr;

/// An amount of one asset in whole units, as an exact decimal number, such as `USD 1000.50`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetLimit {
    /// For example `USD`.
    pub asset_code: String,
    /// All digits of the number.
    pub digits: u64,
    /// How many of the digits are decimal places.
    pub places: u32,
}

impl FromStr for AssetLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is not an asset code and an amount; write it like `USD 1000.50`");
        let (code, amount) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let (whole, part) = match amount.trim().split_once('.') {
            Some((_, "")) => return Err(wrong()),
            Some(split) => split,
            None => (amount.trim(), ""),
        };
        let digits = format!("{whole}{part}");
        let is_number = !whole.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let is_code = (3..=6).contains(&code.len()) && code.bytes().all(|letter| letter.is_ascii_uppercase());
        if !is_number || !is_code || part.len() > 18 {
            return Err(wrong());
        }
        let places = u32::try_from(part.len()).map_err(|_| wrong())?;
        Ok(Self { asset_code: code.to_owned(), digits: digits.parse().map_err(|_| wrong())?, places })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_exactly_or_refused() {
        let limit = |code: &str, digits, places| Some(AssetLimit { asset_code: code.to_owned(), digits, places });
        assert_eq!("USD 1000.50".parse().ok(), limit("USD", 100_050, 2));
        assert_eq!("  JPY   0 ".parse().ok(), limit("JPY", 0, 0));
        for wrong in ["", "USD", "1000", "USD -1", "USD 1,000", "usd 5", "USD 1.", "USD .5", "USD 1e3", "USD 1 EUR 2"] {
            assert!(wrong.parse::<AssetLimit>().is_err(), "{wrong}");
        }
        assert!("USD 99999999999999999999".parse::<AssetLimit>().is_err());
    }
}
