CREATE TABLE wallet_second_factors (
    user_id uuid PRIMARY KEY REFERENCES wallet_users (id),
    secret text NOT NULL,
    state text NOT NULL,
    last_step bigint NOT NULL,
    made_at bigint NOT NULL
);

CREATE TABLE wallet_recovery_codes (
    code text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    used_at bigint
);

CREATE INDEX wallet_recovery_codes_user ON wallet_recovery_codes (user_id);

CREATE TABLE wallet_half_sign_ins (
    token text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    password text NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE wallet_proofs (
    session_id uuid PRIMARY KEY,
    proved_at bigint NOT NULL
);

CREATE TABLE wallet_unasked_limits (
    account_id uuid PRIMARY KEY REFERENCES wallet_accounts (id),
    amount bigint NOT NULL
);
