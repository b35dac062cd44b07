//! What forms choose from: tenants and assets, and pieces that several forms share.
//!
//! Not a page.

use admin_client::{AdminError, AssetView, PageRequest};
use serde_json::Value;
use uuid::Uuid;

use crate::context::Ctx;
use crate::view::{Field, Input};

fn all() -> PageRequest {
    PageRequest { first: Some(100), ..PageRequest::default() }
}

/// The tenants an operator may choose, its own first; none for a tenant.
pub(crate) async fn tenants(ctx: &Ctx) -> Result<Option<Field>, AdminError> {
    if !ctx.session.is_operator() {
        return Ok(None);
    }
    let found = ctx.admin().tenants_page(&all()).await?;
    let mut choices = vec![(ctx.session.tenant_id.to_string(), ctx.session.name.clone())];
    for tenant in found.nodes {
        if tenant.id != ctx.session.tenant_id && tenant.deleted_at.is_none() {
            choices.push((tenant.id.to_string(), tenant.public_name.unwrap_or_else(|| tenant.id.to_string())));
        }
    }
    Ok(Some(Field::new("tenantId", "Tenant", Input::Choice(choices)).required()))
}

/// The assets that may be chosen, with whose they are for an operator.
pub(crate) async fn assets(ctx: &Ctx) -> Result<Vec<AssetView>, AdminError> {
    Ok(ctx.admin().assets_page(&all(), None).await?.nodes)
}

/// A field to choose one of these.
pub(crate) fn asset_field(ctx: &Ctx, assets: &[AssetView]) -> Field {
    let shown = |asset: &AssetView| {
        let tenant = asset.tenant.as_ref().filter(|tenant| tenant.id != ctx.session.tenant_id);
        let whose = tenant.map(|tenant| tenant.public_name.clone().unwrap_or_else(|| tenant.id.to_string()));
        match whose {
            Some(name) => format!("{} (scale: {}), {name}", asset.code, asset.scale),
            None => format!("{} (scale: {})", asset.code, asset.scale),
        }
    };
    let choices = assets.iter().map(|asset| (asset.id.to_string(), shown(asset))).collect();
    Field::new("assetId", "Asset", Input::Choice(choices)).required()
}

/// The asset that was chosen.
pub(crate) fn chosen(assets: &[AssetView], id: Option<Uuid>) -> Option<&AssetView> {
    assets.iter().find(|asset| Some(asset.id) == id)
}

/// An amount as the API takes it, or `null`.
pub(crate) fn amount(value: Option<u64>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

/// One input of two.
pub(crate) fn joined(mut first: Value, second: Value) -> Value {
    if let (Some(first), Value::Object(second)) = (first.as_object_mut(), second) {
        first.extend(second);
    }
    first
}
