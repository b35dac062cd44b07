//! `rafiki dev`: two complete, peered institutions in one process.
//!
//! Each is put together by the same functions as a single role, from an environment of the reference's variables.

pub(crate) mod cards;
pub(crate) mod databases;
pub(crate) mod institution;
pub(crate) mod moved_time;
pub(crate) mod playground;
pub(crate) mod ports;
mod service_clients;
pub(crate) mod session;
mod tenant;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use clap::ValueEnum;
use clock::Stopwatch;

use crate::cli::{DevOptions, InstitutionName};
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::roles::backend::collectors::{flush, start_logging};
use crate::roles::running::stop_signal;
use crate::roles::shared_deps::bind;
use institution::{CLOUD_NINE, HAPPY_LIFE, Institution, SHOP_PASSWORD, WALLET_PASSWORD};
use moved_time::MovedTime;
use playground::{OfTenant, Peer, Playground, SeededPeering, Storage};
use ports::{Listeners, Ports};
use session::Session;
use tenant::StartedTenant;

pub(crate) async fn run(options: DevOptions) -> Result<(), Failure> {
    let watch = Stopwatch::start();
    let telemetry_settings = config::Telemetry::from_environment(&config::Environment::load()?)?;
    let traces = start_logging(&options.log, "rafiki dev", &telemetry_settings)?;

    let chosen: Vec<InstitutionName> =
        options.only.map_or_else(|| InstitutionName::value_variants().to_vec(), |only| vec![only]);
    let ports = |institution: InstitutionName| match options.ports {
        Some(base) => Ports::from_base(base, institution),
        None => Ok(Ports::localenv(institution)),
    };

    let mut listeners = Vec::with_capacity(chosen.len());
    for institution in &chosen {
        listeners.push(Listeners::bind(&ports(*institution)?).await?);
    }

    if options.fresh {
        forget(&options.data_dir, &chosen)?;
        // The other process of a pair may still run by the moved clock.
        if options.only.is_none() {
            moved_time::forget(&options.data_dir)?;
        }
    }
    let storage = match &options.database {
        Some(server) => Storage::Server { url: server, prefix: &options.database_name, fresh: options.fresh },
        None => Storage::Files,
    };

    let peering = if options.unpeered { SeededPeering::Left } else { SeededPeering::Made };
    let playground = Playground::new(&options.data_dir, storage, options.redis.as_deref(), peering)?
        .with_service_auth(options.service_auth)
        .with_moved_time(MovedTime::start(&options.data_dir).await?);

    let mut running = Vec::with_capacity(chosen.len());
    let starting = chosen.iter().zip(listeners).map(async |(institution, listeners)| {
        let institution = by_name(*institution);
        let peer = peer(by_name(other(institution.which)), &ports(other(institution.which))?);
        let tenant = tenant_of(&options, institution.which);
        let started =
            playground.start(institution, listeners, (&peer, tenant), options.cluster_of(institution.which)).await?;
        eprintln!("  {} started after {} ms", institution.name, watch.elapsed().as_millis());
        Ok::<_, Failure>(started)
    });
    for started in futures::future::join_all(starting).await {
        running.push(started?);
    }

    let tenant = match running.iter().find_map(playground::Started::operator_of_tenant) {
        Some((environment, ports)) => {
            let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let listener = bind("the wallet of the tenant", here, ports::of_tenant(options.ports)).await?;
            Some(tenant::start(&options.data_dir, environment, ports, listener, &playground.deps).await?)
        }
        None => None,
    };
    serve(&running, tenant.as_ref(), &options, &watch).await?;

    eprintln!("Stopping…");
    if let Some(tenant) = tenant {
        tenant.stop().await;
    }
    for institution in &running {
        institution.forget_session(&options.data_dir);
    }
    futures::future::join_all(running.into_iter().map(playground::Started::stop)).await;
    if let Some(traces) = traces {
        flush(traces).await;
    }
    Ok(())
}

