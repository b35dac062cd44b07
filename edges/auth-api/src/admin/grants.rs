//! The queries and the mutation.
//! How grants are shown is in `types`.

use async_graphql::{Context, ID, Object, Result};
use auth::{Auth, Page, RevokeGrantError, Scope};

use super::refusals::{failed, refuse};
use super::types::{
    Grant, GrantEdge, GrantFilter, GrantsConnection, PageInfo, RevokeGrantInput, RevokeGrantMutationResponse, SortOrder,
};

const PAGE_DEFAULT: i32 = 20;
const PAGE_MAX: i32 = 100;

pub(crate) struct Query;
pub(crate) struct Mutation;

/// The caller and the service. Put there when the request was authenticated.
fn caller<'a>(context: &'a Context<'_>) -> Result<(Scope, &'a Auth)> {
    Ok((*context.data::<Scope>()?, context.data::<Auth>()?))
}

#[Object]
impl Query {
    #[expect(clippy::too_many_arguments, reason = "the arguments of the published schema")]
    async fn grants(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        filter: Option<GrantFilter>,
        sort_order: Option<SortOrder>,
        tenant_id: Option<ID>,
    ) -> Result<GrantsConnection> {
        let (scope, auth) = caller(context)?;
        let Some(scope) = narrow(scope, tenant_id) else { return Ok(nothing()) };
        let filter = filter.unwrap_or_default().into_filter();
        let order = match sort_order {
            Some(SortOrder::Asc) => auth::SortOrder::Ascending,
            Some(SortOrder::Desc) | None => auth::SortOrder::Descending,
        };

        let Some(page) = page(after, before, first, last)? else { return Ok(nothing()) };
        let found = auth.list_grants(scope, &filter, order, page).await.map_err(|error| failed(&error))?;
        let Some(found) = found else { return Ok(nothing()) };
        let edges: Vec<GrantEdge> = found
            .grants
            .iter()
            .map(|grant| GrantEdge { node: Grant::of(grant, &filter.identifiers), cursor: grant.id.to_string() })
            .collect();
        let page_info = PageInfo {
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
            has_next_page: found.has_next,
            has_previous_page: found.has_previous,
        };

        Ok(GrantsConnection { page_info, edges })
    }

    async fn grant(&self, context: &Context<'_>, id: ID) -> Result<Grant> {
        let (scope, auth) = caller(context)?;
        let found = match id.parse() {
            Ok(id) => auth.get_grant(scope, id).await.map_err(|error| failed(&error))?,
            Err(_) => None,
        };
        found.map(|grant| Grant::of(&grant, &[])).ok_or_else(|| refuse("No grant", "NOT_FOUND"))
    }
}

#[Object]
impl Mutation {
    async fn revoke_grant(
        &self,
        context: &Context<'_>,
        input: RevokeGrantInput,
    ) -> Result<RevokeGrantMutationResponse> {
        let (scope, auth) = caller(context)?;
        if input.grant_id.is_empty() {
            return Err(refuse("Grant id is not provided", "FORBIDDEN"));
        }
        let revoked = match input.grant_id.parse() {
            Ok(id) => auth.revoke_grant(scope, id).await,
            Err(_) => Err(RevokeGrantError::NotFound),
        };
        match revoked {
            Ok(()) => Ok(RevokeGrantMutationResponse { id: ID(input.grant_id) }),
            Err(RevokeGrantError::NotFound) => Err(refuse(RevokeGrantError::NotFound.to_string(), "NOT_FOUND")),
            Err(RevokeGrantError::Store(error)) => Err(failed(&error)),
        }
    }
}

/// The operator may select one tenant. Other tenants always see their own grants only.
fn narrow(scope: Scope, tenant: Option<ID>) -> Option<Scope> {
    match (scope, tenant) {
        (Scope::All, Some(tenant)) => tenant.parse().ok().map(Scope::Tenant),
        (scope, _) => Some(scope),
    }
}

/// `None` for a cursor that names nothing.
fn page(after: Option<String>, before: Option<String>, first: Option<i32>, last: Option<i32>) -> Result<Option<Page>> {
    let (first, last) = (size(first)?, size(last)?);
    Ok(match (after, before) {
        (Some(after), _) => after.parse().ok().map(|after| Page::Forward { after: Some(after), first: first.given }),
        (None, Some(before)) => before.parse().ok().map(|before| Page::Backward { before, last: last.given }),
        (None, None) if last.was_asked => {
            return Err(refuse("Can't paginate backwards from the start.", "BAD_USER_INPUT"));
        }
        (None, None) => Some(Page::Forward { after: None, first: first.given }),
    })
}

struct Size {
    given: u64,
    was_asked: bool,
}

fn size(asked: Option<i32>) -> Result<Size> {
    let was_asked = asked.is_some_and(|size| size != 0);
    let wanted = if was_asked { asked.unwrap_or(PAGE_DEFAULT) } else { PAGE_DEFAULT };
    match u64::try_from(wanted) {
        Ok(given) if wanted <= PAGE_MAX => Ok(Size { given, was_asked }),
        _ => Err(refuse("Pagination index error", "BAD_USER_INPUT")),
    }
}

fn nothing() -> GrantsConnection {
    GrantsConnection { page_info: PageInfo::default(), edges: Vec::new() }
}
