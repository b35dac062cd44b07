//! Tenants, their settings, assets, fees and wallet addresses, back.
//! Payments are in `payments`.

use crate::back::{Back, Context, OldRow, OldTable, derived_once, optional_time_of, time_of};
use crate::record::Value;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;

/// Ledger numbers have 16 bits in the original.
const LEDGER_MAX: u32 = i16::MAX as u32;

pub(super) fn tenant(row: &Row<'_>, context: &Context) -> Result<Back, Refusal> {
    let id = row.uuid("id")?;
    let (email, name, api_secret) =
        (row.optional_text("email")?, row.optional_text("public_name")?, row.text("api_secret")?);
    // The operator's consent page comes from the environment of the auth service, which writes it to its database.
    let consent = context.consent.get(&id).filter(|_| id != context.operator);
    let values = [
        ("id", id.into()),
        ("email", email.as_deref().into()),
        ("apiSecret", (&api_secret).into()),
        ("idpConsentUrl", consent.and_then(|place| place.url.as_deref()).into()),
        ("idpSecret", consent.and_then(|place| place.secret.as_deref()).into()),
        ("publicName", name.as_deref().into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
        ("deletedAt", optional_time_of(row, "deleted_at")?),
    ];
    OldRow::new(row, OldTable::Tenants, &values).map(Back::one)
}

pub(super) fn setting(row: &Row<'_>) -> Result<Back, Refusal> {
    let (tenant, key, value) = (row.uuid("tenant_id")?, row.text("key")?, row.text("value")?);
    let values = [
        ("id", derived_once(tenant, &format!("setting {key}")).into()),
        ("key", (&key).into()),
        ("value", (&value).into()),
        ("tenantId", tenant.into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
        ("deletedAt", optional_time_of(row, "deleted_at")?),
    ];
    OldRow::new(row, OldTable::TenantSettings, &values).map(Back::one)
}

pub(super) fn asset(row: &Row<'_>) -> Result<Back, Refusal> {
    let ledger = row.count("ledger")?;
    if ledger > LEDGER_MAX {
        return Err(row.refuse(Reason::TooLargeForOriginal { column: "ledger", found: ledger.to_string() }));
    }
    let code = row.text("code")?;
    let values = [
        ("id", row.uuid("id")?.into()),
        ("ledger", ledger.into()),
        ("code", (&code).into()),
        ("scale", row.scale("scale")?.into()),
        ("withdrawalThreshold", row.optional_amount("withdrawal_threshold")?.into()),
        ("liquidityThreshold", row.optional_amount("liquidity_threshold")?.into()),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
        ("deletedAt", optional_time_of(row, "deleted_at")?),
    ];
    OldRow::new(row, OldTable::Assets, &values).map(Back::one)
}

pub(super) fn fee(row: &Row<'_>) -> Result<Back, Refusal> {
    let kind = row.text("kind")?;
    let values = [
        ("id", row.uuid("id")?.into()),
        ("assetId", row.uuid("asset_id")?.into()),
        ("type", (&kind).into()),
        ("fixedFee", row.amount("fixed_fee")?.into()),
        ("basisPointFee", row.count("basis_point_fee")?.into()),
        ("createdAt", time_of(row, "created_at")?),
    ];
    OldRow::new(row, OldTable::Fees, &values).map(Back::one)
}

pub(super) fn wallet_address(row: &Row<'_>) -> Result<Back, Refusal> {
    let (address, name) = (row.text("address")?, row.optional_text("public_name")?);
    let values = [
        ("id", row.uuid("id")?.into()),
        ("address", (&address).into()),
        ("assetId", row.uuid("asset_id")?.into()),
        ("publicName", name.as_deref().into()),
        ("totalEventsAmount", row.amount("total_events_amount")?.into()),
        ("processAt", optional_time_of(row, "process_at")?),
        ("deactivatedAt", optional_time_of(row, "deactivated_at")?),
        ("tenantId", row.uuid("tenant_id")?.into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    OldRow::new(row, OldTable::WalletAddresses, &values).map(Back::one)
}

pub(super) fn key(row: &Row<'_>) -> Result<Back, Refusal> {
    let (kid, x) = (row.text("kid")?, row.text("x")?);
    let values = [
        ("id", row.uuid("id")?.into()),
        ("walletAddressId", row.uuid("wallet_address_id")?.into()),
        ("kid", (&kid).into()),
        ("x", (&x).into()),
        ("revoked", row.flag("revoked")?.into()),
        ("createdAt", time_of(row, "created_at")?),
        ("updatedAt", time_of(row, "updated_at")?),
    ];
    OldRow::new(row, OldTable::WalletAddressKeys, &values).map(Back::one)
}

/// The original orders properties by their times, so the times follow the positions.
pub(super) fn property(row: &Row<'_>, context: &Context) -> Result<Back, Refusal> {
    let (key, value) = (row.text("key")?, row.text("value")?);
    let micros = context.at.as_millis().saturating_mul(1000).saturating_add(row.count("position")?.into());
    let values = [
        ("id", row.uuid("id")?.into()),
        ("fieldKey", (&key).into()),
        ("fieldValue", (&value).into()),
        ("visibleInOpenPayments", row.flag("visible_in_open_payments")?.into()),
        ("walletAddressId", row.uuid("wallet_address_id")?.into()),
        ("createdAt", Value::Time(micros)),
        ("updatedAt", Value::Time(micros)),
    ];
    OldRow::new(row, OldTable::WalletAddressProperties, &values).map(Back::one)
}
