//! Every page is rendered, is small, has no secrets, and names what is missing.
//! Forms are filled in in `tasks`.

use axum::http::StatusCode;
use uuid::Uuid;

use crate::browser::World;
use crate::fake::{ADDRESS, ASSET, DELIVERY, ENDPOINT, GRANT, INCOMING, OPERATOR, OUTGOING, PEER, TENANT};

fn pages() -> Vec<String> {
    let fixed = [
        "/",
        "/payments",
        "/payments/create",
        "/payments/incoming/create",
        "/payments/receivers/create",
        "/assets",
        "/assets/create",
        "/peers",
        "/peers/create",
        "/peers/by-url",
        "/wallet-addresses",
        "/wallet-addresses/create",
        "/wallet-addresses/trigger-events",
        "/wallet-addresses/import",
        "/wallet-addresses/deactivate",
        "/liquidity/withdraw-settled?all=yes",
        "/webhooks/deliveries/several",
        "/webhooks/signature",
        "/liquidity",
        "/ledger",
        "/ledger/check",
        "/webhook-events",
        "/tenants",
        "/tenants/create",
        "/audit",
        "/health",
        "/preferences",
        "/search?q=invoice",
        "/views",
        "/views?list=/payments&filters=type%3DINCOMING",
        "/webhooks/deliveries",
        "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED",
        "/webhooks/resend?state=EXHAUSTED",
        "/webhooks/endpoints",
        "/rates",
        "/webhooks/endpoints/create",
        "/grants",
        "/grants?state=ISSUED",
        "/payments/quotes/00000000-0000-0000-0000-000000009007",
    ];
    let mut pages: Vec<String> = fixed.map(str::to_owned).to_vec();
    for act in ["", "/deposit-liquidity", "/withdraw-liquidity", "/cancel"] {
        pages.push(format!("/payments/outgoing/{OUTGOING}{act}"));
    }
    for act in ["", "/withdraw-liquidity", "/approve", "/cancel", "/metadata", "/partial"] {
        pages.push(format!("/payments/incoming/{INCOMING}{act}"));
    }
    for act in ["", "/fee", "/fee?amount=10", "/fee-history", "/deposit-liquidity", "/withdraw-liquidity"] {
        pages.push(format!("/assets/{ASSET}{act}"));
    }
    for act in
        ["", "/start", "/limits", "/certificates", "/tokens/add", "/tokens/replace", "/tokens/97a3a4318ee10c2f/remove"]
    {
        pages.push(format!("/peers/{PEER}{act}"));
    }
    for act in ["/deposit-liquidity", "/withdraw-liquidity"] {
        pages.push(format!("/peers/{PEER}{act}"));
    }
    for act in ["", "/keys/create", "/keys/00000000-0000-0000-0000-0000000004e7/revoke", "/withdraw-liquidity"] {
        pages.push(format!("/wallet-addresses/{ADDRESS}{act}"));
    }
    for delivery in [DELIVERY, Uuid::from_u128(DELIVERY.as_u128() + 3), Uuid::from_u128(DELIVERY.as_u128() + 5)] {
        pages.push(format!("/webhooks/deliveries/{delivery}"));
    }
    pages.push(format!("/webhooks/endpoints/{OPERATOR}/{OPERATOR}"));
    pages.push(format!("/webhooks/endpoints/{OPERATOR}/{ENDPOINT}"));
    for grant in 0..3 {
        pages.push(format!("/grants/{}", Uuid::from_u128(GRANT.as_u128() + grant)));
    }
    pages.push(format!("/tenants/{OPERATOR}"));
    pages.push(format!("/tenants/{TENANT}"));
    pages.push(format!("/tenants/{TENANT}/start"));
    pages.push(format!("/ledger/{ASSET}"));
    pages.push(format!("/ledger/{OUTGOING}"));
    pages.push(format!("/ledger/{ASSET}?at=2026-11-20T11:00"));
    pages.push("/webhook-events/data?id=00000000-0000-0000-0000-0000e7e70001".to_owned());
    pages.push(format!("/liquidity/pending/{ASSET}"));
    pages
}

