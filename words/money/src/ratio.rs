//! An exact, non-negative fraction of two 128-bit integers, and its application to amounts.
//!
//! Every product is formed in 256 bits, so no intermediate result is rounded or lost.

use std::cmp::Ordering;
use std::fmt;

use ethnum::U256;

/// `numerator / denominator`, kept in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: u128,
    denominator: u128,
}

/// A ratio needs a denominator above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ratio needs a denominator above zero")]
pub struct InvalidRatio;

impl Ratio {
    /// Zero.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };
    /// One.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// `numerator / denominator` in lowest terms.
    pub fn new(numerator: u128, denominator: u128) -> Result<Self, InvalidRatio> {
        if denominator == 0 {
            return Err(InvalidRatio);
        }
        let divisor = gcd(numerator, denominator);
        Ok(Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    /// The numerator in lowest terms.
    pub fn numerator(&self) -> u128 {
        self.numerator
    }

    /// The denominator in lowest terms; never zero.
    pub fn denominator(&self) -> u128 {
        self.denominator
    }

    /// Whether the ratio is zero.
    pub fn is_zero(&self) -> bool {
        self.numerator == 0
    }

    /// `1 / self`; `None` for zero.
    pub fn reciprocal(&self) -> Option<Self> {
        (self.numerator != 0).then_some(Self { numerator: self.denominator, denominator: self.numerator })
    }

    /// `self × other`; `None` if the result in lowest terms does not fit.
    pub fn checked_mul(&self, other: &Self) -> Option<Self> {
        // Reducing crosswise first keeps the products as small as they can be.
        let a = gcd(self.numerator, other.denominator);
        let b = gcd(other.numerator, self.denominator);
        let numerator = (self.numerator / a).checked_mul(other.numerator / b)?;
        let denominator = (self.denominator / b).checked_mul(other.denominator / a)?;
        Self::new(numerator, denominator).ok()
    }

    /// `floor(amount × self)`; `None` above 2^64−1.
    pub fn checked_mul_floor(&self, amount: u64) -> Option<u64> {
        let product = U256::from(amount).checked_mul(U256::from(self.numerator))?;
        u64::try_from(product / U256::from(self.denominator)).ok()
    }

    /// `ceil(amount × self)`; `None` above 2^64−1.
    pub fn checked_mul_ceil(&self, amount: u64) -> Option<u64> {
        let product = U256::from(amount).checked_mul(U256::from(self.numerator))?;
        u64::try_from(div_ceil(product, U256::from(self.denominator))).ok()
    }

    /// The greatest amount for which [`Ratio::checked_mul_floor`] has a result; 2^64−1 if every amount has one.
    pub fn mul_floor_amount_max(&self) -> u64 {
        if self.is_zero() {
            return u64::MAX;
        }
        // floor(amount × n / d) < 2^64 as long as amount × n < 2^64 × d.
        let first_too_large = (U256::from(self.denominator)) << 64u32;
        let greatest = (first_too_large - U256::ONE) / U256::from(self.numerator);
        u64::try_from(greatest).unwrap_or(u64::MAX)
    }

    /// `floor(amount / self)`; `None` for a zero ratio or a result above 2^64−1.
    pub fn checked_div_floor(&self, amount: u64) -> Option<u64> {
        self.reciprocal()?.checked_mul_floor(amount)
    }

    /// `ceil(amount / self)`; `None` for a zero ratio or a result above 2^64−1.
    pub fn checked_div_ceil(&self, amount: u64) -> Option<u64> {
        self.reciprocal()?.checked_mul_ceil(amount)
    }
}

fn div_ceil(dividend: U256, divisor: U256) -> U256 {
    let quotient = dividend / divisor;
    if dividend % divisor == U256::ZERO { quotient } else { quotient + U256::ONE }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = U256::from(self.numerator) * U256::from(other.denominator);
        let right = U256::from(other.numerator) * U256::from(self.denominator);
        left.cmp(&right)
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<u64> for Ratio {
    fn from(whole: u64) -> Self {
        Self { numerator: u128::from(whole), denominator: 1 }
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(numerator: u128, denominator: u128) -> Ratio {
        Ratio::new(numerator, denominator).unwrap()
    }

    #[test]
    fn rounding_goes_the_way_the_name_says() {
        let r = ratio(29, 100);
        assert_eq!(r.checked_mul_floor(100), Some(29));
        assert_eq!(r.checked_mul_floor(101), Some(29));
        assert_eq!(r.checked_mul_ceil(101), Some(30));
        assert_eq!(r.checked_div_ceil(145), Some(500));
        assert_eq!(r.checked_div_floor(146), Some(503));
    }

    #[test]
    fn equal_fractions_are_equal_and_a_zero_denominator_is_refused() {
        assert_eq!(ratio(2, 4), ratio(1, 2));
        assert_eq!(Ratio::new(1, 0), Err(InvalidRatio));
        assert_eq!(Ratio::ZERO.reciprocal(), None);
    }

    proptest! {
        #[test]
        fn floor_and_ceil_differ_by_one_exactly_when_something_is_left(
            amount in any::<u64>(), n in 0u128..=u128::from(u64::MAX), d in 1u128..=u128::from(u64::MAX),
        ) {
            let r = ratio(n, d);
            if let (Some(low), Some(high)) = (r.checked_mul_floor(amount), r.checked_mul_ceil(amount)) {
                let exact = (U256::from(amount) * U256::from(n)) % U256::from(d) == U256::ZERO;
                prop_assert_eq!(high - low, u64::from(!exact));
            }
        }

        #[test]
        fn one_more_than_the_greatest_amount_does_not_fit(n in any::<u128>(), d in 1u128..) {
            let r = ratio(n, d);
            let greatest = r.mul_floor_amount_max();
            prop_assert!(r.checked_mul_floor(greatest).is_some());
            prop_assert!(greatest == u64::MAX || r.checked_mul_floor(greatest + 1).is_none());
        }

        #[test]
        fn order_agrees_with_cross_multiplication(a in any::<u32>(), b in 1u32.., c in any::<u32>(), d in 1u32..) {
            let left = ratio(a.into(), b.into());
            let right = ratio(c.into(), d.into());
            prop_assert_eq!(left.cmp(&right), (u64::from(a) * u64::from(d)).cmp(&(u64::from(c) * u64::from(b))));
        }
    }
}
