//! The outside of an institution in a test: rates that never change, and no peers.
//!
//! A test that needs a network gives its own uplink.

use std::time::Duration;

use async_trait::async_trait;
use auth_service::{MirrorError, TenantMirror};
use bytes::Bytes;
use connector::{LiquidityAlerts, LowLiquidity, PeerAccount, PeerAnswer, Transmission, Uplink, UplinkError};
use payments_model::Tenant;
use rates::{FetchError, FetchRates};
use url::Url;

/// The URL of the rates.
pub(crate) fn rates_url() -> Url {
    "https://rates.example/".parse().unwrap()
}

/// One dollar is 0.9 euro, for every caller.
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

/// Ignores reports of low liquidity.
pub(crate) struct Deaf;

#[async_trait]
impl LiquidityAlerts for Deaf {
    async fn low(&self, _: LowLiquidity) {}
}

/// No peer can be reached.
pub(crate) struct Nobody;

#[async_trait]
impl Uplink for Nobody {
    async fn exchange(
        &self,
        _: &PeerAccount,
        _: Bytes,
        _: Transmission,
        _: Duration,
    ) -> Result<PeerAnswer, UplinkError> {
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
