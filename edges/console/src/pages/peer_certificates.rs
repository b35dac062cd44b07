//! The certificates used with a peer: the one that is shown to it, and the authorities that are believed about it.
//!
//! A private key can be set here and is never shown.

use admin_client::{Mutation, PeerTermsView, PeerTlsView, PeerView};
use clock::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::peer_frame::{framed, load};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Field, Form, Input, Page, Tone, facts};

/// How long before its end a certificate is warned about. The log of the instance warns from the same day on.
const SOON: Duration = Duration::from_hours(30 * 24);

const KEEP: &str = "keep";
const REPLACE: &str = "replace";
const NONE: &str = "none";
const KEYWORD: &str = "remove certificates";

/// What is said about a certificate that ends soon, or has ended.
pub(super) fn warning(end: Timestamp, now: Timestamp) -> Option<Cell> {
    match end {
        end if end <= now => Some(Cell::state("Certificate has ended", Tone::Failed)),
        end if end <= now + SOON => Some(Cell::state("Certificate ends soon", Tone::Waiting)),
        _ => None,
    }
}

/// The block of a peer's page.
pub(super) fn block(peer: &PeerView, tls: Option<&PeerTlsView>, now: Timestamp) -> Block {
    let ends = |end: Timestamp| match warning(end, now) {
        Some(warning) => Cell::Lines(vec![Cell::Time(end), warning]),
        None => Cell::Time(end),
    };
    let shown = tls.and_then(|tls| tls.subject.as_deref());
    let end = tls.and_then(|tls| tls.expires_at);
    let authorities = match tls.and_then(|tls| tls.authorities.as_deref()) {
        Some(pem) => Cell::Fold { word: "Only these", text: pem.to_owned() },
        None => Cell::Absent("Those of the machine"),
    };
    let about = facts([
        ("Certificate that we show", Cell::text_or(shown, "None")),
        ("Ends", end.map_or(Cell::Absent("–"), ends)),
        ("Authorities that we believe", authorities),
    ]);
    let change = Action::other(format!("/peers/{}/certificates", peer.id), "Change certificates");
    Block::Facts { title: "Certificates", facts: about, actions: vec![change] }
}

/// `GET /peers/{id}/certificates`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let (peer, terms) = load(&ctx).await?;
    Ok(draw(&ctx, &peer, &terms, None).into())
}

fn draw(ctx: &Ctx, peer: &PeerView, terms: &PeerTermsView, posted: Option<&Posted>) -> Page {
    let tls = terms.tls.as_ref();
    let mut main = vec![Block::Form(ctx.form(form(peer, tls), posted))];
    if tls.is_some() {
        main.push(Block::Form(ctx.form(removal(peer), posted)));
    }
    Page { side: vec![block(peer, tls, ctx.reader.console.now())], ..framed("Certificates", peer, main) }
}

fn form(peer: &PeerView, tls: Option<&PeerTlsView>) -> Form {
    let has_one = tls.is_some_and(|tls| tls.subject.is_some());
    let choice = |value: &str, label: &str| (value.to_owned(), label.to_owned());
    let mut choices = vec![choice(REPLACE, "Show this one"), choice(NONE, "Show none")];
    if has_one {
        choices.insert(0, choice(KEEP, "Keep the present one"));
    }
    let authorities = tls.and_then(|tls| tls.authorities.clone()).unwrap_or_default();

    Form::new("", format!("/peers/{}/certificates", peer.id), "Save")
        .intro("They are used from the next packet on. The outgoing endpoint must begin with https.")
        .fields([
            Field::new("identity", "Certificate that we show", Input::Choice(choices)).required().value(if has_one {
                KEEP
            } else {
                REPLACE
            }),
            Field::new("certificate", "Certificate", Input::Lines)
                .help("In PEM, and after it its chain. Write it only to show a new one."),
            Field::new("privateKey", "Private key", Input::SecretLines)
                .help("In PEM, without a password. It is stored encrypted and never shown."),
            Field::new("authorities", "Authorities that we believe", Input::Lines)
                .value(authorities)
                .help("In PEM. Leave it empty to believe those of the machine."),
        ])
        .cancel(format!("/peers/{}", peer.id))
        .calls(Mutation::SetPeerTls)
}

fn removal(peer: &PeerView) -> Form {
    Form::new("Remove certificates", format!("/peers/{}/certificates/remove", peer.id), "Remove certificates")
        .intro("No certificate is shown to the peer then, and the authorities of the machine are believed.")
        .danger(KEYWORD)
        .calls(Mutation::SetPeerTls)
}

/// The values for the audit log.
fn before(terms: &PeerTermsView) -> Value {
    terms.tls.as_ref().map_or(Value::Null, |tls| {
        let end = tls.expires_at.map(|end| end.to_string());
        json!({"subject": tls.subject, "expiresAt": end, "authorities": tls.authorities})
    })
}

/// `POST /peers/{id}/certificates`
pub(crate) async fn set(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let (peer, terms) = load(&ctx).await?;
    let mut input = json!({"peerId": peer.id, "idempotencyKey": posted.key()});
    match posted.text("identity") {
        KEEP => {
            input["keepCertificate"] = json!(true);
            refuse_unused(&mut posted);
        }
        NONE => refuse_unused(&mut posted),
        _ => {
            input["certificate"] = json!(posted.pem("certificate"));
            input["privateKey"] = json!(posted.pem("privateKey"));
        }
    }
    if let Some(authorities) = posted.optional("authorities") {
        input["authorities"] = json!(authorities);
    }

    if posted.is_good() && ctx.change(&mut posted, Mutation::SetPeerTls, input, before(&terms)).await?.is_some() {
        return Ok(ctx.done(format!("/peers/{}", peer.id), "The certificates were changed."));
    }
    Ok(Answer::refused(draw(&ctx, &peer, &terms, Some(&posted))))
}

/// A certificate that was pasted and would not be used is a mistake.
fn refuse_unused(posted: &mut Posted) {
    for name in ["certificate", "privateKey"] {
        if posted.optional(name).is_some() {
            posted.refuse(name, "Choose to show this one, or leave it empty.");
        }
    }
}

/// `POST /peers/{id}/certificates/remove`
pub(crate) async fn remove(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let (peer, terms) = load(&ctx).await?;
    posted.confirm(KEYWORD);
    let input = json!({"peerId": peer.id, "idempotencyKey": posted.key()});
    if posted.is_good() && ctx.change(&mut posted, Mutation::SetPeerTls, input, before(&terms)).await?.is_some() {
        return Ok(ctx.done(format!("/peers/{}", peer.id), "The certificates were removed."));
    }
    Ok(Answer::refused(draw(&ctx, &peer, &terms, Some(&posted))))
}
