-- COUNT payments sent and as many received, all ended and told, in the tables of a filled database. Half of them were
-- made of quotes over Interledger. Ids follow from a number, so two runs make the same rows.
CREATE FUNCTION pg_temp.uid(text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT overlay(overlay(md5($1) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid $$;
CREATE TEMPORARY TABLE many AS
SELECT n, pg_temp.uid('out' || n) AS out_id, pg_temp.uid('in' || n) AS in_id, pg_temp.uid('oa' || n) AS out_account,
    pg_temp.uid('ia' || n) AS in_account, pg_temp.uid('oc' || n) AS out_created, pg_temp.uid('od' || n) AS out_done,
    pg_temp.uid('ic' || n) AS in_created, pg_temp.uid('id' || n) AS in_done,
    timestamptz '2026-01-01' + n * interval '7 seconds' AS at
FROM generate_series(1, COUNT) n;
CREATE TEMPORARY TABLE payer AS
SELECT w.id AS address, w."assetId" AS asset, w."tenantId" AS tenant, a.ledger,
    (SELECT id FROM "ledgerAccounts" s WHERE s.type = 'SETTLEMENT' AND s.ledger = a.ledger) AS settlement,
    (SELECT id FROM "ledgerAccounts" l WHERE l.type = 'LIQUIDITY_PEER' AND l.ledger = a.ledger
        AND l."accountRef" = (SELECT id FROM peers p WHERE p."assetId" = a.id ORDER BY id LIMIT 1)) AS peer
FROM "walletAddresses" w JOIN assets a ON a.id = w."assetId"
WHERE EXISTS (SELECT 1 FROM peers p WHERE p."assetId" = a.id) ORDER BY w."createdAt" LIMIT 1;

INSERT INTO quotes (id, receiver, "debitAmountValue", "receiveAmountValue", "receiveAmountAssetCode",
    "receiveAmountAssetScale", "expiresAt", "walletAddressId", "assetId", "estimatedExchangeRate",
    "debitAmountMinusFees", "tenantId", "createdAt", "updatedAt")
SELECT out_id, 'https://other.example/incoming-payments/' || in_id, 1000, 990, 'USD', 2, at + interval '5 minutes',
    address, asset, 0.99, 1000, tenant, at, at FROM many, payer;
INSERT INTO "ilpQuoteDetails" (id, "quoteId", "maxPacketAmount", "minExchangeRateNumerator",
    "minExchangeRateDenominator", "lowEstimatedExchangeRateNumerator", "lowEstimatedExchangeRateDenominator",
    "highEstimatedExchangeRateNumerator", "highEstimatedExchangeRateDenominator", "createdAt", "updatedAt")
SELECT pg_temp.uid('il' || n), out_id, 9223372036854775807, 98, 100, 99, 100, 100, 100, at, at FROM many WHERE n % 2 = 0;
INSERT INTO "outgoingPayments" (id, state, "stateAttempts", "walletAddressId", metadata, "tenantId", "initiatedBy",
    "createdAt", "updatedAt")
SELECT out_id, 'COMPLETED', 0, address, jsonb_build_object('order', n), tenant, 'ADMIN', at, at FROM many, payer;
INSERT INTO "incomingPayments" (id, "walletAddressId", "expiresAt", "incomingAmountValue", state, "assetId", "tenantId",
    "initiatedBy", metadata, "createdAt", "updatedAt")
SELECT in_id, address, at + interval '1 day', 500, 'COMPLETED', asset, tenant, 'OPEN_PAYMENTS',
    jsonb_build_object('order', n), at, at FROM many, payer;
INSERT INTO "webhookEvents" (id, type, data, "outgoingPaymentId", "tenantId", "createdAt", "updatedAt")
SELECT out_created, 'outgoing_payment.created',
    json_build_object('id', out_id, 'state', 'FUNDING', 'balance', '0'), out_id, tenant, at, at FROM many, payer
UNION ALL
SELECT out_done, 'outgoing_payment.completed',
    json_build_object('id', out_id, 'state', 'COMPLETED', 'balance', '10'), out_id, tenant, at, at FROM many, payer;
INSERT INTO "webhookEvents" (id, type, data, "withdrawalAccountId", "withdrawalAssetId", "withdrawalAmount",
    "incomingPaymentId", "tenantId", "createdAt", "updatedAt")
SELECT in_created, 'incoming_payment.created', json_build_object('id', in_id, 'completed', false), NULL::uuid, NULL::uuid,
    NULL::bigint, in_id, tenant, at, at FROM many, payer
UNION ALL
SELECT in_done, 'incoming_payment.completed', json_build_object('id', in_id, 'completed', true), in_id, asset, 500, in_id,
    tenant, at, at FROM many, payer;
INSERT INTO webhooks (id, "eventId", "recipientTenantId", attempts, "statusCode", "processAt", "createdAt", "updatedAt")
SELECT pg_temp.uid('dl' || e.id), e.id, tenant, 1, 200, NULL, at, at
FROM many, payer, LATERAL (VALUES (out_created), (out_done), (in_created), (in_done)) e (id);
INSERT INTO "ledgerAccounts" (id, "accountRef", ledger, type, "createdAt", "updatedAt")
SELECT out_account, out_id, ledger, 'LIQUIDITY_OUTGOING', at, at FROM many, payer
UNION ALL SELECT in_account, in_id, ledger, 'LIQUIDITY_INCOMING', at, at FROM many, payer;
INSERT INTO "ledgerTransfers" (id, "transferRef", "debitAccountId", "creditAccountId", amount, ledger, state, type,
    "createdAt", "updatedAt")
SELECT pg_temp.uid('t1' || n), out_created, settlement, out_account, 1000, ledger, 'POSTED', 'DEPOSIT', at, at FROM many, payer
UNION ALL
SELECT pg_temp.uid('t2' || n), pg_temp.uid('r2' || n), out_account, peer, 990, ledger, 'POSTED', NULL, at, at FROM many, payer
UNION ALL
SELECT pg_temp.uid('t3' || n), pg_temp.uid('r3' || n), peer, in_account, 500, ledger, 'POSTED', NULL, at, at FROM many, payer
UNION ALL
SELECT pg_temp.uid('t4' || n), in_done, in_account, settlement, 500, ledger, 'POSTED', 'WITHDRAWAL', at, at FROM many, payer;
DROP TABLE many;
DROP TABLE payer;
DROP FUNCTION pg_temp.uid(text);
