//! The interactions that a browser has started, stored in a signed cookie.
//!
//! The cookie contains the nonces, so the server stores nothing, and several interactions may be open at once. It
//! proves no identity. It only proves that the same browser started the interaction.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sha2::Sha256;

const VALUE: &str = "sessionId";
const SIGNATURE: &str = "sessionId.sig";
/// The most open interactions of a browser. Above it, the one that expires first is removed.
const STARTED_MAX: usize = 16;

/// How long an interaction is kept after it has expired.
const GRACE: Duration = Duration::from_hours(1);

/// The `SameSite` attribute of the cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Sent when the owner navigates here. Right for plain redirects.
    #[default]
    Lax,
    /// Sent always; for consent pages in frames. Needs https.
    None,
}

/// The keys that sign the cookie.
#[derive(Clone)]
pub struct CookieKeys {
    /// Signs, and is accepted.
    pub present: String,
    /// Is accepted while the present one replaces it.
    pub former: Option<String>,
}

/// Reads and writes the cookie.
pub(crate) struct Sessions {
    /// The first signs. A signature of any of them is right, so that one key can replace another.
    macs: Vec<Hmac<Sha256>>,
    attributes: String,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}

/// The interactions a browser has started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    started: Vec<(String, Timestamp)>,
}

impl Session {
    /// Whether the browser started the interaction with this nonce, and it is still kept.
    pub(crate) fn has_started(&self, nonce: &str, now: Timestamp) -> bool {
        self.started.iter().any(|(started, expires_at)| started == nonce && *expires_at >= now)
    }

    /// Stores a nonce until a little after the interaction has expired, so that a late owner is still redirected to the
    /// application.
    pub(crate) fn start(&mut self, nonce: &str, expires_at: Timestamp, now: Timestamp) {
        let expires_at = expires_at + GRACE;
        self.started.retain(|(started, expires_at)| started != nonce && *expires_at >= now);
        self.started.push((nonce.to_owned(), expires_at));
        self.started.sort_by_key(|(_, expires_at)| *expires_at);
        let surplus = self.started.len().saturating_sub(STARTED_MAX);
        self.started.drain(..surplus);
    }

    fn to_text(&self) -> String {
        let entries = self.started.iter().map(|(nonce, expires_at)| format!("{nonce}.{}", expires_at.as_millis()));
        entries.collect::<Vec<_>>().join("~")
    }

    fn from_text(text: &str) -> Option<Self> {
        let entries = text.split('~').map(|entry| {
            let (nonce, expires_at) = entry.split_once('.')?;
            Some((nonce.to_owned(), Timestamp::from_millis(expires_at.parse().ok()?)))
        });
        Some(Self { started: entries.collect::<Option<_>>()? })
    }
}

impl Sessions {
    pub(crate) fn new(keys: &CookieKeys, same_site: SameSite, is_https: bool) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mac = |key: &String| Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes keys of every length");
        let macs = std::iter::once(&keys.present).chain(&keys.former).map(mac).collect();
        let secure = if is_https { "; Secure" } else { "" };
        let same_site = match same_site {
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        };
        Self { macs, attributes: format!("Path=/; HttpOnly; SameSite={same_site}{secure}") }
    }

    /// The browser's session; an empty one if there is none, or if its signature is wrong.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Session {
        let cookie = |name| cookies(headers).find_map(|(found, value)| (found == name).then_some(value));
        let (Some(value), Some(signature)) = (cookie(VALUE), cookie(SIGNATURE)) else { return Session::default() };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return Session::default() };
        let genuine = self.macs.iter().any(|mac| signing(mac, value).verify_slice(&signature).is_ok());
        if genuine { Session::from_text(value).unwrap_or_default() } else { Session::default() }
    }

    /// Stores the session in the browser.
    pub(crate) fn save(&self, session: &Session, now: Timestamp, headers: &mut HeaderMap) {
        let value = session.to_text();
        let until = session.started.iter().map(|(_, until)| *until).max().unwrap_or(now);
        let lifetime = until.saturating_since(now);
        let signed = self.macs.first().map(|mac| signing(mac, &value).finalize().into_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signed.unwrap_or_default());
        for (name, value) in [(VALUE, &value), (SIGNATURE, &signature)] {
            let cookie = format!("{name}={value}; Max-Age={}; {}", lifetime.as_secs(), self.attributes);
            // Nonces, numbers and base64url are always a header value.
            if let Ok(cookie) = HeaderValue::try_from(cookie) {
                headers.append(SET_COOKIE, cookie);
            }
        }
    }
}

