//! A path of hops that ends in a real receiver. Probes and payments run over it without a network.
//! Faults of a path are in `pair`.

use std::collections::BTreeMap;

use clock::{SeededEntropy, Timestamp};
use ilp_packet::{Address, AmountTooLarge, Condition, ErrorCode, Prepare, Reject};
use money::{Asset, Ratio};
use stream::{
    AssetDetails, ConnectionDetails, ConnectionKeys, Decision, Frame, ReceiptSetup, ReceiverSecret, RejectStyle,
    StreamPacket, StreamReceiver,
};
use stream_pay::Destination;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_772_323_200_000);

/// What one node does to a packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hop {
    pub(crate) max_packet: Option<u64>,
    /// Whether an F08 states the maximum.
    pub(crate) without_detail: bool,
    pub(crate) code: Option<ErrorCode>,
    pub t04_above: Option<u64>,
    pub(crate) rate: Option<Ratio>,
}

impl Hop {
    /// What leaves the hop of `amount`, or its Reject.
    pub(crate) fn pass(&self, amount: u64) -> Result<u64, Vec<u8>> {
        let connector: Address = "test.connector".parse().unwrap();
        let reject = |code, data: &[u8]| Err(Reject::new(code, connector.as_ref()).with_data(data).encode());
        if let Some(code) = self.code {
            return reject(code, b"");
        }
        if let Some(maximum) = self.max_packet.filter(|maximum| amount > *maximum) {
            let detail = AmountTooLarge { received: amount, maximum }.encode();
            return reject(ErrorCode::F08AmountTooLarge, if self.without_detail { b"" } else { &detail });
        }
        if self.t04_above.is_some_and(|above| amount > above) {
            return reject(ErrorCode::T04InsufficientLiquidity, b"");
        }
        let rate = self.rate.unwrap_or(Ratio::ONE);
        rate.checked_mul_floor(amount).map_or_else(|| reject(ErrorCode::F03InvalidAmount, b""), Ok)
    }
}

/// The receiving end, and its credentials for a sender.
pub(crate) struct End {
    pub(crate) destination: Destination,
    pub(crate) keys: ConnectionKeys,
    pub(crate) received: u64,
    /// The minimum that each request has stated.
    pub(crate) minima: BTreeMap<u64, u64>,
    receiver: StreamReceiver,
    entropy: SeededEntropy,
}

impl End {
    pub(crate) fn new(asset: Asset, style: RejectStyle, receipts: Option<ReceiptSetup>, seed: u64) -> Self {
        let entropy = SeededEntropy::new(seed);
        let secret = ReceiverSecret::new(&[7; 32]);
        let receiver = StreamReceiver::new(secret, "test.receiver".parse().unwrap()).with_reject_style(style);
        let announced = AssetDetails { code: asset.code.as_str().to_owned(), scale: asset.scale };
        let details = ConnectionDetails { payment_tag: Some("tag".to_owned()), receipts, asset: Some(announced) };
        let credentials = receiver.issue(&details, &entropy).unwrap();
        let keys = credentials.shared_secret.keys();
        let destination = Destination { address: credentials.address, shared_secret: credentials.shared_secret, asset };
        Self { destination, keys, received: 0, minima: BTreeMap::new(), receiver, entropy }
    }

    /// The receiver's reply to `prepare`, which arrives with `amount`. It always takes the money.
    pub(crate) fn receive(&mut self, prepare: &Prepare<'_>, amount: u64, now: Timestamp) -> Vec<u8> {
        let plaintext = self.read(prepare);
        let request = StreamPacket::parse(&plaintext).unwrap();
        self.minima.insert(request.sequence, request.prepare_amount);
        match self.receiver.evaluate(&Prepare { amount, ..*prepare }, now, &self.entropy) {
            Decision::Reply(reply) => reply,
            Decision::Money(money) => {
                self.received += money.amount();
                money.accept(Some(self.received))
            }
        }
    }

    /// The plaintext of a request.
    pub(crate) fn read(&self, prepare: &Prepare<'_>) -> Vec<u8> {
        self.keys.open(prepare.data).unwrap()
    }
}

/// Whether the receiver could fulfil the packet.
pub(crate) fn is_fulfillable(keys: &ConnectionKeys, prepare: &Prepare<'_>) -> bool {
    let condition: Condition = keys.fulfillment(prepare.data).condition();
    condition == prepare.execution_condition
}

/// The frames of a request in the form of the vectors.
pub(crate) fn frame_texts(plaintext: &[u8]) -> Vec<String> {
    let packet = StreamPacket::parse(plaintext).unwrap();
    let text = |frame| match frame {
        Frame::ConnectionMaxStreamId { max_stream_id } => format!("ConnectionMaxStreamId({max_stream_id})"),
        Frame::ConnectionMaxData { max_offset } => format!("ConnectionMaxData({max_offset})"),
        Frame::ConnectionNewAddress { source_account } => {
            format!("ConnectionNewAddress({:?})", String::from_utf8_lossy(source_account))
        }
        Frame::StreamMoney { stream_id, shares } => format!("StreamMoney({stream_id},{shares})"),
        Frame::ConnectionClose { code, .. } => format!("ConnectionClose({})", code.octet()),
        other => format!("{other:?}"),
    };
    packet.frames().map(text).collect()
}
