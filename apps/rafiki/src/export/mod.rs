//! `rafiki export --to-rafiki`: our databases fill empty ones of a Rafiki 2.4, which can then go on.
//!
//! First the plan, then the writing, then the comparison; nothing is kept before every total is equal. The work is done
//! by the service `moving`.

mod report;

use std::sync::Arc;
use std::time::Duration;

use clock::SystemClock;
use config::{Accounting, Environment};
use database::{Database, Options};
use moving::{BackSettings, ExportError, Installation, MoneyPlace, OurLedger, examine_back, export};
use rafiki_database::{Receiving, ReceivingError};
use rafiki_tables::version::Side;

use crate::failure::Failure;
use crate::import::{old_secret, progress::ProgressDisplay, way_back_key, webhook_retries};
use crate::ledger_place::LedgerPlace;
use crate::moving_options::ExportOptions;
use crate::output::say;
use crate::places::Place;

pub(crate) async fn run(options: ExportOptions) -> Result<(), Failure> {
    if !options.to_rafiki {
        return Err(Failure::Check("name the target of the export: --to-rafiki is the only one".to_owned()));
    }
    telemetry::start("warn", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let environment = Environment::load()?;
    let backend = config::Backend::from_environment(&environment)?;
    let auth = config::Auth::from_environment(&environment)?;
    if options.money_stays && backend.accounting == Accounting::Sql {
        return Err(Failure::Check(
            "the money is in a database, not in a TigerBeetle cluster. Repeat the command without --money-stays. Nothing \
             was written"
                .to_owned(),
        ));
    }
    for place in Place::of_backend(&backend).iter().chain(&Place::of_auth(&auth)) {
        place.look().await.map_err(|reason| place.failure(&reason))?;
    }

    let operator = backend.operator_tenant_id;
    let mut theirs = Receiving::open(Side::Backend, &options.backend, operator).await.map_err(receiving)?;
    let mut their_auth = Receiving::open(Side::Auth, &options.auth, operator).await.map_err(receiving)?;
    let mut ours = open(&backend, &auth, settings(&options, &backend)?).await?;
    let progress = ProgressDisplay::start();
    let listen = |step: moving::Step<'_>| progress.show(step);
    let plan = examine_back(&mut ours, &listen).await.map_err(failure)?;
    progress.end();
    say(&report::plan(&plan));
    if !plan.refusals.is_empty() {
        return Err(Failure::Check(format!(
            "Rafiki 2.4 cannot store {} rows, which are listed above. Nothing was written",
            plan.refusals.len()
        )));
    }
    if options.dry_run {
        say("This was the plan. Nothing was written; repeat the command without --dry-run to do it.\n");
        return Ok(());
    }

    let progress = ProgressDisplay::start();
    let listen = |step: moving::Step<'_>| progress.show(step);
    let exported = export(&mut ours, &mut theirs, &mut their_auth, &listen).await.map_err(failure)?;
    progress.end();
    say(&report::comparison(&exported.comparison));
    if exported.comparison.is_equal() {
        Ok(())
    } else {
        Err(Failure::Check("not every total is equal; nothing was kept".to_owned()))
    }
}

fn settings(options: &ExportOptions, backend: &config::Backend) -> Result<BackSettings, Failure> {
    let secret = old_secret(options.old.old_encryption_secret.as_deref())?;
    Ok(BackSettings {
        operator: backend.operator_tenant_id,
        key: way_back_key(options.way_back_key_file.as_deref(), secret.as_ref())?,
        secret,
        webhook_retries: webhook_retries(options.old.old_webhook_retries, backend),
        grace: Duration::from_secs(u64::from(options.old.quotes_good_for) * 60),
        money: if options.money_stays { MoneyPlace::SameCluster } else { MoneyPlace::Tables },
    })
}

async fn open(backend: &config::Backend, auth: &config::Auth, settings: BackSettings) -> Result<Installation, Failure> {
    let connect = |url: String| async move { Database::connect(&url, &Options::default()).await };
    let opened = connect(backend.database.expose().to_owned()).await;
    let ours = opened.map_err(|error| Failure::start("the backend's database", error))?;
    let opened = connect(auth.database.expose().to_owned()).await;
    let grants = opened.map_err(|error| Failure::start("the authorization server's database", error))?;
    let ledger = match LedgerPlace::of(backend) {
        LedgerPlace::Database(url) => OurLedger::Database(url),
        LedgerPlace::Cluster(cluster) => {
            let joined = cluster.join().await;
            OurLedger::Cluster(Arc::new(joined.map_err(|error| Failure::start("the TigerBeetle cluster", error))?))
        }
    };
    Installation::open(&ours, &grants, &ledger, settings, &SystemClock).await.map_err(failure)
}

fn receiving(error: ReceivingError) -> Failure {
    match error {
        ReceivingError::Unusable(reason) => Failure::Unreadable(reason.to_string()),
        other => Failure::Check(format!("{other}. Nothing was written")),
    }
}

fn failure(error: ExportError) -> Failure {
    match error {
        ExportError::Ledger(reason) => Failure::Unreadable(reason.to_string()),
        other => Failure::Check(other.to_string()),
    }
}
