//! ILP over HTTP towards peers (ilp section 5): one POST per packet, its reply in the answer.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use outbound_http::{Outbound, OutboundError, Request};

use crate::accounts::PeerAccount;
use crate::ports::{Uplink, UplinkError};

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The largest reply read; a STREAM reply takes half of it.
const REPLY_LIMIT: usize = 64 * 1024;

/// Posts packets to peers' endpoints over pooled connections.
#[derive(Clone, Debug)]
pub struct HttpUplink {
    client: Outbound,
}

impl HttpUplink {
    /// An uplink over `client`.
    pub fn new(client: Outbound) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Uplink for HttpUplink {
    async fn exchange(&self, peer: &PeerAccount, prepare: Bytes, at_most: Duration) -> Result<Bytes, UplinkError> {
        let record = peer.record();
        let request = Request::new(Method::POST, record.endpoint.clone())
            .authorization(&format!("Bearer {}", record.outgoing_token))
            .header(CONTENT_TYPE, OCTETS)
            .header(ACCEPT, OCTETS)
            .body(prepare)
            .deadline(at_most)
            .limit(REPLY_LIMIT)
            .configured();
        let answer = self.client.send(request).await.map_err(|error| match error {
            OutboundError::Timeout { .. } => UplinkError::TimedOut,
            other => UplinkError::Unreachable(other.to_string()),
        })?;
        match answer.status {
            status if status.is_success() => Ok(answer.body),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(UplinkError::Busy),
            status if status.is_server_error() => Err(UplinkError::Unreachable(format!("status {status}"))),
            status => Err(UplinkError::Refused(format!("status {status}"))),
        }
    }
}
