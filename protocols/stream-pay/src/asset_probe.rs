//! Asks a receiver for its asset, if the sender has only the receiver's credentials (RFC 29, section 4.3.3).
//! The rate is not asked for here; see `probe`.
//!
//! Two packets without an amount are sent at once, because there are two kinds of receivers. One kind keeps no state
//! and answers the first packet. The other kind waits until it knows the sender's address, and answers the second
//! packet. No money moves. Open Payments gives the asset together with the credentials, so its payments need no such
//! probe.

use std::collections::{BTreeMap, VecDeque};

use clock::{Entropy, Timestamp};
use ilp_packet::{Address, MAX_ADDRESS_LENGTH};
use money::Asset;
use stream::{Frame, Sender, SharedSecret};

use crate::control::{PACKET_LIFE, control_frames, control_request};
use crate::error::PaymentError;
use crate::poll::{OutgoingPrepare, Poll};

/// The source address that the packets state. It cannot be paid.
const SEND_ONLY_CLIENT: &[u8] = b"private.SEND_ONLY_CLIENT";

/// A running probe for the receiver's asset.
#[derive(Debug)]
pub struct AssetProbe {
    sender: Sender,
    /// The packets that are still to be sent: the destination of each, and the source address that it states.
    unsent: VecDeque<(Address, &'static [u8])>,
    /// When the packets that have no reply are given up.
    outstanding: BTreeMap<u64, Timestamp>,
    answered: bool,
    named: Option<Asset>,
    failure: Option<PaymentError>,
}

impl AssetProbe {
    /// A probe of the receiver that issued these credentials.
    pub fn new(address: Address, shared_secret: &SharedSecret) -> Self {
        let stateful = with_segment_before_token(&address);
        let mut unsent = VecDeque::from([(address.clone(), &b""[..])]);
        unsent.extend(stateful.map(|address| (address, SEND_ONLY_CLIENT)));
        Self {
            sender: Sender::new(address, shared_secret),
            unsent,
            outstanding: BTreeMap::new(),
            answered: false,
            named: None,
            failure: None,
        }
    }

    /// The next step. The probe ends when both packets have been answered or have expired.
    ///
    /// It fails with `EstablishmentFailed` if the receiver answered neither packet, with `UnknownDestinationAsset` if
    /// it named no asset, and with `DestinationAssetConflict` if it named two different assets.
    pub fn poll_prepare(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Result<Asset, PaymentError>> {
        self.outstanding.retain(|_, expires_at| now < *expires_at);
        if let Some((destination, own_address)) = self.unsent.pop_front() {
            match self.send(&destination, own_address, now, entropy) {
                Ok(packet) => return Poll::Send(packet),
                Err(error) => return Poll::Done(Err(error)),
            }
        }
        match self.outstanding.values().min() {
            Some(expires_at) => Poll::WaitUntil(*expires_at),
            None => Poll::Done(self.result()),
        }
    }

    /// Takes the reply to packet `sequence`. Both a Fulfill and a Reject count, if the receiver itself wrote them.
    pub fn handle_reply(&mut self, sequence: u64, octets: &[u8]) {
        if self.outstanding.remove(&sequence).is_none() {
            return;
        }
        let reading = self.sender.read(sequence, None, octets);
        let Some(packet) = reading.stream() else { return };
        self.answered = true;
        for frame in packet.frames() {
            let Frame::ConnectionAssetDetails { asset_code, asset_scale } = frame else { continue };
            let Some(asset) = asset(asset_code, asset_scale) else { continue };
            if self.named.get_or_insert_with(|| asset.clone()) != &asset {
                self.failure = Some(PaymentError::DestinationAssetConflict);
            }
        }
    }

    fn send(
        &mut self,
        destination: &Address,
        own_address: &[u8],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<OutgoingPrepare, PaymentError> {
        let expires_at = now + PACKET_LIFE;
        let frames = control_frames(Frame::ConnectionNewAddress { source_account: own_address });
        let request = control_request(expires_at, &frames);
        let packet = self.sender.make_to(destination.as_ref(), &request, entropy);
        let packet = packet.map_err(|_| PaymentError::MaxSafeEncryptionLimit)?;
        self.outstanding.insert(packet.sequence, expires_at);
        Ok(OutgoingPrepare { sequence: packet.sequence, packet: packet.prepare, expires_at })
    }

    fn result(&self) -> Result<Asset, PaymentError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let unknown =
            if self.answered { PaymentError::UnknownDestinationAsset } else { PaymentError::EstablishmentFailed };
        self.named.clone().ok_or(unknown)
    }
}

/// Turns `a.b.token` into `a.b._.token`, cut to the greatest length of an address. `None` if the result is not an
/// address.
fn with_segment_before_token(address: &Address) -> Option<Address> {
    let (base, token) = address.as_str().rsplit_once('.')?;
    let mut longer = format!("{base}._.{token}");
    longer.truncate(MAX_ADDRESS_LENGTH);
    longer.parse().ok()
}

fn asset(code: &[u8], scale: u8) -> Option<Asset> {
    Asset::new(std::str::from_utf8(code).ok()?, scale).ok()
}

#[cfg(test)]
mod tests {
    use clock::SeededEntropy;
    use ilp_packet::{AddressRef, ErrorCode, PacketType, Prepare, Reject};
    use stream::Header;

