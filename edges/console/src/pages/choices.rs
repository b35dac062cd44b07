//! The choices in forms: tenants and assets, and parts that several forms share.
//!
//! The forms are elsewhere.

use admin_client::{AdminError, AssetView, Listed, PageRequest};
use serde_json::Value;
use uuid::Uuid;

use crate::context::Ctx;
use crate::view::{Field, Input};

/// The most pages of a hundred rows that can be chosen from. A browser jumps to a choice by its first letters.
const PAGES_MAX: usize = 10;

/// All rows of a list, as far as they can be chosen from.
async fn all<T, F>(read: impl Fn(PageRequest) -> F) -> Result<Vec<T>, AdminError>
where
    F: Future<Output = Result<Listed<T>, AdminError>>,
{
    let mut page = PageRequest { first: Some(100), ..PageRequest::default() };
    let mut rows = Vec::new();
    for _ in 0..PAGES_MAX {
        let found = read(page.clone()).await?;
        rows.extend(found.nodes);
        if !found.page_info.has_next_page {
            break;
        }
        page.after = found.page_info.end_cursor;
    }
    Ok(rows)
}

/// The tenants that an operator may choose, its own first; none for a tenant.
pub(crate) async fn tenants(ctx: &Ctx) -> Result<Option<Field>, AdminError> {
    if !ctx.session.is_operator() {
        return Ok(None);
    }
    let admin = ctx.admin();
    let found = all(|page| {
        let admin = admin.clone();
        async move { admin.tenants_page(&page).await }
    });
    let mut choices = vec![(ctx.session.tenant_id.to_string(), ctx.session.name.clone())];
    for tenant in found.await? {
        if tenant.id != ctx.session.tenant_id && tenant.deleted_at.is_none() {
            choices.push((tenant.id.to_string(), tenant.public_name.unwrap_or_else(|| tenant.id.to_string())));
        }
    }
    let asked = ctx.asked("tenantId").unwrap_or_default();
    Ok(Some(Field::new("tenantId", "Tenant", Input::Choice(choices)).required().value(asked)))
}

/// The assets that may be chosen. For an operator they are shown with their tenant.
pub(crate) async fn assets(ctx: &Ctx) -> Result<Vec<AssetView>, AdminError> {
    let admin = ctx.admin();
    all(|page| {
        let admin = admin.clone();
        async move { admin.assets_page(&page, None).await }
    })
    .await
}

/// A field for choosing one of these assets.
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

/// The chosen asset.
pub(crate) fn chosen(assets: &[AssetView], id: Option<Uuid>) -> Option<&AssetView> {
    assets.iter().find(|asset| Some(asset.id) == id)
}

/// An amount in the form of the API, or `null`.
pub(crate) fn amount(value: Option<u64>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

/// Joins two inputs to one.
pub(crate) fn joined(mut first: Value, second: Value) -> Value {
    if let (Some(first), Value::Object(second)) = (first.as_object_mut(), second) {
        first.extend(second);
    }
    first
}

/// The URL that a text means: a payment pointer is another form of it.
pub(crate) fn url_of(text: &str) -> String {
    match text.strip_prefix('$') {
        Some(rest) if rest.contains('/') => format!("https://{rest}"),
        Some(rest) => format!("https://{rest}/.well-known/pay"),
        None => text.to_owned(),
    }
}

/// The name of the field with the amount that a page shows.
pub(crate) const SHOWN: &str = "shown";

/// The amount that a page shows. Exactly this one is withdrawn.
pub(crate) fn shown(amount: Option<u64>) -> Field {
    Field::new(SHOWN, "", Input::Shown).value(amount.map(|amount| amount.to_string()).unwrap_or_default())
}
