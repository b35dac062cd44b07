//! Reads what the first page and the search of a console show, each with one document.
//!
//! Another instance does not know all fields. Then the lists are read one by one, as far as it has them.

use std::collections::HashMap;

use clock::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::client::{AdminClient, without_nulls};
use crate::operator::Connection;
use crate::operator_documents as d;
use crate::webhooks::DeliverySelection;
use crate::{
    AccountView, AdminError, AssetView, DeliveryState, Listed, PageRequest, PaymentFilter, PaymentView, PeerHealthView,
    PeerView, WalletAddressView, WebhookEventView,
};

/// At most this many rows of each list are read.
const ROWS: u32 = 100;
/// An instance of ours tells the movements of this many accounts at once.
const ACCOUNTS_AT_ONCE: usize = 16;
/// At most this many accounts are read with one document that Rafiki 2.4 knows.
const ACCOUNTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const OPEN: [&str; 3] = ["PENDING", "QUARANTINED", "EXHAUSTED"];
const ALARM: &str = "ledger.alarm";

/// The state of an instance: the beginnings of its lists. Lists that it does not have, or does not show to the caller, are
/// `None`.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The latest payments.
    pub payments: Vec<PaymentView>,
    /// Assets with their liquidity.
    pub assets: Vec<AssetView>,
    /// Peers with their liquidity.
    pub peers: Vec<PeerView>,
    /// The health of these peers, as far as the instance knows it.
    pub health: HashMap<Uuid, PeerHealthView>,
    /// The states of the deliveries that are not delivered.
    pub open_deliveries: Option<Vec<DeliveryState>>,
    /// When the latest alarms of the ledger were recorded.
    pub alarms: Option<Vec<Timestamp>>,
    /// How old the exchange rates are.
    pub rates: Option<RatesAgeView>,
}

/// The exchange rates in memory, without the rates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RatesAgeView {
    /// The service that tells them; `None` if none is configured.
    pub source: Option<String>,
    /// One for each base that was needed.
    pub tables: Vec<TableAgeView>,
}

impl RatesAgeView {
    /// When the youngest table was told.
    pub fn since(&self) -> Option<Timestamp> {
        self.tables.iter().map(|table| table.since).max()
    }

    /// Whether every table is too old. This is no fault: rates are fetched when they are needed.
    pub fn all_old(&self, now: Timestamp) -> bool {
        self.tables.iter().map(|table| table.until).max().is_some_and(|until| until <= now)
    }
}

/// The age of a table of rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct TableAgeView {
    /// When the service told it.
    pub since: Timestamp,
    /// Until when it is used at most.
    pub until: Timestamp,
}

/// What a text is searched in: the beginnings of the lists.
#[derive(Clone, Debug)]
pub struct Searchable {
    /// Wallet addresses.
    pub addresses: Vec<WalletAddressView>,
    /// Peers.
    pub peers: Vec<PeerView>,
    /// Assets.
    pub assets: Vec<AssetView>,
    /// The latest payments.
    pub payments: Vec<PaymentView>,
    /// The latest events.
    pub events: Vec<WebhookEventView>,
}

