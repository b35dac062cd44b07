//! Incoming payments at other institutions, read and changed with a token and a signature.
//!
//! It does not get the grants for this: see `grants`.

use std::sync::Arc;

use http_signatures::Signer;
use open_payments::{CreateIncomingPayment, IncomingPayment, WalletAddress};
use outbound_http::Request;

use crate::call::{append, parse_url, post_once, resource_server};
use crate::error::ClientError;
use crate::public::PublicResources;

/// Calls other institutions with this instance's own client identity.
#[derive(Clone, Debug)]
pub struct OpenPaymentsClient {
    pub(crate) public: PublicResources,
    pub(crate) identity: Arc<str>,
    pub(crate) signer: Arc<Signer>,
}

impl OpenPaymentsClient {
    /// Makes a client with the identity `wallet_address`. The signer's key is published at its `jwks.json`.
    pub fn new(public: PublicResources, wallet_address: &str, signer: Arc<Signer>) -> Self {
        Self { public, identity: wallet_address.into(), signer }
    }

    /// The client for reads without a token.
    pub fn public(&self) -> &PublicResources {
        &self.public
    }

    /// The wallet address that is this instance's identity.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Creates an incoming payment at the resource server of `wallet_address`.
    ///
    /// An answer with a received amount, or with a completed payment, is refused. Requests with the same `key` make one
    /// payment at servers that support the header `Idempotency-Key`.
    pub async fn create_incoming_payment(
        &self,
        wallet_address: &WalletAddress,
        request: &CreateIncomingPayment,
        key: Option<&str>,
        token: &str,
    ) -> Result<IncomingPayment, ClientError> {
        let url = append(&resource_server(wallet_address)?, "incoming-payments")?;
        let created = self.authorized(post_once(url.clone(), request, key)?, token).await?;
        if created.completed || created.received_amount.value != 0 {
            return Err(ClientError::unusable(url.as_str(), "a new incoming payment has already received something"));
        }
        Ok(created)
    }

    /// Reads an incoming payment with the ways to pay it.
    pub async fn incoming_payment(&self, url: &str, token: &str) -> Result<IncomingPayment, ClientError> {
        self.authorized(Request::get(parse_url(url)?), token).await
    }

    /// Completes an incoming payment: no more money will be paid.
    pub async fn complete_incoming_payment(&self, url: &str, token: &str) -> Result<IncomingPayment, ClientError> {
        let completed = self.authorized(Request::post(append(url, "complete")?), token).await?;
        if completed.completed {
            Ok(completed)
        } else {
            Err(ClientError::unusable(url, "the payment is not completed"))
        }
    }

    async fn authorized(&self, request: Request, token: &str) -> Result<IncomingPayment, ClientError> {
        let url = request.url.to_string();
        let request = request.authorization(&format!("GNAP {token}")).signed(self.signer.clone());
        let payment: IncomingPayment = self.public.caller.json(request).await?;
        match &payment.incoming_amount {
            Some(expected) if expected.asset() != payment.received_amount.asset() => {
                Err(ClientError::unusable(&url, "incomingAmount and receivedAmount are of different assets"))
            }
            _ => Ok(payment),
        }
    }
}
