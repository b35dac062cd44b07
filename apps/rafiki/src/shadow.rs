//! `rafiki shadow`: a proxy in front of an old installation. It sends the same requests to ours and prints what
//! differs.
//!
//! The proxy and the comparison are in other crates.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::shadow::{Counted, Counts, Finding, Settings, Shadow, Writes};
use answer_comparison::Allowed;
use config::Mode;
use http_kit::{Admission, ConnectionLimits, Deadlines, Proxies, Serving};

use crate::failure::Failure;
use crate::moving_options::ShadowOptions;
use crate::output::say;
use crate::roles::running::{Running, stop_signal};
use crate::roles::shared_deps::{SharedDeps, bind};
use crate::shadow_place::Place;

/// The maximum number of findings that are printed in one interval. A changed rounding differs in every payment.
const PRINTED: u64 = 1_000;

pub(crate) async fn run(options: ShadowOptions) -> Result<(), Failure> {
    telemetry::start("warn", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let interval = Duration::from_secs(options.every.max(1));
    let deps = SharedDeps::new(Mode::Production, &[])?;
    let findings = Arc::new(Findings::default());
    let printer = Arc::clone(&findings);
    let report = Arc::new(move |finding: Finding| printer.print(&finding));
    let (shadow, asker) =
        Shadow::new(settings(&options)?, deps.http.clone(), deps.clock.clone(), deps.entropy.clone(), report);

    let mut running = Running::new("shadow", serving());
    for Place { port, pair } in &options.pairs {
        let listener = bind("the shadow", options.listen, *port).await?;
        let address = listener.local_addr().map_err(|error| Failure::start("the shadow", error))?;
        say(&format!("http://{address} relays {} and compares it with {}\n", pair.old, pair.ours));
        running.serve(listener, shadow.router(pair.clone()));
    }
    running.work(|stop| asker.run(stop));
    // A signal counts before anybody is told.
    let mut stop = std::pin::pin!(stop_signal());
    say("ready\n");

    let mut ticks = tokio::time::interval(interval);
    ticks.tick().await;
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick() => summary(&shadow, &findings),
        }
    }
    running.stop().await;
    summary(&shadow, &findings);
    ended(&shadow.counts())
}

fn ended(counts: &Counts) -> Result<(), Failure> {
    match counts.of(Counted::Different) {
        0 => Ok(()),
        some => Err(Failure::Check(format!("{some} answers differed"))),
    }
}

fn settings(options: &ShadowOptions) -> Result<Settings, Failure> {
    let allowed = Allowed { members: options.ignore.clone(), ..Settings::default().allowed };
    let secrets = match &options.secrets {
        None => HashMap::new(),
        Some(path) => secrets(path)?,
    };
    Ok(Settings {
        writes: if options.writes { Writes::Asked } else { Writes::LeftOut },
        patience: Duration::from_millis(options.patience.into()),
        allowed,
        secrets,
        ..Settings::default()
    })
}

/// Lines of a tenant's id and its secret, with a space between them.
fn secrets(path: &Path) -> Result<HashMap<String, String>, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    let mut secrets = HashMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (tenant, secret) = line.trim().split_once(' ').ok_or_else(|| {
            Failure::Check(format!("{}, line {}: write a tenant's id, a space and its secret", path.display(), at + 1))
        })?;
        secrets.insert(tenant.to_owned(), secret.trim().to_owned());
    }
    Ok(secrets)
}

/// Behind a load balancer all connections come from one address, so one source may use all of them.
fn serving() -> Serving {
    let in_all = ConnectionLimits::default().in_all;
    Serving {
        deadlines: Deadlines::default(),
        admission: Admission::new(ConnectionLimits { in_all, per_source: in_all }),
        proxies: Proxies::None,
        tls: None,
    }
}

/// Prints findings, and counts those beyond the limit.
#[derive(Default)]
struct Findings {
    printed: AtomicU64,
    left_out: AtomicU64,
}

impl Findings {
    fn print(&self, finding: &Finding) {
        if self.printed.fetch_add(1, Ordering::Relaxed) < PRINTED {
            say(&format!("{finding}\n"));
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins a new interval. Returns how many findings were not printed in the last one.
    fn next_interval(&self) -> u64 {
        self.printed.store(0, Ordering::Relaxed);
        self.left_out.swap(0, Ordering::Relaxed)
    }
}

fn summary(shadow: &Shadow, findings: &Findings) {
    let mut text = format!("{}\n", shadow.counts());
    // Writing to a string does not fail.
    for (member, asset, there, here) in shadow.totals().iter().filter(|(.., there, here)| there != here) {
        let _ = writeln!(text, "  {member} in all: {there} {asset} there, {here} {asset} here");
    }
    let left_out = findings.next_interval();
    if left_out > 0 {
        let _ = writeln!(text, "  {left_out} more differing answers were not shown");
    }
    say(&text);
}
