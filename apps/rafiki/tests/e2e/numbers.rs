//! The metrics for an operator's Prometheus after a payment, at the sending and at the receiving institution.
//!
//! Each single number is tested where it is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use crate::asking::outbound;
use crate::institutions::{Institutions, Side, Storage};
use testkit::until;

/// The metrics of an institution, by name with labels.
async fn numbers(two: &Institutions, side: Side) -> BTreeMap<String, String> {
    let admin = Url::parse(two.facts(side)["adminUrl"].as_str().unwrap()).unwrap();
    let request = outbound_http::Request::get(admin.join("/metrics").unwrap()).configured();
    let answer = outbound().send(request).await.unwrap();
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_payment_is_counted_by_each_institution_for_itself() {
    let mut two = Institutions::start(Storage::Sqlite).unwrap();
    let from = two.address(Side::CloudNine, "gfranklin");
    let to = two.address(Side::HappyLife, "pfry");
    let paid = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
    assert_eq!(paid.json["state"], "COMPLETED", "{}", paid.stderr);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let expected = [
        (Side::CloudNine, r#"rafiki_outgoing_payments_total{state="completed"}"#),
        (Side::HappyLife, r#"rafiki_incoming_payments_total{state="completed"}"#),
        (Side::CloudNine, r#"rafiki_packets_fulfilled_total{direction="outgoing"}"#),
        (Side::HappyLife, r#"rafiki_packets_fulfilled_total{direction="incoming"}"#),
    ];
    for (side, name) in expected {
        let packets = paid.json["packets"].to_string();
        let count = if name.contains("packets") { packets.as_str() } else { "1" };
        let counted = runtime.block_on(until(Duration::from_secs(20), || async {
            (numbers(&two, side).await[name] == count).then_some(())
        }));
        let seen = runtime.block_on(numbers(&two, side));
        assert!(counted.is_some(), "{side:?} should have counted {count} as {name}: {seen:#?}");
    }
    let sender = runtime.block_on(numbers(&two, Side::CloudNine));
    assert_eq!(sender[r#"rafiki_incoming_payments_total{state="completed"}"#], "0", "{sender:#?}");
    assert_ne!(sender[r#"rafiki_packets_prepared_total{direction="probe"}"#], "0", "{sender:#?}");
    assert_ne!(sender[r#"rafiki_webhook_deliveries_total{result="delivered"}"#], "0", "{sender:#?}");
    assert_ne!(sender[r#"rafiki_jobs_total{queue="outgoing payments",result="done"}"#], "0", "{sender:#?}");
    two.assert_conserved();
}
