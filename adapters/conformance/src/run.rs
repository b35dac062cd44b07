//! Runs the cases one after the other against a server. What an answer tells is known to the cases after it.
//!
//! One run makes a few incoming payments and grants at the server, and some of them stay there. It pays a hundred smallest
//! units if it has the token of a peer, five hundred more if it may consent for the owner, and nothing otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use outbound_http::Response;
use serde_json::Value;
use stream::SharedSecret;
use url::Url;

use crate::case::{Case, CasesError, Need, cases};
use crate::consent;
use crate::expectation::{Answer, differences};
use crate::kit::Kit;
use crate::packets::{Destination, Made};
use crate::report::{Outcome, Report, Verdict};
use crate::sending::Ready;

/// How much of an answer is shown.
const SHOWN: usize = 300;
/// A server that wants longer pauses is asked too early.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a run waits in all for a server that takes no more requests for now.
const PATIENCE: Duration = Duration::from_mins(2);

impl Kit {
    /// Runs every case.
    pub async fn run(&self) -> Result<Report, CasesError> {
        let mut run = Run { kit: self, known: self.known(), patience: PATIENCE };
        let mut report = Report::default();
        for case in cases()? {
            let verdict = run.case(&case).await;
            // Cases of other areas are run, because later ones use their answers, but not shown.
            if self.areas.is_empty() || self.areas.contains(&case.area) {
                report.outcomes.push(Outcome { case, verdict });
            }
        }
        Ok(report)
    }
}

/// A run, with what it knows so far.
struct Run<'a> {
    kit: &'a Kit,
    known: BTreeMap<String, String>,
    /// What is left of the time for waiting.
    patience: Duration,
}

