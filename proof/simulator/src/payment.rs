//! A sender of money that imitates the payments service. Its progress is durable. After a crash it first finds out the
//! outcome of the packets that were under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use connector::{AccountAsset, Outcome, PaymentSource, Source, Transmission};
use futures::future::join_all;
use ilp_packet::{ErrorCode, PrepareBuf};
use ledger::Ledger;
use payments_model::OutgoingPaymentId;
use payments_model::accounting::AccountKind;
use stream::{Credentials, Hashlock, Request, Sender, Verdict};

use crate::node::Node;

/// How long a packet may live.
const PACKET_LIFE: Duration = Duration::from_secs(20);

/// The time limit of a payment.
const PATIENCE: Duration = Duration::from_mins(20);

/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Packets under way at once.
const WINDOW: u64 = 5;

/// An outgoing payment of a node.
pub struct Payment {
    node: Arc<Node>,
    asset: Arc<AccountAsset>,
    credentials: Credentials,
    /// Its id.
    pub id: OutgoingPaymentId,
    total: u64,
    packet: u64,
    durable: Mutex<Durable>,
}

/// The durable state of a payment.
#[derive(Clone, Debug, Default)]
struct Durable {
    rows: BTreeMap<u64, Row>,
    next_row: u64,
    sent: Sent,
}

/// A packet that may be under way.
#[derive(Clone, Debug)]
struct Row {
    prepare: Bytes,
    amount: u64,
}

/// The amounts sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Taken from the payment's account.
    pub debited: u64,
    /// Received, according to the receiver's replies.
    pub delivered: u64,
    /// Packets fulfilled.
    pub packets: u64,
    /// Packets that are paid and whose reply was lost.
    pub without_reply: u64,
}

/// The outcome of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Settled,
    Unresolved,
}

impl Payment {
    /// A funded payment of `total` in packets of `packet`.
    pub async fn create(
        node: &Arc<Node>,
        asset: &Arc<AccountAsset>,
        credentials: Credentials,
        total: u64,
        packet: u64,
    ) -> Arc<Self> {
        let id = OutgoingPaymentId::random(&*node.chance().entropy());
        node.open(asset, id.into(), AccountKind::Outgoing).await;
        node.deposit(asset, id.into(), total).await;
        let (node, asset) = (node.clone(), asset.clone());
        Arc::new(Self { node, asset, credentials, id, total, packet, durable: Mutex::default() })
    }

    /// The amounts sent so far.
    pub fn sent(&self) -> Sent {
        self.durable.lock().unwrap().sent
    }

    /// Whether everything was sent and nothing is under way.
    pub fn is_complete(&self) -> bool {
        let durable = self.durable.lock().unwrap();
        durable.rows.is_empty() && durable.sent.debited == self.total
    }

    /// Sends until the whole amount is sent, over several lives of the node if needed.
    pub async fn run(&self) {
        let deadline = self.node.clock().elapsed() + PATIENCE;
        while !self.is_complete() {
            assert!(self.node.clock().elapsed() < deadline, "payment gets nowhere: {:?}", self.sent());
            let Some(process) = self.node.process() else {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            };
            tokio::select! {
                biased;
                () = process.life.ended() => {}
                () = self.attempt() => {}
            }
        }
    }

