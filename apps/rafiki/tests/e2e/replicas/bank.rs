//! One institution as several processes: two backends and two authorization servers behind a simple proxy, one wallet.
//!
//! Their environments are those that the playground wrote for this institution. Only the ports differ.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::free_ports;
use tokio::runtime::Runtime;

use super::proxy;
use crate::institutions::{BINARY, await_ready};

/// Names of port variables of a role, with the offset of each from the institution's first port.
type PortVariables = &'static [(&'static str, u16)];

const BACKEND: PortVariables =
    &[("OPEN_PAYMENTS_PORT", 0), ("ADMIN_PORT", 1), ("CONNECTOR_PORT", 2), ("AUTO_PEERING_SERVER_PORT", 11)];
const AUTH: PortVariables =
    &[("ADMIN_PORT", 3), ("AUTH_PORT", 4), ("INTROSPECTION_PORT", 5), ("INTERACTION_PORT", 6), ("SERVICE_API_PORT", 7)];

/// The processes of an institution.
pub(crate) struct Staff {
    /// How many of each role.
    pub(crate) processes: usize,
    /// Variables of the backends, beside those of the playground.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Variables of the authorization servers, beside those of the playground.
    pub(crate) auth_variables: Vec<(&'static str, String)>,
    /// Who listens on the ports that the public calls.
    pub(crate) front: Front,
}

/// Who passes on what the public sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Front {
    /// The simple proxy, as for private listeners.
    #[default]
    Proxy,
    /// Whom the test starts.
    Another,
}

/// The listeners for the public.
const PUBLIC: [&str; 3] = ["OPEN_PAYMENTS_PORT", "CONNECTOR_PORT", "AUTH_PORT"];

impl Default for Staff {
    fn default() -> Self {
        Self { processes: 2, variables: Vec::new(), auth_variables: Vec::new(), front: Front::Proxy }
    }
}

/// An institution of several processes. They are killed when it is dropped.
pub(crate) struct Bank {
    pub(crate) facts: Value,
    replicas: Vec<Replica>,
    wallet: Replica,
}

/// One process, and how to start it again.
struct Replica {
    role: &'static str,
    environment: PathBuf,
    variables: Vec<(&'static str, String)>,
    ports: Vec<(&'static str, u16)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Bank {
    /// Starts all processes of the institution whose files are in `folder` and whose ports begin at `base`.
    pub(crate) fn start(runtime: &Runtime, facts: Value, folder: &Path, base: u16, staff: &Staff) -> Self {
        let mut replicas = Vec::new();
        for (role, variables) in [("backend", BACKEND), ("auth", AUTH)] {
            let mut upstreams: Vec<Vec<u16>> = vec![Vec::new(); variables.len()];
            for number in 0..staff.processes {
                let own = free_ports();
                for ((_, offset), ports) in variables.iter().zip(&mut upstreams) {
                    ports.push(own + offset);
                }
                let ports = variables.iter().map(|(name, offset)| (*name, own + offset)).collect();
                let mut replica = Replica::new(role, folder, ports, &number.to_string());
                let more = if role == "backend" { &staff.variables } else { &staff.auth_variables };
                replica.variables.clone_from(more);
                replicas.push(replica);
            }
            for ((name, offset), ports) in variables.iter().zip(upstreams) {
                if staff.front == Front::Proxy || !PUBLIC.contains(name) {
                    proxy::listen(runtime, base + offset, ports);
                }
            }
        }
        let mut bank = Self { facts, replicas, wallet: Replica::new("wallet", folder, Vec::new(), "0") };
        // The wallet serves rates as soon as a backend may need them. All processes start at the same time.
        bank.wallet.launch();
        let started: Vec<_> = bank.replicas.iter_mut().map(Replica::launch).collect();
        for (replica, ready) in bank.replicas.iter().zip(started) {
            assert!(await_ready(ready), "a {} did not become ready:\n{}", replica.role, replica.log());
        }
        bank
    }

    /// The ports of all processes that have a listener of this name.
    pub(crate) fn ports_of(&self, variable: &str) -> Vec<u16> {
        let all = self.replicas.iter().flat_map(|replica| &replica.ports);
        all.filter(|(name, _)| *name == variable).map(|(_, port)| *port).collect()
    }

    /// The port of its wallet.
    pub(crate) fn wallet_port(&self) -> u16 {
        let url = self.facts["walletUrl"].as_str().and_then(|url| url::Url::parse(url).ok());
        url.and_then(|url| url.port()).unwrap()
    }

    /// The numbers of the processes of a role.
    pub(crate) fn numbers_of(&self, role: &str) -> Vec<usize> {
        (0..self.replicas.len()).filter(|number| self.replicas[*number].role == role).collect()
    }

    /// How many processes can be killed.
    pub(crate) fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// `kill -9` for every process of a role.
    pub(crate) fn kill(&mut self, role: &str) {
        self.replicas.iter_mut().filter(|replica| replica.role == role).for_each(Replica::kill);
    }

    /// Starts every process of a role that was killed. Waits until they are ready.
    pub(crate) fn start_again(&mut self, role: &str) {
        for replica in self.replicas.iter_mut().filter(|replica| replica.role == role) {
            let ready = replica.launch();
            assert!(await_ready(ready), "a killed {role} did not become ready:\n{}", replica.log());
        }
    }

    /// `kill -9`, then a new start. Waits until it is ready.
    pub(crate) fn kill_and_restart(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        replica.kill();
        let ready = replica.launch();
        assert!(await_ready(ready), "a killed {} did not become ready:\n{}", replica.role, replica.log());
    }

    /// A clean stop, then a new start. Waits until it is ready.
    pub(crate) fn stop_and_restart(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        replica.stop();
        let ready = replica.launch();
        assert!(await_ready(ready), "a stopped {} did not become ready:\n{}", replica.role, replica.log());
    }

    /// Ends every process cleanly.
    pub(crate) fn stop(&mut self) {
        self.wallet.stop();
        self.replicas.iter_mut().for_each(Replica::stop);
    }

    /// The logs of all its processes.
    pub(crate) fn logs(&self) -> String {
        let all = self.replicas.iter().chain([&self.wallet]);
        all.map(|replica| format!("--- {}\n{}", replica.log.display(), replica.log())).collect::<Vec<_>>().concat()
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.replicas.iter_mut().chain([&mut self.wallet]).for_each(Replica::kill);
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}

impl Replica {
    fn new(role: &'static str, folder: &Path, ports: Vec<(&'static str, u16)>, number: &str) -> Self {
        let (environment, log) = (folder.join(format!("{role}.env")), folder.join(format!("{role}-{number}.log")));
        Self { role, environment, variables: Vec::new(), ports, log, child: None }
    }

    fn launch(&mut self) -> std::process::ChildStdout {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(BINARY);
        command.arg(self.role).env("ENV_FILE", &self.environment).env("LOG_LEVEL", "warn");
        // Without this, money streamed to a wallet address would never be announced.
        command.env("WITHDRAWAL_THROTTLE_DELAY", "200");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.envs(self.ports.iter().map(|(name, port)| (*name, port.to_string())));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        self.child = Some(child);
        stdout
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "a {} did not stop cleanly:\n{}", self.role, self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
