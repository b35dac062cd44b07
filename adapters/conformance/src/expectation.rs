//! Compares an answer with what a case expects, and says each difference.
//! The small language of expected members is here: `text`, `=value`, `base64:32` and so on.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::Url;

use crate::case::Expect;

/// What a status of 429 means here. A run sends many requests that are wrong on purpose, and waits as long as the server
/// asks, up to two minutes in all.
const TOO_MANY: &str = "the server takes no more requests from this address, for longer than a run waits, because of the \
    wrong ones that a run sends; try again later (rafiki auth allows FAILURES_PER_MINUTE_PER_ADDRESS)";

/// An answer, as far as expectations read it.
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// What differs. `known` replaces the names in braces.
pub(crate) fn differences(expect: &Expect, answer: &Answer<'_>, known: impl Fn(&str) -> String) -> Vec<String> {
    let mut found = Vec::new();
    if !expect.status.contains(&answer.status.as_u16()) {
        let wanted: Vec<String> = expect.status.iter().map(u16::to_string).collect();
        found.push(format!("status {} instead of {}", answer.status.as_u16(), wanted.join(" or ")));
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            found.push(TOO_MANY.to_owned());
        }
    }
    for (name, wanted) in &expect.headers {
        let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
        let wanted = known(wanted);
        match value {
            None => found.push(format!("no header {name}")),
            Some(value) if !value.to_lowercase().contains(&wanted.to_lowercase()) => {
                found.push(format!("header {name} is {value:?}, without {wanted:?}"));
            }
            Some(_) => {}
        }
    }
    if !expect.members.is_empty() {
        match serde_json::from_slice::<Value>(answer.body) {
            Ok(body) => {
                for (pointer, wanted) in &expect.members {
                    if let Some(difference) = member(body.pointer(pointer), &known(wanted)) {
                        found.push(format!("{pointer}: {difference}"));
                    }
                }
            }
            Err(error) => found.push(format!("the body is not JSON: {error}")),
        }
    }
    found
}

/// What differs between a member and what is wanted.
fn member(found: Option<&Value>, wanted: &str) -> Option<String> {
    if wanted == "absent" {
        return found.map(|found| format!("{found} instead of nothing"));
    }
    let Some(found) = found else { return Some("missing".to_owned()) };
    let text = found.as_str().unwrap_or_default();
    let fits = match wanted {
        "text" => !text.is_empty(),
        "integer" => found.is_u64(),
        "url" => Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https")),
        "digits" => !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()),
        "list" => found.as_array().is_some_and(|list| !list.is_empty()),
        "true" => *found == Value::Bool(true),
        "false" => *found == Value::Bool(false),
        other => match (other.strip_prefix('='), other.strip_prefix('!'), other.strip_prefix("base64:")) {
            (Some(value), _, _) => text == value,
            (_, Some(value), _) => !text.is_empty() && text != value,
            (_, _, Some(length)) => octets(text).is_some_and(|octets| octets.len().to_string() == length),
            _ => false,
        },
    };
    let meant =
        wanted.strip_prefix('!').map_or_else(|| wanted.to_owned(), |value| format!("another value than {value}"));
    (!fits).then(|| format!("{found} instead of {meant}"))
}

/// The octets of a text in one of the forms of base64.
fn octets(text: &str) -> Option<Vec<u8>> {
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|form| form.decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_word_accepts_what_it_means_and_nothing_else() {
        let key = json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        for (wanted, good, wrong) in [
            ("text", json!("a"), json!("")),
            ("integer", json!(2), json!("2")),
            ("url", json!("https://a.example/b"), json!("a.example")),
            ("digits", json!("10"), json!("0x10")),
            ("list", json!([1]), json!([])),
            ("true", json!(true), json!("true")),
            ("=x", json!("x"), json!("y")),
            ("!x", json!("y"), json!("x")),
            ("base64:32", key, json!("AAEC")),
        ] {
            assert_eq!(member(Some(&good), wanted), None, "{wanted}");
            assert!(member(Some(&wrong), wanted).is_some(), "{wanted}");
            assert!(member(None, wanted).is_some(), "{wanted}");
        }
        assert_eq!(member(None, "absent"), None);
        assert!(member(Some(&json!(null)), "absent").is_some());
        assert!(member(Some(&json!("a")), "no such word").is_some(), "a case with a mistake never passes");
    }

    #[test]
    fn a_server_that_takes_no_more_requests_is_told_from_one_that_is_wrong() {
        let expect: Expect = serde_json::from_value(json!({"status": [401]})).unwrap();
        let told = |status| {
            let answer = Answer { status, headers: &HeaderMap::new(), body: b"" };
            differences(&expect, &answer, str::to_owned).join("; ")
        };
        assert!(told(StatusCode::TOO_MANY_REQUESTS).contains("try again later"));
        assert_eq!(told(StatusCode::OK), "status 200 instead of 401");
    }
}
