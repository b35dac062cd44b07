CREATE TABLE wallet_requests (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    payment_id uuid NOT NULL UNIQUE,
    url text NOT NULL,
    amount bigint,
    note text,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    closed_at bigint
);

CREATE INDEX wallet_requests_user ON wallet_requests (user_id, made_at, id);