fn signing(mac: &Hmac<Sha256>, value: &str) -> Hmac<Sha256> {
    mac.clone().chain_update(VALUE).chain_update("=").chain_update(value)
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_with(response: &HeaderMap) -> HeaderMap {
        let pairs: Vec<&str> = response.get_all(SET_COOKIE).iter().map(|c| c.to_str().unwrap()).collect();
        let pairs: Vec<&str> = pairs.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
        HeaderMap::from_iter([(COOKIE, pairs.join("; ").parse().unwrap())])
    }

    fn keys(present: &str, former: Option<&str>) -> CookieKeys {
        CookieKeys { present: present.to_owned(), former: former.map(str::to_owned) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_browser_remembers_several_interactions_until_they_are_long_over() {
        let sessions = Sessions::new(&keys("key", None), SameSite::Lax, true);
        let mut session = Session::default();
        session.start("AA", at(1000), at(0));
        session.start("BB", at(2000), at(0));
        let mut headers = HeaderMap::new();
        sessions.save(&session, at(0), &mut headers);
        let first = headers.get(SET_COOKIE).unwrap().to_str().unwrap();
        assert!(first.ends_with("; Max-Age=3602; Path=/; HttpOnly; SameSite=Lax; Secure"), "{first}");

        let read = sessions.of(&request_with(&headers));
        assert_eq!(read, session);
        let over = at(1000) + GRACE;
        assert!(read.has_started("AA", over) && !read.has_started("AA", over + Duration::from_millis(1)));
        assert!(read.has_started("BB", over) && !read.has_started("CC", at(0)));
    }

    #[test]
    fn the_cookie_tells_which_sites_may_send_it() {
        let saved = |same_site, is_https| {
            let mut headers = HeaderMap::new();
            Sessions::new(&keys("key", None), same_site, is_https).save(&Session::default(), at(0), &mut headers);
            headers[SET_COOKIE].to_str().unwrap().to_owned()
        };
        assert!(saved(SameSite::Lax, false).ends_with("; SameSite=Lax"));
        assert!(saved(SameSite::None, true).ends_with("; SameSite=None; Secure"));
    }

    #[test]
    fn a_cookie_with_a_wrong_signature_is_no_session() {
        let mut session = Session::default();
        session.start("AA", at(1000), at(0));
        let mut headers = HeaderMap::new();
        Sessions::new(&keys("another key", None), SameSite::None, false).save(&session, at(0), &mut headers);
        assert_eq!(
            Sessions::new(&keys("key", None), SameSite::None, false).of(&request_with(&headers)),
            Session::default()
        );
        assert_eq!(Sessions::new(&keys("key", None), SameSite::None, false).of(&HeaderMap::new()), Session::default());
    }

    #[test]
    fn while_the_key_is_replaced_cookies_of_the_former_one_are_sessions_and_new_ones_are_signed_with_the_present_one() {
        let sessions = |present, former| Sessions::new(&keys(present, former), SameSite::Lax, false);
        let mut session = Session::default();
        session.start("AA", at(1000), at(0));
        let saved = |by: Sessions| {
            let mut headers = HeaderMap::new();
            by.save(&session, at(0), &mut headers);
            request_with(&headers)
        };
        let replacing = || sessions("new", Some("old"));
        assert_eq!(replacing().of(&saved(sessions("old", None))), session);
        assert_eq!(sessions("new", None).of(&saved(replacing())), session);
        assert_eq!(sessions("old", None).of(&saved(replacing())), Session::default());
    }

    #[test]
    fn the_cookie_stays_small() {
        let mut session = Session::default();
        for number in 0..100 {
            session.start(&format!("{number:032X}"), at(number), at(0));
        }
        assert_eq!(session.started.len(), STARTED_MAX);
        assert!(session.has_started(&format!("{:032X}", 99), at(0)));
        assert!(session.to_text().len() < 1000);
    }
}
