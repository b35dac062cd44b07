//! Wallet addresses: list, one address with its properties, creating and changing.
//!
//! Keys have a file of their own.

use admin_client::{AdditionalProperty, Mutation, WalletAddressView};
use page_kit::qr;
use serde_json::{Value, json};
use url::Url;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::tenant_filter::only_tenant;
use crate::pages::{choices, probes};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Page, Table, Tone, facts};

const INVALID: &str = "Invalid wallet address ID.";
const NOT_FOUND: &str = "Wallet address not found.";

pub(crate) async fn load(ctx: &Ctx) -> Result<WalletAddressView, Problem> {
    let id = ctx.id(INVALID)?;
    ctx.admin().wallet_address_view(id).await?.ok_or(Problem::NotFound(NOT_FOUND))
}

/// The keys as a table.
fn keys_block(address: &WalletAddressView) -> Block {
    let at = format!("/wallet-addresses/{}/keys", address.id);
    let add = Action::other(format!("{at}/create"), "Add key");
    let empty = Empty {
        title: "No keys.",
        text: "A client signs for this address with one of these keys.",
        action: Some(add.clone()),
    };
    let mut rows: Vec<Vec<Cell>> = address
        .keys()
        .map(|key| {
            let (state, act) = if key.revoked {
                (Cell::state("Revoked", Tone::Quiet), Cell::Absent("–"))
            } else {
                let href = format!("{at}/{}/revoke", key.id);
                (Cell::state("Active", Tone::Done), Cell::WordLink { href, word: "Revoke" })
            };
            vec![Cell::text(key.jwk.kid.clone()), state, Cell::Time(key.created_at), act]
        })
        .collect();
    if !rows.is_empty() {
        rows.push(vec![
            Cell::WordLink { href: add.href, word: "Add key" },
            Cell::text(""),
            Cell::text(""),
            Cell::text(""),
        ]);
    }
    Block::Table {
        title: Some("Keys"),
        table: Table::new("Keys", ["Key ID", "State", "Created", "Change"], empty).rows(rows),
    }
}

fn status(status: &str) -> Cell {
    match status {
        "ACTIVE" => Cell::state("Active", Tone::Done),
        _ => Cell::state("Inactive", Tone::Failed),
    }
}

/// `GET /wallet-addresses`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let found = ctx.admin().wallet_addresses_page(&ctx.page_request()?, ctx.of_tenant()?).await?;
    let empty = Empty {
        title: "No wallet addresses found.",
        text: "A wallet address is the URL at which a customer is paid.",
        action: Some(Action::main("/wallet-addresses/create", "Create wallet address")),
    };

    let rows = found.nodes.iter().map(|address| {
        vec![
            Cell::link(format!("/wallet-addresses/{}", address.id), address.address.clone()),
            Cell::text_or(address.public_name.as_deref(), "No public name"),
            Cell::text(format!("{} / {}", address.asset.code, address.asset.scale)),
            status(&address.status),
            Cell::tenant(address.tenant.as_ref()),
        ]
    });

    let columns = ["Wallet address", "Public name", "Asset", "Status", "Tenant"];
    let table = Table::new("Wallet addresses", columns, empty).rows(rows).paged(ctx.paging(&found.page_info));

    Ok(Page {
        place: "wallet-addresses",
        kind: "Wallet addresses",
        reads: "ConsoleWalletAddresses",
        lead: Some("The URLs at which customers are paid."),
        actions: vec![
            Action::main("/wallet-addresses/create", "Create wallet address"),
            Action::other("/wallet-addresses/import", "Import"),
            Action::other("/wallet-addresses/deactivate", "Make several inactive"),
            Action::other("/wallet-addresses/trigger-events", "Trigger events"),
            Action::other(ctx.export_address("wallet-addresses"), "Export CSV"),
        ],
        main: only_tenant(&ctx).into_iter().chain([Block::Table { title: None, table }]).collect(),
        ..Page::default()
    }
    .into())
}

/// `GET /wallet-addresses/create`
pub(crate) async fn create_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(create_form(&ctx, None).await?.into())
}

