//! Converts amounts of one asset to another.
//!
//! It gets no rates.

use money::Ratio;

/// The relation between the smallest units of two assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// Code and scale are the same, so amounts do not change.
    None,
    /// Smallest units of the destination per smallest unit of the source.
    By(Ratio),
}

impl Conversion {
    /// The ratio of smallest units.
    pub fn ratio(&self) -> Ratio {
        match self {
            Self::None => Ratio::ONE,
            Self::By(ratio) => *ratio,
        }
    }
}

/// The value of `source_amount` in the destination, rounded down; `None` above 2^64−1.
pub fn convert_source_floor(source_amount: u64, conversion: Conversion) -> Option<u64> {
    match conversion {
        Conversion::None => Some(source_amount),
        Conversion::By(ratio) => ratio.checked_mul_floor(source_amount),
    }
}

/// The source amount that is needed for `destination_amount`, rounded up; `None` above 2^64−1.
pub fn convert_destination_ceil(destination_amount: u64, conversion: Conversion) -> Option<u64> {
    match conversion {
        Conversion::None => Some(destination_amount),
        Conversion::By(ratio) => ratio.checked_div_ceil(destination_amount),
    }
}
