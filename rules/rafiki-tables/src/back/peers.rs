//! Peers with their tokens, and grants held at other institutions, back.
//! Grants that this institution gave are in `grants`.

use payments_model::peer_token::TokenDigest;
use url::Url;

use crate::back::{
    Back, Context, LostToken, OldRow, OldTable, Related, clear, derived_once, json, json_of, optional_time_of, time_of,
};
use crate::kept::KeptKind;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;

pub(super) fn peer(row: &Row<'_>) -> Result<Back, Refusal> {
    let (address, token, endpoint) = (
        row.text("static_ilp_address")?,
        row.optional_text("outgoing_token")?,
        row.optional_text("outgoing_endpoint")?,
    );
    let (name, routes) = (row.optional_text("name")?, json_of(row, "routes")?);
    let values = [
        ("id", row.uuid("id")?.into()),
        ("assetId", row.uuid("asset_id")?.into()),
        ("maxPacketAmount", row.optional_amount("max_packet_amount")?.into()),
        ("staticIlpAddress", (&address).into()),
        ("outgoingToken", token.as_deref().into()),
        ("outgoingEndpoint", endpoint.as_deref().into()),
        ("name", name.as_deref().into()),
        ("liquidityThreshold", row.optional_amount("liquidity_threshold")?.into()),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("routes", json(routes.as_ref())),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    OldRow::new(row, OldTable::Peers, &values).map(Back::one)
}

/// Our table has only the digest. In the original a token has no expiry, so a token that has expired is left out.
pub(super) fn token(row: &Row<'_>, related: &Related, context: &Context) -> Result<Back, Refusal> {
    let (peer, digest) = (row.uuid("peer_id")?, row.text("digest")?);
    let usable = row.optional_millis("expires_at")?.is_none_or(|end| context.at < end);
    let known = clear(row, (KeptKind::PeerToken, peer), related, context, |value| {
        Ok(TokenDigest::of(value).to_string() == digest)
    })?;
    let Some(token) = known.filter(|_| usable) else {
        let lost = LostToken { kind: KeptKind::PeerToken, owner: peer, usable, revoked: false };
        return Ok(Back { lost: Some(lost), ..Back::default() });
    };

    let values = [
        ("id", derived_once(peer, &format!("token {digest}")).into()),
        ("token", (&token).into()),
        ("peerId", peer.into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "created_at")?),
    ];
    OldRow::new(row, OldTable::HttpTokens, &values).map(Back::one)
}

pub(super) fn auth_server(row: &Row<'_>) -> Result<Back, Refusal> {
    let url = row.text("url")?;
    let values = [
        ("id", row.uuid("id")?.into()),
        ("url", (&url).into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "created_at")?),
    ];
    OldRow::new(row, OldTable::AuthServers, &values).map(Back::one)
}

/// The original keeps only the last segment of the URLs that manage and continue a grant.
pub(super) fn held_grant(row: &Row<'_>) -> Result<Back, Refusal> {
    let last = |column: &'static str, url: &str| {
        let segment = Url::parse(url).ok().and_then(|url| {
            let last = url.path_segments()?.next_back()?;
            (!last.is_empty()).then(|| last.to_owned())
        });
        segment
            .ok_or_else(|| row.refuse(Reason::Malformed { column, found: url.to_owned(), wanted: "a URL with an id" }))
    };
    let management = last("management_url", &row.text("management_url")?)?;
    let continued = row.optional_text("continue_uri")?.map(|url| last("continue_uri", &url)).transpose()?;
    let (access_type, actions, access_token, continue_token) = (
        row.text("access_type")?,
        json_of(row, "access_actions")?,
        row.text("access_token")?,
        row.optional_text("continue_token")?,
    );
    let values = [
        ("id", row.uuid("id")?.into()),
        ("authServerId", row.uuid("auth_server_id")?.into()),
        ("continueId", continued.as_deref().into()),
        ("continueToken", continue_token.as_deref().into()),
        ("accessToken", (&access_token).into()),
        ("managementId", (&management).into()),
        ("accessType", (&access_type).into()),
        ("accessActions", json(actions.as_ref())),
        ("expiresAt", optional_time_of(row, "expires_at")?),
        ("deletedAt", optional_time_of(row, "deleted_at")?),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    OldRow::new(row, OldTable::HeldGrants, &values).map(Back::one)
}
