//! An outgoing payment: where its money is, and the possible actions.
//!
//! `new_payment` creates it.

use admin_client::{Mutation, OutgoingPaymentState, OutgoingPaymentView, WebhookEventView};
use serde_json::json;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices;
use crate::pages::cost;
use crate::pages::delivery;
use crate::pages::live;
use crate::pages::payment_parts::{Around, Kind, Question, Sight, step_of};
use crate::pages::picture;
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Fact, Field, Form, Input, Live, Money, Page, Step, Tone, facts};

const INVALID: &str = "Invalid outgoing payment ID.";
const NOT_FOUND: &str = "Outgoing payment not found.";
const KINDS: [&str; 5] = [
    "outgoing_payment.created",
    "outgoing_payment.funded",
    "outgoing_payment.completed",
    "outgoing_payment.failed",
    "outgoing_payment.cancelled",
];

async fn load(ctx: &Ctx) -> Result<OutgoingPaymentView, Problem> {
    let id = ctx.id(INVALID)?;
    ctx.admin().outgoing_payment_view(id).await?.ok_or(Problem::NotFound(NOT_FOUND))
}

fn state(payment: &OutgoingPaymentView) -> (&'static str, Tone, &'static str) {
    match payment.state {
        OutgoingPaymentState::Funding => {
            ("Funding", Tone::Waiting, "The account-servicing entity is to deposit the debit amount.")
        }
        OutgoingPaymentState::Sending => ("Sending", Tone::Waiting, "Packets are on their way to the receiver."),
        OutgoingPaymentState::Completed => ("Completed", Tone::Done, "The whole amount has arrived."),
        OutgoingPaymentState::Failed => ("Failed", Tone::Failed, "It has failed. What is left can be withdrawn."),
        OutgoingPaymentState::Cancelled => ("Cancelled", Tone::Failed, "It was refused before it was funded."),
    }
}

/// `GET /payments/outgoing/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let live = live::begin(&ctx).await;
    let payment = load(&ctx).await?;
    let admin = ctx.admin();
    let (around, course, (receiver, arrived)) = futures::join!(
        Around::read(&admin, payment.id, payment.wallet_address_id, &KINDS),
        admin.payment_course(payment.id),
        receiver(&ctx, &payment),
    );
    let (around, course) = (around?, course?);

    let debit = Money::from(&payment.debit_amount);
    let (terms, words) = (course.quote.as_ref(), ctx.words());
    let mut main = vec![picture::block(&payment, terms), Block::Story(story(&payment, around.events()))];
    main.push(cost::block(&payment, &course, arrived.as_ref(), words));
    main.extend(picture::packets(&payment, around.debits()));
    main.extend(delivery::blocks(&payment, terms, course.delivery.as_ref(), words));
    main.extend(around.blocks(&debit.code, debit.scale, payment.metadata.as_ref()));

    let sight = Sight {
        kind: Kind::Outgoing,
        id: payment.id,
        state: state(&payment),
        actions: actions(&payment),
        facts: about(&payment, &debit, around.wallet_address, receiver),
        amount: debit,
        main,
        live: if is_open(&payment) { live } else { Live::No },
    };
    Ok(sight.page().into())
}

fn is_open(payment: &OutgoingPaymentView) -> bool {
    matches!(payment.state, OutgoingPaymentState::Funding | OutgoingPaymentState::Sending)
}

fn actions(payment: &OutgoingPaymentView) -> Vec<Action> {
    let at = Kind::Outgoing.address(payment.id);
    let mut actions = Vec::new();
    if payment.state == OutgoingPaymentState::Funding {
        actions.push(Action::main(format!("{at}/deposit-liquidity"), "Deposit liquidity"));
        actions.push(Action::other(format!("{at}/cancel"), "Cancel payment"));
    }
    if !is_open(payment) && payment.liquidity.unwrap_or(0) > 0 {
        actions.push(Action::main(format!("{at}/withdraw-liquidity"), "Withdraw liquidity"));
    }
    actions
}

