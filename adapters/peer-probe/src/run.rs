//! Makes the checks of a probe in order, after a first exchange that shows whether there is anybody.
//! Each check is in `checks`.

use stream::{Sender, SharedSecret};

use crate::check::Report;
use crate::checks::{amount, clocks, expiry, latency, rate, receipts};
use crate::line::{Line, NoAnswer, Sending};
use crate::probe::Probe;

/// Why nothing could be examined.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The peer does not answer.
    #[error("{0}")]
    Silent(String),
    /// The peer does not take our packets.
    #[error("{0}")]
    Refused(String),
}

impl Probe {
    /// Makes every check.
    pub async fn run(&self) -> Result<Report, ProbeError> {
        let mut line = self.line()?;
        // The first exchange pays for the connection, and shows whether there is anybody.
        match line.send(Sending::probe(1)).await {
            Ok(_) | Err(NoAnswer::Lost(_)) => {}
            Err(NoAnswer::Refused(401 | 403)) => {
                return Err(ProbeError::Refused(format!("{} does not accept the token", self.peer.endpoint)));
            }
            Err(error @ NoAnswer::Refused(_)) => return Err(ProbeError::Refused(error.told())),
            Err(error @ NoAnswer::Unreachable(_)) => return Err(ProbeError::Silent(error.told())),
        }

        let mut report = Report::default();
        report.checks.push(clocks::check(&mut line).await);
        let reached = self.receiver.is_some();
        if reached {
            let (check, largest) = amount::check(&mut line).await;
            report.checks.push(check);
            report.checks.extend(expiry::checks(&mut line).await);
            let (check, seen) = rate::check(&mut line, largest, self.expected.as_ref()).await;
            report.checks.push(check);
            report.checks.extend(receipts::checks(&mut line, self, seen).await);
        } else {
            report.checks.extend(
                [
                    amount::RULE,
                    expiry::PAST,
                    expiry::SHORT,
                    expiry::LONG,
                    rate::RULE,
                    receipts::PAID,
                    receipts::RECEIPT,
                ]
                .map(|rule| rule.skipped("it needs a wallet address at the peer")),
            );
        }
        report.checks.push(latency::check(&mut line).await);
        Ok(report)
    }

    fn line(&self) -> Result<Line<'_>, ProbeError> {
        let sender = if let Some(receiver) = &self.receiver {
            Sender::new(receiver.address.clone(), &receiver.secret)
        } else {
            // An address that nobody has: every answer is a reject.
            let nobody = format!("example.rafiki-probe.{}", self.entropy.uuid().simple());
            let nobody = nobody.parse().map_err(|_| ProbeError::Silent(format!("{nobody} is no ILP address")))?;
            Sender::new(nobody, &SharedSecret::new(self.entropy.bytes()))
        };
        let (http, clock, entropy) = (&self.http, &*self.clock, &*self.entropy);
        Ok(Line { to: &self.peer, http, clock, entropy, sender })
    }
}
