//! Which points of sale may ask: those whose institution signs (RFC 9421).
//!
//! The key is found at the institution of the incoming payment, so a point of sale speaks for its own payees only.

use std::sync::Arc;

use clock::Timestamp;
use http_kit::SignedMessage;
use http_signatures::{Freshness, TargetOrigin};
use open_payments_client::KeySets;

use crate::wire::PaymentRequest;

/// Who may ask.
#[derive(Clone, Debug)]
pub enum Callers {
    /// Who signs with a key of the institution of the incoming payment.
    Signed(PointOfSaleKeys),
    /// Anybody, as with the original. A signature that is there must be right all the same.
    Anybody(PointOfSaleKeys),
}

/// How signatures are judged.
#[derive(Clone, Debug)]
pub struct PointOfSaleKeys {
    /// Finds keys.
    pub keys: Arc<KeySets>,
    /// How old a signature may be.
    pub freshness: Freshness,
    /// Where scheme and host of signed URLs come from.
    pub origin: TargetOrigin,
}

/// Why a caller is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBelieved {
    #[error(
        "sign the request with the key of the institution of the incoming payment (RFC 9421), \
             or set CARD_UNSIGNED_REQUESTS=believed at the card service"
    )]
    Unsigned,
    #[error("the signature names no key (keyid)")]
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

    /// Whether whoever sent `message` may ask for `request`.
    pub(crate) async fn check(
        &self,
        message: &SignedMessage,
        request: &PaymentRequest,
        now: Timestamp,
    ) -> Result<(), NotBelieved> {
        let keys = match (self, message.has_signature()) {
            (Self::Anybody(_), false) => return Ok(()),
            (Self::Signed(_), false) => return Err(NotBelieved::Unsigned),
            (Self::Signed(keys) | Self::Anybody(keys), true) => keys,
        };
        let checked = message.check()?;
        let key_id = checked.key_id().ok_or(NotBelieved::NoKeyId)?;
        let institution = request.payee_institution().ok_or(NotBelieved::NoInstitution)?;
        let key = keys.keys.find(&institution, key_id).await?;
        checked.verify(&key, keys.freshness, now)?;
        Ok(())
    }
}
