//! Creates many wallet addresses from a list, one a line.
//!
//! Each line is a change of its own; `many` carries them out.

use std::collections::BTreeSet;

use admin_client::{AssetView, Mutation};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices;
use crate::pages::many::{self, Item, Told};
use crate::pages::wallet_addresses::{joined, prefix};
use crate::posted::Posted;
use crate::view::{Block, Cell, Field, Form, Input, Page};

const PATH: &str = "/wallet-addresses/import";
const TOLD: Told = Told {
    title: "What became of each line",
    column: "Wallet address",
    done: "Created",
    page: Some(("/wallet-addresses", "/walletAddress/id")),
};

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

fn draw(ctx: &Ctx, assets: &[AssetView], posted: Option<&Posted>, results: Option<Block>) -> Page {
    let form = Form::new("", PATH, "Create them")
        .fields([
            Field::new("lines", "One wallet address a line", Input::Lines)
                .required()
                .help("For example: alice, Alice Miller. The name for payers may be left out. At most 200 lines."),
            choices::asset_field(ctx, assets),
        ])
        .cancel("/wallet-addresses")
        .calls(Mutation::CreateWalletAddress);
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
    let (Some(asset), Some(tenant), true) = (chosen, tenant, posted.is_good()) else {
        return Ok(Answer::refused(draw(&ctx, &assets, Some(&posted), None)));
    };

    let is_operator = ctx.session.is_operator();
    let items = lines.iter().map(|line| {
        let input = move |key: Uuid| {
            let mut input = json!({"assetId": asset, "address": line.address, "idempotencyKey": key});
            if let Some(name) = &line.public_name {
                input["publicName"] = json!(name);
            }
            if is_operator {
                input["tenantId"] = json!(tenant);
            }
            input
        };
        Item {
            shown: Cell::text(&line.address),
            mark: line.address.clone(),
            mutation: Mutation::CreateWalletAddress,
            input: Box::new(input),
            before: Value::Null,
            moves: None,
        }
    });
    let results = many::carry_out(&ctx, &mut posted, items.collect(), TOLD).await?;
    if posted.is_good() {
        return Ok(draw(&ctx, &assets, None, Some(results)).into());
    }
    Ok(Answer::refused(draw(&ctx, &assets, Some(&posted), Some(results))))
}

/// The lines of a list. A name is put behind the tenant's wallet address URL.
fn read(text: &str, prefix: &str) -> Result<Vec<Line>, &'static str> {
    let written: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if written.is_empty() {
        return Err("Write at least one line.");
    }
    if written.len() > many::MOST {
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
}
