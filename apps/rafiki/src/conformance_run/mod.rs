//! `rafiki conformance`: runs the cases of the conformance kit against a server.
//! The cases are in the crate `conformance`. Who acts as client and as peer in the playground is found here.

pub(crate) mod options;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use admin_client::PageRequest;
use clock::{SystemClock, SystemEntropy};
use config::{Environment, Mode};
use conformance::{Client, Kit, Owner, PeerAccess, cases};
use http_signatures::{Signer, SigningKey};
use open_payments_client::{PublicResources, RetryPolicy};
use outbound_http::Scheme;
use serde_json::json;
use url::Url;

use crate::dev::by_name;
use crate::dev::institution::KEY_FILE;
use crate::dev::session::Session;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::pay::PayError;
use crate::pay::institutions::Institution;
use crate::roles::shared_deps::SharedDeps;
use crate::signatures::secret_in;
use options::{AreaName, ConformanceOptions};

pub(crate) async fn run(options: ConformanceOptions) -> Result<(), Failure> {
    if options.list {
        return list(&options);
    }
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let kit = kit(&options).await?;
    if !options.json {
        say(&format!("Cases for {}\n", kit.target));
    }
    let report = kit.run().await.map_err(|error| Failure::Check(error.to_string()))?;
    if options.json {
        say(&format!("{}\n", report.document()));
    } else {
        say(&report.text());
    }
    if report.is_silent() {
        let reason = "no case was answered".to_owned();
        return Err(PayError::Unreachable { institution: kit.target.to_string(), reason }.into());
    }
    match report.failed().as_slice() {
        [] => Ok(()),
        [failed] => Err(Failure::Check(format!("1 case differs: {failed}"))),
        failed => Err(Failure::Check(format!("{} cases differ: {}", failed.len(), failed.join(", ")))),
    }
}

fn list(options: &ConformanceOptions) -> Result<(), Failure> {
    let wanted: Vec<_> = options.area.iter().map(|name| name.area()).collect();
    let mut all = cases().map_err(|error| Failure::Check(error.to_string()))?;
    all.retain(|case| wanted.is_empty() || wanted.contains(&case.area));
    if options.json {
        let shown: Vec<_> = all
            .iter()
            .map(|case| json!({"id": case.id, "area": case.area.word(), "rule": case.rule, "source": case.source}))
            .collect();
        say(&format!("{}\n", json!({"cases": shown})));
        return Ok(());
    }
    let mut table = Table::new();
    for case in &all {
        table.row([case.area.word(), &case.id, &case.rule]);
    }
    say(&table.render());
    Ok(())
}

/// Whom the cases are run against, and as whom.
struct Found {
    target: Url,
    client: Option<Client>,
    peer: Option<PeerAccess>,
    owner: Option<Owner>,
    scheme: Scheme,
}

async fn kit(options: &ConformanceOptions) -> Result<Kit, Failure> {
    let Found { target, client, peer, owner, scheme } = match &options.target {
        Some(target) => Found {
            target: target.clone(),
            client: named_client(options)?,
            peer: named_peer(options)?,
            owner: named_owner(options)?,
            scheme: if options.plain_http { Scheme::PlainForDevelopment } else { Scheme::AsWritten },
        },
        None => playground(options).await?,
    };
    Ok(Kit {
        target,
        client,
        peer,
        owner,
        scheme,
        reached_at: options.reach.clone(),
        areas: options.area.iter().copied().map(AreaName::area).collect(),
        http: SharedDeps::new(Mode::Production, &[])?.http,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    })
}

fn named_client(options: &ConformanceOptions) -> Result<Option<Client>, Failure> {
    match (&options.client, &options.key, &options.key_id) {
        (Some(identity), Some(key), Some(id)) => Ok(Some(client(identity.as_str().trim_end_matches('/'), key, id)?)),
        _ => Ok(None),
    }
}

fn named_peer(options: &ConformanceOptions) -> Result<Option<PeerAccess>, Failure> {
    match (&options.connector, &options.peer_token_file) {
        (Some(connector), Some(file)) => Ok(Some(PeerAccess { connector: connector.clone(), token: secret_in(file)? })),
        _ => Ok(None),
    }
}

fn named_owner(options: &ConformanceOptions) -> Result<Option<Owner>, Failure> {
    match (&options.interactions, &options.idp_secret_file) {
        (Some(interactions), Some(file)) => {
            Ok(Some(Owner { interactions: interactions.clone(), secret: secret_in(file)? }))
        }
        _ => Ok(None),
    }
}

