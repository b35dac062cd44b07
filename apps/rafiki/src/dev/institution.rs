//! The two institutions of the playground as environments of the reference's variables.
//!
//! They use the same configuration code as every other installation.

use std::path::Path;

use admin_client::Credentials;
use config::{DatabaseUrl, Environment};
use console::{Accent, OneClick};
use url::Url;
use uuid::Uuid;
use wallet::SeedFileError;
use wallet::seed::{self, Seed, SeedAccount, SeedUser};

use super::ports::Ports;
use crate::cli::InstitutionName;
use crate::roles::console::Playground;
use crate::roles::wallet as wallet_role;

/// The common secrets of the reference's playground.
const ADMIN_SECRET: &str = "iyIgCprjb9uL8wFckR+pLEkJWMB7FJhgkvqhTQR/964=";
const STREAM_SECRET: &str = "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU=";
const ENCRYPTION_SECRET: &str = "zO9KogehJECHReHgQr+ZWGkmgOD4AYa4ksUxALSwgM8=";
const SERVICE_SECRET: &str = "8Rn2ax0OUmgwl9OPXKD0MtpcyTTsqGdL1hLKsvE3rBk=";
const IDP_SECRET: &str = "2pEcn2kkCclbOHQiGNEwhJ0rucATZhrA807HTm2rNXE=";
const CONSOLE_TENANT_SECRET: &str = "a secret that only the playground's tenant has";
const COOKIE_KEY: &str = "42397d1f371dd4b8b7d0308a689a57c882effd4ea909d792302542af47e2cd37";

/// The password of every customer of the playground.
pub(crate) const WALLET_PASSWORD: &str = "play money for everyone";

/// The password of the desks of the playground's shops.
pub(crate) const SHOP_PASSWORD: &str = "play shop for everyone";

/// The key file of an institution of the playground.
pub(crate) const KEY_FILE: &str = "private-key.pem";
/// The audit log of its console.
pub(crate) const AUDIT_FILE: &str = "console-audit.jsonl";

/// One institution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Institution {
    pub(crate) which: InstitutionName,
    /// The name of its folder.
    pub(crate) slug: &'static str,
    /// Its name in database names.
    pub(crate) short: &'static str,
    pub(crate) name: &'static str,
    instance_name: &'static str,
    ilp_address: &'static str,
    pub(crate) operator_tenant_id: Uuid,
    key_id: &'static str,
    /// The Ed25519 key of its customers' addresses and of its own, PKCS #8 in base64.
    key: &'static str,
    waits_for_unknown_addresses: bool,
    shop_name: &'static str,
    /// The path of the wallet address of its shop, and the name of the key there.
    merchant: &'static str,
    merchant_key: &'static str,
}

pub(crate) const CLOUD_NINE: Institution = Institution {
    which: InstitutionName::CloudNine,
    slug: "cloud-nine",
    short: "c9",
    name: "Cloud Nine Wallet",
    instance_name: "CLOUD-NINE",
    ilp_address: "test.cloud-nine-wallet",
    operator_tenant_id: Uuid::from_u128(0x438f_a74a_fa7d_4317_9ced_dde3_2ece_1787),
    key_id: "7097F83B-CB84-469E-96C6-2141C72E22C0",
    key: "MC4CAQAwBQYDK2VwBCIEICxfM9mUurUGnwlMMQEDclDEQnX7c49BoGKOB48URBxO",
    waits_for_unknown_addresses: false,
    shop_name: "Boutique",
    merchant: "accounts/wbdc",
    merchant_key: "keyid-5726eefe-8737-459d-a36b-0acce152cb90",
};

pub(crate) const HAPPY_LIFE: Institution = Institution {
    which: InstitutionName::HappyLife,
    slug: "happy-life",
    short: "hl",
    name: "Happy Life Bank",
    instance_name: "HAPPY-LIFE",
    ilp_address: "test.happy-life-bank",
    operator_tenant_id: Uuid::from_u128(0xcf5f_d7d3_1eb1_4041_8e43_ba45_747e_9e5d),
    key_id: "53f2d913-e98a-40b9-b270-372d0547f23d",
    key: "MC4CAQAwBQYDK2VwBCIEIEqezmcPhOE8bkwN+jQrppfRYzGIdFTVWQGTHJIKpz88",
    waits_for_unknown_addresses: true,
    shop_name: "Planet Express Boutique",
    merchant: "accounts/planex",
    merchant_key: "keyid-a455cc54-b583-455b-836a-e5275c5c05b7",
};

