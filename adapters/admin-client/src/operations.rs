//! The operations by subject, one short method each.
//!
//! The caller gives the idempotency keys, because it knows what caused the call.

use clock::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{AdminClient, without_nulls};
use crate::documents as d;
use crate::{
    AccountingTransfers, AdminError, Amount, AssetRecord, CreatedIncomingPayment, FeeRecord, IncomingPayment, Key,
    OutgoingPayment, PeerRecord, Quote, Receiver, WalletAddressRecord, Whoami,
};

/// A peering to create.
#[derive(Clone, Debug)]
pub struct NewPeer {
    /// The asset it is in.
    pub asset_id: Uuid,
    /// The peer's ILP address.
    pub static_ilp_address: String,
    /// Its name.
    pub name: Option<String>,
    /// The URL of its connector.
    pub endpoint: String,
    /// The token that is presented to the peer.
    pub outgoing_token: String,
    /// The tokens that are accepted from the peer.
    pub incoming_tokens: Vec<String>,
    /// Largest packet accepted from it.
    pub max_packet_amount: Option<u64>,
    /// An event reports when its liquidity falls to this amount.
    pub liquidity_threshold: Option<u64>,
    /// Prefixes reached through it, besides its own address.
    pub routes: Vec<String>,
}

/// A peering to ask another node for.
#[derive(Clone, Debug)]
pub struct PeerByUrl {
    /// The peering URL of the other node.
    pub peer_url: String,
    /// The asset it is in.
    pub asset_id: Uuid,
    /// Its name here; by default the name that it states.
    pub name: Option<String>,
    /// The largest packet.
    pub max_packet_amount: Option<u64>,
    /// An event reports when its liquidity falls to this amount.
    pub liquidity_threshold: Option<u64>,
    /// The additional amount that it may owe.
    pub liquidity_to_deposit: Option<u64>,
    /// A repetition with the same key makes no second deposit.
    pub idempotency_key: String,
}

/// The changes of a peering. `None` keeps a value.
#[derive(Clone, Debug)]
pub struct PeerChange {
    /// The id of the peer.
    pub id: Uuid,
    /// The peer's ILP address.
    pub static_ilp_address: String,
    /// Its name.
    pub name: Option<String>,
    /// The URL of its connector.
    pub endpoint: String,
    /// The token that is presented to the peer.
    pub outgoing_token: String,
    /// The tokens that are accepted from the peer.
    pub incoming_tokens: Vec<String>,
    /// Prefixes reached through it, besides its own address.
    pub routes: Vec<String>,
}

/// The fixed side of a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteAmount {
    /// The payer pays exactly this, fees included.
    Debit(Amount),
    /// The payee gets exactly this.
    Receive(Amount),
    /// What the incoming payment still asks for.
    AsAsked,
}

impl AdminClient {
    /// The tenant for which this client calls the API.
    pub async fn whoami(&self) -> Result<Whoami, AdminError> {
        self.run(d::WHOAMI, json!({}), "/whoami").await
    }

    /// The tenant's asset of this code and scale.
    pub async fn asset_by_code_and_scale(&self, code: &str, scale: u8) -> Result<Option<AssetRecord>, AdminError> {
        self.run(d::ASSET_BY_CODE_AND_SCALE, json!({"code": code, "scale": scale}), "/assetByCodeAndScale").await
    }

    /// Every asset.
    pub async fn assets(&self) -> Result<Vec<AssetRecord>, AdminError> {
        self.all_pages(d::ASSETS, "/assets").await
    }

    /// Creates an asset.
    pub async fn create_asset(
        &self,
        code: &str,
        scale: u8,
        liquidity_threshold: Option<u64>,
    ) -> Result<AssetRecord, AdminError> {
        let threshold = liquidity_threshold.map(|value| value.to_string());
        let input = json!({"code": code, "scale": scale, "liquidityThreshold": threshold});
        self.mutate(d::CREATE_ASSET, input, "/createAsset/asset").await
    }

    /// Makes this the sending fee of an asset.
    pub async fn set_sending_fee(&self, asset_id: Uuid, fee: FeeRecord) -> Result<(), AdminError> {
        let details = json!({"fixed": fee.fixed.to_string(), "basisPoints": fee.basis_points});
        let input = json!({"assetId": asset_id, "type": "SENDING", "fee": details});
        self.mutate::<Value>(d::SET_FEE, input, "/setFee").await.map(drop)
    }

