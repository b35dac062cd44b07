CREATE TABLE wallet_assets (
    code text NOT NULL,
    scale bigint NOT NULL,
    ledger bigint NOT NULL UNIQUE,
    PRIMARY KEY (code, scale)
);

CREATE TABLE wallet_accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    path text NOT NULL UNIQUE,
    asset_code text NOT NULL,
    asset_scale bigint NOT NULL,
    wallet_address_id uuid UNIQUE,
    wallet_address_url text,
    FOREIGN KEY (asset_code, asset_scale) REFERENCES wallet_assets (code, scale)
);

CREATE TABLE wallet_inbox (
    id uuid PRIMARY KEY,
    type text NOT NULL,
    body text NOT NULL,
    received_at bigint NOT NULL,
    state text NOT NULL,
    settled_at bigint,
    error text
);

CREATE INDEX wallet_inbox_dead ON wallet_inbox (received_at) WHERE state = 'dead';

CREATE TABLE wallet_topups (
    resource_id uuid PRIMARY KEY,
    event_id uuid NOT NULL,
    made_at bigint NOT NULL
);
