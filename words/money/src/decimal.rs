//! Exchange rates, read exactly from decimal text.
//!
//! It is not a general decimal type: a rate is parsed, scaled between two assets, and becomes a ratio.

use std::fmt;
use std::str::FromStr;

use ethnum::U256;

use crate::{Asset, Ratio};

/// Units of one asset per unit of another, in major units: an exact decimal number above zero.
///
/// Read from the text of a JSON number, so `0.29` is 29/100 and not the nearest double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    mantissa: u64,
    exponent: i32,
}

/// Why a text is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRateError {
    /// It is not a plain or scientific decimal number.
    #[error("a rate is a decimal number")]
    NotANumber,
    /// Zero and negative rates convert nothing.
    #[error("a rate is above zero")]
    NotPositive,
    /// More significant digits, or a larger exponent, than a rate can carry.
    #[error("a rate has at most 19 significant digits and an exponent between -30 and 30")]
    OutOfRange,
}

impl Rate {
    /// One to one.
    pub const ONE: Self = Self { mantissa: 1, exponent: 0 };

    /// The ratio of smallest units: the value of one smallest unit of `source` in smallest units of `destination`.
    ///
    /// `None` if the scales and the rate together exceed what a ratio holds.
    pub fn between(&self, source: &Asset, destination: &Asset) -> Option<Ratio> {
        self.between_scales(source.scale, destination.scale)
    }

    /// [`Rate::between`] from the scales alone.
    pub fn between_scales(&self, source_scale: u8, destination_scale: u8) -> Option<Ratio> {
        let exponent = self.exponent + i32::from(destination_scale) - i32::from(source_scale);
        let power = 10u128.checked_pow(exponent.unsigned_abs())?;
        if exponent >= 0 {
            Ratio::new(u128::from(self.mantissa).checked_mul(power)?, 1).ok()
        } else {
            Ratio::new(u128::from(self.mantissa), power).ok()
        }
    }
}

/// The most significant digits of a rate that is computed.
const DIGITS_MAX: u32 = 12;
/// The most places after the point.
const PLACES_MAX: u8 = 30;

impl Rate {
    /// The rate of a `ratio` of smallest units, with as many digits as people read, rounded down.
    ///
    /// `None` if it is zero, or more than twelve digits before the point.
    pub fn of_ratio_floor(ratio: Ratio, source_scale: u8, destination_scale: u8) -> Option<Self> {
        let most = U256::from(10u128.pow(DIGITS_MAX));
        let with_places = |places: u8| {
            let shift = i32::from(places) + i32::from(source_scale) - i32::from(destination_scale);
            let power = U256::from(10u8).checked_pow(shift.unsigned_abs())?;
            let (above, below) = (U256::from(ratio.numerator()), U256::from(ratio.denominator()));
            let digits =
                if shift >= 0 { above.checked_mul(power)? / below } else { above / below.checked_mul(power)? };
            if digits >= most {
                return None;
            }
            u64::try_from(digits).ok().filter(|digits| *digits > 0).map(|digits| (digits, places))
        };
        let (mut mantissa, mut places) = (0..=PLACES_MAX).rev().find_map(with_places)?;
        while places > 0 && mantissa % 10 == 0 {
            (mantissa, places) = (mantissa / 10, places - 1);
        }
        Some(Self { mantissa, exponent: -i32::from(places) })
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| ParseRateError::NotANumber)?),
            None => (text, 0),
        };
        if digits.starts_with('-') {
            return Err(ParseRateError::NotPositive);
        }

        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(part) || (digits.contains('.') && part.is_empty()) {
            return Err(ParseRateError::NotANumber);
        }

        let part = part.trim_end_matches('0');
        let joined = format!("{whole}{part}");
        let significant = joined.trim_start_matches('0');
        if significant.is_empty() {
            return Err(ParseRateError::NotPositive);
        }

        if significant.len() > 19 {
            return Err(ParseRateError::OutOfRange);
        }
        let mantissa = significant.parse().map_err(|_| ParseRateError::OutOfRange)?;
        let places = i32::try_from(part.len()).map_err(|_| ParseRateError::OutOfRange)?;
        let exponent = exponent.checked_sub(places).ok_or(ParseRateError::OutOfRange)?;
        if !(-30..=30).contains(&exponent) {
            return Err(ParseRateError::OutOfRange);
        }

        Ok(Self { mantissa, exponent })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.to_string();
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        if self.exponent >= 0 {
            let zeros = usize::try_from(self.exponent).unwrap_or(0);
            return write!(f, "{digits}{}", "0".repeat(zeros));
        }
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, part) = padded.split_at(padded.len() - places);
        write!(f, "{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_rate_is_exact_where_a_double_is_not() {
        let rate: Rate = "0.29".parse().unwrap();
        let ratio = rate.between_scales(2, 2).unwrap();
        assert_eq!(ratio.checked_mul_floor(100), Some(29));
        assert_eq!(ratio.checked_div_ceil(145), Some(500));
    }

    #[test]
    fn scales_move_the_decimal_point() {
        let rate: Rate = "147.71".parse().unwrap();
        let to_yen = rate.between_scales(2, 0).unwrap();
        assert_eq!(to_yen.checked_mul_floor(100), Some(147));
        assert_eq!(rate.between_scales(0, 2).unwrap().checked_mul_floor(1), Some(14_771));
    }

    #[test]
    fn a_ratio_of_smallest_units_is_shown_for_whole_units_and_never_too_good() {
        let shown = |numerator, denominator, scales: (u8, u8)| {
            let ratio = Ratio::new(numerator, denominator).unwrap();
            Rate::of_ratio_floor(ratio, scales.0, scales.1).map(|rate| rate.to_string())
        };
        assert_eq!(shown(891, 1000, (2, 2)).as_deref(), Some("0.891"));
        assert_eq!(shown(1, 1, (2, 2)).as_deref(), Some("1"));
        assert_eq!(shown(2, 3, (2, 2)).as_deref(), Some("0.666666666666"));
        assert_eq!(shown(14_771, 10_000, (2, 0)).as_deref(), Some("147.71"));
        assert_eq!(shown(1_500_000, 1, (2, 8)).as_deref(), Some("1.5"));
        assert_eq!(shown(u128::MAX, u128::MAX - 1, (255, 255)).as_deref(), Some("1"));
        assert_eq!(shown(0, 1, (2, 2)), None);
        assert_eq!(shown(u128::MAX, 1, (0, 0)), None, "more digits than it holds");
    }

    #[test]
    fn scientific_notation_means_the_same_number() {
        assert_eq!("1.5e-3".parse::<Rate>(), "0.0015".parse());
        assert_eq!("2E2".parse::<Rate>().unwrap().to_string(), "200");
        assert_eq!("0.0015".parse::<Rate>().unwrap().to_string(), "0.0015");
    }

    #[test]
    fn what_is_no_positive_number_is_refused() {
        assert_eq!("0.00".parse::<Rate>(), Err(ParseRateError::NotPositive));
        assert_eq!("-1".parse::<Rate>(), Err(ParseRateError::NotPositive));
        assert_eq!("NaN".parse::<Rate>(), Err(ParseRateError::NotANumber));
        assert_eq!("1.".parse::<Rate>(), Err(ParseRateError::NotANumber));
        assert_eq!("1e99".parse::<Rate>(), Err(ParseRateError::OutOfRange));
    }
}
