//! What one payment did, step by step in the order of time, at each institution that takes part.
//! It is made of what the Admin API tells, and adds nothing to it.

use admin_client::{
    AccountView, AdminError, DeliverySelection, DeliveryView, IncomingPaymentView, OutgoingPaymentView, PageRequest,
    TransferView,
};
use clock::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::output::Table;
use crate::pay::institutions::Institution;

/// The most deliveries and movements that are shown of each kind.
const MOST: u32 = 100;

/// What kind of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Payment,
    Ledger,
    Event,
    Attempt,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Ledger => "ledger",
            Self::Event => "event",
            Self::Attempt => "webhook",
        }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

/// What one institution knows of the payment.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) institution: String,
    pub(crate) payment: Uuid,
    pub(crate) direction: &'static str,
    pub(crate) state: String,
    /// The facts that have no time of their own.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) steps: Vec<Step>,
}

impl Side {
    pub(crate) async fn of_outgoing(at: &Institution, payment: OutgoingPaymentView) -> Result<Self, AdminError> {
        let mut steps: Vec<Step> = quoted(&payment).into_iter().collect();
        let by = payment.client.as_ref().map(|client| format!(" by {client}")).unwrap_or_default();
        let created = format!("outgoing payment created{by}: {} to pay", payment.debit_amount);
        steps.push(Step { at: payment.created_at, kind: Kind::Payment, what: created });

        let mut facts = vec![
            ("debit amount", payment.debit_amount.to_string()),
            ("sent", payment.sent_amount.to_string()),
            ("to deliver", payment.receive_amount.to_string()),
            ("receiver", payment.receiver.clone()),
            ("attempts in this state", payment.state_attempts.to_string()),
        ];
        facts.extend(payment.error.clone().map(|error| ("error", error)));
        facts.extend(payment.grant_id.clone().map(|grant| ("grant", grant)));

        let asset = (payment.debit_amount.asset_code.clone(), payment.debit_amount.asset_scale);
        steps.extend(movements(at, payment.id, &asset).await?);
        steps.extend(deliveries(at, payment.id).await?);
        let state = word(&payment.state);
        Ok(Self::new(at, payment.id, "outgoing", state, facts, steps))
    }

    pub(crate) async fn of_incoming(at: &Institution, payment: IncomingPaymentView) -> Result<Self, AdminError> {
        let by = payment.client.as_ref().map(|client| format!(" by {client}")).unwrap_or_default();
        let expected =
            payment.incoming_amount.as_ref().map(|amount| format!(", {amount} expected")).unwrap_or_default();
        let created = format!("incoming payment created{by}{expected}");
        let mut steps = vec![Step { at: payment.created_at, kind: Kind::Payment, what: created }];
        if let Some(cancelled_at) = payment.cancelled_at {
            let reason = payment.cancellation_reason.as_deref().unwrap_or("no reason given");
            steps.push(Step { at: cancelled_at, kind: Kind::Payment, what: format!("cancelled: {reason}") });
        }
        let facts = vec![
            ("received", payment.received_amount.to_string()),
            ("takes money until", payment.expires_at.to_string()),
            ("url", payment.url.clone()),
        ];

        let asset = (payment.received_amount.asset_code.clone(), payment.received_amount.asset_scale);
        steps.extend(movements(at, payment.id, &asset).await?);
        steps.extend(deliveries(at, payment.id).await?);
        let state = word(&payment.state);
        Ok(Self::new(at, payment.id, "incoming", state, facts, steps))
    }

    fn new(
        at: &Institution,
        payment: Uuid,
        direction: &'static str,
        state: String,
        facts: Vec<(&'static str, String)>,
        mut steps: Vec<Step>,
    ) -> Self {
        steps.sort_by_key(|step| step.at);
        Self { institution: at.name.clone(), payment, direction, state, facts, steps }
    }

    fn heading(&self) -> String {
        format!("{} payment {} at {}: {}", self.direction, self.payment, self.institution, self.state)
    }

    fn document(&self) -> Value {
        let facts: serde_json::Map<String, Value> =
            self.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let steps: Vec<Value> =
            self.steps.iter().map(|step| json!({"at": step.at, "kind": step.kind.word(), "what": step.what})).collect();
        json!({
            "institution": self.institution,
            "payment": self.payment,
            "direction": self.direction,
            "state": self.state,
            "facts": facts,
            "steps": steps,
        })
    }
}

/// The whole story: the payment that was asked for first, then the other side as far as it is known here.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) sides: Vec<Side>,
    /// The receiver, if its institution is not known here.
    unknown_receiver: Option<String>,
}

impl Story {
    pub(crate) fn new(asked: Side, others: Vec<Side>, receiver: Option<String>) -> Self {
        let unknown_receiver = receiver.filter(|_| others.is_empty());
        let sides = std::iter::once(asked).chain(others).collect();
        Self { sides, unknown_receiver }
    }

