//! Reads the data of an operator's console: pages of lists, and single records with all shown fields.
//!
//! It reads no secrets: no document here asks for one.

use clock::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::client::{AdminClient, without_nulls};
use crate::operator_documents as d;
use crate::types::uint64;
use crate::{AdminError, Amount, FeeRecord, IncomingPaymentState, OutgoingPaymentState, PageInfo, PageRequest, Quote};

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// Its records, in the order of the list.
    pub nodes: Vec<T>,
    /// The place of the page in the list.
    pub page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection<T> {
    edges: Vec<Edge<T>>,
    #[serde(default)]
    page_info: PageInfo,
}

impl<T> Connection<T> {
    pub(crate) fn into_nodes(self) -> Vec<T> {
        self.edges.into_iter().map(|edge| edge.node).collect()
    }
}

#[derive(Deserialize)]
struct Edge<T> {
    node: T,
}

/// The tenant of a record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantName {
    /// The tenant.
    pub id: Uuid,
    /// Its display name.
    pub public_name: Option<String>,
}

/// A tenant, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantView {
    /// Its id.
    pub id: Uuid,
    /// Its display name.
    pub public_name: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// The URL at which its customers give consent.
    #[serde(default)]
    pub idp_consent_url: Option<String>,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The time at which it was deleted. A deleted tenant can still be read.
    pub deleted_at: Option<Timestamp>,
    /// Its settings.
    #[serde(default)]
    pub settings: Vec<Setting>,
}

/// A setting of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Setting {
    /// For example `WEBHOOK_URL`.
    pub key: String,
    /// Its value as text.
    pub value: String,
}

/// An asset, as lists and its own page show it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetView {
    /// Its id, also that of its liquidity account.
    pub id: Uuid,
    /// For example `USD`.
    pub code: String,
    /// Decimal places.
    pub scale: u8,
    /// The balance of its liquidity account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// Below this, web-monetization money waits.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub withdrawal_threshold: Option<u64>,
    /// An event reports when its liquidity falls to this amount.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity_threshold: Option<u64>,
    /// The time at which it was created.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// The tenant that it belongs to.
    #[serde(default)]
    pub tenant: Option<TenantName>,
    /// The fee on outgoing payments.
    #[serde(default)]
    pub sending_fee: Option<FeeRecord>,
    /// The fee on incoming payments.
    #[serde(default)]
    pub receiving_fee: Option<FeeRecord>,
}

/// A fee that is or was in force.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeView {
    /// Its id.
    pub id: Uuid,
    /// `SENDING` or `RECEIVING`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Fixed part and share.
    #[serde(flatten)]
    pub fee: FeeRecord,
    /// The time at which it was created.
    pub created_at: Timestamp,
}

/// A peering.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerView {
    /// Its id, also that of its liquidity account.
    pub id: Uuid,
    /// Its name.
    pub name: Option<String>,
    /// Its ILP address.
    pub static_ilp_address: String,
    /// Largest packet accepted from it.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub max_packet_amount: Option<u64>,
    /// An event reports when its liquidity falls to this amount.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity_threshold: Option<u64>,
    /// The balance of its liquidity account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// Prefixes reached through it, besides its own address.
    #[serde(default)]
    pub routes: Vec<String>,
    /// How to send packets to it.
    pub http: crate::types::PeerHttp,
    /// The asset of the peering.
    pub asset: AssetView,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The tenant that it belongs to.
    pub tenant: Option<TenantName>,
}

/// A wallet address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletAddressView {
    /// Its id.
    pub id: Uuid,
    /// Its URL.
    pub address: String,
    /// The name shown to payers.
    pub public_name: Option<String>,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// The amount that it received without an incoming payment.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// Its asset.
    pub asset: AssetView,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The tenant that it belongs to.
    pub tenant: Option<TenantName>,
    /// The properties of its document beyond the standard ones.
    #[serde(default)]
    pub additional_properties: Option<Vec<AdditionalProperty>>,
    #[serde(default)]
    wallet_address_keys: Option<Keys>,
}

impl WalletAddressView {
    /// Its keys, revoked ones included, the newest first.
    pub fn keys(&self) -> impl Iterator<Item = &KeyView> {
        self.wallet_address_keys.iter().flat_map(|keys| &keys.edges).map(|edge| &edge.node)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Keys {
    edges: Vec<KeyEdge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct KeyEdge {
    node: KeyView,
}

/// A public key of a wallet address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// Its id at this instance.
    pub id: Uuid,
    /// Whether it is revoked.
    pub revoked: bool,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The key.
    pub jwk: Jwk,
}

/// The part of a key that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Jwk {
    /// Its name in signatures.
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
}

/// A property of a wallet address beyond the standard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalProperty {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether it is public.
    pub visible_in_open_payments: bool,
}

