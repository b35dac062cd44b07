//! The files of `deploy/wallet`: the four modules of the wallet as services of their own. Each file has settings that the
//! program knows, is accepted once its empty values are filled in, and leads to the others.
//!
//! What the settings do is tested where they are read.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is not as expected")]

use std::path::Path;

use config::{Environment, Scope, Wallet, WalletRole, unknown_names};

const SERVICES: [(&str, WalletRole); 4] = [
    ("users", WalletRole::Users),
    ("agreements", WalletRole::Agreements),
    ("accounts", WalletRole::Accounts),
    ("payments", WalletRole::Payments),
];

/// What an operator fills in.
const FILLED_IN: [(&str, &str); 9] = [
    ("DATABASE_URL", "postgres://wallet_module:secret@postgres.internal/wallet_module"),
    ("WALLET_MODULES_SECRET", "4xqk8Xh7vBv0oJmFhYwK3r9Zt1s"),
    ("MAIL_SMTP_URL", "smtps://wallet:secret@mail.internal"),
    ("DB_ENCRYPTION_SECRET", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="),
    ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
    ("SIGNATURE_SECRET", "5yrl9Yi8wCw1pKnGiZxL4s0Au2t"),
    ("WEBHOOK_SIGNATURE_SECRET", "6zsm0Zj9xDx2qLoHjAyM5t1Bv3u"),
    ("IDP_SECRET", "7atn1Ak0yEy3rMpIkBzN6u2Cw4v"),
    ("RAFIKI_ROLE", "wallet"),
];

fn file(module: &str) -> Environment {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/wallet");
    Environment::of_file(&folder.join(format!("wallet-{module}.env"))).unwrap()
}

fn filled_in(module: &str) -> Environment {
    let mut environment = file(module);
    for (name, value) in FILLED_IN {
        environment.set(name, value);
    }
    environment
}

#[test]
fn the_files_of_the_wallets_services_have_settings_that_the_program_knows() {
    for (module, _) in SERVICES {
        let unknown = unknown_names(&file(module), Scope::AllOfTheFile);
        // The unit of systemd reads it.
        let unknown: Vec<_> = unknown.into_iter().filter(|notice| notice.name != "RAFIKI_ROLE").collect();
        assert!(unknown.is_empty(), "{module}: {unknown:?}");
        let empty: Vec<_> = FILLED_IN.iter().filter(|(name, _)| file(module).get(name).is_none()).collect();
        assert_eq!(empty.len(), FILLED_IN.len() - 1, "{module}: no secret is in the file: {empty:?}");
    }
}

#[test]
fn each_service_of_the_wallet_starts_with_its_file_and_finds_the_others() {
    for (module, role) in SERVICES {
        let wallet = Wallet::from_environment(&filled_in(module));
        let wallet = wallet.unwrap_or_else(|error| panic!("{module}: {:?}", error.problems));
        assert_eq!(wallet.modules.role, role);
        let links = [
            ("users", &wallet.modules.users_url),
            ("agreements", &wallet.modules.agreements_url),
            ("accounts", &wallet.modules.accounts_url),
            ("payments", &wallet.modules.payments_url),
        ];
        for (other, url) in links.into_iter().filter(|(other, _)| *other != module) {
            let listens_at = Wallet::from_environment(&filled_in(other)).unwrap().modules.port;
            let expected = format!("http://wallet-{other}.internal:{listens_at}/");
            assert_eq!(url.as_ref().unwrap().as_str(), expected, "{module} asks {other}");
        }
    }
}
