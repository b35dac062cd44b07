//! The types of `auth.graphql`, and how a grant fills them.
//!
//! The names are the published schema's; a test compares the two.

use auth::{Auth, FinalizationReason, StateName};
use auth_model::{Grant as GrantModel, GrantState as State};
use clock::Timestamp;
use gnap::{AccessItem, LimitAmount, Limits};
use money::AssetAmount;
use sha2::{Digest as _, Sha256};

use async_graphql::{
    ComplexObject, Context, Enum, ID, InputObject, InputValueError, InputValueResult, Interface, Result, Scalar,
    ScalarType, SimpleObject, Value,
};

use super::refusals::failed;

#[derive(Interface)]
#[graphql(field(name = "id", ty = "&ID"), field(name = "created_at", ty = "&String"))]
pub(crate) enum Model {
    Grant(Grant),
    Access(Access),
    SubjectItem(SubjectItem),
}

#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Grant {
    #[graphql(skip)]
    model: Box<GrantModel>,
    id: ID,
    client: Option<String>,
    access: Vec<Access>,
    subject: Option<Subject>,
    state: GrantState,
    finalization_reason: Option<GrantFinalization>,
    created_at: String,
    tenant_id: ID,
}

/// The tokens of a grant.
#[derive(SimpleObject)]
pub(crate) struct GrantTokens {
    /// How many of them are good now.
    good: u32,
    /// When the last of them ends or has ended; null if none was issued, they were revoked, or they ended long ago.
    last_ends_at: Option<String>,
}

#[derive(SimpleObject)]
pub(crate) struct Access {
    id: ID,
    identifier: Option<String>,
    r#type: String,
    actions: Vec<Option<String>>,
    limits: Option<LimitData>,
    created_at: String,
}

#[derive(SimpleObject)]
pub(crate) struct Subject {
    #[graphql(name = "sub_ids")]
    sub_ids: Vec<SubjectItem>,
}

#[derive(SimpleObject)]
pub(crate) struct SubjectItem {
    id: ID,
    sub_id: String,
    sub_id_format: String,
    created_at: String,
}

#[derive(SimpleObject)]
pub(crate) struct LimitData {
    receiver: Option<String>,
    debit_amount: Option<PaymentAmount>,
    receive_amount: Option<PaymentAmount>,
    interval: Option<String>,
}

#[derive(SimpleObject)]
pub(crate) struct PaymentAmount {
    value: UInt64,
    asset_code: String,
    asset_scale: UInt8,
}

#[derive(SimpleObject)]
pub(crate) struct GrantsConnection {
    pub(crate) page_info: PageInfo,
    pub(crate) edges: Vec<GrantEdge>,
}

#[derive(SimpleObject)]
pub(crate) struct GrantEdge {
    pub(crate) node: Grant,
    pub(crate) cursor: String,
}

#[derive(SimpleObject, Default)]
pub(crate) struct PageInfo {
    pub(crate) end_cursor: Option<String>,
    pub(crate) has_next_page: bool,
    pub(crate) has_previous_page: bool,
    pub(crate) start_cursor: Option<String>,
}

#[derive(SimpleObject)]
pub(crate) struct RevokeGrantMutationResponse {
    pub(crate) id: ID,
}

#[derive(InputObject)]
pub(crate) struct RevokeGrantInput {
    pub(crate) grant_id: String,
}

#[derive(InputObject, Default)]
pub(crate) struct GrantFilter {
    identifier: Option<FilterString>,
    state: Option<FilterGrantState>,
    finalization_reason: Option<FilterFinalizationReason>,
}

#[derive(InputObject, Default)]
pub(crate) struct FilterString {
    r#in: Option<Vec<String>>,
}

#[derive(InputObject, Default)]
pub(crate) struct FilterGrantState {
    r#in: Option<Vec<GrantState>>,
    not_in: Option<Vec<GrantState>>,
}

