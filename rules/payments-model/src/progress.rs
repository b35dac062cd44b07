//! How far an outgoing payment has come.
//! What became of its packets is in `delivery_record`.

/// The progress of a payment: the packets that were fulfilled, and the amount that their receiver reported as
/// delivered.
///
/// Packets whose outcome is not known yet are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The amount that was debited for them.
    pub debited: u64,
    /// The amount that arrived, in the receiver's asset.
    pub delivered: u64,
}
