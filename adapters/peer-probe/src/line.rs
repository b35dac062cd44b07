//! Sends packets to the peer one after the other, and reads the answers.
//! What they mean for the score is in `checks`.

use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Entropy, Stopwatch, Timestamp};
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue};
use ilp_packet::{AmountTooLarge, ErrorCode};
use outbound_http::{Outbound, OutboundError, Request};
use stream::{Frame, Hashlock, STREAM_ID, Sender, Verdict};

use crate::probe::PeerLine;

/// A packet that lives as long as this is neither short nor long.
const USUAL_LIFE: Duration = Duration::from_secs(20);
/// Longer than any life of a packet, so that a late answer is seen as late.
const PATIENCE: Duration = Duration::from_secs(40);
const ANSWER_MAX: usize = 64 * 1024;

/// The way to a peer.
pub(crate) struct Line<'a> {
    pub(crate) to: &'a PeerLine,
    pub(crate) http: &'a Outbound,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) sender: Sender,
}

/// When a packet expires.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expiry {
    /// As that of a usual packet.
    Usual,
    /// After this time.
    In(Duration),
    /// Since this time.
    Over(Duration),
}

/// A packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) amount: u64,
    /// The least amount that the receiver accepts.
    pub(crate) at_least: u64,
    pub(crate) hashlock: Hashlock,
    pub(crate) expiry: Expiry,
}

impl Sending {
    /// A packet that cannot move money.
    pub(crate) fn probe(amount: u64) -> Self {
        Self { amount, at_least: 0, hashlock: Hashlock::Unfulfillable, expiry: Expiry::Usual }
    }
}

/// An answer to a packet.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// The amount that came to the receiver, by its own word.
    pub(crate) delivered: Option<u64>,
    pub(crate) receipt: Option<Vec<u8>>,
    /// How long it took.
    pub(crate) took: Duration,
    /// Whether it came after the packet had expired.
    pub(crate) late: bool,
    /// The peer's clock in milliseconds ahead of ours: not less than the first, not more than the second.
    pub(crate) ahead: Option<[i64; 2]>,
}

impl Answer {
    /// The code and the detail of a reject.
    pub(crate) fn reject(&self) -> Option<(ErrorCode, Option<AmountTooLarge>)> {
        match self.verdict {
            Verdict::Rejected { code, too_large } => Some((code, too_large)),
            _ => None,
        }
    }

    /// In words.
    pub(crate) fn told(&self) -> String {
        match self.verdict {
            Verdict::Fulfilled => "a fulfill".to_owned(),
            Verdict::WrongFulfillment => "a fulfill that does not fit the condition".to_owned(),
            Verdict::Undecodable => "something that is no ILP packet".to_owned(),
            Verdict::Rejected { code, .. } => match self.delivered {
                Some(_) => format!("a reject {code} of the receiver"),
                None => format!("a reject {code}"),
            },
        }
    }
}

/// Why a packet got no answer of ILP.
#[derive(Clone, Debug)]
pub(crate) enum NoAnswer {
    /// The peer cannot be reached.
    Unreachable(String),
    /// It took too long or broke.
    Lost(String),
    /// An answer of HTTP with another status.
    Refused(u16),
}

impl NoAnswer {
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Unreachable(reason) | Self::Lost(reason) => reason.clone(),
            Self::Refused(status) => format!("HTTP status {status} instead of a packet"),
        }
    }
}

impl Line<'_> {
    /// Sends a packet and reads the answer.
    pub(crate) async fn send(&mut self, sending: Sending) -> Result<Answer, NoAnswer> {
        let sent_at = self.clock.wall();
        let expires_at = match sending.expiry {
            Expiry::Usual => sent_at + USUAL_LIFE,
            Expiry::In(life) => sent_at + life,
            Expiry::Over(since) => sent_at - since,
        };
        let frames = [Frame::StreamMoney { stream_id: STREAM_ID, shares: 1 }];
        let request = stream::Request {
            source_amount: sending.amount,
            min_destination_amount: sending.at_least,
            hashlock: sending.hashlock,
            expires_at,
            frames: &frames,
        };
        let made = self.sender.make(&request, self.entropy).map_err(|error| NoAnswer::Lost(error.to_string()))?;

        let call = Request::post(self.to.endpoint.clone())
            .configured()
            .authorization(&format!("Bearer {}", self.to.token))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .body(Bytes::from(made.prepare))
            .deadline(PATIENCE)
            .limit(ANSWER_MAX);
        let watch = Stopwatch::start();
        let answer = self.http.send(call).await.map_err(|error| match error {
            OutboundError::Timeout { .. } | OutboundError::Broken { .. } | OutboundError::TooLarge { .. } => {
                NoAnswer::Lost(error.to_string())
            }
            _ => NoAnswer::Unreachable(error.to_string()),
        })?;
        let (took, answered_at) = (watch.elapsed(), self.clock.wall());
        if !answer.status.is_success() {
            return Err(NoAnswer::Refused(answer.status.as_u16()));
        }

        let reading = self.sender.read(made.sequence, made.fulfillment, &answer.body);
        let receipt = |frame: Frame<'_>| match frame {
            Frame::StreamReceipt { stream_id: STREAM_ID, receipt } => Some(receipt.to_vec()),
            _ => None,
        };
        Ok(Answer {
            delivered: reading.stream().map(|packet| packet.prepare_amount),
            receipt: reading.stream().and_then(|packet| packet.frames().find_map(receipt)),
            verdict: reading.verdict,
            took,
            late: answered_at > expires_at,
            ahead: ahead(&answer.headers, sent_at, answered_at),
        })
    }
}

/// A Date header (RFC 9110 section 6.6.1) has whole seconds, and was written some time between question and answer.
fn ahead(headers: &HeaderMap, sent_at: Timestamp, answered_at: Timestamp) -> Option<[i64; 2]> {
    let date = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    let date = Timestamp::from_jiff(date.timestamp()).as_millis();
    Some([date - answered_at.as_millis(), date + 999 - sent_at.as_millis()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_with_control_characters_does_not_reach_the_terminal() {
        let code = ErrorCode::from_octets(*b"\x1b[2").unwrap();
        let verdict = Verdict::Rejected { code, too_large: None };
        let answer = Answer { verdict, delivered: None, receipt: None, took: Duration::ZERO, late: false, ahead: None };
        assert_eq!(answer.told(), "a reject \\x1b[2");
    }

    #[test]
    fn a_date_in_whole_seconds_says_how_far_a_clock_is_within_a_second() {
        let at = |millis: i64| Timestamp::from_millis(1_767_225_600_000 + millis);
        let mut headers = HeaderMap::new();
        assert_eq!(ahead(&headers, at(0), at(0)), None);
        headers.insert(DATE, "Thu, 01 Jan 2026 00:00:10 GMT".parse().unwrap());
        assert_eq!(ahead(&headers, at(10_100), at(10_200)), Some([-200, 899]));
        assert_eq!(ahead(&headers, at(100), at(200)), Some([9800, 10_899]));
        headers.insert(DATE, "yesterday".parse().unwrap());
        assert_eq!(ahead(&headers, at(0), at(0)), None);
    }
}
