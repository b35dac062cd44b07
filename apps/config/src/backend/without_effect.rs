//! Variables of Rafiki 2.4 that have no effect here, and the reason that is reported for each.

use crate::Mode;
use crate::reader::Reader;

/// Variables of the original that have no effect here, with the reason; what may not be ignored stops the start.
pub(super) fn read_without_effect(r: &mut Reader<'_>, mode: Mode) {
    let idle = [
        "OUTGOING_PAYMENT_WORKER_IDLE",
        "INCOMING_PAYMENT_WORKER_IDLE",
        "WALLET_ADDRESS_WORKER_IDLE",
        "WEBHOOK_WORKER_IDLE",
    ];
    r.no_effect(&idle, "workers are woken when there is work, and do not look for it at an interval");
    let holds = "a hold lasts as long as its packet may be on its way, which no setting may shorten";
    r.no_effect(&["TIGERBEETLE_TWO_PHASE_TIMEOUT_SECONDS"], holds);
    r.url("POS_SERVICE_URL");
    r.no_effect(&["POS_SERVICE_URL"], "nothing asks the point-of-sale service; the original only reads it, too");
    if mode == Mode::Test {
        r.notice("NODE_ENV", "is test: no worker runs; the Admin API asks for signatures all the same");
    }
}