fn about(payment: &OutgoingPaymentView, debit: &Money, wallet_address: Cell, receiver: Cell) -> Vec<Fact> {
    let mut about = facts([
        ("Wallet address", wallet_address),
        ("Receiver", Cell::code(payment.receiver.clone())),
        ("Receiver now", receiver),
        ("Debit amount", Cell::Money(debit.clone())),
        ("Sent amount", Cell::Money(Money::from(&payment.sent_amount))),
        ("Receive amount", Cell::Money(Money::from(&payment.receive_amount))),
        ("Liquidity", Cell::money_or(payment.liquidity, &debit.code, debit.scale)),
        ("Attempts", Cell::text(payment.state_attempts.to_string())),
        ("Error", Cell::text_or(payment.error.as_deref(), "None")),
        ("Created", Cell::Time(payment.created_at)),
        ("Tenant", Cell::tenant(payment.tenant.as_ref())),
        ("Client", Cell::text_or(payment.client.as_deref(), "None")),
        ("Grant", payment.grant_id.clone().map_or(Cell::Absent("None"), Cell::Code)),
    ]);
    if let Some(quote) = &payment.quote {
        about.push(Fact { label: "Quote", value: Cell::code(quote.id.to_string()) });
        about.push(Fact { label: "Quote good until", value: Cell::Time(quote.expires_at) });
    }
    about
}

/// The state of the receiver. Its institution may be slow, so it is requested only when the user wants it.
async fn receiver(ctx: &Ctx, payment: &OutgoingPaymentView) -> (Cell, Option<Money>) {
    if ctx.asked("receiver") != Some("now") {
        let href = ctx.here_with(&[("receiver", "now")], &[]);
        return (Cell::WordLink { href, word: "Ask its institution" }, None);
    }
    match ctx.admin().receiver(&payment.receiver).await {
        Ok(found) => {
            let state = if found.completed {
                Cell::state("Completed", Tone::Done)
            } else {
                Cell::state("Takes money", Tone::Waiting)
            };
            let arrived = Money::from(&found.received_amount);
            (Cell::Lines(vec![state, Cell::Money(arrived.clone())]), Some(arrived))
        }
        Err(_) => (Cell::Absent("It does not exist, or its institution does not answer."), None),
    }
}

/// The history of the payment, from its events and its state.
fn story(payment: &OutgoingPaymentView, events: &[WebhookEventView]) -> Vec<Step> {
    let quoted = payment.quote.as_ref().filter(|quote| quote.created_at.is_some());
    let quoted = quoted.map(|quote| Step {
        title: "Quoted",
        tone: Tone::Info,
        at: quote.created_at,
        facts: facts([("Good until", Cell::Time(quote.expires_at))]),
        link: None,
    });
    let mut steps: Vec<Step> = quoted.into_iter().collect();
    steps.push(Step {
        title: "Created",
        tone: Tone::Info,
        at: Some(payment.created_at),
        facts: facts([
            ("Debit amount", Cell::Money(Money::from(&payment.debit_amount))),
            ("Receive amount", Cell::Money(Money::from(&payment.receive_amount))),
        ]),
        link: link(events, "outgoing_payment.created"),
    });

    for event in events {
        let (title, tone) = match event.kind.as_str() {
            "outgoing_payment.funded" => ("Funded", Tone::Info),
            "outgoing_payment.completed" => ("Completed", Tone::Done),
            "outgoing_payment.failed" => ("Failed", Tone::Failed),
            "outgoing_payment.cancelled" => ("Cancelled", Tone::Failed),
            _ => continue,
        };
        let about = if tone == Tone::Info {
            Vec::new()
        } else {
            facts([("Sent amount", Cell::Money(Money::from(&payment.sent_amount)))])
        };
        steps.push(step_of(event, title, tone, about));
    }

    let waits = match payment.state {
        OutgoingPaymentState::Funding => Some("Waits for the deposit"),
        OutgoingPaymentState::Sending => Some("Packets are sent"),
        _ => None,
    };
    let tried = match payment.state_attempts {
        0 => Vec::new(),
        attempts => facts([("Failed attempts", Cell::text(attempts.to_string()))]),
    };
    steps.extend(waits.map(|title| Step { title, tone: Tone::Waiting, at: None, facts: tried, link: None }));
    steps
}

fn link(events: &[WebhookEventView], kind: &str) -> Option<(String, &'static str)> {
    let event = events.iter().find(|event| event.kind == kind)?;
    Some((format!("/webhook-events/data?id={}", event.id), "Webhook event"))
}

