//! The bearer token of a request.
//! The connector decides to which peer a token belongs.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The token: the scheme in any case, exactly one space, no further one.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(authorization: &'static str) -> Option<String> {
        let headers = [(AUTHORIZATION, authorization.parse().unwrap())].into_iter().collect();
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn the_scheme_may_be_written_in_any_case() {
        assert_eq!(token_of("Bearer abc"), Some("abc".into()));
        assert_eq!(token_of("bEARER abc"), Some("abc".into()));
    }

    #[test]
    fn anything_but_two_parts_is_no_token() {
        for refused in ["", "Bearer", "Bearer ", "Bearer  abc", "Bearer abc ", "Bearer a b", "Basic abc", "abc"] {
            assert_eq!(token_of(refused), None, "{refused:?}");
        }
    }
}
