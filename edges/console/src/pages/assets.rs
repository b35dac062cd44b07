//! Assets: list, one asset with its liquidity and fees, creating, changing and deleting.
//!
//! Fees and liquidity changes have files of their own.

use admin_client::{AssetView, FeeRecord, Mutation};
use page_kit::numbers;
use serde_json::json;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices;
use crate::pages::tenant_filter::only_tenant;
use crate::posted::Posted;
use crate::reading::Reading;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Page, Table, Tone, facts};

const INVALID: &str = "Invalid asset ID.";
const NOT_FOUND: &str = "Asset not found.";
const SCALE: &str = "Scale should be from 0 to 255";

pub(crate) async fn load(ctx: &Ctx) -> Result<AssetView, Problem> {
    let id = ctx.id(INVALID)?;
    ctx.admin().asset_view(id).await?.ok_or(Problem::NotFound(NOT_FOUND))
}

/// A fee in words.
fn fee_shown(fee: Option<&FeeRecord>, asset: &AssetView, words: Reading) -> Cell {
    match fee {
        None => Cell::Absent("None"),
        Some(fee) => {
            let fixed = numbers::decimal(fee.fixed, asset.scale, words);
            Cell::text(format!("{fixed} {} + {}", asset.code, numbers::basis_points(fee.basis_points, words)))
        }
    }
}

/// Low, good, or without a threshold.
pub(crate) fn liquidity_tone(held: Option<u64>, threshold: Option<u64>) -> Tone {
    match (held, threshold) {
        (Some(held), Some(threshold)) if held < threshold => Tone::Failed,
        (Some(_), Some(_)) => Tone::Done,
        _ => Tone::Quiet,
    }
}

/// `GET /assets`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let found = ctx.admin().assets_page(&ctx.page_request()?, ctx.of_tenant()?).await?;
    let empty = Empty {
        title: "No assets found.",
        text: "An asset is the currency of a wallet address or peer, for example USD with two decimal places.",
        action: Some(Action::main("/assets/create", "Add asset")),
    };

    let columns = ["Code", "Scale>", "Liquidity>", "Sending fee", "Withdrawal threshold>", "Tenant"];
    let rows = found.nodes.iter().map(|asset| {
        vec![
            Cell::Link {
                href: format!("/assets/{}", asset.id),
                text: asset.code.clone(),
                note: Some(asset.id.to_string()),
            },
            Cell::text(asset.scale.to_string()),
            Cell::money_or(asset.liquidity, &asset.code, asset.scale),
            fee_shown(asset.sending_fee.as_ref(), asset, ctx.words()),
            match asset.withdrawal_threshold {
                Some(threshold) => Cell::money(threshold, &asset.code, asset.scale),
                None => Cell::Absent("No withdrawal threshold"),
            },
            Cell::tenant(asset.tenant.as_ref()),
        ]
    });

    let table = Table::new("Assets", columns, empty).rows(rows).paged(ctx.paging(&found.page_info));
    Ok(Page {
        place: "assets",
        kind: "Assets",
        reads: "ConsoleAssets",
        lead: Some("The currencies of this instance, and the fees for sending them."),
        actions: vec![
            Action::main("/assets/create", "Add asset"),
            Action::other(ctx.export_address("assets"), "Export CSV"),
        ],
        main: only_tenant(&ctx).into_iter().chain([Block::Table { title: None, table }]).collect(),
        ..Page::default()
    }
    .into())
}

/// `GET /assets/create`
pub(crate) async fn create_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(create_form(&ctx, None).await?.into())
}

async fn create_form(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let mut fields = vec![
        Field::new("code", "Code", Input::Text).required().help("Three to six letters, for example USD."),
        Field::new("scale", "Scale", Input::Number)
            .required()
            .value("2")
            .help("How many decimal places the smallest unit has. It cannot be changed later."),
        Field::new("withdrawalThreshold", "Withdrawal threshold", Input::Amount(String::new()))
            .help("Web-monetization money is paid out from this amount on. In units of the asset, for example 1.00."),
        Field::new("liquidityThreshold", "Liquidity threshold", Input::Amount(String::new()))
            .help("Below this amount an event reports that liquidity is low."),
    ];
    fields.extend(choices::tenants(ctx).await?);
    let form = Form::new("General", "/assets/create", "Create asset")
        .fields(fields)
        .cancel("/assets")
        .calls(Mutation::CreateAsset);
    Ok(Page {
        place: "assets",
        kind: "Create asset",
        back: Some(("Assets", "/assets".to_owned())),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    })
}

/// `POST /assets/create`
pub(crate) async fn create(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let code = posted.required("code").to_uppercase();
    if code.len() < 3 {
        posted.refuse("code", "Code should be at least 3 characters long");
    } else if code.len() > 6 {
        posted.refuse("code", "Maximum length of Code is 6 characters");
    } else if !code.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        posted.refuse("code", "Code should only contain letters.");
    }

    posted.required("scale");
    let scale = posted.number("scale", 255, SCALE).and_then(|scale| u8::try_from(scale).ok()).unwrap_or(0);
    let withdrawal = posted.amount("withdrawalThreshold", scale, ctx.words());
    let liquidity = posted.amount("liquidityThreshold", scale, ctx.words());

    let mut input = json!({"code": code, "scale": scale, "idempotencyKey": posted.key()});
    for (name, value) in [("withdrawalThreshold", withdrawal), ("liquidityThreshold", liquidity)] {
        if value.is_some() {
            input[name] = choices::amount(value);
        }
    }
    if let Some(tenant) = posted.optional("tenantId") {
        input["tenantId"] = json!(tenant);
    }

    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::CreateAsset, input, json!(null)).await?
    {
        let id = done["asset"]["id"].as_str().unwrap_or_default();
        return Ok(ctx.done(format!("/assets/{id}"), "Asset created."));
    }
    Ok(Answer::refused(create_form(&ctx, Some(&posted)).await?))
}

