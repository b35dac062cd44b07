-- fee: what the customer confirmed. Without it the rule in force when the money was held: fee_fixed, fee_basis_points.
CREATE TABLE wallet_holds (
    payment_id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    debit bigint NOT NULL,
    fee bigint,
    fee_fixed bigint,
    fee_basis_points bigint,
    state text NOT NULL,
    looked_at bigint NOT NULL
);

CREATE INDEX wallet_holds_open ON wallet_holds (looked_at) WHERE state NOT IN ('settled', 'released');

INSERT INTO wallet_holds (payment_id, account_id, debit, fee, state, looked_at)
SELECT m.id, m.account_id, m.most, s.fee, CASE m.state WHEN 'starting' THEN 'held' ELSE 'funding' END, m.made_at
FROM wallet_movements m LEFT JOIN wallet_sends s ON s.quote_id = m.id
WHERE m.kind = 'sent' AND m.state IN ('starting', 'sending');

CREATE TABLE wallet_missed_events (
    only_row bigint PRIMARY KEY,
    looked_until bigint NOT NULL
);
