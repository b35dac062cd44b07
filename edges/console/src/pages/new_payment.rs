//! Creating payments by hand: a quote and its payment, an incoming payment, and one at another institution.
//!
//! Each step has a form of its own, and each form takes effect once.

use admin_client::{Amount, Mutation, WalletAddressView};
use page_kit::numbers;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices::url_of;
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Field, Form, Input, Money, Page, facts};

const ADDRESS: &str = "There is no such wallet address here. Write its URL, its payment pointer or its id.";

fn amount(value: u64, code: &str, scale: u8) -> Value {
    json!({"value": value.to_string(), "assetCode": code, "assetScale": scale})
}

/// A wallet address of this instance by id, URL or pointer.
async fn own_address(ctx: &Ctx, posted: &mut Posted, name: &'static str) -> Result<Option<WalletAddressView>, Problem> {
    let text = posted.required(name);
    let admin = ctx.admin();
    let id = match Uuid::parse_str(&text) {
        Ok(id) => Some(id),
        Err(_) if text.is_empty() => None,
        Err(_) => admin.wallet_address_by_url(&url_of(&text)).await?.map(|address| address.id),
    };
    let found = match id {
        Some(id) => admin.wallet_address_view(id).await?,
        None => None,
    };
    if found.is_none() {
        posted.refuse(name, ADDRESS);
    }
    Ok(found)
}

/// `GET /payments/create`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(quote_form(&ctx, None).into())
}

fn quote_form(ctx: &Ctx, posted: Option<&Posted>) -> Page {
    let kinds = [
        ("debit", "The payer pays exactly this, fees included"),
        ("receive", "The payee gets exactly this"),
        ("asked", "The amount of the incoming payment"),
    ];
    let kinds = kinds.map(|(value, label)| (value.to_owned(), label.to_owned())).to_vec();

    let form = Form::new("Quote", "/payments/create", "Get a quote")
        .intro("Nothing is paid yet. The quote shows what the payment costs and what arrives.")
        .fields([
            Field::new("walletAddress", "From wallet address", Input::Text)
                .required()
                .help("A wallet address of this instance: its URL, payment pointer or id.")
                .value(ctx.asked("from").unwrap_or_default()),
            Field::new("receiver", "To", Input::Text)
                .required()
                .help("A wallet address anywhere, or the URL of an incoming payment."),
            Field::new("kind", "Which amount", Input::Choice(kinds)).required(),
            Field::new("amount", "Amount", Input::Amount(String::new()))
                .help("In units of the asset, for example 10.50."),
            Field::new(
                "atOnce",
                "Pay the amount of an incoming payment at once, without showing a quote",
                Input::Switch,
            ),
        ])
        .cancel("/payments")
        .calls(Mutation::CreateQuote);

    Page {
        place: "payments",
        kind: "New payment",
        back: Some(("Payments", "/payments".to_owned())),
        actions: vec![
            Action::other("/payments/incoming/create", "New incoming payment"),
            Action::other("/payments/receivers/create", "Receiver elsewhere"),
        ],
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    }
}

/// `POST /payments/create`
pub(crate) async fn create(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let from = own_address(&ctx, &mut posted, "walletAddress").await?;
    let to = url_of(&posted.required("receiver"));
    let key = posted.key().unwrap_or_default();

    if let (Some(from), true) = (from, posted.is_good()) {
        let is_payment = to.contains("/incoming-payments/");
        if posted.is_on("atOnce") {
            return at_once(ctx, posted, &from, &to, is_payment).await;
        }
        if let Some(receiver) = receiver(&ctx, &mut posted, &to, is_payment, key).await? {
            let mut input = json!({"walletAddressId": from.id, "receiver": receiver.0, "idempotencyKey": key});
            match posted.text("kind") {
                "debit" => {
                    let value = posted.some_amount("amount", from.asset.scale, ctx.words());
                    input["debitAmount"] = amount(value.unwrap_or(0), &from.asset.code, from.asset.scale);
                }
                "receive" => {
                    let (code, scale) = (&receiver.1.asset_code, receiver.1.asset_scale);
                    let value = posted.some_amount("amount", scale, ctx.words());
                    input["receiveAmount"] = amount(value.unwrap_or(0), code, scale);
                }
                _ => {}
            }

            if posted.is_good()
                && let Some(done) = ctx.change(&mut posted, Mutation::CreateQuote, input, Value::Null).await?
            {
                let id = done["quote"]["id"].as_str().unwrap_or_default();
                return Ok(Answer::Go { to: format!("/payments/quotes/{id}"), said: None });
            }
        }
    }
    Ok(Answer::refused(quote_form(&ctx, Some(&posted))))
}

