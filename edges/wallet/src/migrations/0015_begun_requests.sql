-- Requests that the instance may have made already. A repetition asks for the same, with the same end.
CREATE TABLE wallet_begun_requests (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    amount bigint,
    note text,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL
);

CREATE INDEX wallet_begun_requests_user ON wallet_begun_requests (user_id, made_at);
