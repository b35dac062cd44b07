//! The network between nodes, as one process sees it.
//! The faults of the network are chosen in `network`.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connector::{Outcome, PeerAccount, PeerAnswer, Transmission, Uplink, UplinkError};
use ilp_packet::Fulfill;

use crate::life::ProcessLife;
use crate::links::{Fate, Links};

pub(crate) struct UplinkOfProcess {
    pub(crate) links: Links,
    pub(crate) from: String,
    pub(crate) life: ProcessLife,
}

#[async_trait]
impl Uplink for UplinkOfProcess {
    async fn exchange(
        &self,
        peer: &PeerAccount,
        prepare: Bytes,
        attempt: Transmission,
        _at_most: Duration,
    ) -> Result<PeerAnswer, UplinkError> {
        self.life.go_on().await;
        let record = peer.record();
        let to = record.endpoint.host_str().unwrap_or_default().to_owned();
        let answer = self.carry(&to, &record.outgoing_token, prepare, attempt).await;
        self.life.go_on().await;
        answer
    }
}

impl UplinkOfProcess {
    async fn carry(
        &self,
        to: &str,
        token: &str,
        octets: Bytes,
        attempt: Transmission,
    ) -> Result<PeerAnswer, UplinkError> {
        let fate = self.links.fate(&self.from, to);
        self.links.latency().await;
        let process = self.links.listener(to);
        let Some(process) = process.filter(|_| fate != Fate::Refuse) else {
            return Err(UplinkError::Unreachable("connection refused".into()));
        };

        match fate {
            Fate::Busy => return Err(UplinkError::Busy),
            Fate::LoseRequest => std::future::pending().await,
            Fate::Garbage => return Ok(PeerAnswer { octets: Bytes::from_static(b"<html>"), repeatable: false }),
            Fate::Fail => return Err(UplinkError::Broken("status 500".into())),
            _ => {}
        }

        self.links.count_delivery(&self.from, to);
        let outcome = if fate == Fate::Twice {
            let (first, second) = tokio::join!(
                process.take(token, octets.clone(), attempt),
                process.take(token, octets, Transmission::Again)
            );
            first.or(second)
        } else {
            process.take(token, octets, attempt).await
        };
        let broken = || UplinkError::Broken("connection reset".into());
        let outcome = outcome.ok_or_else(broken)?;

        self.links.latency().await;
        match fate {
            Fate::LoseReply => std::future::pending().await,
            Fate::BreakReply => return Err(broken()),
            Fate::Late(pause) => tokio::time::sleep(pause).await,
            _ => {}
        }

        let repeatable = process.repeatable();
        match outcome {
            Outcome::Reply(octets) if fate == Fate::ForgeFulfillment => {
                let data = Fulfill::parse(&octets).map(|fulfill| fulfill.data.to_vec()).unwrap_or_default();
                let forged = Fulfill { fulfillment: ilp_packet::Fulfillment::new([9; 32]), data: &data };
                Ok(PeerAnswer { octets: forged.encode().into(), repeatable })
            }
            Outcome::Reply(octets) => Ok(PeerAnswer { octets, repeatable }),
            Outcome::Unresolved | Outcome::Paid if repeatable => Err(UplinkError::Undecided),
            Outcome::Unresolved | Outcome::Paid => Ok(PeerAnswer { octets: process.unresolved_reject(), repeatable }),
        }
    }
}
