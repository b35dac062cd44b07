//! ILP packets: every parsed packet is written as the same value, and patching changes only the intended fields.
//! Data inside of packets is in `stream_data`.

use clock::Timestamp;
use ilp_packet::{
    AddressRef, AmountTooLarge, Condition, ErrorCode, Fulfill, Fulfillment, Packet, Prepare, PrepareBuf, Reject, ildcp,
};

use crate::corpus::PACKETS;
use crate::material::Material;

pub(crate) fn packet(material: &mut Material) {
    let octets = match material.below(4) {
        0 => material.octets(200),
        1 => {
            let written = material.pick(&PACKETS).clone();
            material.damaged(written)
        }
        _ => {
            let valid = valid(material);
            material.damaged(valid)
        }
    };

    let Ok(parsed) = Packet::parse(&octets) else { return };
    let written = match &parsed {
        Packet::Prepare(prepare) => prepare.encode(),
        Packet::Fulfill(fulfill) => fulfill.encode(),
        Packet::Reject(reject) => {
            let _ = AmountTooLarge::parse(reject.data);
            let _ = reject.message_text();
            reject.encode()
        }
    };
    assert_eq!(Packet::parse(&written), Ok(parsed), "written differently than read");

    let _ = ildcp::AccountDetails::parse(&octets);
    if let Packet::Prepare(prepare) = parsed {
        patch(material, &octets, &prepare);
    }
}

fn patch(material: &mut Material, octets: &[u8], prepare: &Prepare<'_>) {
    let Ok(mut carried) = PrepareBuf::parse(octets.to_vec()) else { panic!("a Prepare is one for every reader") };
    let amount = material.amount();
    let expires_at = Timestamp::from_millis(material.u64().cast_signed() / 100_000);
    carried.set_amount(amount);
    carried.set_expires_at(expires_at);
    let changed = carried.as_bytes().iter().zip(octets).filter(|(a, b)| a != b).count();
    assert!(changed <= 25 && carried.as_bytes().len() == octets.len(), "more than amount and expiry has changed");
    let patched = Prepare::parse(carried.as_bytes());
    assert!(patched.is_ok_and(|patched| {
        patched.amount == amount && patched.destination == prepare.destination && patched.data == prepare.data
    }));
}

fn valid(material: &mut Material) -> Vec<u8> {
    const ADDRESSES: [&str; 4] = ["g.a", "test.bank.alice", "peer.config", "private.x_y~z-1.2.3"];
    let Ok(address) = AddressRef::new(ADDRESSES[material.below(ADDRESSES.len())]) else { panic!("a valid address") };
    let data = material.octets(300);
    match material.below(3) {
        0 => Prepare {
            amount: material.amount(),
            expires_at: Timestamp::from_millis(material.u64().cast_signed() / 1_000_000),
            execution_condition: Condition::new(material.array()),
            destination: address,
            data: &data,
        }
        .encode(),
        1 => Fulfill { fulfillment: Fulfillment::new(material.array()), data: &data }.encode(),
        _ => {
            let message = material.octets(50);
            let code = *material.pick(ErrorCode::KNOWN);
            Reject { code, triggered_by: Some(address), message: &message, data: &data }.encode()
        }
    }
}
