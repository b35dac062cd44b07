//! A calculator of webhook signatures: it makes the header for a body, and checks a header that was received.
//!
//! The console calculates by itself. What is written here is not kept, not logged and not sent on.

use std::time::Duration;

use admin_signature::{Signature, canonical, sign};
use clock::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::deliveries;
use crate::posted::Posted;
use crate::view::{Block, Cell, Empty, Field, Form, Input, Page, Table, Tone, facts};

const PATH: &str = "/webhooks/signature";
const NO_HEADER: &str = "This is not such a header; it looks like t=1767225600000, v1=8301d65c…";

/// A header, read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Received {
    at: Timestamp,
    /// Version and digest of each signature. While a secret is replaced there are two.
    signatures: Vec<(u32, String)>,
}

impl Received {
    /// Reads the value of the header, or its whole line.
    fn read(text: &str) -> Option<Self> {
        let name = "rafiki-signature:";
        let has_name = text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
        let value = if has_name { &text[name.len()..] } else { text };
        let mut parts = value.split(',').map(str::trim);
        let at = parts.next()?.strip_prefix("t=")?.parse().ok()?;
        let signature = |part: &str| {
            let (version, digest) = part.strip_prefix('v')?.split_once('=')?;
            Some((version.parse().ok()?, digest.to_owned()))
        };
        let signatures: Vec<_> = parts.map(signature).collect::<Option<_>>()?;
        (!signatures.is_empty()).then_some(Self { at: Timestamp::from_millis(at), signatures })
    }

    /// Whether the signature at this place is that of the body. Its age is looked at elsewhere.
    fn fits(&self, (version, digest): &(u32, String), secret: &str, body: &str) -> bool {
        let header = format!("t={}, v{version}={digest}", self.at.as_millis());
        let read = Signature::parse(&header, *version);
        read.is_ok_and(|signature| signature.verify(secret, self.at, Duration::ZERO, body).is_ok())
    }
}

/// `GET /webhooks/signature`, with the body of `?delivery=` if there is one.
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let body = match ctx.asked("delivery") {
        None => String::new(),
        Some(id) => {
            let id = Uuid::parse_str(id).map_err(|_| Problem::Invalid("Invalid delivery ID."))?;
            let delivery = ctx.admin().webhook_delivery_view(id).await?;
            let event = delivery.and_then(|delivery| delivery.event);
            let event = event.ok_or(Problem::NotFound("Delivery not found."))?;
            let sent = json!({"id": event.id, "type": event.kind, "data": event.data});
            serde_json::to_string_pretty(&sent).unwrap_or_default()
        }
    };
    Ok(draw(&ctx, &body, None, Vec::new()).into())
}

fn draw(ctx: &Ctx, body: &str, posted: Option<&Posted>, results: Vec<Block>) -> Page {
    let form = Form::new("", PATH, "Calculate")
        .intro("The console calculates by itself. What you write here is not kept and not sent on.")
        .fields([
            Field::new("body", "Body", Input::Lines)
                .required()
                .value(body)
                .help("The JSON that was sent. The order of its members and its blanks do not matter."),
            Field::new("secret", "Secret", Input::Password)
                .required()
                .help("Of the endpoint, or else SIGNATURE_SECRET of the instance. The instance does not tell it."),
            Field::new("received", "Header that was received", Input::Text).help(
                "The value of Rafiki-Signature, to be checked. Leave it empty and a header of version 1 is made.",
            ),
            Field::new("time", "Time", Input::Number).help(
                "Milliseconds since 1970, the t of the header. Leave it empty for that of the header, or for now.",
            ),
        ]);
    Page {
        place: "webhook-events",
        kind: "Signature of a webhook",
        lead: Some("Makes the header Rafiki-Signature for a body, or checks one that was received."),
        tabs: deliveries::tabs(ctx, PATH),
        back: Some(("Endpoints", "/webhooks/endpoints".to_owned())),
        main: results.into_iter().chain([Block::Form(ctx.form(form, posted))]).collect(),
        ..Page::default()
    }
}

