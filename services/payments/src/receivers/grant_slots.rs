//! The grants in this process's memory, one slot for each authorization server and kind of access.
//!
//! This is a cache. Every grant is in the database too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use payments_store::HeldGrant;

/// The most servers whose grants are kept. Grants of others are read from the database again.
const KEPT_MOST: usize = 4096;

type Key = (String, &'static str);

/// One entry per server and kind of access. It is locked while a grant is looked up or requested, so no grant is
/// requested twice.
#[derive(Default)]
pub(crate) struct GrantSlots(Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Option<HeldGrant>>>>>);

impl GrantSlots {
    /// The entry for a kind of access at a server.
    pub(crate) fn slot(&self, auth_server: &str, kind: &'static str) -> Arc<tokio::sync::Mutex<Option<HeldGrant>>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT_MOST {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry((auth_server.to_owned(), kind)).or_default().clone()
    }
}