fn client(identity: &str, key_file: &Path, key_id: &str) -> Result<Client, Failure> {
    let text = secret_in(key_file)?;
    let wrong = |error: &dyn std::fmt::Display| Failure::Check(format!("{}: {error}", key_file.display()));
    let key = SigningKey::from_text(&text).map_err(|error| wrong(&error))?;
    let signer = Signer::new(key, key_id).map_err(|error| wrong(&error))?;
    Ok(Client { identity: identity.to_owned(), signer: Arc::new(signer) })
}

/// The playground: one institution is looked at, the other is client and peer.
async fn playground(options: &ConformanceOptions) -> Result<Found, Failure> {
    let sessions = Session::read_all(&options.data_dir)?;
    let called = |session: &&Session| session.name.to_lowercase().contains(&options.at.to_lowercase());
    let none = || {
        Failure::NotFound(
            "no playground runs here; start `rafiki dev`, or name a wallet address of the server with --target"
                .to_owned(),
        )
    };
    let looked_at = sessions.iter().find(called).ok_or_else(none)?;
    let address = looked_at.wallet_addresses.first().ok_or_else(none)?;
    let target = Url::parse(&address.url).map_err(|error| Failure::Check(format!("{}: {error}", address.url)))?;
    let Some(other) = sessions.iter().find(|session| session.name != looked_at.name) else {
        return Ok(Found { target, client: None, peer: None, owner: None, scheme: Scheme::PlainForDevelopment });
    };

    let client = match other.wallet_addresses.first() {
        Some(address) => Some(customer(&options.data_dir, other, &address.url).await?),
        None => None,
    };
    let peer = peer(other, looked_at, &address.asset_code).await?;
    let owner = Some(owner(&options.data_dir, looked_at)?);
    Ok(Found { target, client, peer, owner, scheme: Scheme::PlainForDevelopment })
}

/// The identity provider of an institution of the playground, by the variables of its authorization server.
fn owner(data_dir: &Path, session: &Session) -> Result<Owner, Failure> {
    let file = folder(data_dir, session)?.join("auth.env");
    let variables = Environment::of_file(&file)?;
    let set = |name: &str| {
        let value = variables.get(name).map(str::to_owned);
        value.ok_or_else(|| Failure::Check(format!("{} does not set {name}", file.display())))
    };
    let interactions = format!("http://localhost:{}/", set("INTERACTION_PORT")?);
    let wrong = |error| Failure::Check(format!("{interactions}: {error}"));
    Ok(Owner { interactions: Url::parse(&interactions).map_err(wrong)?, secret: set("IDENTITY_SERVER_SECRET")? })
}

/// The folder of an institution of the playground.
fn folder(data_dir: &Path, session: &Session) -> Result<PathBuf, Failure> {
    let variants = <crate::cli::InstitutionName as clap::ValueEnum>::value_variants();
    let found = variants.iter().map(|name| by_name(*name)).find(|institution| institution.name == session.name);
    let institution = found.ok_or_else(|| Failure::NotFound(format!("{} is no playground", session.name)))?;
    Ok(institution.folder(data_dir))
}

/// A customer of an institution of the playground. Its key is that of the institution, under an id of its own.
async fn customer(data_dir: &Path, session: &Session, address: &str) -> Result<Client, Failure> {
    let file = folder(data_dir, session)?.join(KEY_FILE);
    let wrong = |error: &dyn std::fmt::Display| Failure::Check(format!("{}: {error}", file.display()));
    let own = SigningKey::from_text(&secret_in(&file)?).map_err(|error| wrong(&error))?;
    let own = own.public_key().map_err(|error| wrong(&error))?;

    let deps = SharedDeps::new(Mode::Development, &[])?;
    let published = PublicResources::new(deps.http, RetryPolicy::default(), deps.clock).keys(address).await;
    let published = published.map_err(|error| Failure::Check(format!("the keys of {address}: {error}")))?;
    let key = published.document.keys.iter().find(|key| *key.key() == own);
    let key = key.ok_or_else(|| Failure::Check(format!("{address} does not publish the key in {}", file.display())))?;
    client(address, &file, key.kid())
}

/// How `of` sends packets in this asset to `to`, if they are peers.
async fn peer(of: &Session, to: &Session, asset_code: &str) -> Result<Option<PeerAccess>, Failure> {
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let institution = Institution::of_session(of.clone(), &deps)?;
    let failed = |error| Failure::from(PayError::from(error));
    let page = PageRequest { first: Some(100), ..PageRequest::default() };
    for peer in institution.admin.peers_page(&page, None).await.map_err(failed)?.nodes {
        if peer.asset.code == asset_code
            && let Some(token) = institution.admin.peer_outgoing_token(peer.id).await.map_err(failed)?
        {
            return Ok(Some(PeerAccess { connector: to.connector_url.clone(), token }));
        }
    }
    Ok(None)
}
