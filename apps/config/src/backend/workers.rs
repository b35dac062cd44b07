//! How many jobs a process works on at once.
//! Pools of database connections are in `database_url`.

use crate::Mode;
use crate::reader::Reader;

/// How many jobs run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// `OUTGOING_PAYMENT_WORKERS`: how many outgoing payments this process sends at the same time; with 0 other
    /// processes send them.
    pub outgoing_payments: u16,
    /// `INCOMING_PAYMENT_WORKERS`: the same for ends of incoming payments.
    pub incoming_payments: u16,
    /// `WALLET_ADDRESS_WORKERS`: the same for money paid straight to wallet addresses.
    pub wallet_addresses: u16,
    /// `WEBHOOK_WORKERS`: the same for deliveries of events.
    pub webhooks: u16,
}

impl Workers {
    pub(crate) const NONE: Self = Self { outgoing_payments: 0, incoming_payments: 0, wallet_addresses: 0, webhooks: 0 };

    pub(crate) fn read(r: &mut Reader<'_>, mode: Mode) -> Self {
        let workers = Self {
            outgoing_payments: r.number("OUTGOING_PAYMENT_WORKERS", 1, 0..=256),
            incoming_payments: r.number("INCOMING_PAYMENT_WORKERS", 1, 0..=256),
            wallet_addresses: r.number("WALLET_ADDRESS_WORKERS", 1, 0..=256),
            webhooks: r.number("WEBHOOK_WORKERS", 1, 0..=256),
        };
        // In test mode no worker runs unless the test asks for it.
        if mode == Mode::Test { Self::NONE } else { workers }
    }
}
