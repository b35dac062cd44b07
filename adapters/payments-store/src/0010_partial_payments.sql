-- Questions about money that came with data of its sender. Each is removed with the event that asked it.
CREATE TABLE partial_payments (
    id uuid NOT NULL PRIMARY KEY REFERENCES webhook_events (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    incoming_payment_id uuid NOT NULL REFERENCES incoming_payments (id) ON DELETE CASCADE,
    data_fingerprint text NOT NULL,
    connection text NOT NULL,
    asked_at bigint NOT NULL,
    until bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('ASKED', 'ACCEPTED', 'REJECTED', 'UNANSWERED')),
    reason text,
    decided_at bigint,
    CHECK ((decided_at IS NOT NULL) = (state IN ('ACCEPTED', 'REJECTED'))),
    CHECK (reason IS NULL OR state = 'REJECTED')
);
CREATE INDEX partial_payments_payment ON partial_payments (incoming_payment_id, asked_at);
