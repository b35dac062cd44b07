//! The offers of the two payment methods: within a tenant's books, and over Interledger.
//!
//! Fees and limits of a quote are in `create_quote`. No money moves: the probes cannot be fulfilled.

use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use connector::{Outcome, QuoteSource, Source, Transmission};
use ilp_packet::Address;
use money::{Asset, Ratio};
use payments_model::local_delivery::{LocalQuoteRefused, quote_local};
use payments_model::quote::{IlpQuoteDetails, LARGEST_AMOUNT, MethodAmounts, MethodTarget, QuoteMethod};
use payments_model::{Receiver, TenantId, WalletAddress};
use rates::ConversionError;
use stream::SharedSecret;
use stream_pay::{Closer, Destination, NoQuote, PaymentError, Quote, QuoteTerms, Quoting, Target};

use crate::incoming::live_receivers::account_asset;
use crate::quotes::create_quote::{MethodError, MethodQuote};
use crate::service::Payments;
use crate::stream_driver::drive;
use crate::unavailable::Unavailable;

impl Payments {
    /// An offer for one movement in the ledger, at the rates of the sender's tenant.
    pub(crate) async fn quote_locally(
        &self,
        address: &WalletAddress,
        receiver: &Receiver,
        target: MethodTarget,
    ) -> Result<MethodQuote, MethodError> {
        let url = self.rates_url(address.tenant_id).await?;
        let conversion = self.0.parts.rates.conversion(url.as_ref(), &address.asset.asset, &receiver.asset).await;
        let rate = conversion.map_err(|error| conversion_error(&error))?.ratio();
        match quote_local(target, rate) {
            Ok(amounts) => Ok(MethodQuote { amounts, rate, method: QuoteMethod::Local }),
            Err(LocalQuoteRefused::NonPositive { min_send }) => Err(MethodError::NonPositive { min_send }),
            Err(LocalQuoteRefused::TooLarge) => Err(MethodError::TooLarge),
        }
    }

    /// An offer for packets through the own connector, after probing the path.
    pub(crate) async fn quote_over_ilp(
        &self,
        address: &WalletAddress,
        receiver: &Receiver,
        target: MethodTarget,
    ) -> Result<MethodQuote, MethodError> {
        let (source, destination) = (&address.asset.asset, &receiver.asset);
        let external = self.external_rate(address.tenant_id, source, destination).await?;

        let path_to = ilp_destination(receiver).map_err(|message| MethodError::Path(message.to_owned()))?;
        let connector = &self.0.parts.connector;
        if receiver.location.is_local() && !connector.has_way(address.tenant_id, path_to.address.as_ref()) {
            return Err(MethodError::TenantsNotPeered);
        }

        // If nothing is left to send, the path is probed anyway, to find the smallest amount that works.
        let asked = match target {
            MethodTarget::Send(amount) => Target::Send(amount.max(1)),
            MethodTarget::Deliver(amount) => Target::Deliver(amount),
        };
        let slippage = self.settings().slippage;
        let terms = QuoteTerms::new(asked, source, destination, Some(external), slippage).map_err(path_error)?;

        let quote = self.ask_path(address, Quoting::new(&path_to, terms)).await.map_err(no_quote)?;
        if target == MethodTarget::Send(0) {
            return Err(MethodError::NonPositive { min_send: Some(quote.max_source_amount) });
        }

        let details = IlpQuoteDetails {
            max_packet_amount: quote.max_packet_amount.min(LARGEST_AMOUNT),
            min_rate: quote.min_exchange_rate,
            low_rate: quote.rates.low(),
            high_rate: quote.rates.high(),
        };
        Ok(MethodQuote {
            amounts: MethodAmounts { debit: quote.max_source_amount, receive: quote.min_delivery_amount },
            rate: details.low_rate,
            method: QuoteMethod::Ilp(details),
        })
    }

