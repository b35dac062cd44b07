//! Every page is rendered, is small, has no secrets, and names what is missing.
//! Forms are filled in in `tasks`.

use axum::http::StatusCode;

use crate::browser::World;
use crate::fake::{ADDRESS, ASSET, INCOMING, OPERATOR, OUTGOING, PEER, TENANT};

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
        "/liquidity",
        "/ledger",
        "/webhook-events",
        "/tenants",
        "/tenants/create",
        "/audit",
        "/preferences",
        "/search?q=invoice",
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
    for act in ["", "/deposit-liquidity", "/withdraw-liquidity"] {
        pages.push(format!("/peers/{PEER}{act}"));
    }
    for act in ["", "/keys/create", "/keys/00000000-0000-0000-0000-0000000004e7/revoke", "/withdraw-liquidity"] {
        pages.push(format!("/wallet-addresses/{ADDRESS}{act}"));
    }
    pages.push(format!("/tenants/{OPERATOR}"));
    pages.push(format!("/tenants/{TENANT}"));
    pages.push(format!("/ledger/{ASSET}"));
    pages.push(format!("/ledger/{OUTGOING}"));
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
    for path in ["/payments", "/assets", "/peers", "/wallet-addresses", "/webhook-events", "/tenants"] {
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