async fn create_form(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let assets = choices::assets(ctx).await?;
    let mut main = Vec::new();
    if assets.is_empty() {
        main.push(Block::Note {
            tone: Tone::Info,
            text: "You need an asset first: a wallet address holds one.".to_owned(),
        });
        main.push(Block::Actions(vec![Action::main("/assets/create", "Create Asset")]));
    } else {
        let form = Form::new("", "/wallet-addresses/create", "Create wallet address")
            .fields([
                Field::new("name", "Wallet address", Input::Text)
                    .required()
                    .help("The last part, such as alice; the tenant's wallet address URL is put before it. A whole https URL is taken as it is."),
                Field::new("publicName", "Public name", Input::Text).help("Shown to payers."),
                choices::asset_field(ctx, &assets),
            ])
            .cancel("/wallet-addresses")
            .calls(Mutation::CreateWalletAddress);
        main.push(Block::Form(ctx.form(form, posted)));
    }

    Ok(Page {
        place: "wallet-addresses",
        kind: "Create wallet address",
        back: Some(("Wallet addresses", "/wallet-addresses".to_owned())),
        main,
        ..Page::default()
    })
}

/// The part before the name in a wallet address of a tenant.
pub(crate) async fn prefix(ctx: &Ctx, tenant: uuid::Uuid) -> Result<String, Problem> {
    let set = ctx.admin().tenant_view(tenant).await?.and_then(|tenant| {
        tenant.settings.into_iter().find(|setting| setting.key == "WALLET_ADDRESS_URL").map(|setting| setting.value)
    });
    Ok(set.unwrap_or_else(|| ctx.reader.console.settings().open_payments_url.to_string()))
}

/// Joins prefix and name with one slash.
pub(crate) fn joined(prefix: &str, name: &str) -> String {
    format!("{}/{}", prefix.trim_end_matches('/'), name.trim_start_matches('/'))
}

/// `POST /wallet-addresses/create`
pub(crate) async fn create(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let known = choices::assets(&ctx).await?;
    let chosen = posted.id("assetId");
    let asset = choices::chosen(&known, chosen).cloned();
    let name = posted.required("name");

    let tenant = asset.and_then(|asset| asset.tenant).map(|tenant| tenant.id);
    if tenant.is_none() {
        posted.refuse("assetId", "Invalid asset.");
    }

    let address = if name.starts_with("https://") || name.starts_with("http://") {
        name
    } else {
        joined(&prefix(&ctx, tenant.unwrap_or(ctx.session.tenant_id)).await?, &name)
    };
    if Url::parse(&address).is_err() {
        posted.refuse("name", "This is not a URL; write it with https:// and a host.");
    }

    let mut input = json!({"assetId": chosen, "address": address, "idempotencyKey": posted.key()});
    if let Some(name) = posted.optional("publicName") {
        input["publicName"] = json!(name);
    }
    if ctx.session.is_operator() {
        input["tenantId"] = json!(tenant);
    }

    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::CreateWalletAddress, input, Value::Null).await?
    {
        let id = done["walletAddress"]["id"].as_str().unwrap_or_default();
        return Ok(ctx.done(format!("/wallet-addresses/{id}"), "Wallet address was created."));
    }
    Ok(Answer::refused(create_form(&ctx, Some(&posted)).await?))
}

/// `GET /wallet-addresses/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let address = load(&ctx).await?;
    Ok(draw(&ctx, &address, None, None).into())
}

/// `POST /wallet-addresses/{id}/test`
pub(crate) async fn test(ctx: Ctx, _: Posted) -> Result<Answer, Problem> {
    let address = load(&ctx).await?;
    let found = probes::wallet_address(&ctx, &address).await;
    Ok(draw(&ctx, &address, Some(found), None).into())
}

