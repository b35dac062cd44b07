//! The query of each table. Each row is a JSON object with its joined rows.
//!
//! `$1` is the time after which rows must have changed; null means all rows.

use rafiki_tables::carry::Source;

/// The query of a source, without the conversion to JSON.
pub(crate) fn of(source: Source) -> &'static str {
    match source {
        Source::Tenants | Source::AuthTenants => TENANTS,
        Source::TenantSettings => SETTINGS,
        Source::Assets => ASSETS,
        Source::Fees => r#"SELECT * FROM fees t WHERE $1::timestamptz IS NULL OR t."createdAt" >= $1"#,
        Source::WalletAddresses => WALLET_ADDRESSES,
        Source::WalletAddressKeys => KEYS,
        Source::WalletAddressProperties => PROPERTIES,
        Source::AuthServers => AUTH_SERVERS,
        Source::HeldGrants => HELD_GRANTS,
        Source::Peers => PEERS,
        Source::HttpTokens => r#"SELECT * FROM "httpTokens" t WHERE $1::timestamptz IS NULL OR TRUE"#,
        Source::Quotes => QUOTES,
        Source::PaymentGrants => PAYMENT_GRANTS,
        Source::IncomingPayments => INCOMING_PAYMENTS,
        Source::OutgoingPayments => OUTGOING_PAYMENTS,
        Source::CardDetails => CARD_DETAILS,
        Source::Spendings => SPENDINGS,
        Source::SpentTotals => SPENT_TOTALS,
        Source::WebhookEvents => {
            r#"SELECT * FROM "webhookEvents" t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#
        }
        Source::Webhooks => r#"SELECT * FROM webhooks t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#,
        Source::AuthGrants => AUTH_GRANTS,
        Source::AccessTokens => {
            r#"SELECT * FROM "accessTokens" t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#
        }
    }
}

const TENANTS: &str = r#"SELECT * FROM tenants t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#;

/// The wallet address URL of a deleted tenant is left out if another tenant has it now, because ours are unique.
const SETTINGS: &str = r#"
SELECT * FROM "tenantSettings" t WHERE ($1::timestamptz IS NULL OR TRUE) AND NOT (
    t.key = 'WALLET_ADDRESS_URL' AND t."deletedAt" IS NOT NULL AND EXISTS (
        SELECT 1 FROM "tenantSettings" o WHERE o.key = t.key AND o.value = t.value AND o.id <> t.id
        AND (o."deletedAt" IS NULL OR o.id < t.id)))"#;

const ASSETS: &str = r#"SELECT * FROM assets t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#;

const WALLET_ADDRESSES: &str =
    r#"SELECT * FROM "walletAddresses" t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#;

const KEYS: &str = r#"SELECT * FROM "walletAddressKeys" t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#;

/// A change replaces all properties of an address, so all are read each time.
const PROPERTIES: &str = r#"
SELECT t.*, row_number() OVER (PARTITION BY t."walletAddressId" ORDER BY t."createdAt", t.id) - 1 AS position
FROM "walletAddressAdditionalProperties" t WHERE $1::timestamptz IS NULL OR TRUE"#;

const AUTH_SERVERS: &str = r#"SELECT * FROM "authServers" t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#;

const HELD_GRANTS: &str = r#"
SELECT t.*, s.url AS "serverUrl" FROM grants t JOIN "authServers" s ON s.id = t."authServerId"
WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#;

const PEERS: &str = r#"SELECT * FROM peers t WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1"#;

const QUOTES: &str = r#"
SELECT t.*, d."maxPacketAmount", d."minExchangeRateNumerator", d."minExchangeRateDenominator",
    d."lowEstimatedExchangeRateNumerator", d."lowEstimatedExchangeRateDenominator",
    d."highEstimatedExchangeRateNumerator", d."highEstimatedExchangeRateDenominator",
    f."fixedFee", f."basisPointFee", p.state AS payment
