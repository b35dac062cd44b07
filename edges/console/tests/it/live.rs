//! An open page follows what happens.
//! What the page does with it is tested in a real browser.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::browser::World;
use crate::fake::OUTGOING;

const SOON: Duration = Duration::from_secs(10);

/// Reads until `text` arrives.
async fn until(stream: &mut TcpStream, text: &str) {
    let mut seen = String::new();
    let mut part = [0; 4096];
    while !seen.contains(text) {
        let read = timeout(SOON, stream.read(&mut part)).await.unwrap().unwrap();
        assert!(read > 0, "the stream ended before {text}: {seen}");
        seen.push_str(&String::from_utf8_lossy(&part[..read]));
    }
}

#[tokio::test]
async fn an_open_page_hears_of_a_change_and_keeps_no_role_from_stopping() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let (address, stop, served) = world.listen().await;
    let page = format!("/payments/outgoing/{OUTGOING}");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /live?of={page} HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", browser.cookies());
    stream.write_all(request.as_bytes()).await.unwrap();
    until(&mut stream, "event: open").await;

    let form = format!("{page}/deposit-liquidity");
    browser.fill(&form, &form, &[]).await;
    until(&mut stream, "event: changed").await;

    stop.send(()).unwrap();
    let ended = timeout(SOON, served).await;
    assert!(ended.is_ok_and(|ended| ended.is_ok()), "the listener waits for an open page");
}

#[tokio::test]
async fn a_page_has_the_mark_of_what_it_shows_and_its_stream_begins_with_another_one_only_after_a_change() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let (address, _stop, _served) = world.listen().await;
    let page = format!("/payments/outgoing/{OUTGOING}");
    for path in ["/", "/payments", "/liquidity", "/webhook-events", "/webhooks/deliveries"] {
        assert_eq!(mark(&browser.get(path).await.html).len(), 16, "{path}");
    }

    let shown = mark(&browser.get(&page).await.html);
    let request = format!("GET /live?of={page} HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", browser.cookies());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    until(&mut stream, &format!("event: open\ndata: {shown}")).await;

    let form = format!("{page}/deposit-liquidity");
    browser.fill(&form, &form, &[]).await;
    until(&mut stream, "event: changed").await;
    let after = browser.get(&page).await.html;
    assert!(after.contains("Sending"), "{after}");
    assert_ne!(mark(&after), shown);
}

/// The mark in a page.
fn mark(html: &str) -> String {
    html.split("data-live=\"").nth(1).unwrap_or_else(|| panic!("{html}")).split('"').next().unwrap().to_owned()
}
