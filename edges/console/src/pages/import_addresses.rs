//! Creates many wallet addresses from a list, one a line.
//!
//! Each line is a change of its own, with a key derived from that of the form. So a list that is sent again after a break
//! goes on where it stopped, and nothing is created twice.

use std::collections::BTreeSet;

use admin_client::{AdminError, AssetView, Mutation};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::{Builder, Uuid};

use crate::context::{Answer, Change, Ctx, Problem};
use crate::pages::choices;
use crate::pages::wallet_addresses::{joined, prefix};
use crate::posted::Posted;
use crate::view::{Block, Cell, Empty, Field, Form, Input, Page, Table, Tone};

/// The most lines of a list. Each is a request to the instance.
const LINES_MAX: usize = 200;
const PATH: &str = "/wallet-addresses/import";

/// A line: the address, and the name that payers see.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    address: String,
    public_name: Option<String>,
}

/// `GET /wallet-addresses/import`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let assets = choices::assets(&ctx).await?;
    Ok(draw(&ctx, &assets, None, None).into())
}

fn draw(ctx: &Ctx, assets: &[AssetView], posted: Option<&Posted>, results: Option<Table>) -> Page {
    let form = Form::new("", PATH, "Create them")
        .fields([
            Field::new("lines", "One wallet address a line", Input::Lines)
                .required()
                .help("For example: alice, Alice Miller. The name for payers may be left out. At most 200 lines."),
            choices::asset_field(ctx, assets),
        ])
        .cancel("/wallet-addresses")
        .calls(Mutation::CreateWalletAddress);
    let results = results.map(|table| Block::Table { title: Some("What became of each line"), table });
    Page {
        place: "wallet-addresses",
        kind: "Import wallet addresses",
        lead: Some("Many at once, from a list."),
        back: Some(("Wallet addresses", "/wallet-addresses".to_owned())),
        main: results.into_iter().chain([Block::Form(ctx.form(form, posted))]).collect(),
        ..Page::default()
    }
}

/// `POST /wallet-addresses/import`
pub(crate) async fn import(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    if !ctx.session.may_change() {
        return Err(Problem::LooksOnly);
    }
    let assets = choices::assets(&ctx).await?;
    let chosen = posted.id("assetId");
    let tenant = choices::chosen(&assets, chosen).and_then(|asset| asset.tenant.as_ref()).map(|tenant| tenant.id);
    if tenant.is_none() {
        posted.refuse("assetId", "Invalid asset.");
    }
    let before = prefix(&ctx, tenant.unwrap_or(ctx.session.tenant_id)).await?;
    let lines = match read(posted.text("lines"), &before) {
        Ok(lines) => lines,
        Err(reason) => {
            posted.refuse("lines", reason);
            Vec::new()
        }
    };
    let (Some(asset), Some(tenant), Some(key), true) = (chosen, tenant, posted.key(), posted.is_good()) else {
        return Ok(Answer::refused(draw(&ctx, &assets, Some(&posted), None)));
    };

    let mut rows = Vec::new();
    let mut open = false;
    for line in &lines {
        // The instance does not answer, so this line would wait as long as the one before.
        if open {
            rows.push(vec![Cell::text(&line.address), Cell::state("Not sent", Tone::Quiet), Cell::Absent("–")]);
            continue;
        }
        let key = key_of(key, &line.address);
        let mut input = json!({"assetId": asset, "address": line.address, "idempotencyKey": key});
        if let Some(name) = &line.public_name {
            input["publicName"] = json!(name);
        }
        if ctx.session.is_operator() {
            input["tenantId"] = json!(tenant);
        }
        let answer = ctx.send(change(key, input)).await?;
        if let Err(error @ AdminError::Unauthorized) = answer {
            return Err(error.into());
        }
        open = answer.as_ref().is_err_and(AdminError::is_temporary);
        rows.push(row(line, answer));
    }
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let results = Table::new("What became of each line", ["Wallet address", "State", "Details"], empty).rows(rows);
    if open {
        posted.unknown(
            "The instance did not answer. Send the list again: what was created is not created twice.".to_owned(),
        );
        return Ok(Answer::refused(draw(&ctx, &assets, Some(&posted), Some(results))));
    }
    Ok(draw(&ctx, &assets, None, Some(results)).into())
}

