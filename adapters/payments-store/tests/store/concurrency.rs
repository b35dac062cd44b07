//! Two units of work that change one row at the same time: both changes survive.
//! Single units of work are in the files beside it.

use clock::Timestamp;
use payments_model::incoming_payment::IncomingState;
use payments_model::outgoing_payment::OutgoingState;
use payments_model::peer::{OutgoingHttp, PeerHistory};
use payments_model::peer_terms::PeerTerms;
use payments_model::quote::QuoteMethod;
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{IncomingPayment, InitiatedBy, OutgoingPayment, Peer, Quote, Secret, TenantAsset};
use payments_store::Store;
use testkit::on_each_database;
use uuid::Uuid;

use super::{OPERATOR, add_asset, now, open, wallet_address};

/// How often two changes meet.
const ROUNDS: u64 = 20;

/// Changes the row that `$read` locks, by `$change`, and stores it by `$update`.
macro_rules! changed {
    ($store:expr, $read:ident($id:expr), $update:ident, |$row:ident| $change:expr) => {
        changed!($store, $read($id), |$row| $change, |scope| scope.$update(&$row).await)
    };
    // A write that is sent with the commit is not awaited.
    ($store:expr, $read:ident($id:expr), with commit $update:ident, |$row:ident| $change:expr) => {
        changed!($store, $read($id), |$row| $change, |scope| scope.$update(&$row))
    };
    ($store:expr, $read:ident($id:expr), |$row:ident| $change:expr, |$scope:ident| $update:expr) => {
        async {
            let unit = $store.begin().await.unwrap();
            let $scope = unit.tenant(OPERATOR);
            let mut $row = $scope.$read($id).await.unwrap().unwrap();
            tokio::task::yield_now().await;
            $change;
            $update.unwrap();
            drop($row);
            unit.commit().await.unwrap();
        }
    };
}

fn at(round: u64) -> Timestamp {
    now() + std::time::Duration::from_millis(round)
}

fn peer(asset: &TenantAsset) -> Peer {
    Peer {
        id: Uuid::from_u128(30).into(),
        tenant_id: OPERATOR,
        asset: asset.clone(),
        static_ilp_address: "test.bob".into(),
        outgoing: Some(OutgoingHttp { endpoint: "https://bob.example".into(), token: Secret::new("t") }),
        history: PeerHistory::default(),
        max_packet_amount: None,
        name: None,
        liquidity_threshold: None,
        routes: vec!["test.bob".into()],
        terms: PeerTerms::default(),
        created_at: now(),
        updated_at: now(),
    }
}

async fn with_wallet_address(store: &Store) -> TenantAsset {
    let asset = add_asset(store, "USD", 7).await.unwrap();
    let unit = store.begin().await.unwrap();
    let address = wallet_address(&asset, "https://op.example/ann", 8);
    unit.tenant(OPERATOR).insert_wallet_address(&address).await.unwrap();
    unit.commit().await.unwrap();
    asset
}

fn incoming(asset: &TenantAsset) -> IncomingPayment {
    IncomingPayment {
        id: Uuid::from_u128(40).into(),
        tenant_id: OPERATOR,
        wallet_address_id: Uuid::from_u128(8).into(),
        asset: asset.clone(),
        incoming_amount: None,
        expires_at: now(),
        client: None,
        metadata: None,
        initiated_by: InitiatedBy::Admin,
        sender_wallet_address: None,
        decision: None,
        state: IncomingState::Pending,
        announced_amount: 0,
        created_at: now(),
        updated_at: now(),
    }
}

fn outgoing(asset: &TenantAsset) -> OutgoingPayment {
    let quote = Quote {
        id: Uuid::from_u128(50).into(),
        tenant_id: OPERATOR,
        wallet_address_id: Uuid::from_u128(8).into(),
        asset: asset.clone(),
        receiver: "https://op.example/incoming-payments/a1b2c3d4-0000-4000-8000-000000000001".into(),
        debit_amount: 100,
        debit_amount_minus_fees: 100,
        receive_amount: money::AssetAmount { value: 100, asset: asset.asset.clone() },
        estimated_rate: money::Ratio::ONE,
        fee_id: None,
        client: None,
        method: QuoteMethod::Local,
        expires_at: now(),
        created_at: now(),
    };
    OutgoingPayment {
        quote,
        client: None,
        grant_id: None,
        metadata: None,
        initiated_by: InitiatedBy::Admin,
        card: None,
        state: OutgoingState::Funding,
        record: None,
        created_at: now(),
        updated_at: now(),
    }
}