/// `POST /webhooks/signature`
pub(crate) async fn calculate(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let body = serde_json::from_str::<Value>(posted.text("body")).ok();
    if body.is_none() {
        posted.refuse("body", "This is not JSON.");
    }
    let secret = posted.required("secret");
    let received = posted.optional("received").map(Received::read);
    if received == Some(None) {
        posted.refuse("received", NO_HEADER);
    }
    let time = posted.number("time", i64::MAX.unsigned_abs(), "Write a whole number of milliseconds.");
    let (Some(body), true) = (body, posted.is_good()) else {
        return Ok(Answer::refused(draw(&ctx, "", Some(&posted), Vec::new())));
    };

    let received = received.flatten();
    let given = time.and_then(|time| i64::try_from(time).ok()).map(Timestamp::from_millis);
    let now = ctx.reader.console.now();
    let at = given.or(received.as_ref().map(|header| header.at)).unwrap_or(now);
    let body = canonical(&body);
    // The instance does not tell the version of its events. It is 1 unless the operator has set another one.
    let version = received.as_ref().and_then(|header| header.signatures.first()).map_or(1, |(version, _)| *version);
    let header = sign(&secret, version, at, &body);

    let mut results = Vec::new();
    if let Some(received) = &received {
        results.extend(checked(received, &secret, &body));
    }
    let about = facts([("Rafiki-Signature", Cell::code(header)), ("Signed", Cell::Exact(at))]);
    results.push(Block::Facts { title: "The header for this body", facts: about, actions: Vec::new() });
    results.push(Block::Data { title: "The text that is signed", text: format!("{}.{body}", at.as_millis()) });
    Ok(draw(&ctx, "", Some(&posted), results).into())
}

/// Whether each signature of a header fits.
fn checked(received: &Received, secret: &str, body: &str) -> [Block; 2] {
    let fits: Vec<bool> = received.signatures.iter().map(|one| received.fits(one, secret, body)).collect();
    let (tone, text) = if fits.contains(&true) {
        (Tone::Done, "The header fits the body and the secret.")
    } else {
        (Tone::Failed, "The header does not fit. Compare the secret, the body and the time with those of the sender.")
    };
    let rows = received.signatures.iter().zip(&fits).map(|((version, digest), fits)| {
        let state = if *fits { Cell::state("Fits", Tone::Done) } else { Cell::state("Does not fit", Tone::Failed) };
        vec![Cell::Code(format!("v{version}={digest}")), state, Cell::Time(received.at)]
    });
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let table = Table::new("The header that was received", ["Signature", "State", "Signed"], empty).rows(rows);
    [Block::Note { tone, text: text.to_owned() }, Block::Table { title: Some("The header that was received"), table }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_its_value_or_its_line_and_with_one_signature_or_two() {
        let one = Received::read("t=5, v1=ab").unwrap();
        assert_eq!((one.at.as_millis(), one.signatures.clone()), (5, vec![(1, "ab".to_owned())]));
        assert_eq!(Received::read("Rafiki-Signature: t=5, v1=ab"), Some(one));
        assert_eq!(Received::read("t=5,v1=ab,v1=cd").unwrap().signatures.len(), 2);
        for wrong in ["", "t=5", "t=x, v1=ab", "v1=ab, t=5", "t=5, v1", "t=5, w1=ab"] {
            assert_eq!(Received::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_signature_of_the_published_example_fits_and_no_other() {
        let body = r#"{"data":{},"id":"1","type":"x"}"#;
        let header = sign("secret", 1, Timestamp::from_millis(1_767_225_600_000), body);
        let received = Received::read(&header).unwrap();
        let one = &received.signatures[0];
        assert!(received.fits(one, "secret", body));
        assert!(!received.fits(one, "other", body) && !received.fits(one, "secret", "{}"));
        assert!(!received.fits(&(1, one.1.to_uppercase()), "secret", body), "signers write lower case");
    }
}