/// The databases of an institution.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    pub(crate) backend: DatabaseUrl,
    pub(crate) auth: DatabaseUrl,
    pub(crate) wallet: DatabaseUrl,
    pub(crate) ledger: DatabaseUrl,
    pub(crate) card_service: DatabaseUrl,
    pub(crate) point_of_sale: DatabaseUrl,
    pub(crate) shop: DatabaseUrl,
}

/// Every role's environment.
#[derive(Clone)]
pub(crate) struct Environments {
    pub(crate) backend: Environment,
    pub(crate) auth: Environment,
    pub(crate) wallet: Environment,
    pub(crate) card_service: Environment,
    pub(crate) point_of_sale: Environment,
    pub(crate) console: Environment,
    pub(crate) shop: Environment,
}

impl Environments {
    /// Those of the roles that call each other without a person.
    pub(crate) fn of_services(&mut self) -> impl Iterator<Item = &mut Environment> {
        let Self { backend, auth, wallet, card_service, point_of_sale, .. } = self;
        [backend, auth, wallet, card_service, point_of_sale].into_iter()
    }
}

impl Institution {
    /// The additional settings of its console: a button for the operator, and one for a tenant that is created at the
    /// first click.
    pub(crate) fn console(&self, backend: &config::Backend, neighbour: Option<(String, Url)>) -> Playground {
        let secret = backend.admin_api.secret.expose().to_owned();
        let creator = Credentials {
            tenant_id: self.operator_tenant_id,
            secret: secret.clone(),
            signature_version: backend.admin_api.signature_version,
        };
        let operator = OneClick {
            name: format!("{} (operator)", self.name),
            tenant_id: self.operator_tenant_id,
            secret,
            creator: None,
        };
        let tenant = OneClick {
            name: format!("Corner Shop, a tenant of {}", self.name),
            tenant_id: Uuid::from_u128(self.operator_tenant_id.as_u128() ^ 1),
            secret: CONSOLE_TENANT_SECRET.to_owned(),
            creator: Some(creator),
        };
        Playground {
            accent: self.accent(),
            one_click: vec![operator, tenant],
            neighbours: neighbour.into_iter().collect(),
        }
    }

    /// The folder of its files.
    pub(crate) fn folder(&self, data_dir: &Path) -> std::path::PathBuf {
        data_dir.join(self.slug)
    }

