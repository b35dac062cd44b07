//! A browser that tells when the first octet of an answer arrived: HTTP/1.1 (RFC 9112), a connection for each request.
//!
//! It keeps cookies, and runs no scripts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::form_urlencoded::Serializer;

use crate::Outcome;

/// The longest time without an octet.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Browser {
    address: String,
    cookies: BTreeMap<String, String>,
}

pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) first_byte: Duration,
    pub(crate) body: String,
}

/// An open stream of events.
pub(crate) struct Stream {
    connection: TcpStream,
    seen: String,
}

impl Browser {
    pub(crate) fn new(address: String) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// Signs in with the first button.
    pub(crate) async fn sign_in(&mut self) -> Outcome<()> {
        let page = self.get("/sign-in").await?.body;
        let name = between(&page, "name=\"as\" value=\"", "\"").ok_or("the sign-in page has no button")?.to_owned();
        let mut form = Serializer::new(String::new());
        let body = form.append_pair("as", &name).finish();
        let shown = self.ask("POST", "/sign-in/one-click", &body).await?;
        if shown.status == 303 { Ok(()) } else { Err(format!("signing in has status {}", shown.status).into()) }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Shown> {
        self.ask("GET", path, "").await
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Outcome<Shown> {
        let mut connection = TcpStream::connect(&self.address).await?;
        let request = self.request(method, path, body);
        let begun = Instant::now();
        connection.write_all(request.as_bytes()).await?;

        let mut octets = vec![connection.read_u8().await?];
        let first_byte = begun.elapsed();
        connection.read_to_end(&mut octets).await?;

        let text = String::from_utf8_lossy(&octets);
        let (head, body) = text.split_once("\r\n\r\n").ok_or("an answer without an end of its head")?;
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            if let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("an answer without status")?;
        Ok(Shown { status, first_byte, body: body.to_owned() })
    }

    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncookie: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            cookies.join("; "),
            body.len()
        )
    }

    /// Follows a page, as an open page does.
    pub(crate) async fn follow(&mut self, path: &str) -> Outcome<Stream> {
        let mut connection = TcpStream::connect(&self.address).await?;
        connection.write_all(self.request("GET", &format!("/live?of={path}"), "").as_bytes()).await?;
        Ok(Stream { connection, seen: String::new() })
    }
}

impl Stream {
    /// Reads until `text` arrives.
    pub(crate) async fn until(&mut self, text: &str) -> Outcome<()> {
        let mut part = [0; 4096];
        while !self.seen.contains(text) {
            let read = tokio::time::timeout(PATIENCE, self.connection.read(&mut part)).await??;
            if read == 0 {
                return Err(format!("the stream ended before {text:?}: {}", self.seen).into());
            }
            self.seen.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        Ok(())
    }
}

/// The part of `text` after `begin` and before `end`.
pub(crate) fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    text.split_once(begin)?.1.split_once(end).map(|(part, _)| part)
}
