//! Variables of Rafiki 2.4 that have no effect here, and the reason that is reported for each.
//! Variables that no role knows are found in `spelling`.

use crate::Mode;
use crate::reader::Reader;

/// Variables of the original that have no effect here, with the reason. If a variable must not be ignored, the start is
/// refused.
pub(super) fn read_without_effect(r: &mut Reader<'_>, mode: Mode) {
    let idle = [
        "OUTGOING_PAYMENT_WORKER_IDLE",
        "INCOMING_PAYMENT_WORKER_IDLE",
        "WALLET_ADDRESS_WORKER_IDLE",
        "WEBHOOK_WORKER_IDLE",
    ];
    r.no_effect(&idle, "workers are notified of work, and do not poll for it");
    let holds = "a hold lasts as long as its packet may be under way; no setting may shorten this";
    r.no_effect(&["TIGERBEETLE_TWO_PHASE_TIMEOUT_SECONDS"], holds);
    r.url("POS_SERVICE_URL");
    r.no_effect(
        &["POS_SERVICE_URL"],
        "nothing calls the point-of-sale service; the original reads this variable and does not use it, either",
    );
    if mode == Mode::Test {
        r.notice("NODE_ENV", "is test: no worker runs; the Admin API still requires signatures");
    }
}
