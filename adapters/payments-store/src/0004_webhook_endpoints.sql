-- Several endpoints for each tenant, deliveries in the order of what they are about, and every attempt.
-- The row whose id is its tenant's is the default endpoint: its URL is in the settings.
CREATE TABLE webhook_endpoints (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    url text,
    event_types text NOT NULL,
    secret text,
    previous_secret text,
    previous_until bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    CHECK ((url IS NULL) = (id = tenant_id))
);
CREATE INDEX webhook_endpoints_tenant ON webhook_endpoints (tenant_id, created_at, id);

-- SQLite changes no CHECK in place, so the table is made anew. subject_id and position are null for what was recorded
-- before: those deliveries wait for no other.
CREATE TABLE webhook_deliveries_3 (
    id uuid NOT NULL PRIMARY KEY,
    event_id uuid NOT NULL REFERENCES webhook_events (id) ON DELETE CASCADE,
    recipient text NOT NULL CHECK (recipient IN ('TENANT', 'CARD_SERVICE', 'POINT_OF_SALE_SERVICE')),
    recipient_tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    endpoint_id uuid REFERENCES webhook_endpoints (id),
    subject_id uuid,
    position bigint,
    attempts bigint NOT NULL DEFAULT 0,
    attempts_before bigint,
    status_code integer,
    reason text,
    state text NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'QUARANTINED', 'EXHAUSTED')),
    due_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CHECK ((recipient = 'TENANT') = (recipient_tenant_id IS NOT NULL)),
    CHECK (endpoint_id IS NULL OR recipient = 'TENANT')
);
INSERT INTO webhook_deliveries_3 (
    id, event_id, recipient, recipient_tenant_id, attempts, status_code, state, created_at, updated_at
) SELECT
    id, event_id, recipient, recipient_tenant_id, attempts, status_code, state, created_at, updated_at
FROM webhook_deliveries;
DROP TABLE webhook_deliveries;
ALTER TABLE webhook_deliveries_3 RENAME TO webhook_deliveries;

CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_subject ON webhook_deliveries (subject_id, position) WHERE subject_id IS NOT NULL;
CREATE INDEX webhook_deliveries_page ON webhook_deliveries (recipient_tenant_id, created_at, id);

-- Without a reference to the delivery, which would cost a look at it for each attempt; both are purged together.
CREATE TABLE webhook_attempts (
    delivery_id uuid NOT NULL,
    number bigint NOT NULL,
    began_at bigint NOT NULL,
    duration_ms bigint NOT NULL,
    status_code integer,
    body text,
    error text,
    PRIMARY KEY (delivery_id, number)
);
CREATE INDEX webhook_attempts_began ON webhook_attempts (began_at);
