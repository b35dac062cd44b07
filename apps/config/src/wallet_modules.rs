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
    /// Accounts.
    Accounts,
    /// Payments.
    Payments,
    /// Accounts and payments, in one process.
    AccountsAndPayments,
}

/// Which modules of the wallet run here, and where the others are.
#[derive(Clone, Debug)]
pub struct WalletModules {
    /// `WALLET_ROLE`: the modules that this process runs: `all` (default), `users`, `agreements`, `accounts`, `payments`,
    /// or `accounts,payments`. Browsers call the process of the users, and the instance that of the payments.
    pub role: WalletRole,
    /// `WALLET_MODULES_PORT`: where the other processes of the wallet call this one; private. 0 lets the system choose. It
    /// is used if `WALLET_ROLE` is not `all`.
    pub port: u16,
    /// `WALLET_USERS_URL`: where the process with the users listens for modules, such as `http://users.internal:3033`.
    pub users_url: Option<Url>,
    /// `WALLET_AGREEMENTS_URL`: where the process with the agreements listens for modules.
    pub agreements_url: Option<Url>,
    /// `WALLET_ACCOUNTS_URL`: where the process with the accounts listens for modules.
    pub accounts_url: Option<Url>,
    /// `WALLET_PAYMENTS_URL`: where the process with the payments listens for modules. By default `WALLET_ACCOUNTS_URL`,
    /// for one process with both.
    pub payments_url: Option<Url>,
    /// `WALLET_MODULES_SECRET`: the secret that the processes of the wallet show each other. It is not needed if
    /// `SERVICE_AUTH` has no `hmac`.
    pub secret: Option<Secret>,
}

const SERVICES: [Service; 4] =
    [Service::WalletUsers, Service::WalletAgreements, Service::WalletAccounts, Service::WalletPayments];

/// Whether the wallet has pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HasPages {
    Yes,
    No,
}

impl WalletModules {
    pub(crate) fn read(r: &mut Reader<'_>, pages: HasPages, service_auth: &ServiceAuth) -> Self {
        let role = read_role(r);
        let accounts_url = r.url("WALLET_ACCOUNTS_URL");
        let payments_url = r.url("WALLET_PAYMENTS_URL");
        let has_payments = payments_url.is_some();
        let read = Self {
            role,
            port: r.port("WALLET_MODULES_PORT", 3033),
            users_url: r.url("WALLET_USERS_URL"),
            agreements_url: r.url("WALLET_AGREEMENTS_URL"),
            payments_url: payments_url.or_else(|| accounts_url.clone()),
            accounts_url,
            secret: r.secret("WALLET_MODULES_SECRET"),
        };
        let urls = [
            ("WALLET_USERS_URL", role == WalletRole::Users, read.users_url.is_some()),
            ("WALLET_AGREEMENTS_URL", role == WalletRole::Agreements, read.agreements_url.is_some()),
            ("WALLET_ACCOUNTS_URL", role.runs_accounts(), read.accounts_url.is_some()),
            // Others may find them where the accounts are.
            ("WALLET_PAYMENTS_URL", role != WalletRole::Accounts, has_payments),
        ];
        if role == WalletRole::All {
            let names = urls.map(|(name, _, _)| name);
            r.no_effect(&names, "WALLET_ROLE is all, so every module runs in this process");
            r.no_effect(&["WALLET_MODULES_PORT", "WALLET_MODULES_SECRET"], "WALLET_ROLE is all");
            return read;
        }
        for (name, _, _) in urls.into_iter().filter(|(_, is_optional, is_set)| !is_optional && !is_set) {
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

impl WalletRole {
    /// Whether the accounts are in this process, with their ledger.
    pub fn runs_accounts(self) -> bool {
        matches!(self, Self::All | Self::Accounts | Self::AccountsAndPayments)
    }
}

fn read_role(r: &mut Reader<'_>) -> WalletRole {
    let roles = [
        ("all", WalletRole::All),
        ("users", WalletRole::Users),
        ("agreements", WalletRole::Agreements),
        ("accounts", WalletRole::Accounts),
        ("payments", WalletRole::Payments),
        ("accounts,payments", WalletRole::AccountsAndPayments),
    ];
    r.one_of("WALLET_ROLE", WalletRole::All, &roles)
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
    fn payments_are_where_the_accounts_are_unless_it_is_said_and_accounts_alone_have_to_know_it() {
        let mut environment = Environment::of(REQUIRED);
        for (name, value) in [
            ("WALLET_USERS_URL", "http://localhost:4000"),
            ("WALLET_AGREEMENTS_URL", "http://localhost:4001"),
            ("WALLET_ACCOUNTS_URL", "http://localhost:4002"),
            ("WALLET_MODULES_SECRET", "a long enough secret of the modules"),
        ] {
            environment.set(name, value);
        }
        let of_payments = |environment: &Environment| {
            let modules = Wallet::from_environment(environment).unwrap().modules;
            modules.payments_url.unwrap().port().unwrap()
        };
        for role in ["users", "agreements", "payments", "accounts,payments"] {
            environment.set("WALLET_ROLE", role);
            assert_eq!(of_payments(&environment), 4002, "{role}");
        }
        environment.set("WALLET_ROLE", "accounts");
        assert_eq!(problems(&environment)[0].0, "WALLET_PAYMENTS_URL");
        environment.set("WALLET_PAYMENTS_URL", "http://localhost:4003");
        assert_eq!(of_payments(&environment), 4003);
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
            (
                "SERVICE_AUTH_LINKS",
                "wallet-users=token, wallet-agreements=token, wallet-accounts=token, wallet-payments=token",
            ),
            ("OAUTH_ISSUER", "https://auth.example"),
            ("OAUTH_CLIENT_ID", "wallet"),
            ("OAUTH_CLIENT_SECRET", "a long enough secret of the wallet"),
        ] {
            environment.set(name, value);
        }
        assert!(Wallet::from_environment(&environment).unwrap().modules.secret.is_none());
    }
}
