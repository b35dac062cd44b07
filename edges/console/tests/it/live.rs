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
