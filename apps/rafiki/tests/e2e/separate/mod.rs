//! Both institutions with every role as a process of its own, as installations run them.
//!
//! The playground has made their data and their variables before. Its processes are stopped then.

mod captured;
mod databases;
pub(crate) mod environment;
mod left_out;
mod lost_answers;
mod manners;
mod provider;
mod steps;
mod watched;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use outbound_http::Request;
use serde_json::Value;
use tempfile::TempDir;
use testkit::until;
use tokio::runtime::Runtime;
use url::Url;

use crate::asking::outbound;
use crate::books::{assert_books, await_quiet};
use crate::institutions::{BINARY, Institutions, Run, SIDES, Side, Storage, run};
use crate::role_process::RoleProcess;
use environment::ROLES;

/// Both institutions.
struct Separate {
    runtime: Runtime,
    data: TempDir,
    ports: u16,
    facts: [Value; 2],
    processes: [Vec<RoleProcess>; 2],
}

impl Separate {
    /// Lets the playground make everything with these options, and stops it. No process runs then.
    fn prepared(options: &'static [&'static str]) -> Self {
        let two = Institutions::start_as(Storage::Sqlite, options, &[]).unwrap();
        let (data, ports, facts) = two.stopped_with_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let all = Self { runtime, data, ports, facts, processes: [Vec::new(), Vec::new()] };
        for side in SIDES {
            all.write_session(side, &all.facts[side as usize]);
        }
        all
    }

    fn folder(&self, side: Side) -> PathBuf {
        self.data.path().join(side.slug())
    }

    fn tenant(&self, side: Side) -> &str {
        self.facts[side as usize]["tenantId"].as_str().unwrap()
    }

    /// The URL of a seeded wallet address.
    fn address(&self, side: Side, slug: &str) -> String {
        format!("https://localhost:{}/accounts/{slug}", side.first_port(self.ports))
    }

    /// What commands read about an institution.
    fn write_session(&self, side: Side, facts: &Value) {
        let path = self.data.path().join(format!("dev-{}.json", side.slug()));
        std::fs::write(path, facts.to_string()).unwrap();
    }

    /// Starts all roles of both.
    fn start(&mut self) {
        self.start_logging("warn");
    }

    /// Starts all roles of both, which log from this level on.
    fn start_logging(&mut self, level: &str) {
        for side in SIDES {
            let folder = self.folder(side);
            let roles = ROLES.map(|role| {
                let mut process = RoleProcess::new(role, &folder, Vec::new(), "alone");
                process.variables.push(("LOG_LEVEL", level.to_owned()));
                process
            });
            self.processes[side as usize] = roles.into();
        }
        let started: Vec<_> = all_mut(&mut self.processes).map(RoleProcess::launch).collect();
        for (process, ready) in self.processes.iter().flatten().zip(started) {
            process.assert_ready(ready);
        }
    }

    fn process(&mut self, side: Side, role: &str) -> &mut RoleProcess {
        self.processes[side as usize].iter_mut().find(|process| process.role == role).unwrap()
    }

    /// `rafiki tap … --json`, to its end.
    fn tap(&self, from: &str, at: &str) -> Run {
        run(&mut self.tapping(from, at))
    }

    fn tapping(&self, from: &str, at: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["tap", "--from", from, "--at", at, "--amount", "5.00", "--json", "--data-dir"]);
        command.arg(self.data.path());
        command
    }

    /// Waits until the wallet of a side shows this balance of an account.
    fn assert_balance(&self, side: Side, slug: &str, expected: i128) {
        let wallet = Url::parse(self.facts[side as usize]["walletUrl"].as_str().unwrap()).unwrap();
        let (balances, account) = (wallet.join("/balances").unwrap(), self.address(side, slug));
        let balance = async || {
            let request = Request::get(balances.clone()).configured();
            let list: Vec<Value> = outbound().send(request).await.ok()?.json().ok()?;
            let entry = list.iter().find(|entry| entry["walletAddress"] == account.as_str())?;
            entry["balance"].as_str()?.parse::<i128>().ok()
        };
        let reached = self
            .runtime
            .block_on(until(Duration::from_mins(1), || async { (balance().await? == expected).then_some(()) }));
        assert!(reached.is_some(), "{slug} has {:?}, not {expected}", self.runtime.block_on(balance()));
    }

    /// Waits until nothing is under way, stops everything, and checks all books.
    fn assert_conserved(&mut self) {
        self.facts.iter().for_each(await_quiet);
        all_mut(&mut self.processes).for_each(RoleProcess::stop);
        assert_books(&self.facts);
    }
}

fn all_mut(processes: &mut [Vec<RoleProcess>; 2]) -> impl Iterator<Item = &mut RoleProcess> {
    processes.iter_mut().flatten()
}

impl Drop for Separate {
    fn drop(&mut self) {
        all_mut(&mut self.processes).for_each(RoleProcess::kill);
        if std::thread::panicking() {
            for process in self.processes.iter().flatten() {
                eprintln!("--- {}\n{}", process.log.display(), process.log());
            }
        }
    }
}
