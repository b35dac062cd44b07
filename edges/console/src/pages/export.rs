//! Lists as files, sent page by page: CSV (RFC 4180), or one JSON value a line.
//!
//! The filters of the list's address apply.

use std::collections::VecDeque;

use admin_client::{
    AdminClient, AdminError, AssetView, Direction, Listed, PageInfo, PageRequest, PaymentFilter, PaymentView, PeerView,
    TenantName, TenantView, WalletAddressView, WebhookEventView,
};
use axum::body::Body;
use axum::response::IntoResponse;
use futures::stream;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices::amount;
use crate::pages::{event_kinds, payments};

/// The most pages of a hundred rows in one file.
const PAGES_MAX: usize = 10_000;

#[derive(Clone, Copy)]
enum List {
    Payments,
    Assets,
    Peers,
    WalletAddresses,
    WebhookEvents,
    Tenants,
}

impl List {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "payments" => Self::Payments,
            "assets" => Self::Assets,
            "peers" => Self::Peers,
            "wallet-addresses" => Self::WalletAddresses,
            "webhook-events" => Self::WebhookEvents,
            "tenants" => Self::Tenants,
            _ => return None,
        })
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Payments => &[
                "id",
                "type",
                "state",
                "walletAddressId",
                "createdAt",
                "tenantId",
                "metadata",
                "amount",
                "assetCode",
                "assetScale",
            ],
            Self::Assets => {
                &["id", "code", "scale", "liquidity", "withdrawalThreshold", "liquidityThreshold", "tenantId"]
            }
            Self::Peers => {
                &["id", "name", "staticIlpAddress", "assetCode", "assetScale", "liquidity", "endpoint", "tenantId"]
            }
            Self::WalletAddresses => {
                &["id", "address", "publicName", "status", "assetCode", "assetScale", "createdAt", "tenantId"]
            }
            Self::WebhookEvents => &["id", "type", "createdAt", "tenantId", "data"],
            Self::Tenants => &["id", "publicName", "email", "createdAt", "deletedAt"],
        }
    }
}

struct Reading {
    admin: AdminClient,
    list: List,
    filter: PaymentFilter,
    tenant: Option<Uuid>,
    kinds: Vec<String>,
    csv: bool,
    after: Option<String>,
    pages: usize,
    lines: VecDeque<String>,
    more: bool,
}

/// `GET /export/{list}`
pub(crate) async fn export(ctx: Ctx) -> Result<Answer, Problem> {
    let name = ctx.parameter("list").to_owned();
    let list = List::of(&name).ok_or(Problem::NotFound("There is no such list."))?;
    let csv = ctx.asked("format") != Some("json");

    let mut lines = VecDeque::new();
    if csv {
        lines.push_back(list.columns().join(",") + "\r\n");
    }

    let reading = Reading {
        admin: ctx.admin(),
        list,
        filter: if matches!(list, List::Payments) { payments::filter(&ctx)? } else { PaymentFilter::default() },
        tenant: ctx.of_tenant()?,
        kinds: if matches!(list, List::WebhookEvents) { event_kinds::kinds(&ctx)? } else { Vec::new() },
        csv,
        after: None,
        pages: 0,
        lines,
        more: true,
    };

    let (kind, file) = if csv {
        ("text/csv; charset=utf-8", format!("{name}.csv"))
    } else {
        ("application/x-ndjson", format!("{name}.jsonl"))
    };

    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{file}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let body = Body::from_stream(stream::try_unfold(reading, next));
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONTENT_DISPOSITION, disposition)];
    Ok(Answer::Raw((headers, body).into_response()))
}

/// The next part of the file. An error ends the download, so that a part is not taken for the whole.
async fn next(mut reading: Reading) -> Result<Option<(String, Reading)>, AdminError> {
    if reading.lines.is_empty() && reading.more {
        let page = PageRequest { first: Some(100), after: reading.after.clone(), ..PageRequest::default() };
        let (rows, info) = rows(&reading, &page).await?;
        let columns = reading.list.columns();
        let csv = reading.csv;
        reading.lines.extend(rows.iter().map(|row| if csv { csv_line(row, columns) } else { format!("{row}\n") }));
        reading.pages += 1;
        reading.more = info.has_next_page && reading.pages < PAGES_MAX;
        reading.after = info.end_cursor;
    }
    if reading.lines.is_empty() {
        return Ok(None);
    }
    let text: String = reading.lines.drain(..).collect();
    Ok(Some((text, reading)))
}

