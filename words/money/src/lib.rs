//! Amounts, assets and exact ratios.
//!
//! No floats and no hidden rounding: whatever rounds says so, and which way, in its name.

mod asset;
mod decimal;
mod ratio;

pub use asset::{Asset, AssetAmount, AssetCode, InvalidAssetCode};
pub use decimal::{ParseRateError, Rate};
pub use ratio::{InvalidRatio, Ratio};
