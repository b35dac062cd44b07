CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    idp_consent_url text,
    idp_secret_hash bytea,
    api_secret text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint
);

CREATE TABLE grants (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    client text NOT NULL,
    access text NOT NULL,
    subject text,
    state text NOT NULL,
    finalization_reason text,
    continue_id uuid NOT NULL UNIQUE,
    continue_hash bytea NOT NULL,
    last_continued_at bigint NOT NULL,
    interaction_id uuid UNIQUE,
    interaction_nonce text,
    interact_ref uuid,
    interaction_expires_at bigint,
    choice text,
    client_name text,
    client_uri text,
    finish_uri text,
    finish_nonce text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE INDEX grants_by_tenant ON grants (tenant_id, created_at, id);
CREATE INDEX grants_by_age ON grants (created_at, id);
-- For forgetting what gave nothing, or gives nothing any more.
CREATE INDEX grants_by_end ON grants (finalization_reason, interaction_expires_at, created_at);

-- Whose resources a grant is about, for listing by owner.
CREATE TABLE grant_identifiers (
    identifier text NOT NULL,
    grant_id uuid NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    PRIMARY KEY (identifier, grant_id)
);
CREATE INDEX grant_identifiers_by_grant ON grant_identifiers (grant_id);

CREATE TABLE access_tokens (
    hash bytea PRIMARY KEY,
    management_id uuid NOT NULL UNIQUE,
    grant_id uuid NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    issued_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint
);
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);
