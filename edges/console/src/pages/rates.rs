//! The exchange rates in use, how old they are, asking their service now, and what an amount would be at them.
//!
//! A what-if moves nothing.

use admin_client::{AdminError, AssetView, ExchangeRatesView, Mutation, RateTableView};
use clock::Timestamp;
use page_kit::numbers;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices;
use crate::posted::Posted;
use crate::view::{Block, Cell, Empty, Field, Form, Input, Money, Page, Table, Tone, facts};

const UNKNOWN: &str = "This instance does not tell its exchange rates.";

/// `GET /rates`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(draw(&ctx, None, None).await?.into())
}

/// `POST /rates`
pub(crate) async fn what_if(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let assets = choices::assets(&ctx).await?;
    let chosen = [posted.id("from"), posted.id("to")];
    let [from, to] = chosen.map(|id| choices::chosen(&assets, id));
    for (name, asset) in [("from", from), ("to", to)] {
        if asset.is_none() {
            posted.refuse(name, "Invalid asset.");
        }
    }
    let amount = posted.some_amount("amount", from.map_or(0, |asset| asset.scale), ctx.words());
    let (Some(from), Some(to), Some(amount), true) = (from, to, amount, posted.is_good()) else {
        return Ok(Answer::refused(draw(&ctx, Some(&posted), None).await?));
    };
    let there = ctx.admin().converted_amount([from.id, to.id], amount).await?;
    let result = facts([
        ("Amount", Cell::money(amount, &from.code, from.scale)),
        (
            "Is at these rates",
            there.as_ref().map_or(Cell::Absent("There is no rate"), |there| Cell::Money(Money::from(there))),
        ),
    ]);
    let result = Block::Facts { title: "What if", facts: result, actions: Vec::new() };
    Ok(draw(&ctx, Some(&posted), Some(result)).await?.into())
}

/// `POST /rates/fetch`
pub(crate) async fn fetch(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let input = json!({"base": posted.required("base")});
    let Some(done) = ctx.change(&mut posted, Mutation::FetchExchangeRates, input, Value::Null).await? else {
        return Ok(Answer::refused(draw(&ctx, Some(&posted), None).await?));
    };
    let since: Timestamp = serde_json::from_value(done["table"]["since"].clone())
        .map_err(|error| AdminError::Unexpected(error.to_string()))?;
    let told = facts([
        ("Told by", Cell::text(done["source"].as_str().unwrap_or_default())),
        ("Of", Cell::text(format!("1 {}", done["table"]["base"].as_str().unwrap_or_default()))),
        ("Rates", Cell::text(numbers::count(done["count"].as_u64().unwrap_or(0), ctx.words()))),
        ("Since", Cell::Time(since)),
    ]);
    let told = Block::Facts { title: "The service answered", facts: told, actions: Vec::new() };
    Ok(draw(&ctx, None, Some(told)).await?.into())
}

/// The form that asks the service about one of the codes of the assets.
fn ask_form(assets: &[AssetView]) -> Form {
    let mut codes: Vec<String> = assets.iter().map(|asset| asset.code.clone()).collect();
    codes.sort_unstable();
    codes.dedup();
    let choices = codes.into_iter().map(|code| (code.clone(), code)).collect();
    Form::new("Ask the service now", "/rates/fetch", "Ask now")
        .intro("Its answer is used from now on, or you are told why there is none. It is asked so a few times a minute at most.")
        .fields([Field::new("base", "Rates of", Input::Choice(choices)).required()])
        .calls(Mutation::FetchExchangeRates)
}

async fn draw(ctx: &Ctx, posted: Option<&Posted>, result: Option<Block>) -> Result<Page, Problem> {
    let admin = ctx.admin();
    let (rates, assets) = futures::join!(admin.exchange_rates(None), choices::assets(ctx));
    let (rates, assets) = (rates?.ok_or(Problem::NotFound(UNKNOWN))?, assets?);

    let mut main: Vec<Block> = result.into_iter().collect();
    main.push(table(&rates, ctx.reader.console.now()));
    main.push(Block::Form(ctx.form(form(&assets), posted)));
    if rates.source.is_some() && !assets.is_empty() {
        main.push(Block::Form(ctx.form(ask_form(&assets), posted)));
    }
    Ok(Page {
        place: "rates",
        kind: "Exchange rates",
        reads: "ConsoleExchangeRates",
        lead: Some("As the process that answered uses them now. Each process fetches them for itself."),
        main,
        side: vec![about(&rates)],
        ..Page::default()
    })
}

fn form(assets: &[AssetView]) -> Form {
    let choice = |asset: &AssetView| (asset.id.to_string(), format!("{} (scale: {})", asset.code, asset.scale));
    let choices: Vec<(String, String)> = assets.iter().map(choice).collect();
    let second = assets.get(1).or(assets.first()).map_or(Uuid::nil(), |asset| asset.id);
    Form::new("What if", "/rates", "Convert")
        .intro("An amount at the present rates, rounded down. It has no fee and promises nothing; a quote does.")
        .fields([
            Field::new("from", "From", Input::Choice(choices.clone())).required(),
            Field::new("to", "To", Input::Choice(choices)).required().value(second.to_string()),
            Field::new("amount", "Amount", Input::Amount(String::new())).required(),
        ])
}

fn about(rates: &ExchangeRatesView) -> Block {
    let source = Cell::text_or(rates.source.as_deref(), "Nobody: no service is set");
    Block::Facts { title: "Facts", facts: facts([("Told by", source)]), actions: Vec::new() }
}

/// Every rate, with its age.
fn table(rates: &ExchangeRatesView, now: Timestamp) -> Block {
    let empty = Empty {
        title: "No rates are in memory.",
        text: "They are fetched when a quote, a packet or a conversion needs them.",
        action: None,
    };
    let state = |table: &RateTableView| {
        if table.until <= now { Cell::state("Too old", Tone::Failed) } else { Cell::state("In use", Tone::Done) }
    };
    let rows = rates.tables.iter().flat_map(|table| {
        table.rates.iter().map(move |rate| {
            vec![
                Cell::text(format!("1 {}", table.base)),
                Cell::text(format!("{} {}", rate.rate, rate.asset_code)),
                Cell::Time(table.since),
                state(table),
            ]
        })
    });
    let table = Table::new("Rates in use", ["Of", "Is worth>", "Since", "State"], empty).rows(rows);
    Block::Table { title: Some("Rates in use"), table }
}
