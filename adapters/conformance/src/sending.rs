//! Makes the request of a case, with its signature or with a wrong one, and the command that sends it again.
//! It decides nothing about answers.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clock::{Entropy, Timestamp};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_signatures::{Signer, SigningKey};
use url::Url;

use crate::case::Sign;

const A_DAY: Duration = Duration::from_hours(24);

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ready {
    /// Adds a header; what cannot be sent is left out.
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
    }

    /// Signs it in this way. The token must be there before.
    pub(crate) fn sign(&mut self, sign: Sign, signer: &Signer, now: Timestamp, entropy: &dyn Entropy) {
        let Self { method, url, headers, body } = self;
        let (method, url, body) = (method.as_str(), url.as_str(), &body[..]);
        // A signature that cannot be made is missing, and the answer says so.
        let _ = match sign {
            Sign::Not => Ok(()),
            Sign::Right | Sign::OtherLabel | Sign::BesideAnother => {
                signer.sign_once(method, url, headers, body, now, &nonce(entropy))
            }
            Sign::LongAgo => signer.sign(method, url, headers, body, now - A_DAY),
            Sign::OtherMethod => signer.sign("PUT", url, headers, body, now),
            Sign::OtherUrl => signer.sign(method, &format!("{url}?other=1"), headers, body, now),
            Sign::OtherBody => signer.sign(method, url, headers, &[body, b" "].concat(), now),
            Sign::WithoutDigest => signer.sign(method, url, headers, b"", now),
            Sign::OtherKey => match Signer::new(SigningKey::random(entropy), signer.jwk().kid()) {
                Ok(other) => other.sign(method, url, headers, body, now),
                Err(_) => Ok(()),
            },
            Sign::WithoutToken => {
                let token = headers.remove(AUTHORIZATION);
                let signed = signer.sign(method, url, headers, body, now);
                if let Some(token) = token {
                    headers.insert(AUTHORIZATION, token);
                }
                signed
            }
        };
        match sign {
            Sign::OtherLabel => relabel(headers),
            Sign::BesideAnother => add_another(headers, now),
            _ => {}
        }
        // The transport sets it.
        headers.remove("content-length");
    }

    /// A command that sends it again.
    pub(crate) fn reproducer(&self) -> String {
        let mut command = format!("curl -i -X {} {}", self.method, quoted(self.url.as_str()));
        for (name, value) in &self.headers {
            let line = format!("{name}: {}", value.to_str().unwrap_or_default());
            command.extend([" -H ", &quoted(&line)]);
        }
        if self.body.is_empty() {
            return command;
        }
        match std::str::from_utf8(&self.body) {
            Ok(text) if !text.chars().any(char::is_control) => format!("{command} --data-binary {}", quoted(text)),
            _ => {
                let hex = self.body.iter().fold(String::new(), |mut hex, octet| {
                    // Writing to a string does not fail.
                    let _ = write!(hex, "{octet:02x}");
                    hex
                });
                format!("echo {hex} | xxd -r -p | {command} --data-binary @-")
            }
        }
    }
}

/// Gives the signature another label.
fn relabel(headers: &mut HeaderMap) {
    for name in ["signature", "signature-input"] {
        let renamed = headers.get(name).and_then(|value| value.to_str().ok()?.strip_prefix("sig1"));
        if let Some(value) = renamed.and_then(|rest| HeaderValue::from_str(&format!("conformance{rest}")).ok()) {
            headers.insert(name, value);
        }
    }
}

/// Puts a signature before the own one, in lines of its own, as a proxy on the way may do. Nobody can verify it.
fn add_another(headers: &mut HeaderMap, now: Timestamp) {
    let input = format!("proxy=(\"@method\");created={};keyid=\"proxy\"", now.as_millis() / 1000);
    for (name, value) in [("signature-input", input), ("signature", format!("proxy=:{}:", STANDARD.encode([7; 64])))] {
        if let (Some(own), Ok(value)) = (headers.remove(name), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
            headers.append(name, own);
        }
    }
}

/// A text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn nonce(entropy: &dyn Entropy) -> String {
    entropy.uuid().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_keeps_every_octet_of_a_text_and_of_a_packet() {
        let mut ready = Ready {
            method: "POST".to_owned(),
            url: Url::parse("https://a.example/b").unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{\"a\":\"it's\"}"),
        };
        ready.header("accept", "application/json");
        let told =
            "curl -i -X POST 'https://a.example/b' -H 'accept: application/json' --data-binary '{\"a\":\"it'\\''s\"}'";
        assert_eq!(ready.reproducer(), told);
        ready.body = Bytes::from_static(&[0x0c, 0x00]);
        assert!(ready.reproducer().starts_with("echo 0c00 | xxd -r -p | curl"));
    }
}