    /// Every step with the number of its side, in the order of time.
    pub(crate) fn steps(&self) -> Vec<(usize, &Step)> {
        let mut all: Vec<(usize, &Step)> = self
            .sides
            .iter()
            .enumerate()
            .flat_map(|(side, of)| of.steps.iter().map(move |step| (side, step)))
            .collect();
        all.sort_by_key(|(_, step)| step.at);
        all
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for side in &self.sides {
            text.extend([side.heading().as_str(), "\n"]);
            let mut facts = Table::new();
            for (name, value) in &side.facts {
                facts.row([*name, value]);
            }
            text.push_str(&facts.render_indented());
            text.push('\n');
        }
        let mut table = Table::new();
        for (side, step) in self.steps() {
            table.row([&step.at.to_string(), &self.sides[side].institution, step.kind.word(), &step.what]);
        }
        text.push_str(&table.render());
        if let Some(receiver) = &self.unknown_receiver {
            text.extend(["\nThe institution of ", receiver, " is not known here, so its side is not shown.\n"]);
        }
        text
    }

    pub(crate) fn document(&self) -> Value {
        let sides: Vec<Value> = self.sides.iter().map(Side::document).collect();
        json!({"sides": sides, "unknownReceiver": self.unknown_receiver})
    }
}

/// A state in the words of the API.
fn word(state: &impl std::fmt::Debug) -> String {
    format!("{state:?}").to_uppercase()
}

fn quoted(payment: &OutgoingPaymentView) -> Option<Step> {
    let quote = payment.quote.as_ref()?;
    let (debit, receive, until) = (&quote.debit_amount, &quote.receive_amount, quote.expires_at);
    let what = format!("quoted: {debit} to pay, {receive} to deliver, good until {until}");
    Some(Step { at: quote.created_at?, kind: Kind::Payment, what })
}

async fn movements(at: &Institution, payment: Uuid, asset: &(String, u8)) -> Result<Vec<Step>, AdminError> {
    let AccountView { debits, credits } = at.admin.account_view(payment, MOST).await?;
    let step = |direction: &str, transfer: &TransferView| {
        let amount = admin_client::Amount { value: transfer.amount, asset_code: asset.0.clone(), asset_scale: asset.1 };
        let what = format!(
            "{} {amount} {direction} ({}, transfer {})",
            transfer.state.to_lowercase(),
            transfer.transfer_type.to_lowercase(),
            transfer.id
        );
        Step { at: transfer.created_at, kind: Kind::Ledger, what }
    };
    let credits = credits.iter().map(|transfer| step("into the payment's account", transfer));
    let debits = debits.iter().map(|transfer| step("out of the payment's account", transfer));
    Ok(credits.chain(debits).collect())
}

async fn deliveries(at: &Institution, payment: Uuid) -> Result<Vec<Step>, AdminError> {
    let page = PageRequest { first: Some(MOST), ..PageRequest::default() };
    let about = DeliverySelection { subject: Some(payment), ..DeliverySelection::default() };
    let mut steps: Vec<Step> = Vec::new();
    let mut told = Vec::new();
    for listed in at.admin.webhook_deliveries_page(&page, &about, None).await?.nodes {
        let delivery = at.admin.webhook_delivery_view(listed.id).await?.unwrap_or(listed);
        let kind = delivery.event.as_ref().map_or("an event that was purged", |event| event.kind.as_str()).to_owned();
        if !told.contains(&delivery.event_id) {
            told.push(delivery.event_id);
            let what = format!("{kind} recorded, event {}", delivery.event_id);
            steps.push(Step { at: delivery.created_at, kind: Kind::Event, what });
        }
        steps.extend(delivery.history.iter().map(|attempt| {
            let result = match (attempt.status_code, &attempt.error) {
                (Some(200), _) => "200".to_owned(),
                (Some(status), Some(error)) => format!("{status}, {error}"),
                (_, error) => error.clone().unwrap_or_else(|| "no answer".to_owned()),
            };
            let place = place(&delivery);
            let what = format!("{kind} {place}, attempt {}: {result} in {} ms", attempt.number, attempt.duration_ms);
            Step { at: attempt.began_at, kind: Kind::Attempt, what }
        }));
    }
    Ok(steps)
}

fn place(delivery: &DeliveryView) -> String {
    match (delivery.endpoint_id, delivery.tenant_id) {
        (Some(endpoint), Some(tenant)) if endpoint == tenant => "to the default endpoint".to_owned(),
        (Some(endpoint), _) => format!("to endpoint {endpoint}"),
        _ => format!("to the {}", delivery.recipient.to_lowercase().replace('_', " ")),
    }
}
