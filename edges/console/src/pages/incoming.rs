//! An incoming payment: the money that has arrived, and the possible actions.
//!
//! `new_payment` creates it.

use admin_client::{IncomingPaymentState, IncomingPaymentView, Mutation, WebhookEventView};
use serde_json::{Value, json};

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices;
use crate::pages::live;
use crate::pages::payment_parts::{Around, Kind, Question, Sight, step_of};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Fact, Field, Form, Input, Live, Money, Page, Step, Tone, facts};

const INVALID: &str = "Invalid incoming payment ID.";
const NOT_FOUND: &str = "Incoming payment not found.";
const KINDS: [&str; 4] = [
    "incoming_payment.created",
    "incoming_payment.partial_payment_received",
    "incoming_payment.completed",
    "incoming_payment.expired",
];

async fn load(ctx: &Ctx) -> Result<IncomingPaymentView, Problem> {
    let id = ctx.id(INVALID)?;
    ctx.admin().incoming_payment_view(id).await?.ok_or(Problem::NotFound(NOT_FOUND))
}

fn state(payment: &IncomingPaymentView) -> (&'static str, Tone, &'static str) {
    if payment.cancelled_at.is_some() {
        return ("Cancelled", Tone::Failed, "It accepts no money.");
    }
    match payment.state {
        IncomingPaymentState::Pending => ("Pending", Tone::Waiting, "Nothing has arrived yet."),
        IncomingPaymentState::Processing => ("Processing", Tone::Waiting, "A part has arrived, and more may arrive."),
        IncomingPaymentState::Completed => ("Completed", Tone::Done, "It accepts no more money."),
        IncomingPaymentState::Expired => ("Expired", Tone::Waiting, "It has expired; what arrived can be withdrawn."),
    }
}

/// `GET /payments/incoming/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let live = live::begin(&ctx).await;
    let payment = load(&ctx).await?;
    let around = Around::read(&ctx.admin(), payment.id, payment.wallet_address_id, &KINDS).await?;

    let received = Money::from(&payment.received_amount);
    let mut main = vec![Block::Story(story(&payment, around.events()))];
    main.extend(around.blocks(&received.code, received.scale, payment.metadata.as_ref()));

    let sight = Sight {
        kind: Kind::Incoming,
        id: payment.id,
        state: state(&payment),
        actions: actions(&payment),
        facts: about(&payment, &received, around.wallet_address),
        amount: received,
        main,
        live: if is_open(&payment) { live } else { Live::No },
    };
    Ok(sight.page().into())
}

fn is_open(payment: &IncomingPaymentView) -> bool {
    matches!(payment.state, IncomingPaymentState::Pending | IncomingPaymentState::Processing)
}

fn actions(payment: &IncomingPaymentView) -> Vec<Action> {
    let at = Kind::Incoming.address(payment.id);
    let mut actions = Vec::new();
    if !is_open(payment) && payment.liquidity.unwrap_or(0) > 0 {
        actions.push(Action::main(format!("{at}/withdraw-liquidity"), "Withdraw liquidity"));
    }
    if payment.state == IncomingPaymentState::Pending && payment.cancelled_at.is_none() {
        actions.push(Action::other(format!("{at}/approve"), "Approve"));
        actions.push(Action::other(format!("{at}/cancel"), "Cancel payment"));
    }
    if is_open(payment) {
        actions.push(Action::other(format!("{at}/partial"), "Decide about a partial payment"));
    }
    actions.push(Action::other(format!("{at}/metadata"), "Change metadata"));
    actions
}

