//! Amounts, assets and exact ratios.
//!
//! It has no floats and no hidden rounding: a function that rounds has the direction in its name.

mod asset;
mod decimal;
mod ratio;

pub use asset::{Asset, AssetAmount, AssetCode, InvalidAssetCode};
pub use decimal::{ParseRateError, Rate};
pub use ratio::{InvalidRatio, Ratio};