/// `GET /assets/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let asset = load(&ctx).await?;
    Ok(draw(&ctx, &asset, None).into())
}

fn draw(ctx: &Ctx, asset: &AssetView, posted: Option<&Posted>) -> Page {
    let at = format!("/assets/{}", asset.id);

    Page {
        place: "assets",
        kind: "Asset",
        reads: "ConsoleAsset",
        name: Some(asset.code.clone()),
        back: Some(("Assets", "/assets".to_owned())),
        id: Some(asset.id.to_string()),
        main: vec![
            liquidity_block(asset, &at),
            fees_block(asset, &at, ctx.words()),
            Block::Form(ctx.form(general_form(asset, &at, ctx.words()), posted)),
            Block::Form(ctx.form(delete_form(&at), posted)),
        ],
        side: vec![facts_block(asset)],
        ..Page::default()
    }
}

fn general_form(asset: &AssetView, at: &str, words: Reading) -> Form {
    let amount = |value: Option<u64>| value.map(|value| numbers::input(value, asset.scale, words)).unwrap_or_default();
    let unit = || Input::Amount(asset.code.clone());

    Form::new("General", at, "Save")
        .fields([
            Field::new("withdrawalThreshold", "Withdrawal threshold", unit())
                .value(amount(asset.withdrawal_threshold))
                .help("Web-monetization money is paid out from this amount on. Leave empty for no threshold."),
            Field::new("liquidityThreshold", "Liquidity threshold", unit())
                .value(amount(asset.liquidity_threshold))
                .help("Below this amount an event reports that liquidity is low. Leave empty for no threshold."),
        ])
        .calls(Mutation::UpdateAsset)
}

fn delete_form(at: &str) -> Form {
    Form::new("Delete asset", format!("{at}/delete"), "Delete asset")
        .intro("Please note that this action is not reversible. An asset that is in use cannot be deleted.")
        .danger("delete asset")
        .calls(Mutation::DeleteAsset)
}

fn liquidity_block(asset: &AssetView, at: &str) -> Block {
    let threshold = asset.liquidity_threshold;
    let mut held = facts([
        ("Liquidity", Cell::money_or(asset.liquidity, &asset.code, asset.scale)),
        (
            "Liquidity threshold",
            threshold.map_or(Cell::Absent("None"), |value| Cell::money(value, &asset.code, asset.scale)),
        ),
    ]);
    if liquidity_tone(asset.liquidity, threshold) == Tone::Failed {
        held.extend(facts([("State", Cell::state("Low", Tone::Failed))]));
    }

    Block::Facts {
        title: "Liquidity",
        facts: held,
        actions: vec![
            Action::main(format!("{at}/deposit-liquidity"), "Deposit"),
            Action::other(format!("{at}/withdraw-liquidity"), "Withdraw"),
        ],
    }
}

fn fees_block(asset: &AssetView, at: &str, words: Reading) -> Block {
    Block::Facts {
        title: "Fees",
        facts: facts([
            ("Sending fee", fee_shown(asset.sending_fee.as_ref(), asset, words)),
            ("Receiving fee", fee_shown(asset.receiving_fee.as_ref(), asset, words)),
        ]),
        actions: vec![
            Action::other(format!("{at}/fee"), "Change and calculate"),
            Action::other(format!("{at}/fee-history"), "Fee history"),
        ],
    }
}

fn facts_block(asset: &AssetView) -> Block {
    let about = facts([
        ("Code", Cell::text(asset.code.clone())),
        ("Scale", Cell::text(asset.scale.to_string())),
        ("Created", asset.created_at.map_or(Cell::Absent("–"), Cell::Time)),
        ("Tenant", Cell::tenant(asset.tenant.as_ref())),
        ("Account", Cell::WordLink { href: format!("/ledger/{}", asset.id), word: "Open in the ledger" }),
    ]);
    Block::Facts { title: "Facts", facts: about, actions: Vec::new() }
}

/// `POST /assets/{id}`
pub(crate) async fn update(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let asset = load(&ctx).await?;
    let withdrawal = posted.amount("withdrawalThreshold", asset.scale, ctx.words());
    let liquidity = posted.amount("liquidityThreshold", asset.scale, ctx.words());
    let input = json!({
        "id": asset.id, "withdrawalThreshold": choices::amount(withdrawal),
        "liquidityThreshold": choices::amount(liquidity), "idempotencyKey": posted.key(),
    });
    let before = json!({
        "withdrawalThreshold": choices::amount(asset.withdrawal_threshold),
        "liquidityThreshold": choices::amount(asset.liquidity_threshold),
    });
    if posted.is_good() && ctx.change(&mut posted, Mutation::UpdateAsset, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/assets/{}", asset.id), "Asset information was updated"));
    }
    Ok(Answer::refused(draw(&ctx, &asset, Some(&posted))))
}

/// `POST /assets/{id}/delete`
pub(crate) async fn delete(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let asset = load(&ctx).await?;
    posted.confirm("delete asset");
    let input = json!({"id": asset.id, "idempotencyKey": posted.key()});
    let before = json!({"code": asset.code, "scale": asset.scale});
    if posted.is_good() && ctx.change(&mut posted, Mutation::DeleteAsset, input, before).await?.is_some() {
        return Ok(ctx.done("/assets", "Asset was deleted."));
    }
    Ok(Answer::refused(draw(&ctx, &asset, Some(&posted))))
}
