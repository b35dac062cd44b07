//! Assets, fees, peers, wallet addresses and settings.
//! Payments are in `payments` and `flows`.

use clock::Clock;
use database::sea_orm::ConnectionTrait;
use payments::administration::{Caller, NewPeerIdentity, NewPeerTls};
use payments_model::peer_health::{PeerHealth, PeerState};
use payments_model::peer_tls::CertificateTerm;
use payments_model::{PeerId, Secret};
use sealed_text::{Place, Sealer};
use serde_json::{Value, json};
use testkit::{Certified, PrivateAuthority, on_each_database};

use super::bench::{Bench, OPERATOR, TENANT, TWIN};

const CREATE_ASSET: &str = "createAsset: CreateAssetInput { asset { id code scale liquidity liquidityThreshold } }";
const CREATE_PEER: &str =
    "createPeer: CreatePeerInput { peer { id staticIlpAddress routes liquidity http { outgoing { endpoint } } } }";
const CREATE_ADDRESS: &str =
    "createWalletAddress: CreateWalletAddressInput { walletAddress { id address status liquidity asset { code } } }";
const PUT_SETTINGS: &str = "createTenantSettings: CreateTenantSettingsInput { settings { key value } }";

async fn asset(bench: &Bench, tenant: payments_model::TenantId) -> String {
    let made = bench.mutate(tenant, CREATE_ASSET, json!({ "code": "USD", "scale": 2 })).await;
    made["asset"]["id"].as_str().unwrap().to_owned()
}

const SET_PEER_TLS: &str = "setPeerTls: SetPeerTlsInput { peer { tls { certificate authorities } } }";
const SET_PEER_TLS_FACTS: &str = "setPeerTls: SetPeerTlsInput { peer { tls { subject expiresAt authorities } } }";

/// A peer that is called with TLS.
async fn secured_peer(bench: &Bench) -> Value {
    let usd = asset(bench, TENANT).await;
    let mut input = peer_input(&usd, "test.bob");
    input["http"]["outgoing"]["endpoint"] = json!("https://p.example");
    bench.mutate(TENANT, CREATE_PEER, input).await["peer"]["id"].clone()
}

fn peer_input(asset: &str, address: &str) -> Value {
    json!({
        "assetId": asset,
        "staticIlpAddress": address,
        "http": { "incoming": { "authTokens": [address] }, "outgoing": { "authToken": "t", "endpoint": "http://p.example" } },
        "initialLiquidity": "500",
    })
}