impl Run<'_> {
    async fn case(&mut self, case: &Case) -> Verdict {
        if let Some(name) = &case.send.wait {
            self.wait(name).await;
        }
        let (ready, made, response) = loop {
            let (ready, made) = match self.prepare(case) {
                Ok(prepared) => prepared,
                Err(reason) => return Verdict::Skipped(reason),
            };
            let sent = match (case.send.consent, &self.kit.owner) {
                (Some(answer), Some(owner)) => consent::answered(self.kit, owner, &ready.url, answer).await,
                _ => self.kit.send(&ready).await,
            };
            let response = match sent {
                Ok(response) => response,
                Err(reason) => return Verdict::Unanswered(reason),
            };
            // A run sends many requests that are wrong on purpose, so a server may ask for a pause. It is made as asked.
            match pause(&response, &case.expect.status).filter(|pause| *pause <= self.patience) {
                Some(pause) => {
                    self.patience -= pause;
                    tokio::time::sleep(pause).await;
                }
                None => break (ready, made, response),
            }
        };

        let answer = Answer { status: response.status, headers: &response.headers, body: &response.body };
        let mut found =
            differences(&case.expect, &answer, |text| self.filled(text).unwrap_or_else(|_| text.to_owned()));
        if let (Some(wanted), Some(made)) = (&case.expect.packet, &made) {
            found.extend(wanted.difference(&response.body, made));
        }
        if let Some(finish) = case.expect.finish {
            found.extend(
                self.way_back().map_or_else(Some, |expected| consent::difference(finish, &expected, &response.headers)),
            );
        }
        if !found.is_empty() {
            let text: String = String::from_utf8_lossy(&response.body).chars().take(SHOWN).collect();
            let answer = format!("{} {}", response.status.as_u16(), text.replace(char::is_control, " "));
            return Verdict::Differs { differences: found, reproducer: ready.reproducer(), answer };
        }
        self.keep(case, &response);
        Verdict::Passed
    }

    /// Waits as long as the server has asked clients to wait before they continue a grant (RFC 9635 section 3.1).
    async fn wait(&self, name: &str) {
        let seconds = self.known.get(name).and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(seconds).min(WAIT_MAX)).await;
    }

    /// The request of a case, and its packet; or why the case cannot be run.
    fn prepare(&self, case: &Case) -> Result<(Ready, Option<Made>), String> {
        let kit = self.kit;
        let client = match (case.needs, &kit.client, &kit.peer) {
            (Some(Need::Client | Need::Consent), None, _) => return Err("it needs a client with a key".to_owned()),
            (Some(Need::Consent), ..) if kit.owner.is_none() => {
                return Err("it needs the server's interactions and the secret of its identity provider".to_owned());
            }
            (Some(Need::Peer), _, None) => return Err("it needs the connector and the token of a peer".to_owned()),
            (_, client, _) => client.as_ref(),
        };
        let send = &case.send;
        let url = self.filled(&send.url)?;
        let url = Url::parse(&url).map_err(|error| format!("{url}: {error}"))?;
        let body = match &send.body {
            Some(Value::String(text)) => Bytes::from(self.filled(text)?),
            Some(value) => Bytes::from(self.filled(&value.to_string())?),
            None => Bytes::new(),
        };

        let mut ready = Ready { method: send.method.clone(), url: kit.wire(url), headers: HeaderMap::new(), body };
        for (name, value) in &send.headers {
            ready.header(name, &self.filled(value)?);
        }
        if let Some(token) = &send.token {
            ready.header("authorization", &self.filled(token)?);
        }
        let made = match send.packet {
            Some(packet) => {
                let to = if packet.needs_destination() { Some(self.destination()?) } else { None };
                let made = packet.make(to.as_ref(), kit.clock.wall(), &*kit.entropy);
                Some(made.ok_or("the packet cannot be made")?)
            }
            None => None,
        };
        if let Some(made) = &made {
            ready.body = Bytes::from(made.octets.clone());
        }
        if let Some(client) = client {
            ready.sign(send.sign, &client.signer, kit.clock.wall(), &*kit.entropy);
        }
        Ok((ready, made))
    }

    fn destination(&self) -> Result<Destination, String> {
        let address = self.filled("{ilp_address}")?.parse().map_err(|_| "the ILP address is none".to_owned())?;
        let secret = SharedSecret::from_base64(&self.filled("{shared_secret}")?);
        Ok(Destination { address, secret: secret.map_err(|_| "the shared secret is none".to_owned())? })
    }

    /// `text` with its names replaced. JSON has braces of its own, so only known forms of names count.
    fn filled(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            let name = rest[1..].split('}').next().unwrap_or_default();
            let is_name = rest[1..].contains('}')
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if is_name {
                let value = self
                    .known
                    .get(name)
                    .ok_or_else(|| format!("{name} is not known, because an earlier case failed"))?;
                filled.push_str(value);
                rest = &rest[name.len() + 2..];
            } else {
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// What the client expects of the browser's way back.
    fn way_back(&self) -> Result<consent::Expected, String> {
        Ok(consent::Expected {
            uri: self.filled("{finish_uri}")?,
            client_nonce: self.filled("{finish_nonce}")?,
            server_nonce: self.filled("{server_nonce}")?,
            grant_endpoint: self.filled("{auth}")?,
        })
    }

    fn keep(&mut self, case: &Case, response: &Response) {
        let body = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        for (name, place) in &case.keep {
            let found = match place.strip_prefix('?') {
                Some(parameter) => consent::parameter(&response.headers, parameter),
                None => {
                    body.pointer(place).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                }
            };
            self.known.extend(found.map(|found| (name.clone(), found)));
        }
    }
}

/// How long the server asks the client to wait before it sends this again (RFC 9110 section 10.2.3); `None` if this answer
/// is the answer of the case.
fn pause(response: &Response, expected: &[u16]) -> Option<Duration> {
    let is_asked = response.status == StatusCode::TOO_MANY_REQUESTS && !expected.contains(&429);
    let seconds = response.headers.get(RETRY_AFTER).filter(|_| is_asked)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).max(Duration::from_secs(1)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_case_waits_as_long_as_a_busy_server_asks_and_only_then() {
        let answer = |status: StatusCode, after: Option<&'static str>| Response {
            status,
            headers: after.map(|after| (RETRY_AFTER, HeaderValue::from_static(after))).into_iter().collect(),
            body: Bytes::new(),
        };
        let busy = StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(pause(&answer(busy, Some("7")), &[200]), Some(Duration::from_secs(7)));
        assert_eq!(pause(&answer(busy, Some("0")), &[200]), Some(Duration::from_secs(1)));
        assert_eq!(pause(&answer(busy, Some("7")), &[429]), None, "the case expects this");
        assert_eq!(pause(&answer(busy, Some("soon")), &[200]), None);
        assert_eq!(pause(&answer(busy, None), &[200]), None);
        assert_eq!(pause(&answer(StatusCode::UNAUTHORIZED, Some("7")), &[200]), None);
    }
}
