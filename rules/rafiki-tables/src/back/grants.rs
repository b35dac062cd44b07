//! The auth database, back: tenants, grants with their rights, subject and question, and access tokens.
//!
//! Our tables hold hashes of tokens. A token goes back if its clear value was kept. Otherwise the original loses it.

use std::fmt::Write as _;

use auth_model::SecretHash;
use clock::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::back::{
    Back, Context, LostToken, OldRow, OldTable, Related, clear, derived, derived_once, optional_time, optional_time_of,
    time, time_of,
};
use crate::kept::KeptKind;
use crate::record::Value;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;

pub(super) fn tenant(row: &Row<'_>, context: &Context) -> Result<Back, Refusal> {
    let (id, url, api_secret) = (row.uuid("id")?, row.optional_text("idp_consent_url")?, row.text("api_secret")?);
    // The hash is here; the clear value is in the backend's database.
    let secret = context.consent.get(&id).and_then(|place| place.secret.clone());
    let values = [
        ("id", id.into()),
        ("idpConsentUrl", url.as_deref().into()),
        ("idpSecret", secret.as_deref().into()),
        ("apiSecret", (&api_secret).into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
        ("deletedAt", optional_time_of(row, "deleted_at")?),
    ];
    OldRow::new(row, OldTable::AuthTenants, &values).map(Back::one)
}

#[derive(Deserialize)]
struct Right<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    actions: &'a RawValue,
    identifier: Option<String>,
    #[serde(borrow)]
    limits: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Subject {
    sub_ids: Vec<SubjectId>,
}

#[derive(Deserialize)]
struct SubjectId {
    id: String,
    format: String,
}

#[derive(Deserialize)]
struct Client<'a> {
    #[serde(rename = "walletAddress")]
    address: Option<String>,
    #[serde(borrow)]
    jwk: Option<&'a RawValue>,
}

fn unreadable(row: &Row<'_>, column: &'static str) -> Refusal {
    row.refuse(Reason::Malformed { column, found: String::new(), wanted: "a value of this program" })
}

/// Whether the column holds the hash of this value. A continuation gets another token each time.
fn hashed_in<'a>(row: &'a Row<'_>, column: &'static str) -> impl FnOnce(&str) -> Result<bool, Refusal> + 'a {
    move |value| Ok(row.octets(column)?.as_slice() == SecretHash::of(value).as_bytes().as_slice())
}