#[derive(InputObject, Default)]
pub(crate) struct FilterFinalizationReason {
    r#in: Option<Vec<GrantFinalization>>,
    not_in: Option<Vec<GrantFinalization>>,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantState {
    Processing,
    Pending,
    Approved,
    Finalized,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantFinalization {
    Issued,
    Revoked,
    Rejected,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortOrder {
    Asc,
    Desc,
}

/// A number of 8 bits.
pub(crate) struct UInt8(u8);

#[Scalar(name = "UInt8")]
impl ScalarType for UInt8 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::Number(number) => number.as_u64().and_then(|number| u8::try_from(number).ok()).map(Self),
            Value::String(text) => text.parse().ok().map(Self),
            _ => None,
        }
        .ok_or_else(|| InputValueError::custom("Provided value is not a UInt8."))
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// A number of 64 bits, written as a string of decimal digits.
pub(crate) struct UInt64(u64);

#[Scalar(name = "UInt64")]
impl ScalarType for UInt64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::Number(number) => number.as_u64().map(Self),
            Value::String(text) => text.parse().ok().map(Self),
            _ => None,
        }
        .ok_or_else(|| InputValueError::custom("Input must be unsigned."))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl GrantFilter {
    /// The filter of the service, with owners in their normal form.
    pub(crate) fn into_filter(self) -> auth::GrantFilter {
        let identifier = self.identifier.unwrap_or_default().r#in.unwrap_or_default();
        let normal = |text: String| text.parse::<gnap::WalletAddressUrl>().map_or(text, String::from);
        let (state, reason) = (self.state.unwrap_or_default(), self.finalization_reason.unwrap_or_default());
        auth::GrantFilter {
            identifiers: identifier.into_iter().map(normal).collect(),
            states: state.r#in.unwrap_or_default().into_iter().map(Into::into).collect(),
            states_not: state.not_in.unwrap_or_default().into_iter().map(Into::into).collect(),
            reasons: reason.r#in.unwrap_or_default().into_iter().map(Into::into).collect(),
            reasons_not: reason.not_in.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

impl From<GrantState> for StateName {
    fn from(state: GrantState) -> Self {
        match state {
            GrantState::Processing => Self::Processing,
            GrantState::Pending => Self::Pending,
            GrantState::Approved => Self::Approved,
            GrantState::Finalized => Self::Finalized,
        }
    }
}

impl From<GrantFinalization> for FinalizationReason {
    fn from(reason: GrantFinalization) -> Self {
        match reason {
            GrantFinalization::Issued => Self::Issued,
            GrantFinalization::Revoked => Self::Revoked,
            GrantFinalization::Rejected => Self::Rejected,
        }
    }
}

/// Rights and subjects are part of their grant; their ids are made of its id and their place in it.
fn part_id(grant: &GrantModel, part: &str, place: usize) -> ID {
    let digest: [u8; 32] = Sha256::digest(format!("{}/{part}/{place}", grant.id)).into();
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    ID(uuid::Builder::from_custom_bytes(octets).into_uuid().to_string())
}

impl Grant {
    /// The grant with those of its rights that concern one of `owners`, or all of them if none are given.
    pub(crate) fn of(grant: &GrantModel, owners: &[String]) -> Self {
        let (state, finalization_reason) = match grant.state {
            State::Pending => (GrantState::Pending, None),
            State::Approved => (GrantState::Approved, None),
            State::Issued => (GrantState::Finalized, Some(GrantFinalization::Issued)),
            State::Rejected => (GrantState::Finalized, Some(GrantFinalization::Rejected)),
            State::Revoked => (GrantState::Finalized, Some(GrantFinalization::Revoked)),
        };

        let concerns = |item: &AccessItem| {
            let owner = item.identifier().map(gnap::WalletAddressUrl::as_str);
            owners.is_empty() || owners.iter().any(|wanted| Some(wanted.as_str()) == owner)
        };
        let access = grant.access.iter().enumerate().filter(|(_, item)| concerns(item));
        Self {
            model: Box::new(grant.clone()),
            id: ID(grant.id.to_string()),
            client: match &grant.client {
                gnap::Client::WalletAddress(url) => Some(url.to_string()),
                gnap::Client::Jwk(_) => None,
            },
            access: access.map(|(place, item)| Access::of(grant, place, item)).collect(),
            subject: Some(Subject::of(grant)),
            state,
            finalization_reason,
            created_at: instant(grant.created_at),
            tenant_id: ID(grant.tenant.to_string()),
        }
    }
}

#[ComplexObject]
impl Grant {
    /// Its tokens. Not in the schema of Rafiki 2.4.
    async fn tokens(&self, context: &Context<'_>) -> Result<GrantTokens> {
        let tokens = context.data::<Auth>()?.tokens_of(&self.model).await.map_err(|error| failed(&error))?;
        Ok(GrantTokens { good: tokens.good, last_ends_at: tokens.last_ends.map(instant) })
    }
}

impl Access {
    fn of(grant: &GrantModel, place: usize, item: &AccessItem) -> Self {
        Self {
            id: part_id(grant, "access", place),
            identifier: item.identifier().map(ToString::to_string),
            r#type: item.kind().as_str().to_owned(),
            actions: item.actions().as_slice().iter().map(|action| Some(action.as_str().to_owned())).collect(),
            limits: item.limits().map(LimitData::of),
            created_at: instant(grant.created_at),
        }
    }
}

impl Subject {
    fn of(grant: &GrantModel) -> Self {
        let ids = grant.subject.iter().flat_map(|subject| &subject.sub_ids).enumerate();
        let item = |(place, id): (usize, &gnap::SubjectId)| SubjectItem {
            id: part_id(grant, "subject", place),
            sub_id: id.id.clone(),
            sub_id_format: "uri".to_owned(),
            created_at: instant(grant.created_at),
        };
        Self { sub_ids: ids.map(item).collect() }
    }
}

impl LimitData {
    fn of(limits: &Limits) -> Self {
        let (debit_amount, receive_amount) = match &limits.amount {
            Some(LimitAmount::Debit(amount)) => (Some(PaymentAmount::of(amount)), None),
            Some(LimitAmount::Receive(amount)) => (None, Some(PaymentAmount::of(amount))),
            None => (None, None),
        };
        Self {
            receiver: limits.receiver.as_ref().map(ToString::to_string),
            debit_amount,
            receive_amount,
            interval: limits.interval.as_ref().map(ToString::to_string),
        }
    }
}

impl PaymentAmount {
    fn of(amount: &AssetAmount) -> Self {
        Self {
            value: UInt64(amount.value),
            asset_code: amount.asset.code.to_string(),
            asset_scale: UInt8(amount.asset.scale),
        }
    }
}

fn instant(at: Timestamp) -> String {
    at.to_string()
}