    /// Its key as PEM.
    pub(crate) fn key_pem(&self) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", self.key)
    }

    /// The additional settings of its wallet: a button for each customer of the seed.
    pub(crate) fn wallet(&self, seed: &Seed) -> wallet_role::Playground {
        let one_click =
            seed.users.iter().map(|user| wallet::OneClick { email: user.email.clone(), name: user.name.clone() });
        wallet_role::Playground { accent: self.accent(), one_click: one_click.collect() }
    }

    /// The colour of its pages.
    pub(crate) fn accent(&self) -> Accent {
        match self.which {
            InstitutionName::CloudNine => Accent::Teal,
            InstitutionName::HappyLife => Accent::Plum,
        }
    }

    /// The e-mail address of the customer whose account or wallet address has this path.
    pub(crate) fn email_of(&self, path: &str) -> String {
        format!("{}@{}.example", path.rsplit('/').next().unwrap_or_default(), self.slug)
    }

    /// The users of the seed: one for each account.
    fn users(&self, seed: &Seed) -> Vec<SeedUser> {
        let user = |account: &SeedAccount| SeedUser {
            email: self.email_of(&account.path),
            name: account.name.clone(),
            password: WALLET_PASSWORD.to_owned(),
            accounts: vec![account.path.clone()],
        };
        seed.accounts.iter().map(user).collect()
    }

    /// Its initial data. Its peer's connector listens on `peer_connector`.
    pub(crate) fn seed(&self, peer_connector: u16) -> Result<Seed, SeedFileError> {
        let mut seed = Seed::from_yaml(match self.which {
            InstitutionName::CloudNine => seed::CLOUD_NINE,
            InstitutionName::HappyLife => seed::HAPPY_LIFE,
        })?;
        for peer in &mut seed.peers {
            peer.endpoint = format!("http://localhost:{peer_connector}");
        }
        seed.users = self.users(&seed);
        Ok(seed)
    }

    /// The environments of its roles.
    pub(crate) fn environments(
        &self,
        ports: &Ports,
        databases: &Databases,
        key_file: &Path,
        redis: Option<&str>,
    ) -> Environments {
        let roles = Roles {
            institution: self,
            ports,
            databases,
            redis,
            tenant: self.operator_tenant_id.to_string(),
            open_payments_url: format!("https://localhost:{}", ports.open_payments),
            key_file: key_file.display().to_string(),
        };

        Environments {
            backend: roles.backend(),
            auth: roles.auth(),
            wallet: roles.wallet(),
            card_service: roles.card_service(),
            point_of_sale: roles.point_of_sale(),
            console: roles.console(),
            shop: roles.shop(),
        }
    }
}

/// What the environments of one institution's roles have in common.
struct Roles<'a> {
    institution: &'a Institution,
    ports: &'a Ports,
    databases: &'a Databases,
    redis: Option<&'a str>,
    tenant: String,
    open_payments_url: String,
    key_file: String,
}

