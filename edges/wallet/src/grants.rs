//! The grants of applications that their customers allowed: those that are live, and those that have ended.
//!
//! The authorization server has them. It has others about the same addresses, too: requests that the customer refused or
//! never saw, and rights that it gives without asking, such as to make incoming payments. Strangers may have any number of
//! those, so they are not counted.

use std::collections::BTreeSet;

use admin_client::{AccessView, AdminClient, AdminError, GrantSelection, GrantView, PageRequest};
use database::{Database, Error};
use uuid::Uuid;

use crate::sql::{execute, read};

/// How many grants the authorization server is asked for at once.
const AT_ONCE: u32 = 100;

/// Which grants are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// An application has rights by them, or gets them when it asks again.
    Live,
    Ended,
}

impl Which {
    /// The states, and how grants in them were finalized.
    fn states(self) -> &'static [(&'static str, Option<&'static str>)] {
        match self {
            Self::Live => &[("APPROVED", None), ("FINALIZED", Some("ISSUED"))],
            Self::Ended => &[("FINALIZED", Some("REVOKED"))],
        }
    }

    fn selections(self, address: &str) -> impl Iterator<Item = GrantSelection> {
        let address = address.to_owned();
        self.states().iter().map(move |(state, reason)| GrantSelection {
            identifier: Some(address.clone()),
            state: Some((*state).to_owned()),
            reason: reason.map(str::to_owned),
        })
    }
}

/// The grants that a user has allowed here.
pub(crate) async fn allowed(database: &Database, user: Uuid) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT grant_id FROM wallet_consents
        WHERE user_id = $1 AND decision = 'allowed' AND grant_id IS NOT NULL";
    let rows = read(database, sql, [user.into()]).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Forgets the requests of applications that a user has opened, and what the user has allowed.
pub(crate) async fn forget(database: &Database, user: Uuid) -> Result<(), Error> {
    let transaction = database.begin().await?;
    for table in ["wallet_consents", "wallet_challenges", "wallet_oauth_agreements"] {
        execute(&transaction, &format!("DELETE FROM {table} WHERE user_id = $1"), [user.into()]).await?;
    }
    transaction.commit().await
}

/// Whether it is more than what an authorization server gives without consent to anybody who asks.
fn is_more_than_anybody_gets(grant: &GrantView) -> bool {
    let is_more = |access: &AccessView| {
        access.kind == "outgoing-payment" || access.actions.iter().any(|action| action == "list-all")
    };
    grant.subject.is_some() || grant.access.iter().any(is_more)
}

/// All of these grants about an address. `allowed` are those that its owner has allowed here.
pub(crate) async fn about(
    admin: &AdminClient,
    address: &str,
    which: Which,
    allowed: &BTreeSet<String>,
) -> Result<Vec<GrantView>, AdminError> {
    let counts = |grant: &GrantView| is_more_than_anybody_gets(grant) || allowed.contains(&grant.id.to_string());
    let mut found = Vec::new();
    for selection in which.selections(address) {
        let mut page = PageRequest { first: Some(AT_ONCE), ..PageRequest::default() };
        loop {
            let listed = admin.grants_page(&page, &selection, None).await?;
            let has_more = listed.page_info.has_next_page && !listed.nodes.is_empty();
            found.extend(listed.nodes.into_iter().filter(counts));
            if !has_more || listed.page_info.end_cursor.is_none() {
                break;
            }
            page.after = listed.page_info.end_cursor;
        }
    }
    Ok(found)
}

/// Whether an application has rights by a grant that the customer has allowed.
pub(crate) fn is_live(grant: &GrantView) -> bool {
    matches!(grant.finalization_reason.as_deref(), Some("ISSUED") | None)
}
