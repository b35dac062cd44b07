//! Peering requests of other nodes, and the tokens of peers.
//! What peers may send is in `packets`.

use std::time::Duration;

use crate::Secret;
use crate::reader::{ByDefault, Reader};

/// What nodes get if they ask for peering, and how tokens are replaced.
#[derive(Clone, Debug)]
pub struct AutoPeering {
    /// `ENABLE_AUTO_PEERING`: other nodes may ask for peering at a separate listener. To ask others, no switch is
    /// needed.
    pub enabled: bool,
    /// `AUTO_PEERING_INITIAL_LIQUIDITY`: the amount that each node that asks may owe at first, in the smallest unit of
    /// its asset.
    pub initial_liquidity: u64,
    /// `AUTO_PEERING_PEERS_MAX`: how many nodes may become peers by asking.
    pub peers_max: u64,
    /// `AUTO_PEERING_INVITATION`: only nodes that call the URL with `?invitation=` and this value may become peers.
    pub invitation: Option<Secret>,
    /// `AUTO_PEERING_REQUESTS_PER_MINUTE_PER_ADDRESS`: how many requests one address may send; 0 for any number.
    pub requests_per_minute: u32,
    /// `PEER_TOKEN_OVERLAP_SECONDS`: how long a peer's old token stays valid after auto-peering has replaced it.
    pub token_overlap: Duration,
}

/// 2^53 - 1, the most that Rafiki 2.4 gives.
const LIQUIDITY_MAX: u64 = 9_007_199_254_740_991;

impl AutoPeering {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let read = Self {
            enabled: r.flag("ENABLE_AUTO_PEERING", ByDefault::Off),
            initial_liquidity: r.number("AUTO_PEERING_INITIAL_LIQUIDITY", 0, 0..=LIQUIDITY_MAX),
            peers_max: r.number("AUTO_PEERING_PEERS_MAX", 100, 0..=1_000_000),
            invitation: r.secret("AUTO_PEERING_INVITATION"),
            requests_per_minute: r.number("AUTO_PEERING_REQUESTS_PER_MINUTE_PER_ADDRESS", 10, 0..=1_000_000),
            token_overlap: Duration::from_secs(r.number("PEER_TOKEN_OVERLAP_SECONDS", 86_400, 60..=31_536_000)),
        };
        r.judge_secret("AUTO_PEERING_INVITATION");
        if read.enabled && read.initial_liquidity > 0 && read.invitation.is_none() {
            let text = "is given to every node that asks, up to AUTO_PEERING_PEERS_MAX times, and no node has to pay it back; \
                        set AUTO_PEERING_INVITATION, or deposit the liquidity of each peer by hand";
            r.notice("AUTO_PEERING_INITIAL_LIQUIDITY", text);
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    fn read<const N: usize>(variables: [(&str, &str); N]) -> (AutoPeering, usize) {
        let environment = Environment::of(variables);
        let mut reader = Reader::new(&environment);
        let read = AutoPeering::read(&mut reader);
        let notices = reader.take_notices().len();
        (reader.finish(Some(read)).unwrap(), notices)
    }

    #[test]
    fn by_default_no_node_may_ask_and_no_credit_is_given() {
        let (read, notices) = read([]);
        assert!(!read.enabled && read.initial_liquidity == 0 && notices == 0);
        assert_eq!(read.token_overlap, Duration::from_hours(24));
    }

    #[test]
    fn credit_for_every_node_is_reported_and_credit_for_invited_nodes_is_not() {
        let open = [("ENABLE_AUTO_PEERING", "true"), ("AUTO_PEERING_INITIAL_LIQUIDITY", "1000")];
        assert_eq!(read(open).1, 1);
        let [a, b] = open;
        assert_eq!(read([a, b, ("AUTO_PEERING_INVITATION", "4xqk8Xh7vBv0oJmFhYwK3r9Zt1s")]).1, 0);
    }
}
