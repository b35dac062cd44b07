//! Saved views of lists: a name and the filters of an address. They are kept in a cookie of the browser.
//!
//! They contain no data of the instance.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// A browser keeps 4 KB in a cookie.
const COOKIE_MAX: usize = 3_500;
const NAME_MAX: usize = 40;
/// The cookie.
pub(crate) const COOKIE: &str = "console_views";

/// A saved view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    /// The path of the list.
    #[serde(rename = "p")]
    pub(crate) path: String,
    /// The filters.
    #[serde(rename = "q")]
    pub(crate) query: String,
    #[serde(rename = "n")]
    pub(crate) name: String,
}

impl View {
    pub(crate) fn href(&self) -> String {
        format!("{}?{}", self.path, self.query)
    }
}

/// The views in a cookie. A cookie that cannot be read has none.
pub(crate) fn read(cookie: Option<&str>) -> Vec<View> {
    let octets = cookie.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    octets.and_then(|octets| serde_json::from_slice(&octets).ok()).unwrap_or_default()
}

/// The cookie with one more view. A view of the same list with the same name is replaced, and the oldest views go when
/// there is no room. `None` if the new view alone does not fit.
pub(crate) fn with(mut views: Vec<View>, new: View) -> Option<String> {
    let new = View { name: new.name.chars().take(NAME_MAX).collect(), ..new };
    views.retain(|view| view.path != new.path || view.name != new.name);
    views.push(new);
    while !views.is_empty() {
        let text = written(&views);
        if text.len() <= COOKIE_MAX {
            return Some(text);
        }
        views.remove(0);
    }
    None
}

/// The cookie without a view.
pub(crate) fn without(mut views: Vec<View>, path: &str, name: &str) -> String {
    views.retain(|view| view.path != path || view.name != name);
    written(&views)
}

fn written(views: &[View]) -> String {
    if views.is_empty() {
        return String::new();
    }
    URL_SAFE_NO_PAD.encode(serde_json::to_string(views).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, query: &str) -> View {
        View { path: "/payments".to_owned(), query: query.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn views_are_kept_replaced_and_removed_and_never_outgrow_a_cookie() {
        let one = with(Vec::new(), view("Mine", "type=INCOMING")).unwrap();
        let other = with(read(Some(&one)), view("Mine", "type=OUTGOING")).unwrap();
        assert_eq!(read(Some(&other)), [view("Mine", "type=OUTGOING")]);
        assert_eq!(without(read(Some(&other)), "/payments", "Mine"), "");
        assert_eq!(read(Some("no base 64 !")), []);

        let mut cookie = String::new();
        for number in 0..100 {
            cookie = with(read(Some(&cookie)), view(&number.to_string(), &"x".repeat(200))).unwrap();
        }
        assert!(cookie.len() <= COOKIE_MAX);
        assert_eq!(read(Some(&cookie)).last().unwrap().name, "99");
        assert_eq!(with(read(Some(&cookie)), view("x", &"x".repeat(9_000))), None, "the kept views stay");
    }
}
