//! Every task of an operator as a form that is filled in and sent, and the resulting calls of the Admin API.
//! How pages look is in `pages`.

use admin_client::Mutation;
use axum::http::StatusCode;
use serde_json::json;

use crate::browser::{Browser, World};
use crate::fake::{ADDRESS, ASSET, DELIVERY, ENDPOINT, GRANT, INCOMING, Mood, OPERATOR, OUTGOING, PEER, TENANT};

async fn does(browser: &mut Browser<'_>, page: &str, action: &str, fields: &[(&str, &str)]) {
    let shown = browser.fill(page, action, fields).await;
    assert_eq!(shown.status, StatusCode::SEE_OTHER, "{action}: {}", shown.html);
}

/// The answer to a form that is a page of its own.
async fn shows(browser: &mut Browser<'_>, page: &str, action: &str, fields: &[(&str, &str)], text: &str) {
    let shown = browser.fill(page, action, fields).await;
    assert!(shown.status == StatusCode::OK && shown.html.contains(text), "{action}: {}", shown.html);
}

#[tokio::test]
async fn every_mutation_of_the_admin_api_is_reached_from_a_page_and_told_in_the_log() {
    let world = World::new().await;
    let mut operator = world.operator().await;
    let b = &mut operator;
    let asset = format!("/assets/{ASSET}");
    does(b, "/assets/create", "/assets/create", &[("code", "USD"), ("scale", "2"), ("withdrawalThreshold", "1.15")])
        .await;
    does(b, &asset, &asset, &[("withdrawalThreshold", "")]).await;
    does(b, &format!("{asset}/fee"), &format!("{asset}/fee"), &[("fixed", "0.25"), ("basisPoints", "100")]).await;
    does(b, &asset, &format!("{asset}/delete"), &[("keyword", "delete asset")]).await;
    for way in ["deposit-liquidity", "withdraw-liquidity"] {
        let path = format!("{asset}/{way}");
        does(b, &path, &path, &[("amount", "10")]).await;
        let path = format!("/peers/{PEER}/{way}");
        does(b, &path, &path, &[("amount", "10")]).await;
    }
    let peer = [
        ("staticIlpAddress", "test.other"),
        ("outgoingEndpoint", "https://c.example"),
        ("outgoingAuthToken", "t"),
        ("initialLiquidity", "5"),
    ];
    does(b, "/peers/create", "/peers/create", &peer).await;
    does(b, "/peers/by-url", "/peers/by-url", &[("peerUrl", "https://peer.example")]).await;
    let peer = format!("/peers/{PEER}");
    does(b, &peer, &peer, &[("name", "Renamed")]).await;
    does(b, &peer, &format!("{peer}/http"), &[("outgoingEndpoint", "https://new.example")]).await;
    does(b, &peer, &format!("{peer}/delete"), &[("keyword", "Happy Life Bank")]).await;
    let limits = format!("{peer}/limits");
    let certificates = format!("{peer}/certificates");
    does(b, &certificates, &format!("{certificates}/remove"), &[("keyword", "remove certificates")]).await;
    does(b, &limits, &limits, &[("packetsPerSecond", "50"), ("incomingAmount", "10.50"), ("outgoingAmount", "")]).await;
    let tokens = format!("{peer}/tokens");
    shows(b, &format!("{tokens}/add"), &format!("{tokens}/add"), &[], "0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c").await;
    let replace = format!("{tokens}/replace");
    shows(b, &replace, &replace, &[("authToken", "a-token-of-our-own")], "The token was replaced").await;
    let remove = format!("{tokens}/97a3a4318ee10c2f/remove");
    does(b, &remove, &remove, &[("keyword", "remove token")]).await;
    for decision in ["post", "void"] {
        let path = format!("/liquidity/pending/{ASSET}");
        does(b, &path, &path, &[("decision", decision)]).await;
    }
    does(b, "/wallet-addresses/create", "/wallet-addresses/create", &[("name", "alice")]).await;
    let address = format!("/wallet-addresses/{ADDRESS}");
    does(b, &address, &address, &[("status", "INACTIVE")]).await;
    does(b, &address, &format!("{address}/properties"), &[("properties", "public city = Porto")]).await;
    let x = "ubqoInifJ5sssIPPnQR1gVPfmoZnJtPhTkyMXNoJF_8";
    does(b, &format!("{address}/keys/create"), &format!("{address}/keys/create"), &[("kid", "k"), ("x", x)]).await;
    let revoke = format!("{address}/keys/00000000-0000-0000-0000-0000000004e7/revoke");
    does(b, &revoke, &revoke, &[("keyword", "revoke key")]).await;
    does(b, &format!("{address}/withdraw-liquidity"), &format!("{address}/withdraw-liquidity"), &[]).await;
    does(b, "/wallet-addresses/trigger-events", "/wallet-addresses/trigger-events", &[]).await;

    let from = ("walletAddress", "https://cloud-nine.example/accounts/gfranklin");
    let to = ("receiver", "https://happy-life.example/pfry");
    does(b, "/payments/create", "/payments/create", &[from, to, ("kind", "receive"), ("amount", "10.40")]).await;
    let paid = ("receiver", "https://happy-life.example/incoming-payments/1");
    does(b, "/payments/create", "/payments/create", &[from, paid, ("atOnce", "yes"), ("kind", "asked")]).await;
    let quote = "/payments/quotes/00000000-0000-0000-0000-000000009007";
    does(b, quote, quote, &[("note", "Rent")]).await;
    does(b, "/payments/incoming/create", "/payments/incoming/create", &[from, ("amount", "3"), ("hours", "2")]).await;
    for act in ["create", "complete"] {
        let path = "/payments/receivers/create";
        does(b, path, path, &[("act", act), ("url", "https://happy-life.example/pfry")]).await;
    }
    let incoming = format!("/payments/incoming/{INCOMING}");
    for (act, fields) in [
        ("withdraw-liquidity", vec![]),
        ("approve", vec![]),
        ("cancel", vec![("keyword", "cancel payment"), ("reason", "asked for")]),
        ("metadata", vec![("metadata", "{\"invoice\": 7}")]),
        (
            "partial",
            vec![("partialIncomingPaymentId", "11111111-1111-4111-8111-111111111111"), ("decision", "confirm")],
        ),
        ("partial", vec![("partialIncomingPaymentId", "11111111-1111-4111-8111-111111111111"), ("decision", "reject")]),
    ] {
        does(b, &format!("{incoming}/{act}"), &format!("{incoming}/{act}"), &fields).await;
    }
    let outgoing = format!("/payments/outgoing/{OUTGOING}");
    for (act, fields) in
        [("deposit-liquidity", vec![]), ("withdraw-liquidity", vec![]), ("cancel", vec![("keyword", "cancel payment")])]
    {
        does(b, &format!("{outgoing}/{act}"), &format!("{outgoing}/{act}"), &fields).await;
    }
    does(b, "/tenants/create", "/tenants/create", &[("apiSecret", "a long enough secret"), ("email", "a@b.example")])
        .await;
    let tenant = format!("/tenants/{TENANT}");
    does(b, &tenant, &tenant, &[("publicName", "Corner")]).await;
    does(b, &tenant, &format!("{tenant}/secret"), &[("apiSecret", "another long secret")]).await;
    does(b, &tenant, &format!("{tenant}/delete"), &[("keyword", "delete tenant")]).await;
    let endpoint = format!("/webhooks/endpoints/{OPERATOR}/{ENDPOINT}");
    does(b, &endpoint, &endpoint, &[("peer.liquidity_low", "yes")]).await;
    does(b, &endpoint, &format!("{endpoint}/pause"), &[]).await;
    let default = format!("/webhooks/endpoints/{OPERATOR}/{OPERATOR}");
    does(b, &default, &format!("{default}/resume"), &[]).await;
    for act in ["pause", "resume"] {
        does(b, "/webhooks/endpoints", &format!("/webhooks/endpoints/{OPERATOR}/{act}"), &[]).await;
    }
    does(b, &endpoint, &format!("{endpoint}/delete"), &[("keyword", "delete endpoint")]).await;
    let delivery = format!("/webhooks/deliveries/{DELIVERY}");
    does(b, &delivery, &delivery, &[]).await;
    does(b, "/webhooks/resend?state=EXHAUSTED", "/webhooks/resend", &[]).await;
    let create = "/webhooks/endpoints/create";
    shows(b, create, create, &[("url", "https://new.example/hooks")], "0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c").await;
    shows(b, &endpoint, &format!("{endpoint}/secret"), &[("hours", "2")], "0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c").await;
    shows(b, &endpoint, &format!("{endpoint}/test"), &[], "42 ms").await;
    shows(b, "/rates", "/rates/fetch", &[("base", "USD")], "https://rates.example/").await;
    let grant = format!("/grants/{GRANT}");
    does(b, &grant, &grant, &[("keyword", "revoke grant")]).await;
    let mut of_tenant = world.tenant().await;
    does(&mut of_tenant, &tenant, &format!("{tenant}/settings"), &[("WEBHOOK_MAX_RETRY", "0")]).await;

    let log = world.log();
    assert!(!log.contains("0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c"), "the log holds a secret");
    let untold: Vec<&str> = Mutation::ALL
        .iter()
        .map(|mutation| mutation.field())
        .filter(|name| !log.contains(&format!("\"action\":\"{name}\"")))
        .collect();
    assert_eq!(untold, Vec::<&str>::new());
}

