//! The id by which the ledger knows a packet again.
//!
//! Not its movements: those are `balance`'s.

use ilp_packet::Condition;
use ledger::{AccountId, TransferId};
use payments_model::accounting::Movement;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The id from which the transfers of a packet derive: of the account it is taken from and its condition.
///
/// A STREAM packet's condition depends on all its data, so no two packets share one, and a repetition does.
/// `generation` counts the holds of the packet that ran out before anybody knew its outcome.
pub fn packet_transfer_id(source: AccountId, condition: &Condition, generation: u64) -> TransferId {
    let mut hash = Sha256::new();
    hash.update(source.as_uuid().as_bytes());
    hash.update(condition.as_bytes());
    let digest = hash.finalize();
    let mut cause = [0; 16];
    cause.copy_from_slice(&digest[..16]);
    TransferId::derived(Uuid::from_bytes(cause), "packet", generation)
}

/// The transfers an own payment's packet can have: those of its hold, which never runs out, or of its credit.
pub fn packet_legs(source: AccountId, condition: &Condition) -> [TransferId; 2] {
    Movement::leg_ids(packet_transfer_id(source, condition, 0))
}