    use super::*;

    const SECRET: [u8; 32] = [4; 32];
    const NOW: Timestamp = Timestamp::EPOCH;

    fn sent_probe() -> AssetProbe {
        let mut probe = AssetProbe::new("test.receiver.token".parse().unwrap(), &SharedSecret::new(SECRET));
        for destination in ["test.receiver.token", "test.receiver._.token"] {
            let Poll::Send(packet) = probe.poll_prepare(NOW, &SeededEntropy::new(1)) else { panic!("two packets") };
            assert_eq!(Prepare::parse(&packet.packet).unwrap().destination.as_str(), destination);
        }
        assert_eq!(probe.poll_prepare(NOW, &SeededEntropy::new(1)), Poll::WaitUntil(NOW + PACKET_LIFE));
        probe
    }

    fn reply(sequence: u64, frames: &[Frame<'_>]) -> Vec<u8> {
        let header = Header { sequence, ilp_packet_type: PacketType::Reject, prepare_amount: 0 };
        let data = header.seal(frames, &SharedSecret::new(SECRET).keys(), [8; 12]);
        Reject::new(ErrorCode::F99ApplicationError, AddressRef::new("test.receiver").unwrap()).with_data(&data).encode()
    }

    fn named(asset_code: &[u8]) -> [Frame<'_>; 1] {
        [Frame::ConnectionAssetDetails { asset_code, asset_scale: 2 }]
    }

    fn end(mut probe: AssetProbe) -> Result<Asset, PaymentError> {
        match probe.poll_prepare(NOW + PACKET_LIFE, &SeededEntropy::new(1)) {
            Poll::Done(result) => result,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_answer_of_the_receiver_is_enough() {
        for sequence in [0, 1] {
            let mut probe = sent_probe();
            probe.handle_reply(sequence, &reply(sequence, &named(b"EUR")));
            assert_eq!(end(probe), Ok(Asset::new("EUR", 2).unwrap()));
        }
    }

    #[test]
    fn two_different_assets_are_a_conflict_and_two_equal_ones_are_not() {
        for (second, expected) in [
            (&b"EUR"[..], Ok(Asset::new("EUR", 2).unwrap())),
            (&b"USD"[..], Err(PaymentError::DestinationAssetConflict)),
        ] {
            let mut probe = sent_probe();
            probe.handle_reply(0, &reply(0, &named(b"EUR")));
            probe.handle_reply(1, &reply(1, &named(second)));
            assert_eq!(end(probe), expected);
        }
    }

    #[test]
    fn only_what_the_receiver_wrote_to_this_very_packet_counts() {
        assert_eq!(end(sent_probe()), Err(PaymentError::EstablishmentFailed));
        let mut probe = sent_probe();
        probe.handle_reply(0, &reply(1, &named(b"EUR")));
        probe.handle_reply(1, b"");
        probe.handle_reply(1, &reply(1, &named(b"EUR")));
        assert_eq!(end(probe), Err(PaymentError::EstablishmentFailed));
        let mut probe = sent_probe();
        probe.handle_reply(0, &reply(0, &[]));
        probe.handle_reply(1, &reply(1, &named(b"")));
        assert_eq!(end(probe), Err(PaymentError::UnknownDestinationAsset));
    }

    #[test]
    fn an_address_too_long_for_the_second_form_is_cut_or_left_out() {
        let long = |token: &str| format!("test.{}.{token}", "x".repeat(1023 - 6 - token.len()));
        let cut = with_segment_before_token(&long("token").parse().unwrap()).unwrap();
        assert!(cut.as_str().ends_with("x._.tok"));
        assert_eq!(with_segment_before_token(&long("to").parse().unwrap()), None);
    }
}
