//! Fees of an asset: the present fee, setting a new one, earlier fees, and the cost of an amount.
//!
//! The fee is calculated like in the payments service: the share of the amount, rounded up, plus the fixed part.

use admin_client::{AssetView, FeeRecord, Mutation};
use page_kit::numbers;
use serde_json::json;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::assets;
use crate::posted::Posted;
use crate::view::{Block, Cell, Empty, Field, Form, Input, Page, Table, facts};

const BASIS_POINTS: &str = "Basis points should be from 0 to 10000";

/// The cost of sending `amount`: the share rounded up, plus the fixed part.
fn cost_rounded_up(fee: &FeeRecord, amount: u64) -> Option<u64> {
    let share = (u128::from(amount) * u128::from(fee.basis_points)).div_ceil(10_000);
    u64::try_from(share).ok()?.checked_add(fee.fixed)
}

/// `GET /assets/{id}/fee`
pub(crate) async fn edit_page(ctx: Ctx) -> Result<Answer, Problem> {
    let asset = assets::load(&ctx).await?;
    Ok(edit(&ctx, &asset, None).into())
}

fn edit(ctx: &Ctx, asset: &AssetView, posted: Option<&Posted>) -> Page {
    let at = format!("/assets/{}", asset.id);
    let words = ctx.words();
    let now = asset.sending_fee;

    let kinds =
        vec![("SENDING".to_owned(), "Sending fee".to_owned()), ("RECEIVING".to_owned(), "Receiving fee".to_owned())];
    let form = Form::new("Set a fee", format!("{at}/fee"), "Set fee")
        .intro("It applies to new quotes. Earlier fees stay in the history.")
        .fields([
            Field::new("type", "Kind", Input::Choice(kinds)).required(),
            Field::new("fixed", "Fixed fee", Input::Amount(asset.code.clone())).required().value(numbers::input(
                now.map_or(0, |fee| fee.fixed),
                asset.scale,
                words,
            )),
            Field::new("basisPoints", "Basis points", Input::Number)
                .required()
                .value(now.map_or(0, |fee| fee.basis_points).to_string())
                .help("Hundredths of a percent of the amount: 100 basis points of $100 are $1.00."),
        ])
        .cancel(at.clone())
        .calls(Mutation::SetFee);

    let mut side = vec![Block::Find {
        name: "amount",
        label: "What does sending this amount cost?",
        value: ctx.asked("amount").unwrap_or_default().to_owned(),
        button: "Calculate",
    }];

    if let Some(asked) = ctx.asked("amount") {
        side.push(match numbers::parse(asked, asset.scale, words) {
            Err(reason) => Block::Note { tone: crate::view::Tone::Failed, text: words.t(reason).to_owned() },
            Ok(amount) => {
                let money = |value: Option<u64>| Cell::money_or(value, &asset.code, asset.scale);
                let fee = now.as_ref().map_or(Some(0), |fee| cost_rounded_up(fee, amount));
                let calculated = facts([
                    ("Amount", money(Some(amount))),
                    ("Fee", money(fee)),
                    ("Debited in all", money(fee.and_then(|fee| fee.checked_add(amount)))),
                ]);
                Block::Facts { title: "With the current sending fee", facts: calculated, actions: Vec::new() }
            }
        });
    }

    Page {
        place: "assets",
        kind: "Fees",
        name: Some(asset.code.clone()),
        back: Some(("Asset", at)),
        main: vec![Block::Form(ctx.form(form, posted))],
        side,
        ..Page::default()
    }
}

/// `POST /assets/{id}/fee`
pub(crate) async fn set(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let asset = assets::load(&ctx).await?;
    posted.required("fixed");
    posted.required("basisPoints");
    let fixed = posted.amount("fixed", asset.scale, ctx.words());
    let basis_points = posted.number("basisPoints", 10_000, BASIS_POINTS);
    let kind = if posted.text("type") == "RECEIVING" { "RECEIVING" } else { "SENDING" };
    let now = if kind == "SENDING" { asset.sending_fee } else { asset.receiving_fee };
    let input = json!({
        "assetId": asset.id, "type": kind, "idempotencyKey": posted.key(),
        "fee": {"fixed": fixed.unwrap_or(0).to_string(), "basisPoints": basis_points},
    });
    let before = json!(now.map(|fee| json!({"fixed": fee.fixed.to_string(), "basisPoints": fee.basis_points})));
    if posted.is_good() && ctx.change(&mut posted, Mutation::SetFee, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/assets/{}", asset.id), "Fee was set."));
    }
    Ok(Answer::refused(edit(&ctx, &asset, Some(&posted))))
}

/// `GET /assets/{id}/fee-history`
pub(crate) async fn history(ctx: Ctx) -> Result<Answer, Problem> {
    let asset = assets::load(&ctx).await?;
    let found = ctx.admin().fees_page(asset.id, &ctx.page_request()?).await?;
    let found = found.ok_or(Problem::NotFound("Asset not found."))?;

    let empty = Empty { title: "No fees found.", text: "Fees that were set appear here, newest first.", action: None };
    let rows = found.nodes.iter().map(|fee| {
        vec![
            Cell::text(fee.id.to_string()),
            Cell::Word(if fee.kind == "SENDING" { "Sending" } else { "Receiving" }),
            Cell::money(fee.fee.fixed, &asset.code, asset.scale),
            Cell::text(fee.fee.basis_points.to_string()),
            Cell::Time(fee.created_at),
        ]
    });

    let columns = ["ID", "Type", "Fixed fee>", "Basis points>", "Creation date"];
    let table = Table::new("Fee history", columns, empty).rows(rows).paged(ctx.paging(&found.page_info));
    Ok(Page {
        place: "assets",
        kind: "Fee history",
        reads: "ConsoleFees",
        name: Some(asset.code),
        back: Some(("Back to asset", format!("/assets/{}", asset.id))),
        main: vec![Block::Table { title: None, table }],
        ..Page::default()
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_rounded_up_and_never_overflows() {
        let fee = |fixed, basis_points| FeeRecord { fixed, basis_points };
        assert_eq!(cost_rounded_up(&fee(5, 100), 10_000), Some(105));
        assert_eq!(cost_rounded_up(&fee(0, 1), 1), Some(1));
        assert_eq!(cost_rounded_up(&fee(0, 0), u64::MAX), Some(0));
        assert_eq!(cost_rounded_up(&fee(u64::MAX, 1), u64::MAX), None);
    }
}
