//! Rows of peers with their tokens, and of grants held at other institutions.
//! Grants that this institution gave are in `grants`.

use payments_model::peer_token::TokenDigest;
use url::Url;

use crate::carry::{Carried, Change, Context};
use crate::kept::{self, KeptKind};
use crate::record::Record;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::table::Table;

pub(super) fn peer(row: &Row<'_>) -> Result<Carried, Refusal> {
    let address = row.text("staticIlpAddress")?;
    let (token, endpoint) = (row.optional_text("outgoingToken")?, row.optional_text("outgoingEndpoint")?);
    if token.is_some() != endpoint.is_some() {
        return Err(row.refuse(Reason::Incomplete("outgoingToken, outgoingEndpoint")));
    }

    let mut routes = row.texts("routes")?;
    let name = row.optional_text("name")?;
    let added = routes.is_empty();
    if added {
        routes.push(address.clone());
    }
    let routes = serde_json::to_string(&routes).map_err(|_| row.refuse(Reason::Unreadable))?;

    let record = Record::new(
        Table::Peers,
        &[
            ("id", row.uuid("id")?.into()),
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("asset_id", row.uuid("assetId")?.into()),
            ("static_ilp_address", (&address).into()),
            ("outgoing_token", token.as_deref().into()),
            ("outgoing_endpoint", endpoint.as_deref().into()),
            ("max_packet_amount", row.optional_amount("maxPacketAmount")?.into()),
            ("name", name.as_deref().into()),
            ("liquidity_threshold", row.optional_amount("liquidityThreshold")?.into()),
            ("routes", (&routes).into()),
            ("former_outgoing_tokens", "[]".into()),
            ("wanted_by", "US".into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
        ],
    );

    let carried = Carried::one(record);
    Ok(if added { carried.changed(Change::RouteAdded) } else { carried })
}

pub(super) fn token(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let (value, peer) = (row.text("token")?, row.uuid("peerId")?);
    let digest = TokenDigest::of(&value).to_string();
    let record = Record::new(
        Table::PeerIncomingTokens,
        &[("digest", (&digest).into()), ("peer_id", peer.into()), ("created_at", row.instant("createdAt")?.into())],
    );

    let mut carried = Carried::one(record).changed(Change::Hashed);
    if let Some(keeping) = &context.keep {
        let sealed = kept::seal(KeptKind::PeerToken, peer, &value, &keeping.key);
        let values =
            [("digest", (&digest).into()), ("sealed", sealed.as_slice().into()), ("keep_until", keeping.until.into())];
        carried.records.push(Record::new(Table::KeptPeerTokens, &values));
        carried = carried.changed(Change::Kept);
    }
    Ok(carried)
}

pub(super) fn auth_server(row: &Row<'_>) -> Result<Carried, Refusal> {
    let url = row.text("url")?;
    Ok(Carried::one(Record::new(
        Table::AuthServers,
        &[("id", row.uuid("id")?.into()), ("url", (&url).into()), ("created_at", row.instant("createdAt")?.into())],
    )))
}

/// The query joins the URL of the server. The original stores only the last segment of the management URL. Rafiki's
/// servers have it under `/token/` of their origin. If this guess is wrong, the backend requests a new grant.
pub(super) fn held_grant(row: &Row<'_>) -> Result<Carried, Refusal> {
    let (server, management) = (row.text("serverUrl")?, row.text("managementId")?);
    let malformed = || row.refuse(Reason::Malformed { column: "authServerId", found: server.clone(), wanted: "a URL" });
    let url = Url::parse(&server).map_err(|_| malformed())?;
    let management_url =
        url.join("/").and_then(|root| root.join(&format!("token/{management}"))).map_err(|_| malformed())?;

    let continue_uri = match row.optional_text("continueId")? {
        None => None,
        Some(id) => Some(url.join("/").and_then(|root| root.join(&format!("continue/{id}"))).map_err(|_| malformed())?),
    };

    let actions = serde_json::to_string(&row.texts("accessActions")?).map_err(|_| row.refuse(Reason::Unreadable))?;
    let (access_type, token, continue_token) =
        (row.text("accessType")?, row.text("accessToken")?, row.optional_text("continueToken")?);

    Ok(Carried::one(Record::new(
        Table::HeldGrants,
        &[
            ("id", row.uuid("id")?.into()),
            ("auth_server_id", row.uuid("authServerId")?.into()),
            ("access_type", (&access_type).into()),
            ("access_actions", (&actions).into()),
            ("access_token", (&token).into()),
            ("management_url", management_url.as_str().into()),
            ("continue_uri", continue_uri.as_ref().map(Url::as_str).into()),
            ("continue_token", continue_token.as_deref().into()),
            ("expires_at", row.optional_instant("expiresAt")?.into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
            ("deleted_at", row.optional_instant("deletedAt")?.into()),
        ],
    )))
}
