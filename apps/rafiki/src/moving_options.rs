//! The options of `rafiki import`, `rafiki export` and `rafiki shadow`.
//! The other options are in `cli`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::shadow_place::Place;

#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The database of the old backend, as postgres://user@host/database. Nothing is written there.
    #[arg(long, value_name = "URL")]
    pub(crate) backend: String,
    /// The database of the old auth service.
    #[arg(long, value_name = "URL")]
    pub(crate) auth: String,
    /// The TigerBeetle cluster with the money of the old installation (TIGERBEETLE_REPLICA_ADDRESSES): replicas as
    /// port, ip:port or host:port, comma separated. It may be the cluster of the new configuration, which is then kept.
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) tigerbeetle: Option<String>,
    /// The number of that cluster (TIGERBEETLE_CLUSTER_ID).
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "tigerbeetle")]
    pub(crate) tigerbeetle_cluster_id: u128,
    /// Show the plan and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Move every transfer of the past, in order, instead of the totals of each account.
    #[arg(long)]
    pub(crate) history: bool,
    /// Keep the clear values of access tokens, continuation tokens and peers' tokens for this long, for example 30d, so
    /// that `rafiki export` can restore them. They are encrypted with the key of --way-back-key-file, or else with
    /// --old-encryption-secret. They are deleted afterwards. Without this, only hashes are kept.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) keep_way_back: Option<Period>,
    /// A file with a key of 32 octets in base64 for --keep-way-back.
    #[arg(long, value_name = "FILE")]
    pub(crate) way_back_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) old: OldEnvironment,
    /// Read the databases although they have migrations that Rafiki 2.4 does not have.
    #[arg(long)]
    pub(crate) accept_unknown_version: bool,
}

/// Values of the environment of Rafiki 2.4 that a move needs, in both directions.
#[derive(Debug, Args)]
pub(crate) struct OldEnvironment {
    /// DB_ENCRYPTION_SECRET of the backend of Rafiki 2.4, if it has one. Texts there are encrypted with it.
    #[arg(long, value_name = "BASE64", env = "OLD_DB_ENCRYPTION_SECRET", hide_env_values = true)]
    pub(crate) old_encryption_secret: Option<String>,
    /// WEBHOOK_MAX_RETRY of the backend of Rafiki 2.4, if it differs here.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) old_webhook_retries: Option<u32>,
    /// Minutes for which the quotes of unfinished payments stay valid at least, counted from now, because the move
    /// takes time.
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    pub(crate) quotes_good_for: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Export into databases of Rafiki 2.4. This is the only target.
    #[arg(long)]
    pub(crate) to_rafiki: bool,
    /// The database of the backend of Rafiki 2.4, as postgres://user@host/database. It has its tables, and no rows.
    #[arg(long, value_name = "URL")]
    pub(crate) backend: String,
    /// The database of the auth service of Rafiki 2.4.
    #[arg(long, value_name = "URL")]
    pub(crate) auth: String,
    /// Show the plan and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The money stays in the TigerBeetle cluster of this installation, and Rafiki 2.4 uses the same cluster. Without this,
    /// the money of a cluster goes into the tables of Rafiki 2.4.
    #[arg(long)]
    pub(crate) money_stays: bool,
    /// The file with the key of `rafiki import --keep-way-back`, if it was not the old encryption secret.
    #[arg(long, value_name = "FILE")]
    pub(crate) way_back_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) old: OldEnvironment,
}

#[derive(Debug, Args)]
pub(crate) struct ShadowOptions {
    /// A port to listen on, the origin of the old listener, and the origin of the new one. Give one for each listener.
    #[arg(long = "pair", value_name = "PORT=OLD=OURS", required = true)]
    pub(crate) pairs: Vec<Place>,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    /// Send writes to the copy, too. Use this only if the copy has no connection to peers or to wallets of customers.
    #[arg(long)]
    pub(crate) writes: bool,
    /// Milliseconds to wait for an answer of the copy.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5_000)]
    pub(crate) patience: u32,
    /// A member that is not compared. May be given several times.
    #[arg(long, value_name = "MEMBER")]
    pub(crate) ignore: Vec<String>,
    /// A file with a tenant's id, a space and its Admin API secret in each line. Requests whose ids were changed are
    /// signed again with it.
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// Seconds between two summaries.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) every: u64,
}

/// A period of whole days or hours, written as 30d or 12h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Duration);

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hours = match text.split_at_checked(text.len().saturating_sub(1)) {
            Some((days, "d")) => days.parse::<u32>().ok().and_then(|days| days.checked_mul(24)),
            Some((hours, "h")) => hours.parse().ok(),
            _ => None,
        };
        // Ten years.
        let hours = hours.filter(|hours| (1..=87_600).contains(hours)).ok_or("write a period as 30d or 12h")?;
        Ok(Self(Duration::from_hours(hours.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_written_in_days_or_hours() {
        let hours = |text: &str| text.parse::<Period>().map(|period| period.0.as_secs() / 3600);
        assert_eq!(hours("30d"), Ok(720));
        assert_eq!(hours("12h"), Ok(12));
        for wrong in ["", "d", "30", "0d", "-1d", "1.5d", "30w", "99999999d", "30 d", "3é"] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }
}
