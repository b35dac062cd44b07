//! Webhook endpoints, and sending events again.
//! Their rules are in `services/webhooks`; how they are shown is in `types`.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments_model::webhook_delivery::DeliveryState;
use payments_model::{Secret, TenantId, WebhookEndpoint, WebhookEndpointId};
use serde::Serialize;
use webhooks::{EndpointChange, NewEndpoint, Reach, Which};

use super::assets::tenant_id;
use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::idempotency::Once;
use crate::texts::{Name, UrlText};
use crate::types::webhook_delivery::{WebhookAttemptNode, WebhookDeliveryFilter, ids};
use crate::types::webhook_endpoint::WebhookEndpointNode;

/// For how many seconds the old secret is used, too, by default.
const OVERLAP: i32 = 86_400;

#[derive(InputObject, Serialize)]
pub(crate) struct CreateWebhookEndpointInput {
    /// The tenant that gets the endpoint. Only the operator may name another tenant.
    tenant_id: Option<ID>,
    url: UrlText,
    /// The event types that it receives. If none is named, it receives every type.
    event_types: Option<Vec<Name>>,
    /// The secret that signs its events, 16 to 255 characters. If it is left out, a secret is generated.
    secret: Option<Name>,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct UpdateWebhookEndpointInput {
    id: ID,
    url: Option<UrlText>,
    /// The event types that it receives from now on. An empty list means every type.
    event_types: Option<Vec<Name>>,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct DeleteWebhookEndpointInput {
    id: ID,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct RotateWebhookEndpointSecretInput {
    id: ID,
    /// The new secret, 16 to 255 characters. If it is left out, a secret is generated.
    secret: Option<Name>,
    /// For how many seconds events are signed with the old secret, too. The default is 86400, the maximum 30 days.
    overlap_seconds: Option<i32>,
    idempotency_key: Option<Name>,
}

/// One endpoint by its id, or all that a tenant has now.
#[derive(InputObject, Serialize)]
pub(crate) struct PauseWebhookEndpointsInput {
    /// Only this endpoint. If it is left out, all endpoints of the tenant.
    id: Option<ID>,
    /// The tenant whose endpoints are meant, if no id is given. Only the operator may name another tenant.
    tenant_id: Option<ID>,
    idempotency_key: Option<Name>,
}

/// One endpoint by its id, or all that a tenant has now.
#[derive(InputObject, Serialize)]
pub(crate) struct ResumeWebhookEndpointsInput {
    /// Only this endpoint. If it is left out, all endpoints of the tenant.
    id: Option<ID>,
    /// The tenant whose endpoints are meant, if no id is given. Only the operator may name another tenant.
    tenant_id: Option<ID>,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct TestWebhookEndpointInput {
    id: ID,
}

/// At least one member besides `tenantId` and `idempotencyKey` must be given. The deliveries that match all given members are sent again.
#[derive(InputObject, Serialize)]
pub(crate) struct ResendWebhookEventsInput {
    delivery_ids: Option<Vec<Name>>,
    event_ids: Option<Vec<Name>>,
    /// If neither a state nor an id is named, deliveries that were given up or are in quarantine are sent again.
    filter: Option<WebhookDeliveryFilter>,
    /// Only deliveries to this tenant. The operator may leave it out to select all tenants.
    tenant_id: Option<ID>,
    idempotency_key: Option<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct CreateWebhookEndpointMutationResponse {
    webhook_endpoint: Option<WebhookEndpointNode>,
    /// Shown once; null in the answer to a repetition.
    secret: Option<String>,
}

#[derive(SimpleObject)]
pub(crate) struct UpdateWebhookEndpointMutationResponse {
    webhook_endpoint: Option<WebhookEndpointNode>,
}

#[derive(SimpleObject)]
pub(crate) struct DeleteWebhookEndpointMutationResponse {
    success: bool,
}

#[derive(SimpleObject)]
pub(crate) struct RotateWebhookEndpointSecretMutationResponse {
    webhook_endpoint: Option<WebhookEndpointNode>,
    /// Shown once; null in the answer to a repetition.
    secret: Option<String>,
}

#[derive(SimpleObject)]
pub(crate) struct PauseWebhookEndpointsMutationResponse {
    /// The endpoints that are paused now.
    webhook_endpoints: Vec<WebhookEndpointNode>,
}

#[derive(SimpleObject)]
pub(crate) struct ResumeWebhookEndpointsMutationResponse {
    /// The endpoints to which events are sent again.
    webhook_endpoints: Vec<WebhookEndpointNode>,
}

#[derive(SimpleObject)]
pub(crate) struct TestWebhookEndpointMutationResponse {
    /// The result of the call.
    attempt: WebhookAttemptNode,
}

#[derive(SimpleObject)]
pub(crate) struct ResendWebhookEventsMutationResponse {
    /// How many deliveries are sent again.
    count: u32,
    /// Whether more deliveries match. If so, send the request again.
    has_more: bool,
}

#[derive(Default)]
pub(crate) struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Adds an endpoint, to which events are sent.
    async fn create_webhook_endpoint(
        &self,
        context: &Context<'_>,
        input: CreateWebhookEndpointInput,
    ) -> Result<CreateWebhookEndpointMutationResponse> {
        let call = Call::of(context)?;
        let mutation = call.mutation("createWebhookEndpoint", input.idempotency_key.as_deref(), &input)?;
        let origin = mutation.origin();
        let act = async {
            let tenant = assigned(&call, input.tenant_id.as_ref())?;
            let new = NewEndpoint {
                url: input.url.to_string(),
                event_types: names(input.event_types.as_deref()).unwrap_or_default(),
                secret: input.secret.clone().map(Secret::new),
            };
            Ok(call.parts.webhooks.create_endpoint(tenant, new, origin).await?)
        };
        let (endpoint, secret) = match mutation.once(act, |(endpoint, _)| endpoint.id).await? {
            Once::Now((endpoint, secret)) => (Some(endpoint), secret),
            Once::Before(id) => (shown_again(&call, id).await?, None),
        };
        let secret = secret.map(|secret| secret.expose().to_owned());
        Ok(CreateWebhookEndpointMutationResponse { webhook_endpoint: endpoint.map(Into::into), secret })
    }

    /// Changes the URL and the event types of an endpoint.
    async fn update_webhook_endpoint(
        &self,
        context: &Context<'_>,
        input: UpdateWebhookEndpointInput,
    ) -> Result<UpdateWebhookEndpointMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let (tenant, id) = endpoint_of(&call, &input.id).await?;
            let change = EndpointChange {
                url: input.url.clone().map(UrlText::into_string),
                event_types: names(input.event_types.as_deref()),
            };
            Ok(call.parts.webhooks.update_endpoint(tenant, id, change).await?)
        };
        let key = input.idempotency_key.as_deref();
        let endpoint = match call.once("updateWebhookEndpoint", key, &input, act, |endpoint| endpoint.id).await? {
            Once::Now(endpoint) => Some(endpoint),
            Once::Before(id) => shown_again(&call, id).await?,
        };
        Ok(UpdateWebhookEndpointMutationResponse { webhook_endpoint: endpoint.map(Into::into) })
    }

    /// Deletes an endpoint. No more events are sent to it.
    async fn delete_webhook_endpoint(
        &self,
        context: &Context<'_>,
        input: DeleteWebhookEndpointInput,
    ) -> Result<DeleteWebhookEndpointMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let (tenant, id) = endpoint_of(&call, &input.id).await?;
            Ok(call.parts.webhooks.delete_endpoint(tenant, id).await?)
        };
        call.once("deleteWebhookEndpoint", input.idempotency_key.as_deref(), &input, act, |()| ()).await?;
        Ok(DeleteWebhookEndpointMutationResponse { success: true })
    }

