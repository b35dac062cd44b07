//! `rafiki import`: a running Rafiki 2.4 is moved into our databases, in passes that may be repeated.
//!
//! First the plan, then the pass, then the comparison. The work is done by the service `moving`.

pub(crate) mod progress;
mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock as _, SystemClock};
use config::{Environment, Mode};
use database::{Contents, Database, Options};
use ledger_tigerbeetle::TigerBeetleLedger;
use moving::{History, Money, MoveError, MoveSettings, OldInstallation, Since, Target, carry_over, examine, since_of};
use rafiki_database::UnknownAllowed;
use rafiki_tables::kept::Keeping;
use rafiki_tables::sealed::ColumnSecret;

use crate::failure::Failure;
use crate::moving_options::ImportOptions;
use crate::output::say;
use crate::places::Place;
use crate::roles::open_ledger;
use crate::roles::shared_deps::SharedDeps;
use progress::ProgressDisplay;

/// Rows arrive in the order of the old database, which is not the order of our indexes. So pages of the whole index are
/// needed again and again.
const BULK_CACHE: u32 = 48 * 1024;

pub(crate) async fn run(options: ImportOptions) -> Result<(), Failure> {
    telemetry::start("warn", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let environment = Environment::load()?;
    let backend = config::Backend::from_environment(&environment)?;
    let auth = config::Auth::from_environment(&environment)?;
    for place in Place::of_backend(&backend).iter().chain(&Place::of_auth(&auth)) {
        place.look().await.map_err(|reason| place.failure(&reason))?;
    }

    let since = carried_before(&backend).await?;
    let progress = ProgressDisplay::start();
    let listen = |step: moving::Step<'_>| progress.show(step);
    let settings = settings(&options, &backend)?;
    let cluster = old_cluster(&options).await?;
    let money = cluster.as_ref().map_or(Money::Tables, |cluster| Money::Cluster(cluster));
    let opened = OldInstallation::open(&options.backend, &options.auth, money, settings).await;
    let mut old = opened.map_err(failure)?;
    let plan = examine(&mut old, &since, &listen).await.map_err(failure)?;
    progress.end();
    say(&report::plan(&plan, &options));
    if !plan.refusals.is_empty() {
        return Err(Failure::Check(format!(
            "{} rows cannot be moved as they are; nothing was written. Correct them in the old installation and repeat this command",
            plan.refusals.len()
        )));
    }
    if plan.lacks_money {
        return Err(Failure::Check(missing_money(&options).to_owned()));
    }
    if options.dry_run {
        say("This was the plan. Nothing was written; repeat the command without --dry-run to do it.\n");
        return Ok(());
    }

    let target = target(&backend, &auth).await?;
    let progress = ProgressDisplay::start();
    let listen = |step: moving::Step<'_>| progress.show(step);
    let report = carry_over(&mut old, &plan, &target, &listen).await.map_err(failure)?;
    old.close().await;
    progress.end();
    say(&report::comparison(&report, plan.packets));
    if report.comparison.is_equal() {
        Ok(())
    } else {
        Err(Failure::Check("not every total is equal; do not start the backend on these databases".to_owned()))
    }
}

/// How long one answer of the old cluster may take.
const CLUSTER_DEADLINE: Duration = Duration::from_secs(30);

/// The TigerBeetle cluster of the old installation.
async fn old_cluster(options: &ImportOptions) -> Result<Option<TigerBeetleLedger>, Failure> {
    let Some(addresses) = &options.tigerbeetle else { return Ok(None) };
    let joined = TigerBeetleLedger::join(options.tigerbeetle_cluster_id, addresses, CLUSTER_DEADLINE).await;
    joined.map(Some).map_err(|error| Failure::start("the TigerBeetle cluster of the old installation", error))
}

fn missing_money(options: &ImportOptions) -> &'static str {
    match options.tigerbeetle {
        None => {
            "the old database has assets, but no accounts of them, so its money is in a TigerBeetle cluster. Name the \
             cluster with --tigerbeetle. Nothing was written"
        }
        Some(_) => {
            "the TigerBeetle cluster has no accounts of the old installation; name its own cluster with --tigerbeetle \
             and --tigerbeetle-cluster-id. Nothing was written"
        }
    }
}