    /// One sending attempt: first the remaining packets, then new ones.
    async fn attempt(&self) {
        if !self.resume().await {
            tokio::time::sleep(PAUSE).await;
            return;
        }
        let mut sender = Sender::new(self.credentials.address.clone(), &self.credentials.shared_secret);
        loop {
            let mut rows = Vec::new();
            for _ in 0..WINDOW {
                rows.extend(self.next_row(&mut sender));
            }
            if rows.is_empty() {
                return;
            }
            let before = self.sent();
            let steps =
                join_all(rows.into_iter().map(|(number, row)| self.send(number, row, Transmission::First))).await;
            if steps.contains(&Step::Unresolved) {
                return;
            }
            if self.sent() == before {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Finds out the outcome of the remaining packets. Returns whether all are settled.
    pub async fn resume(&self) -> bool {
        let rows = self.durable.lock().unwrap().rows.clone();
        let mut settled = true;
        for (number, row) in rows {
            settled &= self.send(number, row, Transmission::Again).await == Step::Settled;
        }
        settled
    }

    /// Makes the next packet and stores it before it is sent.
    fn next_row(&self, sender: &mut Sender) -> Option<(u64, Row)> {
        let mut durable = self.durable.lock().unwrap();
        let under_way: u64 = durable.rows.values().map(|row| row.amount).sum();
        let left = self.total - durable.sent.debited - under_way;
        let amount = left.min(self.packet);
        if amount == 0 {
            return None;
        }
        let row = self.make(sender, amount);
        let number = durable.next_row;
        durable.next_row += 1;
        durable.rows.insert(number, row.clone());
        Some((number, row))
    }

    fn make(&self, sender: &mut Sender, amount: u64) -> Row {
        let request = Request {
            source_amount: amount,
            min_destination_amount: 0,
            hashlock: Hashlock::Fulfillable,
            expires_at: self.node.clock().now() + PACKET_LIFE,
            frames: &[],
        };
        let packet = sender.make(&request, &*self.node.chance().entropy()).unwrap();
        Row { prepare: packet.prepare.into(), amount }
    }

    /// Sends one packet of `amount` outside any attempt, for tests of single packets.
    pub async fn send_one(&self, amount: u64) -> Outcome {
        let mut sender = Sender::new(self.credentials.address.clone(), &self.credentials.shared_secret);
        let row = self.make(&mut sender, amount);
        self.hand_over(&row, Transmission::First).await
    }

    /// [`Payment::send_one`], and the code and data of the Reject.
    pub async fn rejection_of(&self, amount: u64) -> (ErrorCode, String) {
        let Outcome::Reply(reply) = self.send_one(amount).await else { panic!("no reply") };
        let reject = ilp_packet::Reject::parse(&reply).expect("a Reject");
        (reject.code, reject.message_text().into_owned())
    }

    /// Sends one packet of `amount`, and returns the maximum and the total in its reply, if any.
    pub async fn told_maximum(&self, amount: u64) -> Option<(u64, u64)> {
        let mut sender = Sender::new(self.credentials.address.clone(), &self.credentials.shared_secret);
        let row = self.make(&mut sender, amount);
        let Outcome::Reply(reply) = self.hand_over(&row, Transmission::First).await else { panic!("no reply") };
        let keys = self.credentials.shared_secret.keys();
        let data = match ilp_packet::Reply::parse(&reply).unwrap() {
            ilp_packet::Reply::Fulfill(fulfill) => fulfill.data,
            ilp_packet::Reply::Reject(reject) => reject.data,
        };
        let plaintext = keys.open(data).unwrap();
        let packet = stream::StreamPacket::parse(&plaintext).unwrap();
        packet.frames().find_map(|frame| match frame {
            stream::Frame::StreamMaxMoney { receive_max, total_received, .. } => Some((receive_max, total_received)),
            _ => None,
        })
    }

    async fn hand_over(&self, row: &Row, attempt: Transmission) -> Outcome {
        let mut packet = PrepareBuf::parse(row.prepare.clone()).unwrap();
        packet.set_expires_at(self.node.clock().now() + PACKET_LIFE);
        let source = PaymentSource { tenant: self.node.tenant, payment: self.id, asset: self.asset.clone() };
        self.node.connector().handle_prepare(Source::Payment(source), packet, attempt).await
    }

    async fn send(&self, number: u64, row: Row, attempt: Transmission) -> Step {
        let outcome = self.hand_over(&row, attempt).await;
        let mut durable = self.durable.lock().unwrap();
        match outcome {
            Outcome::Unresolved => return Step::Unresolved,
            Outcome::Paid => {
                durable.sent.debited += row.amount;
                durable.sent.without_reply += 1;
            }
            Outcome::Reply(reply) => {
                if let Some(delivered) = self.delivered(&row, &reply) {
                    durable.sent.debited += row.amount;
                    durable.sent.delivered += delivered;
                    durable.sent.packets += 1;
                }
            }
        }
        durable.rows.remove(&number);
        Step::Settled
    }

    /// The amount that the receiver reports, if the reply is a Fulfill.
    fn delivered(&self, row: &Row, reply: &[u8]) -> Option<u64> {
        let keys = self.credentials.shared_secret.keys();
        let prepare = ilp_packet::Prepare::parse(&row.prepare).unwrap();
        let request = keys.open(prepare.data).unwrap();
        let sequence = stream::StreamPacket::parse(&request).unwrap().sequence;
        let sender = Sender::new(self.credentials.address.clone(), &self.credentials.shared_secret);
        let reading = sender.read(sequence, Some(keys.fulfillment(prepare.data)), reply);
        (reading.verdict == Verdict::Fulfilled).then(|| reading.stream().expect("the receiver's reply").prepare_amount)
    }

    /// The balance of the payment's account, and the held part of it.
    pub async fn balance(&self) -> (u128, u128) {
        let accounts = self.node.ledger.accounts(vec![self.id.into()]).await.unwrap();
        let account = accounts[0].unwrap();
        (account.credits_posted - account.debits_posted, account.debits_pending)
    }
}
