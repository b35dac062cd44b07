//! What is counted in the original and in ours, table by table.
//!
//! Rows that the move adds or leaves out are allowed for in `comparison`.

use payments_model::webhook_event::EventType;
use rafiki_tables::version::Side;

/// Stands in our queries for the types of events that the original does not have. The move back leaves these out.
const NEW_TYPES: &str = ":new_types";

/// A count in the original and the same count in ours.
pub(crate) struct Count {
    pub(crate) side: Side,
    pub(crate) what: &'static str,
    pub(crate) old: &'static str,
    ours: &'static str,
}

impl Count {
    /// Whether it counts accounts of the original, and not rows.
    pub(crate) fn is_of_money(&self) -> bool {
        self.old.contains("moving_sums")
    }

    /// The query in ours.
    pub(crate) fn ours(&self) -> String {
        let new = EventType::ALL.iter().filter(|kind| kind.is_new());
        let new: Vec<String> = new.map(|kind| format!("'{}'", kind.as_str())).collect();
        self.ours.replace(NEW_TYPES, &new.join(", "))
    }
}

/// The rows of both (`table WHERE …`), or sums of a column (`column in table`), or two whole queries.
macro_rules! count {
    ($side:ident, $what:literal, rows $old:literal, $ours:literal) => {
        count!($side, $what, concat!("SELECT count(*) FROM ", $old), concat!("SELECT count(*) FROM ", $ours))
    };
    ($side:ident, $what:literal, sums $old:literal in $old_table:literal, $ours:literal in $our_table:literal) => {
        count!(
            $side,
            $what,
            concat!("SELECT coalesce(sum(", $old, "), 0) FROM ", $old_table),
            concat!("SELECT coalesce(sum(", $ours, "), 0) FROM ", $our_table)
        )
    };
    ($side:ident, $what:literal, $old:expr, $ours:expr) => {
        Count { side: Side::$side, what: $what, old: $old, ours: $ours }
    };
}

