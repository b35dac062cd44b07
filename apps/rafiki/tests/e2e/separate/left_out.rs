//! Each optional part is left out in turn, and then all of them: payments within and between institutions are made, and all
//! books are right.
//!
//! Redis, TigerBeetle, a provider of tokens, a gateway, the console and the shop are never started here. What the system
//! does without Redis is tested in `replicas`, with another entity than the wallet in `adoption` and `examples`.

use std::process::Command;

use super::environment::ROLES;
use super::{Separate, all_mut};
use crate::institutions::{BINARY, SIDES, Side, run};
use crate::role_process::RoleProcess;

/// A part, the roles that are not started without it, and what other roles are not told then.
struct Part {
    name: &'static str,
    roles: &'static [&'static str],
    untold: &'static [(&'static str, &'static str, &'static str)],
}

const PARTS: [Part; 5] = [
    Part {
        name: "cards",
        roles: &["card-service"],
        untold: &[("backend", "CARD_SERVICE_URL", ""), ("backend", "CARD_WEBHOOK_SERVICE_URL", "")],
    },
    Part { name: "points of sale", roles: &["point-of-sale"], untold: &[("backend", "POS_WEBHOOK_SERVICE_URL", "")] },
    Part { name: "the pages of the wallet", roles: &[], untold: &[("wallet", "WALLET_MODE", "headless")] },
    Part { name: "peering by asking", roles: &[], untold: &[("backend", "ENABLE_AUTO_PEERING", "false")] },
    Part {
        name: "news of ended grants",
        roles: &[],
        untold: &[("auth", "GRANT_EVENTS_URL", ""), ("wallet", "AUTH_GRAPHQL_URL", "")],
    },
];

impl Separate {
    /// Starts the roles of both institutions without these parts.
    fn start_without(&mut self, parts: &[&Part]) {
        for side in SIDES {
            let folder = self.folder(side);
            let is_there = |role: &&str| !parts.iter().any(|part| part.roles.contains(role));
            let process = |role: &'static str| {
                let mut process = RoleProcess::new(role, &folder, Vec::new(), "without");
                let untold = parts.iter().flat_map(|part| part.untold).filter(|(of, ..)| *of == role);
                process.variables.extend(untold.map(|(_, name, value)| (*name, (*value).to_owned())));
                process
            };
            self.processes[side as usize] = ROLES.into_iter().filter(is_there).map(process).collect();
        }
        let started: Vec<_> = all_mut(&mut self.processes).map(RoleProcess::launch).collect();
        for (process, ready) in self.processes.iter().flatten().zip(started) {
            process.assert_ready(ready);
        }
    }

    pub(super) fn assert_pays(&self, name: &str) {
        let (grace, bert, planet) = (
            self.address(Side::CloudNine, "gfranklin"),
            self.address(Side::CloudNine, "bhamchest"),
            self.address(Side::HappyLife, "planex"),
        );
        for (from, to) in [(&grace, &planet), (&planet, &grace), (&grace, &bert)] {
            let mut command = Command::new(BINARY);
            command.args(["pay", "--from", from, "--to", to, "--send", "5.00", "--yes", "--json", "--data-dir"]);
            let paid = run(command.arg(self.data.path()));
            assert_eq!(paid.code, Some(0), "without {name}: {}", paid.stderr);
        }
    }
}

#[test]
fn payments_are_made_without_each_optional_part_in_turn_and_without_all_of_them() {
    let mut all = Separate::prepared(&[]);
    for part in &PARTS {
        all.start_without(&[part]);
        all.assert_pays(part.name);
        all_mut(&mut all.processes).for_each(RoleProcess::stop);
    }
    all.start_without(&PARTS.each_ref());
    all.assert_pays("all optional parts");
    all.assert_conserved();
}