async fn at_once(
    ctx: Ctx,
    mut posted: Posted,
    from: &WalletAddressView,
    to: &str,
    is_payment: bool,
) -> Result<Answer, Problem> {
    if !is_payment {
        posted.refuse("receiver", "Write the URL of an incoming payment to pay it at once.");
    }
    let mut input = json!({"walletAddressId": from.id, "incomingPayment": to, "idempotencyKey": posted.key()});
    if posted.text("kind") == "debit" {
        let value = posted.some_amount("amount", from.asset.scale, ctx.words());
        input["debitAmount"] = amount(value.unwrap_or(0), &from.asset.code, from.asset.scale);
        posted.moves(Money::new(value.unwrap_or(0), &from.asset.code, from.asset.scale));
    }
    let mutation = Mutation::CreateOutgoingPaymentFromIncomingPayment;
    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, mutation, input, Value::Null).await?
    {
        let id = done["payment"]["id"].as_str().unwrap_or_default();
        return Ok(ctx.done(format!("/payments/outgoing/{id}"), "Payment was created."));
    }
    Ok(Answer::refused(quote_form(&ctx, Some(&posted))))
}

/// The incoming payment to pay, and an amount in its asset. It is created first if only a wallet address is known.
async fn receiver(
    ctx: &Ctx,
    posted: &mut Posted,
    to: &str,
    is_payment: bool,
    key: Uuid,
) -> Result<Option<(String, Amount)>, Problem> {
    let url = if is_payment {
        to.to_owned()
    } else {
        let input = json!({"walletAddressUrl": to, "idempotencyKey": format!("{key}-receiver")});
        match ctx.change(posted, Mutation::CreateReceiver, input, Value::Null).await? {
            Some(done) => done["receiver"]["id"].as_str().unwrap_or_default().to_owned(),
            None => return Ok(None),
        }
    };
    match ctx.admin().receiver(&url).await {
        Ok(receiver) => Ok(Some((url, receiver.received_amount))),
        Err(error) => {
            posted.problem = Some(error.to_string());
            Ok(None)
        }
    }
}

/// `GET /payments/quotes/{id}`
pub(crate) async fn quote(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(quote_page(&ctx, None).await?.into())
}

async fn quote_page(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let id = ctx.id("Invalid quote ID.")?;
    let quote = ctx.admin().quote_view(id).await?.ok_or(Problem::NotFound("Quote not found."))?;
    let over = quote.expires_at <= ctx.reader.console.now();

    let mut main = vec![Block::Facts {
        title: "What it would do",
        facts: facts([
            ("They get", Cell::Money(Money::from(&quote.receive_amount))),
            ("You pay at most", Cell::Money(Money::from(&quote.debit_amount))),
            ("To", Cell::code(quote.receiver.clone())),
            (
                "From",
                Cell::link(
                    format!("/wallet-addresses/{}", quote.wallet_address_id),
                    quote.wallet_address_id.to_string(),
                ),
            ),
            ("Good until", Cell::Time(quote.expires_at)),
        ]),
        actions: Vec::new(),
    }];

    if over {
        let text = ctx.words().t("This quote has expired. Get a new one.").to_owned();
        main.push(Block::Note { tone: crate::view::Tone::Failed, text });
    } else {
        let form = Form::new("", format!("/payments/quotes/{id}"), "Create the payment")
            .fields([Field::new("note", "Note", Input::Text).help("Kept with the payment as its description.")])
            .cancel("/payments/create")
            .calls(Mutation::CreateOutgoingPayment);
        main.push(Block::Form(ctx.form(form, posted)));
    }

    Ok(Page {
        place: "payments",
        kind: "Quote",
        reads: "ConsoleQuote",
        back: Some(("New payment", "/payments/create".to_owned())),
        id: Some(id.to_string()),
        main,
        ..Page::default()
    })
}

/// `POST /payments/quotes/{id}`
pub(crate) async fn pay(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let id = ctx.id("Invalid quote ID.")?;
    let quote = ctx.admin().quote_view(id).await?.ok_or(Problem::NotFound("Quote not found."))?;
    let mut input = json!({"walletAddressId": quote.wallet_address_id, "quoteId": id, "idempotencyKey": posted.key()});
    if let Some(note) = posted.optional("note") {
        input["metadata"] = json!({"description": note});
    }
    posted.moves(Money::from(&quote.debit_amount));
    if let Some(done) = ctx.change(&mut posted, Mutation::CreateOutgoingPayment, input, Value::Null).await? {
        let id = done["payment"]["id"].as_str().unwrap_or_default();
        return Ok(ctx.done(format!("/payments/outgoing/{id}"), "Payment was created."));
    }
    Ok(Answer::refused(quote_page(&ctx, Some(&posted)).await?))
}

/// `GET /payments/incoming/create`
pub(crate) async fn incoming_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(incoming_form(&ctx, None).into())
}

fn incoming_form(ctx: &Ctx, posted: Option<&Posted>) -> Page {
    let form = Form::new("", "/payments/incoming/create", "Create incoming payment")
        .fields([
            Field::new("walletAddress", "To wallet address", Input::Text)
                .required()
                .help("A wallet address of this instance: its URL, payment pointer or id."),
            Field::new("amount", "Amount", Input::Amount(String::new())).help("Leave empty to take any amount."),
            Field::new("hours", "Hours until it expires", Input::Number)
                .help("Leave empty for the instance's usual time."),
            Field::new("note", "Note", Input::Text).help("Kept with the payment as its description."),
        ])
        .cancel("/payments")
        .calls(Mutation::CreateIncomingPayment);
    Page {
        place: "payments",
        kind: "New incoming payment",
        back: Some(("Payments", "/payments".to_owned())),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    }
}

