//! `rafiki peer probe`: finds the peer, a receiver behind it and the agreed rate, and has the crate `peer-probe` measure.
//! What is measured, and the rules, are there.

use std::sync::Arc;

use admin_client::{PageRequest, PeerView};
use clock::{SystemClock, SystemEntropy};
use config::Mode;
use money::Asset;
use outbound_http::Scheme;
use peer_probe::{Expected, PeerLine, Probe, ProbeError, ReadReceiverError, Receiver};
use rates::{HttpRates, Rates, RatesSettings};
use serde_json::json;
use url::Url;

use super::options::ProbeOptions;
use crate::dev::session::Session;
use crate::failure::Failure;
use crate::output::say;
use crate::pay::PayError;
use crate::pay::institutions::{self, Institution};
use crate::roles::shared_deps::SharedDeps;
use crate::signatures::secret_in;

const PAGE: u32 = 100;

pub(crate) async fn run(options: &ProbeOptions) -> Result<(), Failure> {
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let found = match Url::parse(&options.peer) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => of_url(options, url)?,
        _ => of_institution(options, &deps).await?,
    };
    let receiver = match &found.to {
        Some(to) => Some(receiver(to, options, &found, &deps).await?),
        None => None,
    };
    let expected = match &receiver {
        Some(receiver) => expected(&found, receiver.asset(), options.tolerance, &deps).await,
        None => Err("there is no receiver".to_owned()),
    };

    let probe = Probe {
        peer: found.line.clone(),
        receiver,
        expected,
        pay: options.pay,
        http: deps.http.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let report = probe.run().await.map_err(|error| match error {
        ProbeError::Silent(reason) => PayError::Unreachable { institution: found.name.clone(), reason }.into(),
        ProbeError::Refused(reason) => Failure::Check(format!("{}: {reason}", found.name)),
    })?;
    if options.json {
        let mut document = json!({
            "peer": found.name, "endpoint": found.line.endpoint, "asset": found.asset.to_string(), "to": found.to,
        });
        document["score"] = report.document()["score"].clone();
        document["checks"] = report.document()["checks"].clone();
        say(&format!("{document}\n"));
    } else {
        let to = found.to.as_ref().map_or_else(|| "without a receiver".to_owned(), |to| format!("to {to}"));
        say(&format!("{} at {}, packets in {} {to}\n", found.name, found.line.endpoint, found.asset));
        say(&report.text());
    }
    match report.failed().as_slice() {
        [] => Ok(()),
        [failed] => Err(Failure::Check(format!("1 check failed: {failed}"))),
        failed => Err(Failure::Check(format!("{} checks failed: {}", failed.len(), failed.join(", ")))),
    }
}

/// A peer, and what goes with it.
struct Found {
    name: String,
    line: PeerLine,
    asset: Asset,
    to: Option<Url>,
    rates: Option<Url>,
    scheme: Scheme,
}

fn scheme(options: &ProbeOptions) -> Scheme {
    if options.plain_http { Scheme::PlainForDevelopment } else { Scheme::AsWritten }
}

/// The connector that was named.
fn of_url(options: &ProbeOptions, endpoint: Url) -> Result<Found, Failure> {
    let told = "a connector that is named by its URL needs --asset and --token-file";
    let (Some(asset), Some(file)) = (&options.asset, &options.token_file) else {
        return Err(Failure::Usage(told.to_owned()));
    };
    Ok(Found {
        name: endpoint.to_string(),
        line: PeerLine { endpoint, token: secret_in(file)? },
        asset: asset.clone(),
        to: options.to.clone(),
        rates: options.rates.clone(),
        scheme: scheme(options),
    })
}

