//! Listeners of the roles, and the servers that they call: reachable, with clocks that agree and certificates that last.
//! A question is one GET, which changes nothing anywhere.

use std::net::IpAddr;
use std::time::Duration;

use clock::{Clock as _, SystemClock, Timestamp};
use http::header::{AGE, LAST_MODIFIED};
use outbound_http::{Outbound, Request, Response, served_certificate};
use tokio::net::TcpListener;
use url::Url;

use super::certificates;
use super::clocks::{compared, date_of, instant};
use super::finding::{Finding, Findings, Verdict};

/// Rates that are older are a warning.
const RATES_OLD: Duration = Duration::from_hours(24);
/// The beginning of an answer is enough.
const ANSWER: usize = 256 * 1024;

/// A listener of a role.
pub(super) struct Listener {
    pub(super) variable: &'static str,
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// A server that a role calls, or that calls come to.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) url: Url,
    pub(super) is: Is,
}

/// What a server is to the installation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// A role of the same installation, which may not run yet.
    Own,
    /// Somebody else's.
    Other,
    /// A service of exchange rates.
    Rates,
}

/// Whether each listener is in use by a role, or free for it.
pub(super) async fn listeners(findings: &mut Findings, role: &str, http: &Outbound, listeners: &[Listener]) {
    for listener in listeners.iter().filter(|listener| listener.port != 0) {
        findings.check(format!("{role}.port"), of_listener(http, listener)).await;
    }
}

async fn of_listener(http: &Outbound, listener: &Listener) -> Finding {
    let Listener { variable, address, port } = listener;
    match TcpListener::bind((*address, *port)).await {
        Ok(_) => return Finding::ok(format!("{variable} {port} is free; no role listens there now")),
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
            let advice = format!("correct {variable}, or LISTEN_ADDRESS and PRIVATE_LISTEN_ADDRESS");
            return Finding::failed(format!("{address}:{port} ({variable}) cannot be listened on: {error}"), advice);
        }
        Err(_) => {}
    }
    let host = if address.is_unspecified() { "127.0.0.1".to_owned() } else { address.to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let health = Url::parse(&format!("http://{host}:{port}/healthz")).map(|url| ask(http, url));
    let answer = match health {
        Ok(asking) => asking.await,
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok(answer) if answer.status.is_success() => Finding::ok(format!("{variable} {port} is in use and healthy")),
        Ok(answer) if answer.status.is_server_error() => {
            let text = format!("{variable} {port} is in use and answers {} at /healthz", answer.status.as_u16());
            Finding::warning(
                text,
                "see the log of the role: a database, cache or ledger does not answer, or it is starting",
            )
        }
        Ok(answer) => {
            let text = format!("{variable} {port} is in use, and answers {} at /healthz", answer.status.as_u16());
            Finding::warning(text, "if that is no role of Rafiki, stop it or choose another port")
        }
        Err(reason) => {
            let text = format!("{variable} {port} is in use by something that does not answer as a role: {reason}");
            Finding::failed(text, "stop it, or choose another port")
        }
    }
}

async fn ask(http: &Outbound, url: Url) -> Result<Response, String> {
    let request = Request::get(url).configured().deadline(Duration::from_mins(1)).beginning_of_answer(ANSWER);
    http.send(request).await.map_err(|error| error.to_string())
}

/// Asks all servers at the same time. Clocks and certificates have findings of their own.
pub(super) async fn servers(findings: &mut Findings, http: &Outbound, servers: Vec<Server>) {
    let limit = findings.limit();
    let certificates = servers.iter().filter(|server| http.uses_tls(&server.url));
    let certificates = certificates.map(|server| (format!("{}.certificate", server.name), server.url.clone()));
    let certificates = certificates.map(|(name, url)| (name, of_certificate(url, limit))).collect();
    let asked = servers.into_iter().map(|server| (server.name.clone(), of_server(http, server))).collect();
    findings.check_all(asked).await;
    findings.check_all(certificates).await;
}

