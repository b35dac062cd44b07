//! How much is logged.
//! Where numbers and traces are sent is in `backend/telemetry`.

use crate::reader::Reader;

/// `LOG_LEVEL` in the reference's words.
pub(crate) fn read_log_level(r: &mut Reader<'_>) -> String {
    let choices = [
        ("trace", "trace"),
        ("debug", "debug"),
        ("info", "info"),
        ("warn", "warn"),
        ("error", "error"),
        ("fatal", "error"),
        ("silent", "off"),
    ];
    r.one_of("LOG_LEVEL", "info", &choices).to_owned()
}