    /// Signs an endpoint's events with a new secret. For a while they are signed with the old secret, too.
    async fn rotate_webhook_endpoint_secret(
        &self,
        context: &Context<'_>,
        input: RotateWebhookEndpointSecretInput,
    ) -> Result<RotateWebhookEndpointSecretMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let (tenant, id) = endpoint_of(&call, &input.id).await?;
            let seconds = u64::try_from(input.overlap_seconds.unwrap_or(OVERLAP));
            let seconds =
                seconds.map_err(|_| Refusal::new("overlapSeconds must not be negative", Code::BadUserInput))?;
            let secret = input.secret.clone().map(Secret::new);
            let overlap = Duration::from_secs(seconds);
            Ok(call.parts.webhooks.rotate_endpoint_secret(tenant, id, secret, overlap).await?)
        };
        let key = input.idempotency_key.as_deref();
        let rotated = call.once("rotateWebhookEndpointSecret", key, &input, act, |(endpoint, _)| endpoint.id).await?;
        let (endpoint, secret) = match rotated {
            Once::Now((endpoint, secret)) => (Some(endpoint), Some(secret.expose().to_owned())),
            Once::Before(id) => (shown_again(&call, id).await?, None),
        };
        Ok(RotateWebhookEndpointSecretMutationResponse { webhook_endpoint: endpoint.map(Into::into), secret })
    }

    /// Pauses an endpoint, or all that a tenant has. Events are kept and counted; nothing is sent and no attempt is counted until they are resumed. A call that is under way is not stopped.
    async fn pause_webhook_endpoints(
        &self,
        context: &Context<'_>,
        input: PauseWebhookEndpointsInput,
    ) -> Result<PauseWebhookEndpointsMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let (tenant, which) = meant(&call, input.id.as_ref(), input.tenant_id.as_ref()).await?;
            Ok(call.parts.webhooks.pause_endpoints(tenant, which).await?)
        };
        let key = input.idempotency_key.as_deref();
        let paused = match call.once("pauseWebhookEndpoints", key, &input, act, |all| ids_of(all)).await? {
            Once::Now(paused) => paused,
            Once::Before(ids) => all_shown_again(&call, ids).await?,
        };
        Ok(PauseWebhookEndpointsMutationResponse { webhook_endpoints: paused.into_iter().map(Into::into).collect() })
    }

    /// Lets events be sent again to an endpoint, or to all that a tenant has. What became due meanwhile is sent now, in the usual order.
    async fn resume_webhook_endpoints(
        &self,
        context: &Context<'_>,
        input: ResumeWebhookEndpointsInput,
    ) -> Result<ResumeWebhookEndpointsMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let (tenant, which) = meant(&call, input.id.as_ref(), input.tenant_id.as_ref()).await?;
            Ok(call.parts.webhooks.resume_endpoints(tenant, which).await?)
        };
        let key = input.idempotency_key.as_deref();
        let resumed = match call.once("resumeWebhookEndpoints", key, &input, act, |all| ids_of(all)).await? {
            Once::Now(resumed) => resumed,
            Once::Before(ids) => all_shown_again(&call, ids).await?,
        };
        Ok(ResumeWebhookEndpointsMutationResponse { webhook_endpoints: resumed.into_iter().map(Into::into).collect() })
    }

    /// Calls an endpoint once, signed like an event, with the type webhook.ping.
    async fn test_webhook_endpoint(
        &self,
        context: &Context<'_>,
        input: TestWebhookEndpointInput,
    ) -> Result<TestWebhookEndpointMutationResponse> {
        let call = Call::of(context)?;
        let (tenant, id) = endpoint_of(&call, &input.id).await?;
        let attempt = call.parts.webhooks.ping_endpoint(tenant, id).await.map_err(Refusal::from)?;
        Ok(TestWebhookEndpointMutationResponse { attempt: attempt.into() })
    }

    /// Sends events again: the named ones, or all that match a filter. One request sends 500 at most.
    async fn resend_webhook_events(
        &self,
        context: &Context<'_>,
        input: ResendWebhookEventsInput,
    ) -> Result<ResendWebhookEventsMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let filtered = input.filter.as_ref().is_some_and(|filter| filter.event_ids.is_some());
            if filtered && input.event_ids.is_some() {
                return Err(Refusal::new("name eventIds once: in the input or in its filter", Code::BadUserInput));
            }
            let named = filtered || input.delivery_ids.is_some() || input.event_ids.is_some();
            if !named && input.filter.is_none() {
                return Err(Refusal::new("name deliveryIds, eventIds or a filter", Code::BadUserInput));
            }

            let mut filter = input.filter.clone().unwrap_or_default().read()?;
            filter.ids = ids(input.delivery_ids.as_deref())?;
            if input.event_ids.is_some() {
                filter.events = ids(input.event_ids.as_deref())?;
            }
            if !named && filter.states.is_empty() {
                filter.states = vec![DeliveryState::Exhausted, DeliveryState::Quarantined];
            }

            let reach = match call.list(input.tenant_id.as_ref().map(|id| id.as_str())).tenant_id() {
                Some(tenant) => Reach::Tenant(tenant),
                None => Reach::EveryTenant,
            };
            let resent = call.parts.webhooks.resend(reach, &filter).await?;
            Ok((u32::try_from(resent.count).unwrap_or(u32::MAX), resent.has_more))
        };

        let key = input.idempotency_key.as_deref();
        let (count, has_more) = match call.once("resendWebhookEvents", key, &input, act, |resent| *resent).await? {
            Once::Now(resent) | Once::Before(resent) => resent,
        };
        Ok(ResendWebhookEventsMutationResponse { count, has_more })
    }
}