fn draw(ctx: &Ctx, address: &WalletAddressView, tested: Option<Block>, posted: Option<&Posted>) -> Page {
    let at = format!("/wallet-addresses/{}", address.id);
    let name = address.public_name.clone().filter(|name| !name.is_empty());

    let main = [
        liquidity_block(address, &at),
        Block::Form(ctx.form(general_form(address, &at), posted)),
        keys_block(address),
        Block::Form(ctx.form(properties_form(address, &at), posted)),
    ];
    let test = Form::new("Test", format!("{at}/test"), "Ask it now")
        .intro("Asks the URL for its document, its keys and SPSP credentials, as others do. Nothing is paid.");

    Page {
        place: "wallet-addresses",
        kind: "Wallet address",
        reads: "ConsoleWalletAddress",
        name: Some(name.unwrap_or_else(|| address.address.clone())),
        back: Some(("Wallet addresses", "/wallet-addresses".to_owned())),
        state: Some(status(&address.status)),
        id: Some(address.id.to_string()),
        actions: vec![Action::other(format!("/payments?walletAddressId={}", address.id), "Go to payments page")],
        main: tested.into_iter().chain(main).collect(),
        side: vec![
            to_be_paid_block(address),
            facts_block(address),
            Block::Form(ctx.form(test, None)),
            Block::Data { title: "Open Payments document", text: document(address) },
        ],
        ..Page::default()
    }
}

fn general_form(address: &WalletAddressView, at: &str) -> Form {
    let states = vec![("ACTIVE".to_owned(), "Active".to_owned()), ("INACTIVE".to_owned(), "Inactive".to_owned())];
    Form::new("General", at, "Save")
        .fields([
            Field::new("publicName", "Public name", Input::Text).value(address.public_name.clone().unwrap_or_default()),
            Field::new("status", "Status", Input::Choice(states))
                .required()
                .value(address.status.clone())
                .help("An inactive address takes no new payments."),
        ])
        .calls(Mutation::UpdateWalletAddress)
}

fn properties_form(address: &WalletAddressView, at: &str) -> Form {
    let line = |property: &AdditionalProperty| {
        let seen = if property.visible_in_open_payments { "public" } else { "private" };
        format!("{seen} {} = {}", property.key, property.value)
    };
    let lines: Vec<String> = address.additional_properties.iter().flatten().map(line).collect();

    Form::new("Additional properties", format!("{at}/properties"), "Save properties")
        .fields([Field::new("properties", "Properties", Input::Lines)
            .value(lines.join("\n"))
            .help("One per line: public name = value, or private name = value. Everyone can read the public ones in the address's document.")])
        .calls(Mutation::UpdateWalletAddress)
}

fn liquidity_block(address: &WalletAddressView, at: &str) -> Block {
    let held = address.liquidity.unwrap_or(0);
    Block::Facts {
        title: "Liquidity",
        facts: facts([("Liquidity", Cell::money_or(address.liquidity, &address.asset.code, address.asset.scale))]),
        actions: if held > 0 { vec![Action::main(format!("{at}/withdraw-liquidity"), "Withdraw")] } else { Vec::new() },
    }
}

fn facts_block(address: &WalletAddressView) -> Block {
    let asset = &address.asset;
    let about = facts([
        ("URL", Cell::code(address.address.clone())),
        ("Asset", Cell::link(format!("/assets/{}", asset.id), format!("{} / {}", asset.code, asset.scale))),
        ("Created", Cell::Time(address.created_at)),
        ("Tenant", Cell::tenant(address.tenant.as_ref())),
        ("Account", Cell::WordLink { href: format!("/ledger/{}", address.id), word: "Open in the ledger" }),
    ]);
    Block::Facts { title: "Facts", facts: about, actions: Vec::new() }
}

/// What a payer types or scans.
fn to_be_paid_block(address: &WalletAddressView) -> Block {
    let mut code = facts([("Payment pointer", pointer(&address.address).map_or(Cell::Absent("–"), Cell::Code))]);
    let picture = qr::svg(&address.address);
    code.extend(picture.into_iter().flat_map(|svg| facts([("QR code of the URL", Cell::Picture(svg))])));
    Block::Facts { title: "To be paid", facts: code, actions: Vec::new() }
}

/// The address as a payment pointer; only an address over TLS without a query has one.
fn pointer(address: &str) -> Option<String> {
    let rest = address.strip_prefix("https://").filter(|rest| !rest.contains(['?', '#']))?;
    Some(format!("${}", rest.strip_suffix("/.well-known/pay").unwrap_or(rest)))
}

