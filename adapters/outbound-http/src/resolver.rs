//! Name resolution that returns public addresses only, so that a name cannot lead a stranger's URL into a private
//! network.
//!
//! It makes no connections. The connection is made to exactly the addresses that were checked here, so a second look-up
//! cannot return other addresses.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_public;

/// The name has no public address.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no public address")]
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
