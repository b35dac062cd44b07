//! Checks that need several rows: references to missing rows, tenants that do not agree, values that must be unique.
//!
//! The original's own constraints cover some of this. It is checked anyway.

use rafiki_tables::refusal::{Reason, Refusal};
use rafiki_tables::version::Side;

/// How many faults of one kind are named.
const NAMED: u32 = 20;

/// One check of one table.
pub(crate) struct Check {
    pub(crate) table: &'static str,
    kind: Kind,
}

enum Kind {
    /// `column` names a row of `target`.
    Refers { column: &'static str, target: &'static str },
    /// The tenant of the row is that of the row of `target` that `column` names.
    SameTenant { column: &'static str, target: &'static str },
    /// No two rows of this selection have the same `column`.
    Once { column: &'static str, among: &'static str },
    /// Where the condition holds, `column` has an unknown word.
    Unknown { column: &'static str, condition: &'static str, known: &'static str },
    /// Where the condition holds, the column is not an amount.
    NoAmount { column: &'static str, condition: &'static str },
    /// The ledger of the row is that of the row of `target` that `column` names.
    SameLedger { column: &'static str, target: &'static str },
}

const fn refers(table: &'static str, column: &'static str, target: &'static str) -> Check {
    Check { table, kind: Kind::Refers { column, target } }
}

const fn same_tenant(table: &'static str, column: &'static str, target: &'static str) -> Check {
    Check { table, kind: Kind::SameTenant { column, target } }
}

pub(crate) fn of(side: Side) -> &'static [Check] {
    match side {
        Side::Backend => BACKEND,
        Side::Auth => AUTH,
    }
}

const BACKEND: &[Check] = &[
    refers("tenantSettings", "tenantId", "tenants"),
    refers("assets", "tenantId", "tenants"),
    refers("fees", "assetId", "assets"),
    refers("walletAddresses", "tenantId", "tenants"),
    refers("walletAddresses", "assetId", "assets"),
    refers("walletAddressKeys", "walletAddressId", "walletAddresses"),
    refers("walletAddressAdditionalProperties", "walletAddressId", "walletAddresses"),
    refers("peers", "tenantId", "tenants"),
    refers("peers", "assetId", "assets"),
    refers("httpTokens", "peerId", "peers"),
    refers("grants", "authServerId", "authServers"),
    refers("quotes", "walletAddressId", "walletAddresses"),
    refers("quotes", "assetId", "assets"),
    refers("quotes", "feeId", "fees"),
    refers("incomingPayments", "walletAddressId", "walletAddresses"),
    refers("incomingPayments", "assetId", "assets"),
    refers("outgoingPayments", "id", "quotes"),
    refers("outgoingPayments", "walletAddressId", "walletAddresses"),
    refers("outgoingPayments", "grantId", "outgoingPaymentGrants"),
    refers("outgoingPaymentGrantSpentAmounts", "outgoingPaymentId", "outgoingPayments"),
    refers("outgoingPaymentGrantSpentAmounts", "grantId", "outgoingPaymentGrants"),
    refers("outgoingPaymentCardDetails", "outgoingPaymentId", "outgoingPayments"),
    refers("webhookEvents", "tenantId", "tenants"),
    refers("webhookEvents", "incomingPaymentId", "incomingPayments"),
    refers("webhookEvents", "outgoingPaymentId", "outgoingPayments"),
    refers("webhookEvents", "walletAddressId", "walletAddresses"),
    refers("webhookEvents", "peerId", "peers"),
    refers("webhookEvents", "assetId", "assets"),
    refers("webhookEvents", "withdrawalAssetId", "assets"),
    refers("webhooks", "eventId", "webhookEvents"),
    refers("webhooks", "recipientTenantId", "tenants"),
    refers("ledgerTransfers", "debitAccountId", "ledgerAccounts"),
    refers("ledgerTransfers", "creditAccountId", "ledgerAccounts"),
    same_tenant("quotes", "walletAddressId", "walletAddresses"),
    same_tenant("incomingPayments", "walletAddressId", "walletAddresses"),
    same_tenant("outgoingPayments", "walletAddressId", "walletAddresses"),
    same_tenant("walletAddresses", "assetId", "assets"),
    same_tenant("peers", "assetId", "assets"),
    Check {
        table: "tenantSettings",
        kind: Kind::Once { column: "value", among: "key = 'WALLET_ADDRESS_URL' AND \"deletedAt\" IS NULL" },
    },
    Check { table: "ledgerTransfers", kind: Kind::SameLedger { column: "debitAccountId", target: "ledgerAccounts" } },
    Check { table: "ledgerTransfers", kind: Kind::SameLedger { column: "creditAccountId", target: "ledgerAccounts" } },
    Check {
        table: "ledgerTransfers",
        kind: Kind::Unknown {
            column: "state",
            condition: "state NOT IN ('PENDING', 'POSTED', 'VOIDED')",
            known: "PENDING, POSTED, VOIDED",
        },
    },
    Check { table: "ledgerTransfers", kind: Kind::NoAmount { column: "amount", condition: "amount <= 0" } },
];

