//! The operators' pages: what only the wallet knows. Everything about the instance itself is in the console.
//!
//! Who is no operator does not find them. Each form needs a fresh proof of who uses the session, and is in the record.

mod accounts;
mod fees;
mod income;
mod liquidity;
mod overview;
mod rates;
mod record;
mod routes;

use admin_client::AdminError;
use axum::response::Response;
use database::Error;
use uuid::Uuid;

pub(super) use routes::routes;

use super::context::{Ctx, Problem, go};
use crate::effect_error::EffectError;
use crate::operators::{self, Act, Acting, Deed, Stage};

/// What a form asks the instance for.
struct Change {
    /// The key of the form.
    key: Uuid,
    deed: Deed,
    target: Uuid,
    name: String,
    before: String,
    after: String,
}

impl Ctx {
    /// Notes a change in the record, makes it, and notes how it ended. The same form does it once. Leads back to `here`.
    async fn change<F>(&self, change: Change, here: &str, make: F) -> Result<Response, Problem>
    where
        F: Future<Output = Result<(), EffectError>>,
    {
        let (database, clock) = (self.core().effects.store.database(), &self.core().clock);
        let Change { key, deed, target, name, before, after } = change;
        let by = Acting {
            user: self.session.user,
            person: self.session.email.clone(),
            address: self.reader.visitor.address.clone(),
        };
        let act = Act { id: key, by, deed, target, name, before, after };
        if !operators::begin(database, &act, clock.now()).await? {
            return Ok(go(&format!("{here}?said=act-known")));
        }
        let made = make.await;
        let (stage, said, word) = match &made {
            Ok(()) => (Stage::Done, String::new(), done(deed)),
            Err(EffectError::Admin(error @ AdminError::Refused { .. })) => {
                (Stage::Refused, error.to_string(), "act-refused")
            }
            Err(error) => (Stage::Unknown, error.to_string(), "act-unknown"),
        };
        operators::end(database, &act, (stage, &said), clock.now()).await?;
        if let Err(error) = made {
            tracing::warn!(%error, act.id = %act.id, "a change of an operator was not made");
        }
        Ok(go(&format!("{here}?said={word}")))
    }
}

fn done(deed: Deed) -> &'static str {
    match deed {
        Deed::Fee => "fee-set",
        Deed::Deposit => "deposited",
        Deed::Freeze => "operator-frozen",
        Deed::Thaw => "operator-thawed",
    }
}

/// An answer of the instance that a page can do without.
fn if_told<T>(asked: Result<T, AdminError>) -> Option<T> {
    asked.inspect_err(|error| tracing::warn!(%error, "an operators' page got no answer from the instance")).ok()
}

/// The number of lines about one thing.
const LINES: usize = 20;

async fn lines_about(ctx: &Ctx, target: Uuid) -> Result<Vec<record::Shown>, Error> {
    let lines = operators::lines_about(ctx.core().effects.store.database(), target, LINES).await?;
    Ok(lines.into_iter().map(record::Shown::of).collect())
}