#[tokio::test]
async fn every_page_is_drawn_in_both_languages_and_is_light() {
    let world = World::new().await;
    for language in ["en", "de"] {
        let mut browser = world.operator().await;
        browser.language = language;
        for path in pages() {
            let shown = browser.get(&path).await;
            assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.html);
            assert!(shown.html.contains("<h1>") && shown.html.contains(&format!("lang=\"{language}\"")), "{path}");
            assert!(shown.html.len() < 60_000, "{path} has {} octets", shown.html.len());
            assert!(!shown.html.contains("the token of the peer"), "{path} shows a secret");
        }
    }
}

#[tokio::test]
async fn every_list_says_what_to_do_when_it_is_empty() {
    let world = World::new().await;
    *world.fake.empty.lock().unwrap() = true;
    let mut browser = world.operator().await;
    for path in [
        "/payments",
        "/assets",
        "/peers",
        "/wallet-addresses",
        "/webhook-events",
        "/tenants",
        "/grants",
        "/webhooks/deliveries",
    ] {
        assert!(browser.get(path).await.html.contains("class=\"empty\""), "{path}");
    }
    assert!(browser.get("/").await.html.contains("begin with an asset"));
    assert!(browser.get("/peers/create").await.html.contains("Before You Continue"));
}

#[tokio::test]
async fn wrong_and_unknown_addresses_say_so() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let unknown = "11111111-1111-4111-8111-111111111111";
    for place in ["assets", "peers", "wallet-addresses", "tenants", "payments/incoming", "payments/outgoing"] {
        assert_eq!(browser.get(&format!("/{place}/not-an-id")).await.status, StatusCode::BAD_REQUEST, "{place}");
        assert_eq!(browser.get(&format!("/{place}/{unknown}")).await.status, StatusCode::NOT_FOUND, "{place}");
    }
    for query in ["after=x", "first=0", "first=101", "first=1&last=1", "before=1"] {
        assert_eq!(browser.get(&format!("/assets?{query}")).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(browser.get("/payments?type=SIDEWAYS").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get("/payments?walletAddressId=x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get("/nowhere").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn paging_keeps_the_filters_and_goes_both_ways() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let first = browser.get("/payments?type=OUTGOING&first=10").await;
    let link = |html: &str, rel: &str| {
        let at = html.find(&format!("rel=\"{rel}\" href=\""))? + rel.len() + 13;
        Some(html[at..at + html[at..].find('"')?].replace("&#38;", "&"))
    };
    assert_eq!(link(&first.html, "prev"), None);
    let next = link(&first.html, "next").unwrap();
    assert!(next.contains("type=OUTGOING") && next.contains("first=10"), "{next}");
    let second = browser.get(&next).await;
    let back = browser.get(&link(&second.html, "prev").unwrap()).await;
    let rows = |html: &str| html.matches("<tr>").count();
    assert_eq!((rows(&second.html), rows(&back.html)), (11, 11));
    assert!(back.html.contains(&OUTGOING.to_string()) && !second.html.contains(&OUTGOING.to_string()));
}

#[tokio::test]
async fn a_search_for_one_thing_goes_there() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    for (asked, place) in [
        (OUTGOING.to_string(), format!("/payments/outgoing/{OUTGOING}")),
        (PEER.to_string(), format!("/peers/{PEER}")),
        ("$cloud-nine.example/accounts/gfranklin".to_owned(), format!("/wallet-addresses/{ADDRESS}")),
        ("test.happy-life-bank.x".to_owned(), format!("/peers/{PEER}")),
        ("Grace".to_owned(), format!("/wallet-addresses/{ADDRESS}")),
    ] {
        let asked: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
        assert_eq!(browser.get(&format!("/search?q={asked}")).await.location, Some(place));
    }
    assert!(browser.get("/search?q=%3Cb%3E").await.html.contains("&#60;b&#62;"));
}

#[tokio::test]
async fn an_export_holds_the_whole_filtered_list() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let shown = browser.get("/export/payments?type=OUTGOING").await;
    assert_eq!(shown.html.lines().count(), 31);
    assert_eq!(shown.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(browser.get("/export/payments?format=json").await.html.lines().count(), 60);
    assert_eq!(browser.get("/export/secrets").await.status, StatusCode::NOT_FOUND);
    for list in ["assets", "peers", "wallet-addresses", "webhook-events", "tenants"] {
        assert!(browser.get(&format!("/export/{list}")).await.html.lines().count() > 1, "{list}");
    }
}

#[tokio::test]
async fn a_view_of_a_list_is_saved_shown_as_a_tab_and_removed() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let filtered = browser.get("/payments?type=INCOMING").await;
    assert!(filtered.html.contains("/views?list=%2Fpayments&#38;filters=type%3DINCOMING"), "{}", filtered.html);
    let save = "/views?list=%2Fpayments&filters=type%3DINCOMING";
    let empty = browser.fill(save, "/views", &[("name", " ")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let saved = browser.fill(save, "/views", &[("name", "What <b>arrives</b>")]).await;
    assert_eq!(saved.location.as_deref(), Some("/payments?type=INCOMING"));
    let tab = "<a href=\"/payments?type=INCOMING\" aria-current=\"page\">What &#60;b&#62;arrives&#60;/b&#62;</a>";
    assert!(browser.get("/payments?type=INCOMING").await.html.contains(tab));
    assert!(!browser.get("/grants").await.html.contains("arrives"), "it belongs to its list");
    let foreign = browser.fill(save, "/views", &[("name", "x"), ("list", "//evil.example")]).await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
    let linked = browser.get("/views?list=https%3A%2F%2Fevil.example&filters=type%3DINCOMING").await;
    assert_eq!(linked.status, StatusCode::NOT_FOUND);
    assert!(!linked.html.contains("href=\"https://evil"), "{}", linked.html);
    let long = browser.fill(save, "/views", &[("name", "x"), ("filters", &"x".repeat(9_000))]).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(long.html.contains("The filters are too long to be saved."), "{}", long.html);
    assert!(browser.get("/payments?type=INCOMING").await.html.contains(tab), "the kept views stay");
    let remove = "/views?remove=What+%3Cb%3Earrives%3C/b%3E&from=/payments";
    browser.fill(remove, "/views", &[]).await;
    assert!(!browser.get("/payments?type=INCOMING").await.html.contains("arrives&#60;"));
}

#[tokio::test]
async fn a_past_balance_is_shown_for_an_instant_in_the_address() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let shown = browser.get(&format!("/ledger/{ASSET}?at=2026-11-20T09:00")).await;
    // The lines are one and a half hours old: 1,045.00 and 25.00 out, 1,065.67 in, of 12,345,678.50 now.
    assert!(shown.html.contains("Balance then") && shown.html.contains("12,345,682.83"), "{}", shown.html);
    let before_all = browser.get(&format!("/ledger/{PEER}?at=2026-11-01T00:00")).await;
    assert!(before_all.html.contains("Unknown"), "the lines are not what the peer has: {}", before_all.html);
    assert_eq!(browser.get(&format!("/ledger/{ASSET}?at=yesterday")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_operator_sees_whether_the_ledger_is_in_order_and_a_tenant_does_not() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let good = browser.get("/ledger/check").await;
    assert!(good.html.contains("In order") && good.html.contains("12,345,682.83"), "{}", good.html);
    assert!(good.html.contains("\u{2212}12,435,682.83 USD"), "what was paid in is a debit of the world outside");
    *world.fake.ledger_alarm.lock().unwrap() = true;
    let bad = browser.get("/ledger/check").await;
    assert!(bad.html.contains("Faults found") && bad.html.contains("add up to 5"), "{}", bad.html);
    assert_eq!(world.tenant().await.get("/ledger/check").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_shows_the_call_that_reads_it() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    for (path, query) in
        [("/payments".to_owned(), "query ConsolePayments("), (format!("/assets/{ASSET}"), "query ConsoleAsset(")]
    {
        assert!(browser.get(&path).await.html.contains(query), "{path}");
    }
}

#[tokio::test]
async fn a_peer_that_does_not_answer_is_told_on_the_first_page_in_the_list_and_on_its_own() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let home = browser.get("/").await;
    assert!(
        home.html.contains("Peers that do not answer") && home.html.contains("of 2 with exchanges"),
        "{}",
        home.html
    );
    let list = browser.get("/peers").await;
    assert!(list.html.contains("Answers") && list.html.contains("Does not answer"), "{}", list.html);
    let page = browser.get(&format!("/peers/{}", Uuid::from_u128(PEER.as_u128() + 1))).await;
    assert!(page.html.contains("no answer within 5 s") && page.html.contains("a day"), "{}", page.html);
}

#[tokio::test]
async fn the_home_page_tells_webhooks_alarms_and_what_runs_empty() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let home = browser.get("/").await;
    for told in
        ["Webhooks that wait", "10 given up or in quarantine", "Alarms of the ledger", "Liquidity with a threshold"]
    {
        assert!(home.html.contains(told), "{told}: {}", home.html);
    }
}

#[tokio::test]
async fn the_first_page_asks_for_its_mark_and_twice_more_and_the_search_once() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    world.fake.called();
    browser.get("/").await;
    assert_eq!(world.fake.called(), ["ConsolePaymentStates", "ConsoleOverview", "ConsoleLatestTransfers"]);
    browser.get("/search?q=invoice").await;
    assert_eq!(world.fake.called(), ["ConsoleSearch"]);
}

#[tokio::test]
async fn the_page_of_liquidity_asks_once_for_the_movements_of_all_accounts() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    world.fake.called();
    let shown = browser.get("/liquidity").await;
    let mut called = world.fake.called();
    called.sort();
    assert_eq!(called, ["ConsoleAssets", "ConsoleLatestTransfers", "ConsoleLiquidity", "ConsolePeers"]);
    assert!(shown.html.contains("Post or void"), "{}", shown.html);
}

#[tokio::test]
async fn an_instance_that_knows_less_has_a_first_page_lists_and_a_search_too() {
    let world = World::new().await;
    *world.fake.is_original.lock().unwrap() = true;
    let mut browser = world.operator().await;
    let home = browser.get("/").await;
    assert_eq!(home.status, StatusCode::OK, "{}", home.html);
    assert!(home.html.contains("Liquidity with a threshold") && home.html.contains("Latest payments"), "{}", home.html);
    let list = browser.get("/payments").await;
    assert!(list.html.contains(&OUTGOING.to_string()), "{}", list.html);
    let found = browser.get("/search?q=Invoice%2010").await;
    assert!(found.html.contains(&OUTGOING.to_string()), "{}", found.html);
}

#[tokio::test]
async fn a_list_of_payments_shows_amounts_in_their_asset() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let list = browser.get("/payments").await.html;
    assert!(list.contains("1,065.67") && list.contains("500.00"), "{list}");
    let file = browser.get("/export/payments").await.html;
    assert!(file.lines().next().unwrap().ends_with("metadata,amount,assetCode,assetScale"), "{file}");
    assert!(file.contains("106567,USD,2"), "{file}");
}

