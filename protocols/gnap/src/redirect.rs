//! Sets query parameters of a URL as browsers do, for redirects of the interaction (RFC 9635 section 4.2.1).
//!
//! It is not a general URL builder: parameters are replaced, and the rest of the URL does not change.

use url::Url;

/// Sets each parameter of `url`. The first occurrence keeps its place and gets the new value. Further ones are removed,
/// and a missing one is appended. The whole query then has form encoding, and the fragment stays last (WHATWG URL,
/// `searchParams.set`).
pub fn set_query(url: &Url, parameters: &[(&str, &str)]) -> Url {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in parameters {
        let mut placed = false;
        pairs.retain_mut(|(existing, current)| {
            if existing != name {
                return true;
            }
            let first = !std::mem::replace(&mut placed, true);
            if first {
                (*value).clone_into(current);
            }
            first
        });
        if !placed {
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(&pairs);
    url
}
