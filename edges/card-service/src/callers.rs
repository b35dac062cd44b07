//! The points of sale that may send requests: those with a signature of their institution (RFC 9421).
//!
//! The key comes from the institution of the incoming payment. So a point of sale can ask only for its own payees.

use std::sync::Arc;

use clock::Timestamp;
use http_kit::SignedMessage;
use http_signatures::{Freshness, TargetOrigin};
use open_payments_client::KeySets;

use crate::wire::PaymentRequest;

/// Which callers are accepted.
#[derive(Clone, Debug)]
pub enum Callers {
    /// Callers that sign with a key of the institution of the incoming payment.
    Signed(PointOfSaleKeys),
    /// All callers, as in the original. A signature that is present must still be valid.
    Anybody(PointOfSaleKeys),
}

/// How signatures are verified.
#[derive(Clone, Debug)]
pub struct PointOfSaleKeys {
    /// The key sets of other institutions.
    pub keys: Arc<KeySets>,
    /// The greatest age of a signature.
    pub freshness: Freshness,
    /// The scheme and host of signed URLs.
    pub origin: TargetOrigin,
}

/// Why a caller is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBelieved {
    #[error(
        "sign the request with the key of the institution of the incoming payment (RFC 9421), \
             or set CARD_UNSIGNED_REQUESTS=believed at the card service"
    )]
    Unsigned,
    #[error("the signature does not name a key (keyid)")]
    NoKeyId,
    #[error("incomingPaymentUrl does not end in /<tenant>/incoming-payments/<id>, so no key can be found for it")]
    NoInstitution,
    #[error(transparent)]
    Key(#[from] open_payments_client::KeyLookupError),
    #[error(transparent)]
    Headers(#[from] http_signatures::HeaderError),
    #[error(transparent)]
    Signature(#[from] http_signatures::VerifyError),
}

impl Callers {
    pub(crate) fn origin(&self) -> &TargetOrigin {
        let (Self::Signed(keys) | Self::Anybody(keys)) = self;
        &keys.origin
    }

    /// Refuses a message without a signature if one is needed.
    pub(crate) fn demand_signature(&self, message: &SignedMessage) -> Result<(), NotBelieved> {
        match self {
            Self::Signed(_) if !message.has_signature() => Err(NotBelieved::Unsigned),
            Self::Signed(_) | Self::Anybody(_) => Ok(()),
        }
    }

    /// Checks that the sender of `message` may send `request`.
    pub(crate) async fn check(
        &self,
        message: &SignedMessage,
        request: &PaymentRequest,
        now: Timestamp,
    ) -> Result<(), NotBelieved> {
        self.demand_signature(message)?;
        if !message.has_signature() {
            return Ok(());
        }
        let (Self::Signed(keys) | Self::Anybody(keys)) = self;
        let checked = message.check()?;
        let key_id = checked.key_id().ok_or(NotBelieved::NoKeyId)?;
        let institution = request.payee_institution().ok_or(NotBelieved::NoInstitution)?;
        let key = keys.keys.find(&institution, key_id).await?;
        checked.verify(&key, keys.freshness, now)?;
        Ok(())
    }
}
