//! The console below a path of its host.
//! What the pages are is in `pages`.

use axum::http::StatusCode;

use crate::browser::World;
use crate::fake::PEER;

#[tokio::test]
async fn a_console_below_a_path_has_no_link_that_leaves_it_and_its_forms_work() {
    let world = World::below("/rafiki").await;
    let mut browser = world.stranger();
    assert_eq!(browser.get("/payments").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/healthz").await.html, "OK");
    let shown = browser.get("/rafiki/payments").await;
    assert_eq!(shown.location.as_deref(), Some("/rafiki/sign-in?next=%2Fpayments"));
    browser.post("/rafiki/sign-in/one-click", &[("as", "The operator")], &[]).await;
    assert!(browser.cookies().contains("session"));

    for page in ["/rafiki", "/rafiki/payments", &format!("/rafiki/peers/{PEER}"), "/rafiki/audit"] {
        let shown = browser.get(page).await;
        assert_eq!(shown.status, StatusCode::OK, "{page}: {}", shown.html);
        assert!(shown.html.contains("data-base=\"/rafiki\""), "scripts know the path");
        for attribute in [" href=\"", " action=\"", " src=\""] {
            let links = shown.html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap());
            let outside: Vec<&str> =
                links.filter(|link| link.starts_with('/') && !link.starts_with("/rafiki/")).collect();
            assert_eq!(outside, Vec::<&str>::new(), "{page}");
        }
    }

    let form = format!("/rafiki/peers/{PEER}/deposit-liquidity");
    let done = browser.fill(&form, &form, &[("amount", "1")]).await;
    assert_eq!(done.location, Some(format!("/rafiki/peers/{PEER}")), "{}", done.html);
    assert_eq!(world.fake.calls_of("DepositPeerLiquidity").len(), 1);
}
