//! Limits on open connections: in all, and from one source.
//!
//! A connection above the limit is closed at once without an answer, because an answer costs more than the connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client_address::source_of;

/// How often refusals are logged.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// The most connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub in_all: usize,
    /// From one source: an IPv4 address, or an IPv6 network of 64 bits.
    pub per_source: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { in_all: 8192, per_source: 1024 }
    }
}

/// Counts connections. Clones count together.
#[derive(Clone, Debug)]
pub struct Admission {
    limits: ConnectionLimits,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    in_all: usize,
    by_source: HashMap<IpAddr, usize>,
    refused: u64,
    told_at: Option<Instant>,
}

impl Admission {
    /// No connection yet.
    pub fn new(limits: ConnectionLimits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// A place for a connection from `address`, given back on drop; `None` if none is free.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Place> {
        let source = source_of(address);
        let mut open = self.open();
        let of_source = open.by_source.get(&source).copied().unwrap_or(0);
        if open.in_all >= self.limits.in_all || of_source >= self.limits.per_source {
            open.refuse(source, of_source, self.limits);
            return None;
        }
        open.in_all += 1;
        *open.by_source.entry(source).or_default() += 1;
        Some(Place { admission: self.clone(), source })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn refuse(&mut self, source: IpAddr, of_source: usize, limits: ConnectionLimits) {
        self.refused += 1;
        let now = Instant::now();
        if self.told_at.is_none_or(|told_at| now.duration_since(told_at) >= TELL_EVERY) {
            self.told_at = Some(now);
            tracing::warn!(
                %source, of_source, in_all = self.in_all, refused = self.refused, ?limits,
                "connections are refused; if they are legitimate, raise HTTP_CONNECTIONS_MAX or HTTP_CONNECTIONS_MAX_PER_ADDRESS"
            );
        }
    }
}

/// A connection's place.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Admission,
    source: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.in_all -= 1;
        if let Some(of_source) = open.by_source.get_mut(&self.source) {
            *of_source -= 1;
            if *of_source == 0 {
                open.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_source_cannot_take_every_place_and_a_place_given_back_is_free() {
        let admission = Admission::new(ConnectionLimits { in_all: 3, per_source: 2 });
        let [one, other]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let first = admission.admit(one).unwrap();
        let _second = admission.admit(one).unwrap();
        assert!(admission.admit(one).is_none(), "two of one source");
        let _third = admission.admit(other).unwrap();
        assert!(admission.admit(other).is_none(), "three in all");
        drop(first);
        assert!(admission.admit(one).is_some());
    }

    #[tokio::test]
    async fn a_network_of_64_bits_is_one_source() {
        let admission = Admission::new(ConnectionLimits { in_all: 9, per_source: 1 });
        let _place = admission.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert!(admission.admit("2001:db8::2".parse().unwrap()).is_none());
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap()).is_some());
    }
}
