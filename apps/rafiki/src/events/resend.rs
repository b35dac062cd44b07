//! `rafiki events resend`: has deliveries sent again.
//! The instance sends them, in the order in which they were recorded.

use std::collections::BTreeSet;

use admin_client::Mutation;
use clock::{Entropy, SystemEntropy};
use serde_json::{Value, json};
use uuid::Uuid;

use super::list::deliveries_of;
use super::options::ResendOptions;
use crate::asked::Asked;
use crate::failure::Failure;
use crate::output::say;

pub(crate) async fn run(options: &ResendOptions) -> Result<(), Failure> {
    let selection = &options.selection;
    if options.ids.is_empty() && selection.is_empty() {
        let told = "name events or deliveries by their ids, or select them with --type, --state, --about, --endpoint, \
                    --from or --to";
        return Err(Failure::Usage(told.to_owned()));
    }
    let asked = options.asked.find()?;
    let input = if options.ids.is_empty() {
        json!({"filter": selection.of_api().filter()})
    } else {
        json!({"deliveryIds": deliveries(&asked, &options.ids).await?})
    };
    let Resent { count, more } = send_again(&asked, input, selection.of_tenant).await?;

    if options.json {
        say(&format!("{}\n", json!({"count": count, "more": more})));
        return Ok(());
    }
    say(&match count {
        0 => "Nothing matches, so nothing is sent again.\n".to_owned(),
        1 => "1 delivery is sent again.\n".to_owned(),
        count => format!("{count} deliveries are sent again.\n"),
    });
    if more {
        say("More deliveries match. Select fewer of them with --from and --to, one part after the other.\n");
    }
    Ok(())
}

/// The deliveries that these ids of events and deliveries mean.
async fn deliveries(asked: &Asked, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, Failure> {
    let mut meant = BTreeSet::new();
    for id in ids {
        let found = deliveries_of(asked, *id).await?;
        if found.is_empty() {
            let told = format!("{} has no event and no delivery {id}; nothing was sent again", asked.institution.name);
            return Err(Failure::NotFound(told));
        }
        meant.extend(found.iter().map(|delivery| delivery.id));
    }
    Ok(meant)
}

/// What was sent again.
struct Resent {
    count: u64,
    /// Whether more matches.
    more: bool,
}

/// Repeats the request until everything that matches is sent again. Each request has a key of its own, so a request
/// whose answer is lost counts once.
async fn send_again(asked: &Asked, mut input: Value, tenant: Option<Uuid>) -> Result<Resent, Failure> {
    if let Some(tenant) = tenant {
        input["tenantId"] = json!(tenant);
    }
    let mut count = 0;
    loop {
        input["idempotencyKey"] = json!(SystemEntropy.uuid());
        let answer = asked.institution.admin.change(Mutation::ResendWebhookEvents, input.clone()).await;
        let answer = answer.map_err(|error| asked.refused(error))?;
        count += answer["count"].as_u64().unwrap_or(0);
        let more = answer["hasMore"] == true;
        if !more || answer["count"] == 0 || matches_again(&input) {
            return Ok(Resent { count, more });
        }
    }
}

/// Whether what was sent again still matches. Then a repetition would send the same deliveries.
fn matches_again(input: &Value) -> bool {
    let states = input["filter"]["states"].as_array();
    states.is_some_and(|states| states.iter().any(|state| state == "PENDING" || state == "DELIVERED"))
}
