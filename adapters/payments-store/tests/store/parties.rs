//! Wallet addresses and peers.
//! Tenants and assets are in `directory`.

use clock::Timestamp;
use payments_model::page::PageRequest;
use payments_model::peer::{OutgoingHttp, PeerHistory};
use payments_model::peer_health::{PeerError, PeerHealth, PeerState};
use payments_model::peer_terms::PeerTerms;
use payments_model::peer_tls::{ClientIdentity, PeerTls};
use payments_model::peer_token::{IncomingToken, TokenEnds};
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{Peer, PeerId, Secret, TenantAsset, TenantId, WalletAddressKey};
use testkit::on_each_database;
use uuid::Uuid;

use payments_store::Store;

use super::{OPERATOR, add_asset, now, open, wallet_address};

fn peer(asset: &TenantAsset, address: &str, n: u128) -> Peer {
    Peer {
        id: Uuid::from_u128(n).into(),
        tenant_id: asset.tenant_id,
        asset: asset.clone(),
        static_ilp_address: address.to_owned(),
        outgoing: Some(OutgoingHttp { endpoint: "http://peer.example/ilp".into(), token: Secret::new("out") }),
        history: PeerHistory::default(),
        max_packet_amount: Some(1000),
        name: Some("Peer".into()),
        liquidity_threshold: None,
        routes: Peer::routes_of(address, ["test.other".to_owned()]),
        terms: PeerTerms { packets_per_second: Some(7), ..PeerTerms::default() },
        created_at: now(),
        updated_at: now(),
    }
}

