//! The databases, the ledger and the cache of a role: reachable, up to date, with the rights that the role needs.
//! They are only read.

use std::path::Path;

use clock::{Clock as _, SystemClock};
use config::RedisSettings;
use database::{Contents, Examination, Migrations};
use ledger::Ledger as _;
use ledger_sql::Journal;

use super::clocks;
use super::finding::{Finding, Findings, Verdict};
use crate::ledger_place::{Cluster, LedgerPlace};
use crate::places::{Holds, Place};
use crate::roles;

/// Less free space than this is not enough to work with.
const FREE_FAILS: u64 = 200 << 20;
/// Less than this, or than a twentieth, does not last long.
const FREE_WARNS: u64 = 2 << 30;

/// Checks every place of a role.
pub(crate) async fn check(findings: &mut Findings, role: &str, places: &[Place], migrations: &[Migrations]) {
    for place in places {
        let part = match place.holds {
            Holds::Ledger => "ledger",
            Holds::Stores(_) | Holds::Anything => "database",
        };
        findings.check(format!("{role}.{part}"), of_place(place, migrations)).await;
        if let Some(file) = place.url.file() {
            findings.add(format!("{role}.{part}.disk"), disk(Path::new(file)));
        }
    }
}

async fn of_place(place: &Place, migrations: &[Migrations]) -> Finding {
    let url = &place.url;
    let contents = match place.look().await {
        Ok(contents) => contents,
        // Its text says what to do.
        Err(reason) => return Finding::failed(format!("{url}: {reason}"), format!("{} names it", place.variable)),
    };
    if contents == Contents::Empty {
        let advice = "the first start of the role makes its tables, or `rafiki migrate`";
        return Finding::warning(format!("{url} has no tables"), advice);
    }
    let examination = match Examination::of(url.expose()).await {
        Ok(examination) => examination,
        Err(reason) => return Finding::failed(format!("{url}: {reason}"), format!("{} names it", place.variable)),
    };
    if let Some(right) = examination.missing_rights.first() {
        let advice = "give the role's user this right, or let the owner of the tables run `rafiki migrate`";
        return Finding::failed(format!("{url}: the role lacks the right of {right}"), advice);
    }
    if place.holds == Holds::Ledger {
        return of_ledger(place, &contents, &examination).await;
    }
    of_stores(place, &examination, migrations)
}

fn of_stores(place: &Place, examination: &Examination, migrations: &[Migrations]) -> Finding {
    let (url, version) = (&place.url, &examination.version);
    if let Some(step) = migrations.iter().find_map(|migrations| examination.unknown(migrations).first().copied()) {
        let text = format!("{url} was migrated by a later version of this program (step {step})");
        return Finding::failed(text, "use that version");
    }
    // Beside a file, what processes share is in a file of its own.
    let elsewhere =
        |migrations: &&Migrations| url.file().is_some() && migrations.store == shared_cache::MIGRATIONS.store;
    let pending: Vec<&str> = migrations
        .iter()
        .filter(|migrations| !elsewhere(migrations))
        .flat_map(|migrations| examination.pending(migrations))
        .collect();
    if !pending.is_empty() {
        let text = format!("{url} lacks the migrations {}", pending.join(", "));
        return Finding::warning(text, "the next start of the role applies them, or `rafiki migrate`");
    }
    if let Some((used, allowed)) = examination.connections
        && used * 10 > allowed * 9
    {
        let text = format!("{url}: {used} of the {allowed} connections of its server are in use");
        return Finding::warning(text, "raise max_connections of the server, or stop other clients");
    }
    let clock = examination.server_time.map(|at| clocks::compared("the database server", at, SystemClock.now()));
    match clock {
        Some(clock) if clock.verdict != Verdict::Ok => clock,
        _ => Finding::ok(format!("{url}, {version}, up to date")),
    }
}

async fn of_ledger(place: &Place, contents: &Contents, examination: &Examination) -> Finding {
    let url = &place.url;
    if !matches!(contents, Contents::Ours { ledger: true, .. }) {
        return Finding::warning(format!("{url} has no ledger"), "the first start of the role makes its tables");
    }
    let read = async { Journal::open(url.expose()).await?.last().await };
    match read.await {
        Ok(last) => {
            Finding::ok(format!("{url}, {}, {last} entries; `rafiki ledger verify` proves them", examination.version))
        }
        Err(reason) => Finding::failed(format!("{url}: {reason}"), "run `rafiki ledger verify`"),
    }
}

/// Checks a ledger that is in a cluster.
pub(crate) async fn cluster(findings: &mut Findings, place: &LedgerPlace) {
    if let LedgerPlace::Cluster(cluster) = place {
        findings.check("backend.ledger", of_cluster(place, cluster)).await;
    }
}

async fn of_cluster(place: &LedgerPlace, cluster: &Cluster) -> Finding {
    let advice = "start its replicas, or correct TIGERBEETLE_REPLICA_ADDRESSES and TIGERBEETLE_CLUSTER_ID";
    let ledger = match cluster.join().await {
        Ok(ledger) => ledger,
        Err(error) => return Finding::failed(format!("{place}: {error}"), advice),
    };
    match ledger.accounts(vec![ledger::AccountId::from_u128(1)]).await {
        Ok(_) => Finding::ok(format!("{place} answers; `rafiki ledger verify` checks its sums")),
        Err(error) => Finding::failed(format!("{place}: {error}"), advice),
    }
}

/// Checks Redis, if the role uses it.
pub(crate) async fn redis(findings: &mut Findings, role: &str, redis: Option<&RedisSettings>) {
    let Some(redis) = redis else { return };
    findings
        .check(format!("{role}.redis"), async {
            match roles::cache::connect(redis).await {
                Ok(_) => Finding::ok("Redis answers"),
                Err(failure) => Finding::failed(failure.to_string(), "start Redis, or correct REDIS_URL"),
            }
        })
        .await;
}

/// The free space of the file system of a file.
fn disk(file: &Path) -> Finding {
    let folder = file.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return Finding::warning(
            format!("the free space of {} is not known", folder.display()),
            "look at it with `df`",
        );
    };
    space(
        &folder.display().to_string(),
        found.f_bavail.saturating_mul(found.f_frsize),
        found.f_blocks.saturating_mul(found.f_frsize),
    )
}

fn space(folder: &str, free: u64, all: u64) -> Finding {
    let text = format!("{} MB are free in {folder}", free >> 20);
    let advice = "make room: without it, nothing is stored and payments stop";
    if free < FREE_FAILS {
        Finding::failed(text, advice)
    } else if free < FREE_WARNS || free < all / 20 {
        Finding::warning(text, advice)
    } else {
        Finding::ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_free_space_is_a_warning_and_hardly_any_a_failure() {
        assert_eq!(space("/data", 50 << 30, 100 << 30).verdict, Verdict::Ok);
        assert_eq!(space("/data", 3 << 30, 100 << 30).verdict, Verdict::Warning);
        assert_eq!(space("/data", 1 << 30, 2 << 30).verdict, Verdict::Warning);
        assert_eq!(space("/data", 100 << 20, 100 << 30).verdict, Verdict::Failed);
    }
}
