//! The connector's ports in a simulation: a slow ledger that fails with its process, receivers, rates.
//! The connector itself is the real one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use connector::{
    AccountAsset, Bound, Credit, LiquidityAlerts, LocalAccount, LocalAccountId, LocalAccounts,
    LocalAccountsUnavailable, LocalState, LowLiquidity, SenderData, Verdict,
};
use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, LedgerUnavailable,
    MemoryLedger, NewAccount, NewTransfer, Transfer, TransferId,
};
use payments_model::{Expectation, IncomingPaymentId, TenantId};
use rates::{FetchError, FetchRates};
use url::Url;

use crate::chance::Chance;
use crate::life::ProcessLife;

/// A durable ledger as one process sees it. Requests take time, and the process may die before or after their effect.
pub(crate) struct LedgerOfProcess {
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) life: ProcessLife,
    pub(crate) chance: Chance,
    /// How many of a thousand requests get no answer; half of these take effect.
    pub(crate) silences: Arc<Mutex<u64>>,
}

impl LedgerOfProcess {
    async fn ask<T>(&self, request: LedgerFuture<'_, T>) -> Result<T, LedgerUnavailable> {
        self.life.go_on().await;
        tokio::time::sleep(self.chance.millis_up_to(3)).await;
        self.life.go_on().await;
        let silent = self.chance.happens(*self.silences.lock().unwrap());
        if silent && self.chance.happens(500) {
            return Err(LedgerUnavailable { reason: "lost request".into() });
        }
        let answer = request.await;
        tokio::time::sleep(self.chance.millis_up_to(3)).await;
        self.life.go_on().await;
        if silent { Err(LedgerUnavailable { reason: "lost answer".into() }) } else { answer }
    }
}

impl Ledger for LedgerOfProcess {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        Box::pin(self.ask(self.ledger.create_accounts(accounts)))
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(self.ask(self.ledger.submit(transfers)))
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        Box::pin(self.ask(self.ledger.accounts(ids)))
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        Box::pin(self.ask(self.ledger.transfers(ids)))
    }

    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        Box::pin(self.ask(self.ledger.transfers_of(account, limit)))
    }
}

/// The incoming payments of a node.
#[derive(Default)]
pub(crate) struct Receivers {
    expected: Mutex<HashMap<String, Expected>>,
}

#[derive(Clone)]
struct Expected {
    id: IncomingPaymentId,
    asset: Arc<AccountAsset>,
    limit: Option<u64>,
}

impl Receivers {
    pub(crate) fn expect(&self, id: IncomingPaymentId, asset: Arc<AccountAsset>, limit: Option<u64>) {
        self.expected.lock().unwrap().insert(id.to_string(), Expected { id, asset, limit });
    }
}

/// The receivers as one process sees them.
pub(crate) struct ReceiversOfProcess {
    pub(crate) tenant: TenantId,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) verdict: Verdict,
    pub(crate) life: ProcessLife,
}

impl ReceiversOfProcess {
    async fn left(&self, expectation: Expectation) -> u64 {
        let accounts = self.ledger.accounts(vec![expectation.account()]).await.unwrap();
        u64::try_from(accounts[0].unwrap().credit_balance()).unwrap()
    }
}

#[async_trait]
impl LocalAccounts for ReceiversOfProcess {
    async fn resolve(
        &self,
        tenant: TenantId,
        tag: &str,
    ) -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable> {
        self.life.go_on().await;
        let found = self.receivers.expected.lock().unwrap().get(tag).cloned();
        let Some(expected) = found.filter(|_| tenant == self.tenant) else { return Ok(None) };
        let expectation = Expectation::new(expected.asset.ledger, expected.id);
        let left = self.left(expectation).await;
        Ok(Some(Arc::new(LocalAccount {
            id: LocalAccountId::IncomingPayment(expected.id),
            tenant,
            asset: expected.asset,
            state: if left == 0 { LocalState::Closed } else { LocalState::Open },
            bound: Some(Bound { expectation, expected: expected.limit, left }),
        })))
    }

    async fn credited(&self, _credit: Credit) -> Option<u64> {
        self.life.go_on().await;
        None
    }

    async fn judge(&self, _: SenderData<'_>) -> Verdict {
        self.verdict.clone()
    }
}

/// Collects what it receives.
#[derive(Clone, Default)]
pub(crate) struct Alerts(pub(crate) Arc<Mutex<Vec<LowLiquidity>>>);

#[async_trait]
impl LiquidityAlerts for Alerts {
    async fn low(&self, alert: LowLiquidity) {
        self.0.lock().unwrap().push(alert);
    }
}

/// A rates service; `None` while it fails.
#[derive(Default)]
pub(crate) struct RatesService(pub(crate) Mutex<Option<Served>>);

/// The answers of a rates service, as JSON objects.
pub(crate) enum Served {
    /// The same for every base.
    ToEveryBase(String),
    /// One for each base.
    ByBase(HashMap<String, String>),
}

#[async_trait]
impl FetchRates for RatesService {
    async fn fetch(&self, url: Url) -> Result<Bytes, FetchError> {
        let base = url.query_pairs().find(|(name, _)| name == "base").map(|(_, base)| base.into_owned());
        let base = base.unwrap_or_default();
        let rates = match &*self.0.lock().unwrap() {
            None => return Err(FetchError { reason: "down".into() }),
            Some(Served::ToEveryBase(rates)) => rates.clone(),
            Some(Served::ByBase(rates)) => rates.get(&base).cloned().unwrap_or_else(|| "{}".into()),
        };
        Ok(Bytes::from(format!(r#"{{"base":"{base}","rates":{rates}}}"#)))
    }
}
