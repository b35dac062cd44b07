//! A wallet that runs ledger and connector in its own process: accounts of customers, payments to other wallets, and a
//! listener for packets of peers. It keeps nothing about a payment that is under way; `services/payments` does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use clock::{Clock, Entropy, SystemClock, SystemEntropy, Timestamp};
use connector::{
    AccountAsset, Connector, ConnectorConfig, ConnectorPorts, Credit, DirectorySnapshot, HttpUplink, LiquidityAlerts,
    LocalAccount, LocalAccountId, LocalAccounts, LocalAccountsUnavailable, LocalState, LowLiquidity, PaymentSource,
    PeerRecord, QuoteSource, SenderData, Source, TenantRecord, Transmission, Verdict,
};
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use ledger::{AccountId, Ledger, TransferId};
use ledger_sql::SqlLedger;
use money::{Asset, Ratio};
use outbound_http::{Outbound, OutboundConfig};
use payments_model::accounting::{AccountKind, LedgerAsset};
use payments_model::peer::PeerHistory;
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::IncomingToken;
use payments_model::{AssetId, OutgoingPaymentId, PeerId, TenantId, WalletAddressId};
use rates::{HttpRates, Rates, RatesSettings};
use sealed_text::Sealer;
use shared_cache::{InProcessCache, InProcessLimits, SharedCache};
use stream::{ConnectionDetails, Credentials, ReceiverSecret, StreamReceiver};
use stream_pay::{Destination, Outcome, Payment, Poll, Quote, QuoteTerms, Quoting, Slippage, Target};
use tokio::net::TcpListener;
use uuid::Uuid;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The customers, as the connector asks for them.
#[derive(Clone, Default)]
struct Customers(Arc<Mutex<HashMap<String, Arc<LocalAccount>>>>);

#[async_trait]
impl LocalAccounts for Customers {
    async fn resolve(&self, _: TenantId, tag: &str) -> Result<Option<Arc<LocalAccount>>, LocalAccountsUnavailable> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tag).cloned())
    }
    /// The ledger has the money already. A real wallet tells its customer here.
    async fn credited(&self, _: Credit) -> Option<u64> {
        None
    }
    async fn judge(&self, _: SenderData<'_>) -> Verdict {
        Verdict::Take
    }
}

/// A real wallet settles with its peers here.
#[async_trait]
impl LiquidityAlerts for Customers {
    async fn low(&self, _: LowLiquidity) {}
}

/// A wallet in one asset.
pub(crate) struct Wallet {
    asset: Arc<AccountAsset>,
    ledger: Arc<SqlLedger>,
    connector: Connector,
    customers: Customers,
    receiver: StreamReceiver,
    tenant: TenantId,
    endpoint: String,
}

