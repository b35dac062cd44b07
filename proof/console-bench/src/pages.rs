//! The pages that are measured: every page that needs no id, and one of each kind that needs one.
//!
//! Ids come from the lists themselves.

use crate::Outcome;
use crate::browser::{Browser, between};
use crate::seed::Seeded;

const FIXED: [&str; 29] = [
    "/",
    "/payments",
    "/payments?type=INCOMING",
    "/payments?first=100",
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
    "/grants",
    "/webhook-events",
    "/webhooks/deliveries",
    "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED",
    "/webhooks/resend?state=EXHAUSTED",
    "/webhooks/endpoints",
    "/webhooks/endpoints/create",
    "/tenants",
    "/tenants/create",
    "/audit",
    "/preferences",
    "/search?q=invoice",
];

/// The lists whose first object is measured, too, and what its page has below it.
const OBJECTS: [(&str, &[&str]); 5] = [
    ("/assets", &["", "/fee", "/fee-history", "/deposit-liquidity", "/withdraw-liquidity"]),
    ("/peers", &["", "/deposit-liquidity", "/withdraw-liquidity"]),
    ("/wallet-addresses", &["", "/keys/create"]),
    ("/tenants", &["", "/start"]),
    ("/webhooks/deliveries", &[""]),
];

pub(crate) async fn all(browser: &mut Browser, seeded: &Seeded) -> Outcome<Vec<String>> {
    let mut pages: Vec<String> = FIXED.iter().map(|path| (*path).to_owned()).collect();
    for (list, below) in OBJECTS {
        let shown = browser.get(list).await?.body;
        if let Some(id) = first_id(&shown, list) {
            pages.extend(below.iter().map(|end| format!("{list}/{id}{end}")));
            if list == "/assets" {
                pages.push(format!("/ledger/{id}"));
            }
        }
    }
    let payment = seeded.payment;
    pages.extend(["", "/metadata", "/approve", "/cancel"].map(|end| format!("/payments/incoming/{payment}{end}")));
    pages.push(format!("/ledger/{payment}"));
    Ok(pages)
}

/// The id in the first link to an object of the list.
fn first_id<'a>(html: &'a str, list: &str) -> Option<&'a str> {
    let link = format!("href=\"{list}/");
    let mut rest = html;
    while let Some(id) = between(rest, &link, "\"") {
        if uuid::Uuid::parse_str(id).is_ok() {
            return Some(id);
        }
        rest = rest.split_once(&link)?.1;
    }
    None
}
