//! The section of the sample shop.
//!
//! It knows no instance: only the wallet address that is paid, and the key that is published there.

use url::Url;

use crate::listeners::Listeners;
use crate::log_level::read_log_level;
use crate::reader::{ByDefault, Notice, Reader};
use crate::section::section;
use crate::{DatabaseUrl, Mode, Secret};

/// A password that opens the desk from everywhere is at least so long.
const PASSWORD_MIN: usize = 16;

/// The settings of a shop.
#[derive(Clone, Debug)]
pub struct Shop {
    /// `NODE_ENV`: `development`, `production`, `test` or `autopeer`.
    pub mode: Mode,
    /// `LOG_LEVEL`: the lowest level of the lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`,
    /// `silent`.
    pub log_level: String,
    /// What all listeners have in common.
    pub listeners: Listeners,
    /// `PORT`: the pages; public. 0 lets the system choose.
    pub port: u16,
    /// `PUBLIC_URL`: the address at which browsers reach the pages. Wallets send customers back there.
    pub public_url: Url,
    /// `SHOP_DATABASE_URL`: `sqlite:<file>` or `postgres://…`.
    pub database: DatabaseUrl,
    /// `SHOP_NAME`: its name on pages; by default `Boutique`.
    pub name: String,
    /// `SHOP_WALLET_ADDRESS`: the wallet address that is paid, and by which wallets know the shop.
    pub wallet_address: Url,
    /// `PRIVATE_KEY_FILE`: a key that is published at the shop's wallet address, the content of this file (PEM, PKCS #8).
    pub private_key_pem: Secret,
    /// `KEY_ID`: the name under which it is published there.
    pub key_id: String,
    /// `COOKIE_SECRET`: seals forms and the tokens in the database. A new one makes orders under way unreadable.
    pub secret: Secret,
    /// `SHOP_DESK_PASSWORD`: opens the pages of the owner; at least 16 characters.
    pub desk_password: Secret,
    /// `OUTBOUND_ALLOWED_HOSTS`: hosts that wallet addresses of customers may name although they are private or have no
    /// TLS.
    pub outbound_allowed_hosts: Vec<String>,
    /// Notices that the start reports.
    pub notices: Vec<Notice>,
}

section!(Shop);

impl Shop {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let mode = r.mode();
        let trust_proxy = r.flag("TRUST_PROXY", ByDefault::Off);
        let (public_url, wallet_address) = (r.require_url("PUBLIC_URL"), r.require_url("SHOP_WALLET_ADDRESS"));
        let secret = r.require_secret("COOKIE_SECRET");
        r.judge_secret("COOKIE_SECRET");
        let desk_password = r.require_secret("SHOP_DESK_PASSWORD");
        if desk_password.as_ref().is_some_and(|password| password.expose().chars().count() < PASSWORD_MIN) {
            r.problem("SHOP_DESK_PASSWORD", "is too short and could be guessed; use at least 16 characters");
        }
        let (private_key_pem, key_id) = (r.private_key("PRIVATE_KEY_FILE"), r.text("KEY_ID"));
        for (name, missing) in [("PRIVATE_KEY_FILE", private_key_pem.is_none()), ("KEY_ID", key_id.is_none())] {
            if missing {
                r.problem(name, "must be set: wallets know the shop by a key that is published at its wallet address");
            }
        }
        Some(Self {
            mode,
            log_level: read_log_level(r),
            listeners: Listeners::read(r, trust_proxy),
            port: r.port("PORT", 3014),
            database: r.database("SHOP_DATABASE_URL", "sqlite:./data/shop.db")?,
            name: r.text("SHOP_NAME").unwrap_or_else(|| "Boutique".to_owned()),
            outbound_allowed_hosts: r.list("OUTBOUND_ALLOWED_HOSTS"),
            public_url: public_url?,
            wallet_address: wallet_address?,
            private_key_pem: private_key_pem?,
            key_id: key_id?,
            secret: secret?,
            desk_password: desk_password?,
            notices: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn a_shop_without_its_variables_names_all_of_them_and_a_short_password_is_refused() {
        let problems = Shop::from_environment(&Environment::of([("SHOP_DESK_PASSWORD", "short")])).unwrap_err();
        let told = problems.to_string();
        for name in
            ["PUBLIC_URL", "SHOP_WALLET_ADDRESS", "COOKIE_SECRET", "PRIVATE_KEY_FILE", "KEY_ID", "SHOP_DESK_PASSWORD"]
        {
            assert!(told.contains(name), "{name} is not named: {told}");
        }
    }
}
