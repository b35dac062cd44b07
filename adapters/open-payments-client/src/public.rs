//! What anybody may read: wallet addresses, their keys, and the public view of incoming payments.

use std::sync::Arc;

use clock::Clock;
use http_signatures::JwkSet;
use open_payments::{PublicIncomingPayment, WalletAddress};
use outbound_http::{Outbound, Request};

use crate::call::{Caller, append, parse_url};
use crate::error::ClientError;
use crate::retry::RetryPolicy;

/// How many redirects a public document may hide behind.
const REDIRECTS: u8 = 3;

/// Reads public documents of other institutions.
#[derive(Clone, Debug)]
pub struct PublicResources {
    pub(crate) caller: Caller,
}

impl PublicResources {
    /// Reads through `outbound`.
    pub fn new(outbound: Outbound, policy: RetryPolicy, clock: Arc<dyn Clock>) -> Self {
        Self { caller: Caller { outbound, policy, clock } }
    }

    /// The document of a wallet address.
    pub async fn wallet_address(&self, url: &str) -> Result<WalletAddress, ClientError> {
        self.caller.json(Request::get(parse_url(url)?).redirects(REDIRECTS)).await
    }

    /// The keys published at a wallet address, whose URL is taken as it is written.
    pub async fn keys(&self, wallet_address: &str) -> Result<JwkSet, ClientError> {
        self.caller.json(Request::get(append(wallet_address, "jwks.json")?).redirects(REDIRECTS)).await
    }

    /// What anybody may know about an incoming payment.
    pub async fn incoming_payment(&self, url: &str) -> Result<PublicIncomingPayment, ClientError> {
        self.caller.json(Request::get(parse_url(url)?)).await
    }
}
