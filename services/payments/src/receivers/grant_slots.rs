//! The grants that this process has at hand, one place for each authorization server and kind of access.
//!
//! A cache: every grant is in the database too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use payments_store::HeldGrant;

/// Servers whose grants are kept at hand; beyond it they are read from the database again.
const KEPT_MOST: usize = 4096;

type Key = (String, &'static str);

/// One entry per server and kind of access, locked while a grant is looked for. So no grant is asked for twice.
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
