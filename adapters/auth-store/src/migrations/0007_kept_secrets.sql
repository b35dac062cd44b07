-- Clear values of tokens that were issued by Rafiki 2.4, encrypted. They are kept for a trial period, so that the way
-- back can restore them. The key is in no database. Each ends with its token or grant, or at keep_until.
CREATE TABLE kept_tokens (
    management_id uuid PRIMARY KEY REFERENCES access_tokens (management_id) ON DELETE CASCADE,
    sealed bytea NOT NULL,
    keep_until bigint NOT NULL
);
CREATE INDEX kept_tokens_by_end ON kept_tokens (keep_until);

CREATE TABLE kept_continuations (
    grant_id uuid PRIMARY KEY REFERENCES grants (id) ON DELETE CASCADE,
    sealed bytea NOT NULL,
    keep_until bigint NOT NULL
);
CREATE INDEX kept_continuations_by_end ON kept_continuations (keep_until);
