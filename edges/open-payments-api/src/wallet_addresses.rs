//! Wallet addresses: found by URL, shown as documents and key sets.
//!
//! The crate `payments` waits for unknown addresses.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_signatures::{Jwk, JwkSet, PublicKey};
use open_payments::{
    InvalidReceiptRequest, ReceiptRequest, SPSP_CONTENT_TYPE, SpspCredentials, WalletAddress as Document,
};
use payments::Source;
use payments_model::wallet_address::{WalletAddress, WalletAddressKey};
use payments_model::{TenantId, WalletAddressId};
use sha2::{Digest, Sha256};
use stream::ReceiptSetup;
use web_url::{WalletAddressUrl, WebUrl};

use crate::caller::Caller;
use crate::error::ApiError;
use crate::render::json;
use crate::request::{ApiRequest, accept_names};
use crate::settings::OpenPaymentsApi;

/// How long a reader may cache a document.
const DOCUMENT_CACHE: &str = "public, max-age=60";
/// A revoked key must be refused at once, so readers that cache the set must revalidate it each time.
const KEYS_CACHE: &str = "public, no-cache";

/// What to do if a wallet address is unknown.
#[derive(Clone, Copy)]
enum Lookup<'a> {
    /// Nothing.
    Now,
    /// Send the event about it, and wait a moment until the account-servicing entity creates it.
    Wait {
        /// The URL as it is written in the request.
        as_written: &'a str,
        /// The source of a request. Only a limited number of its requests is answered.
        source: Source<'a>,
    },
}

/// A resource with its wallet address.
pub(crate) struct Owned<T> {
    pub(crate) resource: T,
    pub(crate) wallet_address: WalletAddress,
}

/// The resource of `tenant` with its wallet address.
pub(crate) async fn with_owner<T>(
    api: &OpenPaymentsApi,
    tenant: TenantId,
    resource: Option<T>,
    owner: impl Fn(&T) -> WalletAddressId,
) -> Result<Option<Owned<T>>, ApiError> {
    let Some(resource) = resource else { return Ok(None) };
    let wallet_address = api.addresses.of_resource(tenant, owner(&resource)).await?;
    Ok(wallet_address.map(|wallet_address| Owned { resource, wallet_address }))
}

/// The wallet address of a request of an authorised caller. Waits for the creation of an unknown one.
///
/// Refused if it does not exist or is deactivated.
pub(crate) async fn require_active(
    api: &OpenPaymentsApi,
    url: &str,
    caller: &Caller,
) -> Result<WalletAddress, ApiError> {
    let refused = || ApiError::new(StatusCode::BAD_REQUEST, "Could not get wallet address");
    let known_as: WalletAddressUrl = url.parse().map_err(|_| refused())?;
    let lookup = Lookup::Wait { as_written: url, source: Source::Client(&caller.client) };
    let address = find(api, &known_as, lookup).await?.ok_or_else(refused)?;
    if address.is_active(api.clock.now()) { Ok(address) } else { Err(refused()) }
}

/// Refuses a wallet address that was found with its resource but is deactivated.
pub(crate) fn check_active(api: &OpenPaymentsApi, address: &WalletAddress) -> Result<(), ApiError> {
    if address.is_active(api.clock.now()) {
        Ok(())
    } else {
        Err(ApiError::new(StatusCode::BAD_REQUEST, "Could not get wallet address"))
    }
}

/// The address, if it belongs to the tenant in the path.
pub(crate) fn of_tenant(address: &WalletAddress, tenant: Option<TenantId>) -> Option<TenantId> {
    tenant.filter(|tenant| *tenant == address.tenant_id)
}

