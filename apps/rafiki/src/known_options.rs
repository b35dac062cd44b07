//! The options that say whom to ask: a playground of this machine, or an institution by its Admin API.
//! Finding it is in `asked` and `pay::institutions`.

use std::path::PathBuf;

use clap::Args;
use url::Url;
use uuid::Uuid;

/// The exit codes of every command that asks an institution.
pub(crate) const EXIT_CODES: &str = "Ends with 0 when it is done; 2 wrong arguments, 3 nothing with this id or name, 5 the institution does not \
                          answer, 1 any other error.";

/// Which institution.
#[derive(Debug, Args)]
pub(crate) struct AskedOptions {
    /// Which institution of the playground, by a part of its name: cloud, happy.
    #[arg(long, value_name = "NAME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}

/// The institutions that a command can use.
#[derive(Debug, Args)]
pub(crate) struct KnownOptions {
    /// The data folder of a running `rafiki dev`.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Admin API of the payer's institution, if it is not the playground.
    #[arg(long, env = "GRAPHQL_URL", requires = "tenant", value_parser = admin_url)]
    pub(crate) admin_url: Option<Url>,
    /// Tenant for the Admin API.
    #[arg(long, env = "OPERATOR_TENANT_ID", value_parser = tenant)]
    pub(crate) tenant: Option<Uuid>,
    /// The tenant's API secret. Without it, SERVICE_AUTH and the settings that go with it say what is shown instead.
    #[arg(long, env = "ADMIN_API_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
}

/// The Admin API's address. An origin without a path gets the usual path.
fn admin_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let mut url = url.ok_or("write it as http://host:port/graphql")?;
    if url.path() == "/" {
        url.set_path("/graphql");
    }
    Ok(url)
}

fn tenant(text: &str) -> Result<Uuid, String> {
    let message = "a tenant is named by its id, for example 438fa74a-fa7d-4317-9ced-dde32ece1787; the operator's is the \
                OPERATOR_TENANT_ID of the backend";
    text.parse().map_err(|_| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_api_is_found_without_its_path() {
        assert_eq!(admin_url("http://h:3001").unwrap().as_str(), "http://h:3001/graphql");
        assert_eq!(admin_url("http://h:3001/x").unwrap().as_str(), "http://h:3001/x");
        assert!(admin_url("h:3001").is_err());
    }
}