    /// The peer to which packets for this address in this asset would go.
    pub async fn peer_by_address_and_asset(
        &self,
        static_ilp_address: &str,
        asset_id: Uuid,
    ) -> Result<Option<PeerRecord>, AdminError> {
        let variables = json!({"staticIlpAddress": static_ilp_address, "assetId": asset_id});
        self.run(d::PEER_BY_ADDRESS_AND_ASSET, variables, "/peerByAddressAndAsset").await
    }

    /// Every peer.
    pub async fn peers(&self) -> Result<Vec<PeerRecord>, AdminError> {
        self.all_pages(d::PEERS, "/peers").await
    }

    /// Creates a peering.
    pub async fn create_peer(&self, peer: &NewPeer) -> Result<PeerRecord, AdminError> {
        let input = json!({
            "assetId": peer.asset_id,
            "staticIlpAddress": peer.static_ilp_address,
            "name": peer.name,
            "http": {
                "incoming": {"authTokens": peer.incoming_tokens},
                "outgoing": {"authToken": peer.outgoing_token, "endpoint": peer.endpoint},
            },
            "maxPacketAmount": peer.max_packet_amount.map(|value| value.to_string()),
            "liquidityThreshold": peer.liquidity_threshold.map(|value| value.to_string()),
            "routes": peer.routes,
        });
        self.mutate(d::CREATE_PEER, input, "/createPeer/peer").await
    }

