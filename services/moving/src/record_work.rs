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
    let (queue, key, lane, due, attempts) = match work {
        DueJob::Expire { payment, at } => (EXPIRY_QUEUE, payment, String::new(), at, 0),
        DueJob::Send { payment, at, host } => (SENDING_QUEUE, payment, host.clone().unwrap_or_default(), at, 0),
        DueJob::GiveUp { payment, at } => (FUNDING_QUEUE, payment, String::new(), at, 0),
        DueJob::Announce { address, at } => (WEB_MONETIZATION_QUEUE, address, String::new(), at, 0),
        DueJob::Deliver { delivery, at, attempts, recipient } => {
            (webhooks::QUEUE, delivery, webhooks::lane(ours(*recipient)), at, *attempts)
        }
    };
    let row = json!({
        "queue": queue, "key": key, "lane": lane, "payload": "null", "due_at": due.as_millis(), "attempts": attempts,
    });
    row.to_string()
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
