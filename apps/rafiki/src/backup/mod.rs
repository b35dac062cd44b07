//! `rafiki backup` and `rafiki restore`: all databases of the chosen roles as of one instant, and back.
//! How databases are copied is in the crate `backup`; which databases a role has is in `stores`.

pub(crate) mod options;
mod stores;

use std::fmt::Write as _;
use std::path::Path;

use backup::{About, BackupError, Checked, Damage, Known, Manifest, RestoreError, Taken};
use clock::{SystemClock, SystemEntropy};
use database::{Contents, Migrations, NotOurs};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::migrate::EVERY_STORE;
use crate::output::{Table, say};
use crate::places::Unusable;
use crate::roles::running::stop_signal;
use crate::verification::{self, LedgerReport};
use options::{BackupOptions, RestoreOptions};
use stores::Stores;

const STOPPED: &str = "stopped. A database that was marked or filled already is refused by every role; empty it (delete the \
                       file, or `dropdb` and `createdb`) and repeat the command";

pub(crate) async fn run(options: &BackupOptions) -> Result<(), Failure> {
    telemetry::start("warn", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let mut stores = Stores::of(&options.roles)?;
    stores.without_missing_shared(stores::RoleStore::file_exists);
    for store in &stores.all {
        let contents = store.place.look().await.map_err(|reason| unreadable(&store.place.failure(&reason)))?;
        if contents == Contents::Empty {
            let text = "has no tables, so there is nothing to save; start the role once, or correct its database URL";
            return Err(unreadable(&format!("{} ({}) {text}", store.place.what, store.place.url)));
        }
    }

    let about = About {
        program: concat!("rafiki ", env!("CARGO_PKG_VERSION")).to_owned(),
        installation: stores.installation.clone().unwrap_or_default(),
        not_contained: stores.elsewhere.clone(),
    };
    let places = stores.places_of_backup();
    let taking = backup::take(&places, &options.to, about, &SystemClock, &SystemEntropy, progress("saving"));
    let taken = tokio::select! {
        taken = taking => taken.map_err(refused_backup)?,
        () = stop_signal() => return Err(Failure::Check("stopped; nothing of the backup is left".to_owned())),
    };
    say(&if options.json { format!("{}\n", taken_document(&taken)) } else { taken_text(&taken) });
    Ok(())
}

pub(crate) async fn restore(options: &RestoreOptions) -> Result<(), Failure> {
    telemetry::start("warn", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    if options.check {
        let checked = checked(&options.from)?;
        say(&if options.json {
            format!("{}\n", document(&checked.manifest))
        } else {
            format!("{}The backup is whole and unchanged. Nothing was restored\n", contents(&checked.manifest))
        });
        return Ok(());
    }

    let mut stores = Stores::of(&options.roles)?;
    let checked = checked(&options.from)?;
    let held: Vec<&String> = checked.manifest.stores.iter().flat_map(|store| &store.names).collect();
    stores.without_missing_shared(|store| held.contains(&&store.name));
    for store in &stores.all {
        let empty = match store.place.look().await {
            Ok(found) => found == Contents::Empty,
            // An earlier try was interrupted before it wrote anything.
            Err(Unusable::NotOurs(NotOurs::Incomplete { filled })) => !filled,
            Err(reason) => {
                return Err(unreadable(&format!("{}. Nothing was restored", store.place.failure(&reason))));
            }
        };
        if !empty {
            return Err(Failure::Check(format!(
                "{} ({}) is not empty; name an empty one, and restore into that. Nothing was restored",
                store.place.what, store.place.url
            )));
        }
    }
    let places = stores.places_of_backup();
    let restoring = backup::restore(&checked, &places, progress("restoring"));
    tokio::select! {
        restored = restoring => restored.map_err(refused_restore)?,
        () = stop_signal() => return Err(Failure::Check(STOPPED.to_owned())),
    }

    let reports = if options.verify { verified(&stores).await? } else { Vec::new() };
    let sound = reports.iter().all(|report| report.report.sound);
    say(&if options.json {
        let mut document = document(&checked.manifest);
        document["ledgers"] = json!(reports);
        format!("{document}\n")
    } else {
        restored_text(&checked, &reports)
    });
    if sound {
        Ok(())
    } else {
        let text = "a restored ledger is damaged; see the report above. Do not start a role; restore an earlier backup";
        Err(Failure::Check(text.to_owned()))
    }
}

fn checked(from: &Path) -> Result<Checked, Failure> {
    let steps = |migrations: &Migrations| migrations.steps.iter().map(|step| step.name).collect();
    let migrations: Vec<(&str, Vec<&str>)> =
        EVERY_STORE.iter().map(|migrations| (migrations.store, steps(migrations))).collect();
    backup::check(from, &Known { migrations: &migrations, ledger_layout: ledger_sql::LAYOUT })
        .map_err(|damage: Damage| unreadable(&format!("{damage}. Nothing was restored")))
}

async fn verified(stores: &Stores) -> Result<Vec<LedgerReport>, Failure> {
    let mut reports = Vec::new();
    for ledger in stores.ledgers() {
        reports.push(verification::report(&ledger.name, ledger.place.url.expose()).await?);
    }
    Ok(reports)
}

/// Says on standard error which database is worked on, for people who wait.
fn progress(what: &'static str) -> impl Fn(&str) {
    move |name| eprintln!("{what} {name}…")
}

fn unreadable(reason: &impl ToString) -> Failure {
    Failure::Unreadable(reason.to_string())
}

fn refused_backup(error: BackupError) -> Failure {
    match error {
        BackupError::Missing { .. } | BackupError::SeveralNames { .. } | BackupError::Read { .. } => unreadable(&error),
        _ => Failure::Check(error.to_string()),
    }
}

fn refused_restore(error: RestoreError) -> Failure {
    match error {
        RestoreError::Damaged(_) => unreadable(&error),
        _ => Failure::Check(error.to_string()),
    }
}

/// The databases of a backup as a table.
fn contents(manifest: &Manifest) -> String {
    let mut text = String::new();
    let name = &manifest.installation;
    let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
    // Writing to a string does not fail.
    let _ = writeln!(text, "Backup{of} as of {}, made by {}", manifest.at, manifest.program);
    let mut table = Table::new().align_right(&[1, 2, 3]);
    table.row(["", "tables", "rows", "octets"]);
    for store in &manifest.stores {
        let tables = match &store.contained {
            backup::Contained::Sqlite { rows, .. } => rows.len(),
            backup::Contained::Postgres { tables, .. } => tables.len(),
        };
        table.row([store.names.join(", "), tables.to_string(), store.rows().to_string(), store.octets().to_string()]);
    }
    text.push_str(&table.render_indented());
    text.push_str("Not in it:\n");
    text.extend(manifest.not_contained.iter().map(|what| format!("  {what}\n")));
    text
}

fn taken_text(taken: &Taken) -> String {
    format!("{}Saved in {}\n", contents(&taken.manifest), taken.folder.display())
}

fn restored_text(checked: &Checked, reports: &[LedgerReport]) -> String {
    let mut text = contents(&checked.manifest);
    text.extend(reports.iter().map(ToString::to_string));
    text.push_str("Restored. What happened after that instant is not known here; docs/running.md says what to do\n");
    text
}

fn document(manifest: &Manifest) -> Value {
    let stores: Vec<Value> = manifest
        .stores
        .iter()
        .map(|store| json!({"names": store.names, "rows": store.rows(), "octets": store.octets()}))
        .collect();
    json!({
        "at": manifest.at, "program": manifest.program, "installation": manifest.installation, "stores": stores,
        "notContained": manifest.not_contained,
    })
}

fn taken_document(taken: &Taken) -> Value {
    let mut document = document(&taken.manifest);
    document["folder"] = json!(taken.folder);
    document
}
