-- Agreements: the accounts from which an application may pay, as the customer allowed it. What was allowed before this
-- table has no rows, and so has an agreement that pays from no account.
CREATE TABLE wallet_agreement_payers (
    grant_id text NOT NULL,
    account_id uuid NOT NULL,
    PRIMARY KEY (grant_id, account_id)
);

CREATE INDEX wallet_agreement_uses_refused ON wallet_agreement_uses (refusal, made_at) WHERE refusal IS NOT NULL;
