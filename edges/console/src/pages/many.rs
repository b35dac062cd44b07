//! Many changes from one form, one after the other, with the outcome of each.
//!
//! Each change has a key derived from that of the form and from what it is about. So a form that is sent again after a break
//! goes on where it stopped, and nothing is done twice.

use admin_client::Mutation;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::context::{Change, Ctx, Outcome, Problem};
use crate::posted::Posted;
use crate::reading::Reading;
use crate::view::{Block, Cell, Empty, Money, Table, Tone};

/// The most changes of one form. Each is a request to the instance.
pub(crate) const MOST: usize = 200;
pub(crate) const NOTHING_CHOSEN: &str = "Choose at least one.";
const NO_ANSWER: &str = "The instance did not answer. Send the form again: what was done is not done twice.";

/// One of many changes.
pub(crate) struct Item<'a> {
    /// What it is about, for its row of the results.
    pub(crate) shown: Cell,
    /// What distinguishes it from the other changes of the form.
    pub(crate) mark: String,
    pub(crate) mutation: Mutation,
    /// The input with this idempotency key.
    pub(crate) input: Box<dyn Fn(Uuid) -> Value + Send + Sync + 'a>,
    pub(crate) before: Value,
    pub(crate) moves: Option<Money>,
}

/// The words of the results.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    /// The title of the results.
    pub(crate) title: &'static str,
    /// What is in a row.
    pub(crate) column: &'static str,
    /// The state of a change that was made.
    pub(crate) done: &'static str,
    /// Where what was made is, in the answer of the API; the path of its page, and the members that lead to its id.
    pub(crate) page: Option<(&'static str, &'static str)>,
}

/// The outcomes as a table. If the instance does not answer, the rest is not sent, and the form says so.
pub(crate) async fn carry_out(
    ctx: &Ctx,
    posted: &mut Posted,
    items: Vec<Item<'_>>,
    told: Told,
) -> Result<Block, Problem> {
    let form = posted.key().ok_or(Problem::ForeignForm)?;
    let mut rows = Vec::new();
    let mut is_open = false;
    for item in items {
        // The instance does not answer, so this change would wait as long as the one before.
        if is_open {
            rows.push(vec![item.shown, Cell::state("Not sent", Tone::Quiet), Cell::Absent("–")]);
            continue;
        }
        let key = key_of(form, &item.mark);
        let change = Change {
            mutation: item.mutation,
            key: Some(key),
            place: ctx.reader.path.clone(),
            input: (item.input)(key),
            before: item.before,
            moves: item.moves,
            scale: None,
            why: posted.why(),
        };
        let outcome = match ctx.change_one(change).await {
            // What was done before is told, too.
            Err(
                problem @ (Problem::Nameless
                | Problem::TooManyWait
                | Problem::OtherValuesWait
                | Problem::Audit(_)
                | Problem::Approvals(_)),
            ) => Outcome::Refused(problem.to_string()),
            outcome => outcome?,
        };
        is_open = matches!(outcome, Outcome::Unknown(_));
        rows.push(row(item.shown, outcome, told, ctx.words()));
    }
    if is_open {
        posted.unknown(NO_ANSWER.to_owned());
    }
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let table = Table::new(told.title, [told.column, "State", "Details"], empty).rows(rows);
    Ok(Block::Table { title: Some(told.title), table })
}

fn row(shown: Cell, outcome: Outcome, told: Told, words: Reading) -> Vec<Cell> {
    let (state, details) = match outcome {
        Outcome::Done(answer) => {
            let made = told.page.and_then(|(page, id)| Some(format!("{page}/{}", answer.pointer(id)?.as_str()?)));
            let open = made.map_or(Cell::Absent("–"), |href| Cell::WordLink { href, word: "Open" });
            (Cell::state(told.done, Tone::Done), open)
        }
        Outcome::Waits(id) => {
            let page = Cell::WordLink { href: format!("/approvals/{id}"), word: "Open" };
            (Cell::state("Waits for approval", Tone::Waiting), page)
        }
        Outcome::Refused(reason) => (Cell::state("Refused", Tone::Failed), Cell::text(words.t(&reason))),
        Outcome::Unknown(reason) => (Cell::state("No answer", Tone::Waiting), Cell::text(words.t(&reason))),
    };
    vec![shown, state, details]
}

/// The key of a change. The same change of the same form has the same key.
fn key_of(form: Uuid, mark: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::new().chain_update(form.as_bytes()).chain_update(mark).finalize().into();
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    Builder::from_random_bytes(octets).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_change_of_the_same_form_has_the_same_key() {
        let form = Uuid::from_u128(7);
        assert_eq!(key_of(form, "a"), key_of(form, "a"));
        assert_ne!(key_of(form, "a"), key_of(form, "b"));
        assert_ne!(key_of(form, "a"), key_of(Uuid::from_u128(8), "a"));
    }
}
