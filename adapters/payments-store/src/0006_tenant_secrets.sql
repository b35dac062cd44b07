-- Secrets that were replaced and are accepted for a while longer.
CREATE TABLE tenant_old_secrets (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    secret text NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);
