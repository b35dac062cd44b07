//! The most a payment may cost and the least it has to deliver, from the measured path and the rate on which the sender
//! insists. No RFC defines this; the published senders do.
//! What roundings cost is not computed here: `quoting` measures it.
//!
//! The arithmetic is exact. One source unit may be lost to rounding, and nothing else. On a longer path roundings cost
//! more; `quoting` measures this.

use std::str::FromStr;

use money::{Asset, Rate, Ratio};

use crate::error::PaymentError;
use crate::probe::PathEstimate;
use crate::rate_bounds::RateBounds;

/// The fixed amount: what leaves the sender, or what reaches the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Send this much of the source asset.
    Send(u64),
    /// Deliver this much of the destination asset.
    Deliver(u64),
}

/// The share of the external rate that the path may keep, from nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slippage {
    /// One minus the slippage.
    kept: Ratio,
}

/// The text is not a slippage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slippage is a decimal number from 0 to 1")]
pub struct InvalidSlippage;

impl Slippage {
    /// No slippage: the path has to deliver the full external rate.
    pub const NONE: Self = Self { kept: Ratio::ONE };

    /// One minus the slippage.
    pub fn kept(&self) -> Ratio {
        self.kept
    }
}

impl FromStr for Slippage {
    type Err = InvalidSlippage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_zero = !text.is_empty() && text.bytes().all(|octet| matches!(octet, b'0' | b'.'));
        if is_zero && text != "." {
            return Ok(Self::NONE);
        }
        let slippage = text.parse::<Rate>().ok().and_then(|rate| rate.between_scales(0, 0)).ok_or(InvalidSlippage)?;
        let kept = slippage.denominator().checked_sub(slippage.numerator()).ok_or(InvalidSlippage)?;
        Ratio::new(kept, slippage.denominator()).map(|kept| Self { kept }).map_err(|_| InvalidSlippage)
    }
}

/// The terms of a quote. They are checked before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteTerms {
    target: Target,
    min_rate: Ratio,
}

/// The least that the smallest unit of `source` has to deliver, in the smallest unit of `destination`.
///
/// `external_rate` is in major units, destination per source. Assets with the same code do not need it.
pub fn minimum_rate(
    source: &Asset,
    destination: &Asset,
    external_rate: Option<Ratio>,
    slippage: Slippage,
) -> Result<Ratio, PaymentError> {
    if slippage.kept.is_zero() {
        return Ok(Ratio::ZERO);
    }
    let external = if source.code == destination.code { Some(Ratio::ONE) } else { external_rate };
    let scaling = Rate::ONE.between(source, destination);
    external
        .zip(scaling)
        .and_then(|(external, scaling)| external.checked_mul(&slippage.kept)?.checked_mul(&scaling))
        .ok_or(PaymentError::ExternalRateUnavailable)
}

impl QuoteTerms {
    /// Checks the target and the rate; see [`minimum_rate`].
    pub fn new(
        target: Target,
        source: &Asset,
        destination: &Asset,
        external_rate: Option<Ratio>,
        slippage: Slippage,
    ) -> Result<Self, PaymentError> {
        match target {
            Target::Send(0) => return Err(PaymentError::InvalidSourceAmount),
            Target::Deliver(0) => return Err(PaymentError::InvalidDestinationAmount),
            Target::Send(_) | Target::Deliver(_) => {}
        }
        let min_rate = minimum_rate(source, destination, external_rate, slippage)?;
        Ok(Self { target, min_rate })
    }

    pub(crate) fn target(&self) -> Target {
        self.target
    }

    pub(crate) fn min_rate(&self) -> Ratio {
        self.min_rate
    }

    /// The most that the payment sends, according to the rate alone.
    pub(crate) fn max_source_amount(&self) -> Result<u64, PaymentError> {
        match self.target {
            Target::Send(amount) => Ok(amount),
            Target::Deliver(_) if self.min_rate.is_zero() => Err(PaymentError::UnenforceableDelivery),
            Target::Deliver(amount) => {
                let source = self.min_rate.checked_div_floor(amount).and_then(|source| source.checked_add(1));
                source.ok_or(PaymentError::InvalidDestinationAmount)
            }
        }
    }

