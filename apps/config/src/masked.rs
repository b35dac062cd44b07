//! Texts without the passwords of URLs in them.
//! Which values are secret as a whole is in `shown`.

use url::Url;

/// The text without passwords of URLs in it.
pub(crate) fn masked(value: &str) -> String {
    value.split(',').map(masked_url).collect::<Vec<_>>().join(",")
}

/// A text that is no URL is returned as it is.
pub(crate) fn masked_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text.trim()) else { return text.to_owned() };
    let in_query = url.query_pairs().any(|(name, _)| is_password(&name));
    if url.password().is_none() && !in_query {
        return text.to_owned();
    }
    if url.password().is_some() {
        // Only URLs that cannot have a password return an error here.
        let _ = url.set_password(Some("***"));
    }
    if in_query {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let shown = pairs.iter().map(|(name, value)| (name, if is_password(name) { "***" } else { value.as_str() }));
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.into()
}

fn is_password(name: &str) -> bool {
    name.eq_ignore_ascii_case("password")
}