fn about(payment: &IncomingPaymentView, received: &Money, wallet_address: Cell) -> Vec<Fact> {
    let expected = payment.incoming_amount.as_ref();
    let mut about = facts([
        ("Wallet address", wallet_address),
        ("URL", Cell::code(payment.url.clone())),
        ("Incoming amount", expected.map_or(Cell::Absent("None"), |amount| Cell::Money(Money::from(amount)))),
        ("Received amount", Cell::Money(received.clone())),
        ("Liquidity", Cell::money_or(payment.liquidity, &received.code, received.scale)),
        ("Created", Cell::Time(payment.created_at)),
        ("Tenant", Cell::tenant(payment.tenant.as_ref())),
        ("Client", Cell::text_or(payment.client.as_deref(), "None")),
    ]);

    if is_open(payment) {
        about.push(Fact { label: "Expires", value: Cell::Time(payment.expires_at) });
    }
    if let Some(sender) = &payment.sender_wallet_address {
        about.push(Fact { label: "Sender", value: Cell::code(sender.clone()) });
    }
    if let Some(reason) = &payment.cancellation_reason {
        about.push(Fact { label: "Reason", value: Cell::text(reason.clone()) });
    }
    about
}

fn story(payment: &IncomingPaymentView, events: &[WebhookEventView]) -> Vec<Step> {
    let step = |title, tone, at| Step { title, tone, at: Some(at), facts: Vec::new(), link: None };
    let mut steps = vec![step("Created", Tone::Info, payment.created_at)];
    for event in events {
        let (title, tone) = match event.kind.as_str() {
            "incoming_payment.partial_payment_received" => ("A part arrived", Tone::Info),
            "incoming_payment.completed" => ("Completed", Tone::Done),
            "incoming_payment.expired" => ("Expired", Tone::Waiting),
            _ => continue,
        };
        let about = facts([("Received amount", Cell::Money(Money::from(&payment.received_amount)))]);
        let about = if tone == Tone::Info { Vec::new() } else { about };
        steps.push(step_of(event, title, tone, about));
    }
    if let Some(at) = payment.cancelled_at {
        steps.push(step("Cancelled", Tone::Failed, at));
    } else if is_open(payment) {
        let waiting = Step { at: None, ..step("Waits for money", Tone::Waiting, payment.created_at) };
        steps.push(waiting);
    }
    steps
}

/// The actions on a payment, by the last part of the address.
#[derive(Clone, Copy)]
enum Act {
    Withdraw,
    Approve,
    Cancel,
    Metadata,
    Partial,
}

fn act_of(ctx: &Ctx) -> Result<Act, Problem> {
    match ctx.parameter("act") {
        "withdraw-liquidity" => Ok(Act::Withdraw),
        "approve" => Ok(Act::Approve),
        "cancel" => Ok(Act::Cancel),
        "metadata" => Ok(Act::Metadata),
        "partial" => Ok(Act::Partial),
        _ => Err(Problem::NotFound("There is no such page.")),
    }
}

/// `GET /payments/incoming/{id}/{act}`
pub(crate) async fn act_page(ctx: Ctx) -> Result<Answer, Problem> {
    let payment = load(&ctx).await?;
    Ok(confirm(&ctx, &payment, act_of(&ctx)?, None).into())
}

fn confirm(ctx: &Ctx, payment: &IncomingPaymentView, act: Act, posted: Option<&Posted>) -> Page {
    let here = ctx.reader.path.clone();
    let question = match act {
        Act::Withdraw => withdrawal(payment, here),
        Act::Approve => approval(here),
        Act::Cancel => cancellation(here),
        Act::Metadata => change_of_metadata(payment, here),
        Act::Partial => decision(here),
    };
    question.page(ctx, Kind::Incoming, payment.id, posted)
}

/// What the payment holds.
fn held(payment: &IncomingPaymentView) -> Money {
    Money { value: payment.liquidity.unwrap_or(0), ..Money::from(&payment.received_amount) }
}

fn withdrawal(payment: &IncomingPaymentView, here: String) -> Question {
    Question {
        title: "Withdraw incoming payment liquidity",
        amount: Some(held(payment)),
        form: Form::new("", here, "Withdraw liquidity")
            .intro("This amount leaves the ledger for the account-servicing entity. If it changes before you send the form, nothing is done.")
            .fields([choices::shown(payment.liquidity)])
            .calls(Mutation::CreateIncomingPaymentWithdrawal),
    }
}

fn approval(here: String) -> Question {
    Question {
        title: "Approve incoming payment",
        amount: None,
        form: Form::new("", here, "Approve")
            .intro("After that the payment accepts money.")
            .calls(Mutation::ApproveIncomingPayment),
    }
}

