//! `rafiki peer`: has an institution ask another node to become its peer.
//!
//! It calls the Admin API. The backend sends the request to the other node. Measuring a peer is in `probe`.

pub(crate) mod asset;
pub(crate) mod options;
mod probe;

use admin_client::{AdminError, PeerByUrl, PeerRecord};
use clock::{Entropy, SystemEntropy};
use config::Mode;
use money::Asset;
use url::Url;

use crate::failure::Failure;
use crate::output::say;
use crate::pay::institutions::Institution;
use crate::pay::payer::read_amount;
use crate::pay::{PayError, institutions};
use crate::roles::shared_deps::SharedDeps;
use options::{PeerCommand, PeerOptions};

pub(crate) async fn run(options: PeerOptions) -> Result<(), Failure> {
    if let Some(PeerCommand::Probe(options)) = &options.command {
        return probe::run(options).await;
    }
    let (Some(url), Some(wanted_asset)) = (&options.url, &options.asset) else {
        return Err(Failure::Usage("name the peering URL of the other node, and the asset with --asset".to_owned()));
    };
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let known = institutions::known(&options.known, &deps)?;
    let institution = institutions::chosen(&known, options.at.as_deref())?;

    let asking = Asking {
        url: url.clone(),
        asset: wanted_asset.clone(),
        liquidity: options.liquidity,
        name: options.name,
        max_packet: options.max_packet,
        threshold: options.threshold,
    };
    let peer = ask(institution, asking).await.map_err(refused)?;
    say(&introduction(&peer, wanted_asset));
    Ok(())
}

/// What is asked of another node.
pub(crate) struct Asking {
    pub(crate) url: Url,
    pub(crate) asset: Asset,
    /// As it was written.
    pub(crate) liquidity: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) max_packet: Option<u64>,
    pub(crate) threshold: Option<u64>,
}

/// Why there is no peering.
pub(crate) enum AskError {
    /// What was written cannot be asked.
    Failure(Failure),
    /// Our instance, or the other node through it.
    Admin(AdminError),
}

impl From<Failure> for AskError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Has an institution ask. Returns the peer.
pub(crate) async fn ask(institution: &Institution, asking: Asking) -> Result<PeerRecord, AskError> {
    let asset = &asking.asset;
    let liquidity = asking.liquidity.as_deref().map(|text| read_amount(text, asset));
    let liquidity = liquidity.transpose().map_err(|reason| Failure::Usage(format!("--liquidity: {reason}")))?;

    let found = institution.admin.asset_by_code_and_scale(asset.code.as_str(), asset.scale).await;
    let found = found.map_err(|error| Failure::from(PayError::from(error)))?;
    let found = found.ok_or_else(|| {
        Failure::Check(format!("{} has no asset {asset}; make it with createAsset", institution.name))
    })?;

    let wanted = PeerByUrl {
        peer_url: asking.url.to_string(),
        asset_id: found.id,
        name: asking.name,
        max_packet_amount: asking.max_packet,
        liquidity_threshold: asking.threshold,
        liquidity_to_deposit: liquidity,
        idempotency_key: SystemEntropy.uuid().to_string(),
    };
    institution.admin.create_or_update_peer_by_url(&wanted).await.map_err(AskError::Admin)
}

/// The text about the new peering.
pub(crate) fn introduction(peer: &PeerRecord, asset: &Asset) -> String {
    let name = peer.name.as_deref().unwrap_or("a node without a name");
    let liquidity = asset.display(peer.liquidity.unwrap_or(0));
    format!(
        "{name} ({}) is a peer in {}; its packets come to {}\nIt may owe us {liquidity}\npeer {}\n",
        peer.static_ilp_address, asset.code, peer.http.outgoing.endpoint, peer.id
    )
}

fn refused(error: AskError) -> Failure {
    let error = match error {
        AskError::Failure(failure) => return failure,
        AskError::Admin(error) => error,
    };
    match error {
        AdminError::Refused { message, details, .. } => {
            let reason = details.as_ref().and_then(|details| details["reason"].as_str());
            Failure::Check(reason.map_or(message.clone(), |reason| format!("{message}: {reason}")))
        }
        other => PayError::from(other).into(),
    }
}
