//! The session file of a running playground, for other commands: one file per institution in its data folder.
//!
//! It contains the Admin API's secret, so only its owner may read it.

use std::fs;
use std::path::{Path, PathBuf};

use config::Environment;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::failure::Failure;
use crate::private_file;

/// One institution of a running playground.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    /// For example `Cloud Nine Wallet`.
    pub(crate) name: String,
    /// The process that wrote this.
    pub(crate) pid: u32,
    /// Base of wallet addresses and resources, an https identifier.
    pub(crate) open_payments_url: Url,
    /// The Admin GraphQL API.
    pub(crate) admin_url: Url,
    /// The connector.
    pub(crate) connector_url: Url,
    /// Where others ask for peering.
    pub(crate) peering_url: Url,
    /// The authorization server.
    pub(crate) auth_url: Url,
    /// The wallet.
    pub(crate) wallet_url: Url,
    /// The card service.
    pub(crate) card_service_url: Url,
    /// The point of sale.
    pub(crate) point_of_sale_url: Url,
    /// The operators' console.
    pub(crate) console_url: Url,
    /// The sample shop.
    pub(crate) shop_url: Url,
    /// The file with its virtual cards and terminals.
    pub(crate) cards_file: String,
    /// The operator tenant.
    pub(crate) tenant_id: Uuid,
    /// The operator's API secret.
    pub(crate) admin_secret: String,
    /// The secret with which it signs events.
    pub(crate) webhook_secret: String,
    /// What commands show instead, if no secrets are accepted.
    #[serde(default)]
    pub(crate) service: Option<SessionClient>,
    /// The backend's database.
    pub(crate) database_url: String,
    /// The authorization server's database.
    pub(crate) auth_database_url: String,
    /// The wallet's database.
    pub(crate) wallet_database_url: String,
    /// The card service's database.
    pub(crate) card_database_url: String,
    /// The point of sale's database.
    pub(crate) pos_database_url: String,
    /// The backend's ledger.
    pub(crate) ledger_url: String,
    /// The listener that moves its clock.
    pub(crate) clock_url: Option<Url>,
    /// The seeded wallet addresses.
    pub(crate) wallet_addresses: Vec<SessionAddress>,
}

/// The client of an operator's commands at the provider of tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionClient {
    /// The provider.
    pub(crate) issuer: String,
    /// The name of the client.
    pub(crate) client_id: String,
    /// Its secret.
    pub(crate) client_secret: String,
}

impl SessionClient {
    /// The variables with which a role would show the same.
    pub(crate) fn environment(&self) -> Environment {
        Environment::of([
            ("SERVICE_AUTH", "token"),
            ("OAUTH_ISSUER", self.issuer.as_str()),
            ("OAUTH_CLIENT_ID", self.client_id.as_str()),
            ("OAUTH_CLIENT_SECRET", self.client_secret.as_str()),
        ])
    }
}

/// A seeded wallet address.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionAddress {
    /// Its URL.
    pub(crate) url: String,
    /// The name of its customer.
    pub(crate) name: String,
    /// Its asset.
    pub(crate) asset_code: String,
    /// Decimal places.
    pub(crate) asset_scale: u8,
}

impl Session {
    /// The path of an institution's session file.
    pub(crate) fn path(data_dir: &Path, institution: &str) -> PathBuf {
        data_dir.join(format!("dev-{institution}.json"))
    }

    /// Writes the whole file or nothing.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: serde_json::Error| Failure::io(format!("cannot write {}", path.display()), error.into());
        private_file::write(path, &serde_json::to_string_pretty(self).map_err(failed)?)
    }

    /// Every session in `data_dir`; none if there is no such folder.
    pub(crate) fn read_all(data_dir: &Path) -> Result<Vec<Self>, Failure> {
        let Ok(entries) = fs::read_dir(data_dir) else { return Ok(Vec::new()) };
        let mut sessions = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !name.starts_with("dev-") || path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let failed = |error| Failure::io(format!("cannot read {}", path.display()), error);
            let text = fs::read_to_string(&path).map_err(failed)?;
            sessions.push(serde_json::from_str(&text).map_err(|error| failed(error.into()))?);
        }
        Ok(sessions)
    }

    /// Whether a wallet address or resource belongs to this institution.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.host_str() == self.open_payments_url.host_str()
            && url.port_or_known_default() == self.open_payments_url.port_or_known_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let url = |text: &str| text.parse::<Url>().unwrap();

        Session {
            name: "Cloud Nine Wallet".to_owned(),
            pid: 1,
            open_payments_url: url("https://localhost:3000"),
            admin_url: url("http://localhost:3001/graphql"),
            connector_url: url("http://localhost:3002"),
            peering_url: url("http://localhost:3005"),
            auth_url: url("http://localhost:3006"),
            wallet_url: url("http://localhost:3030"),
            card_service_url: url("http://localhost:3012"),
            point_of_sale_url: url("http://localhost:3008"),
            console_url: url("http://localhost:3010"),
            shop_url: url("http://localhost:3014"),
            cards_file: "cards.json".to_owned(),
            tenant_id: Uuid::nil(),
            admin_secret: "s".to_owned(),
            webhook_secret: "w".to_owned(),
            service: None,
            database_url: "sqlite:a".to_owned(),
            auth_database_url: "sqlite:b".to_owned(),
            wallet_database_url: "sqlite:c".to_owned(),
            card_database_url: "sqlite:e".to_owned(),
            pos_database_url: "sqlite:f".to_owned(),
            ledger_url: "sqlite:d".to_owned(),
            clock_url: None,
            wallet_addresses: Vec::new(),
        }
    }

    #[test]
    fn a_session_is_found_again_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        assert!(Session::read_all(&folder.path().join("none")).unwrap().is_empty());
        let path = Session::path(folder.path(), "cloud-nine");
        session().write(&path).unwrap();
        fs::write(folder.path().join("other.json"), "{}").unwrap();
        let found = Session::read_all(folder.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].admin_url, session().admin_url);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn addresses_belong_to_the_institution_of_their_host_and_port() {
        let owns = |text: &str| session().owns(&text.parse().unwrap());
        assert!(owns("https://localhost:3000/accounts/gfranklin"));
        assert!(owns("http://localhost:3000/x"));
        assert!(!owns("https://localhost:4000/accounts/pfry"));
        assert!(!owns("https://localhost.example:3000/x"));
    }
}