impl Wallet {
    /// Opens the ledger at `ledger_url`, and listens on a free port.
    pub(crate) async fn open(address: &str, asset: Asset, ledger_url: &str) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let ledger = Arc::new(SqlLedger::open(ledger_url, clock.clone()).await?);
        let ids = LedgerAsset { id: AssetId::from_uuid(Uuid::from_u128(10)), ledger: 1 }; // Both are ids of accounts.
        ledger.create_accounts(ids.own_accounts()).await?;
        let tenant = TenantId::from_uuid(Uuid::from_u128(2));
        let secret = ReceiverSecret::new(&entropy.bytes());
        let config = ConnectorConfig::new(address.parse()?, secret.clone());
        let http = Outbound::new(OutboundConfig::default(), clock.clone())?;
        let customers = Customers::default();
        let ports = ConnectorPorts {
            ledger: ledger.clone(),
            local_accounts: Arc::new(customers.clone()),
            alerts: Arc::new(customers.clone()),
            uplink: Arc::new(HttpUplink::new(http.clone(), tenant, Sealer::new(None, &[]), clock.clone())),
            rates: Rates::new(Arc::new(HttpRates::new(http, None)), clock.clone(), RatesSettings::default()),
            cache: SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default())),
            clock,
            entropy,
        };
        let receiver = StreamReceiver::new(secret, config.operator_address.clone());
        let asset = Arc::new(AccountAsset { asset, ledger: ids, liquidity_threshold: None });
        let connector = Connector::new(config, ports);
        let (listener, router) = (TcpListener::bind("127.0.0.1:0").await?, ilp_api::router(connector.clone()));
        let endpoint = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { asset, ledger, connector, customers, receiver, tenant, endpoint })
    }

    /// Makes `other` a peer that may owe `credit`.
    pub(crate) async fn peer_with(&self, other: &Self, credit: u64) -> Result<(), Failure> {
        let id = PeerId::from_uuid(Uuid::from_u128(3));
        self.open_account(id.into(), AccountKind::Peer, credit).await?;
        let (own, their) = (self.receiver.address().clone(), other.receiver.address().clone());
        let peer = PeerRecord {
            id,
            tenant: self.tenant,
            asset: self.asset.clone(),
            outgoing_token: format!("{own}-to-{their}"),
            incoming_tokens: vec![IncomingToken::of(&format!("{their}-to-{own}"))],
            static_address: their,
            routes: Vec::new(),
            endpoint: other.endpoint.parse()?,
            history: PeerHistory::default(),
            max_packet_amount: Some(10_000),
            liquidity_threshold: None,
            terms: PeerTerms::default(),
            tls: None,
        };
        let tenants = vec![TenantRecord { id: self.tenant, ilp_address: Some(own), rates_url: None }];
        self.connector.replace_directory(DirectorySnapshot { tenants, peers: vec![peer] });
        Ok(())
    }

    /// A customer with `amount` on the account. One account of the ledger is paid from and paid to.
    pub(crate) async fn customer(&self, amount: u64) -> Result<Uuid, Failure> {
        let id = SystemEntropy.uuid();
        let address = WalletAddressId::from_uuid(id);
        self.open_account(address.into(), AccountKind::WebMonetization, amount).await?;
        let (asset, tenant) = (self.asset.clone(), self.tenant);
        let id_there = LocalAccountId::WalletAddress(address);
        let account = LocalAccount { id: id_there, tenant, asset, state: LocalState::Open, bound: None };
        self.customers.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_string(), Arc::new(account));
        Ok(id)
    }

    async fn open_account(&self, id: AccountId, kind: AccountKind, amount: u64) -> Result<(), Failure> {
        self.ledger.create_accounts(vec![self.asset.ledger.account(id, kind)]).await?;
        let transfer = TransferId::from_u128(SystemEntropy.uuid().as_u128());
        let deposited = self.ledger.submit(vec![self.asset.ledger.deposit(transfer, id, amount)]).await?;
        if amount == 0 || deposited[0].is_ok() { Ok(()) } else { Err(format!("{deposited:?}").into()) }
    }

    /// What others need to pay a customer. SPSP and Open Payments hand out the same.
    pub(crate) fn credentials(&self, customer: Uuid) -> Result<Credentials, Failure> {
        let details = ConnectionDetails { payment_tag: Some(customer.to_string()), receipts: None, asset: None };
        Ok(self.receiver.issue(&details, &SystemEntropy)?)
    }

    pub(crate) async fn balance(&self, account: impl Into<AccountId>) -> Result<u128, Failure> {
        let found = self.ledger.accounts(vec![account.into()]).await?[0].ok_or("no such account")?;
        Ok(found.credits_posted - found.debits_posted)
    }

    /// Sends `amount` from a customer to whoever gave out the credentials.
    pub(crate) async fn pay(&self, customer: Uuid, to: Credentials, amount: u64) -> Result<(Quote, Outcome), Failure> {
        let asset = self.asset.asset.clone();
        let to = Destination { address: to.address, shared_secret: to.shared_secret, asset: asset.clone() };
        let terms = QuoteTerms::new(Target::Send(amount), &asset, &asset, Some(Ratio::ONE), Slippage::NONE)?;
        let source = QuoteSource { tenant: self.tenant, asset: self.asset.clone() };
        let mut quoting = Quoting::new(&to, terms);
        let quote = self.drive(&mut quoting, Source::Quote(source), Quoting::poll_prepare, Quoting::handle_reply);
        let quote = quote.await.map_err(|error| format!("no quote: {error:?}"))?;
        let payment = OutgoingPaymentId::from_uuid(customer);
        let source = Source::Payment(PaymentSource { tenant: self.tenant, payment, asset: self.asset.clone() });
        let mut paying = Payment::new(&to, &quote, None)?;
        let outcome = self.drive(&mut paying, source, Payment::poll_prepare, Payment::handle_reply).await;
        Ok((quote, outcome))
    }

    /// Sends what a state machine wants to send through the own connector, and gives it the replies.
    async fn drive<M, T>(
        &self,
        machine: &mut M,
        source: Source,
        poll: fn(&mut M, Timestamp, &dyn Entropy) -> Poll<T>,
        reply: fn(&mut M, Timestamp, u64, &[u8]),
    ) -> T {
        let mut under_way = FuturesUnordered::new();
        loop {
            let instant = match poll(machine, SystemClock.now(), &SystemEntropy) {
                Poll::Done(outcome) => return outcome,
                Poll::WaitUntil(instant) => instant,
                Poll::Send(packet) => {
                    let answer = self.connector.handle(source.clone(), packet.packet.into(), Transmission::First);
                    under_way.push(answer.map(move |answer| (packet.sequence, answer)));
                    continue;
                }
            };
            tokio::select! {
                Some((sequence, connector::Outcome::Reply(octets))) = under_way.next() => {
                    reply(machine, SystemClock.now(), sequence, &octets);
                }
                () = tokio::time::sleep(instant.saturating_since(SystemClock.now())) => {}
            }
        }
    }
}
