//! Settings of tenants.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use payments_model::tenant::Setting;

use crate::api::Call;
use crate::errors::{Refusal, nullable};
use crate::types::tenant::{TenantSetting, TenantSettingInput};

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
