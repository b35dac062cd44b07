//! The pages that are measured: every page that needs no id, and one of each kind that needs one.
//!
//! Ids come from the lists themselves.

use crate::Outcome;
use crate::browser::{Browser, between};
use crate::playground::OPERATOR;
use crate::seed::Seeded;

const FIXED: [&str; 35] = [
    "/",
    "/payments",
    "/payments?type=INCOMING",
    "/payments?type=OUTGOING",
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
    "/wallet-addresses/import",
    "/wallet-addresses/trigger-events",
    "/liquidity",
    "/ledger",
    "/ledger/check",
    "/rates",
    "/grants",
    "/webhook-events",
    "/webhooks/deliveries",
    "/webhooks/deliveries?state=QUARANTINED,EXHAUSTED",
    "/webhooks/resend?state=EXHAUSTED",
    "/webhooks/endpoints",
    "/webhooks/endpoints/create",
    "/tenants",
    "/tenants/create",
    "/health",
    "/audit",
    "/preferences",
    "/views?list=/payments&filters=type%3DINCOMING",
    "/search?q=invoice",
];

/// The lists whose first object is measured, too, and what its page has below it.
const OBJECTS: [(&str, &[&str]); 5] = [
    ("/assets", &["", "/fee", "/fee?amount=100", "/fee-history", "/deposit-liquidity", "/withdraw-liquidity"]),
    (
        "/peers",
        &[
            "",
            "/start",
            "/limits",
            "/certificates",
            "/tokens/add",
            "/tokens/replace",
            "/deposit-liquidity",
            "/withdraw-liquidity",
        ],
    ),
    ("/wallet-addresses", &["", "/keys/create", "/withdraw-liquidity"]),
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
                pages.extend([format!("/ledger/{id}"), format!("/liquidity/pending/{id}")]);
            }
            if list == "/webhooks/deliveries" {
                let delivery = browser.get(&format!("{list}/{id}")).await?.body;
                let event = between(&delivery, "/webhook-events/data?id=", "\"");
                pages.extend(event.map(|event| format!("/webhook-events/data?id={event}")));
            }
        }
    }
    let (incoming, outgoing) = (seeded.incoming, seeded.outgoing);
    pages.extend(["", "/metadata", "/approve", "/cancel"].map(|end| format!("/payments/incoming/{incoming}{end}")));
    pages.extend(["", "/withdraw-liquidity"].map(|end| format!("/payments/outgoing/{outgoing}{end}")));
    pages.extend([incoming, outgoing].map(|account| format!("/ledger/{account}")));
    let endpoint = format!("/webhooks/endpoints/{OPERATOR}/{}", seeded.endpoint);
    pages.extend(["", "/test", "/secret", "/delete"].map(|end| format!("{endpoint}{end}")));
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
