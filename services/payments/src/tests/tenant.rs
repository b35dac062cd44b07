//! Payments between two tenants of one instance. They are refused until each tenant has made the other its peer. Then
//! they are limited by what each lets the other owe.

use std::sync::Arc;

use connector::{DirectorySnapshot, PeerRecord, TenantRecord};
use ledger::AccountId;
use money::{Asset, AssetAmount};
use payments_model::peer::{OutgoingHttp, PeerHistory};
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_token::IncomingToken;
use payments_model::quote::QuoteRequest;
use payments_model::tenant::{Setting, SettingKey};
use payments_model::{InitiatedBy, Peer, Receiver, Secret, TenantAsset, TenantId, WalletAddress};
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;

use crate::administration::{Caller, Holder, NewAsset, NewPeer, NewWalletAddress, Thresholds};
use crate::incoming::create_incoming_payment::NewIncomingPayment;
use crate::quotes::create_quote::CreateQuoteError;
use crate::quotes::create_quote::NewQuote;
use crate::tests::testing::{Node, OPERATOR};

const OTHER: Caller = Caller { tenant: TenantId::from_uuid(Uuid::from_u128(2)), is_operator: false };
const LIQUIDITY: u64 = 5_000;

/// The operator's Alice, and a second tenant with an account for Bob.
struct Neighbours {
    node: Node,
    dollars: TenantAsset,
    bobs: TenantAsset,
    bob: WalletAddress,
}

impl Neighbours {
    /// Bob's asset has the code `code`.
    async fn open(database: TestDatabase, code: &str) -> Self {
        let node = Node::open(database, "cloudnine", "USD").await;
        node.institution.add_tenant(OTHER.tenant).await;
        let unit = node.store.begin().await.unwrap();
        let address = Setting { key: SettingKey::IlpAddress, value: other_address() };
        unit.tenant(OTHER.tenant).put_settings(OTHER.tenant, &[address], node.clock.now()).await.unwrap();
        unit.commit().await.unwrap();
        let dollars = asset(&node, "USD").await;
        let bobs = if code == "USD" { dollars.clone() } else { asset(&node, code).await };
        let new = NewWalletAddress {
            asset_id: bobs.id,
            address: "https://cloudnine.example/bob".into(),
            public_name: None,
            additional_properties: Vec::new(),
            tenant: Some(OTHER.tenant),
        };
        let bob = node.administration.create_wallet_address(OPERATOR, new).await.unwrap();
        Self { node, dollars, bobs, bob }
    }

    /// A payment expected by Bob, as Alice sees it.
    async fn receiver(&self, amount: u64) -> Receiver {
        let new = NewIncomingPayment {
            wallet_address_id: self.bob.id,
            incoming_amount: Some(AssetAmount { value: amount, asset: self.bobs.asset.clone() }),
            expires_at: None,
            metadata: None,
            client: None,
            initiated_by: InitiatedBy::OpenPayments,
            sender_wallet_address: None,
        };
        let incoming = self.node.payments.create_incoming_payment(OTHER.tenant, new).await.unwrap();
        self.node.payments.local_receiver(&incoming).await.unwrap()
    }

    /// Each makes the other its peer in dollars. The second tenant lets the operator owe `limit`.
    async fn become_peers(&self, limit: u64) -> Peer {
        let near = self.peer(OPERATOR, &self.node.asset, &other_address(), "unused", 0).await;
        let far = self.peer(OTHER, &self.dollars, "test.cloudnine", "from the operator", limit).await;
        let (near_record, far_record) = (Self::record(&near, "unused"), Self::record(&far, "from the operator"));
        let tenant = |id, address: &str| TenantRecord {
            id,
            ilp_address: Some(address.parse().unwrap()),
            rates_url: Some("https://rates.example/".parse().unwrap()),
        };
        self.node.connector.replace_directory(DirectorySnapshot {
            tenants: vec![tenant(OPERATOR.tenant, "test.cloudnine"), tenant(OTHER.tenant, &other_address())],
            peers: vec![near_record, far_record],
        });
        self.node.loop_wire("from the operator");
        far
    }

    async fn peer(&self, of: Caller, asset: &TenantAsset, address: &str, token: &str, liquidity: u64) -> Peer {
        let new = NewPeer {
            asset_id: asset.id,
            static_ilp_address: address.to_owned(),
            outgoing: OutgoingHttp { endpoint: "https://ilp.cloudnine.example".into(), token: Secret::new("out") },
            incoming_tokens: vec![Secret::new(token)],
            max_packet_amount: None,
            name: None,
            liquidity_threshold: None,
            initial_liquidity: Some(liquidity),
            routes: Vec::new(),
            terms: PeerTerms::default(),
        };
        self.node.administration.create_peer(of, new).await.unwrap()
    }

