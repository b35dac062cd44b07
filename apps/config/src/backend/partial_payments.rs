//! The decisions about money that comes with data, and the encryption of such data in the database.
//!
//! It does not make the keys' ids: see the crate `sealed-text`.

use std::fmt;
use std::time::Duration;

use crate::reader::{ByDefault, Reader};

/// The settings for data that payments carry.
#[derive(Clone, PartialEq, Eq)]
pub struct PartialPayments {
    /// `ENABLE_PARTIAL_PAYMENT_DECISION`: money with data is accepted only after the account-servicing entity confirms it.
    pub decision_enabled: bool,
    /// `PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS`: the longest time that a packet waits for the decision.
    pub max_wait: Duration,
    /// `PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS`: how long before its expiry a packet stops waiting.
    pub safety_margin: Duration,
    /// `DB_ENCRYPTION_SECRET`: base64 of 32 octets, the key with which such data, and the private keys used with peers, are
    /// encrypted in the database. Without it, such data is stored in clear, and no private key is accepted.
    pub encryption_key: Option<[u8; 32]>,
    /// `DB_ENCRYPTION_FORMER_SECRETS`: earlier keys, separated by commas. They decrypt what they encrypted and encrypt
    /// nothing.
    pub former_encryption_keys: Vec<[u8; 32]>,
}

impl PartialPayments {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        Self {
            decision_enabled: r.flag("ENABLE_PARTIAL_PAYMENT_DECISION", ByDefault::Off),
            max_wait: r.millis("PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS", 1_500),
            safety_margin: r.millis("PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS", 100),
            encryption_key: r.key32("DB_ENCRYPTION_SECRET"),
            former_encryption_keys: r.keys32("DB_ENCRYPTION_FORMER_SECRETS"),
        }
    }
}

impl fmt::Debug for PartialPayments {
    /// Shows how many keys there are, but no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialPayments")
            .field("decision_enabled", &self.decision_enabled)
            .field("max_wait", &self.max_wait)
            .field("safety_margin", &self.safety_margin)
            .field("encrypts", &self.encryption_key.is_some())
            .field("former_keys", &self.former_encryption_keys.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn former_keys_are_read_beside_the_present_one() {
        let environment = Environment::of([
            ("DB_ENCRYPTION_SECRET", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="),
            (
                "DB_ENCRYPTION_FORMER_SECRETS",
                "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=, CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=",
            ),
        ]);
        let mut reader = Reader::new(&environment);
        let read = PartialPayments::read(&mut reader);
        assert_eq!(read.encryption_key, Some([7; 32]));
        assert_eq!(read.former_encryption_keys, [[8; 32], [9; 32]]);
        assert!(!read.decision_enabled);
        assert!(!format!("{read:?}").contains("7, 7"), "{read:?}");
        assert_eq!((read.max_wait, read.safety_margin), (Duration::from_millis(1500), Duration::from_millis(100)));
    }

    #[test]
    fn a_former_key_of_the_wrong_length_is_reported() {
        let environment = Environment::of([("DB_ENCRYPTION_FORMER_SECRETS", "BwcH")]);
        let mut reader = Reader::new(&environment);
        let read = PartialPayments::read(&mut reader);
        let refused = reader.finish(Some(read)).unwrap_err().to_string();
        assert!(refused.contains("DB_ENCRYPTION_FORMER_SECRETS") && refused.contains("32 octets"), "{refused}");
    }
}
