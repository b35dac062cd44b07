//! Creates jobs for moved rows. The services do them later.
//! Which row needs which job is decided in `rafiki-tables`.

use database::{BulkTable, Database, Error, WriteTransaction};
use payments::queues::{EXPIRY_QUEUE, FUNDING_QUEUE, SENDING_QUEUE, WEB_MONETIZATION_QUEUE};
use payments_model::TenantId;
use payments_model::webhook_delivery;
use rafiki_tables::carry::Source;
use rafiki_tables::work::{DueJob, Recipient};
use serde_json::json;

use crate::progress::texts_of;

/// The table of jobs.
pub(crate) async fn table(database: &Database) -> Result<BulkTable, Error> {
    database.bulk_table("jobs", &["queue", "key"]).await
}

/// The queues with jobs about rows of a source.
pub(crate) fn queues_of(source: Source) -> &'static [&'static str] {
    match source {
        Source::IncomingPayments => &[EXPIRY_QUEUE],
        Source::OutgoingPayments => &[SENDING_QUEUE, FUNDING_QUEUE],
        Source::WalletAddresses => &[WEB_MONETIZATION_QUEUE],
        Source::Webhooks => &[webhooks::QUEUE],
        _ => &[],
    }
}

/// The row of a job.
pub(crate) fn job(work: &DueJob) -> String {
    let (queue, key, due) = match work {
        DueJob::Expire { payment, at } => (EXPIRY_QUEUE, payment, at),
        DueJob::Send { payment, at, .. } => (SENDING_QUEUE, payment, at),
        DueJob::GiveUp { payment, at } => (FUNDING_QUEUE, payment, at),
        DueJob::Announce { address, at } => (WEB_MONETIZATION_QUEUE, address, at),
        DueJob::Deliver { delivery, at, .. } => (webhooks::QUEUE, delivery, at),
    };
    let row = json!({
        "queue": queue, "key": key, "lane": lane(work), "payload": "null", "due_at": due.as_millis(),
        "attempts": attempts(work),
    });
    row.to_string()
}

fn lane(work: &DueJob) -> String {
    match work {
        DueJob::Send { host, .. } => host.clone().unwrap_or_default(),
        DueJob::Deliver { recipient, .. } => webhooks::lane(ours(*recipient)),
        DueJob::Expire { .. } | DueJob::GiveUp { .. } | DueJob::Announce { .. } => String::new(),
    }
}

/// The attempts that were made already. Only deliveries remember them in their job.
fn attempts(work: &DueJob) -> u32 {
    match work {
        DueJob::Deliver { attempts, .. } => *attempts,
        DueJob::Expire { .. } | DueJob::Send { .. } | DueJob::GiveUp { .. } | DueJob::Announce { .. } => 0,
    }
}

fn ours(recipient: Recipient) -> webhook_delivery::Recipient {
    match recipient {
        Recipient::Tenant(tenant) => webhook_delivery::Recipient::Tenant(TenantId::from_uuid(tenant)),
        Recipient::CardService => webhook_delivery::Recipient::CardService,
        Recipient::PointOfSaleService => webhook_delivery::Recipient::PointOfSaleService,
    }
}

/// Deletes the jobs of an earlier pass about rows with these ids, because they may be obsolete.
pub(crate) async fn forget(transaction: &WriteTransaction, queues: &[&str], ids: &[String]) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = serde_json::to_string(ids).unwrap_or_default();
    let these = texts_of(transaction.dialect(), "$2");
    for queue in queues {
        let sql = format!("DELETE FROM jobs WHERE queue = $1 AND key IN ({these})");
        transaction.bulk_execute(&sql, [(*queue).into(), list.as_str().into()]).await?;
    }
    Ok(())
}
