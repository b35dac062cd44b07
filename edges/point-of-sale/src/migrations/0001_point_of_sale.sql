CREATE TABLE pos_terminals (
    id text PRIMARY KEY,
    merchant text NOT NULL,
    name text NOT NULL,
    public_key text NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint
);

CREATE TABLE pos_taps (
    id uuid PRIMARY KEY,
    digest text NOT NULL,
    body text NOT NULL,
    terminal text,
    merchant text NOT NULL,
    asset_code text NOT NULL,
    asset_scale bigint NOT NULL,
    amount bigint NOT NULL,
    state text NOT NULL,
    incoming_payment_id uuid,
    received_at bigint NOT NULL,
    deadline bigint NOT NULL,
    settled_at bigint,
    result text,
    refund text,
    refunded_at bigint
);

CREATE UNIQUE INDEX pos_taps_incoming_payment ON pos_taps (incoming_payment_id);
CREATE INDEX pos_taps_merchant ON pos_taps (merchant, received_at);
