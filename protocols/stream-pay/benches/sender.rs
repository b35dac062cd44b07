//! One step of a sender: it makes a packet and takes the reply.
//! The receiver's share is measured in `stream`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use clock::{SeededEntropy, Timestamp};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ilp_packet::Prepare;
use money::{Asset, Ratio};
use stream::{ConnectionDetails, Decision, ReceiverSecret, StreamReceiver};
use stream_pay::{Destination, Payment, Poll, Quote, RateBounds, Target};

fn sender_step(criterion: &mut Criterion) {
    let entropy = SeededEntropy::new(1);
    let now = Timestamp::from_millis(1_772_323_200_000);
    let receiver = StreamReceiver::new(ReceiverSecret::new(&[5; 32]), "test.cloud-nine-wallet".parse().unwrap());
    let credentials = receiver.issue(&ConnectionDetails::default(), &entropy).unwrap();
    let destination = Destination {
        address: credentials.address,
        shared_secret: credentials.shared_secret,
        asset: Asset::new("USD", 2).unwrap(),
    };
    let amount = u64::MAX / 2;
    let quote = Quote {
        target: Target::Send(amount),
        max_source_amount: amount,
        min_delivery_amount: 0,
        max_packet_amount: 1000,
        min_exchange_rate: Ratio::new(99, 100).unwrap(),
        rates: RateBounds::new(Ratio::ONE, Ratio::new(1_000_001, 1_000_000).unwrap()),
        rounding_allowance: 0,
    };
    let mut payment = Payment::new(&destination, &quote, None).unwrap();
    let mut next = || match payment.poll_prepare(now, &entropy) {
        Poll::Send(packet) => packet,
        other => panic!("{other:?}"),
    };
    let first = next();
    let reply_to = |packet: &[u8]| match receiver.evaluate(&Prepare::parse(packet).unwrap(), now, &entropy) {
        Decision::Money(money) => money.accept(None),
        Decision::Reply(reply) => reply,
    };
    payment.handle_reply(now, first.sequence, &reply_to(&first.packet));
    // Setup and step need the same payment, one after the other.
    let payment = std::cell::RefCell::new(payment);
    let poll = || match payment.borrow_mut().poll_prepare(now, &entropy) {
        Poll::Send(packet) => packet,
        other => panic!("{other:?}"),
    };
    criterion.bench_function("sender/poll_prepare", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = std::time::Duration::ZERO;
            for _ in 0..iterations {
                let watch = clock::Stopwatch::start();
                let packet = poll();
                spent += watch.elapsed();
                let reply = reply_to(&packet.packet);
                payment.borrow_mut().handle_reply(now, packet.sequence, &reply);
            }
            spent
        });
    });
    criterion.bench_function("sender/handle_reply", |bencher| {
        bencher.iter_batched(
            || {
                let packet = poll();
                let reply = reply_to(&packet.packet);
                (packet.sequence, reply)
            },
            |(sequence, reply)| payment.borrow_mut().handle_reply(now, sequence, &reply),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, sender_step);
criterion_main!(benches);