/// `GET /{path…}`
pub(crate) async fn document(api: &OpenPaymentsApi, request: &ApiRequest, path: &str) -> Result<Response, ApiError> {
    let url = requested_url(api, request, path).ok_or(ApiError::NOT_FOUND)?;
    if let Some(template) = &api.settings.redirect_html_page
        && accept_names(&request.headers, "text/html")
    {
        return Ok(redirect(template, &url));
    }

    if api.settings.spsp && accept_names(&request.headers, SPSP_CONTENT_TYPE) {
        return spsp(api, request, &url).await;
    }
    request.require_accepts_json()?;
    let not_found = || ApiError::new(StatusCode::NOT_FOUND, "Could not get wallet address");
    if is_own(api, &url) {
        return Err(not_found());
    }

    let wait = Lookup::Wait { as_written: &url, source: source(request) };
    let lookup = if api.settings.wait_for_document { wait } else { Lookup::Now };
    let address = find_active(api, &url, lookup).await?;
    let address = address.ok_or_else(|| not_found().with("walletAddressUrl", url))?;
    let properties = api.addresses.public_properties(&address).await?;
    let settings = &api.settings;
    let document = Document {
        id: address.address,
        public_name: address.public_name,
        asset_code: address.asset.asset.code,
        asset_scale: address.asset.asset.scale,
        auth_server: settings.auth_server(address.tenant_id),
        resource_server: Some(settings.resource_server(address.tenant_id)),
        card_service: settings.card_service_url.as_ref().map(|url| format!("{}/", url.trim_end_matches('/'))),
        additional_properties: properties.into_iter().map(|property| (property.key, property.value)).collect(),
    };

    cacheable(json(StatusCode::OK, &document)?, request, DOCUMENT_CACHE).await
}

/// The same for SPSP clients: credentials instead of the document.
async fn spsp(api: &OpenPaymentsApi, request: &ApiRequest, url: &str) -> Result<Response, ApiError> {
    let not_found = || ApiError::new(StatusCode::NOT_FOUND, "Could not get wallet address");
    let address = find_active(api, url, Lookup::Now).await?.ok_or_else(not_found)?;
    let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let receipts = ReceiptRequest::parse(header("receipt-nonce"), header("receipt-secret"));
    let receipts = receipts.map_err(|problem| {
        let refused = ApiError::new(StatusCode::BAD_REQUEST, problem.to_string());
        match problem {
            InvalidReceiptRequest::Unaccompanied => refused,
            InvalidReceiptRequest::Nonce | InvalidReceiptRequest::Secret => {
                refused.with("paymentTag", address.id.to_string())
            }
        }
    })?;

    let receipts_enabled = receipts.is_some();
    let receipts = receipts.map(|ReceiptRequest { nonce, secret }| ReceiptSetup { nonce, secret });
    let issued = api.payments.spsp_credentials(&address, receipts).await?.ok_or_else(not_found)?;
    let credentials = SpspCredentials {
        destination_account: issued.address.to_string(),
        shared_secret: URL_SAFE_NO_PAD.encode(issued.shared_secret.as_bytes()),
        receipts_enabled,
    };

    let mut response = json(StatusCode::OK, &credentials)?;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(SPSP_CONTENT_TYPE));
    Ok(response)
}

/// `GET /{path…}/jwks.json`
pub(crate) async fn keys(api: &OpenPaymentsApi, request: &ApiRequest, path: &str) -> Result<Response, ApiError> {
    let url = requested_url(api, request, path).ok_or(ApiError::NOT_FOUND)?;
    request.require_accepts_json()?;
    if is_own(api, &url) {
        let set = JwkSet { keys: api.settings.own_keys.clone() };
        return cacheable(json(StatusCode::OK, &set)?, request, KEYS_CACHE).await;
    }
    let address = find_active(api, &url, Lookup::Wait { as_written: &url, source: source(request) }).await?;
    let address = address.ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "Could not get wallet address").with("walletAddressUrl", url)
    })?;
    let keys = api.addresses.keys(&address).await?;
    let set = JwkSet { keys: keys.iter().filter_map(jwk).collect() };
    cacheable(json(StatusCode::OK, &set)?, request, KEYS_CACHE).await
}

