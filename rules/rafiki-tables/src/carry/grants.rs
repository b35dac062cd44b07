//! Rows of the auth database: tenants, and grants with their rights, subject and question to the owner.
//! Tokens are in `tokens`.

use auth_model::SecretHash;
use gnap::{AccessItem, Client};
use serde_json::{Map, Value as Json, json};
use url::Url;

use crate::carry::{Carried, Change, Context};
use crate::kept::{self, KeptKind};
use crate::record::{Record, Value};
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::table::Table;

pub(super) fn tenant(row: &Row<'_>) -> Result<Carried, Refusal> {
    let (url, secret) = (row.optional_text("idpConsentUrl")?, row.optional_text("idpSecret")?);
    if let Some(url) = url.as_ref().filter(|url| Url::parse(url).is_err()) {
        return Err(row.refuse(Reason::Malformed { column: "idpConsentUrl", found: url.clone(), wanted: "a URL" }));
    }
    let hash = secret.map(|secret| SecretHash::of(&secret));
    let api_secret = row.text("apiSecret")?;
    let record = Record::new(
        Table::AuthTenants,
        &[
            ("id", row.uuid("id")?.into()),
            ("idp_consent_url", url.as_deref().into()),
            ("idp_secret_hash", hash.as_ref().map(|hash| hash.as_bytes().as_slice()).into()),
            ("api_secret", (&api_secret).into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
            ("deleted_at", row.optional_instant("deletedAt")?.into()),
        ],
    );
    let carried = Carried::one(record);
    Ok(if hash.is_some() { carried.changed(Change::Hashed) } else { carried })
}

/// The query joins `accesses`, `subjects` and `interactions` as lists.
pub(super) fn grant(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let id = row.uuid("id")?;
    let (state, reason) = state(row)?;
    let rights = rights(row)?;
    let subject = subject(row)?;
    let client = client(row)?;
    let question = question(row, &client)?;

    let continuation = row.text("continueToken")?;
    let token = SecretHash::of(&continuation);
    let access = serde_json::to_string(&rights).map_err(|_| row.refuse(Reason::Unreadable))?;
    let written = serde_json::to_string(&client).map_err(|_| row.refuse(Reason::Unreadable))?;

    let mut values: Vec<(&str, Value<'_>)> = vec![
        ("id", id.into()),
        ("tenant_id", row.uuid("tenantId")?.into()),
        ("client", (&written).into()),
        ("access", (&access).into()),
        ("subject", subject.as_deref().into()),
        ("state", state.into()),
        ("finalization_reason", reason.into()),
        ("continue_id", row.uuid("continueId")?.into()),
        ("continue_hash", token.as_bytes().as_slice().into()),
        (
            "last_continued_at",
            row.optional_instant("lastContinuedAt")?.map_or_else(|| row.instant("createdAt"), Ok)?.into(),
        ),
        ("created_at", row.instant("createdAt")?.into()),
        ("updated_at", row.instant("updatedAt")?.into()),
    ];

    let asked = question.is_some();
    match &question {
        Some(question) => values.extend(question.iter().map(|(column, value)| (*column, value.clone_value()))),
        None => values.extend(QUESTION.map(|column| (column, Value::Null))),
    }
    let mut carried = Carried::one(Record::new(Table::AuthGrants, &values)).changed(Change::Hashed);
    if asked {
        carried = carried.changed(Change::ClientNamedByUrl);
    }
    if let Some(keeping) = &context.keep {
        let sealed = kept::seal(KeptKind::Continuation, id, &continuation, &keeping.key);
        let values =
            [("grant_id", id.into()), ("sealed", sealed.as_slice().into()), ("keep_until", keeping.until.into())];
        carried.records.push(Record::new(Table::KeptContinuations, &values));
        carried = carried.changed(Change::Kept);
    }

    let mut owners: Vec<&str> =
        rights.iter().filter_map(|right| right.identifier()).map(gnap::WalletAddressUrl::as_str).collect();
    owners.sort_unstable();
    owners.dedup();
    for owner in owners {
        let values = [("identifier", owner.into()), ("grant_id", id.into())];
        carried.records.push(Record::new(Table::GrantIdentifiers, &values));
    }

    Ok(carried)
}

fn state(row: &Row<'_>) -> Result<(&'static str, Option<&'static str>), Refusal> {
    let state = row.word("state", &["PENDING", "PROCESSING", "APPROVED", "FINALIZED"])?;
    Ok(match state {
        "FINALIZED" => (state, Some(row.word("finalizationReason", &["ISSUED", "REVOKED", "REJECTED"])?)),
        // The original has this name, but stores it for no grant. The owner has not decided yet.
        "PROCESSING" => ("PENDING", None),
        _ => (state, None),
    })
}

fn client(row: &Row<'_>) -> Result<Client, Refusal> {
    let (address, key) = (row.optional_text("client")?, row.object("jwk")?);
    let written = match (address, key) {
        (Some(address), None) => json!({ "walletAddress": address }),
        (None, Some(key)) => {
            let key: Json = serde_json::from_str(key).map_err(|_| row.refuse(Reason::Unreadable))?;
            json!({ "jwk": key })
        }
        (Some(_), Some(_)) => return Err(row.refuse(Reason::Both("client", "jwk"))),
        (None, None) => return Err(row.refuse(Reason::Missing("client"))),
    };
    let found = written.to_string();
    serde_json::from_value(written).map_err(|_| {
        row.refuse(Reason::Malformed { column: "client", found, wanted: "a wallet address or a public key" })
    })
}

fn rights(row: &Row<'_>) -> Result<Vec<AccessItem>, Refusal> {
    let mut rights = Vec::new();
    for access in row.rows("accesses", "accesses")? {
        let mut written = Map::new();
        written.insert("type".to_owned(), access.text("type")?.into());
        written.insert("actions".to_owned(), access.texts("actions")?.into());
        if let Some(owner) = access.optional_text("identifier")? {
            written.insert("identifier".to_owned(), owner.into());
        }
        if let Some(limits) = access.object("limits")? {
            let limits: Json = serde_json::from_str(limits).map_err(|_| access.refuse(Reason::Unreadable))?;
            written.insert("limits".to_owned(), limits);
        }
        let found = Json::Object(written.clone()).to_string();
        let right = serde_json::from_value(Json::Object(written));
        rights.push(right.map_err(|_| {
            access.refuse(Reason::Malformed { column: "type, actions, identifier, limits", found, wanted: "a right" })
        })?);
    }
    Ok(rights)
}

fn subject(row: &Row<'_>) -> Result<Option<String>, Refusal> {
    let mut ids = Vec::new();
    for subject in row.rows("subjects", "subjects")? {
        ids.push(json!({ "id": subject.text("subId")?, "format": subject.text("subIdFormat")? }));
    }
    if ids.is_empty() {
        return Ok(None);
    }
    let written = json!({ "sub_ids": ids });
    let read: Result<gnap::Subject, _> = serde_json::from_value(written.clone());
    let found = written.to_string();
    match read {
        Ok(_) => Ok(Some(found)),
        Err(_) => Err(row.refuse(Reason::Malformed { column: "subjects", found, wanted: "a subject" })),
    }
}

/// The columns of a question to the owner.
const QUESTION: [&str; 9] = [
    "interaction_id",
    "interaction_nonce",
    "interact_ref",
    "interaction_expires_at",
    "choice",
    "client_name",
    "client_uri",
    "finish_uri",
    "finish_nonce",
];

enum Owned {
    Null,
    Uuid(uuid::Uuid),
    Integer(i64),
    Text(String),
}

impl Owned {
    fn clone_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Uuid(id) => Value::Uuid(*id),
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

fn question(row: &Row<'_>, client: &Client) -> Result<Option<Vec<(&'static str, Owned)>>, Refusal> {
    let mut asked = row.rows("interactions", "interactions")?;
    let Some(question) = asked.pop() else { return Ok(None) };
    if !asked.is_empty() {
        return Err(row.refuse(Reason::Duplicate { column: "interactions.grantId", found: row.name() }));
    }

    let lives = i64::from(question.count("expiresIn")?);
    let until = question.instant("createdAt")?.as_millis().saturating_add(lives.saturating_mul(1000));
    let choice = question.word("state", &["PENDING", "APPROVED", "DENIED"])?;
    let name = client.identity();

    let (uri, nonce) = (row.optional_text("finishUri")?, row.optional_text("clientNonce")?);
    if uri.is_some() != nonce.is_some() {
        return Err(row.refuse(Reason::Incomplete("finishUri, clientNonce")));
    }
    if let Some(uri) = uri.as_ref().filter(|uri| Url::parse(uri).is_err()) {
        return Err(row.refuse(Reason::Malformed { column: "finishUri", found: uri.clone(), wanted: "a URI" }));
    }

    let text = |value: Option<String>| value.map_or(Owned::Null, Owned::Text);
    let values = [
        Owned::Uuid(question.uuid("id")?),
        Owned::Text(question.text("nonce")?),
        Owned::Uuid(question.uuid("ref")?),
        Owned::Integer(until),
        Owned::Text(choice.to_owned()),
        Owned::Text(name.clone()),
        Owned::Text(name),
        text(uri),
        text(nonce),
    ];
    Ok(Some(QUESTION.into_iter().zip(values).collect()))
}
