//! The options of `rafiki conformance`.
//! What the command does is beside this file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use conformance::Area;
use url::Url;

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when every case that was run passed, 1 when something differs, 2 wrong arguments, 3 no target is known, \
                  5 the target does not answer."
)]
pub(crate) struct ConformanceOptions {
    /// A wallet address of the server. By default one of the running playground, with a client and a peer of it.
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<Url>,
    /// The wallet address of the client, which publishes its key.
    #[arg(long, value_name = "URL", requires = "key", requires = "key_id", requires = "target")]
    pub(crate) client: Option<Url>,
    /// The client's private key: Ed25519 in PKCS#8 PEM.
    #[arg(long, value_name = "FILE", requires = "client")]
    pub(crate) key: Option<PathBuf>,
    /// The kid under which the public key is published.
    #[arg(long, value_name = "TEXT", requires = "client")]
    pub(crate) key_id: Option<String>,
    /// The connector of the server, for the cases with ILP packets.
    #[arg(long, value_name = "URL", requires = "peer_token_file", requires = "target")]
    pub(crate) connector: Option<Url>,
    /// A file with a token that the connector accepts.
    #[arg(long, value_name = "FILE", requires = "connector")]
    pub(crate) peer_token_file: Option<PathBuf>,
    /// Where the server's identity provider answers interactions, for the cases with consent and payments. These pay five
    /// hundred smallest units from the target to itself.
    #[arg(long, value_name = "URL", requires = "idp_secret_file", requires = "client")]
    pub(crate) interactions: Option<Url>,
    /// A file with the secret of the identity provider.
    #[arg(long, value_name = "FILE", requires = "interactions")]
    pub(crate) idp_secret_file: Option<PathBuf>,
    /// Only the cases of this area. May be given several times.
    #[arg(long, value_enum)]
    pub(crate) area: Vec<AreaName>,
    /// Reach an origin at another place, as ORIGIN=URL, for example `https://wallet.example=http://127.0.0.1:3000`. May be given
    /// several times.
    #[arg(long, value_name = "ORIGIN=URL", value_parser = place)]
    pub(crate) reach: Vec<(Url, Url)>,
    /// Call https URLs over http, as a playground wants it.
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// List the cases, and send nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which institution of the playground is looked at, by a part of its name: cloud, happy.
    #[arg(long, value_name = "NAME", default_value = "cloud", conflicts_with = "target")]
    pub(crate) at: String,
    /// The data folder of a running `rafiki dev`.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
}

/// What cases are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AreaName {
    /// Public documents and errors of Open Payments.
    OpenPayments,
    /// Grants and tokens.
    Gnap,
    /// HTTP message signatures.
    HttpSignatures,
    /// Payment pointers.
    Spsp,
    /// STREAM.
    Stream,
    /// ILP over HTTP.
    IlpOverHttp,
}

impl AreaName {
    pub(crate) fn area(self) -> Area {
        match self {
            Self::OpenPayments => Area::OpenPayments,
            Self::Gnap => Area::Gnap,
            Self::HttpSignatures => Area::HttpSignatures,
            Self::Spsp => Area::Spsp,
            Self::Stream => Area::Stream,
            Self::IlpOverHttp => Area::IlpOverHttp,
        }
    }
}

fn place(text: &str) -> Result<(Url, Url), String> {
    let told = "write it as ORIGIN=URL, for example https://wallet.example=http://127.0.0.1:3000";
    let (origin, place) = text.split_once('=').ok_or(told)?;
    Ok((Url::parse(origin).map_err(|_| told)?, Url::parse(place).map_err(|_| told)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_area_has_a_name_and_a_place_is_an_origin_and_a_url() {
        let named: Vec<Area> = AreaName::value_variants().iter().map(|name| name.area()).collect();
        assert_eq!(named, Area::ALL);
        assert!(place("https://a.example=http://127.0.0.1:1").is_ok());
        for wrong in ["", "https://a.example", "a=b"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