    /// Major units of `destination` per major unit of `source`.
    async fn external_rate(&self, tenant: TenantId, source: &Asset, destination: &Asset) -> Result<Ratio, MethodError> {
        if source.code == destination.code {
            return Ok(Ratio::ONE);
        }
        let url = self.rates_url(tenant).await?;
        let major = |asset: &Asset| Asset { code: asset.code.clone(), scale: 0 };
        let conversion = self.0.parts.rates.conversion(url.as_ref(), &major(source), &major(destination)).await;
        Ok(conversion.map_err(|error| conversion_error(&error))?.ratio())
    }

    async fn ask_path(&self, address: &WalletAddress, mut quoting: Quoting) -> Result<Quote, NoQuote> {
        let asset = Arc::new(account_asset(&address.asset));
        let source = Source::Quote(QuoteSource { tenant: address.tenant_id, asset });
        let (clock, entropy) = (&*self.0.parts.clock, self.entropy());
        let send = |packet: stream_pay::OutgoingPrepare| {
            let reply = self.0.parts.connector.handle(source.clone(), Bytes::from(packet.packet), Transmission::First);
            async move { (packet.sequence, octets(reply.await)) }
        };
        let quoted = drive(&mut quoting, clock, entropy, None, send, |_, _| {}, pending()).await;
        // The payment of a quote continues with the same receiver, and closes the connection at its end. Without a quote
        // there is no payment.
        if quoted.is_err() {
            self.close_in_background(quoting.close(), source.clone());
        }
        quoted
    }

    /// Closes a STREAM connection in the background.
    pub(crate) fn close_in_background(&self, mut closer: Closer, source: Source) {
        let service = self.clone();
        tokio::spawn(async move {
            let connector = &service.0.parts.connector;
            let send = |packet: stream_pay::OutgoingPrepare| {
                let reply = connector.handle(source.clone(), Bytes::from(packet.packet), Transmission::First);
                async move { (packet.sequence, octets(reply.await)) }
            };
            drive(&mut closer, &*service.0.parts.clock, service.entropy(), None, send, |_, _| {}, pending()).await;
        });
    }
}

/// The reply to a packet without money; `None` if the packet is given up.
fn octets(outcome: Outcome) -> Option<Vec<u8>> {
    match outcome {
        Outcome::Reply(reply) => Some(reply.into()),
        Outcome::Unresolved | Outcome::Paid => None,
    }
}

/// The first Interledger payment method of a receiver.
pub(crate) fn ilp_destination(receiver: &Receiver) -> Result<Destination, &'static str> {
    let method = receiver.methods.first().ok_or("No ILP payment method found in receiver")?;
    let address: Address = method.ilp_address.parse().map_err(|_| "Invalid ILP address for ILP payment method")?;
    let secret: [u8; 32] =
        method.shared_secret.as_slice().try_into().map_err(|_| "Invalid shared secret for ILP payment method")?;
    Ok(Destination { address, shared_secret: SharedSecret::new(secret), asset: receiver.asset.clone() })
}

fn conversion_error(error: &ConversionError) -> MethodError {
    match error {
        ConversionError::MissingExchangeRatesUrl | ConversionError::CouldNotFetchRates => {
            MethodError::CouldNotFetchRates
        }
        ConversionError::InvalidDestinationPrice => {
            MethodError::Path(PaymentError::ExternalRateUnavailable.to_string())
        }
    }
}

fn no_quote(refused: NoQuote) -> MethodError {
    match refused {
        NoQuote::Path(error) => path_error(error),
        NoQuote::TooSmall { min_send_amount } => MethodError::NonPositive { min_send: min_send_amount },
    }
}

fn path_error(error: PaymentError) -> MethodError {
    match error {
        PaymentError::InvalidSourceAmount | PaymentError::InvalidDestinationAmount => MethodError::TooLarge,
        other => MethodError::Path(other.to_string()),
    }
}

impl From<payments_store::Error> for MethodError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(Unavailable::from(error))
    }
}