/// Seeds the institutions, prints the introduction, and returns when the playground has to stop.
async fn serve(
    running: &[playground::Started],
    tenant: Option<&StartedTenant>,
    options: &DevOptions,
    watch: &Stopwatch,
) -> Result<(), Failure> {
    let stop = stop_signal();
    tokio::pin!(stop);
    let seeded = async {
        let results = futures::future::join_all(running.iter().map(playground::Started::seed)).await;
        results.into_iter().collect::<Result<Vec<_>, _>>()?;
        match tenant {
            Some(tenant) => tenant.seed().await,
            None => Ok(()),
        }
    };
    tokio::select! {
        result = seeded => result?,
        () = &mut stop => return Ok(()),
    }

    for institution in running {
        institution.write_session(&options.data_dir)?;
    }
    let sessions: Vec<&Session> = running.iter().map(playground::Started::session).collect();
    say(&introduction(&sessions, &options.data_dir));
    if let Some(tenant) = tenant {
        say(&tenant.introduction());
    }
    say(&format!("ready in {} ms\n", watch.elapsed().as_millis()));
    say("ready\n");
    stop.await;
    Ok(())
}

/// Whether this institution has the tenant of the playground.
fn tenant_of(options: &DevOptions, institution: InstitutionName) -> OfTenant {
    if options.tenant && institution == InstitutionName::CloudNine { OfTenant::Seeded } else { OfTenant::None }
}

pub(crate) fn by_name(name: InstitutionName) -> &'static Institution {
    match name {
        InstitutionName::CloudNine => &CLOUD_NINE,
        InstitutionName::HappyLife => &HAPPY_LIFE,
    }
}

pub(crate) fn peer(institution: &Institution, ports: &Ports) -> Peer {
    let console = url::Url::parse(&format!("http://localhost:{}/", ports.console)).ok();
    Peer { connector: ports.connector, console: console.map(|url| (institution.name.to_owned(), url)) }
}

fn other(name: InstitutionName) -> InstitutionName {
    match name {
        InstitutionName::CloudNine => InstitutionName::HappyLife,
        InstitutionName::HappyLife => InstitutionName::CloudNine,
    }
}

/// Removes the files of these institutions. Other files in their folders stay.
fn forget(data_dir: &Path, chosen: &[InstitutionName]) -> Result<(), Failure> {
    let folders = chosen.iter().map(|name| (by_name(*name).folder(data_dir), is_own as fn(&str) -> bool));
    // The tenant is one of Cloud Nine.
    let of_tenant = chosen.contains(&InstitutionName::CloudNine);
    let tenant = of_tenant.then(|| (data_dir.join(tenant::SLUG), tenant::is_own as fn(&str) -> bool));
    for (folder, is_own) in folders.chain(tenant) {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut strangers = 0;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if is_own(name) && path.is_file() {
                let failed = |error| Failure::io(format!("cannot remove {}", path.display()), error);
                std::fs::remove_file(&path).map_err(failed)?;
            } else {
                strangers += 1;
            }
        }
        if strangers > 0 {
            eprintln!("  {strangers} files in {} do not belong to the playground and were kept", folder.display());
        }
    }
    Ok(())
}

/// Whether a file in an institution's folder was made by the playground.
fn is_own(name: &str) -> bool {
    let of_database = |database: &str| {
        let rest = name.strip_prefix(database);
        rest.is_some_and(|rest| ["", "-wal", "-shm", "-journal", ".lock"].contains(&rest))
    };
    let databases = [
        "backend.db",
        "backend-ledger.db",
        "backend-shared.db",
        "auth.db",
        "auth-shared.db",
        "wallet.db",
        "wallet-ledger.db",
        "ledger.db",
        "card-service.db",
        "point-of-sale.db",
        "shop.db",
    ];
    let environments = playground::ROLES.map(playground::environment_file);
    [institution::KEY_FILE, institution::AUDIT_FILE, cards::FILE, cards::COUNTERS_FILE, service_clients::FILE]
        .contains(&name)
        || environments.iter().any(|file| file == name)
        || databases.into_iter().any(of_database)
}