/// `POST /payments/incoming/create`
pub(crate) async fn create_incoming(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let to = own_address(&ctx, &mut posted, "walletAddress").await?;
    let hours = posted.number("hours", 24 * 365, "Write a whole number of hours, at most 8760.");
    if let Some(to) = to {
        let value = posted.amount("amount", to.asset.scale, ctx.words());
        let mut input = json!({"walletAddressId": to.id, "idempotencyKey": posted.key()});
        if let Some(value) = value {
            input["incomingAmount"] = amount(value, &to.asset.code, to.asset.scale);
        }
        if let Some(hours) = hours {
            input["expiresAt"] = json!(ctx.reader.console.now() + std::time::Duration::from_hours(hours));
        }
        if let Some(note) = posted.optional("note") {
            input["metadata"] = json!({"description": note});
        }
        if posted.is_good()
            && let Some(done) = ctx.change(&mut posted, Mutation::CreateIncomingPayment, input, Value::Null).await?
        {
            let id = done["payment"]["id"].as_str().unwrap_or_default();
            return Ok(ctx.done(format!("/payments/incoming/{id}"), "Incoming payment was created."));
        }
    }
    Ok(Answer::refused(incoming_form(&ctx, Some(&posted))))
}

/// `GET /payments/receivers/create`
pub(crate) async fn receiver_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(receiver_forms(&ctx, None).await?.into())
}

async fn receiver_forms(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let acts = [("create", "Create one at a wallet address"), ("complete", "Complete one: it accepts no more money")];
    let acts = acts.map(|(value, label)| (value.to_owned(), label.to_owned())).to_vec();

    let form = Form::new("", "/payments/receivers/create", "Do it")
        .intro("An incoming payment at any institution, seen as its payer sees it.")
        .fields([
            Field::new("act", "What", Input::Choice(acts)).required(),
            Field::new("url", "URL", Input::Text)
                .required()
                .help("Of the wallet address to create it at, or of the incoming payment to complete."),
            Field::new("amount", "Amount", Input::Text)
                .help("Only when one is created. Leave empty to take any amount."),
            Field::new("assetCode", "Asset code", Input::Text).help("Of that wallet address, for example USD."),
            Field::new("assetScale", "Asset scale", Input::Number),
        ])
        .cancel("/payments")
        .calls(Mutation::CreateReceiver);

    let mut side = Vec::new();
    if let Some(url) = ctx.asked("url") {
        match ctx.admin().receiver(url).await {
            Ok(found) => {
                let amount = |amount: Option<&Amount>| {
                    amount.map_or(Cell::Absent("None"), |amount| Cell::Money(Money::from(amount)))
                };
                let about = facts([
                    ("Receiver", Cell::code(found.id.clone())),
                    ("Incoming amount", amount(found.incoming_amount.as_ref())),
                    ("Received amount", amount(Some(&found.received_amount))),
                    ("State", Cell::Word(if found.completed { "Completed" } else { "Takes money" })),
                ]);
                side.push(Block::Facts { title: "Receiver now", facts: about, actions: Vec::new() });
            }
            Err(error) => side.push(Block::Note { tone: crate::view::Tone::Failed, text: error.to_string() }),
        }
    }

    side.push(Block::Find {
        name: "url",
        label: "Look at a receiver",
        value: ctx.asked("url").unwrap_or_default().to_owned(),
        button: "Look",
    });

    Ok(Page {
        place: "payments",
        kind: "Receiver elsewhere",
        back: Some(("Payments", "/payments".to_owned())),
        main: vec![Block::Form(ctx.form(form, posted))],
        side,
        ..Page::default()
    })
}

/// `POST /payments/receivers/create`
pub(crate) async fn create_receiver(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let url = url_of(&posted.required("url"));
    let (mutation, input, said) = if posted.text("act") == "complete" {
        (Mutation::CompleteReceiver, json!({"incomingPaymentUrl": url}), "The incoming payment was completed.")
    } else {
        let mut input = json!({"walletAddressUrl": url, "idempotencyKey": posted.key()});
        if let Some(text) = posted.optional("amount").map(str::to_owned) {
            posted.required("assetCode");
            posted.required("assetScale");
            let scale = posted.number("assetScale", 255, "Scale should be from 0 to 255");
            let scale = scale.and_then(|scale| u8::try_from(scale).ok()).unwrap_or(0);
            match numbers::parse(&text, scale, ctx.words()) {
                Ok(value) => input["incomingAmount"] = amount(value, posted.text("assetCode"), scale),
                Err(reason) => posted.refuse("amount", reason),
            }
        }
        (Mutation::CreateReceiver, input, "The incoming payment was created.")
    };

    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, mutation, input, Value::Null).await?
    {
        let id = done["receiver"]["id"].as_str().unwrap_or_default();
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        return Ok(ctx.done(format!("/payments/receivers/create?url={id}"), said));
    }
    Ok(Answer::refused(receiver_forms(&ctx, Some(&posted)).await?))
}
