//! What an institution of a test meets outside: rates that never change, and nobody else.
//!
//! Not a network: a test that needs one gives its own uplink.

use std::time::Duration;

use async_trait::async_trait;
use auth_service::{MirrorError, TenantMirror};
use bytes::Bytes;
use connector::{Answer, Attempt, LiquidityAlerts, LowLiquidity, PeerAccount, Uplink, UplinkError};
use payments_model::Tenant;
use rates::{FetchError, FetchRates};
use url::Url;

/// Where rates are asked for.
pub(crate) fn rates_url() -> Url {
    "https://rates.example/".parse().unwrap()
}

/// One dollar is 0.9 euro, wherever it is asked.
pub(crate) struct FixedRates;

#[async_trait]
impl FetchRates for FixedRates {
    async fn fetch(&self, url: Url) -> Result<Bytes, FetchError> {
        Ok(if url.as_str().contains("EUR") {
            Bytes::from_static(br#"{"base":"EUR","rates":{"USD":1.1111}}"#)
        } else {
            Bytes::from_static(br#"{"base":"USD","rates":{"EUR":0.9,"XAU":0.123456789012}}"#)
        })
    }
}

/// Nobody is told that liquidity runs low.
pub(crate) struct Deaf;

#[async_trait]
impl LiquidityAlerts for Deaf {
    async fn low(&self, _: LowLiquidity) {}
}

/// No peer can be reached.
pub(crate) struct Nobody;

#[async_trait]
impl Uplink for Nobody {
    async fn exchange(&self, _: &PeerAccount, _: Bytes, _: Attempt, _: Duration) -> Result<Answer, UplinkError> {
        Err(UplinkError::Unreachable("no peer in this test".into()))
    }
}

/// There is no authorization server.
#[derive(Debug)]
pub(crate) struct NoMirror;

#[async_trait]
impl TenantMirror for NoMirror {
    async fn bring_in_line(&self, _: &Tenant) -> Result<(), MirrorError> {
        Ok(())
    }
}
