//! Settings of the payments service.
//! The variables behind them are in `apps/config`.

use std::time::Duration;

use ilp_packet::Address;
use payments_model::TenantId;
use payments_model::incoming_payment::Approval;
use stream::ReceiverSecret;
use stream_pay::Slippage;
use url::Url;

/// Settings of payments.
#[derive(Clone)]
pub struct PaymentsSettings {
    /// `OPEN_PAYMENTS_URL`: the base of the URLs of own resources.
    pub open_payments_url: Url,
    /// `OPERATOR_TENANT_ID`.
    pub operator_tenant: TenantId,
    /// `ILP_ADDRESS`: the operator's address; other tenants have their own setting.
    pub operator_ilp_address: Address,
    /// `STREAM_SECRET`.
    pub stream_secret: ReceiverSecret,
    /// `EXCHANGE_RATES_URL`, for tenants without their own.
    pub exchange_rates_url: Option<Url>,
    /// `SLIPPAGE`.
    pub slippage: Slippage,
    /// `QUOTE_LIFESPAN`.
    pub quote_lifespan: Duration,
    /// `INCOMING_PAYMENT_EXPIRY_MAX_MS`.
    pub incoming_payment_expiry_max: Duration,
    /// `MAX_OUTGOING_PAYMENT_RETRY_ATTEMPTS`: attempts in all.
    pub outgoing_attempts_max: u32,
    /// How much this process does at the same time.
    pub at_once: AtOnce,
    /// `POLL_INCOMING_PAYMENT_CREATED_WEBHOOK` and the settings that belong to it.
    pub incoming_approval: Option<IncomingApproval>,
}

/// Incoming payments wait for the approval of the account-servicing entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingApproval {
    /// The longest wait.
    pub timeout: Duration,
    /// How often the decision is read, in case a wake-up was lost.
    pub interval: Duration,
}

/// How many jobs of each kind a process does at the same time; 0 leaves them to other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOnce {
    /// Outgoing payments that are sent.
    pub outgoing_payments: usize,
    /// Incoming payments that end.
    pub incoming_payments: usize,
    /// Wallet addresses whose money is announced.
    pub wallet_addresses: usize,
}

impl AtOnce {
    /// `OUTGOING_PAYMENT_WORKERS`, `INCOMING_PAYMENT_WORKERS` and `WALLET_ADDRESS_WORKERS`. The reference counts loops
    /// of one job each. Here one worker does many jobs at the same time.
    pub fn of_workers(outgoing_payments: u16, incoming_payments: u16, wallet_addresses: u16) -> Self {
        Self {
            outgoing_payments: usize::from(outgoing_payments) * 64,
            incoming_payments: usize::from(incoming_payments) * 4,
            wallet_addresses: usize::from(wallet_addresses) * 4,
        }
    }
}

impl PaymentsSettings {
    /// The defaults of the reference.
    pub fn new(
        open_payments_url: Url,
        operator_tenant: TenantId,
        operator_ilp_address: Address,
        stream_secret: ReceiverSecret,
        slippage: Slippage,
    ) -> Self {
        Self {
            open_payments_url,
            operator_tenant,
            operator_ilp_address,
            stream_secret,
            exchange_rates_url: None,
            slippage,
            quote_lifespan: Duration::from_mins(5),
            incoming_payment_expiry_max: Duration::from_hours(30 * 24),
            outgoing_attempts_max: 5,
            at_once: AtOnce::of_workers(1, 1, 1),
            incoming_approval: None,
        }
    }

    /// Whether incoming payments need an approval before they accept money.
    pub fn approval(&self) -> Approval {
        if self.incoming_approval.is_some() { Approval::Required } else { Approval::NotAsked }
    }

    /// The public URL of a resource: base, tenant, collection and id.
    pub fn resource_url(&self, tenant: TenantId, collection: &str, id: impl std::fmt::Display) -> String {
        let base = self.open_payments_url.as_str().trim_end_matches('/');
        format!("{base}/{tenant}/{collection}/{id}")
    }
}
