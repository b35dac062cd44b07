//! How far this machine's clock is from those of others.
//! Where their times come from is in `network` and `databases`.

use std::time::Duration;

use clock::Timestamp;
use http::HeaderMap;

use super::finding::Finding;

/// A Date header has whole seconds, and the answer was some time on its way.
const NOTHING: Duration = Duration::from_secs(3);
/// Signed requests of the Admin API are refused at 30 seconds.
const SOON_REFUSED: Duration = Duration::from_secs(15);

/// Compares the time of `who` with ours.
pub(super) fn compared(who: &str, theirs: Timestamp, ours: Timestamp) -> Finding {
    let ahead = theirs >= ours;
    let apart = if ahead { theirs.saturating_since(ours) } else { ours.saturating_since(theirs) };
    if apart <= NOTHING {
        return Finding::ok(format!("the clocks here and of {who} agree"));
    }
    let side = if ahead { "ahead of" } else { "behind" };
    let text = format!("the clock of {who} is {} s {side} the clock here", apart.as_secs());
    let advice = "synchronise the clocks of both (for example with chrony); 30 s apart, signed requests are refused";
    if apart < SOON_REFUSED { Finding::warning(text, advice) } else { Finding::failed(text, advice) }
}

/// The instant in the Date header of an answer (RFC 9110 section 6.6.1).
pub(super) fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    instant(headers, &http::header::DATE)
}

/// The instant in a header.
pub(super) fn instant(headers: &HeaderMap, name: &http::HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_jiff(zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn clocks_may_be_some_seconds_apart_but_not_many() {
        let at = |seconds: i64| Timestamp::from_millis(1_767_225_600_000 + seconds * 1000);
        for (theirs, verdict) in [
            (0, Verdict::Ok),
            (3, Verdict::Ok),
            (-3, Verdict::Ok),
            (4, Verdict::Warning),
            (-14, Verdict::Warning),
            (15, Verdict::Failed),
            (-3600, Verdict::Failed),
        ] {
            assert_eq!(compared("a peer", at(theirs), at(0)).verdict, verdict, "{theirs}");
        }
        assert!(compared("a peer", at(60), at(0)).text.contains("60 s ahead of"));
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(date_of(&headers), None);
        headers.insert(http::header::DATE, "Thu, 01 Jan 2026 00:00:00 GMT".parse().unwrap());
        assert_eq!(date_of(&headers), Some(Timestamp::from_millis(1_767_225_600_000)));
        headers.insert(http::header::DATE, "yesterday".parse().unwrap());
        assert_eq!(date_of(&headers), None);
    }
}
