//! The receiver of a payment: the URL of an incoming payment, and what is known of it once resolved.
//!
//! Not the resolution: that asks the database or another server.

use std::fmt;

use clock::Timestamp;
use money::Asset;
use url::Url;
use uuid::Uuid;
use web_url::WebUrl;

use crate::incoming_payment::Metadata;
use crate::quote::ReceiverAmounts;
use crate::{IncomingPaymentId, TenantId};

const COLLECTION: &str = "incoming-payments";

/// Where an incoming payment lives, read from its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverLocation {
    /// In this instance.
    Local {
        /// The tenant the URL names; older URLs name none.
        tenant: Option<TenantId>,
        /// Its id.
        id: IncomingPaymentId,
    },
    /// At another resource server.
    Remote(WebUrl),
}

/// The URL cannot name an incoming payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a receiver is the URL of an incoming payment: https://{{host}}/{{path}}/incoming-payments/{{uuid}}")]
pub struct InvalidReceiverUrl;

impl ReceiverLocation {
    /// Reads `receiver`, however it is spelled. It is local if it lies at this server below the path of
    /// `open_payments_url`, where letter case does not matter, as in the routes of the listener.
    ///
    /// The scheme is not compared: development serves `https` identifiers over plain `http`.
    pub fn parse(receiver: &str, open_payments_url: &Url) -> Result<Self, InvalidReceiverUrl> {
        let url: WebUrl = receiver.parse().map_err(|_| InvalidReceiverUrl)?;
        let own = WebUrl::try_from(open_payments_url).map_err(|_| InvalidReceiverUrl)?;
        let segments: Vec<&str> = url.segments().collect();
        if let Some(below) = segments_below(&url, &segments, &own) {
            return match below {
                [collection, id] => Ok(Self::Local { tenant: None, id: incoming_payment(collection, id)? }),
                [tenant, collection, id] => {
                    let tenant = hyphenated(tenant).ok_or(InvalidReceiverUrl)?;
                    Ok(Self::Local { tenant: Some(tenant.into()), id: incoming_payment(collection, id)? })
                }
                _ => Err(InvalidReceiverUrl),
            };
        }
        match segments.as_slice() {
            [.., collection, id] => incoming_payment(collection, id).map(|_| Self::Remote(url)),
            _ => Err(InvalidReceiverUrl),
        }
    }

    /// Whether it is in this instance and in the books of `tenant`.
    pub fn is_of(&self, owner: TenantId) -> bool {
        matches!(self, Self::Local { tenant: Some(tenant), .. } if *tenant == owner)
    }

    /// Whether it is in this instance.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local { .. })
    }
}

/// The segments of `url` below the path of `own`, if it is at its server and below it.
fn segments_below<'s, 'u>(url: &WebUrl, segments: &'s [&'u str], own: &WebUrl) -> Option<&'s [&'u str]> {
    let base: Vec<&str> = own.segments().collect();
    let (start, below) = segments.split_at_checked(base.len())?;
    let within = start.iter().zip(base).all(|(segment, own)| segment.eq_ignore_ascii_case(own));
    (within && url.is_at_server_of(own)).then_some(below)
}

fn incoming_payment(collection: &str, id: &str) -> Result<IncomingPaymentId, InvalidReceiverUrl> {
    let id = hyphenated(id).filter(|_| collection.eq_ignore_ascii_case(COLLECTION));
    id.map(Into::into).ok_or(InvalidReceiverUrl)
}

fn hyphenated(segment: &str) -> Option<Uuid> {
    (segment.len() == 36).then(|| Uuid::try_parse(segment).ok()).flatten()
}

/// A way to pay an incoming payment over Interledger, as its server gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct IlpMethod {
    /// The address, not yet validated.
    pub ilp_address: String,
    /// The shared secret of the STREAM connection.
    pub shared_secret: Vec<u8>,
}

impl fmt::Debug for IlpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IlpMethod").field("ilp_address", &self.ilp_address).finish_non_exhaustive()
    }
}

/// A resolved incoming payment, here or elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Its URL, as its server names it.
    pub url: String,
    /// Where it lives.
    pub location: ReceiverLocation,
    /// The wallet address it pays into.
    pub wallet_address_url: String,
    /// Its asset.
    pub asset: Asset,
    /// What it expects in all, if it said so.
    pub incoming_amount: Option<u64>,
    /// What it has received.
    pub received_amount: u64,
    /// Whether it is completed.
    pub completed: bool,
    /// Until when it can be paid, if it said so.
    pub expires_at: Option<Timestamp>,
    /// What its creator attached.
    pub metadata: Option<Metadata>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The ways to pay it over Interledger, first choice first.
    pub methods: Vec<IlpMethod>,
}