pub(crate) const COUNTS: &[Count] = &[
    count!(Backend, "tenants", rows "tenants", "tenants"),
    count!(Backend, "tenants deleted", rows r#"tenants WHERE "deletedAt" IS NOT NULL"#,
        "tenants WHERE deleted_at IS NOT NULL"),
    count!(Backend, "tenant settings",
        rows r#""tenantSettings" t WHERE NOT (t.key = 'WALLET_ADDRESS_URL' AND t."deletedAt" IS NOT NULL
            AND EXISTS (SELECT 1 FROM "tenantSettings" o WHERE o.key = t.key AND o.value = t.value AND o.id <> t.id
            AND (o."deletedAt" IS NULL OR o.id < t.id)))"#,
        "tenant_settings"),
    count!(Backend, "assets", rows "assets", "assets"),
    count!(Backend, "assets deleted", rows r#"assets WHERE "deletedAt" IS NOT NULL"#,
        "assets WHERE deleted_at IS NOT NULL"),
    count!(Backend, "fees", rows "fees", "fees"),
    count!(
        Backend,
        "fees in all",
        r#"SELECT coalesce(sum("fixedFee"), 0) + coalesce(sum("basisPointFee"), 0) FROM fees"#,
        "SELECT coalesce(sum(fixed_fee), 0) + coalesce(sum(basis_point_fee), 0) FROM fees"
    ),
    count!(Backend, "wallet addresses", rows r#""walletAddresses""#, "wallet_addresses"),
    count!(Backend, "wallet addresses: announced", sums r#""totalEventsAmount""# in r#""walletAddresses""#,
        "total_events_amount" in "wallet_addresses"),
    count!(Backend, "wallet address keys", rows r#""walletAddressKeys""#, "wallet_address_keys"),
    count!(Backend, "wallet address keys revoked", rows r#""walletAddressKeys" WHERE revoked"#,
        "wallet_address_keys WHERE revoked"),
    count!(Backend, "wallet address properties", rows r#""walletAddressAdditionalProperties""#,
        "wallet_address_properties"),
    count!(Backend, "peers", rows "peers", "peers"),
    count!(Backend, "tokens of peers", rows r#""httpTokens""#, "peer_incoming_tokens"),
    count!(Backend, "auth servers", rows r#""authServers""#, "auth_servers"),
    count!(Backend, "grants held elsewhere", rows "grants", "held_grants"),
    count!(Backend, "quotes", rows "quotes", "quotes"),
    count!(Backend, "quotes: debit", sums r#""debitAmountValue""# in "quotes", "debit_amount" in "quotes"),
    count!(Backend, "quotes: receive", sums r#""receiveAmountValue""# in "quotes", "receive_amount" in "quotes"),
    count!(Backend, "quotes over Interledger", rows r#"quotes q JOIN "ilpQuoteDetails" d ON d."quoteId" = q.id"#,
        "quotes WHERE ilp_max_packet_amount IS NOT NULL"),
    count!(
        Backend,
        "grants of payments",
        r#"SELECT count(DISTINCT "grantId") FROM "outgoingPayments""#,
        "SELECT count(*) FROM outgoing_payment_grants"
    ),
    count!(Backend, "spent of grants: debit", sums r#""grantTotalDebitAmountValue""# in r#"(
            SELECT DISTINCT ON ("grantId") * FROM "outgoingPaymentGrantSpentAmounts"
            ORDER BY "grantId", "createdAt" DESC, id DESC) r"#,
        "amount" in "outgoing_payment_grant_spent WHERE period_start = -1 AND side = 'DEBIT'
            AND grant_id IN (SELECT grant_id FROM outgoing_payment_grant_spendings)"),
    count!(Backend, "spent of grants: receive", sums r#""grantTotalReceiveAmountValue""# in r#"(
            SELECT DISTINCT ON ("grantId") * FROM "outgoingPaymentGrantSpentAmounts"
            ORDER BY "grantId", "createdAt" DESC, id DESC) r"#,
        "amount" in "outgoing_payment_grant_spent WHERE period_start = -1 AND side = 'RECEIVE'
            AND grant_id IN (SELECT grant_id FROM outgoing_payment_grant_spendings)"),
    count!(Backend, "spent in periods: debit", sums r#""intervalDebitAmountValue""# in r#"(
            SELECT DISTINCT ON ("grantId", "intervalStart") * FROM "outgoingPaymentGrantSpentAmounts"
            WHERE "intervalStart" IS NOT NULL ORDER BY "grantId", "intervalStart", "createdAt" DESC, id DESC) r"#,
        "amount" in "outgoing_payment_grant_spent WHERE period_start <> -1 AND side = 'DEBIT'"),
    count!(
        Backend,
        "card payments",
        r#"SELECT count(DISTINCT "outgoingPaymentId") FROM "outgoingPaymentCardDetails""#,
        "SELECT count(*) FROM outgoing_payment_card_details"
    ),
    count!(Backend, "incoming payments deleted", rows r#""incomingPayments" WHERE "deletedAt" IS NOT NULL"#,
        "incoming_payments WHERE deleted_at IS NOT NULL"),
    count!(Backend, "incoming payments: expected", sums r#""incomingAmountValue""# in r#""incomingPayments""#,
        "incoming_amount" in "incoming_payments"),
    count!(Backend, "outgoing payments: sent", sums "sent" in "pg_temp.moving_sums WHERE type = 'LIQUIDITY_OUTGOING'",
        "progress_debited" in "outgoing_payments"),
    count!(Backend, "events", rows r#""webhookEvents""#,
        "webhook_events WHERE event_type NOT IN (:new_types)"),
    count!(Backend, "events: withdrawals", sums r#""withdrawalAmount""# in r#""webhookEvents""#,
        "withdrawal_amount" in "webhook_events"),
    count!(Backend, "deliveries", rows "webhooks",
        "webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id
            WHERE e.event_type NOT IN (:new_types) AND d.endpoint_id IS NULL"),
    count!(Backend, "deliveries made", rows r#"webhooks WHERE "processAt" IS NULL"#,
        "webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id
            WHERE d.state = 'DELIVERED' AND e.event_type NOT IN (:new_types) AND d.endpoint_id IS NULL"),
    count!(Auth, "auth tenants", rows "tenants", "tenants"),
    count!(
        Auth,
        "rights of grants",
        r#"SELECT count(DISTINCT ("grantId", identifier)) FROM accesses WHERE identifier IS NOT NULL"#,
        "SELECT count(*) FROM grant_identifiers"
    ),
    count!(
        Auth,
        "grants about a person",
        r#"SELECT count(DISTINCT "grantId") FROM subjects"#,
        "SELECT count(*) FROM grants WHERE subject IS NOT NULL"
    ),
    count!(Auth, "consent requests", rows "interactions", "grants WHERE interaction_id IS NOT NULL"),
    count!(Auth, "consent requests: open", rows "interactions WHERE state = 'PENDING'", "grants WHERE choice = 'PENDING'"),
    count!(Auth, "access tokens", rows r#""accessTokens""#, "access_tokens"),
    count!(Auth, "access tokens revoked", rows r#""accessTokens" WHERE "revokedAt" IS NOT NULL"#,
        "access_tokens WHERE revoked_at IS NOT NULL"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_deliveries_are_counted_without_the_types_that_the_original_does_not_have() {
        let queries: Vec<String> = COUNTS.iter().map(Count::ours).collect();
        assert!(queries.iter().all(|sql| !sql.contains(NEW_TYPES)));
        let new = "NOT IN ('grant.created', 'grant.revoked', 'ledger.alarm')";
        assert_eq!(queries.iter().filter(|sql| sql.contains(new)).count(), 3);
    }
}
