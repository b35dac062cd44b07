//! Tenants and their settings.
//! Their rules are in `payments`; how they are shown is in `types`.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use outside_text::FieldChange;
use payments::administration::{NewTenant, TenantChange};
use payments_model::tenant::Setting;
use payments_model::{Secret, TenantId};

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::field_change::change_of;
use crate::texts::{Name, UrlText};
use crate::types::tenant::{HIDDEN, Seen, TenantNode, TenantSetting, TenantSettingInput};

#[derive(InputObject)]
pub(crate) struct CreateTenantInput {
    id: Option<ID>,
    email: Option<Name>,
    api_secret: String,
    idp_consent_url: Option<UrlText>,
    idp_secret: Option<String>,
    public_name: Option<Name>,
    settings: Option<Vec<TenantSettingInput>>,
}

#[derive(InputObject)]
pub(crate) struct UpdateTenantInput {
    id: ID,
    email: MaybeUndefined<Name>,
    api_secret: MaybeUndefined<String>,
    idp_consent_url: MaybeUndefined<UrlText>,
    idp_secret: MaybeUndefined<String>,
    public_name: MaybeUndefined<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct TenantMutationResponse {
    tenant: TenantNode,
}

#[derive(SimpleObject)]
pub(crate) struct DeleteTenantMutationResponse {
    success: bool,
}

#[derive(InputObject)]
pub(crate) struct CreateTenantSettingsInput {
    settings: Vec<TenantSettingInput>,
}

#[derive(SimpleObject)]
pub(crate) struct CreateTenantSettingsMutationResponse {
    settings: Vec<TenantSetting>,
}

#[derive(Default)]
pub(crate) struct TenantMutation;

#[Object]
impl TenantMutation {
    async fn create_tenant(&self, context: &Context<'_>, input: CreateTenantInput) -> Result<TenantMutationResponse> {
        let call = Call::of(context)?;
        if [Some(&input.api_secret), input.idp_secret.as_ref()].into_iter().flatten().any(|secret| secret == HIDDEN) {
            let message = format!("{HIDDEN} is only shown in place of a secret; give the secret itself");
            return Err(Refusal::new(message, Code::BadUserInput).into());
        }
        let id = input.id.map(|id| id.parse::<TenantId>()).transpose();
        let new = NewTenant {
            id: id.map_err(|_| Refusal::new("Invalid Tenant ID", Code::BadUserInput)).or_else(|refusal| {
                // A caller that may not create tenants gets no other information.
                if call.caller.is_operator { Err(refusal) } else { Ok(None) }
            })?,
            api_secret: Secret::new(input.api_secret),
            email: input.email.map(Name::into_string),
            public_name: input.public_name.map(Name::into_string),
            idp_consent_url: input.idp_consent_url.map(UrlText::into_string),
            idp_secret: input.idp_secret.map(Secret::new),
            settings: input.settings.unwrap_or_default().into_iter().map(Setting::from).collect(),
        };
        let tenant = call.administration().create_tenant(call.caller, new).await.map_err(Refusal::from)?;
        Ok(TenantMutationResponse { tenant: TenantNode::seen(tenant, Seen::BothSecrets) })
    }

    async fn update_tenant(&self, context: &Context<'_>, input: UpdateTenantInput) -> Result<TenantMutationResponse> {
        let call = Call::of(context)?;
        let id = input.id.parse().map_err(|_| {
            let message = if call.caller.is_operator { "failed to update tenant" } else { "tenant does not exist" };
            Refusal::new(message, Code::NotFound)
        })?;
        let change = TenantChange {
            api_secret: secret(input.api_secret),
            email: change_of(input.email).map(Name::into_string),
            public_name: change_of(input.public_name).map(Name::into_string),
            idp_consent_url: change_of(input.idp_consent_url).map(UrlText::into_string),
            idp_secret: secret(input.idp_secret),
        };
        let seen = match (change.api_secret.new_value().is_some(), change.idp_secret.new_value().is_some()) {
            (true, true) => Seen::BothSecrets,
            (true, false) => Seen::ApiSecret,
            (false, true) => Seen::IdpSecret,
            (false, false) => Seen::NoSecret,
        };
        let tenant = call.administration().update_tenant(call.caller, id, change).await.map_err(Refusal::from)?;
        Ok(TenantMutationResponse { tenant: TenantNode::seen(tenant, seen) })
    }

    async fn delete_tenant(&self, context: &Context<'_>, id: String) -> Result<DeleteTenantMutationResponse> {
        let call = Call::of(context)?;
        if !call.caller.is_operator {
            return Err(Refusal::new("permission denied", Code::Forbidden).into());
        }
        let id = id.parse().map_err(|_| Refusal::new("failed to delete tenant", Code::NotFound))?;
        call.administration().delete_tenant(call.caller, id).await.map_err(Refusal::from)?;
        Ok(DeleteTenantMutationResponse { success: true })
    }

    async fn create_tenant_settings(
        &self,
        context: &Context<'_>,
        input: CreateTenantSettingsInput,
    ) -> Option<Result<CreateTenantSettingsMutationResponse>> {
        nullable(async {
            let call = Call::of(context)?;
            let settings = input.settings.into_iter().map(Setting::from).collect();
            let written = call.administration().put_settings(call.caller, settings).await.map_err(Refusal::from)?;
            let settings = written.into_iter().map(TenantSetting::from).collect();
            Ok(Some(CreateTenantSettingsMutationResponse { settings }))
        })
        .await
    }
}

/// The change of a secret. The text that is shown in place of a secret changes nothing, so a form may send it back.
fn secret(member: MaybeUndefined<String>) -> FieldChange<Secret> {
    match change_of(member) {
        FieldChange::Set(shown) if shown == HIDDEN => FieldChange::Keep,
        change => change.map(Secret::new),
    }
}
