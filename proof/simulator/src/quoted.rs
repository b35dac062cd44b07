//! A payer with a quote, like the payments service: the real state machines over the real connector.
//!
//! It is not durable: it ends when its node is killed. `payment` is durable.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Entropy, Timestamp};
use connector::{AccountAsset, Outcome, PaymentSource, QuoteSource, Source, Transmission};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use payments_model::OutgoingPaymentId;
use payments_model::accounting::AccountKind;
use stream::Credentials;
use stream_pay::{Destination, NoQuote, OutgoingPrepare, Payment, Poll, Quote, QuoteTerms, Quoting};

use crate::node::Node;

/// A payment from a node to a receiver somewhere.
pub struct QuotedPayment {
    node: Arc<Node>,
    asset: Arc<AccountAsset>,
    destination: Destination,
}

/// Opens an account of an outgoing payment with `amount` on it.
pub async fn account_for(node: &Arc<Node>, asset: &Arc<AccountAsset>, amount: u64) -> OutgoingPaymentId {
    let id = OutgoingPaymentId::random(&*node.chance().entropy());
    node.open(asset, id.into(), AccountKind::Outgoing).await;
    node.deposit(asset, id.into(), amount).await;
    id
}

impl QuotedPayment {
    /// A payment in `asset` from `node` to a receiver of `received`.
    pub fn new(
        node: &Arc<Node>,
        asset: &Arc<AccountAsset>,
        received: &Arc<AccountAsset>,
        credentials: Credentials,
    ) -> Self {
        let Credentials { address, shared_secret, .. } = credentials;
        let destination = Destination { address, shared_secret, asset: received.asset.clone() };
        Self { node: node.clone(), asset: asset.clone(), destination }
    }

    /// Requests a quote. Returns also how long that took.
    pub async fn quote(&self, terms: QuoteTerms) -> (Result<Quote, NoQuote>, Duration) {
        let mut quoting = Quoting::new(&self.destination, terms);
        let source = Source::Quote(QuoteSource { tenant: self.node.tenant, asset: self.asset.clone() });
        self.drive(&mut quoting, &source).await
    }

    /// Pays `quote` from a new account with `funds`. Returns what is left of them and how long it took.
    pub async fn pay(&self, quote: &Quote, funds: u64) -> (stream_pay::Outcome, u128, Duration) {
        let payment = account_for(&self.node, &self.asset, funds).await;
        let mut machine = Payment::new(&self.destination, quote, None).unwrap();
        let source = PaymentSource { tenant: self.node.tenant, payment, asset: self.asset.clone() };
        let (outcome, took) = self.drive(&mut machine, &Source::Payment(source)).await;
        let account = ledger::Ledger::accounts(&*self.node.ledger, vec![payment.into()]).await.unwrap()[0].unwrap();
        assert_eq!(account.debits_pending, 0, "nothing is held once a payment is done");
        (outcome, account.credits_posted - account.debits_posted, took)
    }

    async fn drive<M: Machine>(&self, machine: &mut M, source: &Source) -> (M::Output, Duration) {
        let (clock, entropy) = (self.node.clock(), self.node.chance().entropy());
        let begin = clock.elapsed();
        let mut under_way = FuturesUnordered::new();
        loop {
            match machine.poll(clock.now(), &*entropy) {
                Poll::Send(packet) => under_way.push(self.send(source.clone(), packet)),
                Poll::Done(output) => return (output, clock.elapsed().saturating_sub(begin)),
                Poll::WaitUntil(instant) => {
                    tokio::select! {
                        Some((sequence, reply)) = under_way.next() => machine.reply(clock.now(), sequence, &reply),
                        () = tokio::time::sleep(instant.saturating_since(clock.now())) => {}
                    }
                }
            }
        }
    }

    fn send(&self, source: Source, packet: OutgoingPrepare) -> impl Future<Output = (u64, Vec<u8>)> {
        let connector = self.node.connector();
        async move {
            match connector.handle(source, Bytes::from(packet.packet), Transmission::First).await {
                Outcome::Reply(reply) => (packet.sequence, reply.into()),
                other => panic!("nothing is lost here: {other:?}"),
            }
        }
    }
}

/// The common interface of the machines.
trait Machine {
    type Output;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output>;
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]);
}

impl Machine for Quoting {
    type Output = Result<Quote, NoQuote>;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(now, sequence, octets);
    }
}

impl Machine for Payment {
    type Output = stream_pay::Outcome;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(now, sequence, octets);
    }
}