async fn rows(reading: &Reading, page: &PageRequest) -> Result<(Vec<Value>, PageInfo), AdminError> {
    let admin = &reading.admin;
    Ok(match reading.list {
        List::Payments => read(admin.payments_page(page, &reading.filter, reading.tenant).await?, of_payment),
        List::Assets => read(admin.assets_page(page, reading.tenant).await?, of_asset),
        List::Peers => read(admin.peers_page(page, reading.tenant).await?, of_peer),
        List::WalletAddresses => read(admin.wallet_addresses_page(page, reading.tenant).await?, of_wallet_address),
        List::WebhookEvents => read(admin.webhook_events_page(page, &reading.kinds, reading.tenant).await?, of_event),
        List::Tenants => read(admin.tenants_page(page).await?, of_tenant),
    })
}

fn read<T>(found: Listed<T>, row: fn(&T) -> Value) -> (Vec<Value>, PageInfo) {
    (found.nodes.iter().map(row).collect(), found.page_info)
}

fn of_payment(payment: &PaymentView) -> Value {
    let kind = match payment.direction {
        Direction::Incoming => "INCOMING",
        Direction::Outgoing => "OUTGOING",
    };
    let money = payment.amount.as_ref();
    json!({
        "id": payment.id, "type": kind, "state": payment.state, "walletAddressId": payment.wallet_address_id,
        "amount": amount(money.map(|money| money.value)), "assetCode": money.map(|money| &money.asset_code),
        "assetScale": money.map(|money| money.asset_scale), "createdAt": payment.created_at, "tenantId": tenant(payment.tenant.as_ref()), "metadata": payment.metadata,
    })
}

fn of_asset(asset: &AssetView) -> Value {
    json!({
        "id": asset.id, "code": asset.code, "scale": asset.scale, "liquidity": amount(asset.liquidity),
        "withdrawalThreshold": amount(asset.withdrawal_threshold),
        "liquidityThreshold": amount(asset.liquidity_threshold), "tenantId": tenant(asset.tenant.as_ref()),
    })
}

fn of_peer(peer: &PeerView) -> Value {
    json!({
        "id": peer.id, "name": peer.name, "staticIlpAddress": peer.static_ilp_address,
        "assetCode": peer.asset.code, "assetScale": peer.asset.scale, "liquidity": amount(peer.liquidity),
        "endpoint": peer.http.outgoing.endpoint, "tenantId": tenant(peer.tenant.as_ref()),
    })
}

fn of_wallet_address(address: &WalletAddressView) -> Value {
    json!({
        "id": address.id, "address": address.address, "publicName": address.public_name, "status": address.status,
        "assetCode": address.asset.code, "assetScale": address.asset.scale, "createdAt": address.created_at,
        "tenantId": tenant(address.tenant.as_ref()),
    })
}

fn of_event(event: &WebhookEventView) -> Value {
    json!({
        "id": event.id, "type": event.kind, "createdAt": event.created_at,
        "tenantId": tenant(event.tenant.as_ref()), "data": event.data,
    })
}

fn of_tenant(tenant: &TenantView) -> Value {
    json!({
        "id": tenant.id, "publicName": tenant.public_name, "email": tenant.email, "createdAt": tenant.created_at,
        "deletedAt": tenant.deleted_at,
    })
}

fn tenant(tenant: Option<&TenantName>) -> Option<Uuid> {
    tenant.map(|tenant| tenant.id)
}

fn csv_line(row: &Value, columns: &[&str]) -> String {
    let cells: Vec<String> = columns.iter().map(|column| csv_cell(&row[*column])).collect();
    cells.join(",") + "\r\n"
}

/// Spreadsheets run a text that begins like a formula, so such a text gets an apostrophe in front.
fn csv_cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_are_not_run() {
        let row = json!({"a": "x,\"y\"", "b": "=HYPERLINK(1)", "c": null, "d": {"k": 1}});
        assert_eq!(csv_line(&row, &["a", "b", "c", "d"]), "\"x,\"\"y\"\"\",'=HYPERLINK(1),,\"{\"\"k\"\":1}\"\r\n");
    }
}
