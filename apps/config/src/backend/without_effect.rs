//! Variables of Rafiki 2.4 that have no effect here, and the reason that is reported for each.
//! Variables that no role knows are found in `spelling`.

use crate::Mode;
use crate::reader::{ByDefault, Reader};

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

    r.key32("DB_ENCRYPTION_SECRET");
    r.millis("PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS", 1_500);
    r.millis("PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS", 100);
    let times = ["PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS", "PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS"];
    r.no_effect(&times, "nobody is asked about partial payments yet");
    let decides = r.flag("ENABLE_PARTIAL_PAYMENT_DECISION", ByDefault::Off);
    let encrypts = r.text("DB_ENCRYPTION_SECRET").is_some();
    not_to_be_ignored(
        r,
        mode,
        ("DB_ENCRYPTION_SECRET", encrypts),
        "data to transmit is stored as it is, not encrypted; remove the variable to accept that",
    );
    not_to_be_ignored(
        r,
        mode,
        ("ENABLE_PARTIAL_PAYMENT_DECISION", decides),
        "partial payments are taken without asking anybody; switch it off to accept that",
    );
}

/// If it were ignored, protection would be lost, or money would move against the operator's will. Development reports
/// it, and production does not start.
fn not_to_be_ignored(r: &mut Reader<'_>, mode: Mode, (name, is_on): (&str, bool), why: &str) {
    match mode {
        _ if !is_on => {}
        Mode::Production | Mode::Autopeer => r.problem(name, format!("has no effect yet: {why}")),
        Mode::Development | Mode::Test => r.notice(name, format!("has no effect yet: {why}")),
    }
}
