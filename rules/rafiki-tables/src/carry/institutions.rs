//! Rows of tenants, their settings, assets, fees and wallet addresses.
//! Payments are in `payments`.

use payments_model::tenant::SettingKey;

use crate::carry::{Carried, Context};
use crate::record::Record;
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::table::Table;
use crate::work::DueJob;

pub(super) fn tenant(row: &Row<'_>, context: &Context) -> Result<Carried, Refusal> {
    let id = row.uuid("id")?;
    let elsewhere = context.consent.get(&id);
    let (url, secret) = (row.optional_text("idpConsentUrl")?, row.optional_text("idpSecret")?);
    let url = url.or_else(|| elsewhere.and_then(|place| place.url.clone()));
    let secret = secret.or_else(|| elsewhere.and_then(|place| place.secret.clone()));
    let (email, name, api_secret) =
        (row.optional_text("email")?, row.optional_text("publicName")?, row.text("apiSecret")?);
    Ok(Carried::one(Record::new(
        Table::Tenants,
        &[
            ("id", id.into()),
            ("api_secret", (&api_secret).into()),
            ("email", email.as_deref().into()),
            ("public_name", name.as_deref().into()),
            ("idp_consent_url", url.as_deref().into()),
            ("idp_secret", secret.as_deref().into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
            ("deleted_at", row.optional_instant("deletedAt")?.into()),
        ],
    )))
}

pub(super) fn setting(row: &Row<'_>) -> Result<Carried, Refusal> {
    let (key, value) = (row.text("key")?, row.text("value")?);
    let known: SettingKey = key.parse().map_err(|_| {
        let known =
            "EXCHANGE_RATES_URL, WEBHOOK_URL, WEBHOOK_TIMEOUT, WEBHOOK_MAX_RETRY, WALLET_ADDRESS_URL, ILP_ADDRESS";
        row.refuse(Reason::UnknownWord { column: "key", found: key.clone(), known })
    })?;
    Ok(Carried::one(Record::new(
        Table::TenantSettings,
        &[
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("key", known.as_str().into()),
            ("value", (&value).into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
            ("deleted_at", row.optional_instant("deletedAt")?.into()),
        ],
    )))
}

pub(super) fn asset(row: &Row<'_>) -> Result<Carried, Refusal> {
    let (code, scale) = (row.text("code")?, row.scale("scale")?);
    let usable = money::Asset::new(&code, scale).is_ok();
    if !usable {
        return Err(row.refuse(Reason::Malformed { column: "code", found: code, wanted: "an asset code" }));
    }

    let ledger = row.count("ledger")?;
    if ledger == 0 {
        return Err(row.refuse(Reason::Malformed {
            column: "ledger",
            found: "0".to_owned(),
            wanted: "a ledger number",
        }));
    }

    Ok(Carried::one(Record::new(
        Table::Assets,
        &[
            ("id", row.uuid("id")?.into()),
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("ledger", ledger.into()),
            ("code", (&code).into()),
            ("scale", scale.into()),
            ("withdrawal_threshold", row.optional_amount("withdrawalThreshold")?.into()),
            ("liquidity_threshold", row.optional_amount("liquidityThreshold")?.into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
            ("deleted_at", row.optional_instant("deletedAt")?.into()),
        ],
    )))
}

pub(super) fn fee(row: &Row<'_>) -> Result<Carried, Refusal> {
    let points = row.count("basisPointFee")?;
    if points > 10_000 {
        return Err(row.refuse(Reason::TooLarge { column: "basisPointFee", found: points.to_string() }));
    }
    Ok(Carried::one(Record::new(
        Table::Fees,
        &[
            ("id", row.uuid("id")?.into()),
            ("asset_id", row.uuid("assetId")?.into()),
            ("kind", row.word("type", &["SENDING", "RECEIVING"])?.into()),
            ("fixed_fee", row.amount("fixedFee")?.into()),
            ("basis_point_fee", points.into()),
            ("created_at", row.instant("createdAt")?.into()),
        ],
    )))
}

pub(super) fn wallet_address(row: &Row<'_>) -> Result<Carried, Refusal> {
    let (id, address, name) = (row.uuid("id")?, row.text("address")?, row.optional_text("publicName")?);
    let process_at = row.optional_instant("processAt")?;
    let record = Record::new(
        Table::WalletAddresses,
        &[
            ("id", id.into()),
            ("tenant_id", row.uuid("tenantId")?.into()),
            ("asset_id", row.uuid("assetId")?.into()),
            ("address", (&address).into()),
            ("public_name", name.as_deref().into()),
            ("total_events_amount", row.amount("totalEventsAmount")?.into()),
            ("process_at", process_at.into()),
            ("deactivated_at", row.optional_instant("deactivatedAt")?.into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
        ],
    );
    let carried = Carried::one(record);
    Ok(match process_at {
        Some(at) => carried.with_work(DueJob::Announce { address: id, at }),
        None => carried,
    })
}

pub(super) fn key(row: &Row<'_>) -> Result<Carried, Refusal> {
    let (kid, x) = (row.text("kid")?, row.text("x")?);
    Ok(Carried::one(Record::new(
        Table::WalletAddressKeys,
        &[
            ("id", row.uuid("id")?.into()),
            ("wallet_address_id", row.uuid("walletAddressId")?.into()),
            ("kid", (&kid).into()),
            ("x", (&x).into()),
            ("revoked", row.flag("revoked")?.into()),
            ("created_at", row.instant("createdAt")?.into()),
            ("updated_at", row.instant("updatedAt")?.into()),
        ],
    )))
}

/// The query numbers the properties of an address in their order.
pub(super) fn property(row: &Row<'_>) -> Result<Carried, Refusal> {
    let (key, value) = (row.text("fieldKey")?, row.text("fieldValue")?);
    Ok(Carried::one(Record::new(
        Table::WalletAddressProperties,
        &[
            ("id", row.uuid("id")?.into()),
            ("wallet_address_id", row.uuid("walletAddressId")?.into()),
            ("position", row.count("position")?.into()),
            ("key", (&key).into()),
            ("value", (&value).into()),
            ("visible_in_open_payments", row.flag("visibleInOpenPayments")?.into()),
        ],
    )))
}
