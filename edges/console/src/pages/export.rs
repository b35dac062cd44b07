//! Lists as files, sent page by page: CSV (RFC 4180), or one JSON value a line.
//!
//! The filters of the list's address apply.

use std::collections::VecDeque;

use admin_client::{AdminClient, AdminError, PageInfo, PageRequest, PaymentFilter};
use axum::body::Body;
use axum::response::IntoResponse;
use futures::stream;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::context::{Answer, Ctx, Problem};
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
            Self::Payments => &["id", "type", "state", "walletAddressId", "createdAt", "tenantId", "metadata"],
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
    let tenant = |tenant: &Option<admin_client::TenantName>| tenant.as_ref().map(|tenant| tenant.id);
    let amount = |value: Option<u64>| value.map(|value| value.to_string());

    Ok(match reading.list {
        List::Payments => {
            let found = admin.payments_page(page, &reading.filter, None).await?;
            let row = |p: &admin_client::PaymentView| {
                let kind = match p.direction {
                    admin_client::Direction::Incoming => "INCOMING",
                    admin_client::Direction::Outgoing => "OUTGOING",
                };
                json!({"id": p.id, "type": kind, "state": p.state, "walletAddressId": p.wallet_address_id,
                       "createdAt": p.created_at, "tenantId": tenant(&p.tenant), "metadata": p.metadata})
            };
            (found.nodes.iter().map(row).collect(), found.page_info)
        }

        List::Assets => {
            let found = admin.assets_page(page, None).await?;
            let row = |a: &admin_client::AssetView| {
                json!({"id": a.id, "code": a.code, "scale": a.scale, "liquidity": amount(a.liquidity),
                       "withdrawalThreshold": amount(a.withdrawal_threshold),
                       "liquidityThreshold": amount(a.liquidity_threshold), "tenantId": tenant(&a.tenant)})
            };
            (found.nodes.iter().map(row).collect(), found.page_info)
        }

        List::Peers => {
            let found = admin.peers_page(page, None).await?;
            let row = |p: &admin_client::PeerView| {
                json!({"id": p.id, "name": p.name, "staticIlpAddress": p.static_ilp_address, "assetCode": p.asset.code,
                       "assetScale": p.asset.scale, "liquidity": amount(p.liquidity),
                       "endpoint": p.http.outgoing.endpoint, "tenantId": tenant(&p.tenant)})
            };
            (found.nodes.iter().map(row).collect(), found.page_info)
        }

        List::WalletAddresses => {
            let found = admin.wallet_addresses_page(page, None).await?;
            let row = |a: &admin_client::WalletAddressView| {
                json!({"id": a.id, "address": a.address, "publicName": a.public_name, "status": a.status,
                       "assetCode": a.asset.code, "assetScale": a.asset.scale, "createdAt": a.created_at,
                       "tenantId": tenant(&a.tenant)})
            };
            (found.nodes.iter().map(row).collect(), found.page_info)
        }

        List::WebhookEvents => {
            let found = admin.webhook_events_page(page, &reading.kinds, None).await?;
            let row = |e: &admin_client::WebhookEventView| json!({"id": e.id, "type": e.kind, "createdAt": e.created_at, "tenantId": tenant(&e.tenant), "data": e.data});
            (found.nodes.iter().map(row).collect(), found.page_info)
        }

        List::Tenants => {
            let found = admin.tenants_page(page).await?;
            let row = |t: &admin_client::TenantView| {
                json!({"id": t.id, "publicName": t.public_name, "email": t.email, "createdAt": t.created_at,
                       "deletedAt": t.deleted_at})
            };
            (found.nodes.iter().map(row).collect(), found.page_info)
        }
    })
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
