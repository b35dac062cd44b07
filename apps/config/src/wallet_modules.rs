//! Which modules of the wallet a process runs, and where the others are.
//!
//! Everything else about the wallet is in `wallet`.

use service_auth::{Service, Ways};
use url::Url;

use crate::Secret;
use crate::reader::Reader;
use crate::service_auth::ServiceAuth;

/// The modules of a process of the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalletRole {
    /// All of them, in one process.
    All,
    /// Users. Browsers call this process, which passes on what is about other modules.
    Users,
    /// Agreements.
    Agreements,
    /// Accounts and payments, which are one module.
    AccountsAndPayments,
}

/// Which modules of the wallet run here, and where the others are.
#[derive(Clone, Debug)]
pub struct WalletModules {
    /// `WALLET_ROLE`: the modules that this process runs: `all` (default), `users`, `agreements`, or
    /// `accounts,payments`. Each process has a `DATABASE_URL` of its own. Browsers call the process of the users.
    pub role: WalletRole,
    /// `WALLET_MODULES_PORT`: where the other processes of the wallet call this one; private. 0 lets the system choose. It
    /// is used if `WALLET_ROLE` is not `all`.
    pub port: u16,
    /// `WALLET_USERS_URL`: where the process with the users listens for modules, such as `http://users.internal:3033`.
    pub users_url: Option<Url>,
    /// `WALLET_AGREEMENTS_URL`: where the process with the agreements listens for modules.
    pub agreements_url: Option<Url>,
    /// `WALLET_ACCOUNTS_URL`: where the process with the accounts and payments listens for modules.
    pub accounts_url: Option<Url>,
    /// `WALLET_MODULES_SECRET`: the secret that the processes of the wallet show each other. It is not needed if
    /// `SERVICE_AUTH` has no `hmac`.
    pub secret: Option<Secret>,
}

const SERVICES: [Service; 3] = [Service::WalletUsers, Service::WalletAgreements, Service::WalletAccounts];

/// Whether the wallet has pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HasPages {
    Yes,
    No,
}

impl WalletModules {
    pub(crate) fn read(r: &mut Reader<'_>, pages: HasPages, service_auth: &ServiceAuth) -> Self {
        let role = read_role(r);
        let read = Self {
            role,
            port: r.port("WALLET_MODULES_PORT", 3033),
            users_url: r.url("WALLET_USERS_URL"),
            agreements_url: r.url("WALLET_AGREEMENTS_URL"),
            accounts_url: r.url("WALLET_ACCOUNTS_URL"),
            secret: r.secret("WALLET_MODULES_SECRET"),
        };
        let urls = [
            ("WALLET_USERS_URL", WalletRole::Users, read.users_url.is_some()),
            ("WALLET_AGREEMENTS_URL", WalletRole::Agreements, read.agreements_url.is_some()),
            ("WALLET_ACCOUNTS_URL", WalletRole::AccountsAndPayments, read.accounts_url.is_some()),
        ];
        if role == WalletRole::All {
            let names = urls.map(|(name, _, _)| name);
            r.no_effect(&names, "WALLET_ROLE is all, so every module runs in this process");
            r.no_effect(&["WALLET_MODULES_PORT", "WALLET_MODULES_SECRET"], "WALLET_ROLE is all");
            return read;
        }
        for (name, _, _) in urls.into_iter().filter(|(_, own, is_set)| *own != role && !is_set) {
            r.problem(
                name,
                "must be set if WALLET_ROLE is not all: the address at which that process listens for modules",
            );
        }
        if pages == HasPages::No {
            r.problem("WALLET_ROLE", "must be all if WALLET_MODE is headless: without pages there are no users");
        }
        let ways: Vec<Ways> = SERVICES.map(|service| service_auth.link_ways().of(service)).into();
        if ways.iter().any(|ways| ways.secrets()) {
            if read.secret.is_none() {
                let reason = "must be set if WALLET_ROLE is not all: the processes of the wallet show it to each other; or \
                              leave hmac out of SERVICE_AUTH";
                r.problem("WALLET_MODULES_SECRET", reason);
            }
            r.judge_secret("WALLET_MODULES_SECRET");
        }
        read
    }
}