/// The public document at the address, as far as the Admin API contains it.
fn document(address: &WalletAddressView) -> String {
    let mut document = json!({
        "id": address.address, "publicName": address.public_name,
        "assetCode": address.asset.code, "assetScale": address.asset.scale,
    });
    for property in address.additional_properties.iter().flatten().filter(|property| property.visible_in_open_payments)
    {
        document["additionalProperties"][&property.key] = json!(property.value);
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// `POST /wallet-addresses/{id}`
pub(crate) async fn update(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    let address = load(&ctx).await?;
    let wanted = if posted.text("status") == "INACTIVE" { "INACTIVE" } else { "ACTIVE" };
    let input = json!({
        "id": address.id, "publicName": posted.or_null("publicName"), "status": wanted, "idempotencyKey": posted.key(),
    });
    let before = json!({"publicName": address.public_name, "status": address.status});
    change(ctx, address, posted, input, before).await
}

/// `POST /wallet-addresses/{id}/properties`
pub(crate) async fn set_properties(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let address = load(&ctx).await?;
    let properties = properties(posted.text("properties"));
    if properties.is_none() {
        posted.refuse("properties", "Write each line as: public name = value, or private name = value.");
    }
    let input = json!({"id": address.id, "additionalProperties": properties, "idempotencyKey": posted.key()});
    let before: Vec<_> = address
        .additional_properties
        .iter()
        .flatten()
        .map(|property| json!({"key": property.key, "value": property.value}))
        .collect();
    change(ctx, address, posted, input, json!(before)).await
}

fn properties(text: &str) -> Option<Vec<Value>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let read = |line: &str| {
        let (seen, pair) = line.split_once(' ')?;
        let visible = match seen {
            "public" => true,
            "private" => false,
            _ => return None,
        };
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        (!key.is_empty()).then(|| json!({"key": key, "value": value, "visibleInOpenPayments": visible}))
    };
    lines.map(read).collect()
}

async fn change(
    ctx: Ctx,
    address: WalletAddressView,
    mut posted: Posted,
    input: Value,
    before: Value,
) -> Result<Answer, Problem> {
    if posted.is_good() && ctx.change(&mut posted, Mutation::UpdateWalletAddress, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/wallet-addresses/{}", address.id), "Wallet address was updated"));
    }
    Ok(Answer::refused(draw(&ctx, &address, None, Some(&posted))))
}

/// `GET /wallet-addresses/trigger-events`
pub(crate) async fn trigger_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(trigger_form(&ctx, None).into())
}

fn trigger_form(ctx: &Ctx, posted: Option<&Posted>) -> Page {
    let form = Form::new("", "/wallet-addresses/trigger-events", "Trigger events")
        .intro("Sends the events about web-monetization money that waits at wallet addresses now.")
        .fields([Field::new("limit", "Largest number of addresses", Input::Number).required().value("100")])
        .cancel("/wallet-addresses")
        .calls(Mutation::TriggerWalletAddressEvents);
    Page {
        place: "wallet-addresses",
        kind: "Trigger events",
        back: Some(("Wallet addresses", "/wallet-addresses".to_owned())),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    }
}

/// `POST /wallet-addresses/trigger-events`
pub(crate) async fn trigger(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    posted.required("limit");
    let limit = posted.number("limit", 10_000, "Write a number from 1 to 10000.");
    let input = json!({"limit": limit, "idempotencyKey": posted.key()});
    if posted.is_good()
        && ctx.change(&mut posted, Mutation::TriggerWalletAddressEvents, input, Value::Null).await?.is_some()
    {
        return Ok(ctx.done("/wallet-addresses", "Events were triggered."));
    }
    Ok(Answer::refused(trigger_form(&ctx, Some(&posted))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_and_a_name_are_joined_by_one_slash() {
        assert_eq!(joined("https://a.example/", "/alice"), "https://a.example/alice");
        assert_eq!(joined("https://a.example/accounts", "alice"), "https://a.example/accounts/alice");
    }

    #[test]
    fn properties_are_read_line_by_line_or_refused() {
        let read = properties("public city = New York = NY\n\nprivate ref=7").unwrap();
        assert_eq!(read[0], json!({"key": "city", "value": "New York = NY", "visibleInOpenPayments": true}));
        assert_eq!(read[1]["visibleInOpenPayments"], json!(false));
        assert_eq!(properties("city = x"), None);
        assert_eq!(properties(""), Some(Vec::new()));
    }
}