/// A payment of either direction, as the list of both shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// Its id.
    pub id: Uuid,
    /// The direction of the money.
    #[serde(rename = "type")]
    pub direction: Direction,
    /// Its state, in the words of its direction.
    pub state: String,
    /// The wallet address that it belongs to.
    pub wallet_address_id: Uuid,
    /// Its money, as far as the instance tells it: what is debited, was received, or is expected.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// What its ledger account holds, if it was asked for.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// The metadata.
    pub metadata: Option<Value>,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The tenant that it belongs to.
    pub tenant: Option<TenantName>,
}

/// The direction of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// The money arrives here.
    Incoming,
    /// The money leaves from here.
    Outgoing,
}

/// A payment expected or received.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingPaymentView {
    /// Its id.
    pub id: Uuid,
    /// Its public URL.
    pub url: String,
    /// The wallet address that it belongs to.
    pub wallet_address_id: Uuid,
    /// The client that created it.
    pub client: Option<String>,
    /// Its state.
    pub state: IncomingPaymentState,
    /// The balance of its ledger account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// The time at which it stops accepting money.
    pub expires_at: Timestamp,
    /// The expected amount.
    pub incoming_amount: Option<Amount>,
    /// The received amount.
    pub received_amount: Amount,
    /// The metadata.
    pub metadata: Option<Value>,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The payer's wallet address, from the terminal.
    pub sender_wallet_address: Option<String>,
    /// The tenant that it belongs to.
    pub tenant: Option<TenantName>,
    /// The reason for which it was cancelled.
    pub cancellation_reason: Option<String>,
    /// The time at which it was cancelled.
    pub cancelled_at: Option<Timestamp>,
}

/// A payment sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingPaymentView {
    /// Its id.
    pub id: Uuid,
    /// The wallet address that it belongs to.
    pub wallet_address_id: Uuid,
    /// The client that created it.
    pub client: Option<String>,
    /// Its state.
    pub state: OutgoingPaymentState,
    /// The balance of its ledger account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
    /// Attempts in this state.
    pub state_attempts: u32,
    /// The most that the payer is debited, with fees.
    pub debit_amount: Amount,
    /// The amount to deliver.
    pub receive_amount: Amount,
    /// The amount sent so far.
    pub sent_amount: Amount,
    /// The incoming payment's URL.
    pub receiver: String,
    /// The metadata.
    pub metadata: Option<Value>,
    /// The quote that it was made from.
    pub quote: Option<Quote>,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The grant that it was made with.
    pub grant_id: Option<String>,
    /// The tenant that it belongs to.
    pub tenant: Option<TenantName>,
}

/// What a payment would cost and deliver.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuoteView {
    /// Its id.
    pub id: Uuid,
    /// The wallet address that would pay.
    pub wallet_address_id: Uuid,
    /// The incoming payment's URL.
    pub receiver: String,
    /// The most that the payer is debited, with fees.
    pub debit_amount: Amount,
    /// The least amount that arrives.
    pub receive_amount: Amount,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The time at which it expires.
    pub expires_at: Timestamp,
}

/// An event that is delivered by webhook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEventView {
    /// Its id.
    pub id: Uuid,
    /// For example `incoming_payment.completed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its content.
    pub data: Value,
    /// The time of the event.
    pub created_at: Timestamp,
    /// The tenant that it belongs to.
    pub tenant: Option<TenantName>,
}

/// A movement of a ledger account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferView {
    /// Its id.
    pub id: Uuid,
    /// The debited account.
    pub debit_account_id: Uuid,
    /// The credited account.
    pub credit_account_id: Uuid,
    /// The amount.
    #[serde(with = "uint64")]
    pub amount: u64,
    /// `DEPOSIT`, `WITHDRAWAL` or `TRANSFER`.
    pub transfer_type: String,
    /// `PENDING`, `POSTED` or `VOIDED`.
    pub state: String,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The time at which a pending movement ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// The movements of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AccountView {
    /// The movements that debit the account.
    pub debits: Vec<TransferView>,
    /// The movements that credit the account.
    pub credits: Vec<TransferView>,
}

/// Selects the payments of a list.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    /// Only payments of this direction.
    pub directions: Vec<String>,
    /// Only payments of this wallet address.
    pub wallet_address: Option<Uuid>,
}

