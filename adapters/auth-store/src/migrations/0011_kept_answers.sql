-- Tokens that were given to a request with Idempotency-Key, so that its repetition gets the same one. Each is encrypted
-- with what the client has shown and only the client has. A row ends with its token.
CREATE TABLE kept_answers (
    -- The management id of the token that was exchanged, or the continuation id of the grant that was continued.
    asked uuid PRIMARY KEY,
    -- The digest of key and body.
    request bytea NOT NULL,
    management_id uuid NOT NULL REFERENCES access_tokens (management_id) ON DELETE CASCADE,
    sealed text NOT NULL
);
CREATE INDEX kept_answers_by_token ON kept_answers (management_id);
