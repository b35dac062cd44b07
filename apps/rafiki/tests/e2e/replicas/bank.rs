//! One institution as several processes: two backends and two authorization servers behind a simple proxy, and a wallet
//! or several.
//!
//! Their environments are those that the playground wrote for this institution. Only the ports differ.

use std::path::Path;

use serde_json::Value;
use testkit::free_ports;
use tokio::runtime::Runtime;

use super::proxy;
use crate::role_process::RoleProcess;

/// Names of port variables of a role, with the offset of each from the institution's first port.
type PortVariables = &'static [(&'static str, u16)];

const BACKEND: PortVariables =
    &[("OPEN_PAYMENTS_PORT", 0), ("ADMIN_PORT", 1), ("CONNECTOR_PORT", 2), ("AUTO_PEERING_SERVER_PORT", 11)];
const AUTH: PortVariables =
    &[("ADMIN_PORT", 3), ("AUTH_PORT", 4), ("INTROSPECTION_PORT", 5), ("INTERACTION_PORT", 6), ("SERVICE_API_PORT", 7)];

const WALLET: PortVariables = &[("PORT", 8)];

/// The processes of an institution.
pub(crate) struct Staff {
    /// How many backends and authorization servers.
    pub(crate) processes: usize,
    /// How many wallets.
    pub(crate) wallets: usize,
    /// Variables of the wallets, beside those of the playground.
    pub(crate) wallet_variables: Vec<(&'static str, String)>,
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
        Self {
            processes: 2,
            wallets: 1,
            wallet_variables: Vec::new(),
            variables: Vec::new(),
            auth_variables: Vec::new(),
            front: Front::Proxy,
        }
    }
}

/// An institution of several processes. They are killed when it is dropped.
pub(crate) struct Bank {
    pub(crate) facts: Value,
    replicas: Vec<RoleProcess>,
    wallets: Vec<RoleProcess>,
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
                let mut replica = RoleProcess::new(role, folder, ports, &number.to_string());
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
        let mut bank = Self { facts, replicas, wallets: wallets(runtime, folder, base, staff) };
        // The wallet serves rates as soon as a backend may need them. All processes start at the same time.
        bank.wallets.iter_mut().for_each(|wallet| drop(wallet.launch()));
        let started: Vec<_> = bank.replicas.iter_mut().map(RoleProcess::launch).collect();
        for (replica, ready) in bank.replicas.iter().zip(started) {
            replica.assert_ready(ready);
        }
        bank
    }

    /// The ports of all processes that have a listener of this name.
    pub(crate) fn ports_of(&self, variable: &str) -> Vec<u16> {
        let all = self.replicas.iter().flat_map(|replica| &replica.ports);
        all.filter(|(name, _)| *name == variable).map(|(_, port)| *port).collect()
    }

    /// All its processes.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &RoleProcess> {
        self.replicas.iter().chain(&self.wallets)
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
        self.replicas.iter_mut().filter(|replica| replica.role == role).for_each(RoleProcess::kill);
    }

    /// Starts every process of a role that was killed. Waits until they are ready.
    pub(crate) fn start_again(&mut self, role: &str) {
        for replica in self.replicas.iter_mut().filter(|replica| replica.role == role) {
            let ready = replica.launch();
            replica.assert_ready(ready);
        }
    }

    /// `kill -9`, then a new start. Waits until it is ready.
    pub(crate) fn kill_and_restart(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        replica.kill();
        let ready = replica.launch();
        replica.assert_ready(ready);
    }

    /// A clean stop, then a new start. Waits until it is ready.
    pub(crate) fn stop_and_restart(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        replica.stop();
        let ready = replica.launch();
        replica.assert_ready(ready);
    }

    /// The same for a wallet.
    pub(crate) fn kill_and_restart_wallet(&mut self, number: usize) {
        let count = self.wallets.len();
        let wallet = &mut self.wallets[number % count];
        wallet.kill();
        let ready = wallet.launch();
        wallet.assert_ready(ready);
    }

    /// Ends every process cleanly.
    pub(crate) fn stop(&mut self) {
        self.wallets.iter_mut().for_each(RoleProcess::stop);
        self.replicas.iter_mut().for_each(RoleProcess::stop);
    }

    /// The logs of all its processes.
    pub(crate) fn logs(&self) -> String {
        let all = self.replicas.iter().chain(&self.wallets);
        all.map(|replica| format!("--- {}\n{}", replica.log.display(), replica.log())).collect::<Vec<_>>().concat()
    }
}

/// One wallet listens on the port of the playground. Several are behind a proxy there.
fn wallets(runtime: &Runtime, folder: &Path, base: u16, staff: &Staff) -> Vec<RoleProcess> {
    let mut ports = Vec::new();
    let wallets = (0..staff.wallets).map(|number| {
        let mut own = Vec::new();
        if staff.wallets > 1 {
            let first = free_ports();
            own = WALLET.iter().map(|(name, offset)| (*name, first + offset)).collect();
            ports.extend(own.iter().map(|(_, port)| *port));
        }
        let mut wallet = RoleProcess::new("wallet", folder, own, &number.to_string());
        wallet.variables.clone_from(&staff.wallet_variables);
        wallet
    });
    let wallets = wallets.collect();
    if !ports.is_empty() {
        proxy::listen(runtime, base + WALLET[0].1, ports);
    }
    wallets
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.replicas.iter_mut().chain(&mut self.wallets).for_each(RoleProcess::kill);
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}