    /// Asks another node for a peering.
    pub async fn create_or_update_peer_by_url(&self, wanted: &PeerByUrl) -> Result<PeerRecord, AdminError> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let input = json!({
            "peerUrl": wanted.peer_url,
            "assetId": wanted.asset_id,
            "name": wanted.name,
            "maxPacketAmount": number(wanted.max_packet_amount),
            "liquidityThreshold": number(wanted.liquidity_threshold),
            "liquidityToDeposit": number(wanted.liquidity_to_deposit),
            "idempotencyKey": wanted.idempotency_key,
        });
        let input = without_nulls(input);
        self.mutate(d::CREATE_OR_UPDATE_PEER_BY_URL, input, "/createOrUpdatePeerByUrl/peer").await
    }

    /// Changes a peering.
    pub async fn update_peer(&self, change: &PeerChange) -> Result<PeerRecord, AdminError> {
        let input = json!({
            "id": change.id,
            "staticIlpAddress": change.static_ilp_address,
            "name": change.name,
            "http": {
                "incoming": {"authTokens": change.incoming_tokens},
                "outgoing": {"authToken": change.outgoing_token, "endpoint": change.endpoint},
            },
            "routes": change.routes,
        });
        self.mutate(d::UPDATE_PEER, input, "/updatePeer/peer").await
    }

    /// The wallet address with this URL.
    pub async fn wallet_address_by_url(&self, url: &str) -> Result<Option<WalletAddressRecord>, AdminError> {
        self.run(d::WALLET_ADDRESS_BY_URL, json!({"url": url}), "/walletAddressByUrl").await
    }

    /// Creates a wallet address.
    pub async fn create_wallet_address(
        &self,
        asset_id: Uuid,
        address: &str,
        public_name: &str,
    ) -> Result<WalletAddressRecord, AdminError> {
        let input = json!({"assetId": asset_id, "address": address, "publicName": public_name});
        self.mutate(d::CREATE_WALLET_ADDRESS, input, "/createWalletAddress/walletAddress").await
    }

    /// Publishes a key on a wallet address.
    pub async fn create_wallet_address_key(&self, wallet_address_id: Uuid, key: &Key) -> Result<(), AdminError> {
        let jwk = json!({"kid": key.kid, "x": key.x, "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519"});
        let input = json!({"walletAddressId": wallet_address_id, "jwk": jwk});
        self.mutate::<Value>(d::CREATE_WALLET_ADDRESS_KEY, input, "/createWalletAddressKey").await.map(drop)
    }

    /// An incoming payment here or elsewhere, by its URL.
    pub async fn receiver(&self, url: &str) -> Result<Receiver, AdminError> {
        self.run(d::RECEIVER, json!({"id": url}), "/receiver").await
    }

    /// Creates an incoming payment at the wallet address, here or elsewhere.
    pub async fn create_receiver(
        &self,
        wallet_address_url: &str,
        incoming_amount: Option<&Amount>,
        expires_at: Option<Timestamp>,
        metadata: Option<Value>,
    ) -> Result<Receiver, AdminError> {
        let mut input = json!({"walletAddressUrl": wallet_address_url});
        set(&mut input, "incomingAmount", incoming_amount.map(|amount| json!(amount)));
        set(&mut input, "expiresAt", expires_at.map(|instant| json!(instant)));
        set(&mut input, "metadata", metadata);
        self.mutate(d::CREATE_RECEIVER, input, "/createReceiver/receiver").await
    }

    /// Creates an incoming payment at an own wallet address, once for each key.
    pub async fn create_incoming_payment(
        &self,
        wallet_address_id: Uuid,
        amount: Option<&Amount>,
        expires_at: Timestamp,
        metadata: Option<Value>,
        idempotency_key: &str,
    ) -> Result<CreatedIncomingPayment, AdminError> {
        let mut input = json!({
            "walletAddressId": wallet_address_id, "expiresAt": expires_at, "idempotencyKey": idempotency_key,
        });
        set(&mut input, "incomingAmount", amount.map(|amount| json!(amount)));
        set(&mut input, "metadata", metadata);
        self.mutate(d::CREATE_INCOMING_PAYMENT, input, "/createIncomingPayment/payment").await
    }

    /// Closes an incoming payment, here or elsewhere, so that it takes no more money.
    pub async fn complete_receiver(&self, incoming_payment_url: &str) -> Result<Receiver, AdminError> {
        let input = json!({"incomingPaymentUrl": incoming_payment_url});
        self.mutate(d::COMPLETE_RECEIVER, input, "/completeReceiver/receiver").await
    }

    /// Quotes a payment from the wallet address to an incoming payment.
    pub async fn create_quote(
        &self,
        wallet_address_id: Uuid,
        receiver: &str,
        amount: &QuoteAmount,
    ) -> Result<Quote, AdminError> {
        let mut input = json!({"walletAddressId": wallet_address_id, "receiver": receiver});
        match amount {
            QuoteAmount::Debit(debit) => set(&mut input, "debitAmount", Some(json!(debit))),
            QuoteAmount::Receive(receive) => set(&mut input, "receiveAmount", Some(json!(receive))),
            QuoteAmount::AsAsked => {}
        }
        self.mutate(d::CREATE_QUOTE, input, "/createQuote/quote").await
    }

    /// A payment sent.
    pub async fn outgoing_payment(&self, id: Uuid) -> Result<OutgoingPayment, AdminError> {
        self.run(d::OUTGOING_PAYMENT, json!({"id": id}), "/outgoingPayment").await
    }

    /// Makes the quoted payment.
    pub async fn create_outgoing_payment(
        &self,
        wallet_address_id: Uuid,
        quote_id: Uuid,
        metadata: Option<Value>,
        idempotency_key: &str,
    ) -> Result<OutgoingPayment, AdminError> {
        let mut input =
            json!({"walletAddressId": wallet_address_id, "quoteId": quote_id, "idempotencyKey": idempotency_key});
        set(&mut input, "metadata", metadata);
        self.mutate(d::CREATE_OUTGOING_PAYMENT, input, "/createOutgoingPayment/payment").await
    }

    /// Refuses to fund a payment.
    pub async fn cancel_outgoing_payment(&self, id: Uuid, reason: &str) -> Result<(), AdminError> {
        let input = json!({"id": id, "reason": reason});
        self.mutate::<Value>(d::CANCEL_OUTGOING_PAYMENT, input, "/cancelOutgoingPayment").await.map(drop)
    }

    /// A payment received.
    pub async fn incoming_payment(&self, id: Uuid) -> Result<IncomingPayment, AdminError> {
        self.run(d::INCOMING_PAYMENT, json!({"id": id}), "/incomingPayment").await
    }

    /// Funds a payment with its whole debit amount.
    pub async fn deposit_outgoing_payment_liquidity(
        &self,
        outgoing_payment_id: Uuid,
        idempotency_key: &str,
    ) -> Result<(), AdminError> {
        let input = json!({"outgoingPaymentId": outgoing_payment_id, "idempotencyKey": idempotency_key});
        self.mutate::<Value>(d::DEPOSIT_OUTGOING_PAYMENT, input, "/depositOutgoingPaymentLiquidity").await.map(drop)
    }

    /// Withdraws the remaining money of a finished payment at once.
    pub async fn create_outgoing_payment_withdrawal(
        &self,
        outgoing_payment_id: Uuid,
        idempotency_key: &str,
    ) -> Result<(), AdminError> {
        let input = json!({
            "outgoingPaymentId": outgoing_payment_id, "idempotencyKey": idempotency_key, "timeoutSeconds": "0",
        });
        self.mutate::<Value>(d::WITHDRAW_OUTGOING_PAYMENT, input, "/createOutgoingPaymentWithdrawal").await.map(drop)
    }

    /// Withdraws the money of a finished incoming payment at once.
    pub async fn create_incoming_payment_withdrawal(
        &self,
        incoming_payment_id: Uuid,
        idempotency_key: &str,
    ) -> Result<(), AdminError> {
        let input = json!({
            "incomingPaymentId": incoming_payment_id, "idempotencyKey": idempotency_key, "timeoutSeconds": "0",
        });
        self.mutate::<Value>(d::WITHDRAW_INCOMING_PAYMENT, input, "/createIncomingPaymentWithdrawal").await.map(drop)
    }

    /// Withdraws the money that an event announced at once.
    pub async fn withdraw_event_liquidity(&self, event_id: Uuid, idempotency_key: &str) -> Result<(), AdminError> {
        let input = json!({"eventId": event_id, "idempotencyKey": idempotency_key});
        self.mutate::<Value>(d::WITHDRAW_EVENT, input, "/withdrawEventLiquidity").await.map(drop)
    }

    /// Gives liquidity to an asset; `id` is a version 4 UUID naming the transfer.
    pub async fn deposit_asset_liquidity(&self, asset_id: Uuid, amount: u64, id: Uuid) -> Result<(), AdminError> {
        let input = json!({"assetId": asset_id, "amount": amount.to_string(), "id": id, "idempotencyKey": id});
        self.mutate::<Value>(d::DEPOSIT_ASSET, input, "/depositAssetLiquidity").await.map(drop)
    }

    /// Gives liquidity to a peer; `id` is a version 4 UUID naming the transfer.
    pub async fn deposit_peer_liquidity(&self, peer_id: Uuid, amount: u64, id: Uuid) -> Result<(), AdminError> {
        let input = json!({"peerId": peer_id, "amount": amount.to_string(), "id": id, "idempotencyKey": id});
        self.mutate::<Value>(d::DEPOSIT_PEER, input, "/depositPeerLiquidity").await.map(drop)
    }

    /// Accepts a packet that waits for the decision of the account-servicing entity.
    pub async fn confirm_partial_incoming_payment(
        &self,
        incoming_payment_id: Uuid,
        partial_incoming_payment_id: Uuid,
    ) -> Result<(), AdminError> {
        let input = json!({
            "incomingPaymentId": incoming_payment_id, "partialIncomingPaymentId": partial_incoming_payment_id,
        });
        self.mutate::<Value>(d::CONFIRM_PARTIAL, input, "/confirmPartialIncomingPayment").await.map(drop)
    }

    /// The movements of a ledger account (an asset's, a peer's or a payment's id), at most `limit` of each side.
    pub async fn accounting_transfers(&self, account_id: Uuid, limit: u32) -> Result<AccountingTransfers, AdminError> {
        let variables = json!({"id": account_id, "limit": limit});
        self.run(d::ACCOUNTING_TRANSFERS, variables, "/accountingTransfers").await
    }

    pub(crate) async fn mutate<T: DeserializeOwned>(
        &self,
        document: &str,
        input: Value,
        path: &str,
    ) -> Result<T, AdminError> {
        self.run(document, json!({"input": without_nulls(input)}), path).await
    }

    async fn all_pages<T: DeserializeOwned>(&self, document: &str, field: &str) -> Result<Vec<T>, AdminError> {
        let mut nodes = Vec::new();
        let mut after = Value::Null;
        loop {
            let page: Page<T> = self.run(document, json!({"after": after}), field).await?;
            nodes.extend(page.edges.into_iter().map(|edge| edge.node));
            if !page.page_info.has_next_page {
                return Ok(nodes);
            }
            after = json!(page.page_info.end_cursor);
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    edges: Vec<Edge<T>>,
    page_info: PageInfo,
}

#[derive(serde::Deserialize)]
struct Edge<T> {
    node: T,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

fn set(input: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        input[name] = value;
    }
}
