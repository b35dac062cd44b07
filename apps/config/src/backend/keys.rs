//! Checks of keys that are missing or published.
//!
//! The keys are read where they are used. This file only checks them.

use crate::reader::Reader;

/// Reports keys that are missing, or that are not secret.
pub(super) fn judge_keys(r: &mut Reader<'_>) {
    for name in ["ADMIN_API_SECRET", "SIGNATURE_SECRET", "STREAM_SECRET"] {
        r.judge_secret(name);
    }
    if r.text("STREAM_SECRET").is_none() {
        let text = "is not set: payments under way do not survive a restart, and processes that share a database do \
                    not understand each other; set it to the output of `openssl rand -base64 32`";
        r.notice("STREAM_SECRET", text);
    }
    if r.text("PRIVATE_KEY_FILE").is_none() {
        let text = "is not set: other institutions see another key after every restart; make one with `openssl genpkey \
                    -algorithm ed25519 -out private-key.pem` and name the file";
        r.notice("PRIVATE_KEY_FILE", text);
    }
    if r.text("SIGNATURE_SECRET").is_none() {
        let text = "is not set: webhooks are not signed, and a wallet that checks signatures refuses them with 401; set \
                    it to the secret the wallet checks with";
        r.notice("SIGNATURE_SECRET", text);
    }
}