    /// The least that a quote may promise. If subtracting one unit for rounding leaves nothing, the promise is one
    /// unit.
    pub(crate) fn least_promise(&self) -> u64 {
        match self.target {
            Target::Send(1) => self.min_rate.checked_mul_floor(1).unwrap_or(0).max(1),
            Target::Send(_) | Target::Deliver(_) => 1,
        }
    }

    /// The quote for a measured path, according to its rate alone.
    pub fn quote(&self, path: &PathEstimate) -> Result<Quote, PaymentError> {
        let min = self.min_rate;
        if path.rates.low() < min {
            return Err(PaymentError::InsufficientExchangeRate);
        }
        let max_source_amount = self.max_source_amount()?;
        let min_delivery_amount = match self.target {
            Target::Send(amount) => {
                let delivery = min.checked_mul_ceil(amount.saturating_sub(1));
                delivery.ok_or(PaymentError::InvalidSourceAmount)?
            }
            Target::Deliver(amount) => amount,
        };
        Ok(Quote {
            target: self.target,
            max_source_amount,
            min_delivery_amount,
            max_packet_amount: path.max_packet_amount,
            min_exchange_rate: min,
            rates: path.rates,
            rounding_allowance: 0,
        })
    }
}

/// The limits within which a payment is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The requested target. It decides when the payment ends: after everything is sent, or after enough is delivered.
    pub target: Target,
    /// The most that leaves the sender.
    pub max_source_amount: u64,
    /// The least that reaches the receiver.
    pub min_delivery_amount: u64,
    /// The most that one packet carries; 2^64−1 if no maximum is known.
    pub max_packet_amount: u64,
    /// The least that each source unit has to deliver.
    pub min_exchange_rate: Ratio,
    /// What the path delivers, as measured.
    pub rates: RateBounds,
    /// What the roundings of the path may cost beyond the minimum rate, in units of the destination; see
    /// [`rounding_allowance`].
    pub rounding_allowance: u64,
}

/// How much less the quote promises than its minimum rate requires, after one source unit for rounding.
///
/// It is above zero only for small amounts, if the path's roundings cost more than the rate allows.
pub fn rounding_allowance(max_source_amount: u64, min_delivery_amount: u64, min_exchange_rate: Ratio) -> u64 {
    let by_rate = min_exchange_rate.checked_mul_ceil(max_source_amount.saturating_sub(1));
    by_rate.map_or(0, |by_rate| by_rate.saturating_sub(min_delivery_amount))
}

impl Quote {
    /// The same quote with other amounts. If they are below the minimum rate, the difference becomes the rounding
    /// allowance.
    pub(crate) fn with_amounts(self, max_source_amount: u64, min_delivery_amount: u64) -> Self {
        let rounding_allowance = rounding_allowance(max_source_amount, min_delivery_amount, self.min_exchange_rate);
        Self { max_source_amount, min_delivery_amount, rounding_allowance, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slippage_is_parsed_exactly_and_is_between_zero_and_one() {
        let kept = |text: &str| text.parse::<Slippage>().map(|slippage| slippage.kept());
        assert_eq!(kept("0.01"), Ok(Ratio::new(99, 100).unwrap()));
        assert_eq!(kept("0"), Ok(Ratio::ONE));
        assert_eq!(kept("0.00"), Ok(Ratio::ONE));
        assert_eq!(kept("1"), Ok(Ratio::ZERO));
        for refused in ["1.01", "-0.1", "", ".", "x"] {
            assert_eq!(kept(refused), Err(InvalidSlippage), "{refused}");
        }
    }

    #[test]
    fn amounts_that_do_not_fit_are_refused_and_not_wrapped() {
        let (usd, eur) = (Asset::new("USD", 2).unwrap(), Asset::new("EUR", 2).unwrap());
        let rate = |n, d| Some(Ratio::new(n, d).unwrap());
        let path = PathEstimate { rates: RateBounds::new(Ratio::from(5), Ratio::from(6)), max_packet_amount: u64::MAX };
        let terms = QuoteTerms::new(Target::Send(u64::MAX), &usd, &eur, rate(2, 1), Slippage::NONE).unwrap();
        assert_eq!(terms.quote(&path), Err(PaymentError::InvalidSourceAmount));
        let terms = QuoteTerms::new(Target::Deliver(u64::MAX), &usd, &eur, rate(1, 2), Slippage::NONE).unwrap();
        assert_eq!(terms.quote(&path), Err(PaymentError::InvalidDestinationAmount));
    }
}