/// The number of delivery attempts of Rafiki 2.4 by default.
const RETRIES_OF_THE_ORIGINAL: u32 = 10;

/// `WEBHOOK_MAX_RETRY` of the old backend: the given value, or else the value of the new configuration.
pub(crate) fn webhook_retries(given: Option<u32>, backend: &config::Backend) -> u32 {
    given.or(backend.webhooks.attempts_max).unwrap_or(RETRIES_OF_THE_ORIGINAL)
}

fn settings(options: &ImportOptions, backend: &config::Backend) -> Result<MoveSettings, Failure> {
    let secret = old_secret(options.old.old_encryption_secret.as_deref())?;
    let keep = match options.keep_way_back {
        None => None,
        Some(period) => {
            let key = way_back_key(options.way_back_key_file.as_deref(), secret.as_ref())?;
            let key = key.ok_or_else(|| {
                Failure::Check(
                    "--keep-way-back needs a key: give --way-back-key-file, or --old-encryption-secret".to_owned(),
                )
            })?;
            Some(Keeping { key, until: SystemClock.now() + period.0 })
        }
    };
    Ok(MoveSettings {
        secret,
        keep,
        webhook_retries: webhook_retries(options.old.old_webhook_retries, backend),
        grace: Duration::from_secs(u64::from(options.old.quotes_good_for) * 60),
        history: if options.history { History::Replayed } else { History::Totals },
        unknown: if options.accept_unknown_version { UnknownAllowed::Yes } else { UnknownAllowed::No },
    })
}

/// `DB_ENCRYPTION_SECRET` of the old backend.
pub(crate) fn old_secret(text: Option<&str>) -> Result<Option<ColumnSecret>, Failure> {
    let wrong =
        || Failure::Check("--old-encryption-secret is 32 octets in base64, as DB_ENCRYPTION_SECRET was".to_owned());
    text.map(|text| ColumnSecret::from_base64(text).ok_or_else(wrong)).transpose()
}

/// The key of the clear values that are kept for the way back: that of the file, or else the old secret.
pub(crate) fn way_back_key(
    file: Option<&Path>,
    old_secret: Option<&ColumnSecret>,
) -> Result<Option<ColumnSecret>, Failure> {
    let Some(file) = file else { return Ok(old_secret.cloned()) };
    let text =
        std::fs::read_to_string(file).map_err(|error| Failure::io(format!("cannot read {}", file.display()), error))?;
    let wrong = || Failure::Check(format!("{} does not hold 32 octets in base64", file.display()));
    ColumnSecret::from_base64(text.trim()).map(Some).ok_or_else(wrong)
}

/// Reads how far an earlier pass came. Creates nothing.
async fn carried_before(backend: &config::Backend) -> Result<Since, Failure> {
    let url = backend.database.expose();
    if !matches!(Contents::of(url).await, Ok(Contents::Ours { .. })) {
        return Ok(Since::default());
    }
    let failed = |error: database::Error| Failure::start("the backend's database", error);
    let ours = Database::connect(url, &Options::default()).await.map_err(failed)?;
    let since = since_of(&ours).await.map_err(failed)?;
    ours.close().await;
    Ok(since)
}

/// Our databases and ledger, as the roles would open them.
async fn target(backend: &config::Backend, auth: &config::Auth) -> Result<Target, Failure> {
    let options = Options { sqlite_writer_cache: BULK_CACHE, ..Options::default() };
    let opened = Database::connect(backend.database.expose(), &options).await;
    let ours = opened.map_err(|error| Failure::start("the backend's database", error))?;
    let opened = Database::connect(auth.database.expose(), &options).await;
    let auth = opened.map_err(|error| Failure::start("the authorization server's database", error))?;
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let ledger = open_ledger(backend, &deps).await?;
    Target::open(ours, auth, ledger, Arc::new(SystemClock)).await.map_err(failure)
}

fn failure(error: MoveError) -> Failure {
    match error {
        MoveError::Source(error) => Failure::Unreadable(error.to_string()),
        other => Failure::Check(other.to_string()),
    }
}
