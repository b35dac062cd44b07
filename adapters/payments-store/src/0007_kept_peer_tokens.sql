-- Clear values of tokens that peers presented to Rafiki 2.4, encrypted. They are kept for a trial period, so that the way
-- back can restore them. The key is in no database. Each ends with its token, or at keep_until.
CREATE TABLE kept_peer_tokens (
    digest text NOT NULL PRIMARY KEY REFERENCES peer_incoming_tokens (digest) ON DELETE CASCADE,
    sealed bytea NOT NULL,
    keep_until bigint NOT NULL
);
CREATE INDEX kept_peer_tokens_by_end ON kept_peer_tokens (keep_until);
