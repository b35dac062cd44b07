CREATE TABLE wallet_users (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    password text NOT NULL,
    state text NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE wallet_sessions (
    token text PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    device text NOT NULL,
    address text NOT NULL,
    created_at bigint NOT NULL,
    seen_at bigint NOT NULL
);

CREATE INDEX wallet_sessions_user ON wallet_sessions (user_id, seen_at);

CREATE TABLE wallet_one_time_tokens (
    token text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    purpose text NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE wallet_attempts (
    subject text PRIMARY KEY,
    made bigint NOT NULL,
    since bigint NOT NULL,
    paused_until bigint NOT NULL
);

ALTER TABLE wallet_accounts ADD COLUMN user_id uuid;

CREATE INDEX wallet_accounts_user ON wallet_accounts (user_id);

CREATE TABLE wallet_movements (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    kind text NOT NULL,
    state text NOT NULL,
    rank bigint NOT NULL,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    most bigint NOT NULL,
    receives bigint,
    receives_code text,
    receives_scale bigint,
    party text,
    note text,
    grant_id text,
    made_at bigint NOT NULL,
    ended_at bigint
);

CREATE INDEX wallet_movements_account ON wallet_movements (account_id, made_at, id);

CREATE TABLE wallet_sends (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    payee text NOT NULL,
    payee_kind text NOT NULL,
    payee_name text,
    payee_code text NOT NULL,
    payee_scale bigint NOT NULL,
    asked bigint,
    state text NOT NULL,
    quote_id uuid UNIQUE,
    receiver text,
    debit bigint,
    receives bigint,
    fee bigint,
    fixed text,
    note text,
    expires_at bigint,
    refusal text,
    begun_at bigint NOT NULL
);

CREATE INDEX wallet_sends_user ON wallet_sends (user_id, begun_at);

CREATE TABLE wallet_consents (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    interaction text NOT NULL,
    nonce text NOT NULL,
    client_name text NOT NULL,
    client_uri text NOT NULL,
    grant_id text,
    decision text,
    opened_at bigint NOT NULL,
    decided_at bigint,
    UNIQUE (user_id, interaction)
);