fn change(key: Uuid, input: Value) -> Change {
    Change {
        mutation: Mutation::CreateWalletAddress,
        key: Some(key),
        place: PATH.to_owned(),
        input,
        before: Value::Null,
        moves: None,
        scale: None,
        why: None,
    }
}

fn row(line: &Line, answer: Result<Value, AdminError>) -> Vec<Cell> {
    let (address, state, details) = match answer {
        Ok(done) => {
            let id = done["walletAddress"]["id"].as_str().unwrap_or_default();
            let link = Cell::link(format!("/wallet-addresses/{id}"), line.address.clone());
            (link, Cell::state("Created", Tone::Done), Cell::text_or(line.public_name.as_deref(), "–"))
        }
        Err(error) => {
            let unknown = error.is_temporary();
            let state = if unknown { ("No answer", Tone::Waiting) } else { ("Refused", Tone::Failed) };
            (Cell::text(&line.address), Cell::state(state.0, state.1), Cell::text(error.to_string()))
        }
    };
    vec![address, state, details]
}

/// The lines of a list. A name is put behind the tenant's wallet address URL.
fn read(text: &str, prefix: &str) -> Result<Vec<Line>, &'static str> {
    let written: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if written.is_empty() {
        return Err("Write at least one line.");
    }
    if written.len() > LINES_MAX {
        return Err("These are more than 200 lines.");
    }
    let line = |text: &&str| {
        let (name, public_name) = text.split_once(',').unwrap_or((text, ""));
        let name = name.trim();
        let whole = name.starts_with("https://") || name.starts_with("http://");
        let address = if whole { name.to_owned() } else { joined(prefix, name) };
        let public_name = Some(public_name.trim().to_owned()).filter(|name| !name.is_empty());
        (!name.is_empty() && Url::parse(&address).is_ok()).then_some(Line { address, public_name })
    };
    let lines: Option<Vec<Line>> = written.iter().map(line).collect();
    let lines = lines.ok_or("A line is not understood. Nothing was created.")?;
    let different: BTreeSet<&str> = lines.iter().map(|line| line.address.as_str()).collect();
    if different.len() < lines.len() {
        return Err("An address is in the list twice. Nothing was created.");
    }
    Ok(lines)
}

/// The key of a line. The same line of the same form has the same key.
fn key_of(form: Uuid, address: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::new().chain_update(form.as_bytes()).chain_update(address).finalize().into();
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    Builder::from_random_bytes(octets).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_a_whole_or_not_at_all() {
        let line = |address: &str, name: Option<&str>| Line {
            address: address.to_owned(),
            public_name: name.map(str::to_owned),
        };
        let read = |text: &str| read(text, "https://bank.example/");
        let expected = vec![
            line("https://bank.example/alice", Some("Alice Miller")),
            line("https://bank.example/bob", None),
            line("https://other.example/carol", None),
        ];
        assert_eq!(read("alice, Alice Miller\n\n /bob \nhttps://other.example/carol,"), Ok(expected));
        assert!(read(" \n").is_err() && read(", Nobody").is_err());
        assert!(read("alice\n/alice").is_err(), "one address twice");
        assert!(read(&"x\n".repeat(201)).is_err());
    }

    #[test]
    fn the_same_line_of_the_same_form_has_the_same_key() {
        let form = Uuid::from_u128(7);
        assert_eq!(key_of(form, "a"), key_of(form, "a"));
        assert_ne!(key_of(form, "a"), key_of(form, "b"));
        assert_ne!(key_of(form, "a"), key_of(Uuid::from_u128(8), "a"));
    }
}