#[derive(Deserialize)]
struct HeldAnswer {
    payments: Connection<PaymentView>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OverviewAnswer {
    payments: Connection<PaymentView>,
    assets: Connection<AssetView>,
    peers: Connection<PeerWithHealth>,
    open: Connection<StateOnly>,
    alarms: Connection<TimeOnly>,
    exchange_rates: RatesAgeView,
}

#[derive(Deserialize)]
struct PeerWithHealth {
    #[serde(flatten)]
    peer: PeerView,
    health: Option<PeerHealthView>,
}

#[derive(Deserialize)]
struct StateOnly {
    state: DeliveryState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimeOnly {
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchAnswer {
    wallet_addresses: Connection<WalletAddressView>,
    peers: Connection<PeerView>,
    assets: Connection<AssetView>,
    payments: Connection<PaymentView>,
    webhook_events: Connection<WebhookEventView>,
}

impl From<OverviewAnswer> for Overview {
    fn from(answer: OverviewAnswer) -> Self {
        let peers = answer.peers.into_nodes();
        let health = peers.iter().filter_map(|one| Some((one.peer.id, one.health.clone()?))).collect();
        Self {
            payments: answer.payments.into_nodes(),
            assets: answer.assets.into_nodes(),
            peers: peers.into_iter().map(|one| one.peer).collect(),
            health,
            open_deliveries: Some(answer.open.into_nodes().into_iter().map(|one| one.state).collect()),
            alarms: Some(answer.alarms.into_nodes().into_iter().map(|one| one.created_at).collect()),
            rates: Some(answer.exchange_rates),
        }
    }
}

impl From<SearchAnswer> for Searchable {
    fn from(answer: SearchAnswer) -> Self {
        Self {
            addresses: answer.wallet_addresses.into_nodes(),
            peers: answer.peers.into_nodes(),
            assets: answer.assets.into_nodes(),
            payments: answer.payments.into_nodes(),
            events: answer.webhook_events.into_nodes(),
        }
    }
}

impl AdminClient {
    /// The state of the instance.
    pub async fn overview(&self) -> Result<Overview, AdminError> {
        match self.run::<OverviewAnswer>(d::OVERVIEW, json!({}), "").await {
            Err(AdminError::Refused { .. }) => self.overview_in_parts().await,
            answer => answer.map(Overview::from),
        }
    }

    async fn overview_in_parts(&self) -> Result<Overview, AdminError> {
        let (all, any) = (beginning(), PaymentFilter::default());
        let open = DeliverySelection { states: OPEN.map(str::to_owned).to_vec(), ..DeliverySelection::default() };
        let alarm = [ALARM.to_owned()];
        let (payments, assets, peers, health, open, alarms) = futures::join!(
            self.payments_page(&all, &any, None),
            self.assets_page(&all, None),
            self.peers_page(&all, None),
            self.peers_health(&all, None),
            self.webhook_deliveries_page(&all, &open, None),
            self.webhook_events_page(&all, &alarm, None),
        );
        Ok(Overview {
            payments: payments?.nodes,
            assets: assets?.nodes,
            peers: peers?.nodes,
            health: health?,
            open_deliveries: or_unknown(open)?.map(|all| all.into_iter().map(|delivery| delivery.state).collect()),
            alarms: or_unknown(alarms)?.map(|all| all.into_iter().map(|event| event.created_at).collect()),
            rates: None,
        })
    }

    /// The latest hundred payments with their liquidity, of one tenant if one is given.
    pub async fn held(&self, tenant: Option<Uuid>) -> Result<Vec<PaymentView>, AdminError> {
        let answer: HeldAnswer = self.run(d::HELD, without_nulls(json!({"tenantId": tenant})), "").await?;
        Ok(answer.payments.into_nodes())
    }

    /// The lists that a text is searched in.
    pub async fn searchable(&self) -> Result<Searchable, AdminError> {
        match self.run::<SearchAnswer>(d::SEARCH, json!({}), "").await {
            Err(AdminError::Refused { .. }) => self.searchable_in_parts().await,
            answer => answer.map(Searchable::from),
        }
    }

    async fn searchable_in_parts(&self) -> Result<Searchable, AdminError> {
        let (all, any) = (beginning(), PaymentFilter::default());
        let (addresses, peers, assets, payments, events) = futures::join!(
            self.wallet_addresses_page(&all, None),
            self.peers_page(&all, None),
            self.assets_page(&all, None),
            self.payments_page(&all, &any, None),
            self.webhook_events_page(&all, &[], None),
        );
        Ok(Searchable {
            addresses: addresses?.nodes,
            peers: peers?.nodes,
            assets: assets?.nodes,
            payments: payments?.nodes,
            events: events?.nodes,
        })
    }

    /// The latest movements of ledger accounts, in their order: of each at most `limit` (200 at most), both sides together.
    /// Another instance answers with as many of each side. One question is about 16 accounts.
    pub async fn account_views(&self, accounts: &[Uuid], limit: u32) -> Result<Vec<AccountView>, AdminError> {
        let questions = accounts.chunks(ACCOUNTS_AT_ONCE).map(|some| self.some_account_views(some, limit));
        Ok(futures::future::try_join_all(questions).await?.into_iter().flatten().collect())
    }

    async fn some_account_views(&self, accounts: &[Uuid], limit: u32) -> Result<Vec<AccountView>, AdminError> {
        let variables = json!({"accounts": accounts, "limit": limit});
        match self.run(d::LATEST_TRANSFERS, variables, "/latestTransfers").await {
            Err(AdminError::Refused { .. }) => self.account_views_by_side(accounts, limit).await,
            views => views,
        }
    }

    async fn account_views_by_side(&self, accounts: &[Uuid], limit: u32) -> Result<Vec<AccountView>, AdminError> {
        let mut views = Vec::with_capacity(accounts.len());
        for some in accounts.chunks(ACCOUNTS.len()) {
            let mut variables = Map::from_iter([("limit".to_owned(), json!(limit))]);
            for (at, name) in ACCOUNTS.into_iter().enumerate() {
                let account = some.get(at).map(Uuid::to_string);
                variables.insert(format!("{name}Wanted"), json!(account.is_some()));
                variables.insert(name.to_owned(), json!(account.unwrap_or_default()));
            }
            let mut answer: Map<String, Value> = self.run(d::ACCOUNTS, Value::Object(variables), "").await?;
            for name in &ACCOUNTS[..some.len()] {
                let view = serde_json::from_value(answer.remove(*name).unwrap_or_default());
                views.push(view.map_err(|error| AdminError::Unexpected(format!("accountingTransfers: {error}")))?);
            }
        }
        Ok(views)
    }
}

fn beginning() -> PageRequest {
    PageRequest { first: Some(ROWS), ..PageRequest::default() }
}

fn or_unknown<T>(found: Result<Listed<T>, AdminError>) -> Result<Option<Vec<T>>, AdminError> {
    match found {
        Ok(found) => Ok(Some(found.nodes)),
        Err(AdminError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
