-- What customers decided about the agreements of applications, for each account that an agreement pays from.
CREATE TABLE wallet_agreements (
    grant_id text NOT NULL,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    state text NOT NULL,
    payment_max bigint,
    day_max bigint,
    ends_at bigint,
    PRIMARY KEY (grant_id, account_id)
);

-- The payments under agreements: what each counts, and why it was refused.
CREATE TABLE wallet_agreement_uses (
    payment_id uuid PRIMARY KEY,
    grant_id text NOT NULL,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    counts bigint NOT NULL,
    refusal text,
    made_at bigint NOT NULL,
    ended_at bigint
);

CREATE INDEX wallet_agreement_uses_day ON wallet_agreement_uses (grant_id, account_id, made_at);

INSERT INTO wallet_agreement_uses (payment_id, grant_id, account_id, counts, made_at, ended_at)
SELECT id, grant_id, account_id,
    CASE state WHEN 'cancelled' THEN 0 WHEN 'failed' THEN amount ELSE most END, made_at, ended_at
FROM wallet_movements WHERE kind = 'sent' AND grant_id IS NOT NULL;