pub(super) fn grant(row: &Row<'_>, related: &Related, context: &Context) -> Result<Back, Refusal> {
    let id = row.uuid("id")?;
    let state = row.text("state")?;
    let known = clear(row, (KeptKind::Continuation, id), related, context, hashed_in(row, "continue_hash"))?;
    let is_known = known.is_some();
    let token = match known {
        Some(value) => value,
        None => unusable_token(&row.text("continue_hash")?),
    };
    let written = row.text("client")?;
    let client: Client<'_> = serde_json::from_str(&written).map_err(|_| unreadable(row, "client"))?;
    let (reason, finish_uri, nonce) = (
        row.optional_text("finalization_reason")?,
        row.optional_text("finish_uri")?,
        row.optional_text("finish_nonce")?,
    );
    let created_at = row.millis("created_at")?;
    let continue_id = row.uuid("continue_id")?.to_string();
    let asked = row.optional_uuid("interaction_id")?;
    let values = [
        ("id", id.into()),
        ("state", (&state).into()),
        ("finalizationReason", reason.as_deref().into()),
        ("startMethod", if asked.is_some() { Value::Json(r#"["redirect"]"#) } else { Value::Null }),
        ("continueToken", (&token).into()),
        ("continueId", (&continue_id).into()),
        ("finishMethod", finish_uri.as_ref().map(|_| "redirect").into()),
        ("finishUri", finish_uri.as_deref().into()),
        ("clientNonce", nonce.as_deref().into()),
        ("client", client.address.as_deref().into()),
        ("lastContinuedAt", time_of(row, "last_continued_at")?),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("jwk", client.jwk.map_or(Value::Null, |key| Value::Json(key.get()))),
        ("createdAt", time(created_at)),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    let mut back = Back::one(OldRow::new(row, OldTable::AuthGrants, &values)?);
    back.rows.extend(rights(row, id, created_at)?);
    back.rows.extend(subjects(row, id, created_at)?);
    if let Some(question) = asked {
        back.rows.push(interaction(row, question, id, created_at)?);
    }
    if !is_known {
        let usable = state != "FINALIZED";
        back.lost = Some(LostToken { kind: KeptKind::Continuation, owner: id, usable, revoked: false });
    }
    Ok(back)
}

/// A random-looking continuation token that no client has, in the form of the original. Its column must not be empty.
fn unusable_token(hash: &str) -> String {
    let digest = Sha256::new().chain_update("no way back ").chain_update(hash).finalize();
    let mut token = String::with_capacity(20);
    for octet in digest.iter().take(10) {
        // Writing to a string does not fail.
        let _ = write!(token, "{octet:02X}");
    }
    token
}

/// The original orders rights by their times.
fn rights(row: &Row<'_>, grant: Uuid, created_at: Timestamp) -> Result<Vec<OldRow>, Refusal> {
    let written = row.text("access")?;
    let rights: Vec<Right<'_>> = serde_json::from_str(&written).map_err(|_| unreadable(row, "access"))?;
    let mut rows = Vec::with_capacity(rights.len());
    for (n, right) in (0_i64..).zip(&rights) {
        let at = Value::Time(created_at.as_millis().saturating_mul(1000).saturating_add(n));
        let values = [
            ("id", derived(grant, "right", n.unsigned_abs()).into()),
            ("type", (&right.kind).into()),
            ("actions", Value::Json(right.actions.get())),
            ("identifier", right.identifier.as_deref().into()),
            ("limits", right.limits.map_or(Value::Null, |limits| Value::Json(limits.get()))),
            ("grantId", grant.into()),
            ("createdAt", at.clone()),
            ("updatedAt", at),
        ];
        rows.push(OldRow::new(row, OldTable::Accesses, &values)?);
    }
    Ok(rows)
}

fn subjects(row: &Row<'_>, grant: Uuid, created_at: Timestamp) -> Result<Vec<OldRow>, Refusal> {
    let Some(written) = row.optional_text("subject")? else { return Ok(Vec::new()) };
    let subject: Subject = serde_json::from_str(&written).map_err(|_| unreadable(row, "subject"))?;
    let mut rows = Vec::with_capacity(subject.sub_ids.len());
    for (n, id) in (0_i64..).zip(&subject.sub_ids) {
        let at = Value::Time(created_at.as_millis().saturating_mul(1000).saturating_add(n));
        let values = [
            ("id", derived(grant, "subject", n.unsigned_abs()).into()),
            ("grantId", grant.into()),
            ("subId", (&id.id).into()),
            ("subIdFormat", (&id.format).into()),
            ("createdAt", at.clone()),
            ("updatedAt", at),
        ];
        rows.push(OldRow::new(row, OldTable::Subjects, &values)?);
    }
    Ok(rows)
}

/// The consent request. The original stores its lifetime in whole seconds, so its beginning is computed from its end.
fn interaction(row: &Row<'_>, question: Uuid, grant: Uuid, created_at: Timestamp) -> Result<OldRow, Refusal> {
    let (nonce, choice) = (row.text("interaction_nonce")?, row.text("choice")?);
    let reference = row.uuid("interact_ref")?.to_string();
    let (asked_at, lives) = whole_seconds(row, created_at, row.millis("interaction_expires_at")?)?;
    let values = [
        ("id", question.into()),
        ("ref", (&reference).into()),
        ("nonce", (&nonce).into()),
        ("state", (&choice).into()),
        ("grantId", grant.into()),
        ("expiresIn", lives.into()),
        ("createdAt", time(asked_at)),
        ("updatedAt", time(asked_at)),
    ];
    OldRow::new(row, OldTable::Interactions, &values)
}

/// The latest beginning that is whole seconds before the end, not before `begin`.
fn whole_seconds(row: &Row<'_>, begin: Timestamp, end: Timestamp) -> Result<(Timestamp, u32), Refusal> {
    let seconds = end.as_millis().saturating_sub(begin.as_millis()).div_euclid(1000).max(0);
    let lives = u32::try_from(seconds).ok().filter(|seconds| i32::try_from(*seconds).is_ok());
    let lives = lives.ok_or_else(|| {
        row.refuse(Reason::TooLargeForOriginal { column: "expires_at", found: format!("{seconds} s") })
    })?;
    Ok((Timestamp::from_millis(end.as_millis() - i64::from(lives) * 1000), lives))
}

pub(super) fn token(row: &Row<'_>, related: &Related, context: &Context) -> Result<Back, Refusal> {
    let management = row.uuid("management_id")?;
    let (issued_at, expires_at) = (row.millis("issued_at")?, row.millis("expires_at")?);
    let revoked_at = row.optional_millis("revoked_at")?;
    let known = clear(row, (KeptKind::AccessToken, management), related, context, hashed_in(row, "hash"))?;
    let Some(value) = known else {
        let usable = revoked_at.is_none() && expires_at > context.at;
        let revoked = revoked_at.is_some();
        let lost = LostToken { kind: KeptKind::AccessToken, owner: management, usable, revoked };
        return Ok(Back { lost: Some(lost), ..Back::default() });
    };
    let (created_at, lives) = whole_seconds(row, issued_at, expires_at)?;
    let values = [
        ("id", derived_once(management, "access token").into()),
        ("value", (&value).into()),
        ("managementId", management.into()),
        ("expiresIn", lives.into()),
        ("grantId", row.uuid("grant_id")?.into()),
        ("revokedAt", optional_time(revoked_at)),
        ("createdAt", time(created_at)),
        ("updatedAt", time(revoked_at.unwrap_or(created_at))),
    ];
    OldRow::new(row, OldTable::AccessTokens, &values).map(Back::one)
}