on_each_database! {
    async fn name_and_threshold_of_a_peer_changed_at_once_are_both_kept(database) {
        let store = open(&database).await;
        let peer = peer(&add_asset(&store, "USD", 7).await.unwrap());
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_peer(&peer).await.unwrap();
        unit.commit().await.unwrap();
        for round in 0..ROUNDS {
            let name = Some(format!("Bob {round}"));
            tokio::join!(
                changed!(store, locked_peer(peer.id), update_peer, |row| row.name.clone_from(&name)),
                changed!(store, locked_peer(peer.id), update_peer, |row| row.liquidity_threshold = Some(round)),
            );
            let found = store.tenant(OPERATOR).peer(peer.id).await.unwrap().unwrap();
            assert_eq!((found.name, found.liquidity_threshold), (name, Some(round)));
        }
    }

    async fn tokens_of_a_peer_replaced_twice_at_once_are_those_of_one_replacement(database) {
        let store = open(&database).await;
        let peer = peer(&add_asset(&store, "USD", 7).await.unwrap());
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_peer(&peer).await.unwrap();
        unit.commit().await.unwrap();
        let replace = async |prefix: &str, round: u64| {
            let tokens = [1, 2].map(|n| Secret::new(format!("{prefix} {round} {n}")));
            let unit = store.begin().await.unwrap();
            unit.tenant(OPERATOR).replace_peer_tokens(peer.id, &tokens, now()).await.unwrap();
            unit.commit().await.unwrap();
        };
        for round in 0..ROUNDS {
            tokio::join!(replace("left", round), replace("right", round));
            assert_eq!(store.tenant(OPERATOR).all_peer_tokens().await.unwrap().len(), 2);
        }
    }

    async fn name_state_and_announced_money_of_a_wallet_address_changed_at_once_are_all_kept(database) {
        let store = open(&database).await;
        with_wallet_address(&store).await;
        let id = Uuid::from_u128(8).into();
        let announce = async |round: u64| {
            let unit = store.begin().await.unwrap();
            let scope = unit.every_tenant();
            assert!(scope.note_web_monetization(id, round, round + 1, now()).await.unwrap());
            unit.commit().await.unwrap();
        };
        let property = |n: u64| AdditionalProperty {
            key: format!("key {n}"),
            value: "value".into(),
            visible_in_open_payments: true,
        };
        let replace = async |n: u64| {
            let unit = store.begin().await.unwrap();
            let scope = unit.tenant(OPERATOR);
            let entropy = testkit::entropy(n);
            scope.replace_additional_properties(id, &[property(n)], &*entropy).await.unwrap();
            unit.commit().await.unwrap();
        };
        for round in 0..ROUNDS {
            let name = Some(format!("Ann {round}"));
            tokio::join!(
                changed!(store, locked_wallet_address(id), update_wallet_address, |row| row.public_name.clone_from(&name)),
                changed!(store, locked_wallet_address(id), update_wallet_address, |row| {
                    row.deactivated_at = Some(at(round));
                }),
                announce(round),
                replace(2 * round),
                replace(2 * round + 1),
            );
            let found = store.tenant(OPERATOR).wallet_address(id).await.unwrap().unwrap();
            assert_eq!((found.public_name, found.deactivated_at), (name, Some(at(round))));
            assert_eq!(found.total_events_amount, round + 1);
            assert_eq!(store.tenant(OPERATOR).additional_properties(id).await.unwrap().len(), 1);
        }
    }

    async fn thresholds_and_deletion_of_an_asset_changed_at_once_are_both_kept(database) {
        let store = open(&database).await;
        let id = add_asset(&store, "USD", 7).await.unwrap().id;
        for round in 0..ROUNDS {
            tokio::join!(
                changed!(store, locked_asset(id), update_asset, |row| row.liquidity_threshold = Some(round)),
                changed!(store, locked_asset(id), update_asset, |row| row.withdrawal_threshold = Some(round + 1)),
                changed!(store, locked_asset(id), update_asset, |row| row.deleted_at = Some(at(round))),
            );
            let found = store.tenant(OPERATOR).asset_even_deleted(id).await.unwrap().unwrap();
            assert_eq!((found.liquidity_threshold, found.withdrawal_threshold), (Some(round), Some(round + 1)));
            assert_eq!(found.deleted_at, Some(at(round)));
        }
    }

    async fn secret_and_name_of_a_tenant_changed_at_once_are_both_kept(database) {
        let store = open(&database).await;
        for round in 0..ROUNDS {
            let text = format!("{round}");
            tokio::join!(
                changed!(store, locked_tenant(OPERATOR), update_tenant, |row| row.api_secret = Secret::new(&*text)),
                changed!(store, locked_tenant(OPERATOR), update_tenant, |row| row.public_name = Some(text.clone())),
            );
            let found = store.every_tenant().find_tenant(OPERATOR).await.unwrap().unwrap();
            assert_eq!((found.api_secret.expose(), found.public_name.as_deref()), (&*text, Some(&*text)));
        }
    }

    async fn state_and_metadata_of_payments_changed_at_once_are_both_kept(database) {
        let store = open(&database).await;
        let asset = with_wallet_address(&store).await;
        let (expected, sent) = (incoming(&asset), outgoing(&asset));
        let unit = store.begin().await.unwrap();
        let scope = unit.tenant(OPERATOR);
        scope.insert_incoming_payment(&expected).unwrap();
        scope.insert_quote(&sent.quote).unwrap();
        scope.insert_outgoing_payment(&sent).unwrap();
        unit.commit().await.unwrap();
        for round in 0..ROUNDS {
            let note = serde_json::Map::from_iter([("round".to_owned(), round.into())]);
            let id = expected.id;
            tokio::join!(
                changed!(store, locked_incoming_payment(id), with commit update_incoming_payment, |row| row.announced_amount = round),
                changed!(store, locked_incoming_payment(id), with commit update_incoming_payment, |row| {
                    row.metadata = Some(note.clone());
                }),
            );
            let found = store.tenant(OPERATOR).incoming_payment(id).await.unwrap().unwrap();
            assert_eq!((found.announced_amount, found.metadata), (round, Some(note.clone())));

            let failed = OutgoingState::Failed { error: "x".into(), sent: round };
            tokio::join!(
                changed!(store, locked_outgoing_payment(sent.id()), with commit update_outgoing_payment, |row| {
                    row.state = failed.clone();
                }),
                changed!(store, locked_outgoing_payment(sent.id()), with commit update_outgoing_payment, |row| {
                    row.metadata = Some(note.clone());
                }),
            );
            let found = store.tenant(OPERATOR).outgoing_payment(sent.id()).await.unwrap().unwrap();
            assert_eq!((found.state, found.metadata), (failed, Some(note)));
        }
    }
}