impl Roles<'_> {
    fn backend(&self) -> Environment {
        let Self { institution, ports, databases, open_payments_url, key_file, .. } = self;
        let own_address = format!("{open_payments_url}/.well-known/pay");
        let waits = if institution.waits_for_unknown_addresses { "true" } else { "false" };

        let mut environment = Environment::of([
            ("INSTANCE_NAME", institution.instance_name),
            ("ILP_ADDRESS", institution.ilp_address),
            ("KEY_ID", institution.key_id),
            ("PRIVATE_KEY_FILE", key_file),
            ("STREAM_SECRET", STREAM_SECRET),
            ("DB_ENCRYPTION_SECRET", ENCRYPTION_SECRET),
            ("SIGNATURE_SECRET", ADMIN_SECRET),
            ("USE_TIGERBEETLE", "false"),
            ("OPEN_PAYMENTS_URL", open_payments_url),
            ("WALLET_ADDRESS_URL", &own_address),
            ("AUTH_SERVER_GRANT_URL", &local(ports.auth, "")),
            ("AUTH_SERVER_INTROSPECTION_URL", &local(ports.introspection, "")),
            ("AUTH_SERVICE_API_URL", &local(ports.service, "")),
            ("ILP_CONNECTOR_URL", &local(ports.connector, "")),
            ("WEBHOOK_URL", &local(ports.wallet, "/webhooks")),
            ("EXCHANGE_RATES_URL", &local(ports.wallet, "/rates")),
            ("CARD_SERVICE_URL", &local(ports.card_service, "")),
            ("CARD_WEBHOOK_SERVICE_URL", &local(ports.card_service, "/webhook")),
            ("POS_WEBHOOK_SERVICE_URL", &local(ports.point_of_sale, "/webhook")),
            ("DATABASE_URL", databases.backend.expose()),
            ("LEDGER_DATABASE_URL", databases.ledger.expose()),
            ("WALLET_ADDRESS_NOT_FOUND_POLLING_ENABLED", waits),
            ("OPEN_PAYMENTS_PORT", &ports.open_payments.to_string()),
            ("ADMIN_PORT", &ports.admin.to_string()),
            ("CONNECTOR_PORT", &ports.connector.to_string()),
            ("ENABLE_AUTO_PEERING", "true"),
            ("AUTO_PEERING_REQUESTS_PER_MINUTE_PER_ADDRESS", "0"),
            ("AUTO_PEERING_SERVER_PORT", &ports.auto_peering.to_string()),
        ]);
        self.set_common(&mut environment);
        environment
    }

    fn auth(&self) -> Environment {
        let Self { ports, databases, .. } = self;
        let mut environment = Environment::of([
            ("AUTH_SERVER_URL", local(ports.auth, "").as_str()),
            ("IDENTITY_SERVER_URL", &local(ports.wallet, "/mock-idp/")),
            ("IDENTITY_SERVER_SECRET", IDP_SECRET),
            ("COOKIE_KEY", COOKIE_KEY),
            ("AUTH_DATABASE_URL", databases.auth.expose()),
            ("AUTH_PORT", &ports.auth.to_string()),
            ("ADMIN_PORT", &ports.auth_admin.to_string()),
            ("INTERACTION_PORT", &ports.interaction.to_string()),
            ("INTROSPECTION_PORT", &ports.introspection.to_string()),
            ("SERVICE_API_PORT", &ports.service.to_string()),
            ("GRANT_EVENTS_URL", &local(ports.admin, "/grant-events")),
            // Load tests are run against the playground, so its limits are high.
            ("GRANT_REQUESTS_PER_MINUTE_PER_ADDRESS", "0"),
            ("GRANT_REQUESTS_PER_MINUTE_PER_CLIENT", "0"),
            ("CONTINUATIONS_PER_MINUTE_PER_ADDRESS", "0"),
            ("CONTINUATIONS_PER_MINUTE_PER_CLIENT", "0"),
        ]);
        self.set_common(&mut environment);
        environment
    }

    fn wallet(&self) -> Environment {
        let Self { institution, ports, databases, open_payments_url, key_file, .. } = self;
        let mut environment = Environment::of([
            ("DISPLAY_NAME", institution.name),
            ("OPEN_PAYMENTS_URL", open_payments_url),
            ("GRAPHQL_URL", &local(ports.admin, "/graphql")),
            ("SIGNATURE_SECRET", ADMIN_SECRET),
            ("WEBHOOK_SIGNATURE_SECRET", ADMIN_SECRET),
            ("KEY_FILE", key_file),
            ("DATABASE_URL", databases.wallet.expose()),
            ("PORT", &ports.wallet.to_string()),
            ("PUBLIC_URL", &local(ports.wallet, "")),
            ("IDP_SECRET", IDP_SECRET),
            ("AUTH_SERVER_DOMAIN", &local(ports.auth, "")),
            ("AUTH_IDP_SERVICE_DOMAIN", &local(ports.interaction, "")),
            ("AUTH_GRAPHQL_URL", &local(ports.auth_admin, "/graphql")),
        ]);
        self.set_common(&mut environment);
        environment
    }

    fn card_service(&self) -> Environment {
        let Self { ports, databases, .. } = self;
        self.of_card_role([
            ("CARD_SERVICE_PORT", &ports.card_service.to_string()),
            ("CARD_DATABASE_URL", databases.card_service.expose()),
            // Load tests are run against the playground, so its limits are off.
            ("CARD_REQUESTS_PER_MINUTE_PER_ADDRESS", "0"),
            ("CARD_REQUESTS_PER_MINUTE_PER_WALLET_ADDRESS", "0"),
        ])
    }

    fn point_of_sale(&self) -> Environment {
        let Self { institution, ports, databases, key_file, .. } = self;
        self.of_card_role([
            ("PORT", &ports.point_of_sale.to_string()),
            ("POS_DATABASE_URL", databases.point_of_sale.expose()),
            ("KEY_ID", institution.key_id),
            ("PRIVATE_KEY_FILE", key_file),
            ("POS_REQUESTS_PER_MINUTE_PER_ADDRESS", "0"),
        ])
    }

    fn console(&self) -> Environment {
        let Self { institution, ports, open_payments_url, key_file, .. } = self;
        let mut environment = Environment::of([
            ("INSTANCE_NAME", institution.name),
            ("OPEN_PAYMENTS_URL", open_payments_url),
            ("GRAPHQL_URL", &local(ports.admin, "/graphql")),
            ("AUTH_GRAPHQL_URL", &local(ports.auth_admin, "/graphql")),
            ("COOKIE_SECRET", COOKIE_KEY),
            ("CONSOLE_AUDIT_FILE", &key_file.replace(KEY_FILE, AUDIT_FILE)),
            ("PORT", &ports.console.to_string()),
        ]);
        self.set_common(&mut environment);
        environment
    }

    fn shop(&self) -> Environment {
        let Self { institution, ports, databases, open_payments_url, key_file, .. } = self;
        Environment::of([
            ("NODE_ENV", "development"),
            ("LISTEN_ADDRESS", "127.0.0.1"),
            ("SHOP_NAME", institution.shop_name),
            ("SHOP_WALLET_ADDRESS", &format!("{open_payments_url}/{}", institution.merchant)),
            ("SHOP_DATABASE_URL", databases.shop.expose()),
            ("SHOP_DESK_PASSWORD", SHOP_PASSWORD),
            ("COOKIE_SECRET", COOKIE_KEY),
            ("KEY_ID", institution.merchant_key),
            ("PRIVATE_KEY_FILE", key_file),
            ("PORT", &ports.shop.to_string()),
            ("PUBLIC_URL", &local(ports.shop, "")),
        ])
    }

    /// The variables that the backend, auth, wallet and console share.
    fn set_common(&self, environment: &mut Environment) {
        environment.set("NODE_ENV", "development");
        environment.set("LISTEN_ADDRESS", "127.0.0.1");
        environment.set("OPERATOR_TENANT_ID", &self.tenant);
        environment.set("ADMIN_API_SECRET", ADMIN_SECRET);
        environment.set("AUTH_SERVICE_SECRET", SERVICE_SECRET);
        if let Some(redis) = self.redis {
            environment.set("REDIS_URL", redis);
        }
    }

    /// An environment with the variables that the card service and the point of sale share, and `more`.
    fn of_card_role<const N: usize>(&self, more: [(&str, &str); N]) -> Environment {
        let mut environment = Environment::of([
            ("NODE_ENV", "development"),
            ("LISTEN_ADDRESS", "127.0.0.1"),
            ("GRAPHQL_URL", local(self.ports.admin, "/graphql").as_str()),
            ("TENANT_ID", &self.tenant),
            ("TENANT_SECRET", ADMIN_SECRET),
            ("WEBHOOK_SIGNATURE_SECRET", ADMIN_SECRET),
        ]);
        for (name, value) in more {
            environment.set(name, value);
        }
        environment
    }
}

