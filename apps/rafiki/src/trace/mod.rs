//! `rafiki trace`: everything that one payment did, at its institution and, if that is known here, at the other one.
//!
//! It asks the Admin API only. What it found is put together in `story`, and drawn in `picture`.

pub(crate) mod options;
mod picture;
mod story;

use std::path::Path;

use admin_client::{AdminError, ErrorCode};
use config::Mode;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::failure::Failure;
use crate::output::say;
use crate::pay::PayError;
use crate::pay::institutions::{self, Institution};
use crate::roles::shared_deps::SharedDeps;
use options::TraceOptions;
use story::{Side, Story};

pub(crate) async fn run(options: TraceOptions) -> Result<(), Failure> {
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let id = id_of(&options.payment)?;
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let known = institutions::known(&options.asked.known, &deps)?;
    if known.is_empty() {
        return Err(PayError::NoInstitution.into());
    }

    let story = trace(&known, options.asked.at.as_deref(), id).await?;
    match &options.svg {
        Some(file) => write(file, &picture::svg(&story)),
        None if options.json => {
            say(&format!("{}\n", story.document()));
            Ok(())
        }
        None => {
            say(&story.text());
            Ok(())
        }
    }
}

/// The id of a payment, or the last segment of its URL.
fn id_of(text: &str) -> Result<Uuid, Failure> {
    let last = Url::parse(text).ok().and_then(|url| url.path_segments()?.next_back().map(str::to_owned));
    let id = last.as_deref().unwrap_or(text).parse();
    id.map_err(|_| {
        Failure::Usage(format!("{text:?} is neither the id of a payment nor the URL of an incoming payment"))
    })
}

async fn trace(known: &[Institution], at: Option<&str>, id: Uuid) -> Result<Story, Failure> {
    for institution in known.iter().filter(|one| at.is_none_or(|at| one.is_called(at))) {
        let failed = |error| refused(institution, error);
        if let Some(payment) = institution.admin.outgoing_payment_view(id).await.map_err(failed)? {
            let receiver = payment.receiver.clone();
            let payer = Side::of_outgoing(institution, payment).await.map_err(failed)?;
            let payee = payee(known, &receiver).await?;
            return Ok(Story::new(payer, payee, Some(receiver)));
        }
        if let Some(payment) = institution.admin.incoming_payment_view(id).await.map_err(failed)? {
            let url = payment.url.clone();
            let payee = Side::of_incoming(institution, payment).await.map_err(failed)?;
            return Ok(Story::new(payee, payers(known, &url).await?, None));
        }
    }
    Err(Failure::NotFound(format!("no institution known here has a payment {id}")))
}

/// The side of the payee, if its institution is known here.
async fn payee(known: &[Institution], receiver: &str) -> Result<Vec<Side>, Failure> {
    let Ok(url) = Url::parse(receiver) else { return Ok(Vec::new()) };
    let Some(id) = url.path_segments().and_then(Iterator::last).and_then(|id| id.parse().ok()) else {
        return Ok(Vec::new());
    };
    // An institution that was named on the command line, and not found by its files, may have it as well.
    for institution in known.iter().filter(|one| one.owns(&url) || one.session().is_none()) {
        let failed = |error| refused(institution, error);
        let found = institution.admin.incoming_payment_view(id).await.map_err(failed)?;
        if let Some(payment) = found.filter(|payment| same(&payment.url, receiver)) {
            return Ok(vec![Side::of_incoming(institution, payment).await.map_err(failed)?]);
        }
    }
    Ok(Vec::new())
}

/// The sides of those who paid it, at every institution that is known here.
async fn payers(known: &[Institution], incoming_payment: &str) -> Result<Vec<Side>, Failure> {
    let query = "query Payers($filter: OutgoingPaymentFilter) { outgoingPayments(filter: $filter, first: 20) { edges { \
                 node { id } } } }";
    let mut sides = Vec::new();
    for institution in known {
        let failed = |error| refused(institution, error);
        let variables = json!({"filter": {"receiver": {"in": [incoming_payment]}}});
        let answer = institution.ask(query, &variables).await?;
        let edges = answer.pointer("/data/outgoingPayments/edges").and_then(|edges| edges.as_array());
        for edge in edges.into_iter().flatten() {
            let id = edge.pointer("/node/id").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
            let Some(id) = id else { continue };
            if let Some(payment) = institution.admin.outgoing_payment_view(id).await.map_err(failed)? {
                sides.push(Side::of_outgoing(institution, payment).await.map_err(failed)?);
            }
        }
    }
    Ok(sides)
}

/// Whether two spellings name the same incoming payment.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.split_once("://").map_or(text, |(_, rest)| rest).to_owned();
    plain(one) == plain(other)
}

fn refused(institution: &Institution, error: AdminError) -> Failure {
    match error {
        AdminError::Unreachable { reason, .. } => {
            PayError::Unreachable { institution: institution.name.clone(), reason }.into()
        }
        AdminError::Refused { code: ErrorCode::NotFound, message, .. } => Failure::NotFound(message),
        other => Failure::Check(format!("{}: {other}", institution.name)),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if file == Path::new("-") {
        say(text);
        return Ok(());
    }
    std::fs::write(file, text).map_err(|error| Failure::io(format!("cannot write {}", file.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_named_by_its_id_or_by_its_url() {
        let id = "f792659a-b37f-4f04-a4d2-799faacc1885";
        assert_eq!(id_of(id).unwrap().to_string(), id);
        assert_eq!(id_of(&format!("https://bank.example/t/incoming-payments/{id}")).unwrap().to_string(), id);
        for wrong in ["", "x", "https://bank.example/", "https://bank.example/t/incoming-payments/x"] {
            assert!(matches!(id_of(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn the_scheme_does_not_make_another_payment() {
        assert!(same("http://h/a", "https://h/a") && !same("https://h/a", "https://h/b"));
    }
}