on_each_database! {
    async fn a_wallet_address_is_found_by_id_and_by_url_in_its_tenant_only(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let ann = wallet_address(&asset, "https://a.example/ann", 1);
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_wallet_address(&ann).await.unwrap();
        unit.commit().await.unwrap();
        let own = store.tenant(OPERATOR);
        assert_eq!(own.wallet_address(ann.id).await.unwrap().as_ref(), Some(&ann));
        assert_eq!(own.wallet_address_by_url(&"https://a.example/ann".parse().unwrap()).await.unwrap().as_ref(), Some(&ann));
        assert_eq!(own.wallet_addresses(PageRequest::default()).await.unwrap().items, std::slice::from_ref(&ann));
        let other = store.tenant(TenantId::from_uuid(Uuid::from_u128(99)));
        assert_eq!(other.wallet_address(ann.id).await.unwrap(), None);
        assert!(store.every_tenant().wallet_address(ann.id).await.unwrap().is_some());
    }

    async fn a_key_name_is_free_again_once_it_is_revoked(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let ann = wallet_address(&asset, "https://a.example/ann", 1);
        let key = |n: u128| WalletAddressKey {
            id: Uuid::from_u128(n).into(),
            wallet_address_id: ann.id,
            kid: "key-1".into(),
            x: "AAAA".into(),
            revoked: false,
            created_at: now(),
        };
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_wallet_address(&ann).await.unwrap();
        unit.tenant(OPERATOR).insert_wallet_address_key(&key(1)).await.unwrap();
        unit.commit().await.unwrap();
        let unit = store.begin().await.unwrap();
        assert!(unit.tenant(OPERATOR).insert_wallet_address_key(&key(2)).await.unwrap_err().is_unique_violation());
        drop(unit);
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).revoke_wallet_address_key(key(1).id, now()).await.unwrap();
        unit.tenant(OPERATOR).insert_wallet_address_key(&key(2)).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(store.tenant(OPERATOR).unrevoked_keys(ann.id).await.unwrap(), [key(2)]);
        let all = store.tenant(OPERATOR).wallet_address_keys(ann.id, PageRequest::default()).await.unwrap();
        assert_eq!(all.items.len(), 2);
        let other = store.tenant(TenantId::from_uuid(Uuid::from_u128(99)));
        assert!(other.unrevoked_keys(ann.id).await.unwrap().is_empty());
    }

    async fn properties_are_replaced_as_a_whole_and_keep_their_order(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let ann = wallet_address(&asset, "https://a.example/ann", 1);
        let property = |key: &str| AdditionalProperty {
            key: key.into(),
            value: "v".into(),
            visible_in_open_payments: key == "b",
        };
        let unit = store.begin().await.unwrap();
        let scope = unit.tenant(OPERATOR);
        scope.insert_wallet_address(&ann).await.unwrap();
        let entropy = testkit::entropy(5);
        scope.replace_additional_properties(ann.id, &[property("x")], &*entropy).await.unwrap();
        scope.replace_additional_properties(ann.id, &[property("b"), property("a")], &*entropy).await.unwrap();
        unit.commit().await.unwrap();
        let stored = store.tenant(OPERATOR).additional_properties(ann.id).await.unwrap();
        assert_eq!(stored, [property("b"), property("a")]);
    }

    async fn a_peer_comes_back_with_its_asset_routes_and_tokens(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let bob = peer(&asset, "test.bob", 1);
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_peer(&bob).await.unwrap();
        let tokens = [Secret::new("in-1"), Secret::new("in-2")];
        unit.tenant(OPERATOR).replace_peer_tokens(bob.id, &tokens, now()).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(store.every_tenant().all_peers().await.unwrap(), std::slice::from_ref(&bob));
        assert_eq!(store.tenant(OPERATOR).peer(bob.id).await.unwrap(), Some(bob.clone()));
        assert_eq!(store.every_tenant().all_peer_tokens().await.unwrap().len(), 2);
        let other = store.tenant(TenantId::from_uuid(Uuid::from_u128(99)));
        assert!(other.all_peer_tokens().await.unwrap().is_empty());
        let unit = store.begin().await.unwrap();
        assert!(unit.tenant(OPERATOR).delete_peer(bob.id).await.unwrap());
        unit.commit().await.unwrap();
        assert!(store.every_tenant().all_peer_tokens().await.unwrap().is_empty());
    }

    async fn certificates_of_a_peer_are_its_tenants_only_and_go_with_the_peer(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let (bob, carol) = (peer(&asset, "test.bob", 1), peer(&asset, "test.carol", 2));
        let identity = ClientIdentity { certificate: "certificate".into(), sealed_key: "sealed".into() };
        let tls = PeerTls { identity: Some(identity), authorities: None };
        let unit = store.begin().await.unwrap();
        let scope = unit.tenant(OPERATOR);
        for peer in [&bob, &carol] {
            scope.insert_peer(peer).await.unwrap();
            let locked = scope.locked_peer(peer.id).await.unwrap().unwrap();
            scope.replace_peer_tls(&locked, Some(&tls)).await.unwrap();
        }
        unit.commit().await.unwrap();
        assert_eq!(store.tenant(OPERATOR).peer_tls(bob.id).await.unwrap(), Some(tls.clone()));
        assert_eq!(store.every_tenant().all_peer_tls().await.unwrap().len(), 2);
        let other = TenantId::from_uuid(Uuid::from_u128(99));
        assert_eq!(store.tenant(other).peer_tls(bob.id).await.unwrap(), None);

        let unit = store.begin().await.unwrap();
        unit.tenant(other).delete_every_peer_tls().await.unwrap();
        assert!(unit.tenant(OPERATOR).delete_peer(bob.id).await.unwrap());
        unit.commit().await.unwrap();
        assert_eq!(store.every_tenant().all_peer_tls().await.unwrap(), [(carol.id, tls)]);
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).delete_every_peer_tls().await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(store.every_tenant().all_peer_tls().await.unwrap(), []);
    }

    async fn of_what_several_processes_note_of_a_peer_the_newest_is_kept(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let bob = peer(&asset, "test.bob", 1);
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_peer(&bob).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(store.health_of(&bob).await.unwrap(), None);

        let at = Timestamp::from_millis;
        let note = async |id, state, since, success: Option<i64>, error: Option<i64>| {
            let last_error = error.map(|millis| PeerError { at: at(millis), reason: format!("at {millis}") });
            let noted = PeerHealth { state, since: at(since), last_success: success.map(at), last_error, interruptions: 1 };
            let unit = store.begin().await.unwrap();
            unit.every_tenant().note_peer_health(id, &noted).await.unwrap();
            unit.commit().await.unwrap();
        };
        note(bob.id, PeerState::Up, 10, Some(10), None).await;
        note(bob.id, PeerState::Down, 50, None, Some(50)).await;
        // Another process, for which nothing changed.
        note(bob.id, PeerState::Up, 10, Some(40), Some(30)).await;
        let kept = store.health_of(&bob).await.unwrap().unwrap();
        let error = PeerError { at: at(50), reason: "at 50".to_owned() };
        let newest = PeerHealth {
            state: PeerState::Down,
            since: at(50),
            last_success: Some(at(40)),
            last_error: Some(error),
            interruptions: 3,
        };
        assert_eq!(kept, newest);

        // A peer that was deleted meanwhile is no fault.
        note(PeerId::from_uuid(Uuid::from_u128(77)), PeerState::Up, 10, None, None).await;
        let unit = store.begin().await.unwrap();
        assert!(unit.tenant(OPERATOR).delete_peer(bob.id).await.unwrap());
        unit.commit().await.unwrap();
        assert_eq!(store.health_of(&bob).await.unwrap(), None);
    }

    async fn of_the_tokens_of_an_older_version_only_digests_stay(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let bob = peer(&asset, "test.bob", 1);
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_peer(&bob).await.unwrap();
        unit.commit().await.unwrap();
        let old = "INSERT INTO peer_http_tokens (token, peer_id, created_at) VALUES ($1, $2, 5)";
        for token in ["in-1", "in-2"] {
            database.execute(old, [token.into(), bob.id.as_uuid().into()]).await.unwrap();
        }
        let stores = [open(&database).await, Store::open_migrated((*database).clone()).await.unwrap()];
        for store in stores {
            let mut tokens = store.tenant(OPERATOR).peer_tokens(bob.id).await.unwrap();
            tokens.sort_unstable_by_key(|token| token.digest);
            let mut wanted = [IncomingToken::of("in-1"), IncomingToken::of("in-2")];
            wanted.sort_unstable_by_key(|token| token.digest);
            assert_eq!(tokens, wanted);
        }
        assert_eq!(database.execute("DELETE FROM peer_http_tokens", []).await.unwrap(), 0);
    }

    async fn a_token_that_is_added_ends_the_others_and_the_oldest_go(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let bob = peer(&asset, "test.bob", 1);
        let unit = store.begin().await.unwrap();
        let scope = unit.tenant(OPERATOR);
        scope.insert_peer(&bob).await.unwrap();
        scope.replace_peer_tokens(bob.id, &[Secret::new("0")], now()).await.unwrap();
        let locked = scope.locked_peer(bob.id).await.unwrap().unwrap();
        let seconds = |n: u64| now() + std::time::Duration::from_secs(n);
        let others_end = |at| TokenEnds { own: None, others: Some(seconds(at)) };
        for n in 1..=10 {
            scope.add_peer_token(&locked, &Secret::new(n.to_string()), others_end(n + 100), seconds(n)).await.unwrap();
        }
        scope.add_peer_token(&locked, &Secret::new("10"), others_end(200), seconds(11)).await.unwrap();
        let tokens = scope.peer_tokens(bob.id).await.unwrap();
        let wanted: Vec<_> = (3..=10).rev().map(|n: u64| {
            let token = IncomingToken::of(&n.to_string());
            if n == 10 { token } else { token.ending(seconds(n + 101)) }
        }).collect();
        assert_eq!(tokens, wanted, "eight, each ends with the time of the one after it");
        scope.add_peer_token(&locked, &Secret::new("11"), others_end(400), seconds(300)).await.unwrap();
        let tokens = scope.peer_tokens(bob.id).await.unwrap();
        let wanted = [IncomingToken::of("11"), IncomingToken::of("10").ending(seconds(400))];
        assert_eq!(tokens, wanted, "what has ended is gone");
    }

    async fn a_token_of_another_peer_is_refused(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let (bob, eve) = (peer(&asset, "test.bob", 1), peer(&asset, "test.eve", 2));
        let unit = store.begin().await.unwrap();
        let scope = unit.tenant(OPERATOR);
        scope.insert_peer(&bob).await.unwrap();
        scope.insert_peer(&eve).await.unwrap();
        scope.replace_peer_tokens(bob.id, &[Secret::new("same")], now()).await.unwrap();
        let refused = scope.replace_peer_tokens(eve.id, &[Secret::new("same")], now()).await.unwrap_err();
        assert!(refused.is_unique_violation());
    }

    async fn a_change_of_the_directory_is_announced_to_every_copy(database) {
        let store = open(&database).await;
        let mut changes = store.directory_changes();
        add_asset(&store, "USD", 7).await.unwrap();
        changes.notified().await;
    }
}

#[test]
fn a_peer_that_moves_takes_its_first_route_with_it() {
    let asset = TenantAsset {
        id: Uuid::from_u128(1).into(),
        tenant_id: OPERATOR,
        ledger: 1,
        asset: money::Asset::new("USD", 2).unwrap(),
        withdrawal_threshold: None,
        liquidity_threshold: None,
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
    };
    let mut bob = peer(&asset, "test.bob", 1);
    bob.move_to("test.moved".into());
    assert_eq!(bob.routes, ["test.moved", "test.other"]);
}