/// The tenant an endpoint is made for: the named one, which only the operator may choose freely.
pub(crate) fn assigned(call: &Call<'_>, named: Option<&ID>) -> Result<TenantId, Refusal> {
    let own = call.caller.tenant;
    match named.map(|id| tenant_id(id)).transpose()? {
        Some(named) if named != own && !call.caller.is_operator => {
            Err(Refusal::new("Assignment to the specified tenant is not permitted", Code::BadUserInput))
        }
        named => Ok(named.unwrap_or(own)),
    }
}

/// The endpoint of this id and whose it is, if the caller reaches it.
async fn endpoint_of(call: &Call<'_>, id: &ID) -> Result<(TenantId, WebhookEndpointId), Refusal> {
    let unknown = || Refusal::new("unknown webhook endpoint", Code::NotFound);
    let id: WebhookEndpointId = id.parse().map_err(|_| unknown())?;
    if let Some(endpoint) = call.reach().webhook_endpoint(id).await? {
        return Ok((endpoint.tenant_id, id));
    }
    // The default endpoint of a tenant exists before any setting is stored for it.
    let tenant = TenantId::from_uuid(id.as_uuid());
    let found = call.reach().find_tenant(tenant).await?.filter(|tenant| tenant.deleted_at.is_none());
    found.map(|tenant| (tenant.id, id)).ok_or_else(unknown)
}

