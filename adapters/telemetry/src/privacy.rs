//! Hides exact amounts from collectors: they get the approximate size of an amount only.
//!
//! The amount is rounded to a bucket, which is wider for larger amounts. Then noise is added (the Laplace mechanism of
//! differential privacy). The numbers are those of Rafiki 2.4. No money depends on them.

use clock::Entropy;

const SMALLEST: u64 = 2_500;
const STEP: u64 = 5_000;
const LARGEST: u64 = 10_000_000;
/// Below this value, buckets are multiples of the step. Above it, each bucket is twice the one before.
const DOUBLING_FROM: u64 = 20_000;

/// The width of the bucket of `value`.
fn bucket(value: u64) -> u64 {
    let width = if value < DOUBLING_FROM {
        (value + STEP / 2) / STEP * STEP
    } else {
        let steps = value.div_ceil(STEP).checked_next_power_of_two().unwrap_or(u64::MAX);
        steps.saturating_mul(STEP)
    };
    width.clamp(SMALLEST, LARGEST)
}

/// `value` rounded to the nearer edge of its bucket. If both are equally near, it is the lower one.
fn rounded(value: u64, bucket: u64) -> u64 {
    let value = value.clamp(SMALLEST, LARGEST);
    let lower = value / bucket * bucket;
    let nearer = if value - lower <= lower + bucket - value { lower } else { lower + bucket };
    nearer.max(bucket / 2)
}

/// The number to export for `value`, an amount in ten-thousandths of a dollar.
pub(crate) fn hidden(value: u64, entropy: &dyn Entropy) -> u64 {
    let bucket = bucket(value);
    let rounded = rounded(value, bucket);
    let uniform = u64::from_le_bytes(entropy.bytes::<8>()) >> 11;
    noisy(rounded, bucket, uniform)
}

/// Adds noise to `rounded`; `uniform` has 53 random bits.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "noise, of values below 2^24; and 53 bits fit"
)]
fn noisy(rounded: u64, bucket: u64, uniform: u64) -> u64 {
    let scale = 0.1 * (rounded as f64 / 10.0).max(bucket as f64);
    // This lies between -1/2 and 1/2, without the limits: the logarithm of zero is not defined.
    let centered = (uniform as f64 + 0.5) / (1_u64 << 53) as f64 - 0.5;
    let noise = -scale * centered.signum() * (1.0 - 2.0 * centered.abs()).ln();
    let told = (rounded as f64 + noise).round();
    if told <= 0.0 { bucket / 2 } else { told as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_one_size_are_reported_as_one_number() {
        let told = |value| (bucket(value), rounded(value, bucket(value)));
        for (value, expected) in [
            (0, (2_500, 2_500)),
            (2_499, (2_500, 2_500)),
            (2_500, (5_000, 2_500)),
            (7_499, (5_000, 5_000)),
            (7_501, (10_000, 10_000)),
            (19_999, (20_000, 20_000)),
            (20_000, (20_000, 20_000)),
            (20_001, (40_000, 40_000)),
            (30_001, (40_000, 40_000)),
            (9_999_999_999, (10_000_000, 10_000_000)),
            (u64::MAX, (10_000_000, 10_000_000)),
        ] {
            assert_eq!(told(value), expected, "{value}");
        }
    }

    #[test]
    fn noise_goes_both_ways_around_what_is_rounded_and_leaves_nothing_negative() {
        let middle = 1 << 52;
        assert_eq!(noisy(20_000, 20_000, middle), 20_000);
        let (below, above) = (noisy(20_000, 20_000, middle / 2), noisy(20_000, 20_000, middle + middle / 2));
        // A quarter of all noise is below -ln(2) times the scale, and a quarter above it.
        assert_eq!((below, above), (18_614, 21_386));
        assert_eq!(noisy(2_500, 2_500, 0), 1_250, "far below zero");
    }
}