fn read_role(r: &mut Reader<'_>) -> WalletRole {
    let roles = [
        ("all", WalletRole::All),
        ("users", WalletRole::Users),
        ("agreements", WalletRole::Agreements),
        ("accounts,payments", WalletRole::AccountsAndPayments),
    ];
    let written: Option<String> = r.text("WALLET_ROLE").map(|text| text.replace(' ', "").to_lowercase());
    match written.as_deref() {
        // History, requests and cards are read in one query with the tables of both.
        Some("accounts" | "payments" | "payments,accounts") => {
            let reason = "must be accounts,payments: these two modules are not apart, so one process runs both; the \
                          other values are all, users, agreements";
            r.problem("WALLET_ROLE", reason);
            WalletRole::AccountsAndPayments
        }
        _ => r.one_of("WALLET_ROLE", WalletRole::All, &roles),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Wallet};

    const REQUIRED: [(&str, &str); 4] = [
        ("OPEN_PAYMENTS_URL", "https://localhost:3000"),
        ("GRAPHQL_URL", "http://localhost:3001/graphql"),
        ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
        ("SIGNATURE_SECRET", "secret"),
    ];

    fn problems(environment: &Environment) -> Vec<(String, String)> {
        let problems = Wallet::from_environment(environment).err().map(|error| error.problems).unwrap_or_default();
        problems.into_iter().map(|problem| (problem.name, problem.reason)).collect()
    }

    #[test]
    fn a_wallet_is_one_process_unless_it_is_said_where_the_other_modules_are() {
        let mut environment = Environment::of(REQUIRED);
        assert_eq!(Wallet::from_environment(&environment).unwrap().modules.role, WalletRole::All);
        environment.set("WALLET_ROLE", "users");
        let names: Vec<String> = problems(&environment).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["WALLET_AGREEMENTS_URL", "WALLET_ACCOUNTS_URL", "WALLET_MODULES_SECRET"]);
        environment.set("WALLET_AGREEMENTS_URL", "http://localhost:4001");
        environment.set("WALLET_ACCOUNTS_URL", "http://localhost:4002");
        environment.set("WALLET_MODULES_SECRET", "a long enough secret of the modules");
        assert_eq!(Wallet::from_environment(&environment).unwrap().modules.role, WalletRole::Users);
        environment.set("WALLET_MODE", "headless");
        assert_eq!(problems(&environment)[0].0, "WALLET_ROLE");
    }

    #[test]
    fn modules_that_are_not_apart_are_refused_with_what_is_possible() {
        let mut environment = Environment::of(REQUIRED);
        for role in ["accounts", "payments"] {
            environment.set("WALLET_ROLE", role);
            let found = problems(&environment);
            assert!(
                found.iter().any(|(name, told)| name == "WALLET_ROLE" && told.contains("accounts,payments")),
                "{found:?}"
            );
        }
        environment.set("WALLET_ROLE", "everything");
        assert!(problems(&environment)[0].1.contains("accounts,payments"));
    }

    #[test]
    fn what_has_no_effect_in_one_process_is_told() {
        let mut environment = Environment::of(REQUIRED);
        environment.set("WALLET_USERS_URL", "http://localhost:4000");
        let notices = Wallet::from_environment(&environment).unwrap().notices;
        assert!(notices.iter().any(|notice| notice.name == "WALLET_USERS_URL"), "{notices:?}");
    }

    #[test]
    fn no_secret_is_needed_where_tokens_prove_who_calls() {
        let mut environment = Environment::of(REQUIRED);
        for (name, value) in [
            ("WALLET_ROLE", "agreements"),
            ("WALLET_USERS_URL", "http://localhost:4000"),
            ("WALLET_ACCOUNTS_URL", "http://localhost:4002"),
            ("SERVICE_AUTH_LINKS", "wallet-users=token, wallet-agreements=token, wallet-accounts=token"),
            ("OAUTH_ISSUER", "https://auth.example"),
            ("OAUTH_CLIENT_ID", "wallet"),
            ("OAUTH_CLIENT_SECRET", "a long enough secret of the wallet"),
        ] {
            environment.set(name, value);
        }
        assert!(Wallet::from_environment(&environment).unwrap().modules.secret.is_none());
    }
}