on_each_database! {
    async fn an_asset_is_created_once_and_found_by_every_query(database) {
        let bench = Bench::open(database).await;
        let input = json!({ "code": "USD", "scale": "2", "liquidityThreshold": 100 });
        let made = bench.mutate(TENANT, CREATE_ASSET, input.clone()).await;
        assert_eq!(made["asset"]["liquidity"], "0");
        assert_eq!(made["asset"]["liquidityThreshold"], "100");
        let refused = bench.refused(TENANT, CREATE_ASSET, input).await;
        assert_eq!(refused, ("Asset already exists".into(), "DUPLICATE".into()));
        let query = "query($id: String!) {
            asset(id: $id) { code }
            assetByCodeAndScale(code: \"USD\", scale: 2) { id sendingFee { fixed } }
            assets { edges { node { id tenant { id } } cursor } pageInfo { hasNextPage startCursor } }
        }";
        let id = made["asset"]["id"].clone();
        let found = bench.run(TENANT, query, json!({ "id": id })).await;
        assert_eq!(found["data"]["asset"]["code"], "USD");
        assert_eq!(found["data"]["assetByCodeAndScale"], json!({ "id": id, "sendingFee": null }));
        assert_eq!(found["data"]["assets"]["edges"], json!([{ "node": { "id": id, "tenant": { "id": TENANT } }, "cursor": id }]));
        let foreign = bench.run(OPERATOR, "{ assets { edges { node { id } } } assetByCodeAndScale(code: \"USD\", scale: 2) { id } }", json!({})).await;
        assert_eq!(foreign["data"], json!({ "assets": { "edges": [{ "node": { "id": id } }] }, "assetByCodeAndScale": null }));
    }

    async fn a_repeated_key_answers_the_same_and_acts_once(database) {
        let bench = Bench::open(database).await;
        let input = json!({ "code": "USD", "scale": 2, "idempotencyKey": "k" });
        let first = bench.mutate(TENANT, CREATE_ASSET, input.clone()).await;
        let again = bench.mutate(TENANT, CREATE_ASSET, json!({ "code": "USD", "scale": "2", "idempotencyKey": "k" })).await;
        assert_eq!(first, again);
        let (message, _) = bench.refused(TENANT, CREATE_ASSET, json!({ "code": "EUR", "scale": 2, "idempotencyKey": "k" })).await;
        assert_eq!(message, "Incoming arguments are different than the original request for idempotencyKey: k");
        let other = bench.mutate(OPERATOR, CREATE_ASSET, input).await;
        assert_ne!(first["asset"]["id"], other["asset"]["id"], "keys are a tenant's own");
    }

    async fn a_fee_is_in_force_at_once_and_the_history_stays(database) {
        let bench = Bench::open(database).await;
        let id = asset(&bench, TENANT).await;
        let set = "setFee: SetFeeInput { fee { type fixed basisPoints } }";
        for fixed in ["100", "200"] {
            let fee = json!({ "assetId": id, "type": "SENDING", "fee": { "fixed": fixed, "basisPoints": 50 } });
            bench.mutate(TENANT, set, fee).await;
        }
        let query = "query($id: String!) { asset(id: $id) { sendingFee { fixed } receivingFee { id } fees { edges { node { fixed } } } } }";
        let found = bench.run(TENANT, query, json!({ "id": id })).await;
        assert_eq!(found["data"]["asset"]["sendingFee"]["fixed"], "200");
        assert_eq!(found["data"]["asset"]["receivingFee"], Value::Null);
        assert_eq!(found["data"]["asset"]["fees"]["edges"].as_array().unwrap().len(), 2);
        let too_much = json!({ "assetId": id, "type": "SENDING", "fee": { "fixed": 0, "basisPoints": 10001 } });
        let refused = bench.refused(TENANT, set, too_much).await;
        assert_eq!(refused, ("Basis point fee must be between 0 and 10000".into(), "BAD_USER_INPUT".into()));
    }

    async fn a_peer_is_created_changed_and_found_by_address(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, TENANT).await;
        let made = bench.mutate(TENANT, CREATE_PEER, peer_input(&usd, "test.bob")).await;
        assert_eq!(made["peer"]["liquidity"], "500");
        assert_eq!(made["peer"]["routes"], json!(["test.bob"]));
        let refused = bench.refused(TENANT, CREATE_PEER, peer_input(&usd, "test.bob")).await;
        assert_eq!(refused, ("duplicate peer found for same ILP address and asset".into(), "DUPLICATE".into()));
        let refused = bench.refused(TENANT, CREATE_PEER, peer_input(&usd, "bob")).await;
        assert_eq!(refused, ("invalid ILP address".into(), "BAD_USER_INPUT".into()));
        let update = "updatePeer: UpdatePeerInput { peer { name staticIlpAddress routes } }";
        let change = json!({ "id": made["peer"]["id"], "staticIlpAddress": "test.robert", "name": "Bob", "idempotencyKey": "k" });
        let changed = bench.mutate(TENANT, update, change).await;
        assert_eq!(changed["peer"], json!({ "name": "Bob", "staticIlpAddress": "test.robert", "routes": ["test.robert"] }));
        let query = "query($asset: String!, $address: String!) { peerByAddressAndAsset(assetId: $asset, staticIlpAddress: $address) { id } }";
        let towards = bench.run(TENANT, query, json!({ "asset": usd, "address": "test.robert.deeper.x" })).await;
        assert_eq!(towards["data"]["peerByAddressAndAsset"]["id"], made["peer"]["id"]);
        let nowhere = bench.run(TENANT, query, json!({ "asset": usd, "address": "test.roberta" })).await;
        assert_eq!(nowhere["data"]["peerByAddressAndAsset"], Value::Null);
    }

    async fn the_terms_of_a_peer_are_set_shown_changed_and_removed(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, TENANT).await;
        let terms = "weight packetsPerSecond packetBurst incomingThroughput { amount seconds } outgoingThroughput { amount seconds }";
        let create = format!("createPeer: CreatePeerInput {{ peer {{ id {terms} }} }}");
        let update = format!("updatePeer: UpdatePeerInput {{ peer {{ {terms} }} }}");

        let none = json!({ "weight": 1, "packetsPerSecond": null, "packetBurst": null, "incomingThroughput": null, "outgoingThroughput": null });
        let plain = bench.mutate(TENANT, &create, peer_input(&usd, "test.carol")).await["peer"].clone();
        assert_eq!(json!({ "id": plain["id"], "weight": 1, "packetsPerSecond": null, "packetBurst": null, "incomingThroughput": null,
            "outgoingThroughput": null }), plain);

        let mut input = peer_input(&usd, "test.bob");
        input["packetsPerSecond"] = json!(50);
        input["outgoingThroughput"] = json!({ "amount": "9223372036854775807", "seconds": 60 });
        let made = bench.mutate(TENANT, &create, input).await["peer"].clone();
        assert_eq!(made["packetsPerSecond"], 50);
        assert_eq!(made["outgoingThroughput"], json!({ "amount": "9223372036854775807", "seconds": 60 }));

        let id = &made["id"];
        let change = json!({ "id": id, "packetBurst": 9, "weight": 0, "incomingThroughput": { "amount": 5, "seconds": 1 } });
        let changed = bench.mutate(TENANT, &update, change).await["peer"].clone();
        assert_eq!(changed, json!({ "weight": 0, "packetsPerSecond": 50, "packetBurst": 9,
            "incomingThroughput": { "amount": "5", "seconds": 1 }, "outgoingThroughput": made["outgoingThroughput"] }));
        let nothing = json!({ "id": id, "weight": null, "packetsPerSecond": null, "packetBurst": null, "incomingThroughput": null, "outgoingThroughput": null });
        assert_eq!(bench.mutate(TENANT, &update, nothing).await["peer"], none);

        for (wrong, why) in [
            (json!({ "packetsPerSecond": 0 }), "packetsPerSecond must be between 1 and 1000000"),
            (json!({ "weight": 1001 }), "weight must be between 0 and 1000"),
            (json!({ "packetBurst": 10_000_001 }), "packetBurst must be between 1 and 10000000"),
            (json!({ "incomingThroughput": { "amount": 0, "seconds": 1 } }), "the amount of a throughput must be at least 1; use null for no limit"),
            (json!({ "outgoingThroughput": { "amount": 1, "seconds": 86_401 } }), "the seconds of a throughput must be between 1 and 86400"),
        ] {
            let mut input = wrong;
            input["id"] = id.clone();
            assert_eq!(bench.refused(TENANT, &update, input).await, (why.into(), "BAD_USER_INPUT".into()));
        }
    }

    async fn the_certificates_of_a_peer_are_set_shown_without_the_key_and_removed(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, TENANT).await;
        let mut input = peer_input(&usd, "test.bob");
        input["http"]["outgoing"]["endpoint"] = json!("https://p.example");
        let id = bench.mutate(TENANT, CREATE_PEER, input).await["peer"]["id"].clone();
        let peer: PeerId = id.as_str().unwrap().parse().unwrap();
        let (authority, set) = (PrivateAuthority::default(), SET_PEER_TLS);
        let Certified { certificate, key } = authority.certify();

        let given = json!({ "peerId": id, "certificate": certificate, "privateKey": key, "authorities": authority.pem(), "idempotencyKey": "k" });
        for _ in 0..2 {
            let answer = bench.mutate(TENANT, set, given.clone()).await;
            assert_eq!(answer["peer"]["tls"], json!({ "certificate": certificate, "authorities": authority.pem() }));
        }
        let stored = bench.institution.parts.store.tenant(TENANT).peer_tls(peer).await.unwrap().unwrap();
        let sealed = stored.identity.unwrap().sealed_key;
        assert!(sealed.starts_with("sealed:"), "{sealed}");
        let opened = bench.institution.parts.sealer.open(&sealed, Place::PrivateKey(peer.as_uuid()));
        assert_eq!(opened.as_deref(), Ok(key.as_str()));

        let other = authority.certify();
        let (with_key, both) = (format!("{certificate}{key}"), "give certificate and privateKey together, or neither");
        for (wrong, why) in [
            (json!({ "certificate": certificate }), both),
            (json!({ "privateKey": key }), both),
            (json!({ "certificate": with_key, "privateKey": key }), "certificate cannot be read: give the certificate"),
            (json!({ "certificate": certificate, "privateKey": "-----" }), "privateKey cannot be read: give one private key"),
            (json!({ "certificate": certificate, "privateKey": other.key }), "privateKey does not belong to the first certificate"),
            (json!({ "authorities": "none" }), "authorities cannot be read: give at least one certificate in PEM"),
        ] {
            let mut input = wrong;
            input["peerId"] = id.clone();
            let (told, code) = bench.refused(TENANT, set, input).await;
            assert!(told.starts_with(why) && code == "BAD_USER_INPUT", "{told} {code}");
        }
        let removed = bench.mutate(TENANT, set, json!({ "peerId": id })).await;
        assert_eq!(removed["peer"]["tls"], Value::Null);
    }

    async fn a_certificate_tells_whose_it_is_and_stays_when_only_the_authorities_change(database) {
        let bench = Bench::open(database).await;
        let id = secured_peer(&bench).await;
        let (authority, set) = (PrivateAuthority::default(), SET_PEER_TLS_FACTS);
        let own = authority.certify_as("rafiki.example", &["localhost"], (2030, 5, 1));
        let given = json!({ "peerId": id, "certificate": own.certificate, "privateKey": own.key });
        let told = bench.mutate(TENANT, set, given.clone()).await["peer"]["tls"].clone();
        let facts = json!({ "subject": "CN=rafiki.example", "expiresAt": "2030-05-01T00:00:00.000Z", "authorities": null });
        assert_eq!(told, facts);

        let kept = json!({ "peerId": id, "keepCertificate": true, "authorities": authority.pem() });
        let told = bench.mutate(TENANT, set, kept).await["peer"]["tls"].clone();
        assert_eq!((&told["subject"], &told["authorities"]), (&json!("CN=rafiki.example"), &json!(authority.pem())));
        let told = bench.mutate(TENANT, set, json!({ "peerId": id, "keepCertificate": true })).await["peer"]["tls"].clone();
        assert_eq!(told, facts);

        let mut both = given;
        both["keepCertificate"] = json!(true);
        let (why, code) = bench.refused(TENANT, set, both).await;
        assert!(why.starts_with("keepCertificate keeps") && code == "BAD_USER_INPUT", "{why}");
        bench.mutate(TENANT, set, json!({ "peerId": id })).await;
        let told = bench.mutate(TENANT, set, json!({ "peerId": id, "keepCertificate": true })).await["peer"]["tls"].clone();
        assert_eq!(told, Value::Null, "there is nothing to keep");
    }

    async fn a_private_key_is_sealed_again_after_the_secret_was_replaced_so_that_the_old_one_can_go(database) {
        let bench = Bench::open(database).await;
        let id = secured_peer(&bench).await;
        let peer: PeerId = id.as_str().unwrap().parse().unwrap();
        let own = PrivateAuthority::default().certify();
        let given = json!({ "peerId": id, "certificate": own.certificate, "privateKey": own.key });
        bench.mutate(TENANT, SET_PEER_TLS_FACTS, given).await;
        let sealed = async || {
            let stored = bench.institution.parts.store.tenant(TENANT).peer_tls(peer).await.unwrap().unwrap();
            stored.identity.unwrap().sealed_key
        };
        let (first, place) = (sealed().await, Place::PrivateKey(peer.as_uuid()));

        let without_the_old = bench.institution.restarted_with(Sealer::new(Some(&[8; 32]), &[]));
        assert_eq!(without_the_old.administration.reseal_peer_keys().await.unwrap(), 0);
        assert_eq!(sealed().await, first, "a key that cannot be opened stays as it is");

        let both = Sealer::new(Some(&[8; 32]), &[[7; 32]]);
        let replaced = bench.institution.restarted_with(both.clone());
        assert_eq!(both.open(&first, place).as_deref(), Ok(own.key.as_str()), "it is used before it is sealed again");
        assert_eq!(replaced.administration.reseal_peer_keys().await.unwrap(), 1);
        assert_eq!(replaced.administration.reseal_peer_keys().await.unwrap(), 0);
        let only_the_new = Sealer::new(Some(&[8; 32]), &[]);
        assert_eq!(only_the_new.open(&sealed().await, place).as_deref(), Ok(own.key.as_str()));
    }

    async fn the_health_of_a_peer_tells_when_its_certificate_ends_and_endings_are_found(database) {
        let bench = Bench::open(database).await;
        let id = secured_peer(&bench).await;
        let peer: PeerId = id.as_str().unwrap().parse().unwrap();
        let administration = &bench.institution.administration;
        let authority = PrivateAuthority::default();
        let until = async |year: i32| {
            let own = authority.certify_as("rafiki.example", &["localhost"], (year, 1, 1));
            let given = json!({ "peerId": id, "certificate": own.certificate, "privateKey": own.key });
            bench.mutate(TENANT, SET_PEER_TLS_FACTS, given).await;
            administration.ending_peer_certificates().await.unwrap()
        };
        assert_eq!(until(3000).await, []);
        let ending = until(2001).await;
        assert_eq!((ending.len(), ending[0].peer, ending[0].term), (1, peer, CertificateTerm::Ended));

        let now = bench.institution.parts.clock.now();
        let note = PeerHealth { state: PeerState::Up, since: now, last_success: Some(now), last_error: None, interruptions: 0 };
        let unit = bench.institution.parts.store.begin().await.unwrap();
        unit.every_tenant().note_peer_health(peer, &note).await.unwrap();
        unit.commit().await.unwrap();
        let query = "query($id: String!) { peer(id: $id) { health { certificateExpiresAt } } }";
        let told = bench.run(TENANT, query, json!({ "id": id })).await;
        assert_eq!(told["data"]["peer"]["health"]["certificateExpiresAt"], json!("2001-01-01T00:00:00.000Z"));
    }

    async fn certificates_need_an_https_endpoint_and_a_key_needs_encryption(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, TENANT).await;
        let id = bench.mutate(TENANT, CREATE_PEER, peer_input(&usd, "test.bob")).await["peer"]["id"].clone();
        let authority = PrivateAuthority::default();
        let (told, code) = bench.refused(TENANT, SET_PEER_TLS, json!({ "peerId": id, "authorities": authority.pem() })).await;
        assert!(told.contains("https") && code == "BAD_USER_INPUT", "{told}");
        let endpoint = json!({ "id": id, "http": { "outgoing": { "authToken": "t", "endpoint": "https://p.example" } } });
        bench.mutate(TENANT, "updatePeer: UpdatePeerInput { peer { id } }", endpoint).await;
        bench.mutate(TENANT, SET_PEER_TLS, json!({ "peerId": id, "authorities": authority.pem() })).await;

        let institution = bench.institution.restarted_with(Sealer::default());
        let own = authority.certify();
        let identity = NewPeerIdentity::Shown(own.certificate, Secret::new(own.key));
        let tls = NewPeerTls { identity, authorities: None };
        let caller = Caller { tenant: TENANT, is_operator: false };
        let refused = institution.administration.set_peer_tls(caller, id.as_str().unwrap().parse().unwrap(), Some(tls)).await;
        assert!(refused.unwrap_err().to_string().contains("set DB_ENCRYPTION_SECRET"));
    }

    async fn tokens_of_a_peer_are_replaced_with_an_overlap_and_end_when_they_say(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, TENANT).await;
        let id = bench.mutate(TENANT, CREATE_PEER, peer_input(&usd, "test.bob")).await["peer"]["id"].clone();
        let other = bench.mutate(TENANT, CREATE_PEER, peer_input(&usd, "test.carol")).await["peer"]["id"].clone();
        let tokens = "incomingTokens { id expiresAt } outgoingTokens { id expiresAt }";
        let add = format!("addPeerIncomingToken: AddPeerIncomingTokenInput {{ authToken peer {{ {tokens} }} }}");
        let name = |token: &str| payments_model::peer_token::TokenDigest::of(token).short();
        let in_seconds = |bench: &Bench, seconds| (bench.clock.now() + std::time::Duration::from_secs(seconds)).to_string();

        // Without an end for the others, a peer has several tokens.
        let new = json!({ "peerId": id, "authToken": "a-second-token-of-bob", "expiresInSeconds": 100, "idempotencyKey": "k" });
        let added = bench.mutate(TENANT, &add, new.clone()).await;
        assert_eq!(added["authToken"], "a-second-token-of-bob");
        assert_eq!(added["peer"]["incomingTokens"], json!([
            { "id": name("a-second-token-of-bob"), "expiresAt": in_seconds(&bench, 100) },
            { "id": name("test.bob"), "expiresAt": null },
        ]));
        let again = bench.mutate(TENANT, &add, new).await;
        assert_eq!(again["authToken"], Value::Null, "a token is shown once");

        // A token is made, and the others end; none ends later than it would have.
        let added = bench.mutate(TENANT, &add, json!({ "peerId": id, "overlapSeconds": 3600 })).await;
        let made = added["authToken"].as_str().unwrap().to_owned();
        assert_eq!(made.len(), 64);
        let shown = added["peer"]["incomingTokens"].as_array().unwrap().clone();
        let end = |token: &str| {
            let found = shown.iter().find(|one| one["id"] == json!(name(token)));
            found.unwrap_or_else(|| panic!("no {token} in {shown:?}"))["expiresAt"].clone()
        };
        assert_eq!(end(&made), Value::Null);
        assert_ne!(end("test.bob"), Value::Null);
        assert!(end("a-second-token-of-bob").as_str() < end("test.bob").as_str());
        bench.clock.advance(std::time::Duration::from_secs(3601));
        let query = format!("query($id: String!) {{ peer(id: $id) {{ {tokens} }} }}");
        let left = bench.run(TENANT, &query, json!({ "id": id })).await["data"]["peer"].clone();
        assert_eq!(left["incomingTokens"], json!([{ "id": name(&made), "expiresAt": null }]));

        let taken = json!({ "peerId": other, "authToken": made });
        assert_eq!(bench.refused(TENANT, &add, taken).await, ("duplicate incoming token".into(), "DUPLICATE".into()));
        for (wrong, why) in [
            (json!({ "authToken": "short" }), "a token must have 16 to 255 printable ASCII characters without spaces; leave it out to get a generated one"),
            (json!({ "authToken": "with a space in it" }), "a token must have 16 to 255 printable ASCII characters without spaces; leave it out to get a generated one"),
            (json!({ "overlapSeconds": 2_592_001 }), "overlapSeconds must be at most 2592000, which is 30 days"),
            (json!({ "expiresInSeconds": -1 }), "expiresInSeconds must not be negative"),
        ] {
            let mut input = wrong;
            input["peerId"] = id.clone();
            assert_eq!(bench.refused(TENANT, &add, input).await, (why.into(), "BAD_USER_INPUT".into()));
        }
        for _ in 0..7 {
            bench.mutate(TENANT, &add, json!({ "peerId": id })).await;
        }
        let (message, _) = bench.refused(TENANT, &add, json!({ "peerId": id })).await;
        assert_eq!(message, "a peer can present 8 tokens; remove one, or let the others end with overlapSeconds");

        let remove = format!("removePeerIncomingToken: RemovePeerIncomingTokenInput {{ peer {{ {tokens} }} }}");
        let removed = bench.mutate(TENANT, &remove, json!({ "peerId": id, "tokenId": name(&made) })).await;
        let left = removed["peer"]["incomingTokens"].as_array().unwrap().clone();
        assert!(left.len() == 7 && left.iter().all(|one| one["id"] != json!(name(&made))));
        let (message, code) = bench.refused(TENANT, &remove, json!({ "peerId": id, "tokenId": name(&made) })).await;
        assert_eq!((&*message, &*code), ("unknown token; Peer.incomingTokens lists those that are accepted", "NOT_FOUND"));

        let replace = format!("replacePeerOutgoingToken: ReplacePeerOutgoingTokenInput {{ authToken peer {{ http {{ outgoing {{ authToken endpoint }} }} {tokens} }} }}");
        let replaced = bench.mutate(TENANT, &replace, json!({ "peerId": id, "authToken": "what-we-show-to-bob", "overlapSeconds": 60 })).await;
        assert_eq!(replaced["peer"]["http"]["outgoing"], json!({ "authToken": "what-we-show-to-bob", "endpoint": "http://p.example" }));
        let shown = replaced["peer"]["outgoingTokens"].clone();
        assert_eq!((&shown[0], &shown[1]["id"]), (&json!({ "id": name("what-we-show-to-bob"), "expiresAt": null }), &json!(name("t"))));
        assert_ne!(shown[1]["expiresAt"], Value::Null);
    }

    async fn a_tenant_reaches_nothing_of_another(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, OPERATOR).await;
        let peer = bench.mutate(OPERATOR, CREATE_PEER, peer_input(&usd, "test.bob")).await;
        let refused = bench.refused(TENANT, CREATE_PEER, peer_input(&usd, "test.eve")).await;
        assert_eq!(refused, ("unknown asset".into(), "NOT_FOUND".into()));
        let update = "updatePeer: UpdatePeerInput { peer { tenant { apiSecret } } }";
        let refused = bench.refused(TENANT, update, json!({ "id": peer["peer"]["id"] })).await;
        assert_eq!(refused, ("unknown peer".into(), "NOT_FOUND".into()));
        let deposit = "depositPeerLiquidity: DepositPeerLiquidityInput { success }";
        let input = json!({ "peerId": peer["peer"]["id"], "amount": 5, "id": bench.uuid(), "idempotencyKey": "d" });
        assert_eq!(bench.refused(TENANT, deposit, input).await.1, "NOT_FOUND");
        let query = "query($id: String!, $peer: String!) { asset(id: $id) { id } peer(id: $peer) { id } }";
        let answer = bench.run(TENANT, query, json!({ "id": usd, "peer": peer["peer"]["id"] })).await;
        assert_eq!(answer["data"], json!({ "asset": null, "peer": null }));
        let transfers = "query($id: String!) { accountingTransfers(id: $id) { credits { id } } }";
        let answer = bench.run(TENANT, transfers, json!({ "id": peer["peer"]["id"] })).await;
        assert_eq!(answer["data"]["accountingTransfers"]["credits"], json!([]));
        let assigned = bench.refused(TENANT, CREATE_ASSET, json!({ "code": "EUR", "scale": 2, "tenantId": OPERATOR })).await;
        assert_eq!(assigned, ("Assignment to the specified tenant is not permitted".into(), "BAD_USER_INPUT".into()));
    }

    async fn an_id_that_is_none_finds_nothing(database) {
        let bench = Bench::open(database).await;
        let query = "{ asset(id: \"x\") { id } peer(id: \"x\") { id } walletAddress(id: \"x\") { id } quote(id: \"x\") { id }
            incomingPayment(id: \"x\") { id } outgoingPayment(id: \"x\") { id } receiver(id: \"x\") { id } }";
        let answer = bench.run(TENANT, query, json!({})).await;
        let codes: Vec<_> = answer["errors"].as_array().unwrap().iter().map(|error| error["extensions"]["code"].clone()).collect();
        assert_eq!(codes, vec![json!("NOT_FOUND"); 7], "{answer}");
    }

    async fn a_wallet_address_its_keys_and_its_status(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, TENANT).await;
        let input = json!({ "assetId": usd, "address": "Ann", "publicName": "Ann" });
        let refused = bench.refused(TENANT, CREATE_ADDRESS, input.clone()).await;
        assert_eq!(refused, ("Setting for wallet address has not been found.".into(), "NOT_FOUND".into()));
        let setting = json!({ "settings": [{ "key": "WALLET_ADDRESS_URL", "value": "https://tenant.example/w" }] });
        bench.mutate(TENANT, PUT_SETTINGS, setting).await;
        let made = bench.mutate(TENANT, CREATE_ADDRESS, input).await;
        let address = &made["walletAddress"];
        assert_eq!(address["address"], "https://tenant.example/w/ann");
        assert_eq!((&address["status"], &address["liquidity"]), (&json!("ACTIVE"), &Value::Null));
        let key = "createWalletAddressKey: CreateWalletAddressKeyInput { walletAddressKey { jwk { kid alg } revoked } }";
        let jwk = json!({ "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519" });
        let input = json!({ "walletAddressId": address["id"], "jwk": jwk });
        let made_key = bench.mutate(TENANT, key, input.clone()).await;
        assert_eq!(made_key["walletAddressKey"]["jwk"], json!({ "kid": "k1", "alg": "EdDSA" }));
        assert_eq!(bench.refused(TENANT, key, input).await, ("Key already exists".into(), "DUPLICATE".into()));
        let update = "updateWalletAddress: UpdateWalletAddressInput { walletAddress { status publicName additionalProperties { key value } } }";
        let change = json!({ "id": address["id"], "status": "INACTIVE", "publicName": null,
            "additionalProperties": [{ "key": " a ", "value": "b", "visibleInOpenPayments": true }, { "key": "", "value": "x", "visibleInOpenPayments": true }] });
        let changed = bench.mutate(TENANT, update, change).await;
        let expected = json!({ "status": "INACTIVE", "publicName": null, "additionalProperties": [{ "key": "a", "value": "b" }] });
        assert_eq!(changed["walletAddress"], expected);
        let by_url = bench.run(TENANT, "{ walletAddressByUrl(url: \"https://TENANT.example/w/ann\") { id } }", json!({})).await;
        assert_eq!(by_url["data"]["walletAddressByUrl"]["id"], address["id"]);
    }

    async fn of_several_peers_with_one_route_the_oldest_is_found_every_time(database) {
        let bench = Bench::open(database).await;
        let usd = asset(&bench, TENANT).await;
        let mut made = Vec::new();
        for address in ["test.c", "test.a", "test.b"] {
            bench.clock.advance(std::time::Duration::from_secs(1));
            let mut input = peer_input(&usd, address);
            input["routes"] = json!([address, "test.shared"]);
            made.push(bench.mutate(TENANT, CREATE_PEER, input).await["peer"]["id"].clone());
        }
        let query = "query($asset: String!) { peerByAddressAndAsset(assetId: $asset, staticIlpAddress: \"test.shared.x\") { id } }";
        for _ in 0..5 {
            let towards = bench.run(TENANT, query, json!({ "asset": usd })).await;
            assert_eq!(towards["data"]["peerByAddressAndAsset"]["id"], made[0]);
        }
    }

    async fn a_tenant_with_the_operators_secret_is_still_a_tenant(database) {
        let bench = Bench::open(database).await;
        let refused = bench.run(TWIN, "{ tenants { edges { node { id } } } }", json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
        let whoami = bench.run(TWIN, "{ whoami { id isOperator } }", json!({})).await;
        assert_eq!(whoami["data"]["whoami"], json!({ "id": TWIN, "isOperator": false }));
        let whoami = bench.run(OPERATOR, "{ whoami { isOperator } }", json!({})).await;
        assert_eq!(whoami["data"]["whoami"], json!({ "isOperator": true }));
    }

    async fn a_failing_database_is_not_described_to_the_client(database) {
        let bench = Bench::open(database).await;
        let unit = bench.institution.database.begin().await.unwrap();
        ConnectionTrait::execute_unprepared(&unit, "ALTER TABLE incoming_payments RENAME TO gone").await.unwrap();
        unit.commit().await.unwrap();
        let query = "query($id: String!) { incomingPayment(id: $id) { id } }";
        let answer = bench.run(TENANT, query, json!({ "id": bench.uuid() })).await;
        let error = &answer["errors"][0];
        assert_eq!(error["message"], "Internal server error");
        assert_eq!(error["extensions"], json!({ "code": "INTERNAL_SERVER_ERROR" }));
    }
}