fn cancellation(here: String) -> Question {
    Question {
        title: "Cancel incoming payment",
        amount: None,
        form: Form::new("", here, "Cancel payment")
            .intro("The payment no longer accepts money. This is final.")
            .fields([Field::new("reason", "Reason", Input::Text)])
            .danger("cancel payment")
            .calls(Mutation::CancelIncomingPayment),
    }
}

fn change_of_metadata(payment: &IncomingPaymentView, here: String) -> Question {
    let now = payment.metadata.as_ref().map(|data| serde_json::to_string_pretty(data).unwrap_or_default());
    let field = Field::new("metadata", "Metadata", Input::Lines)
        .required()
        .help("A JSON object. It replaces the present metadata.")
        .value(now.unwrap_or_else(|| "{}".to_owned()));
    Question {
        title: "Change metadata",
        amount: None,
        form: Form::new("", here, "Save").fields([field]).calls(Mutation::UpdateIncomingPayment),
    }
}

fn decision(here: String) -> Question {
    let decisions =
        vec![("confirm".to_owned(), "Accept the part".to_owned()), ("reject".to_owned(), "Refuse the part".to_owned())];
    Question {
        title: "Decide about a partial payment",
        amount: None,
        form: Form::new("", here, "Decide")
            .intro(
                "A partial payment waits only a short time for the payee's decision. Its id is in its webhook event.",
            )
            .fields([
                Field::new("partialIncomingPaymentId", "Partial payment ID", Input::Text).required(),
                Field::new("decision", "Decision", Input::Choice(decisions)).required(),
                Field::new("reason", "Reason", Input::Text).help("Only when it is refused."),
            ])
            .calls(Mutation::ConfirmPartialIncomingPayment),
    }
}

/// `POST /payments/incoming/{id}/{act}`
pub(crate) async fn act(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let payment = load(&ctx).await?;
    let act = act_of(&ctx)?;
    let id = payment.id;
    let before = json!({"state": payment.state, "metadata": payment.metadata});

    let (mutation, input, said) = match act {
        Act::Withdraw => {
            let mut input = json!({"incomingPaymentId": id, "idempotencyKey": posted.key(), "timeoutSeconds": "0"});
            // If the amount is not known, the change waits whatever the limit is.
            if let Some(shown) = posted.shown_amount(choices::SHOWN) {
                posted.moves(Money { value: shown, ..held(&payment) });
                input["amount"] = choices::amount(Some(shown));
            }
            (Mutation::CreateIncomingPaymentWithdrawal, input, "Withdrew incoming payment liquidity.")
        }
        Act::Approve => (Mutation::ApproveIncomingPayment, json!({"id": id}), "Payment was approved."),
        Act::Cancel => {
            posted.confirm("cancel payment");
            let input = json!({"id": id, "cancellationReason": posted.or_null("reason")});
            (Mutation::CancelIncomingPayment, input, "Payment was cancelled.")
        }
        Act::Metadata => {
            let metadata = serde_json::from_str::<Value>(&posted.required("metadata")).ok().filter(Value::is_object);
            if metadata.is_none() {
                posted.refuse("metadata", "This is not a JSON object; write {\"name\": \"value\"}.");
            }
            (Mutation::UpdateIncomingPayment, json!({"id": id, "metadata": metadata}), "Metadata was changed.")
        }
        Act::Partial => {
            let part = posted.id("partialIncomingPaymentId");
            let input = json!({"incomingPaymentId": id, "partialIncomingPaymentId": part});
            if posted.text("decision") == "reject" {
                let reason = json!({"reason": posted.or_null("reason")});
                let input = choices::joined(input, reason);
                (Mutation::RejectPartialIncomingPayment, input, "The part was refused.")
            } else {
                (Mutation::ConfirmPartialIncomingPayment, input, "The part was accepted.")
            }
        }
    };

    if posted.is_good() && ctx.change(&mut posted, mutation, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/payments/incoming/{id}"), said));
    }
    Ok(Answer::refused(confirm(&ctx, &payment, act, Some(&posted))))
}
