//! The lists as one tenant has them: a filter for the operator, who sees the data of all tenants.
//!
//! It shows no secret and acts for nobody: what the operator changes, it changes as the operator.

use uuid::Uuid;

use crate::context::Ctx;
use crate::view::{Block, Cell, Fact, Field, Input, Sieve};

/// Lists that have the filter: label and address.
const LISTS: [(&str, &str); 7] = [
    ("Payments", "/payments"),
    ("Wallet addresses", "/wallet-addresses"),
    ("Assets", "/assets"),
    ("Peers", "/peers"),
    ("Grants", "/grants"),
    ("Webhook events", "/webhook-events"),
    ("Deliveries", "/webhooks/deliveries"),
];

/// The filters of a list, with that by tenant if there is more than one to see.
pub(crate) fn with_tenant(ctx: &Ctx, mut sieve: Sieve) -> Sieve {
    if !ctx.session.is_operator() {
        return sieve;
    }
    let asked = ctx.asked("tenantId").unwrap_or_default();
    if !asked.is_empty() {
        let without = ctx.here_with(&[("tenantId", "")], &["after", "before"]);
        sieve.chosen.push(("Tenant", asked.to_owned(), without));
    }
    sieve.fields.push(Field::new("tenantId", "Tenant ID", Input::Text).value(asked));
    sieve
}

/// The filter of a list that has no other.
pub(crate) fn only_tenant(ctx: &Ctx) -> Option<Block> {
    let sieve = with_tenant(ctx, Sieve { chosen: Vec::new(), fields: Vec::new(), kept: Vec::new() });
    (!sieve.fields.is_empty()).then_some(Block::Sieve(sieve))
}

/// Links to the lists of a tenant.
pub(crate) fn lists_of(tenant: Uuid) -> Block {
    let link =
        |(label, list): (&'static str, &str)| Cell::WordLink { href: format!("{list}?tenantId={tenant}"), word: label };
    let lists = Cell::Lines(LISTS.into_iter().map(link).collect());
    Block::Facts {
        title: "As this tenant sees it",
        facts: vec![Fact { label: "Lists", value: lists }],
        actions: Vec::new(),
    }
}
