//! The targets by name. A target panics if a check fails.
//! Their input is made in `material`.

mod operations;
mod packet;
mod signature_input;
mod stream_data;

use crate::material::Material;

/// One case of a target.
pub(crate) type Target = fn(&mut Material);

pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("packet", packet::packet),
    ("frames", stream_data::frames),
    ("encrypted-packet", stream_data::encrypted_packet),
    ("address-token", stream_data::address_token),
    ("signature-input", signature_input::signature_input),
    ("operations", operations::operations),
];
