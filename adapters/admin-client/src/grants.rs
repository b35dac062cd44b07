//! Reads grants from the Admin API of the authorization server.
//!
//! The amounts that were spent under a grant are known to the backend, not to this API.

use clock::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::AdminClient;
use crate::operator::{Listed, found};
use crate::{AdminError, Amount, OutgoingPaymentState, PageRequest, operator_documents as d};

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantView {
    /// Its id.
    pub id: Uuid,
    /// The wallet address of the client that asked for it, if it has one.
    pub client: Option<String>,
    /// The rights.
    pub access: Vec<AccessView>,
    /// The person whom it is about.
    pub subject: Option<SubjectView>,
    /// `PROCESSING`, `PENDING`, `APPROVED` or `FINALIZED`.
    pub state: String,
    /// `ISSUED`, `REVOKED` or `REJECTED`.
    pub finalization_reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The tenant that it belongs to.
    pub tenant_id: Uuid,
}

/// One right of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccessView {
    /// The wallet address that it concerns.
    pub identifier: Option<String>,
    /// For example `outgoing-payment`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For example `create`.
    pub actions: Vec<String>,
    /// The limits.
    pub limits: Option<LimitsView>,
}

/// The limits of a right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitsView {
    /// The only incoming payment that may be paid.
    pub receiver: Option<String>,
    /// The most that may be debited.
    pub debit_amount: Option<Amount>,
    /// The most that may be received.
    pub receive_amount: Option<Amount>,
    /// The repeating interval in which the limit begins anew.
    pub interval: Option<String>,
}

/// The person of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SubjectView {
    /// Its names.
    pub sub_ids: Vec<SubjectName>,
}

/// A name of a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubjectName {
    /// For example a wallet address.
    pub sub_id: String,
}

/// Selects grants. What is left out restricts nothing.
#[derive(Clone, Debug, Default)]
pub struct GrantSelection {
    /// With a right about this wallet address.
    pub identifier: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Ended like this.
    pub reason: Option<String>,
}

impl AdminClient {
    /// A page of the grants. The client must be one of the authorization server.
    pub async fn grants_page(
        &self,
        page: &PageRequest,
        selection: &GrantSelection,
        tenant: Option<Uuid>,
    ) -> Result<Listed<GrantView>, AdminError> {
        let mut filter = serde_json::Map::new();
        let wanted = [
            ("identifier", &selection.identifier),
            ("state", &selection.state),
            ("finalizationReason", &selection.reason),
        ];
        for (name, value) in wanted {
            filter.extend(value.as_ref().map(|value| (name.to_owned(), json!({"in": [value]}))));
        }
        self.listed(d::GRANTS, page, json!({"filter": Value::Object(filter), "tenantId": tenant}), "/grants").await
    }

    /// A grant; `None` if there is none. The client must be one of the authorization server.
    pub async fn grant_view(&self, id: Uuid) -> Result<Option<GrantView>, AdminError> {
        found(self.run(d::GRANT, json!({"id": id}), "/grant").await)
    }

    /// The tokens of a grant; `None` if the instance does not tell them. The client must be one of the authorization server.
    pub async fn grant_tokens(&self, id: Uuid) -> Result<Option<GrantTokensView>, AdminError> {
        match self.run(d::GRANT_TOKENS, json!({"id": id}), "/grant/tokens").await {
            Err(AdminError::Refused { .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }
}

/// The tokens of a grant that were not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantTokensView {
    /// How many are good now.
    pub good: u32,
    /// When the last of them ends or has ended.
    pub last_ends_at: Option<Timestamp>,
}

/// The payments that were made under a grant.
#[derive(Clone, Debug, Default)]
pub struct SpentUnderGrant {
    /// The payments, the newest first.
    pub payments: Vec<SpendingPayment>,
    /// Whether older payments of the wallet address were not looked at.
    pub more: bool,
}

/// The amounts of a payment under a grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpendingPayment {
    /// Its id.
    pub id: Uuid,
    /// Its state.
    pub state: OutgoingPaymentState,
    /// The grant.
    pub grant_id: Option<String>,
    /// The most that the payer is debited.
    pub debit_amount: Amount,
    /// The amount to deliver.
    pub receive_amount: Amount,
    /// The amount sent so far.
    pub sent_amount: Amount,
    /// What it counts for a limit on debited amounts, if the instance tells.
    #[serde(default)]
    pub spent_debit_amount: Option<Amount>,
    /// What it counts for a limit on received amounts, if the instance tells.
    #[serde(default)]
    pub spent_receive_amount: Option<Amount>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a payment counts for the limits of its grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentSpending {
    /// For a limit on debited amounts.
    pub spent_debit_amount: Option<Amount>,
    /// For a limit on received amounts.
    pub spent_receive_amount: Option<Amount>,
}

/// The most pages of a hundred payments that are looked at.
const PAGES_MAX: usize = 5;

impl AdminClient {
    /// What a payment counts for the limits of its grant. Another instance does not tell this, and refuses.
    ///
    /// The client must be one of the backend.
    pub async fn spending_of_payment(&self, id: Uuid) -> Result<PaymentSpending, AdminError> {
        self.run(d::SPENDING_OF_PAYMENT, json!({"id": id}), "/outgoingPayment").await
    }

    /// The payments under `grant` from the wallet address with this URL, out of its latest five hundred.
    ///
    /// The client must be one of the backend.
    pub async fn spent_under_grant(&self, address: &str, grant: &str) -> Result<SpentUnderGrant, AdminError> {
        let mut spent = SpentUnderGrant::default();
        let Some(address) = found(self.wallet_address_by_url(address).await)? else { return Ok(spent) };
        let filter = json!({"filter": {"walletAddressId": {"in": [address.id]}}});
        let mut page = PageRequest { first: Some(100), ..PageRequest::default() };
        for _ in 0..PAGES_MAX {
            let listed: Listed<SpendingPayment> =
                match self.listed(d::SPENDING, &page, filter.clone(), "/outgoingPayments").await {
                    // Another instance does not tell what a payment counts.
                    Err(AdminError::Refused { .. }) => {
                        self.listed(d::SPENDING_BY_QUOTES, &page, filter.clone(), "/outgoingPayments").await?
                    }
                    answer => answer?,
                };
            spent.more = listed.page_info.has_next_page;
            spent
                .payments
                .extend(listed.nodes.into_iter().filter(|payment| payment.grant_id.as_deref() == Some(grant)));
            if !spent.more {
                break;
            }
            page.after = listed.page_info.end_cursor;
        }
        Ok(spent)
    }
}