async fn of_server(http: &Outbound, Server { url, is, .. }: Server) -> Finding {
    let mut called = url.clone();
    if is == Is::Rates {
        called.query_pairs_mut().append_pair("base", "USD");
    }
    let shown = shown(&url);
    let answer = match (ask(http, called).await, is) {
        (Ok(answer), _) => answer,
        (Err(reason), Is::Own) => {
            let advice = "start the role, or correct the URL; see what is between here and there";
            return Finding::warning(format!("{shown} cannot be reached: {reason}"), advice);
        }
        (Err(reason), _) => {
            let advice = "ask those who run it, or correct the URL; see what is between here and there";
            return Finding::failed(format!("{shown} cannot be reached: {reason}"), advice);
        }
    };
    let now = SystemClock.now();
    if let Some(theirs) = date_of(&answer.headers) {
        let clock = compared(&shown, theirs, now);
        if clock.verdict != Verdict::Ok {
            return clock;
        }
    }
    let status = answer.status.as_u16();
    if answer.status.is_server_error() {
        return Finding::warning(format!("{shown} answers {status}"), "ask those who run it, and see their log");
    }
    if is == Is::Rates { of_rates(&shown, &answer, now) } else { Finding::ok(format!("{shown} answers ({status})")) }
}

fn of_rates(shown: &str, answer: &Response, now: Timestamp) -> Finding {
    let advice = "correct EXCHANGE_RATES_URL, or see the log of the service: it answers JSON with base and rates";
    if !answer.status.is_success() {
        return Finding::failed(format!("{shown} answers {}", answer.status.as_u16()), advice);
    }
    let document: serde_json::Value = answer.json().unwrap_or_default();
    let Some(rates) = document["rates"].as_object() else {
        return Finding::failed(format!("{shown} answers no rates"), advice);
    };
    if rates.is_empty() {
        return Finding::warning(format!("{shown} has no rates of USD"), "payments between currencies need them");
    }
    let held = answer.headers.get(AGE).and_then(|age| age.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let age = held.or_else(|| Some(now.saturating_since(instant(&answer.headers, &LAST_MODIFIED)?)));
    match age {
        Some(age) if age > RATES_OLD => {
            let text = format!("the rates of {shown} are {} hours old", age.as_secs() / 3600);
            Finding::warning(text, "see the log of the service; old rates lose money")
        }
        _ => Finding::ok(format!("{shown} has {} rates of USD", rates.len())),
    }
}

async fn of_certificate(url: Url, limit: Duration) -> Finding {
    match served_certificate(&url, limit).await {
        Ok(facts) => {
            let advice = "renew it; from then on nobody can be paid over this connection";
            certificates::judged(&format!("the certificate of {}", shown(&url)), &facts, SystemClock.now(), advice)
        }
        Err(reason) => {
            let text = format!("the certificate of {} cannot be read: {reason}", shown(&url));
            Finding::warning(text, "see whether the server speaks TLS there")
        }
    }
}

/// The URL without user, password and query, which may be secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Only URLs that cannot have them return an error here.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn rates_must_be_rates_and_not_old() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let verdict = |status: u16, body: &str, age: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AGE, age.parse().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            of_rates("http://r/", &Response { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }, now)
                .verdict
        };
        assert_eq!(verdict(200, r#"{"base":"USD","rates":{"EUR":0.9}}"#, "10"), Verdict::Ok);
        assert_eq!(verdict(200, r#"{"base":"USD","rates":{"EUR":0.9}}"#, "90000"), Verdict::Warning);
        assert_eq!(verdict(200, r#"{"base":"USD","rates":{}}"#, "10"), Verdict::Warning);
        assert_eq!(verdict(200, "<html>", "10"), Verdict::Failed);
        assert_eq!(verdict(404, "{}", "10"), Verdict::Failed);
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://u:hidden-word@h/p?token=hidden-word").unwrap();
        assert_eq!(shown(&url), "https://h/p");
    }
}
