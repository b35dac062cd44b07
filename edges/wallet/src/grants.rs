//! The grants of applications about wallet addresses: those that are live, and those that have ended.
//!
//! The authorization server has them. Requests that nobody allowed are neither: strangers may make any number of them.

use admin_client::{AdminClient, AdminError, GrantSelection, GrantView, PageRequest};

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

/// All of these grants about an address.
pub(crate) async fn about(admin: &AdminClient, address: &str, which: Which) -> Result<Vec<GrantView>, AdminError> {
    let mut found = Vec::new();
    for selection in which.selections(address) {
        let mut page = PageRequest { first: Some(AT_ONCE), ..PageRequest::default() };
        loop {
            let listed = admin.grants_page(&page, &selection, None).await?;
            let has_more = listed.page_info.has_next_page && !listed.nodes.is_empty();
            found.extend(listed.nodes);
            if !has_more || listed.page_info.end_cursor.is_none() {
                break;
            }
            page.after = listed.page_info.end_cursor;
        }
    }
    Ok(found)
}

/// Whether an application may do something with an address.
pub(crate) async fn is_any_live(admin: &AdminClient, address: &str) -> Result<bool, AdminError> {
    for selection in Which::Live.selections(address) {
        let one = PageRequest { first: Some(1), ..PageRequest::default() };
        if !admin.grants_page(&one, &selection, None).await?.nodes.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The same about a grant that was read.
pub(crate) fn is_live(grant: &GrantView) -> bool {
    matches!(grant.finalization_reason.as_deref(), Some("ISSUED") | None)
}
