//! Rows that should be deleted or settled: packets and jobs of ended payments, pending deliveries.
//!
//! The payments themselves are elsewhere.

use std::collections::HashSet;

use database::Database;
use uuid::Uuid;

use crate::rows::{Incoming, Outgoing, all};
use crate::{AuditError, Finding};

pub(crate) async fn check(
    database: &Database,
    incoming: &[Incoming],
    outgoing: &[Outgoing],
) -> Result<Vec<Finding>, AuditError> {
    let ended_outgoing = outgoing.iter().filter(|payment| payment.has_ended()).map(|payment| payment.id);
    let ended: HashSet<Uuid> =
        incoming.iter().filter(|payment| payment.has_ended()).map(|payment| payment.id).chain(ended_outgoing).collect();
    let mut findings = Vec::new();

    for row in all(database, "SELECT outgoing_payment_id FROM packets_in_flight").await? {
        let payment: Uuid = row.try_get_by_index(0)?;
        if ended.contains(&payment) {
            findings.push(Finding::PacketOfEndedPayment { payment });
        }
    }

    for row in all(database, "SELECT queue, key FROM jobs").await? {
        let (queue, key): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if Uuid::try_parse(&key).is_ok_and(|id| ended.contains(&id)) {
            findings.push(Finding::JobOfEnded { queue, key });
        }
    }

    let undelivered = "SELECT event_id, recipient, state FROM webhook_deliveries WHERE state <> 'DELIVERED'";
    for row in all(database, undelivered).await? {
        let event = row.try_get_by_index(0)?;
        findings.push(Finding::NotDelivered {
            event,
            recipient: row.try_get_by_index(1)?,
            state: row.try_get_by_index(2)?,
        });
    }
    Ok(findings)
}