/// Whose endpoints are paused or resumed, and which of them.
async fn meant(call: &Call<'_>, id: Option<&ID>, tenant: Option<&ID>) -> Result<(TenantId, Which), Refusal> {
    match (id, tenant) {
        (Some(_), Some(_)) => Err(Refusal::new("name one endpoint by id or a tenant, not both", Code::BadUserInput)),
        (Some(id), None) => {
            let (tenant, id) = endpoint_of(call, id).await?;
            Ok((tenant, Which::One(id)))
        }
        (None, tenant) => Ok((assigned(call, tenant)?, Which::All)),
    }
}

fn ids_of(endpoints: &[WebhookEndpoint]) -> Vec<WebhookEndpointId> {
    endpoints.iter().map(|endpoint| endpoint.id).collect()
}

/// These endpoints as they are now, without those that were deleted meanwhile.
async fn all_shown_again(call: &Call<'_>, ids: Vec<WebhookEndpointId>) -> Result<Vec<WebhookEndpoint>, Refusal> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(shown_again(call, id).await?);
    }
    Ok(found)
}

async fn shown_again(call: &Call<'_>, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>, Refusal> {
    Ok(call.reach().webhook_endpoint(id).await?)
}

fn names(given: Option<&[Name]>) -> Option<Vec<String>> {
    given.map(|names| names.iter().cloned().map(Name::into_string).collect())
}
