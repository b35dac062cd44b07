//! Quotes and payments, and the rates they use.
//! The ledger is in `accounting`.

use std::time::Duration;

use stream_pay::Slippage;
use url::Url;

use crate::reader::{ByDefault, Reader};

/// Quotes, payments and the rates they use.
#[derive(Clone, Debug)]
pub struct Payments {
    /// `EXCHANGE_RATES_URL`: the service of exchange rates. If it is unset, only payments within one asset code are
    /// possible.
    pub exchange_rates_url: Option<Url>,
    /// `EXCHANGE_RATES_LIFETIME`: how long a rate is used before it is fetched again.
    pub exchange_rates_lifetime: Duration,
    /// `SLIPPAGE`: the share of the rate that a path may take, 0 to 1. By default 0.01.
    pub slippage: Slippage,
    /// `QUOTE_LIFESPAN`: how long a quote is valid.
    pub quote_lifespan: Duration,
    /// `INCOMING_PAYMENT_EXPIRY_MAX_MS`: the longest lifetime of an incoming payment, and the lifetime if the request
    /// states none.
    pub incoming_payment_expiry_max: Duration,
    /// `MAX_OUTGOING_PAYMENT_RETRY_ATTEMPTS`: how many attempts an outgoing payment has.
    pub outgoing_payment_attempts_max: u32,
    /// `OUTGOING_PAYMENT_GRANT_CHECK_MS`: how often the authorization server is asked, while a payment of a client is being
    /// sent, whether its grant still stands. If it was ended, no more is sent. 0 asks never, and payments that were begun
    /// are finished.
    pub grant_check: Option<Duration>,
    /// `POLL_INCOMING_PAYMENT_CREATED_WEBHOOK`: whether incoming payments wait for the operator's decision.
    pub incoming_approval: Option<IncomingApproval>,
    /// `WITHDRAWAL_THROTTLE_DELAY`: how long money paid straight to a wallet address is collected.
    pub web_monetization_delay: Option<Duration>,
}

/// Incoming payments wait for the operator's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingApproval {
    /// `INCOMING_PAYMENT_CREATED_POLL_TIMEOUT_MS`: how long a new incoming payment waits for that decision.
    pub timeout: Duration,
    /// `INCOMING_PAYMENT_CREATED_POLL_FREQUENCY_MS`: how often the database is asked, in case a notification is lost.
    pub interval: Duration,
}

impl Payments {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        // One hundredth, as the reference.
        let usual: Option<Slippage> = "0.01".parse().ok();
        let approval = IncomingApproval {
            timeout: r.millis("INCOMING_PAYMENT_CREATED_POLL_TIMEOUT_MS", 10_000),
            interval: r.millis("INCOMING_PAYMENT_CREATED_POLL_FREQUENCY_MS", 1_000),
        };
        Self {
            exchange_rates_url: r.url("EXCHANGE_RATES_URL"),
            exchange_rates_lifetime: r.millis("EXCHANGE_RATES_LIFETIME", 15_000),
            slippage: r.parsed("SLIPPAGE").or(usual).unwrap_or(Slippage::NONE),
            quote_lifespan: r.millis("QUOTE_LIFESPAN", 300_000),
            incoming_payment_expiry_max: r.millis("INCOMING_PAYMENT_EXPIRY_MAX_MS", 2_592_000_000),
            outgoing_payment_attempts_max: r.number("MAX_OUTGOING_PAYMENT_RETRY_ATTEMPTS", 5, 1..=1_000),
            grant_check: Some(r.millis("OUTGOING_PAYMENT_GRANT_CHECK_MS", 0)).filter(|every| !every.is_zero()),
            incoming_approval: r.flag("POLL_INCOMING_PAYMENT_CREATED_WEBHOOK", ByDefault::Off).then_some(approval),
            web_monetization_delay: Some(r.millis("WITHDRAWAL_THROTTLE_DELAY", 0)).filter(|delay| !delay.is_zero()),
        }
    }
}