impl AdminClient {
    /// A tenant; `None` if there is none that the caller may see.
    pub async fn tenant_view(&self, id: Uuid) -> Result<Option<TenantView>, AdminError> {
        found(self.run(d::TENANT, json!({"id": id}), "/tenant").await)
    }

    /// A page of the tenants. Only the operator may.
    pub async fn tenants_page(&self, page: &PageRequest) -> Result<Listed<TenantView>, AdminError> {
        self.listed(d::TENANTS, page, json!({}), "/tenants").await
    }

    /// A page of the assets, of one tenant if one is given.
    pub async fn assets_page(&self, page: &PageRequest, tenant: Option<Uuid>) -> Result<Listed<AssetView>, AdminError> {
        self.listed(d::ASSETS, page, json!({"tenantId": tenant}), "/assets").await
    }

    /// An asset; `None` if there is none.
    pub async fn asset_view(&self, id: Uuid) -> Result<Option<AssetView>, AdminError> {
        found(self.run(d::ASSET, json!({"id": id}), "/asset").await)
    }

    /// A page of the fees of an asset, the newest first; `None` if there is no such asset.
    pub async fn fees_page(&self, asset: Uuid, page: &PageRequest) -> Result<Option<Listed<FeeView>>, AdminError> {
        let mut variables = page_variables(page);
        variables.insert("id".to_owned(), json!(asset));
        let connection: Option<Connection<FeeView>> =
            found(self.run(d::FEES, Value::Object(variables), "/asset/fees").await)?;
        Ok(connection.map(Listed::from))
    }

    /// A page of the peers, of one tenant if one is given.
    pub async fn peers_page(&self, page: &PageRequest, tenant: Option<Uuid>) -> Result<Listed<PeerView>, AdminError> {
        self.listed(d::PEERS, page, json!({"tenantId": tenant}), "/peers").await
    }

    /// A peer; `None` if there is none.
    pub async fn peer_view(&self, id: Uuid) -> Result<Option<PeerView>, AdminError> {
        found(self.run(d::PEER, json!({"id": id}), "/peer").await)
    }

    /// A page of the wallet addresses, of one tenant if one is given.
    pub async fn wallet_addresses_page(
        &self,
        page: &PageRequest,
        tenant: Option<Uuid>,
    ) -> Result<Listed<WalletAddressView>, AdminError> {
        self.listed(d::WALLET_ADDRESSES, page, json!({"tenantId": tenant}), "/walletAddresses").await
    }

    /// A wallet address with its keys; `None` if there is none.
    pub async fn wallet_address_view(&self, id: Uuid) -> Result<Option<WalletAddressView>, AdminError> {
        found(self.run(d::WALLET_ADDRESS, json!({"id": id}), "/walletAddress").await)
    }

    /// A page of the payments of both directions.
    pub async fn payments_page(
        &self,
        page: &PageRequest,
        filter: &PaymentFilter,
        tenant: Option<Uuid>,
    ) -> Result<Listed<PaymentView>, AdminError> {
        let mut wanted = Map::new();
        if !filter.directions.is_empty() {
            wanted.insert("type".to_owned(), json!({"in": filter.directions}));
        }
        if let Some(address) = filter.wallet_address {
            wanted.insert("walletAddressId".to_owned(), json!({"in": [address]}));
        }
        let variables = json!({"filter": wanted, "tenantId": tenant});
        let mut answer = self.listed(d::PAYMENTS, page, variables.clone(), "/payments").await;
        if answer.as_ref().is_err_and(|error| refused_with(error, "Cannot query field")) {
            answer = self.listed(d::PAYMENTS_WITHOUT_AMOUNT, page, variables, "/payments").await;
        }
        if answer.as_ref().is_err_and(|error| refused_with(error, "Unknown type")) {
            return self.payments_by_direction(page, filter, tenant).await;
        }
        answer
    }