/// A peer of an institution, with its token.
async fn of_institution(options: &ProbeOptions, deps: &SharedDeps) -> Result<Found, Failure> {
    let known = institutions::known(&options.known, deps)?;
    let institution = institutions::chosen(&known, options.at.as_deref())?;
    let peer = chosen(options, institution).await?;
    let token = institution.admin.peer_outgoing_token(peer.id).await.map_err(PayError::from)?;
    let token = token.ok_or_else(|| Failure::Check(format!("there is no token for {}", called(&peer))))?;
    let endpoint = Url::parse(&peer.http.outgoing.endpoint);
    let endpoint = endpoint.map_err(|error| Failure::Check(format!("the endpoint of {}: {error}", called(&peer))))?;
    let asset = Asset::new(&peer.asset.code, peer.asset.scale);
    let asset = asset.map_err(|error| Failure::Check(format!("the asset of {}: {error}", called(&peer))))?;

    // In a playground the other side is known, too.
    let other = match institution.session() {
        Some(_) => other_side(options, &endpoint)?,
        None => None,
    };
    let in_asset = |session: &Session| {
        let mut fitting = session.wallet_addresses.iter();
        let fitting =
            fitting.find(|address| address.asset_code == peer.asset.code).or(session.wallet_addresses.first());
        fitting.and_then(|address| Url::parse(&address.url).ok())
    };
    let rates_of = |session: &Session| session.wallet_url.join("/rates").ok();
    Ok(Found {
        name: called(&peer),
        line: PeerLine { endpoint, token },
        asset,
        to: options.to.clone().or_else(|| other.as_ref().and_then(in_asset)),
        rates: options.rates.clone().or_else(|| institution.session().and_then(rates_of)),
        scheme: if institution.session().is_some() { Scheme::PlainForDevelopment } else { scheme(options) },
    })
}

fn called(peer: &PeerView) -> String {
    peer.name.clone().unwrap_or_else(|| peer.static_ilp_address.clone())
}

async fn chosen(options: &ProbeOptions, institution: &Institution) -> Result<PeerView, Failure> {
    let wanted = options.peer.to_lowercase();
    let is_meant = |peer: &PeerView| {
        let named = peer.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&wanted));
        let meant = named || peer.id.to_string() == wanted || peer.static_ilp_address == options.peer;
        let fits = |asset: &Asset| asset.code.as_str() == peer.asset.code && asset.scale == peer.asset.scale;
        meant && options.asset.as_ref().is_none_or(fits)
    };

    let mut found: Vec<PeerView> = Vec::new();
    let mut page = PageRequest { first: Some(PAGE), ..PageRequest::default() };
    loop {
        let listed = institution.admin.peers_page(&page, None).await.map_err(PayError::from)?;
        found.extend(listed.nodes.into_iter().filter(is_meant));
        match listed.page_info.end_cursor.filter(|_| listed.page_info.has_next_page) {
            Some(cursor) => page.after = Some(cursor),
            None => break,
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::NotFound(format!("{} has no such peer: {}", institution.name, options.peer))),
        _ => {
            let all = found.iter().map(|peer| format!("{} in {}/{}", called(peer), peer.asset.code, peer.asset.scale));
            let all = all.collect::<Vec<_>>().join(", ");
            Err(Failure::Usage(format!("choose one with --asset or by its id: {all}")))
        }
    }
}

/// The institution of the playground whose connector is at this endpoint.
fn other_side(options: &ProbeOptions, endpoint: &Url) -> Result<Option<Session>, Failure> {
    let sessions = Session::read_all(&options.known.data_dir)?;
    Ok(sessions
        .into_iter()
        .find(|session| session.connector_url.port_or_known_default() == endpoint.port_or_known_default()))
}

async fn receiver(to: &Url, options: &ProbeOptions, found: &Found, deps: &SharedDeps) -> Result<Receiver, Failure> {
    let asked = Receiver::of(to, found.scheme, &deps.http, &SystemEntropy).await;
    asked.map_err(|error| match error {
        ReadReceiverError::Silent(reason) => PayError::Unreachable { institution: to.to_string(), reason }.into(),
        ReadReceiverError::NoReceiver { .. } if options.to.is_none() => Failure::Check(error.to_string()),
        ReadReceiverError::NoReceiver { .. } => Failure::Usage(error.to_string()),
    })
}

/// The agreed rate between the asset of the peering and that of the receiver.
async fn expected(found: &Found, to: &Asset, tolerance: u32, deps: &SharedDeps) -> Result<Expected, String> {
    let service = HttpRates::new(deps.http.clone(), found.rates.clone());
    let rates = Rates::new(Arc::new(service), deps.clock.clone(), RatesSettings::default());
    let conversion = rates.conversion(found.rates.as_ref(), &found.asset, to).await;
    let told = |error| format!("{error}; name the service of the agreed rates with --rates");
    Ok(Expected { ratio: conversion.map_err(told)?.ratio(), tolerance })
}
