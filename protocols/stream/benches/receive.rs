//! The receive path of one STREAM packet: decrypt, decide, encrypt the reply. Goal: ≤ 6 µs, address token included.
//! The sender's part is measured in `stream-pay`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::time::Duration;

use clock::{SeededEntropy, Timestamp};
use criterion::{Criterion, criterion_group, criterion_main};
use ilp_packet::Prepare;
use stream::{
    AssetDetails, ConnectionDetails, Decision, Frame, Hashlock, ReceiverSecret, Request, STREAM_ID, Sender,
    StreamReceiver,
};

fn receive(criterion: &mut Criterion) {
    let entropy = SeededEntropy::new(1);
    let now = Timestamp::from_millis(1_772_323_200_000);
    let receiver = StreamReceiver::new(ReceiverSecret::new(&[5; 32]), "test.cloud-nine-wallet".parse().unwrap());
    let details = ConnectionDetails {
        payment_tag: Some("3a1f4c5e-6b7d-4e8f-9a0b-1c2d3e4f5a6b".to_owned()),
        receipts: None,
        asset: Some(AssetDetails { code: "USD".to_owned(), scale: 2 }),
    };
    let credentials = receiver.issue(&details, &entropy).unwrap();
    let mut sender = Sender::new(credentials.address.clone(), &credentials.shared_secret);
    let request = Request {
        source_amount: 1000,
        min_destination_amount: 990,
        hashlock: Hashlock::Fulfillable,
        expires_at: now + Duration::from_secs(20),
        frames: &[Frame::StreamMoney { stream_id: STREAM_ID, shares: 1 }],
    };
    let packet = sender.make(&request, &entropy).unwrap().prepare;
    let accept = |decision| match decision {
        Decision::Money(money) => money.accept(None),
        Decision::Reply(_) => panic!("the packet carries money"),
    };
    criterion.bench_function("receive/whole_path", |bencher| {
        bencher.iter(|| {
            let prepare = Prepare::parse(black_box(&packet)).unwrap();
            accept(receiver.evaluate(&prepare, now, &entropy))
        });
    });
    let connection = receiver.connection(credentials.address.as_ref()).unwrap();
    criterion.bench_function("receive/known_connection", |bencher| {
        bencher.iter(|| {
            let prepare = Prepare::parse(black_box(&packet)).unwrap();
            accept(connection.evaluate(&prepare, now, &entropy))
        });
    });
    criterion.bench_function("receive/restore_connection", |bencher| {
        bencher.iter(|| receiver.connection(black_box(credentials.address.as_ref())).unwrap());
    });
    criterion.bench_function("receive/issue_credentials", |bencher| {
        bencher.iter(|| receiver.issue(black_box(&details), &entropy).unwrap());
    });
}

criterion_group!(benches, receive);
criterion_main!(benches);