const AUTH: &[Check] = &[
    refers("grants", "tenantId", "tenants"),
    refers("accesses", "grantId", "grants"),
    refers("subjects", "grantId", "grants"),
    refers("interactions", "grantId", "grants"),
    refers("accessTokens", "grantId", "grants"),
    Check { table: "accessTokens", kind: Kind::Once { column: "value", among: "TRUE" } },
];

impl Check {
    /// The wrong rows: id, present value, expected value.
    pub(crate) fn sql(&self) -> String {
        let table = self.table;
        let selection = match &self.kind {
            Kind::Refers { column, target } => format!(
                "SELECT t.id::text, t.\"{column}\"::text, '' FROM \"{table}\" t WHERE t.\"{column}\" IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM \"{target}\" o WHERE o.id = t.\"{column}\")"
            ),
            Kind::SameTenant { column, target } => format!(
                "SELECT t.id::text, '', '' FROM \"{table}\" t JOIN \"{target}\" o ON o.id = t.\"{column}\" \
                 WHERE o.\"tenantId\" <> t.\"tenantId\""
            ),
            Kind::SameLedger { column, target } => format!(
                "SELECT t.id::text, t.ledger::text, o.ledger::text FROM \"{table}\" t \
                 JOIN \"{target}\" o ON o.id = t.\"{column}\" WHERE o.ledger <> t.ledger"
            ),
            Kind::Once { column, among } => format!(
                "SELECT max(id::text), \"{column}\"::text, '' FROM \"{table}\" WHERE {among} \
                 GROUP BY \"{column}\" HAVING count(*) > 1"
            ),
            Kind::Unknown { column, condition, .. } | Kind::NoAmount { column, condition } => {
                format!("SELECT id::text, \"{column}\"::text, '' FROM \"{table}\" WHERE {condition}")
            }
        };
        format!("{selection} LIMIT {NAMED}")
    }

    pub(crate) fn fault(&self, row: String, found: String, wanted: String) -> Refusal {
        let reason = match self.kind {
            Kind::Refers { column, target } => Reason::Dangling { column, missing: found, table: target },
            Kind::SameTenant { column, .. } => Reason::OtherTenant(column),
            Kind::SameLedger { .. } => Reason::OtherLedger { found, wanted },
            // A secret must not appear in a message.
            Kind::Once { .. } if self.table == "accessTokens" => {
                Reason::Duplicate { column: "value", found: "a token".to_owned() }
            }
            Kind::Once { column, .. } => Reason::Duplicate { column, found },
            Kind::Unknown { column, known, .. } => Reason::UnknownWord { column, found, known },
            Kind::NoAmount { column, .. } if found.starts_with('-') => Reason::Negative { column, found },
            Kind::NoAmount { column, .. } => Reason::Malformed { column, found, wanted: "an amount above zero" },
        };
        Refusal::new(self.table, row, reason)
    }
}
