//! Name resolution that hands out public addresses only, so that a name cannot lead a stranger's URL inside.
//!
//! The connection is made to the very addresses checked here; there is no second look-up to rebind.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_public;

/// The name leads to no public address.
#[derive(Debug, thiserror::Error)]
#[error("{0} leads to no public address")]
pub(crate) struct NoPublicAddress(String);

#[derive(Debug)]
pub(crate) struct PublicOnly {
    pub(crate) except_hosts: Arc<HashSet<String>>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let exempt = self.except_hosts.contains(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let usable: Vec<SocketAddr> = found.filter(|address| exempt || is_public(address.ip())).collect();
            if usable.is_empty() {
                return Err(NoPublicAddress(name.as_str().to_owned()).into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}
