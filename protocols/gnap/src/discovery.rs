//! `GET /discovery` (RFC 9635 section 9): the data that a client may request from an authorization server before its
//! first grant request.
//! That request is in `grant`.

use serde::{Deserialize, Serialize};

use crate::grant::{FinishMethod, StartMode};

/// The server's endpoint and the interactions it offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// Where grants are requested; `{tenantId}` stands for the tenant's id.
    pub grant_request_endpoint: String,
    /// How an interaction can begin.
    pub interaction_start_modes_supported: Vec<StartMode>,
    /// How an interaction can end.
    pub interaction_finish_modes_supported: Vec<FinishMethod>,
}

impl Discovery {
    /// The offer of this profile, for grants requested at `grant_request_endpoint`.
    pub fn of(grant_request_endpoint: String) -> Self {
        Self {
            grant_request_endpoint,
            interaction_start_modes_supported: vec![StartMode::Redirect],
            interaction_finish_modes_supported: vec![FinishMethod::Redirect],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offer_is_written_in_the_words_of_the_rfc() {
        let written = serde_json::to_string(&Discovery::of("https://auth.example/{tenantId}".into())).unwrap();
        assert_eq!(
            written,
            concat!(
                r#"{"grant_request_endpoint":"https://auth.example/{tenantId}","#,
                r#""interaction_start_modes_supported":["redirect"],"interaction_finish_modes_supported":["redirect"]}"#
            )
        );
    }
}