#[tokio::test]
async fn amounts_and_clearings_reach_the_admin_api_exactly() {
    let world = World::new().await;
    let mut b = world.operator().await;
    does(
        &mut b,
        "/assets/create",
        "/assets/create",
        &[("code", "usd"), ("scale", "2"), ("withdrawalThreshold", "1.15")],
    )
    .await;
    assert_eq!(world.fake.calls_of("CreateAsset")[0]["withdrawalThreshold"], "115");
    let asset = format!("/assets/{ASSET}");
    does(&mut b, &asset, &asset, &[("liquidityThreshold", "")]).await;
    let update = world.fake.calls_of("UpdateAsset")[0].clone();
    assert_eq!((&update["liquidityThreshold"], &update["withdrawalThreshold"]), (&json!(null), &json!(null)));
    let peer = format!("/peers/{PEER}");
    does(&mut b, &peer, &format!("{peer}/http"), &[]).await;
    let kept = world.fake.calls_of("UpdatePeer")[0].clone();
    assert_eq!(kept["http"]["outgoing"]["authToken"], "the token of the peer", "an empty token keeps the one there is");
    assert!(kept["http"]["incoming"].is_null());
    does(&mut b, "/wallet-addresses/create", "/wallet-addresses/create", &[("name", "/alice")]).await;
    assert_eq!(world.fake.calls_of("CreateWalletAddress")[0]["address"], "https://cloud-nine.example/alice");
    b.language = "de";
    let deposit = format!("{asset}/deposit-liquidity");
    does(&mut b, &deposit, &deposit, &[("amount", "1234,5")]).await;
    assert_eq!(world.fake.calls_of("DepositAssetLiquidity")[0]["amount"], "123450");
    let shown = b.fill(&deposit, &deposit, &[("amount", "1.234")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "a dot may be meant for thousands, so it is refused");
}

#[tokio::test]
async fn limits_and_tokens_of_a_peer_reach_the_admin_api_exactly() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let peer = format!("/peers/{PEER}");
    let limits = format!("{peer}/limits");
    let fields = [("packetsPerSecond", ""), ("incomingAmount", "10.50"), ("incomingSeconds", "60"), ("weight", "0")];
    does(&mut b, &limits, &limits, &fields).await;
    let sent = world.fake.calls_of("UpdatePeer")[0].clone();
    assert_eq!((&sent["packetsPerSecond"], &sent["weight"]), (&json!(null), &json!(0)));
    assert_eq!(sent["incomingThroughput"], json!({"amount": "1050", "seconds": 60}));
    assert!(sent["outgoingThroughput"].is_null());
    for wrong in [("weight", "1001"), ("packetBurst", "0"), ("incomingSeconds", "0"), ("incomingAmount", "1.005")] {
        let shown = b.fill(&limits, &limits, &[wrong]).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    }

    let add = format!("{peer}/tokens/add");
    shows(&mut b, &add, &add, &[("overlapHours", ""), ("expiresHours", "2")], "it is not shown again").await;
    let sent = world.fake.calls_of("AddPeerIncomingToken")[0].clone();
    assert_eq!((&sent["expiresInSeconds"], sent.get("overlapSeconds")), (&json!(7200), None));
    let refused = b.fill(&add, &add, &[("authToken", "too short")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!refused.html.contains("too short"), "a token is never written back");
    let log = world.log();
    assert!(!log.contains("0f3c2b6d9e8a41f7b5c4d3e2f1a09b8c"));
}

#[tokio::test]
async fn certificates_of_a_peer_are_pasted_kept_and_removed_and_the_key_is_never_shown() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = format!("/peers/{PEER}/certificates");
    assert!(b.get(&format!("/peers/{PEER}")).await.html.contains("CN=rafiki.example"));

    does(&mut b, &page, &page, &[("identity", "keep"), ("authorities", "-----BEGIN CERTIFICATE-----")]).await;
    let sent = world.fake.calls_of("SetPeerTls")[0].clone();
    assert_eq!((&sent["keepCertificate"], sent.get("certificate")), (&json!(true), None));
    assert_eq!(sent["authorities"], json!("-----BEGIN CERTIFICATE-----"));

    let (certificate, key) = ("-----BEGIN CERTIFICATE-----\nabc", "-----BEGIN PRIVATE KEY-----\ns3cr3tkey");
    let pasted = [("identity", "replace"), ("certificate", certificate), ("privateKey", key)];
    does(&mut b, &page, &page, &pasted).await;
    let sent = world.fake.calls_of("SetPeerTls")[1].clone();
    assert_eq!((&sent["certificate"], &sent["privateKey"]), (&json!(certificate), &json!(key)));
    assert_eq!(sent.get("keepCertificate"), None);
    assert!(!world.log().contains("s3cr3tkey"), "the audit log has no private key");

    for wrong in [
        [("identity", "replace"), ("certificate", certificate), ("privateKey", "s3cr3tkey")],
        [("identity", "replace"), ("certificate", ""), ("privateKey", key)],
        [("identity", "keep"), ("certificate", certificate), ("privateKey", "")],
        [("identity", "none"), ("certificate", ""), ("privateKey", key)],
    ] {
        let shown = b.fill(&page, &page, &wrong).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        assert!(!shown.html.contains("s3cr3tkey"), "a private key is never written back");
    }

    let remove = format!("{page}/remove");
    let refused = b.fill(&page, &remove, &[("keyword", "remove")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    does(&mut b, &page, &remove, &[("keyword", "remove certificates")]).await;
    let sent = world.fake.calls_of("SetPeerTls")[2].clone();
    assert_eq!((sent.get("certificate"), sent.get("authorities"), sent.get("keepCertificate")), (None, None, None));
}

#[tokio::test]
async fn wrong_values_are_shown_beside_their_fields_and_no_request_is_made() {
    let world = World::new().await;
    let mut b = world.operator().await;
    for (page, action, fields, said) in [
        ("/assets/create", "/assets/create", [("code", "U1"), ("scale", "2")], "at least 3 characters"),
        ("/assets/create", "/assets/create", [("code", "USD"), ("scale", "256")], "from 0 to 255"),
        (
            "/peers/create",
            "/peers/create",
            [("staticIlpAddress", "nowhere"), ("outgoingEndpoint", "x")],
            "ILP Address is not valid",
        ),
        ("/tenants/create", "/tenants/create", [("apiSecret", "short"), ("email", "x")], "10 to 255 characters"),
        (
            "/wallet-addresses/create",
            "/wallet-addresses/create",
            [("name", ""), ("publicName", "x")],
            "This is needed.",
        ),
    ] {
        let shown = b.fill(page, action, &fields).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(shown.html.contains(said) && shown.html.contains("aria-invalid"), "{page}: {said}");
    }
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn events_are_sent_again_by_the_filter_that_was_shown() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let list = b.get("/webhooks/deliveries?state=EXHAUSTED&type=incoming_payment.created").await;
    let resend = "/webhooks/resend?state=EXHAUSTED&type=incoming_payment.created";
    assert!(list.html.contains(&resend.replace('&', "&#38;")), "{}", list.html);
    does(&mut b, "/webhooks/resend?type=incoming_payment.created", "/webhooks/resend", &[]).await;
    let sent = world.fake.calls_of("ResendWebhookEvents")[0].clone();
    let filter = json!({"states": ["QUARANTINED", "EXHAUSTED"], "types": ["incoming_payment.created"]});
    assert_eq!(sent["filter"], filter, "without a state it is what was given up, as the page says");
}

#[tokio::test]
async fn the_bar_of_a_grant_counts_the_payments_of_this_interval() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let shown = b.get(&format!("/grants/{GRANT}")).await;
    // Waiting 1,065.67 and completed twice 1,065.67, sending 1,065.67: four payments of this month.
    assert!(shown.html.contains("4,262.68") && shown.html.contains("737.32"), "{}", shown.html);
    let refused = b.fill(&format!("/grants/{GRANT}"), &format!("/grants/{GRANT}"), &[("keyword", "revoke")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(world.fake.calls_of("RevokeGrant").is_empty());
}

#[tokio::test]
async fn an_amount_is_converted_at_the_present_rates_and_nothing_moves() {
    let world = World::new().await;
    let mut operator = world.operator().await;
    let b = &mut operator;
    let [dollars, euros, coins] = [0, 1, 2].map(|n| uuid::Uuid::from_u128(ASSET.as_u128() + n).to_string());
    let from_to = |to: &str, amount: &str| {
        [("from", dollars.clone()), ("to", to.to_owned()), ("amount", amount.to_owned())]
            .map(|(name, value)| (name, value))
    };
    let ask = async |b: &mut Browser<'_>, to: &str, amount: &str| {
        let fields = from_to(to, amount);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        b.fill("/rates", "/rates", &fields).await
    };

    let shown = ask(b, &euros, "100.5").await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.html.contains("100.50") && shown.html.contains("81.34"), "{}", shown.html);
    let asked = world.fake.calls_of("ConsoleConvertedAmount").pop().unwrap();
    assert_eq!(asked, json!({"source": dollars, "destination": euros, "amount": "10050"}), "in the smallest unit");

    let shown = ask(b, &coins, "1").await;
    assert!(shown.html.contains("There is no rate"), "{}", shown.html);

    let before = world.fake.calls_of("ConsoleConvertedAmount").len();
    for amount in ["", "1.005", "1,000", "-1", "x"] {
        let shown = ask(b, &euros, amount).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{amount}");
        assert!(shown.html.contains("aria-invalid"), "{amount}: {}", shown.html);
    }
    assert_eq!(ask(b, "no asset", "1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.fake.calls_of("ConsoleConvertedAmount").len(), before, "what is not understood is not asked");
    assert_eq!(world.fake.effects(), 0);
}

#[tokio::test]
async fn a_list_of_wallet_addresses_is_created_line_by_line_and_only_once() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = "/wallet-addresses/import";
    for wrong in ["", ", Nobody", "alice\nalice"] {
        assert_eq!(b.fill(page, page, &[("lines", wrong)]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    assert_eq!(world.fake.effects(), 0, "a list with a fault creates nothing");

    let form = b.get(page).await;
    let mut fields = form.fields_of(page);
    fields.retain(|(name, _)| name != "lines");
    fields.push(("lines".to_owned(), "alice, Alice Miller\nbob".to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let shown = b.post(page, &fields, &[]).await;
    assert!(shown.status == StatusCode::OK && shown.html.contains("What became of each line"), "{}", shown.html);
    let sent = world.fake.calls_of("CreateWalletAddress");
    assert_eq!((sent.len(), &sent[0]["publicName"]), (2, &json!("Alice Miller")));
    assert_eq!(sent[1]["address"], "https://cloud-nine.example/bob");
    b.post(page, &fields, &[]).await;
    assert_eq!(world.fake.effects(), 2, "the same form has the same keys");
    assert_eq!(world.log().matches("\"action\":\"createWalletAddress\"").count(), 8, "each line is in the log");
}

#[tokio::test]
async fn a_list_that_gets_no_answer_tells_what_is_open_and_goes_on_when_it_is_sent_again() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = "/wallet-addresses/import";
    *world.fake.mood.lock().unwrap() = Mood::Silent;
    let shown = b.fill(page, page, &[("lines", "alice\nbob")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.html.contains("No answer") && shown.html.contains("Not sent"), "{}", shown.html);
    assert_eq!(world.fake.calls_of("CreateWalletAddress").len(), 1, "the second line is not tried");
    *world.fake.mood.lock().unwrap() = Mood::Good;

    let fields = shown.fields_of(page);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let shown = b.post(page, &fields, &[]).await;
    assert!(shown.status == StatusCode::OK && !shown.html.contains("No answer"), "{}", shown.html);
    assert_eq!(world.fake.effects(), 2, "what was created is not created twice");
}

#[tokio::test]
async fn the_reason_of_a_change_that_cannot_be_undone_is_in_the_log() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let peer = format!("/peers/{PEER}");
    let fields = [("keyword", "delete peer"), ("why", "Their contract ended")];
    let refused = b.fill(&peer, &format!("{peer}/delete"), &fields).await;
    assert!(refused.html.contains("Their contract ended"), "what was written stays");
    does(&mut b, &peer, &format!("{peer}/delete"), &[("keyword", "Happy Life Bank"), fields[1]]).await;
    assert!(world.log().contains("\"why\":\"Their contract ended\""));
    let shown = b.get("/audit").await;
    assert!(
        shown.html.contains("Reason: Their contract ended") && shown.html.contains("is complete"),
        "{}",
        shown.html
    );
}