    /// The same for an instance whose API lists each direction by itself. If both directions are wanted, it returns the
    /// first page only.
    async fn payments_by_direction(
        &self,
        page: &PageRequest,
        filter: &PaymentFilter,
        tenant: Option<Uuid>,
    ) -> Result<Listed<PaymentView>, AdminError> {
        let wants = |kind: &str| filter.directions.is_empty() || filter.directions.iter().any(|wanted| wanted == kind);
        let first = PageRequest { first: page.first.or(page.last), ..PageRequest::default() };
        let page = if filter.directions.len() == 1 { page } else { &first };

        let kinds = [
            ("INCOMING", d::INCOMING_PAYMENTS, "/incomingPayments"),
            ("OUTGOING", d::OUTGOING_PAYMENTS, "/outgoingPayments"),
        ];

        let mut found = Listed { nodes: Vec::new(), page_info: PageInfo::default() };
        for (kind, document, path) in kinds.into_iter().filter(|(kind, ..)| wants(kind)) {
            let listed: Listed<Value> = self.listed(document, page, json!({"tenantId": tenant}), path).await?;
            for mut node in listed.nodes {
                node["type"] = json!(kind);
                let read = serde_json::from_value::<PaymentView>(node);
                found.nodes.push(read.map_err(|error| AdminError::Unexpected(format!("{path}: {error}")))?);
            }
            if filter.directions.len() == 1 {
                found.page_info = listed.page_info;
            }
        }

        found.nodes.retain(|payment| filter.wallet_address.is_none_or(|address| payment.wallet_address_id == address));
        found.nodes.sort_by_key(|payment| std::cmp::Reverse(payment.created_at));
        Ok(found)
    }

    /// An incoming payment; `None` if there is none.
    pub async fn incoming_payment_view(&self, id: Uuid) -> Result<Option<IncomingPaymentView>, AdminError> {
        found(self.run(d::INCOMING_PAYMENT, json!({"id": id}), "/incomingPayment").await)
    }

    /// An outgoing payment with its quote; `None` if there is none.
    pub async fn outgoing_payment_view(&self, id: Uuid) -> Result<Option<OutgoingPaymentView>, AdminError> {
        found(self.run(d::OUTGOING_PAYMENT, json!({"id": id}), "/outgoingPayment").await)
    }

    /// A quote; `None` if there is none.
    pub async fn quote_view(&self, id: Uuid) -> Result<Option<QuoteView>, AdminError> {
        found(self.run(d::QUOTE, json!({"id": id}), "/quote").await)
    }

    /// The token that is presented to a peer. It is needed to change only the endpoint, because both are set together.
    /// It must never be shown on a page.
    pub async fn peer_outgoing_token(&self, id: Uuid) -> Result<Option<String>, AdminError> {
        found(self.run(crate::documents::PEER_OUTGOING_TOKEN, json!({"id": id}), "/peer/http/outgoing/authToken").await)
    }

    /// The API secret of a tenant. Only the operator may ask for it. It must never be shown on a page.
    pub async fn tenant_secret(&self, id: Uuid) -> Result<String, AdminError> {
        self.run(crate::documents::TENANT_SECRET, json!({"id": id}), "/tenant/apiSecret").await
    }

    /// A page of the events, of the given kinds if there are any.
    pub async fn webhook_events_page(
        &self,
        page: &PageRequest,
        kinds: &[String],
        tenant: Option<Uuid>,
    ) -> Result<Listed<WebhookEventView>, AdminError> {
        let filter = (!kinds.is_empty()).then(|| json!({"type": {"in": kinds}}));
        self.listed(d::WEBHOOK_EVENTS, page, json!({"filter": filter, "tenantId": tenant}), "/webhookEvents").await
    }

    /// The latest movements of a ledger account, at most `limit` of each side.
    pub async fn account_view(&self, account: Uuid, limit: u32) -> Result<AccountView, AdminError> {
        self.run(d::ACCOUNT, json!({"id": account, "limit": limit}), "/accountingTransfers").await
    }

    pub(crate) async fn listed<T: DeserializeOwned>(
        &self,
        document: &str,
        page: &PageRequest,
        more: Value,
        path: &str,
    ) -> Result<Listed<T>, AdminError> {
        let mut variables = page_variables(page);
        if let Value::Object(more) = without_nulls(more) {
            variables.extend(more);
        }
        self.run::<Connection<T>>(document, Value::Object(variables), path).await.map(Listed::from)
    }
}

fn page_variables(page: &PageRequest) -> Map<String, Value> {
    match without_nulls(serde_json::to_value(page).unwrap_or_default()) {
        Value::Object(variables) => variables,
        _ => Map::new(),
    }
}

/// Whether the instance refused the document with these words, because it knows less than our own.
fn refused_with(error: &AdminError, words: &str) -> bool {
    matches!(error, AdminError::Refused { message, .. } if message.contains(words))
}

/// A missing record is an answer, not a failure.
pub(crate) fn found<T>(answer: Result<Option<T>, AdminError>) -> Result<Option<T>, AdminError> {
    match answer {
        Err(error) if error.is(&crate::ErrorCode::NotFound) => Ok(None),
        answer => answer,
    }
}

impl<T> From<Connection<T>> for Listed<T> {
    fn from(connection: Connection<T>) -> Self {
        let page_info = connection.page_info.clone();
        Self { nodes: connection.into_nodes(), page_info }
    }
}