/// The actions on a payment, by the last part of the address.
enum Act {
    Deposit,
    Withdraw,
    Cancel,
}

fn act_of(ctx: &Ctx) -> Result<Act, Problem> {
    match ctx.parameter("act") {
        "deposit-liquidity" => Ok(Act::Deposit),
        "withdraw-liquidity" => Ok(Act::Withdraw),
        "cancel" => Ok(Act::Cancel),
        _ => Err(Problem::NotFound("There is no such page.")),
    }
}

/// `GET /payments/outgoing/{id}/{act}`
pub(crate) async fn act_page(ctx: Ctx) -> Result<Answer, Problem> {
    let payment = load(&ctx).await?;
    Ok(confirm(&ctx, &payment, &act_of(&ctx)?, None).into())
}

/// What the payment holds.
fn held(payment: &OutgoingPaymentView) -> Money {
    Money { value: payment.liquidity.unwrap_or(0), ..Money::from(&payment.debit_amount) }
}

fn confirm(ctx: &Ctx, payment: &OutgoingPaymentView, act: &Act, posted: Option<&Posted>) -> Page {
    let debit = Money::from(&payment.debit_amount);
    let here = ctx.reader.path.clone();

    let question = match act {
        Act::Deposit => Question {
            title: "Deposit outgoing payment liquidity",
            amount: Some(debit),
            form: Form::new("", here, "Deposit liquidity")
                .intro("The whole debit amount is deposited, and the payment begins to send. This cannot be undone.")
                .calls(Mutation::DepositOutgoingPaymentLiquidity),
        },
        Act::Withdraw => Question {
            title: "Withdraw outgoing payment liquidity",
            amount: Some(held(payment)),
            form: Form::new("", here, "Withdraw liquidity")
                .intro("This amount leaves the ledger for the account-servicing entity. If it changes before you send the form, nothing is done.")
                .fields([choices::shown(payment.liquidity)])
                .calls(Mutation::CreateOutgoingPaymentWithdrawal),
        },
        Act::Cancel => Question {
            title: "Cancel outgoing payment",
            amount: Some(debit),
            form: Form::new("", here, "Cancel payment")
                .intro("The payment ends, and a webhook event reports it as cancelled. No money was taken for it yet.")
                .fields([Field::new("reason", "Reason", Input::Text)])
                .danger("cancel payment")
                .calls(Mutation::CancelOutgoingPayment),
        },
    };
    question.page(ctx, Kind::Outgoing, payment.id, posted)
}

/// `POST /payments/outgoing/{id}/{act}`
pub(crate) async fn act(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let payment = load(&ctx).await?;
    let act = act_of(&ctx)?;
    let id = payment.id;
    let key = posted.key();

    let (mutation, input, said) = match act {
        Act::Deposit => {
            posted.moves(Money::from(&payment.debit_amount));
            (
                Mutation::DepositOutgoingPaymentLiquidity,
                json!({"outgoingPaymentId": id, "idempotencyKey": key}),
                "Deposited outgoing payment liquidity.",
            )
        }
        Act::Withdraw => {
            let mut input = json!({"outgoingPaymentId": id, "idempotencyKey": key, "timeoutSeconds": "0"});
            // If the amount is not known, the change waits whatever the limit is.
            if let Some(shown) = posted.shown_amount(choices::SHOWN) {
                posted.moves(Money { value: shown, ..held(&payment) });
                input["amount"] = choices::amount(Some(shown));
            }
            (Mutation::CreateOutgoingPaymentWithdrawal, input, "Withdrew outgoing payment liquidity.")
        }
        Act::Cancel => {
            posted.confirm("cancel payment");
            (
                Mutation::CancelOutgoingPayment,
                json!({"id": id, "reason": posted.or_null("reason")}),
                "Payment was cancelled.",
            )
        }
    };

    let before = json!({"state": payment.state, "liquidity": payment.liquidity.map(|value| value.to_string())});
    if posted.is_good() && ctx.change(&mut posted, mutation, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/payments/outgoing/{id}"), said));
    }
    Ok(Answer::refused(confirm(&ctx, &payment, &act, Some(&posted))))
}
