//! The rates this institution serves.
//!
//! Decimal texts from the seed, passed on unchanged.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::seed::SeedRate;

/// Rates by base asset code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates(BTreeMap<String, BTreeMap<String, Box<RawValue>>>);

/// The answer to `GET /rates?base=`.
#[derive(Debug, Serialize)]
pub(crate) struct RatesDocument<'a> {
    base: &'a str,
    rates: BTreeMap<&'a str, &'a RawValue>,
}

impl Rates {
    pub(crate) fn from_seed(seeded: &[SeedRate]) -> Self {
        let mut rates: BTreeMap<String, BTreeMap<String, Box<RawValue>>> = BTreeMap::new();
        for SeedRate { base, quote, rate } in seeded {
            match RawValue::from_string(rate.to_string()) {
                Ok(number) => {
                    rates.entry(base.clone()).or_default().insert(quote.clone(), number);
                }
                Err(error) => tracing::warn!(base, quote, %error, "rate left out"),
            }
        }
        Self(rates)
    }

    /// An unknown base has no rates, which is not an error in the playground.
    pub(crate) fn of<'a>(&'a self, base: &'a str) -> RatesDocument<'a> {
        let rates = self.0.get(base).into_iter().flatten().map(|(code, rate)| (code.as_str(), &**rate)).collect();
        RatesDocument { base, rates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_served_digit_for_digit() {
        let rates = Rates::from_seed(&crate::seed::Seed::from_yaml(crate::seed::CLOUD_NINE).unwrap().rates);
        assert_eq!(
            serde_json::to_string(&rates.of("USD")).unwrap(),
            r#"{"base":"USD","rates":{"EUR":0.91,"JPY":147.71,"MXN":17.07}}"#
        );
        assert_eq!(serde_json::to_string(&rates.of("XYZ")).unwrap(), r#"{"base":"XYZ","rates":{}}"#);
    }
}