FROM quotes t
LEFT JOIN "ilpQuoteDetails" d ON d."quoteId" = t.id
LEFT JOIN fees f ON f.id = t."feeId"
LEFT JOIN "outgoingPayments" p ON p.id = t.id
WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1 OR p."updatedAt" >= $1 OR p.state IN ('FUNDING', 'SENDING')"#;

/// A grant's row has only its id. Tenant and time are those of its first payment.
const PAYMENT_GRANTS: &str = r#"
SELECT t.id, p."tenantId", p."createdAt" AS "firstPaymentAt" FROM "outgoingPaymentGrants" t JOIN (
    SELECT DISTINCT ON ("grantId") "grantId", "tenantId", "createdAt" FROM "outgoingPayments"
    WHERE "grantId" IS NOT NULL ORDER BY "grantId", "createdAt", id
) p ON p."grantId" = t.id
WHERE $1::timestamptz IS NULL OR p."createdAt" >= $1"#;

const INCOMING_PAYMENTS: &str = r#"
SELECT t.*, a.code AS "assetCode", a.scale AS "assetScale", coalesce(s.credits, 0) AS received,
    coalesce(e.announced, 0) AS announced
FROM "incomingPayments" t
LEFT JOIN assets a ON a.id = t."assetId"
LEFT JOIN pg_temp.moving_sums s ON s.ref = t.id AND s.type = 'LIQUIDITY_INCOMING'
LEFT JOIN (
    SELECT "incomingPaymentId", sum("withdrawalAmount") AS announced, max("createdAt") AS newest FROM "webhookEvents"
    WHERE type IN ('incoming_payment.completed', 'incoming_payment.expired') GROUP BY "incomingPaymentId"
) e ON e."incomingPaymentId" = t.id
WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1 OR e.newest >= $1"#;

const OUTGOING_PAYMENTS: &str = r#"
SELECT t.*, q.receiver, q."receiveAmountValue", q."estimatedExchangeRate", q."expiresAt" AS "quoteExpiresAt",
    d.id IS NOT NULL AS "isIlp", coalesce(s.sent, 0) AS sent
FROM "outgoingPayments" t
LEFT JOIN quotes q ON q.id = t.id
LEFT JOIN "ilpQuoteDetails" d ON d."quoteId" = t.id
LEFT JOIN pg_temp.moving_sums s ON s.ref = t.id AND s.type = 'LIQUIDITY_OUTGOING'
WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1 OR t.state IN ('FUNDING', 'SENDING')"#;

/// One per payment: the newest, because the original allows several.
const CARD_DETAILS: &str = r#"
SELECT DISTINCT ON (t."outgoingPaymentId") t.* FROM "outgoingPaymentCardDetails" t
WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1
ORDER BY t."outgoingPaymentId", t."createdAt" DESC, t.id"#;

/// Grants without entries are older than the log. Their amounts are read from the payments.
const SPENDINGS: &str = r#"
WITH log AS (
    SELECT *, row_number() OVER (PARTITION BY "outgoingPaymentId" ORDER BY "createdAt", id) AS n,
        row_number() OVER (PARTITION BY "outgoingPaymentId" ORDER BY "createdAt" DESC, id DESC) AS back
    FROM "outgoingPaymentGrantSpentAmounts"
)
SELECT f.id, f."outgoingPaymentId", f."grantId", f."paymentDebitAmountValue", f."paymentReceiveAmountValue",
    f."intervalStart", f."intervalEnd", f."createdAt", l."paymentDebitAmountValue" AS "lastDebit",
    l."paymentReceiveAmountValue" AS "lastReceive", l."createdAt" AS "lastAt", p.state AS payment,
    p."updatedAt" AS "paymentUpdatedAt"
