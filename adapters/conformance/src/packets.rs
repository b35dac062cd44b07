//! The ILP packets of cases, and what their answers must be.
//! It sends nothing.

use std::time::Duration;

use clock::{Entropy, Timestamp};
use ilp_packet::{Address, Condition, PacketType, Prepare, Reply, ildcp};
use stream::{ConnectionKeys, Frame, Header, STREAM_ID, SharedSecret};

use crate::case::{PacketToGet, PacketToSend};

/// How long a packet is valid.
const LIFE: Duration = Duration::from_secs(20);
/// What a packet to a payment moves: enough to be something in another currency, too.
const AMOUNT: u64 = 100;

/// The incoming payment that packets are for.
pub(crate) struct Destination {
    pub(crate) address: Address,
    pub(crate) secret: SharedSecret,
}

/// A packet, and the condition that its fulfill must satisfy.
pub(crate) struct Made {
    pub(crate) octets: Vec<u8>,
    condition: Condition,
}

impl PacketToSend {
    /// Whether it is for an incoming payment.
    pub(crate) fn needs_destination(self) -> bool {
        matches!(self, Self::Expired | Self::Unfulfillable | Self::Fulfillable | Self::ForeignData)
    }

    /// The packet; `None` if it needs a destination and there is none.
    pub(crate) fn make(self, to: Option<&Destination>, now: Timestamp, entropy: &dyn Entropy) -> Option<Made> {
        let random = || Condition::new(entropy.bytes());
        match self {
            Self::Garbage => Some(Made { octets: b"\x0cno packet".to_vec(), condition: random() }),
            Self::Ildcp => Some(Made { octets: ildcp::request(now + LIFE).ok()?, condition: random() }),
            Self::Nowhere => plain("example.conformance.nowhere", now + LIFE, random()),
            Self::ForeignData => {
                let to = to?;
                let condition = random();
                Some(encode(&to.address, now + LIFE, condition, AMOUNT, &entropy.bytes::<64>()))
            }
            Self::Unfulfillable | Self::Fulfillable | Self::Expired => {
                let to = to?;
                let keys = to.secret.keys();
                let data = money(&keys, entropy);
                let condition =
                    if self == Self::Unfulfillable { random() } else { keys.fulfillment(&data).condition() };
                let expires_at = if self == Self::Expired { now - LIFE } else { now + LIFE };
                Some(encode(&to.address, expires_at, condition, AMOUNT, &data))
            }
        }
    }
}

fn plain(address: &str, expires_at: Timestamp, condition: Condition) -> Option<Made> {
    Some(encode(&address.parse().ok()?, expires_at, condition, AMOUNT, &[]))
}

fn encode(to: &Address, expires_at: Timestamp, condition: Condition, amount: u64, data: &[u8]) -> Made {
    let prepare = Prepare { amount, expires_at, execution_condition: condition, destination: to.as_ref(), data };
    Made { octets: prepare.encode(), condition }
}

/// A STREAM packet that gives everything to the stream of payments.
fn money(keys: &ConnectionKeys, entropy: &dyn Entropy) -> Vec<u8> {
    let header = Header { sequence: 1, ilp_packet_type: PacketType::Prepare, prepare_amount: 0 };
    header.seal(&[Frame::StreamMoney { stream_id: STREAM_ID, shares: 1 }], keys, entropy.bytes::<12>())
}

impl PacketToGet {
    /// What differs in an answer.
    pub(crate) fn difference(&self, body: &[u8], made: &Made) -> Option<String> {
        let wanted = self.word();
        let reply = match Reply::parse(body) {
            Ok(reply) => reply,
            Err(error) => return Some(format!("the body is no ILP reply ({error:?}) instead of {wanted}")),
        };
        match (self, &reply) {
            (Self::Fulfill, Reply::Fulfill(fulfill)) if fulfill.fulfillment.satisfies(&made.condition) => None,
            (Self::Fulfill, Reply::Fulfill(_)) => Some("the fulfillment does not satisfy the condition".to_owned()),
            (Self::Reject(codes), Reply::Reject(reject)) => {
                let code = String::from_utf8_lossy(&reject.code.octets()).into_owned();
                (!codes.contains(&code)).then(|| format!("{code} ({}) instead of {wanted}", reject.message_text()))
            }
            (Self::Address, Reply::Fulfill(_)) => match ildcp::AccountDetails::parse(body) {
                Ok(_) => None,
                Err(error) => Some(format!("the answer tells no address: {error:?}")),
            },
            (_, Reply::Fulfill(_)) => Some(format!("a fulfill instead of {wanted}")),
            (_, Reply::Reject(reject)) => {
                let code = String::from_utf8_lossy(&reject.code.octets()).into_owned();
                Some(format!("a reject {code} ({}) instead of {wanted}", reject.message_text()))
            }
        }
    }

    fn word(&self) -> String {
        match self {
            Self::Fulfill => "a fulfill".to_owned(),
            Self::Reject(codes) => format!("a reject {}", codes.join(" or ")),
            Self::Address => "a fulfill with an address".to_owned(),
        }
    }
}
