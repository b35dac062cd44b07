//! `POST /ledger/accounts` beside the Admin API: the operator looks at balances, to check what a payment moved.
//!
//! Not part of the reference. Signed as the Admin API is, for the operator only; shows balances and moves nothing.

use std::sync::Arc;
use std::time::Duration;

use admin_client::signature;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use clock::Clock;
use ledger::{Account, AccountId, Ledger};
use payments_model::TenantAsset;
use payments_store::Store;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::pay::ledger_view::AccountView;
use crate::roles::ground::Ground;

#[derive(Clone)]
struct View {
    store: Store,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    operator: Uuid,
    secret: config::Secret,
    version: u32,
    lifetime: Duration,
}

#[derive(Deserialize)]
struct Question {
    /// Payments whose accounts are of interest, incoming or outgoing.
    #[serde(default)]
    payments: Vec<Uuid>,
}

/// The route, to be merged into the Admin listener.
pub(crate) fn router(store: Store, ledger: Arc<dyn Ledger>, config: &config::Backend, ground: &Ground) -> Router {
    let view = View {
        store,
        ledger,
        clock: Arc::clone(&ground.clock),
        operator: config.operator_tenant_id,
        secret: config.admin_api.secret.clone(),
        version: config.admin_api.signature_version,
        lifetime: config.admin_api.signature_lifetime,
    };
    Router::new().route("/ledger/accounts", post(accounts)).with_state(view)
}

async fn accounts(State(view): State<View>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if !view.is_operator(&headers, &body) {
        return (StatusCode::UNAUTHORIZED, "Unauthorized").into_response();
    }
    let Ok(question) = serde_json::from_value::<Question>(body) else {
        return (StatusCode::BAD_REQUEST, "payments must be a list of ids").into_response();
    };
    match view.look(&question.payments).await {
        Ok(accounts) => Json(accounts).into_response(),
        Err(error) => {
            tracing::warn!(error, "the ledger could not be looked at");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

impl View {
    fn is_operator(&self, headers: &HeaderMap, body: &Value) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let tenant = text("tenant-id").and_then(|id| Uuid::try_parse(id).ok());
        let (Some(header), true) = (text("signature"), tenant == Some(self.operator)) else { return false };
        let canonical = signature::canonical(body);
        let verdict =
            signature::verify(header, self.secret.expose(), self.version, self.clock.now(), self.lifetime, &canonical);
        verdict.is_ok()
    }

    /// Every asset's own accounts, every peer's, and those of the named payments.
    async fn look(&self, payments: &[Uuid]) -> Result<Vec<AccountView>, String> {
        let text = |error: database::Error| error.to_string();
        let all = self.store.every_tenant();
        let assets = all.all_assets().await.map_err(text)?;
        let mut names: Vec<(AccountId, String)> = Vec::new();
        for asset in &assets {
            let in_ledger = asset.in_ledger();
            names.push((in_ledger.settlement_account(), format!("settlement {}", asset.asset.code)));
            names.push((in_ledger.liquidity_account(), format!("liquidity {}", asset.asset.code)));
        }
        for peer in all.all_peers().await.map_err(text)? {
            let name = peer.name.unwrap_or(peer.static_ilp_address);
            names.push((peer.id.into(), format!("peer {name}")));
        }
        names.extend(payments.iter().map(|id| (AccountId::from(*id), String::new())));
        let found = self.ledger.accounts(names.iter().map(|(id, _)| *id).collect()).await;
        let found = found.map_err(|error| error.to_string())?;
        let views = names.into_iter().zip(found).filter_map(|((_, name), account)| view(name, &account?, &assets));
        Ok(views.collect())
    }
}

fn view(name: String, account: &Account, assets: &[TenantAsset]) -> Option<AccountView> {
    let ledger = account.created.ledger;
    let asset = assets.iter().find(|asset| asset.in_ledger().ledger == ledger)?;
    let name = if name.is_empty() { kind(account.created.code).to_owned() } else { name };
    Some(AccountView {
        id: account.created.id.as_uuid(),
        ledger,
        asset_code: asset.asset.code.to_string(),
        asset_scale: asset.asset.scale,
        name,
        debits: account.debits_posted,
        credits: account.credits_posted,
        pending: account.debits_pending.saturating_add(account.credits_pending),
    })
}

/// What an account of this code belongs to (payments-model, `AccountKind`).
fn kind(code: u16) -> &'static str {
    match code {
        1 => "wallet address",
        4 => "incoming payment",
        5 => "outgoing payment",
        _ => "account",
    }
}
