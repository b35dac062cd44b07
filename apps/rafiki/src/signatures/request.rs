//! An HTTP request in a file, as a proxy or `curl --trace` shows it: request line, headers, empty line, body.
//! It is not sent anywhere.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The most headers of a request.
const HEADERS_MAX: usize = 100;

/// A request that was read from a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawRequest {
    pub(super) method: String,
    pub(super) target_uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl RawRequest {
    /// Reads `text`. Lines may end with or without a carriage return. `url` is the called URL if it is known better.
    pub(super) fn parse(text: &[u8], url: Option<&str>) -> Result<Self, String> {
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut fields);
        let length = match parsed.parse(text) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Err("there is no empty line after the headers".to_owned()),
            Err(error) => return Err(format!("it is not an HTTP request ({error})")),
        };

        let mut headers = HeaderMap::new();
        for field in parsed.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|error| error.to_string())?;
            headers.append(name, HeaderValue::from_bytes(field.value).map_err(|error| error.to_string())?);
        }
        let target = parsed.path.unwrap_or_default();
        let target_uri = match url {
            Some(url) => url.to_owned(),
            None => called(target, &headers)?,
        };
        let body = body(&text[length..], &headers).to_vec();
        Ok(Self { method: parsed.method.unwrap_or_default().to_owned(), target_uri, headers, body })
    }
}

/// An editor adds a line break at the end of a file. It is not a part of the body if the announced length ends before.
fn body<'a>(rest: &'a [u8], headers: &HeaderMap) -> &'a [u8] {
    let announced = headers.get("content-length").and_then(|length| length.to_str().ok()?.trim().parse::<usize>().ok());
    let blank = |end: &[u8]| end.iter().all(u8::is_ascii_whitespace);
    match announced {
        Some(length) if length < rest.len() && blank(&rest[length..]) => &rest[..length],
        None if blank(rest) => &[],
        _ => rest,
    }
}

fn called(target: &str, headers: &HeaderMap) -> Result<String, String> {
    if target.starts_with("http://") || target.starts_with("https://") {
        return Ok(target.to_owned());
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = header("x-forwarded-host").or_else(|| header("host"));
    let host = host.ok_or("it has no Host header; give the called URL with --url")?;
    let scheme = header("x-forwarded-proto").unwrap_or("https");
    Ok(format!("{scheme}://{host}{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"POST /a?b=1 HTTP/1.1\nHost: wallet.example\nContent-Length: 2\n\n{}\n";

    #[test]
    fn a_request_in_a_file_is_read_with_its_url() {
        let request = RawRequest::parse(TEXT, None).unwrap();
        assert_eq!((request.method.as_str(), request.target_uri.as_str()), ("POST", "https://wallet.example/a?b=1"));
        assert_eq!(request.body, b"{}");
        let request = RawRequest::parse(TEXT, Some("http://localhost:3000/a")).unwrap();
        assert_eq!(request.target_uri, "http://localhost:3000/a");
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_reason() {
        let reason = |text: &[u8]| RawRequest::parse(text, None).unwrap_err();
        assert!(reason(b"POST / HTTP/1.1\nHost: a\n").contains("no empty line"));
        assert!(reason(b"{\"a\": 1}\n\n").contains("not an HTTP request"));
        assert!(reason(b"GET / HTTP/1.1\n\n").contains("--url"));
    }
}