impl Receiver {
    /// Whether it can be paid: not completed, not past its expiry, with a way to pay it.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.completed && !self.is_past_expiry(now) && !self.methods.is_empty()
    }

    /// Whether its time is over.
    pub(crate) fn is_past_expiry(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// The amounts quotes and payments are checked against.
    pub fn amounts(&self) -> ReceiverAmounts {
        ReceiverAmounts {
            incoming_amount: self.incoming_amount,
            received_amount: money::AssetAmount { value: self.received_amount, asset: self.asset.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "a1b2c3d4-0000-4000-8000-000000000001";
    const TENANT: &str = "a1b2c3d4-0000-4000-8000-0000000000aa";

    fn parse(receiver: &str, base: &str) -> Result<ReceiverLocation, InvalidReceiverUrl> {
        ReceiverLocation::parse(receiver, &Url::parse(base).unwrap())
    }

    fn local(tenant: Option<&str>) -> ReceiverLocation {
        ReceiverLocation::Local { tenant: tenant.map(|t| t.parse().unwrap()), id: ID.parse().unwrap() }
    }

    #[test]
    fn a_url_under_the_own_base_is_local_with_or_without_tenant() {
        for base in ["https://op.example", "https://op.example/", "http://op.example"] {
            assert_eq!(
                parse(&format!("https://op.example/{TENANT}/incoming-payments/{ID}"), base),
                Ok(local(Some(TENANT)))
            );
            assert_eq!(parse(&format!("https://op.example/incoming-payments/{ID}"), base), Ok(local(None)));
        }
        let nested = format!("https://op.example/api/{TENANT}/incoming-payments/{ID}");
        assert_eq!(parse(&nested, "https://op.example/api/"), Ok(local(Some(TENANT))));
        let dev = format!("https://localhost:3000/{TENANT}/incoming-payments/{ID}");
        assert_eq!(parse(&dev, "http://localhost:3000"), Ok(local(Some(TENANT))));
    }

    #[test]
    fn an_own_payment_is_known_in_every_spelling() {
        let upper = ID.to_uppercase();
        for (receiver, base) in [
            (format!("HTTPS://OP.example:443/API/{TENANT}/Incoming-Payments/{upper}/"), "https://op.example/api"),
            (format!("https://op.example./api/./x/../{TENANT}/incoming%2Dpayments/{ID}"), "https://op.example/api/"),
            (format!("http://127.0.0.1:3000/{TENANT}/incoming-payments/{ID}"), "http://localhost:3000"),
            (format!("http://[::1]:3000/{TENANT}/incoming-payments/{ID}"), "http://localhost:3000"),
            (format!("http://0x7f.1:3000/{TENANT}/incoming-payments/{ID}"), "http://127.0.0.1:3000"),
        ] {
            assert_eq!(parse(&receiver, base), Ok(local(Some(TENANT))), "{receiver}");
        }
    }

    #[test]
    fn a_local_id_at_a_foreign_host_port_or_path_is_not_local() {
        for (receiver, base) in [
            (format!("https://anything.example/incoming-payments/{ID}"), "https://op.example"),
            (format!("https://localhost:4000/incoming-payments/{ID}"), "http://localhost:3000"),
            (format!("https://op.example/other/incoming-payments/{ID}"), "https://op.example/api"),
        ] {
            assert!(matches!(parse(&receiver, base), Ok(ReceiverLocation::Remote(_))), "{receiver}");
        }
    }

    #[test]
    fn what_names_no_incoming_payment_is_refused() {
        for receiver in [
            "",
            "op.example",
            "https://op.example/incoming-payments/",
            "https://op.example/incoming-payments/a1b2c3d4000040008000000000000001",
            "https://op.example/incoming-payments/zzzzzzzz-0000-4000-8000-000000000001",
            &format!("ftp://op.example/incoming-payments/{ID}"),
            &format!("https://user:pass@op.example/incoming-payments/{ID}"),
            &format!("https://op.example/incoming-payments/{ID}?x=1"),
            &format!("https://op.example/outgoing-payments/{ID}"),
            &format!("https://op.example/xincoming-payments/{ID}"),
            &format!("https://op.example/not-a-tenant/incoming-payments/{ID}"),
        ] {
            assert_eq!(parse(receiver, "https://op.example"), Err(InvalidReceiverUrl), "{receiver}");
        }
    }
}