/// The current keys of a client whose wallet address is served by this instance under its own host; `None` for other
/// clients.
/// Tenants may use other hosts for their addresses. The caller knows whether such a host belongs to a tenant.
pub(crate) async fn keys_of_own_client(api: &OpenPaymentsApi, url: &str) -> Result<Option<JwkSet>, ApiError> {
    if is_own(api, url) {
        return Ok(Some(JwkSet { keys: api.settings.own_keys.clone() }));
    }
    let ours = api.settings.open_payments_url.parse::<WebUrl>();
    let at_home = url.parse::<WebUrl>().is_ok_and(|url| ours.is_ok_and(|ours| url.is_at_server_of(&ours)));
    if !at_home {
        return Ok(None);
    }
    let Some(address) = find_active(api, url, Lookup::Now).await? else { return Ok(None) };
    let keys = api.addresses.keys(&address).await?;
    Ok(Some(JwkSet { keys: keys.iter().filter_map(jwk).collect() }))
}

/// A stored key that is not usable is not published.
fn jwk(key: &WalletAddressKey) -> Option<Jwk> {
    Jwk::new(&*key.kid, PublicKey::from_base64url(&key.x).ok()?).ok()
}

async fn find(
    api: &OpenPaymentsApi,
    url: &WalletAddressUrl,
    lookup: Lookup<'_>,
) -> Result<Option<WalletAddress>, ApiError> {
    Ok(match lookup {
        Lookup::Now => api.addresses.find(url).await?,
        Lookup::Wait { as_written, source } => api.addresses.find_or_wait(url, as_written, source).await?,
    })
}

async fn find_active(api: &OpenPaymentsApi, url: &str, lookup: Lookup<'_>) -> Result<Option<WalletAddress>, ApiError> {
    let Ok(url) = url.parse() else { return Ok(None) };
    let address = find(api, &url, lookup).await?;
    Ok(address.filter(|address| address.is_active(api.clock.now())))
}

/// `https://` + host of the request + path, for every transport, as written in the request.
fn requested_url(api: &OpenPaymentsApi, request: &ApiRequest, path: &str) -> Option<String> {
    let host = api.settings.target.host(&request.headers)?;
    Some(format!("https://{host}{path}"))
}

/// A caller that has not identified itself.
fn source(request: &ApiRequest) -> Source<'_> {
    request.address.map_or(Source::Unknown, Source::Address)
}

fn is_own(api: &OpenPaymentsApi, url: &str) -> bool {
    let url = url.parse::<WalletAddressUrl>();
    url.is_ok_and(|url| api.settings.own_wallet_address.parse() == Ok(url))
}

/// Sends a browser to a page about the wallet address.
fn redirect(template: &str, url: &str) -> Response {
    let without_scheme = url.strip_prefix("https://").unwrap_or(url);
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let place = template
        .replacen("%ewa", &encode(url), 1)
        .replacen("%wa", url, 1)
        .replacen("%ewp", &encode(without_scheme), 1)
        .replacen("%wp", without_scheme, 1);
    match HeaderValue::from_str(&place) {
        Ok(place) => (StatusCode::FOUND, [(LOCATION, place)], "Found").into_response(),
        Err(_) => ApiError::NOT_FOUND.into_response(),
    }
}

/// Adds validators, and leaves out the body if the client has it.
async fn cacheable(response: Response, request: &ApiRequest, policy: &'static str) -> Result<Response, ApiError> {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| ApiError::BAD_REQUEST)?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..16]));
    let known = request.headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let unchanged = known.flat_map(|line| line.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            parts.headers.insert(name, value);
        }
    };
    put(ETAG, &tag);
    put(CACHE_CONTROL, policy);
    if unchanged {
        parts.status = StatusCode::NOT_MODIFIED;
        return Ok(Response::from_parts(parts, axum::body::Body::empty()));
    }
    Ok(Response::from_parts(parts, body.into()))
}
