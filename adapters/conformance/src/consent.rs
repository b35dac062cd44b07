//! The owner's part in a grant: opens the page of an interaction, answers as the identity provider does, and follows the
//! browser to the client. What a client learns there is compared here, too.

use gnap::hash::InteractionHash;
use http::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use outbound_http::Response;
use url::Url;

use crate::case::{Answer, Finish};
use crate::kit::{Kit, Owner};

/// What goes into the hash beside the reference, and where the browser has to arrive.
pub(crate) struct Expected {
    pub(crate) uri: String,
    pub(crate) client_nonce: String,
    pub(crate) server_nonce: String,
    pub(crate) grant_endpoint: String,
}

/// Goes through the interaction at `page`. The last answer sends the browser back to the client.
pub(crate) async fn answered(kit: &Kit, owner: &Owner, page: &Url, answer: Answer) -> Result<Response, String> {
    let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/html"))]);
    let begun = kit.call(Method::GET, page, headers.clone()).await?;
    let location =
        location(&begun.headers).ok_or(format!("{page} leads to no identity provider ({})", begun.status))?;
    let named = |name: &str| location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let (Some(id), Some(nonce)) = (named("interactId"), named("nonce")) else {
        return Err("the identity provider is told no interactId and nonce".to_owned());
    };

    let word = if answer == Answer::Accept { "accept" } else { "reject" };
    let decision =
        owner.interactions.join(&format!("/grant/{id}/{nonce}/{word}")).map_err(|error| error.to_string())?;
    let secret = HeaderValue::from_str(&owner.secret).map_err(|error| error.to_string())?;
    let told = HeaderMap::from_iter([(HeaderName::from_static("x-idp-secret"), secret)]);
    let decided = kit.call(Method::POST, &decision, told).await?;
    if !decided.status.is_success() {
        return Err(format!("{decision} answers {}", decided.status));
    }

    let cookies = begun.headers.get_all(SET_COOKIE).iter().filter_map(|set| set.to_str().ok()?.split(';').next());
    let cookies = HeaderValue::from_str(&cookies.collect::<Vec<_>>().join("; ")).map_err(|error| error.to_string())?;
    headers.insert(COOKIE, cookies);
    let mut finish = page.clone();
    finish.set_query(None);
    finish.set_path(&format!("{}/finish", page.path().trim_end_matches('/')));
    kit.call(Method::GET, &finish, headers).await
}

/// What differs from the way back that the client expects.
pub(crate) fn difference(finish: Finish, expected: &Expected, headers: &HeaderMap) -> Option<String> {
    let Some(location) = location(headers) else { return Some("the browser is not sent back".to_owned()) };
    if !location.as_str().starts_with(&expected.uri) {
        return Some(format!("the browser is sent to {location} instead of {}", expected.uri));
    }
    let reference = parameter(headers, "interact_ref");
    match (finish, reference) {
        (Finish::Refused, None) => None,
        (Finish::Refused, Some(_)) => Some("there is a reference in spite of the refusal".to_owned()),
        (Finish::Approved, None) => Some("there is no interact_ref".to_owned()),
        (Finish::Approved, Some(reference)) => {
            let hash = InteractionHash {
                client_nonce: &expected.client_nonce,
                interact_nonce: &expected.server_nonce,
                interact_ref: &reference,
                grant_endpoint: &expected.grant_endpoint,
            };
            let found = parameter(headers, "hash").unwrap_or_default();
            (!same_octets(&found, &hash.compute())).then(|| format!("hash {found:?} instead of {}", hash.compute()))
        }
    }
}

/// RFC 9635 has unpadded base64url, all published clients standard base64 with padding.
fn same_octets(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    plain(one) == plain(other)
}

/// A parameter of the address that the browser is sent to.
pub(crate) fn parameter(headers: &HeaderMap, name: &str) -> Option<String> {
    location(headers)?.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn location(headers: &HeaderMap) -> Option<Url> {
    Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_to(url: &str) -> HeaderMap {
        HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(url).unwrap())])
    }

    #[test]
    fn the_way_back_needs_the_right_hash_and_no_reference_after_a_refusal() {
        let expected = Expected {
            uri: "https://app.example/done".to_owned(),
            client_nonce: "a".to_owned(),
            server_nonce: "b".to_owned(),
            grant_endpoint: "https://auth.example/t".to_owned(),
        };
        let hash = InteractionHash {
            client_nonce: "a",
            interact_nonce: "b",
            interact_ref: "c",
            grant_endpoint: "https://auth.example/t",
        };
        let hash = hash.compute();
        let url_safe = hash.replace('+', "-").replace('/', "_").replace('=', "");
        let back = |hash: &str| {
            let mut url = Url::parse("https://app.example/done").unwrap();
            url.query_pairs_mut().append_pair("hash", hash).append_pair("interact_ref", "c");
            sent_to(url.as_str())
        };
        let of = |finish, headers: &HeaderMap| difference(finish, &expected, headers);
        assert_eq!(of(Finish::Approved, &back(&hash)), None);
        assert_eq!(of(Finish::Approved, &back(&url_safe)), None);
        assert!(of(Finish::Approved, &back("other")).unwrap().contains("instead of"));
        assert!(of(Finish::Refused, &back(&hash)).is_some());
        assert_eq!(of(Finish::Refused, &sent_to("https://app.example/done?result=grant_rejected")), None);
        assert!(of(Finish::Refused, &sent_to("https://other.example/")).is_some());
        assert!(of(Finish::Approved, &HeaderMap::new()).is_some());
    }
}
