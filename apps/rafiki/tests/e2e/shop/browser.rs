//! A browser without scripts: cookies, forms, and the redirects within a server.
//!
//! It knows nothing of shops and wallets.

use std::cell::RefCell;
use std::collections::BTreeMap;

use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
use url::Url;

/// A browser that has no script: it keeps cookies, and follows the ways that it is told to.
pub(crate) struct Browser {
    pub(crate) http: reqwest::Client,
    cookies: RefCell<BTreeMap<String, String>>,
    /// What it sends to the desk.
    password: Option<&'static str>,
}

/// A page, and where it is.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) url: Url,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn has(&self, text: &str) {
        assert!(self.text.contains(text), "{} does not say {text:?}:\n{}", self.url, self.text);
    }

    /// The value of an attribute after a piece of the page.
    pub(crate) fn after(&self, piece: &str, attribute: &str) -> String {
        let rest = self.text.split_once(piece).unwrap_or_else(|| panic!("no {piece} in {}", self.text)).1;
        let value = rest.split_once(&format!("{attribute}=\"")).expect("the attribute").1;
        value.split_once('"').expect("its end").0.replace("&amp;", "&").replace("&#38;", "&")
    }
}

impl Browser {
    pub(crate) fn new(password: Option<&'static str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, cookies: RefCell::default(), password }
    }

    pub(crate) async fn open(&self, url: &Url) -> Page {
        self.try_open(url).await.unwrap()
    }

    pub(crate) async fn submit(&self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        self.try_submit(page, action, fields).await.unwrap()
    }

    /// The same where the server may be killed meanwhile.
    pub(crate) async fn try_open(&self, url: &Url) -> Option<Page> {
        self.go(self.http.get(url.clone()), url).await
    }

    pub(crate) async fn try_submit(&self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Option<Page> {
        let once = page.after(&format!("action=\"{action}\""), "value");
        let url = page.url.join(action).unwrap();
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("once", &once).extend_pairs(fields);
        let call = self.http.post(url.clone()).header("content-type", "application/x-www-form-urlencoded");
        self.go(call.body(body.finish()), &url).await
    }

    /// Follows redirects as far as they lead to the same server. `None` if it does not answer.
    async fn go(&self, call: reqwest::RequestBuilder, url: &Url) -> Option<Page> {
        let (mut call, mut url) = (call, url.clone());
        for _ in 0..10 {
            let cookies =
                self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            call = call.header(COOKIE, cookies.join("; "));
            if let Some(password) = self.password {
                call = call.header(AUTHORIZATION, password);
            }
            let answer = call.send().await.ok()?;
            for line in answer.headers().get_all(SET_COOKIE) {
                let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
            let location = answer.headers().get(LOCATION).map(|to| url.join(to.to_str().unwrap()).unwrap());
            match location {
                Some(to) if to.origin() == url.origin() => {
                    call = self.http.get(to.clone());
                    url = to;
                }
                _ => {
                    let status = answer.status().as_u16();
                    return Some(Page { status, url, text: answer.text().await.ok()? });
                }
            }
        }
        panic!("redirected in a circle at {url}");
    }
}
