CREATE TABLE wallet_letters (
    id uuid PRIMARY KEY,
    recipient text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    state text NOT NULL,
    written_at bigint NOT NULL,
    useful_until bigint NOT NULL,
    ended_at bigint,
    refusal text
);

CREATE INDEX wallet_letters_ended ON wallet_letters (ended_at);

CREATE TABLE wallet_email_changes (
    user_id uuid PRIMARY KEY REFERENCES wallet_users (id),
    token text NOT NULL UNIQUE,
    email text NOT NULL,
    expires_at bigint NOT NULL
);