#[tokio::test]
async fn the_health_page_tells_of_each_part_and_a_tenant_sees_less() {
    let world = World::new().await;
    let shown = world.operator().await.get("/health").await;
    for told in [
        "Backend",
        "Authorization server",
        "Works",
        "Answered in",
        "In order",
        "In use",
        "One does not answer",
        "Complete",
        "not delivered",
    ] {
        assert!(shown.html.contains(told), "{told}: {}", shown.html);
    }
    let shown = world.tenant().await.get("/health").await;
    assert!(shown.status == StatusCode::OK && !shown.html.contains("In order"), "{}", shown.html);

    *world.fake.ledger_alarm.lock().unwrap() = true;
    assert!(world.operator().await.get("/health").await.html.contains("Faults found"));
}

#[tokio::test]
async fn an_operator_sees_the_lists_as_one_tenant_has_them_and_a_tenant_its_own_in_any_case() {
    let world = World::new().await;
    let mut operator = world.operator().await;
    let lists = [
        ("/payments", "ConsolePayments"),
        ("/wallet-addresses", "ConsoleWalletAddresses"),
        ("/assets", "ConsoleAssets"),
        ("/peers", "ConsolePeers"),
        ("/grants", "ConsoleGrants"),
        ("/webhook-events", "ConsoleWebhookEvents"),
        ("/webhooks/deliveries", "ConsoleWebhookDeliveries"),
    ];
    let page = operator.get(&format!("/tenants/{TENANT}")).await;
    for (list, query) in lists {
        let address = format!("{list}?tenantId={TENANT}");
        assert!(page.html.contains(&address), "{address}: {}", page.html);
        let shown = operator.get(&address).await;
        assert!(shown.status == StatusCode::OK && shown.html.contains(&TENANT.to_string()), "{}", shown.html);
        assert_eq!(world.fake.calls_of(query).pop().unwrap()["tenantId"], TENANT.to_string(), "{list}");
    }
    let file = operator.get(&format!("/export/payments?tenantId={TENANT}")).await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(world.fake.calls_of("ConsolePayments").pop().unwrap()["tenantId"], TENANT.to_string());
    let shown = operator.get(&format!("/webhooks/deliveries?tenantId={TENANT}")).await;
    assert!(!shown.html.contains("/webhooks/resend"), "it would be sent again for all tenants");
    assert_eq!(operator.get("/payments?tenantId=x").await.status, StatusCode::BAD_REQUEST);

    world.tenant().await.get(&format!("/payments?tenantId={OPERATOR}")).await;
    assert_ne!(world.fake.calls_of("ConsolePayments").pop().unwrap()["tenantId"], OPERATOR.to_string());
}

