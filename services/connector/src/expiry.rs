//! The expiry of a forwarded packet.
//!
//! Every hop takes off a second, so that a fulfillment can be passed back before the source's own expiry.

use clock::Timestamp;
use ilp_packet::ErrorCode;

use crate::config::ConnectorConfig;
use crate::refusal::Refusal;

/// The expiry with which a packet is forwarded.
pub(crate) fn outgoing(incoming: Timestamp, now: Timestamp, config: &ConnectorConfig) -> Result<Timestamp, Refusal> {
    let too_late = |message| Refusal::new(ErrorCode::R02InsufficientTimeout, message);
    if incoming < now {
        return Err(too_late(format!(
            "source transfer has already expired. sourceExpiry={incoming} currentTime={now}"
        )));
    }
    let window = config.minimum_window;
    let outgoing = (incoming - window).min(now + config.maximum_hold);
    if outgoing < now + window {
        let required = now + window + window;
        return Err(too_late(format!(
            "source transfer expires too soon to complete payment. actualSourceExpiry={incoming} requiredSourceExpiry={required} currentTime={now}"
        )));
    }
    Ok(outgoing)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stream::ReceiverSecret;

    use super::*;

    fn outgoing_after(millis: u64) -> Result<u64, ErrorCode> {
        let config = ConnectorConfig::new("test.a".parse().unwrap(), ReceiverSecret::new(&[0; 32]));
        let now = Timestamp::from_millis(1_000_000);
        let outgoing = outgoing(now + Duration::from_millis(millis), now, &config);
        outgoing.map(|at| u64::try_from(at.saturating_since(now).as_millis()).unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_hop_takes_a_second_and_holds_at_most_thirty() {
        assert_eq!(outgoing_after(10_000), Ok(9_000));
        assert_eq!(outgoing_after(2_000), Ok(1_000));
        assert_eq!(outgoing_after(60_000), Ok(30_000));
    }

    #[test]
    fn less_than_two_seconds_are_too_few() {
        assert_eq!(outgoing_after(1_999), Err(ErrorCode::R02InsufficientTimeout));
        assert_eq!(outgoing_after(0), Err(ErrorCode::R02InsufficientTimeout));
    }
}
