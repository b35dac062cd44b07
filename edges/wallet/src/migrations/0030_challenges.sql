-- What a provider of OAuth 2.0 asks customers, each question for the session that has opened it.
CREATE TABLE wallet_challenges (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    challenge text NOT NULL,
    digest text NOT NULL,
    user_id uuid NOT NULL,
    session_id uuid NOT NULL,
    opened_at bigint NOT NULL,
    UNIQUE (session_id, digest)
);

CREATE INDEX wallet_challenges_age ON wallet_challenges (opened_at);

-- What customers have allowed the clients of that provider.
CREATE TABLE wallet_oauth_agreements (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    client_id text NOT NULL,
    client_name text NOT NULL,
    client_uri text NOT NULL,
    access text NOT NULL,
    grant_id text NOT NULL UNIQUE,
    state text NOT NULL,
    decided_at bigint NOT NULL,
    ended_at bigint
);

CREATE INDEX wallet_oauth_agreements_user ON wallet_oauth_agreements (user_id, decided_at);
