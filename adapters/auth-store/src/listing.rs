//! Reads pages of grants for the Admin API.
//!
//! It changes nothing.

use auth_model::{Grant, GrantId, TenantId};
use database::Error;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::AuthStore;
use crate::entity::{grant_identifiers, grants};

/// The tenants whose grants are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All tenants, for the operator.
    All,
    /// One tenant.
    Tenant(TenantId),
}

impl Scope {
    /// Whether a grant of this tenant is in scope.
    pub fn includes(self, tenant: TenantId) -> bool {
        self == Self::All || self == Self::Tenant(tenant)
    }
}

/// A grant's state in the words of the Admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateName {
    /// No grant has this state.
    Processing,
    /// It waits for the owner.
    Pending,
    /// The owner consented.
    Approved,
    /// It has ended; see the reason.
    Finalized,
}

impl StateName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Finalized => "FINALIZED",
        }
    }
}

/// Why a grant has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizationReason {
    /// The token was fetched.
    Issued,
    /// It was revoked.
    Revoked,
    /// The owner refused.
    Rejected,
}

impl FinalizationReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Revoked => "REVOKED",
            Self::Rejected => "REJECTED",
        }
    }
}

/// Conditions that must all hold. An empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// Only grants about resources of these owners.
    pub identifiers: Vec<String>,
    /// Only grants in these states.
    pub states: Vec<StateName>,
    /// No grants in these states.
    pub states_not: Vec<StateName>,
    /// Only grants that ended for these reasons.
    pub reasons: Vec<FinalizationReason>,
    /// No grants that ended for these reasons.
    pub reasons_not: Vec<FinalizationReason>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// The requested part of a list.
#[derive(Clone, Copy, Debug)]
pub enum Page {
    /// The first grants of the list, or the first after a grant.
    Forward {
        /// The grant before the page.
        after: Option<GrantId>,
        /// The largest number of grants.
        first: u64,
    },
    /// The last grants before a grant.
    Backward {
        /// The grant after the page.
        before: GrantId,
        /// The largest number of grants.
        last: u64,
    },
}

/// A page of grants, in the requested order.
#[derive(Clone, Debug)]
pub struct GrantPage {
    /// The grants.
    pub grants: Vec<Grant>,
    /// Whether there are grants before this page.
    pub has_previous: bool,
    /// Whether there are grants after this page.
    pub has_next: bool,
}

impl AuthStore {
    /// A page of the grants in scope that pass the filter; `None` if the page refers to an unknown grant.
    pub async fn list_grants(
        &self,
        scope: Scope,
        filter: &GrantFilter,
        order: SortOrder,
        page: Page,
    ) -> Result<Option<GrantPage>, Error> {
        let (anchor, limit, backward) = match page {
            Page::Forward { after, first } => (after, first, false),
            Page::Backward { before, last } => (Some(before), last, true),
        };
        let anchor = match anchor {
            None => None,
            Some(id) => match self.get_grant(id).await? {
                Some(grant) if scope.includes(grant.tenant) => Some((grant.created_at.as_millis(), grant.id.as_uuid())),
                _ => return Ok(None),
            },
        };

        // Rows are read away from the anchor: ascending if the list ascends and the page goes forward, or if the list
        // descends and the page goes back.
        let ascending = (order == SortOrder::Ascending) != backward;
        let query = select(scope, filter);
        let query = anchor.map_or(query.clone(), |anchor| query.filter(beyond(anchor, ascending)));
        let direction = if ascending { Order::Asc } else { Order::Desc };
        let mut rows = query
            .order_by(grants::Column::CreatedAt, direction.clone())
            .order_by(grants::Column::Id, direction)
            .limit(limit + 1)
            .all(self.database.reader())
            .await?;
        let more = rows.len() as u64 > limit;

        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        // Looks back from the first row of the page, for rows on the other side.
        let behind = match rows.first() {
            None => anchor.is_some(),
            Some(row) => {
                let query = select(scope, filter).filter(beyond((row.created_at, row.id), !ascending));
                query.one(self.database.reader()).await?.is_some()
            }
        };

        if backward {
            rows.reverse();
        }
        let (has_previous, has_next) = if backward { (more, behind) } else { (behind, more) };
        let grants = rows.into_iter().map(grants::Model::into_grant).collect::<Result<_, _>>()?;
        Ok(Some(GrantPage { grants, has_previous, has_next }))
    }
}

fn select(scope: Scope, filter: &GrantFilter) -> Select<grants::Entity> {
    use grants::Column::{FinalizationReason as Reason, Id, State, TenantId};
    let mut condition = Condition::all();
    if let Scope::Tenant(tenant) = scope {
        condition = condition.add(TenantId.eq(tenant.as_uuid()));
    }

    if !filter.identifiers.is_empty() {
        let owned = Query::select()
            .column(grant_identifiers::Column::GrantId)
            .from(grant_identifiers::Entity)
            .and_where(grant_identifiers::Column::Identifier.is_in(filter.identifiers.clone()))
            .to_owned();
        condition = condition.add(Id.in_subquery(owned));
    }

    if !filter.states.is_empty() {
        condition = condition.add(State.is_in(filter.states.iter().map(|state| state.as_str())));
    }
    if !filter.states_not.is_empty() {
        condition = condition.add(State.is_not_in(filter.states_not.iter().map(|state| state.as_str())));
    }

    if !filter.reasons.is_empty() {
        condition = condition.add(Reason.is_in(filter.reasons.iter().map(|reason| reason.as_str())));
    }
    if !filter.reasons_not.is_empty() {
        let others = Reason.is_not_in(filter.reasons_not.iter().map(|reason| reason.as_str()));
        condition = condition.add(Condition::any().add(Reason.is_null()).add(others));
    }
    grants::Entity::find().filter(condition)
}

/// After (ascending) or before a place in the order of creation and id.
fn beyond((created_at, id): (i64, sea_orm::prelude::Uuid), ascending: bool) -> Condition {
    use grants::Column::{CreatedAt, Id};
    let (farther, tie) =
        if ascending { (CreatedAt.gt(created_at), Id.gt(id)) } else { (CreatedAt.lt(created_at), Id.lt(id)) };
    Condition::any().add(farther).add(Condition::all().add(CreatedAt.eq(created_at)).add(tie))
}
