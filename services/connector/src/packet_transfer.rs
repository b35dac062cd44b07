//! The identity of a packet, and the ids of its transfers in the ledger.
//!
//! Its movements are in `balance`.

use ilp_packet::PrepareBuf;
use ledger::{AccountId, TransferId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The identity of a packet with money. Two packets with equal identity are the same packet, sent twice.
///
/// It is the account that pays, the amount, the destination, the condition and the data. The expiry is left out,
/// because it changes when a packet is sent again. The condition alone is not enough: any node that has seen it can
/// make other packets with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketIdentity {
    source: AccountId,
    digest: Uuid,
}

impl PacketIdentity {
    /// The identity of `packet` as it arrived, before it was rewritten.
    pub fn of(source: AccountId, packet: &PrepareBuf) -> Self {
        let destination = packet.destination();
        let destination = destination.as_str().as_bytes();
        let mut hash = Sha256::new();
        hash.update(source.as_uuid().as_bytes());
        hash.update(packet.execution_condition().as_bytes());
        hash.update(packet.amount().to_be_bytes());
        hash.update((destination.len() as u64).to_be_bytes());
        hash.update(destination);
        // The data comes last, so it needs no length before it.
        hash.update(packet.data());
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        Self { source, digest: Uuid::from_bytes(digest) }
    }

    /// The account its money is taken from.
    pub fn source(&self) -> AccountId {
        self.source
    }

    /// The id from which the ids of its first hold are derived.
    pub fn first_transfer_id(&self) -> TransferId {
        self.transfer_id(0)
    }

    /// The id from which its transfers' ids are derived. `generation` counts its earlier holds that timed out before
    /// their outcome was known.
    pub fn transfer_id(&self, generation: u64) -> TransferId {
        TransferId::derived(self.digest, "packet", generation)
    }
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;
    use ilp_packet::{AddressRef, Fulfillment, Prepare};

    use super::*;

    struct Packet {
        source: u128,
        amount: u64,
        expires_at: i64,
        condition: u8,
        destination: &'static str,
        data: &'static [u8],
    }

    const PACKET: Packet =
        Packet { source: 1, amount: 7, expires_at: 1_000, condition: 1, destination: "test.a.bc", data: b"de" };

    fn id(packet: &Packet) -> TransferId {
        let prepare = Prepare {
            amount: packet.amount,
            expires_at: Timestamp::from_millis(packet.expires_at),
            execution_condition: Fulfillment::new([packet.condition; 32]).condition(),
            destination: AddressRef::new(packet.destination).unwrap(),
            data: packet.data,
        };
        let packet_octets = PrepareBuf::parse(prepare.encode()).unwrap();
        PacketIdentity::of(AccountId::from_u128(packet.source), &packet_octets).first_transfer_id()
    }

    #[test]
    fn a_packet_with_another_expiry_is_the_same_packet() {
        assert_eq!(id(&PACKET), id(&Packet { expires_at: 9_000, ..PACKET }));
    }

    #[test]
    fn a_packet_that_differs_in_anything_else_is_another_packet() {
        let others = [
            Packet { source: 2, ..PACKET },
            Packet { amount: 8, ..PACKET },
            Packet { condition: 2, ..PACKET },
            Packet { destination: "test.a.bd", ..PACKET },
            Packet { data: b"df", ..PACKET },
            // The same octets, split differently between two fields.
            Packet { destination: "test.a.b", data: b"cde", ..PACKET },
        ];
        for other in others {
            assert_ne!(id(&PACKET), id(&other));
        }
    }
}
