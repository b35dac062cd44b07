//! What somebody in the network sees of the calls between the roles of an institution: every octet of every connection.
//!
//! Nothing is changed, and no connection is understood.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The first octets of records of TLS (RFC 8446 section 5.1). No HTTP message begins with one.
const RECORDS: RangeInclusive<u8> = 20..=23;

/// What has passed, for each connection and direction.
#[derive(Clone, Default)]
pub(super) struct Capture(Arc<Mutex<Vec<Vec<u8>>>>);

impl Capture {
    /// The port of a new link to this port.
    pub(super) fn link(&self, runtime: &Runtime, to: u16) -> u16 {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let capture = self.clone();
        runtime.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                tokio::spawn(capture.clone().pass_on(from_near, to_far));
                tokio::spawn(capture.clone().pass_on(from_far, to_near));
            }
        });
        port
    }

    async fn pass_on(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let place = {
            let mut seen = self.0.lock().unwrap();
            seen.push(Vec::new());
            seen.len() - 1
        };
        let mut octets = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut octets).await {
            self.0.lock().unwrap()[place].extend_from_slice(&octets[..read]);
            if to.write_all(&octets[..read]).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    }

    /// How many octets were seen, and whether all connections are with TLS.
    pub(super) fn seen(&self) -> (usize, bool) {
        let seen = self.0.lock().unwrap();
        let spoken = || seen.iter().filter(|octets| !octets.is_empty());
        (spoken().map(Vec::len).sum(), spoken().all(|octets| RECORDS.contains(&octets[0])))
    }

    /// Those of the texts that can be read, whatever their case.
    pub(super) fn readable<'t>(&self, texts: &[&'t str]) -> Vec<&'t str> {
        let seen = self.0.lock().unwrap();
        let is_in = |text: &str, octets: &[u8]| {
            octets.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
        };
        texts.iter().copied().filter(|text| seen.iter().any(|octets| is_in(text, octets))).collect()
    }

    /// The address in the first line of each request.
    pub(super) fn addresses(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        let texts = seen.iter().map(|octets| String::from_utf8_lossy(octets));
        let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        // The body of the request before may stand before the method, without an end of the line.
        let address = |line: String| Some(line.strip_suffix(" HTTP/1.1")?.rsplit(' ').next()?.to_owned());
        lines.filter_map(address).collect()
    }

    /// All answers that are refusals, with their headers.
    pub(super) fn refusals(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        let texts = seen.iter().map(|octets| String::from_utf8_lossy(octets));
        let answers = texts.flat_map(|text| text.split("HTTP/1.1 ").skip(1).map(str::to_owned).collect::<Vec<_>>());
        answers.filter(|answer| answer.starts_with(['4', '5'])).collect()
    }
}
