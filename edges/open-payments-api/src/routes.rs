//! The operation of a method and a path.
//!
//! Letter case and one trailing slash of the fixed parts do not matter. A malformed tenant or id is stored as `None`,
//! and each operation answers it like an unknown one.

use axum::http::Method;
use payments_model::TenantId;
use uuid::Uuid;

/// An operation of the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Health,
    CreateIncomingPayment(Tenant),
    ListIncomingPayments(Tenant),
    GetIncomingPayment(Tenant, Id),
    CompleteIncomingPayment(Tenant, Id),
    CreateQuote(Tenant),
    GetQuote(Tenant, Id),
    CreateOutgoingPayment(Tenant),
    ListOutgoingPayments(Tenant),
    GetOutgoingPayment(Tenant, Id),
    GetOutgoingPaymentGrant,
    /// The raw path of a wallet address.
    WalletAddress(String),
    /// The raw path before `/jwks.json`.
    WalletAddressKeys(String),
}

/// The operations of the listener, for tests of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// Its method.
    pub method: &'static str,
    /// Its path, with `{tenant}`, `{id}` and `{address}` as placeholders.
    pub path: &'static str,
}

/// Every operation of the listener.
pub const OPERATIONS: [Operation; 13] = [
    Operation { name: "health", method: "GET", path: "/healthz" },
    Operation { name: "create incoming payment", method: "POST", path: "/{tenant}/incoming-payments" },
    Operation { name: "list incoming payments", method: "GET", path: "/{tenant}/incoming-payments" },
    Operation { name: "get incoming payment", method: "GET", path: "/{tenant}/incoming-payments/{id}" },
    Operation { name: "complete incoming payment", method: "POST", path: "/{tenant}/incoming-payments/{id}/complete" },
    Operation { name: "create quote", method: "POST", path: "/{tenant}/quotes" },
    Operation { name: "get quote", method: "GET", path: "/{tenant}/quotes/{id}" },
    Operation { name: "create outgoing payment", method: "POST", path: "/{tenant}/outgoing-payments" },
    Operation { name: "list outgoing payments", method: "GET", path: "/{tenant}/outgoing-payments" },
    Operation { name: "get outgoing payment", method: "GET", path: "/{tenant}/outgoing-payments/{id}" },
    Operation { name: "get outgoing payment grant", method: "GET", path: "/{tenant}/outgoing-payment-grant" },
    Operation { name: "wallet address", method: "GET", path: "{address}" },
    Operation { name: "wallet address keys", method: "GET", path: "{address}/jwks.json" },
];

/// The tenant segment, if it is a valid id.
pub(crate) type Tenant = Option<TenantId>;

/// The id segment as sent, and parsed if it is a valid id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) sent: String,
    pub(crate) uuid: Option<Uuid>,
}

impl Route {
    /// The operation of `method` on the raw path, or `None` for 404.
    pub(crate) fn of(method: &Method, raw_path: &str) -> Option<Self> {
        let get = method == Method::GET || method == Method::HEAD;
        let post = method == Method::POST;
        let path = raw_path.strip_suffix('/').unwrap_or(raw_path);
        let segments: Vec<String> = path.split('/').skip(1).map(decode).collect::<Option<_>>()?;
        let folded: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let names: Vec<&str> = folded.iter().map(String::as_str).collect();
        let tenant = || segments[0].parse().ok();
        let id = || Id { sent: segments[2].clone(), uuid: Uuid::try_parse(&segments[2]).ok() };

        let route = match names.as_slice() {
            ["healthz"] if get => Self::Health,
            [_, "incoming-payments"] if post => Self::CreateIncomingPayment(tenant()),
            [_, "incoming-payments"] if get => Self::ListIncomingPayments(tenant()),
            [_, "incoming-payments", _] if get => Self::GetIncomingPayment(tenant(), id()),
            [_, "incoming-payments", _, "complete"] if post => Self::CompleteIncomingPayment(tenant(), id()),
            [_, "quotes"] if post => Self::CreateQuote(tenant()),
            [_, "quotes", _] if get => Self::GetQuote(tenant(), id()),
            [_, "outgoing-payments"] if post => Self::CreateOutgoingPayment(tenant()),
            [_, "outgoing-payments"] if get => Self::ListOutgoingPayments(tenant()),
            [_, "outgoing-payments", _] if get => Self::GetOutgoingPayment(tenant(), id()),
            [_, "outgoing-payment-grant"] if get => Self::GetOutgoingPaymentGrant,
            [.., "jwks.json"] if get => {
                let owner = path.rsplit_once('/').map_or("", |(owner, _)| owner);
                Self::WalletAddressKeys(owner.to_owned())
            }
            _ if get => Self::WalletAddress(path.to_owned()),
            _ => return None,
        };

        Some(route)
    }
}

