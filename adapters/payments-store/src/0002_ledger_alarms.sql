-- Events about the ledger itself have no subject. SQLite changes no CHECK in place, so both tables are made anew.
CREATE TABLE webhook_events_2 (
    id uuid NOT NULL PRIMARY KEY,
    event_type text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    data text NOT NULL,
    withdrawal_account_id uuid,
    withdrawal_asset_id uuid REFERENCES assets (id),
    withdrawal_amount bigint CHECK (withdrawal_amount > 0),
    incoming_payment_id uuid REFERENCES incoming_payments (id) ON DELETE CASCADE,
    outgoing_payment_id uuid REFERENCES outgoing_payments (id) ON DELETE CASCADE,
    wallet_address_id uuid REFERENCES wallet_addresses (id) ON DELETE CASCADE,
    peer_id uuid REFERENCES peers (id) ON DELETE CASCADE,
    asset_id uuid REFERENCES assets (id) ON DELETE CASCADE,
    created_at bigint NOT NULL,
    CHECK (
        (CASE WHEN incoming_payment_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN outgoing_payment_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN wallet_address_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN peer_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN asset_id IS NULL THEN 0 ELSE 1 END)
        = (CASE WHEN event_type IN ('wallet_address.not_found', 'ledger.alarm') THEN 0 ELSE 1 END)
    ),
    CHECK (
        (withdrawal_account_id IS NULL) = (withdrawal_asset_id IS NULL)
        AND (withdrawal_account_id IS NULL) = (withdrawal_amount IS NULL)
    )
);

CREATE TABLE webhook_deliveries_2 (
    id uuid NOT NULL PRIMARY KEY,
    event_id uuid NOT NULL REFERENCES webhook_events_2 (id) ON DELETE CASCADE,
    recipient text NOT NULL CHECK (recipient IN ('TENANT', 'CARD_SERVICE', 'POINT_OF_SALE_SERVICE')),
    recipient_tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    attempts bigint NOT NULL DEFAULT 0,
    status_code integer,
    state text NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'EXHAUSTED')),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CHECK ((recipient = 'TENANT') = (recipient_tenant_id IS NOT NULL))
);

INSERT INTO webhook_events_2 (
    id, event_type, tenant_id, data, withdrawal_account_id, withdrawal_asset_id, withdrawal_amount,
    incoming_payment_id, outgoing_payment_id, wallet_address_id, peer_id, asset_id, created_at
) SELECT
    id, event_type, tenant_id, data, withdrawal_account_id, withdrawal_asset_id, withdrawal_amount,
    incoming_payment_id, outgoing_payment_id, wallet_address_id, peer_id, asset_id, created_at
FROM webhook_events;
INSERT INTO webhook_deliveries_2 (
    id, event_id, recipient, recipient_tenant_id, attempts, status_code, state, created_at, updated_at
) SELECT
    id, event_id, recipient, recipient_tenant_id, attempts, status_code, state, created_at, updated_at
FROM webhook_deliveries;

DROP TABLE webhook_deliveries;
DROP TABLE webhook_events;
ALTER TABLE webhook_events_2 RENAME TO webhook_events;
ALTER TABLE webhook_deliveries_2 RENAME TO webhook_deliveries;

CREATE INDEX webhook_events_page ON webhook_events (tenant_id, created_at, id);
CREATE INDEX webhook_events_incoming ON webhook_events (incoming_payment_id, created_at) WHERE incoming_payment_id IS NOT NULL;
CREATE INDEX webhook_events_outgoing ON webhook_events (outgoing_payment_id, created_at) WHERE outgoing_payment_id IS NOT NULL;
CREATE INDEX webhook_events_wallet_address ON webhook_events (wallet_address_id, created_at) WHERE wallet_address_id IS NOT NULL;
CREATE INDEX webhook_events_peer ON webhook_events (peer_id, created_at) WHERE peer_id IS NOT NULL;
CREATE INDEX webhook_events_asset ON webhook_events (asset_id, created_at) WHERE asset_id IS NOT NULL;
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_exhausted ON webhook_deliveries (recipient_tenant_id, created_at) WHERE state = 'EXHAUSTED';