#[tokio::test]
async fn links_of_the_original_console_lead_on() {
    let world = World::new().await;
    assert_eq!(world.stranger().get("/auth").await.location.as_deref(), Some("/sign-in"));
    assert_eq!(world.stranger().get("/settings").await.location.as_deref(), Some("/sign-in?next=%2Fsettings"));
    assert_eq!(world.operator().await.get("/settings").await.location.as_deref(), Some("/preferences"));
    assert_eq!(world.stranger().get("/auth/recovery").await.location.as_deref(), Some("/sign-in"));
    assert_eq!(world.stranger().get("/auth/manual-logout").await.location.as_deref(), Some("/"));
    for path in ["/error", "/errors?id=5"] {
        let shown = world.stranger().get(path).await;
        assert!(shown.status == StatusCode::OK && shown.html.contains("href=\"/sign-in\""), "{}", shown.html);
    }
}

#[tokio::test]
async fn a_secret_in_a_link_of_the_original_console_goes_into_no_other_address() {
    let world = World::new().await;
    let link = format!("/?tenantId={TENANT}&apiSecret=s3cr3t");
    let to = world.stranger().get(&link).await.location.unwrap();
    assert_eq!(to, format!("/sign-in?tenantId={TENANT}"));
    let form = world.stranger().get(&to).await.html;
    assert!(form.contains(&format!("value=\"{TENANT}\"")), "{form}");
    let mut operator = world.operator().await;
    assert_eq!(operator.get("/payments?apiSecret=s3cr3t").await.location.as_deref(), Some("/payments"));
    let foreign = operator.get("//evil.example/?apiSecret=s3cr3t").await.location;
    assert_eq!(foreign.as_deref(), Some("/"), "no link leads to another host");
}