    fn record(peer: &Peer, token: &str) -> PeerRecord {
        PeerRecord {
            id: peer.id,
            tenant: peer.tenant_id,
            asset: Arc::new(crate::incoming::live_receivers::account_asset(&peer.asset)),
            static_address: peer.static_ilp_address.parse().unwrap(),
            routes: Vec::new(),
            endpoint: "https://ilp.cloudnine.example".parse().unwrap(),
            outgoing_token: "out".into(),
            history: PeerHistory::default(),
            incoming_tokens: vec![IncomingToken::of(token)],
            max_packet_amount: None,
            liquidity_threshold: None,
            terms: PeerTerms::default(),
            tls: None,
        }
    }

    async fn balance(&self, account: impl Into<AccountId>) -> u128 {
        self.node.payments.account(account).await.unwrap().unwrap().credit_balance()
    }
}

fn other_address() -> String {
    format!("test.cloudnine.{}", OTHER.tenant)
}

async fn asset(node: &Node, code: &str) -> TenantAsset {
    let new = NewAsset { asset: Asset::new(code, 2).unwrap(), thresholds: Thresholds::default(), tenant: None };
    let asset = node.administration.create_asset(OTHER, new).await.unwrap();
    let id = testkit::entropy(u64::from(asset.ledger)).uuid().to_string();
    node.administration.deposit(OTHER, Holder::Asset(asset.id), LIQUIDITY, &id).await.unwrap();
    asset
}

async fn no_quote(there: &Neighbours) {
    let new = NewQuote {
        wallet_address_id: there.node.address.id,
        receiver: there.receiver(600).await.url,
        request: QuoteRequest::ReceiverRemainder,
        client: None,
    };
    let refused = there.node.payments.create_quote(OPERATOR.tenant, new).await;
    assert!(matches!(refused, Err(CreateQuoteError::TenantsNotPeered)), "{refused:?}");
    assert_eq!(there.balance(there.bobs.id).await, u128::from(LIQUIDITY));
}

on_each_database! {
    async fn a_tenant_that_is_no_peer_gets_no_quote_and_no_liquidity(database) {
        no_quote(&Neighbours::open(database, "USD").await).await;
    }

    async fn nor_does_it_by_way_of_another_asset(database) {
        no_quote(&Neighbours::open(database, "EUR").await).await;
    }

    async fn what_a_tenant_receives_from_another_is_taken_from_what_it_lets_that_one_owe(database) {
        let there = Neighbours::open(database, "USD").await;
        let far = there.become_peers(1_000).await;
        let id = there.node.outgoing(&there.receiver(600).await, QuoteRequest::ReceiverRemainder).await;
        there.node.fund(id).await;
        there.node.send_due().await;
        let sent = there.node.outgoing_payment(id).await;
        assert_eq!((sent.payment.state.as_str(), sent.sent), ("COMPLETED", 600), "{sent:?}");
        assert_eq!(there.balance(far.id).await, 400);
        assert_eq!(there.balance(there.dollars.id).await, u128::from(LIQUIDITY), "its own liquidity is untouched");
    }

    async fn no_more_reaches_a_tenant_from_another_than_it_lets_that_one_owe(database) {
        let there = Neighbours::open(database, "USD").await;
        let far = there.become_peers(1_000).await;
        let id = there.node.outgoing(&there.receiver(1_200).await, QuoteRequest::ReceiverRemainder).await;
        there.node.fund(id).await;
        // The sender tries for a while. The ledger allows what is left of the limit and no more.
        tokio::select! {
            _ = there.node.send_due() => panic!("it goes on trying"),
            () = there.node.wire.has_refused(5) => {}
        }
        let owed = there.balance(far.id).await;
        assert!(owed <= 1_000, "{owed}");
        assert_eq!(there.balance(there.dollars.id).await, u128::from(LIQUIDITY), "its own liquidity is untouched");
        assert_eq!(there.node.outgoing_payment(id).await.payment.state.as_str(), "SENDING");
    }

    async fn the_receiving_tenant_converts_at_its_own_rates(database) {
        let there = Neighbours::open(database, "EUR").await;
        let far = there.become_peers(1_000).await;
        let id = there.node.outgoing(&there.receiver(90).await, QuoteRequest::ReceiverRemainder).await;
        there.node.fund(id).await;
        there.node.send_due().await;
        let sent = there.node.outgoing_payment(id).await;
        assert_eq!(sent.payment.state.as_str(), "COMPLETED", "{sent:?}");
        assert_eq!(there.balance(far.id).await, u128::from(1_000 - sent.sent));
        assert_eq!(there.balance(there.dollars.id).await, u128::from(LIQUIDITY + sent.sent));
        assert_eq!(there.balance(there.bobs.id).await, u128::from(LIQUIDITY - 90));
    }
}