FROM log f
JOIN "outgoingPayments" p ON p.id = f."outgoingPaymentId"
LEFT JOIN log l ON l."outgoingPaymentId" = f."outgoingPaymentId" AND l.back = 1 AND l.n > 1
WHERE f.n = 1 AND ($1::timestamptz IS NULL OR p."updatedAt" >= $1 OR l."createdAt" >= $1)
UNION ALL
SELECT p.id, p.id, p."grantId", q."debitAmountValue", q."receiveAmountValue", NULL, NULL, p."createdAt",
    CASE WHEN p.state = 'FAILED' THEN coalesce(s.sent, 0)::bigint END,
    CASE WHEN p.state = 'FAILED' THEN
        floor(q."receiveAmountValue"::numeric * coalesce(s.sent, 0) / greatest(q."debitAmountValue", 1))::bigint END,
    p."updatedAt", p.state, p."updatedAt"
FROM "outgoingPayments" p JOIN quotes q ON q.id = p.id
LEFT JOIN pg_temp.moving_sums s ON s.ref = p.id AND s.type = 'LIQUIDITY_OUTGOING'
WHERE p."grantId" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM log WHERE log."outgoingPaymentId" = p.id)
    AND ($1::timestamptz IS NULL OR p."updatedAt" >= $1)"#;

const SPENT_TOTALS: &str = r#"
SELECT * FROM (
    SELECT DISTINCT ON (t."grantId") t.*, FALSE AS "ofPeriod" FROM "outgoingPaymentGrantSpentAmounts" t
    ORDER BY t."grantId", t."createdAt" DESC, t.id DESC
) life
UNION ALL
SELECT * FROM (
    SELECT DISTINCT ON (t."grantId", t."intervalStart") t.*, TRUE AS "ofPeriod"
    FROM "outgoingPaymentGrantSpentAmounts" t WHERE t."intervalStart" IS NOT NULL
    ORDER BY t."grantId", t."intervalStart", t."createdAt" DESC, t.id DESC
) periods
UNION ALL
SELECT gen_random_uuid(), p."grantId", NULL, q."receiveAmountAssetScale", q."receiveAmountAssetCode", 0, NULL,
    sum(CASE WHEN p.state = 'FAILED' THEN
        floor(q."receiveAmountValue"::numeric * coalesce(s.sent, 0) / greatest(q."debitAmountValue", 1))
        ELSE q."receiveAmountValue" END)::bigint,
    a.scale, a.code, 0, NULL,
    sum(CASE WHEN p.state = 'FAILED' THEN coalesce(s.sent, 0) ELSE q."debitAmountValue" END)::bigint,
    '', NULL, NULL, max(p."createdAt"), FALSE
FROM "outgoingPayments" p JOIN quotes q ON q.id = p.id JOIN assets a ON a.id = q."assetId"
LEFT JOIN pg_temp.moving_sums s ON s.ref = p.id AND s.type = 'LIQUIDITY_OUTGOING'
WHERE ($1::timestamptz IS NULL OR TRUE) AND p."grantId" IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM "outgoingPaymentGrantSpentAmounts" l WHERE l."grantId" = p."grantId")
GROUP BY p."grantId", q."receiveAmountAssetScale", q."receiveAmountAssetCode", a.scale, a.code"#;

const AUTH_GRANTS: &str = r#"
SELECT t.*, x.list AS accesses, s.list AS subjects, i.list AS interactions FROM grants t
LEFT JOIN (SELECT "grantId", json_agg(row_to_json(r) ORDER BY "createdAt", id) AS list FROM accesses r GROUP BY 1) x
    ON x."grantId" = t.id
LEFT JOIN (SELECT "grantId", json_agg(row_to_json(r) ORDER BY "createdAt", id) AS list FROM subjects r GROUP BY 1) s
    ON s."grantId" = t.id
LEFT JOIN (
    SELECT "grantId", json_agg(row_to_json(r) ORDER BY "createdAt", id) AS list, max("updatedAt") AS newest
    FROM interactions r GROUP BY 1
) i ON i."grantId" = t.id
WHERE $1::timestamptz IS NULL OR t."updatedAt" >= $1 OR i.newest >= $1"#;
