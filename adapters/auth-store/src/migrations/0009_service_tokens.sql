-- Tokens of services, issued by the built-in issuer. Only hashes are stored. A row is deleted when its token is revoked.
CREATE TABLE service_tokens (
    hash bytea PRIMARY KEY,
    client text NOT NULL,
    audience text NOT NULL,
    scope text NOT NULL,
    issued_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX service_tokens_by_end ON service_tokens (expires_at);
