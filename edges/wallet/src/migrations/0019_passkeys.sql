-- Passkeys of customers. The id that an authenticator gave is unique over all of them.
CREATE TABLE wallet_passkeys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    credential text NOT NULL UNIQUE,
    public_key text NOT NULL,
    counter bigint NOT NULL,
    backup text NOT NULL,
    name text NOT NULL,
    made_at bigint NOT NULL,
    used_at bigint
);

CREATE INDEX wallet_passkeys_user ON wallet_passkeys (user_id, made_at);

-- What pages asked authenticators. The newest question of a session or browser counts, once.
CREATE TABLE wallet_passkey_questions (
    holder text PRIMARY KEY,
    challenge text NOT NULL,
    expires_at bigint NOT NULL
);