/// Percent-decodes one path segment; `None` if it is no text.
pub(crate) fn decode(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        let digits =
            std::str::from_utf8(&digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";

    /// A route without a name here does not compile, and one without an operation fails the test below.
    fn name(route: &Route) -> &'static str {
        match route {
            Route::Health => "health",
            Route::CreateIncomingPayment(_) => "create incoming payment",
            Route::ListIncomingPayments(_) => "list incoming payments",
            Route::GetIncomingPayment(..) => "get incoming payment",
            Route::CompleteIncomingPayment(..) => "complete incoming payment",
            Route::CreateQuote(_) => "create quote",
            Route::GetQuote(..) => "get quote",
            Route::CreateOutgoingPayment(_) => "create outgoing payment",
            Route::ListOutgoingPayments(_) => "list outgoing payments",
            Route::GetOutgoingPayment(..) => "get outgoing payment",
            Route::GetOutgoingPaymentGrant => "get outgoing payment grant",
            Route::WalletAddress(_) => "wallet address",
            Route::WalletAddressKeys(_) => "wallet address keys",
        }
    }

    #[test]
    fn every_reported_operation_is_the_one_that_is_done() {
        for operation in OPERATIONS {
            let path = operation.path.replace("{tenant}", T).replace("{id}", T).replace("{address}", "/accounts/alice");
            let route = Route::of(&operation.method.parse().unwrap(), &path).unwrap();
            assert_eq!(name(&route), operation.name);
        }
        let names: std::collections::BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), 13, "one of each kind of route");
    }

    fn tenant() -> TenantId {
        T.parse().unwrap()
    }

    #[test]
    fn letter_case_and_one_trailing_slash_do_not_matter() {
        assert_eq!(
            Route::of(&Method::POST, &format!("/{T}/Incoming-Payments/")),
            Some(Route::CreateIncomingPayment(Some(tenant())))
        );
        assert_eq!(
            Route::of(&Method::HEAD, &format!("/{T}/quotes/{T}")).map(|route| matches!(route, Route::GetQuote(..))),
            Some(true)
        );
        assert_eq!(Route::of(&Method::GET, "/%68ealthz"), Some(Route::Health));
    }

    #[test]
    fn a_malformed_tenant_or_id_reaches_the_operation_as_unknown() {
        assert_eq!(Route::of(&Method::POST, "/x/quotes"), Some(Route::CreateQuote(None)));
        let id = Id { sent: "a b".into(), uuid: None };
        assert_eq!(Route::of(&Method::GET, "/x/quotes/a%20b"), Some(Route::GetQuote(None, id)));
    }

    #[test]
    fn every_other_path_may_be_a_wallet_address_but_only_for_reading() {
        assert_eq!(Route::of(&Method::GET, "/accounts/alice/"), Some(Route::WalletAddress("/accounts/alice".into())));
        assert_eq!(
            Route::of(&Method::GET, "/accounts/alice/JWKS.json"),
            Some(Route::WalletAddressKeys("/accounts/alice".into()))
        );
        // Another spelling of the name of key sets, and a path that is no wallet address: what is there is found out later.
        assert_eq!(Route::of(&Method::GET, "/a/jwks%2Ejson"), Some(Route::WalletAddressKeys("/a".into())));
        assert_eq!(Route::of(&Method::GET, "//x"), Some(Route::WalletAddress("//x".into())));
        assert_eq!(Route::of(&Method::GET, "/jwks.json"), Some(Route::WalletAddressKeys(String::new())));
        assert_eq!(Route::of(&Method::GET, "/"), Some(Route::WalletAddress(String::new())));
        assert_eq!(Route::of(&Method::POST, "/accounts/alice"), None);
        assert_eq!(Route::of(&Method::DELETE, &format!("/{T}/quotes/{T}")), None);
        assert_eq!(Route::of(&Method::GET, "/a%"), None);
        assert_eq!(Route::of(&Method::GET, "/a%+1"), None);
    }
}