/// The URL of a listener of this machine.
fn local(port: u16, path: &str) -> String {
    format!("http://localhost:{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{Auth, Backend, CardService, Console, PointOfSale, Shop, Wallet};

    #[test]
    fn the_environments_of_both_institutions_are_good() {
        let folder = tempfile::tempdir().unwrap();
        for institution in [CLOUD_NINE, HAPPY_LIFE] {
            let key_file = folder.path().join("key.pem");
            std::fs::write(&key_file, institution.key_pem()).unwrap();
            let file = |name: &str| DatabaseUrl::sqlite(&folder.path().join(name));
            let databases = Databases {
                backend: file("b.db"),
                auth: file("a.db"),
                wallet: file("w.db"),
                ledger: file("l.db"),
                card_service: file("c.db"),
                point_of_sale: file("p.db"),
                shop: file("s.db"),
            };
            let ports = Ports::localenv(institution.which);
            let environments = institution.environments(&ports, &databases, &key_file, None);
            let backend = Backend::from_environment(&environments.backend).unwrap();
            assert_eq!(backend.ports.open_payments, ports.open_payments);
            assert_eq!(backend.ledger_database, databases.ledger);
            Auth::from_environment(&environments.auth).unwrap();
            Wallet::from_environment(&environments.wallet).unwrap();
            CardService::from_environment(&environments.card_service).unwrap();
            PointOfSale::from_environment(&environments.point_of_sale).unwrap();
            Console::from_environment(&environments.console).unwrap();
            Shop::from_environment(&environments.shop).unwrap();
        }
    }
}
