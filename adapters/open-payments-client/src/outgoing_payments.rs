//! Quotes and outgoing payments at the payer's institution, with a token and a signature.
//!
//! It does not get the grants for this: see `grants` and `consents`.

use open_payments::{CreateQuote, Metadata, OutgoingPayment, Quote, QuoteAmount, WalletAddress};
use outbound_http::Request;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::call::{append, parse_url, post_once, resource_server};
use crate::error::ClientError;
use crate::incoming_payments::OpenPaymentsClient;

impl OpenPaymentsClient {
    /// Asks what a payment from `payer` would cost. An answer about another payment is refused.
    pub async fn create_quote(
        &self,
        payer: &WalletAddress,
        wanted: &CreateQuote,
        token: &str,
    ) -> Result<Quote, ClientError> {
        let mut body = json!({"walletAddress": wanted.wallet_address, "receiver": wanted.receiver, "method": "ilp"});
        match &wanted.amount {
            QuoteAmount::Receiver => {}
            QuoteAmount::Debit(amount) => body["debitAmount"] = json!(amount),
            QuoteAmount::Receive(amount) => body["receiveAmount"] = json!(amount),
        }
        let quote: Quote = self.post(payer, "quotes", &body, None, token).await?;
        if quote.receiver == wanted.receiver {
            Ok(quote)
        } else {
            Err(ClientError::unusable(&quote.id, "the quote is for another receiver"))
        }
    }

    /// Pays what was quoted. Requests with the same `key` make one payment.
    pub async fn create_outgoing_payment(
        &self,
        payer: &WalletAddress,
        quote: &str,
        metadata: &Metadata,
        key: &str,
        token: &str,
    ) -> Result<OutgoingPayment, ClientError> {
        let body = json!({"walletAddress": payer.id, "quoteId": quote, "metadata": metadata});
        self.post(payer, "outgoing-payments", &body, Some(key), token).await
    }

    /// Reads an outgoing payment.
    pub async fn outgoing_payment(&self, url: &str, token: &str) -> Result<OutgoingPayment, ClientError> {
        let call = Request::get(parse_url(url)?).authorization(&format!("GNAP {token}"));
        self.public.caller.json(call.signed(self.signer.clone())).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        payer: &WalletAddress,
        kind: &str,
        body: &Value,
        key: Option<&str>,
        token: &str,
    ) -> Result<T, ClientError> {
        let url = append(&resource_server(payer)?, kind)?;
        let call = post_once(url, body, key)?;
        let call = call.authorization(&format!("GNAP {token}"));
        self.public.caller.json(call.signed(self.signer.clone())).await
    }
}