/// The reason why the addresses below are not links.
const IDENTIFIERS: &str =
    "Wallet addresses (the playground serves them over plain http: in a browser write http:// instead of https://)";

/// How to sign in to the consoles.
const CONSOLES: &str =
    "\nConsoles: open one in a browser and sign in with one click, as its operator or as a tenant.\n";

/// How to sign in to the wallets.
fn wallets(sessions: &[&Session]) -> String {
    let mut table = Table::new();
    for session in sessions {
        let first = session.wallet_addresses.first();
        let institution = [&CLOUD_NINE, &HAPPY_LIFE].into_iter().find(|known| known.name == session.name);
        let email = institution.zip(first).map(|(known, first)| known.email_of(&first.url)).unwrap_or_default();
        table.row([session.wallet_url.as_str().trim_end_matches('/').to_owned(), email]);
    }
    format!(
        "\nWallets: open one in a browser and sign in with one click, or as one of its customers with the password \
         \u{201c}{WALLET_PASSWORD}\u{201d}:\n{}",
        table.render_indented()
    )
}

/// Where something can be bought.
fn shops(sessions: &[&Session]) -> String {
    let mut table = Table::new();
    for session in sessions {
        table.row([session.shop_url.as_str().trim_end_matches('/')]);
    }
    format!(
        "\nShops: buy something with any wallet above; /desk gives money back (any name, the password \
         \u{201c}{SHOP_PASSWORD}\u{201d}):\n{}",
        table.render_indented()
    )
}

/// The introduction for a newcomer.
fn introduction(sessions: &[&Session], data_dir: &Path) -> String {
    let mut urls = Table::new();
    urls.row(["", "Open Payments", "Admin GraphQL", "Authorization", "Wallet", "Console"]);
    let mut addresses = Table::new();

    for session in sessions {
        let plain = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
        urls.row([
            session.name.clone(),
            plain(&session.open_payments_url).replacen("https://", "http://", 1),
            plain(&session.admin_url),
            plain(&session.auth_url),
            plain(&session.wallet_url),
            plain(&session.console_url),
        ]);
        for address in &session.wallet_addresses {
            addresses.row([address.url.as_str(), &address.name, &address.asset_code]);
        }
    }

    let mut text = format!("\n{}\n{IDENTIFIERS}\n{}", urls.render(), addresses.render_indented());
    text.push_str(CONSOLES);
    text.push_str(&wallets(sessions));
    text.push_str(&shops(sessions));

    let first = |index: usize| sessions.get(index).and_then(|session| session.wallet_addresses.first());
    if let (Some(from), Some(to)) = (first(0), first(1)) {
        let folder =
            if data_dir == Path::new("./data") { String::new() } else { format!(" --data-dir {}", data_dir.display()) };
        text.extend(["\nTry:  rafiki pay --from ", &from.url, " --to ", &to.url, " --send 10.00", &folder, "\n\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_over_removes_the_playgrounds_files_and_no_others() {
        let data = tempfile::tempdir().unwrap();
        let folder = CLOUD_NINE.folder(data.path());
        std::fs::create_dir_all(folder.join("notes.db")).unwrap();
        let own =
            ["backend.db", "backend.db-wal", "ledger.db", "ledger.db.lock", "wallet-ledger.db", "private-key.pem"];
        let others = ["my-notes.txt", "backend.db.bak", "backup-of-ledger.db"];
        for name in own.iter().chain(&others) {
            std::fs::write(folder.join(name), "x").unwrap();
        }
        forget(data.path(), &[InstitutionName::CloudNine, InstitutionName::HappyLife]).unwrap();
        assert!(own.iter().all(|name| !folder.join(name).exists()));
        assert!(others.iter().all(|name| folder.join(name).exists()) && folder.join("notes.db").exists());
    }
}
