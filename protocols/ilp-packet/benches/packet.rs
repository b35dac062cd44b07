//! A packet passing through a node: parse, rewrite for forwarding, serialise. Goals: parse ≤ 100 ns, rewrite ≤ 50 ns.
//! What a connector does in between is measured in `cargo xtask bench connector`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::time::Duration;

use clock::Timestamp;
use criterion::{Criterion, criterion_group, criterion_main};
use ilp_packet::{Address, Condition, Prepare, PrepareBuf};

/// A destination as the receiver issues it, with a token of 95 characters.
fn destination() -> Address {
    format!("test.cloud-nine-wallet.{}", "u5IU3Y5DDjyrQZ3t_k-".repeat(5)).parse().unwrap()
}

fn packet(criterion: &mut Criterion) {
    let destination = destination();
    let expires_at = Timestamp::from_millis(1_772_323_200_000);
    let prepare = Prepare {
        amount: 1_000_000,
        expires_at,
        execution_condition: Condition::new([7; 32]),
        destination: destination.as_ref(),
        data: &[9; 60],
    };
    let octets = prepare.encode();
    criterion.bench_function("prepare/parse", |bencher| {
        bencher.iter(|| Prepare::parse(black_box(&octets)));
    });
    criterion.bench_function("prepare/encode", |bencher| bencher.iter(|| black_box(&prepare).encode()));
    let mut carried = PrepareBuf::parse(octets).unwrap();
    let mut amount = 0u64;
    criterion.bench_function("prepare/forward_rewrite", |bencher| {
        bencher.iter(|| {
            amount = amount.wrapping_add(1);
            carried.set_amount(black_box(amount));
            carried.set_expires_at(black_box(expires_at + Duration::from_millis(amount & 0xffff)));
            black_box(carried.as_bytes()).len()
        });
    });
}

criterion_group!(benches, packet);
criterion_main!(benches);
