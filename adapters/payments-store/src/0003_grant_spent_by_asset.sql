-- What was spent of a grant is counted for each asset by itself: amounts of different assets have no sum. The amounts
-- are added anew from what each payment reserved or really spent.
CREATE TABLE outgoing_payment_grant_spent (
    grant_id text NOT NULL REFERENCES outgoing_payment_grants (id),
    period_start bigint NOT NULL,
    period_end bigint NOT NULL,
    side text NOT NULL CHECK (side IN ('DEBIT', 'RECEIVE')),
    asset_code text NOT NULL,
    asset_scale integer NOT NULL CHECK (asset_scale BETWEEN 0 AND 255),
    amount bigint NOT NULL CHECK (amount >= 0),
    updated_at bigint NOT NULL,
    PRIMARY KEY (grant_id, period_start, side, asset_code, asset_scale)
);

INSERT INTO outgoing_payment_grant_spent
    (grant_id, period_start, period_end, side, asset_code, asset_scale, amount, updated_at)
SELECT s.grant_id, -1, -1, 'DEBIT', a.code, a.scale, SUM(COALESCE(s.actual_debit, s.reserved_debit)), MAX(s.created_at)
FROM outgoing_payment_grant_spendings s
JOIN quotes q ON q.id = s.outgoing_payment_id
JOIN assets a ON a.id = q.asset_id
GROUP BY s.grant_id, a.code, a.scale;

INSERT INTO outgoing_payment_grant_spent
    (grant_id, period_start, period_end, side, asset_code, asset_scale, amount, updated_at)
SELECT s.grant_id, s.period_start, s.period_end, 'DEBIT', a.code, a.scale,
    SUM(COALESCE(s.actual_debit, s.reserved_debit)), MAX(s.created_at)
FROM outgoing_payment_grant_spendings s
JOIN quotes q ON q.id = s.outgoing_payment_id
JOIN assets a ON a.id = q.asset_id
WHERE s.period_start IS NOT NULL
GROUP BY s.grant_id, s.period_start, s.period_end, a.code, a.scale;

INSERT INTO outgoing_payment_grant_spent
    (grant_id, period_start, period_end, side, asset_code, asset_scale, amount, updated_at)
SELECT s.grant_id, -1, -1, 'RECEIVE', q.receive_asset_code, q.receive_asset_scale,
    SUM(COALESCE(s.actual_receive, s.reserved_receive)), MAX(s.created_at)
FROM outgoing_payment_grant_spendings s
JOIN quotes q ON q.id = s.outgoing_payment_id
GROUP BY s.grant_id, q.receive_asset_code, q.receive_asset_scale;

INSERT INTO outgoing_payment_grant_spent
    (grant_id, period_start, period_end, side, asset_code, asset_scale, amount, updated_at)
SELECT s.grant_id, s.period_start, s.period_end, 'RECEIVE', q.receive_asset_code, q.receive_asset_scale,
    SUM(COALESCE(s.actual_receive, s.reserved_receive)), MAX(s.created_at)
FROM outgoing_payment_grant_spendings s
JOIN quotes q ON q.id = s.outgoing_payment_id
WHERE s.period_start IS NOT NULL
GROUP BY s.grant_id, s.period_start, s.period_end, q.receive_asset_code, q.receive_asset_scale;

DROP TABLE outgoing_payment_grant_totals;
