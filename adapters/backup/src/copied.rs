//! A database as it was copied, whatever its engine. What the manifest says about it is in `manifest`.
//! Copying is in `sqlite` and `postgres`.

use std::collections::BTreeMap;

use crate::manifest::Contained;

/// A database as it was copied.
pub(crate) struct Copied {
    pub(crate) contained: Contained,
    /// The steps of migration that each store in it has.
    pub(crate) migrations: BTreeMap<String, Vec<String>>,
    /// The version of the layout of the ledger in it.
    pub(crate) ledger_layout: Option<u32>,
}
