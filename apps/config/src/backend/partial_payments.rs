//! Money that comes with data from its sender, and how such data is stored.

use std::time::Duration;

use crate::reader::Reader;

/// How data that goes with payments is dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialPayments {
    /// `ENABLE_PARTIAL_PAYMENT_DECISION`: money that carries data is taken only once the account-servicing entity says so.
    pub decision_enabled: bool,
    /// `PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS`: how long a packet waits for that at the longest.
    pub max_wait: Duration,
    /// `PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS`: how much earlier than its expiry a packet stops waiting.
    pub safety_margin: Duration,
    /// `DB_ENCRYPTION_SECRET`: base64 of the 32 octets with which data of senders and for receivers is encrypted where it
    /// is stored; unset stores it as it is.
    pub encryption_key: Option<[u8; 32]>,
    /// `DB_ENCRYPTION_FORMER_SECRETS`: keys before that, so that what they encrypted can still be read; separated by
    /// commas.
    pub former_encryption_keys: Vec<[u8; 32]>,
}

impl PartialPayments {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        Self {
            decision_enabled: r.flag("ENABLE_PARTIAL_PAYMENT_DECISION", false),
            max_wait: r.millis("PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS", 1_500),
            safety_margin: r.millis("PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS", 100),
            encryption_key: r.key32("DB_ENCRYPTION_SECRET"),
            former_encryption_keys: r.keys32("DB_ENCRYPTION_FORMER_SECRETS"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn keys_that_were_changed_are_still_read() {
        let environment = Environment::of([
            ("DB_ENCRYPTION_SECRET", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="),
            (
                "DB_ENCRYPTION_FORMER_SECRETS",
                "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=, CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=",
            ),
        ]);
        let mut reader = Reader::new(&environment);
        let read = PartialPayments::read(&mut reader);
        assert_eq!((read.encryption_key, read.former_encryption_keys), (Some([7; 32]), vec![[8; 32], [9; 32]]));
        assert!(!read.decision_enabled);
        assert_eq!((read.max_wait, read.safety_margin), (Duration::from_millis(1500), Duration::from_millis(100)));
    }

    #[test]
    fn a_former_key_that_is_none_is_reported() {
        let environment = Environment::of([("DB_ENCRYPTION_FORMER_SECRETS", "BwcH")]);
        let mut reader = Reader::new(&environment);
        let read = PartialPayments::read(&mut reader);
        let refused = reader.finish(Some(read)).unwrap_err().to_string();
        assert!(refused.contains("DB_ENCRYPTION_FORMER_SECRETS") && refused.contains("32 octets"), "{refused}");
    }
}
